"""What a run's journal says, a line each: what a hook wrote, that a commit was made, that an epoch ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kibitz.errors import UnusableFile
from kibitz.hooks import HOOKS
from kibitz.replay.moment import Moment

FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
SPECIAL = ("@arrays", "@stop", "@evaluate", "@logs", "@moved", "@odd")
"""What is written besides single numbers of the state: see `Wrote`."""


@dataclass(frozen=True)
class Wrote:
    """What one callback wrote in one hook.

    Args:
        moment: When.
        by: The callback's name.
        what: Numbers of the state by their names, such as {"optimizer/learning_rate": 0.05}, and under names that
            begin with @: the names of arrays that it wrote, or True for more than is kept (`@arrays`); the requests to
            stop, as the reason, whether to stop, at once, the evaluation (`@stop`); which sets to validate with
            (`@evaluate`); what it added to the logs (`@logs`); the parameters that are moved from now on (`@moved`);
            what cannot be written down (`@odd`).
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


Entry = Wrote | Committed | EpochEnded


def packed(entry: Entry) -> list[Any]:
    """An entry as JSON has it.

    Example:
        >>> from kibitz.replay.entry import EpochEnded, packed
        >>> packed(EpochEnded(0, 469, 1.25))
        ['epoch', 0, 469, 1.25]
    """
    if isinstance(entry, Wrote):
        step, part, test, hook, index = entry.moment
        what = {name: _number(value) for name, value in entry.what.items()}
        return [f"{step}.{part}.{test}", hook.removeprefix("on_"), index, entry.by, what]
    if isinstance(entry, Committed):
        return ["commit", entry.step, entry.epoch, entry.begun, round(entry.seconds, 3), entry.digest]
    return ["epoch", entry.epoch, entry.step, round(entry.seconds, 3)]


def unpacked(value: Any, where: str) -> Entry:
    """The entry that `packed` made a list of.

    Args:
        value: What was read.
        where: Where it stands, for the error.

    Raises:
        UnusableFile: If `packed` makes no such thing.
    """
    if isinstance(value, list) and value:
        kinds = [type(each) for each in value[1:]]
        if value[0] == "commit" and kinds == [int, int, bool, float, str]:
            return Committed(*value[1:])
        if value[0] == "epoch" and kinds == [int, int, float]:
            return EpochEnded(*value[1:])
        if kinds == [str, int, str, dict] and isinstance(value[0], str):
            numbers, hook = value[0].split("."), f"on_{value[1]}"
            what = {name: _unnumbered(each) for name, each in value[4].items()}
            if len(numbers) == 3 and all(each.isdecimal() for each in numbers) and hook in HOOKS and _right(what):
                step, part, test = map(int, numbers)
                return Wrote(Moment(step, part, test, hook, value[2]), value[3], what)
    raise UnusableFile(
        "A line of the journal says what no run writes.",
        given=f"{where}: {value!r:.80}",
        wanted="a line that a durable run wrote",
        cure="take another copy of it; or remove it: the run goes on without it, but cannot be looked back at",
    )


def _right(what: Mapping[str, Any]) -> bool:
    return all(_fits(name, value) for name, value in what.items())


def _fits(name: str, value: Any) -> bool:
    if name in {"@arrays", "@moved", "@evaluate"}:
        texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return texts or (name == "@arrays" and value is True)
    if name == "@stop":
        return isinstance(value, list) and list(map(type, value)) == [str, bool, bool, bool]
    if name == "@logs":
        return isinstance(value, dict) and all(isinstance(each, int | float | str) for each in value.values())
    if name == "@odd":
        return isinstance(value, str)
    return not name.startswith("@") and isinstance(value, bool | int | float)


def _number(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _number(each) for name, each in value.items()}
    return value if not isinstance(value, float) or math.isfinite(value) else {"float": str(float(value))}


def _unnumbered(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"} and value["float"] in FLOATS:
            return FLOATS[value["float"]]
        return {name: _unnumbered(each) for name, each in value.items()}
    return value
