"""What has been measured so far: in the run that goes on, and after it where the run left it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from kibitz.engine.lookahead import Lookahead
from kibitz.engine.timeline import Timeline

if TYPE_CHECKING:
    from kibitz.models.objective import Objective


class Home(NamedTuple):
    """Where accumulators are: a function that reads them, and one that writes them."""

    read: Callable[[], list[Any]]
    write: Callable[[list[Any]], None]


def in_training(timeline: Timeline) -> Home:
    """The accumulators of a fit are a part of the model's state."""

    def write(accumulators: list[Any]) -> None:
        timeline.base = timeline.here.with_(metrics=accumulators)

    return Home(lambda: timeline.metrics, write)


def in_testing(road: Lookahead, tell: Callable[[list[Any]], None] | None = None) -> Home:
    """The accumulators of an evaluation are what it carries along.

    Args:
        road: What carries them.
        tell: Told of others before they are put in their place. None: nobody is.
    """

    def read() -> list[Any]:
        road.touched(wrote=False)
        return road.base

    def write(accumulators: list[Any]) -> None:
        if tell is not None:
            tell(accumulators)
        road.touched(wrote=True)
        road.replace(accumulators)

    return Home(read, write)


class Accumulated:
    """Lets metric objects, `get_metrics_result` and `reset_metrics` reach the accumulators, wherever they are.

    Args:
        objective: Whose accumulators they are.
    """

    def __init__(self, objective: Objective):
        self._objective = objective
        self._home: Home | None = None
        self._left: list[Any] | None = None

    @contextmanager
    def during(self, home: Home) -> Iterator[None]:
        """While a run goes on they are at its home; afterwards a run around it is asked again, or what it left."""
        outer = self._home
        self.move(home)
        try:
            yield
        finally:
            if outer is None:
                accumulators, self._home = self.now(), None
                self.leave(accumulators)
            else:
                self.move(outer)

    def move(self, home: Home) -> None:
        """From now on they are somewhere else: validation within a fit has its own."""
        self._home = home
        for index, measure in enumerate(self._objective.measures):
            at = index - len(self._objective.measures)
            for place, variable in enumerate(measure.metric.variables):
                variable.bind(*_variable_at(home, at, place))

    def leave(self, accumulators: list[Any]) -> None:
        """Keep what something that is over has measured; a run that goes on around it goes on with its own."""
        if self._home is None:
            self._left = accumulators
            self._objective.show(accumulators)

    def let_go(self) -> None:
        """Keep what was measured up to here: another objective is compiled before the run is over."""
        if self._home is not None:
            accumulators, self._home = self.now(), None
            self.leave(accumulators)

    def now(self) -> list[Any]:
        """The accumulators as they are."""
        if self._home is not None:
            return self._home.read()
        fresh = self._objective.accumulators()
        means = (self._left or fresh)[: len(fresh) - len(self._objective.measures)]
        return [*means, *([each.value for each in of.metric.variables] for of in self._objective.measures)]

    def put(self, accumulators: list[Any]) -> None:
        """Put others in their place."""
        if self._home is not None:
            self._home.write(accumulators)
        else:
            self.leave(accumulators)


def _variable_at(home: Home, index: int, place: int) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    def write(value: Any) -> None:
        accumulators = [list(each) for each in home.read()]
        accumulators[index][place] = value
        home.write(accumulators)

    return (lambda: home.read()[index][place]), write
