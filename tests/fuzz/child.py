"""One reader is given mutated files until time is up: `python -m tests.fuzz.child READER WAY SECONDS SEED FOLDER`.

A process of its own, with a bound on its memory: whatever a file does to it, the file lies in the folder afterwards.
"""

from __future__ import annotations

import faulthandler
import random
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

MB = 2**20
ROOM = 1024 * MB
"""What a reader may allocate beyond what the process has already."""
LONGEST = 20
"""Seconds that a file may take."""


def bound() -> None:
    """Let this process have no more memory than it has and a bit."""
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, resource.RLIM_INFINITY))


class Trial:
    """Gives one file after another to a reader, and says of each thing that goes wrong once what it was."""

    def __init__(self, reader: Any, folder: Path):
        self._reader, self._folder, self.count, self._told = reader, folder, 0, set[str]()
        self._path = folder / reader.name
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for data in reader.seeds():  # they are read, or all this shows nothing
            self(data)

    def __call__(self, data: bytes) -> None:
        self._path.write_bytes(data)
        faulthandler.dump_traceback_later(LONGEST, exit=True, file=sys.__stderr__)
        try:
            self._reader.read(self._path)
        except Exception as error:
            self._tell(error, data)
        finally:
            faulthandler.cancel_dump_traceback_later()
        self.count += 1

    def _tell(self, error: Exception, data: bytes) -> None:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/kibitz/" in frame.filename]
        where = f"{frames[-1].filename.partition('/kibitz/')[2]}:{frames[-1].lineno}" if frames else "no file of Kibitz"
        key = f"{type(error).__name__} in {where}"
        if key not in self._told:
            self._told.add(key)
            (self._folder / f"wrong-{len(self._told)}").write_bytes(data)
            print(f"WRONG {key}: {' '.join(str(error).split())[:120]}", flush=True)


def own_mutator(reader: Any, seconds: float, seed: int, folder: Path) -> None:
    """Files from our own mutator."""
    trial, seeds, drawn = Trial(reader, folder), reader.seeds(), random.Random(seed)
    bound()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        trial(reader.mutated(drawn, seeds))
        if trial.count % 100 == 0:
            print(trial.count, "files", flush=True)
    print(trial.count, "files", flush=True)


def atheris(reader: Any, seconds: float, seed: int, folder: Path) -> None:
    """Files from libFuzzer, which looks at the lines that each of them reaches. It ends the process."""
    import atheris

    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(reader.seeds()):
        (corpus / str(number)).write_bytes(data)
    told = [sys.argv[0], f"-max_total_time={max(1, int(seconds))}", f"-seed={seed + 1}", "-max_len=65536",
            f"-rss_limit_mb={4096}", f"-artifact_prefix={folder}/", "-print_final_stats=1", str(corpus)]  # fmt: skip
    atheris.Setup(told, Trial(reader, folder))
    atheris.Fuzz()


def main(name: str, way: str, seconds: float, seed: int, folder: Path) -> None:
    warnings.simplefilter("ignore")
    faulthandler.enable()
    if way == "atheris":
        import atheris as tool

        with tool.instrument_imports(include=["kibitz", "zipfile", "json", "csv"]):
            from tests.fuzz.readers import READERS
        atheris(READERS[name], seconds, seed, folder)
    from tests.fuzz.readers import READERS

    own_mutator(READERS[name], seconds, seed, folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
