"""The steps of a run, laid along a line of so many characters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kibitz.runs.sparkline import middle

Reach = tuple[int, int, float]
"""A number, and the steps that it stands for: the first, and the one behind the last."""


class Axis:
    """Where each step stands.

    Args:
        steps: How many steps the run did.
        width: How many characters they take.

    Example:
        >>> from kibitz.runs.axis import Axis
        >>> axis = Axis(400, 40)
        >>> print(axis.marks({"|": [0, 100, 200, 300, 400]}))
        |         |         |         |        |
        >>> print(axis.scale(0, 401, lambda step: step))
        |0        |100      |200      |300
    """

    def __init__(self, steps: int, width: int):
        self.steps, self.width = max(steps, 1), width

    def column(self, step: int) -> int:
        """The character of a step; one beyond the run has the last."""
        return min(max(step, 0) * self.width // self.steps, self.width - 1)

    def marks(self, places: Mapping[str, Iterable[int]]) -> str:
        """A sign at each of some steps.

        Args:
            places: The steps of each sign. Where two fall into one character, the sign that is named last is seen.
        """
        line = [" "] * self.width
        for sign, steps in places.items():
            for step in steps:
                line[self.column(step)] = sign
        return "".join(line)

    def scale(self, first: int, behind: int, place: Callable[[int], int | None]) -> str:
        """Numbers at round distances, each with a stroke where it stands.

        Args:
            first: The first number.
            behind: The one behind the last.
            place: The step at which a number stands; None if it stands nowhere.
        """
        label = len(f"|{behind:,}") + 2
        apart = _round(-(-(behind - first) * label // self.width))
        line = [" "] * self.width
        for number in range(-(-first // apart) * apart, behind, apart):
            step, text = place(number), f"|{number:,}"
            at = 0 if step is None else self.column(step)
            if step is not None and at + len(text) <= self.width and (not at or line[at - 1] == " "):
                line[at : at + len(text)] = text
        return "".join(line)

    def heights(self, reaches: Iterable[Reach]) -> list[float | None]:
        """A number for each character: the middle one of those that end there, else the one that goes on through it.

        Args:
            reaches: The numbers, each with its steps.
        """
        ended: dict[int, list[float]] = {}
        through: dict[int, float] = {}
        for first, behind, value in reaches:
            last = min(max(behind * self.width - 1, 0) // self.steps, self.width - 1)
            ended.setdefault(last, []).append(value)
            through.update(dict.fromkeys(range(self.column(first), last), value))
        return [middle(ended[at]) if at in ended else through.get(at) for at in range(self.width)]


def _round(distance: int) -> int:
    """The next number that is 1, 2 or 5 with zeros behind it."""
    power = 10 ** (len(str(max(distance, 1))) - 1)
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= distance)
