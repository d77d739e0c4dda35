"""Machines that are set up otherwise: what they let a process have, what they speak, and what they have kept for it."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.faults_of_processes import lives, somewhere, undisturbed
from tests.faults.process import Process
from tests.faults.program import newest

SILENT = {"silent": True, "verbose": 1}


def limited(which: int, most: int) -> Callable[[], None]:
    """What sets a limit in a process that is about to begin."""
    return lambda: resource.setrlimit(which, (most, most))


SETTINGS: dict[str, dict[str, Any]] = {
    "every warning of ours is an error": {"flags": ["-W", "error:::kibitz"]},
    "garbage is not collected": {"options": {"gc": False}},
    "asserts are left out": {"flags": ["-O"]},
    "hashes begin elsewhere": {"env": {"PYTHONHASHSEED": "7"}},
    "C's own language, and no UTF-8": {"env": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
                                               "PYTHONIOENCODING": "ascii"}, "options": SILENT},
    "new files are for everybody": {"preexec_fn": lambda: os.umask(0) and None},
    "new files are for their owner": {"preexec_fn": lambda: os.umask(0o77) and None},
    "64 files may be open": {"preexec_fn": limited(resource.RLIMIT_NOFILE, 64)},
    "standard output is full": {"stdout": Path("/dev/full"), "options": SILENT},
    "standard output is closed": {"stdout": None, "options": SILENT},
}  # fmt: skip


def set_up_otherwise(every: int) -> Iterator[str]:
    """It ends with the same bits; files have the rights that new files have."""
    for name, setting in list(SETTINGS.items())[::every]:
        with somewhere() as place:
            given, whole = dict(setting), undisturbed(setting.get("options"))[0]
            if isinstance(given.get("stdout"), Path):
                given["stdout"] = given["stdout"].open("wb")
            elif "stdout" in given:
                reader, given["stdout"] = os.pipe()
                os.close(reader)
            process = Process(place, **given)
            # What standard output has not taken Python offers once more at its end: it then exits with 120.
            assert process.end() in ((0, 120) if "stdout" in given else (0,)), (name, process.told)
            assert process.result == whole, name
            assert process.told.count("takes nothing any more") == ("stdout" in given), (name, process.told)
            if "preexec_fn" in given and "files are" in name:
                wanted = 0o666 if "everybody" in name else 0o600
                modes = {stat.S_IMODE(each.stat().st_mode) for each in (place / "run").rglob("*") if each.is_file()}
                assert modes == {wanted}, (name, modes)
        yield name


def too_little_memory(every: int) -> Iterator[str]:
    """A process that may have only so much memory dies as it may; with more of it the run goes on."""
    for megabytes in (900, 1400, 2200)[::every]:
        with somewhere() as place:
            process = Process(place)
            process.until("step 7")
            process.process.kill()
            process.end()
            before = newest(place / "run")
            starved = Process(place, preexec_fn=limited(resource.RLIMIT_AS, megabytes * 2**20))
            code = starved.end()
            assert newest(place / "run") >= before
            lives(place, f"{megabytes} MB")
        yield f"{megabytes} MB: {code}"


def cache_of_programs(every: int) -> Iterator[str]:
    """What JAX has kept of compiled programs is cut short, or gone, or no place to write to: they are compiled anew."""

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    ways = {"cut short": cut, "empty": lambda path: path.write_bytes(b""), "gone": Path.unlink}
    for name, harm in list(ways.items())[::every]:
        with somewhere() as place, somewhere() as cache:
            env = {"JAX_COMPILATION_CACHE_DIR": str(cache / "cache")}
            process = Process(place, env=env)
            process.until("step 7")
            process.process.kill()
            process.end()
            kept = [each for each in (cache / "cache").rglob("*") if each.is_file()]
            assert kept
            for each in kept:
                harm(each)
            again = Process(place, env=env)
            assert again.end() == 0, again.told
            assert again.result == undisturbed()[0]
        yield f"what is kept of compiled programs is {name}"
    with somewhere() as place, somewhere() as cache:
        (cache / "file").write_bytes(b"")
        process = Process(place, env={"JAX_COMPILATION_CACHE_DIR": str(cache / "file" / "cache")})
        assert process.end() == 0, process.told
        assert process.result == undisturbed()[0]
    yield "there is no place to keep compiled programs"


def carried_off(every: int) -> Iterator[str]:
    """The folder is copied without times and rights, packed and unpacked, or moved: it is the same run."""
    ways: dict[str, Callable[[Path, Path], Any]] = {
        "copied": lambda one, other: shutil.copytree(one, other, copy_function=shutil.copyfile),
        "packed": lambda one, other: (other.mkdir(), subprocess.run(
            f"tar -cC {one} . | tar -xmC {other}", shell=True, check=True)),
        "moved": lambda one, other: one.rename(other),
    }  # fmt: skip
    for name, carry in list(ways.items())[::every]:
        with somewhere() as place, somewhere() as other:
            process = Process(place)
            process.until("step 7")
            process.process.kill()
            process.end()
            shutil.copyfile(place / "log.csv", other / "log.csv")
            carry(place / "run", other / "run")
            lives(other, name)
        yield f"the folder is {name}"
