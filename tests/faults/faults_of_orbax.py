"""What may happen to the commits that Orbax writes: damage to any of their files, and ends in the midst of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.errors import UnusableFile
from tests.durable.program import Death, Dies
from tests.faults.faults_of_disks import ends_as_undisturbed, folder, program
from tests.faults.program import newest, strays

DAMAGE = {
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :],
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "gone": lambda data: None,
}


@cache
def _died() -> dict[str, bytes]:
    """The files of a run that died after step 5: of the steps 0, 2 and 4."""
    with folder() as place:
        with pytest.raises(Dies):
            program().start(place, Death(5), store="orbax")
        return {each.relative_to(place).as_posix(): each.read_bytes() for each in place.rglob("*") if each.is_file()}


def _laid_out(place: Path) -> None:
    for name, data in _died().items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)


def damaged(every: int) -> Iterator[str]:
    """Each file of the newest commit is damaged in each way; the commit before it is taken."""
    number = 0
    for name, data in _died().items():
        for how, change in DAMAGE.items():
            number += 1
            if "000000000004" not in name or number % every:
                continue
            with folder() as place:
                _laid_out(place)
                after = change(data)
                (place / name).unlink() if after is None else (place / name).write_bytes(after)
                assert newest(place) == 2, (name, how)
                ends_as_undisturbed(place, store="orbax")
            yield f"{name} is {how}"


def wrong_numbers(every: int) -> Iterator[str]:
    """Numbers are changed where Orbax gives them back without a word, and the digests of the files are right."""
    with folder() as place:
        runs = RunFolder(place, store="orbax")
        runs.write(5, {"kernel": np.random.default_rng(0).normal(size=(200, 50))}, {"step": 5})
        beside = runs.of(5).with_name("step-000000000005.orbax-0")
        data = max((each for each in beside.rglob("*") if each.is_file()), key=lambda each: each.stat().st_size)
        whole, (arrays, document) = data.read_bytes(), read_state(runs.of(5))
        for at in range(4000, len(whole) - 4000, 97 * every):
            changed = whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]
            data.write_bytes(changed)
            told = [len(changed), hashlib.sha256(changed).hexdigest()]
            document["orbax"]["files"][data.relative_to(beside).as_posix()] = told
            write_state(runs.of(5), arrays, document)
            with pytest.raises(UnusableFile, match="kernel is not as it was written"):
                runs.read(5)
            yield f"byte {at}"


def unfinished(every: int) -> Iterator[str]:
    """The process ended after any of the files of a commit had been written: what is there is cleared."""
    names = [name for name in _died() if "000000000004.orbax" in name]
    for count in range(0, len(names) + 1, every):
        for suffix in ("", ".orbax-checkpoint-tmp"):
            with folder() as place:
                _laid_out(place)
                runs = RunFolder(place)
                beside = runs.of(4).with_name("step-000000000004.orbax-0")
                runs.of(4).unlink()
                for name in names[count:]:
                    (place / name).unlink()
                shutil.move(beside, beside.with_name(f"step-000000000003.orbax-0{suffix}"))  # nobody writes there again
                assert len(strays(place)) == 1
                assert newest(place) == 2
                ends_as_undisturbed(place, store="orbax")
            yield f"{count} of {len(names)} files{suffix}"
