"""What a run's journal says, a line each: what a hook wrote, that a commit was made, that an epoch ended, and so on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kibitz.errors import UnusableFile
from kibitz.hooks import HOOKS
from kibitz.replay.logged import KINDS, LOGGED, Packed, Untold
from kibitz.replay.moment import Moment

FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
LONGEST_NUMBER = 32
MOST = 10**15
"""More steps, epochs or seconds than these no run has."""

_MOMENT = re.compile(r"([0-9]{1,15})\.([0-2])/([a-z_]{1,30})(?:/([0-9]{1,9})/([0-9]{1,9}))?")


@dataclass(frozen=True)
class Wrote:
    """What one callback wrote in one hook.

    Args:
        moment: When.
        by: The callback's name.
        what: Numbers of the state by their names, such as {"optimizer/learning_rate": 0.05}, and under names that
            begin with @: the names of arrays that it wrote, or True for more than is kept (`@arrays`); the requests to
            stop, as the reason, whether to stop, at once, the evaluation (`@stop`); which sets to validate with
            (`@evaluate`); what it added to the logs (`@logs`), and took from them (`@taken`), and the same of the
            batch's own (`@own`, `@gone`); what is trainable from now on, as a one or a nought for each part of the
            model (`@moved`); whether averages stand in place of the weights from now on (`@averages`); what cannot be
            written down (`@odd`).
    """

    moment: Moment
    by: str
    what: Mapping[str, Any]

    @property
    def step(self) -> int:
        """How many steps were done."""
        return self.moment.step

    @property
    def hook(self) -> str:
        """The hook in which it was."""
        return self.moment.hook

    @property
    def who(self) -> str:
        """The callback's name as it may be shown."""
        return self.by if self.by.isprintable() and len(self.by) <= 80 else repr(self.by)[:80]


@dataclass(frozen=True)
class Committed:
    """A commit was made.

    Args:
        step: How many steps were done.
        epoch: The epoch that had begun, or the next one.
        begun: Whether it had begun.
        seconds: How long the run had taken, all its processes together.
        digest: A digest of the state.
    """

    step: int
    epoch: int
    begun: bool
    seconds: float
    digest: str


@dataclass(frozen=True)
class EpochEnded:
    """An epoch came to its end.

    Args:
        epoch: Its number, from 0.
        step: How many steps of the run were done.
        seconds: How long the run had taken.
    """

    epoch: int
    step: int
    seconds: float


@dataclass(frozen=True)
class Validated:
    """A validation came that was due by a clock on the wall.

    Args:
        step: How many steps of the run were done.
    """

    step: int


@dataclass(frozen=True)
class Lost:
    """The lines that stood here are damaged or gone: what hooks wrote before this step, nobody knows.

    Args:
        step: The step of the commit from which the run went on.
    """

    step: int


Entry = Wrote | Committed | EpochEnded | Validated | Lost


def packed(entry: Entry) -> list[Any]:
    """An entry as JSON has it.

    Example:
        >>> from kibitz.replay.entry import EpochEnded, packed
        >>> packed(EpochEnded(0, 469, 1.25))
        ['epoch', 0, 469, 1.25]
    """
    if isinstance(entry, Wrote):
        step, part, test, hook, index = entry.moment
        evaluation = f"/{test}/{index}" if test or index else ""
        what = {_short(name): _number(value) for name, value in entry.what.items()}
        return [f"{step}.{part}/{hook.removeprefix('on_')}{evaluation}", entry.by, what]
    if isinstance(entry, Committed):
        return ["commit", entry.step, entry.epoch, entry.begun, round(entry.seconds, 3), entry.digest]
    if isinstance(entry, EpochEnded):
        return ["epoch", entry.epoch, entry.step, round(entry.seconds, 3)]
    return ["validated" if isinstance(entry, Validated) else "lost", entry.step]


def unpacked(value: Any, where: str) -> Entry:
    """The entry that `packed` made a list of.

    Args:
        value: What was read.
        where: Where it stands, for the error.

    Raises:
        UnusableFile: If `packed` makes no such thing.
    """
    entry = _entry(value) if isinstance(value, list) and value and isinstance(value[0], str) else None
    if entry is not None:
        return entry
    raise UnusableFile(
        "A line of the journal says what no run writes.",
        given=f"{where}: {value!a:.80}",
        wanted="a line that a durable run wrote",
        cure="take another copy of it; or remove it: the run goes on without it, but cannot be looked back at",
    )


def _entry(value: list[Any]) -> Entry | None:
    first, *rest = value
    kinds = [type(each) for each in rest]
    if not all(0 <= each < MOST for each in rest if isinstance(each, int | float)):
        return None
    if first == "commit" and kinds == [int, int, bool, float, str]:
        return Committed(*rest)
    if first == "epoch" and kinds == [int, int, float]:
        return EpochEnded(*rest)
    if first in {"validated", "lost"} and kinds == [int]:
        return Validated(*rest) if first == "validated" else Lost(*rest)
    return _wrote(first, *rest) if kinds == [str, dict] else None


def _wrote(written: str, by: str, what: dict[str, Any]) -> Wrote | None:
    found = _MOMENT.fullmatch(written)
    hook = f"on_{found[3]}" if found else ""
    full = {_long(name): _unnumbered(each, within=name in {"@logs", "@own"}) for name, each in what.items()}
    if found is None or hook not in HOOKS or len(full) < len(what) or not _right(full):
        return None
    moment = Moment(int(found[1]), int(found[2]), int(found[4] or 0), hook, int(found[5] or 0))
    return Wrote(moment, by, full)


def _short(name: str) -> str:
    """What the optimizer has is written most often: it is written without saying so."""
    rest = name.removeprefix("optimizer/")
    return name if "/" in rest else rest


def _long(name: str) -> str:
    return name if "/" in name or name.startswith("@") else f"optimizer/{name}"


def _right(what: Mapping[str, Any]) -> bool:
    return all(_fits(name, value) for name, value in what.items())


def _fits(name: str, value: Any) -> bool:
    if name in {"@arrays", "@evaluate", "@taken", "@gone"}:
        texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return texts or (name == "@arrays" and value is True)
    if name == "@stop":
        return isinstance(value, list) and list(map(type, value)) == [str, bool, bool, bool]
    if name in {"@logs", "@own"}:
        return isinstance(value, dict) and all(isinstance(each, LOGGED) for each in value.values())
    if name == "@moved":
        return isinstance(value, str) and set(value) <= {"0", "1"}
    if name == "@averages":
        return isinstance(value, bool)
    if name == "@odd":
        return isinstance(value, str)
    return not name.startswith("@") and isinstance(value, bool | int | float)


def _number(value: Any) -> Any:
    """A number as JSON has it: one of NumPy's with its kind, one that is not finite as a text; and what logs hold."""
    if isinstance(value, dict):
        return {name: _number(each) for name, each in value.items()}
    if isinstance(value, np.generic):
        return {value.dtype.name: str(value.item())}
    if isinstance(value, Packed):
        return {"packed": value.told}
    if isinstance(value, Untold):
        return {"untold": value.why}
    return value if not isinstance(value, float) or math.isfinite(value) else {"float": str(value)}


def _unnumbered(value: Any, *, within: bool) -> Any:
    """What `_number` was given, of a number or of a dict of these; what it gives of nothing is left as it is."""
    if within and isinstance(value, dict):
        return {name: _unnumbered(each, within=False) for name, each in value.items()}
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, text),) = value.items()
    if kind == "packed":
        return Packed(text)
    if kind == "untold" and isinstance(text, str):
        return Untold(text)
    if not isinstance(text, str) or len(text) > LONGEST_NUMBER:
        return value
    if kind == "float":
        return FLOATS.get(text, value)
    try:
        return KINDS[kind](text == "True" if kind == "bool" else float(text) if "float" in kind else int(text))
    except (KeyError, ValueError, OverflowError):
        return value
