"""A run whose commits lie in parts, as one file: the record of each, and the folder that Orbax wrote beside it."""

from __future__ import annotations

import io
import random
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import kibitz as keras
from kibitz.checkpoint.folders import file_digest, plain_files
from kibitz.checkpoint.state_file import read_state, write_state
from tests.fuzz.mutated import bytes_mutated, tree_mutated

FOREIGN = ["_METADATA", ".zarray", "d/x", "a/b/c", "manifest.ocdbt.__lock", "commit_success.txt", "ocdbt.process_1/d/0"]
MOST = 2**20
"""Bytes of a file that is laid out."""


def packed(folder: Path) -> bytes:
    """A folder in one file. Nothing in it is compressed, and no digest is of it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in plain_files(folder):
            told = tarfile.TarInfo(name)
            data = (folder / name).read_bytes()
            told.size = len(data)
            archive.addfile(told, io.BytesIO(data))
    return made.getvalue()


def laid_out(data: bytes, folder: Path) -> None:
    """What a file says that a folder has, as far as it can be made out, and nothing beyond it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", ignore_zeros=True) as archive:
            for told in archive:
                path = PurePosixPath(told.name)
                if told.isreg() and told.size < MOST and not path.is_absolute() and ".." not in path.parts:
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    (folder / path).write_bytes(archive.extractfile(told).read())  # pyright: ignore[reportOptionalMemberAccess] - it is a file
    except (tarfile.TarError, OSError, ValueError, OverflowError):
        return


def changed(change: Callable[[random.Random, Path], None]) -> Callable[[random.Random, list[bytes]], bytes]:
    """What may be wrong with the file: a change of the folder that it holds."""

    def way(drawn: random.Random, seeds: list[bytes]) -> bytes:
        with tempfile.TemporaryDirectory() as name:
            laid_out(drawn.choice(seeds), Path(name, "run"))
            change(drawn, Path(name, "run"))
            return packed(Path(name, "run"))

    return way


def damage(drawn: random.Random, folder: Path) -> None:
    """Up to three files with other bytes, put in one another's place, gone, or too many."""
    for _ in range(drawn.randrange(1, 4)):
        files = [folder / name for name in plain_files(folder)]
        one, other = drawn.choice(files), drawn.choice(files)
        match drawn.randrange(6):
            case 0 | 1 | 2:
                one.write_bytes(bytes_mutated(drawn, [one.read_bytes()]))
            case 3:
                mine, its = one.read_bytes(), other.read_bytes()
                one.write_bytes(its)
                other.write_bytes(mine)
            case 4 if len(files) > 1:
                one.unlink()
            case _:
                place = drawn.choice([each for each in folder.rglob("*") if each.is_dir()]) / drawn.choice(FOREIGN)
                if not place.exists() and not any(each.is_file() for each in place.parents):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(one.read_bytes())


def reseal(drawn: random.Random, folder: Path) -> None:
    """The same of what Orbax wrote, and the record is told of it: its table is right, and all of it goes to Orbax."""
    record = drawn.choice(sorted((folder / "commits").glob("*.safetensors")))
    arrays, document = read_state(record)
    beside = record.with_name(f"{record.stem}.orbax-{document['orbax']['place']}")
    damage(drawn, beside)
    sizes = plain_files(beside)
    document["orbax"]["files"] = {name: [size, file_digest(beside / name)] for name, size in sizes.items()}
    write_state(record, arrays, document)


def retell(drawn: random.Random, folder: Path) -> None:
    """A record with another table of what Orbax wrote, or without one, and a digest that is right."""
    record = drawn.choice(sorted((folder / "commits").glob("*.safetensors")))
    arrays, document = read_state(record)
    table = tree_mutated(drawn, document.pop("orbax"))
    if drawn.randrange(10):
        document["orbax"] = table
    try:
        write_state(record, arrays, document)
    except keras.errors.KibitzError:  # it cannot be written: half a character, for one
        return
