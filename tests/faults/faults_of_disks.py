"""Disks that refuse, lose power, and give back other bytes than they were given."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from kibitz.checkpoint.run_folder import RunFolder
from kibitz.errors import KibitzError
from tests.durable.program import Death, Dies
from tests.faults.crash import crashes, lay_out
from tests.faults.disk import ERRORS, Disk
from tests.faults.program import Program, newest, strays


@cache
def program() -> Program:
    return Program()


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        yield Path(place).resolve() / "run"


def ends_as_undisturbed(place: Path, **fit) -> None:
    """Started once more, on a disk that is well, it ends with the same bits and leaves nothing unfinished."""
    assert program().start(place, **fit) == program().whole
    assert strays(place) == []


def refused(every: int, errors: tuple[str, ...] = tuple(ERRORS), **fit) -> Iterator[str]:
    """Operation n is refused, once or for good, for n = 1, 2, 3 ... until a run passes without reaching it."""
    at = 1
    while True:
        for turn, for_good in enumerate((False, True)):
            error = errors[(at // every + turn) % len(errors)]
            with folder() as place:
                with pytest.MonkeyPatch.context() as patch:
                    disk = Disk(patch, place, at, ERRORS[error], for_good=for_good)
                    try:
                        ended = program().start(place, **fit)
                    except KibitzError as told:
                        assert "cure" in str(told), told  # noqa: PT017 - the run may as well have gone on
                        ended = program().whole
                if not disk.reached:
                    assert at > 50, "the disk was hardly asked"
                    return
                assert ended == program().whole
                # What was committed before is there: whole, newest, and readable.
                if disk.committed >= 0:
                    assert newest(place) >= disk.committed, (at, error)
                ends_as_undisturbed(place, **fit)
            yield f"{error} at {at}{' and ever after' if for_good else ''}"
        at += every


def refused_at_the_beginning_anew(every: int) -> Iterator[str]:
    """The same while resume="weights" puts an older run away: its weights are not lost on the way."""
    with folder() as source:
        with pytest.raises(Dies):
            program().start(source, Death(5))
        with folder() as whole:
            shutil.copytree(source, whole)
            expected = program().start(whole, resume="weights")
        at = 1
        while True:
            with folder() as place:
                shutil.copytree(source, place)
                with pytest.MonkeyPatch.context() as patch:
                    disk = Disk(patch, place, at, ERRORS["EIO"], for_good=True)
                    try:
                        program().start(place, resume="weights")
                    except KibitzError as told:
                        assert "cure" in str(told), told  # noqa: PT017 - the run may as well have gone on
                if not disk.reached:
                    return
                if newest(place) < 0 or disk.committed < 0:  # it has not begun: beginning anew begins with the weights
                    assert program().start(place, resume="weights") == expected, at
                else:
                    assert program().start(place) == expected, at
            yield f"EIO at {at} and ever after"
            at += every


def power_cuts(every: int) -> Iterator[str]:
    """Every state that a power cut may leave of a run is gone on from, and no commit is lost that had been made."""
    with folder() as root:
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, root.parent)
            program().start(root)
        found = list(crashes(disk.trace))
        for number, (committed, state) in enumerate(found):
            if number % every:
                continue
            with folder() as place:
                lay_out(state, root.parent, place.parent)
                assert newest(place) >= committed, f"state {number}: the commit of step {committed} is gone"
                ends_as_undisturbed(place)
            yield f"state {number} of {len(found)}, after step {committed}"


@cache
def _died() -> tuple[bytes, ...]:
    """The commits of a run that died after step 5: of the steps 0, 2 and 4."""
    with folder() as place:
        with pytest.raises(Dies):
            program().start(place, Death(5))
        return tuple(RunFolder(place).of(step).read_bytes() for step in (0, 2, 4))


def _gone_on_with(zero: bytes | None, two: bytes | None, four: bytes | None, wanted: int) -> None:
    with folder() as place:
        runs = RunFolder(place)
        (place / "commits").mkdir(parents=True)
        for step, data in ((0, zero), (2, two), (4, four)):
            if data is not None:
                runs.of(step).write_bytes(data)
        assert newest(place) == wanted
        ends_as_undisturbed(place)


def cut_short(every: int) -> Iterator[str]:
    """The newest commit ends too early: after each 64 bytes; the one before it is taken."""
    zero, two, four = _died()
    for length in range(0, len(four), 64 * every):
        _gone_on_with(zero, two, four[:length], 2)
        yield f"after {length} bytes"


def bits_flipped(count: int) -> Iterator[str]:
    """A bit is flipped: in the length, the header, the document, the digest, the arrays; the one before is taken."""
    zero, two, four = _died()
    drawn = random.Random(0)
    length = int.from_bytes(four[:8], "little")
    regions = {
        "length": (0, 8), "header": (8, 300), "document": (300, 8 + length // 2), "digest": (8 + length // 2, length),
        "arrays": (8 + length, len(four)),
    }  # fmt: skip
    for number in range(count):
        name, (first, last) = list(regions.items())[number % len(regions)]
        place = drawn.randrange(first, last)
        flipped = bytearray(four)
        flipped[place] ^= 1 << drawn.randrange(8)
        if four[place : place + 1] != b" ":  # blanks between two words of JSON are nobody's
            _gone_on_with(zero, two, bytes(flipped), 2)
            yield f"in the {name}, byte {place}"


def empty_missing_and_swapped(every: int) -> Iterator[str]:
    """A commit is empty, gone, zeros, or another step's; two are; and where none is left, it is said and not begun."""
    zero, two, four = _died()
    for name, (commits, wanted) in {
        "the newest is empty": ((zero, two, b""), 2),
        "the newest is gone": ((zero, two, None), 2),
        "the newest is zeros": ((zero, two, bytes(len(four))), 2),
        "the newest is the one before it": ((zero, two, two), 2),
        "two are empty": ((zero, b"", b""), 0),
        "the first is empty": ((b"", two, four), 4),
    }.items():
        _gone_on_with(*commits, wanted)
        yield name
    with folder() as place:
        runs = RunFolder(place)
        (place / "commits").mkdir(parents=True)
        for step in (0, 2, 4):
            runs.of(step).write_bytes(b"")
        with pytest.raises(KibitzError, match="damaged"):
            program().start(place)
        assert runs.steps() == [0, 2, 4]
    yield "all are empty: refused, and nothing is removed"
    with folder() as place:
        (place / "commits").mkdir(parents=True)
        RunFolder(place).of(4).write_bytes(two)
        with pytest.raises(KibitzError, match="not of the step that its name says"):
            RunFolder(place).read(4)
    yield "one under the name of another: said"


def of_another_run(every: int) -> Iterator[str]:
    """A commit of a run with another seed, or of another model, lies in its place: refused, nothing is trained."""
    import kibitz as keras
    from tests.durable import program as other

    for name, given in {"another seed": {"seed": 7}, "another model": {"kind": "noisy"}}.items():
        with folder() as place:
            with pytest.raises(Dies):
                other.program(
                    place, death=Death(5), commit="2 steps", data=lambda: (other.X[:24], other.Y[:24]), **given
                )
            with pytest.raises(keras.errors.InvalidArgument, match="begun with something else"):
                program().start(place)
        yield name
