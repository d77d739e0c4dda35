"""A condition on the numbers of the logs, such as `val_accuracy > 0.99`: read by a grammar, never run as Python."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from kibitz.callbacks.forecast import Forecast
from kibitz.errors import InvalidArgument, UnknownMonitor, WrongType, code, nearest_name

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_][\w/.]*)|(?P<sign>[<>=!]=|[<>()]))"
)
EXAMPLE = "val_accuracy > 0.99 and loss < 0.1"

Value = Callable[[Mapping[str, float]], Any]


class Condition:
    """Whether the logs are as somebody wishes.

    Written as comparisons of keys and numbers (`<`, `<=`, `>`, `>=`, `==`, `!=`), joined by `and`, `or`, `not` and
    parentheses. `not` binds tightest, then `and`, then `or`.

    Args:
        written: The condition.
        owner: The callback's name, for errors.

    Raises:
        InvalidArgument: If it cannot be read.

    Attributes: `keys`, the keys of the logs that it asks for.

    Example:
        >>> from kibitz.callbacks.condition import Condition
        >>> good = Condition("val_accuracy > 0.9 and not loss >= 1")
        >>> good.keys, good.holds({"val_accuracy": 0.95, "loss": 0.5}), good.holds({"loss": 0.5})
        (['val_accuracy', 'loss'], True, None)
    """

    def __init__(self, written: str, owner: str = "Condition"):
        self.written, self._owner = written, owner
        self.keys: list[str] = []
        if not isinstance(written, str) or not written.strip():
            self._refuse("it is no text" if not isinstance(written, str) else "nothing is written there")
        self._tokens = self._split(written)
        self._at = 0
        self._value = self._either()
        if self._at < len(self._tokens):
            self._refuse(f'"{self._tokens[self._at][1]}" is one too many')
        if not self.keys:
            self._refuse("it asks for no number of the logs")

    def holds(self, logs: Mapping[str, Any] | None) -> bool | None:
        """Whether it holds; None where a number is not there, so that nothing can be decided.

        A comparison with NaN does not hold.

        Raises:
            WrongType: If a number that it asks for is none.
        """
        logs = logs or {}
        if any(logs.get(key) is None for key in self.keys):
            return None
        return bool(self._value({key: self._number(key, logs[key]) for key in self.keys}))

    def settle(self, keys: Sequence[str], forecast: Forecast) -> None:
        """Check before the first step that all its numbers will be there.

        Args:
            keys: What the logs will hold.
            forecast: What is known of the run.

        Raises:
            UnknownMonitor: If a number will not be there, and no earlier callback could add it.
        """
        for key in self.keys if not forecast.open else ():
            if key not in keys:
                near = nearest_name(key, keys)
                cured = re.sub(rf"(?<![\w/.]){re.escape(key)}(?![\w/.])", near or "loss", self.written)
                raise UnknownMonitor(
                    f'{self._owner} asks for "{key}", which the logs will not hold.',
                    given=code(f'when="{self.written}"'),
                    there_is=keys,
                    nearest=near,
                    cure=f'when="{cured}"',
                )

    def _number(self, key: str, value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError):
            raise WrongType(
                f'{self._owner} compares numbers, and "{key}" is not one.',
                given=value,
                wanted="one number",
                cure=f'when="{EXAMPLE}"',
            ) from None

    # The grammar: either := all (or all)*; all := one (and one)*; one := not one | ( either ) | comparison.

    def _split(self, written: str) -> list[tuple[str, str]]:
        found, at = [], 0
        while written[at:].strip():
            token = _TOKEN.match(written, at)
            if token is None:
                self._refuse(f'"{written[at:].strip()[:12]}" cannot be read')
            kind = token.lastgroup or ""
            found.append((kind, token[kind]))
            at = token.end()
        return found

    def _next(self, *wanted: str) -> str | None:
        """Take the next word if it is one of these."""
        if self._at < len(self._tokens) and self._tokens[self._at][1] in wanted:
            self._at += 1
            return self._tokens[self._at - 1][1]
        return None

    def _either(self) -> Value:
        parts = [self._all()]
        while self._next("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda logs: any(part(logs) for part in parts)

    def _all(self) -> Value:
        parts = [self._one()]
        while self._next("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda logs: all(part(logs) for part in parts)

    def _one(self) -> Value:
        if self._next("not"):
            inner = self._one()
            return lambda logs: not inner(logs)
        if self._next("("):
            inner = self._either()
            if not self._next(")"):
                self._refuse("a parenthesis is not closed")
            return inner
        left = self._operand()
        sign = self._next(*COMPARISONS)
        if sign is None:
            self._refuse("a comparison is missing: one of " + " ".join(COMPARISONS))
        right, compare = self._operand(), COMPARISONS[sign]
        return lambda logs: _compared(compare, left(logs), right(logs))

    def _operand(self) -> Value:
        if self._at == len(self._tokens):
            self._refuse("it ends too early")
        kind, word = self._tokens[self._at]
        if kind == "sign" or word in {"and", "or", "not"}:
            self._refuse(f'a key or a number is missing before "{word}"')
        self._at += 1
        if kind == "number":
            return lambda _: float(word)
        if word not in self.keys:
            self.keys.append(word)
        return lambda logs: logs[word]

    def _refuse(self, why: str) -> NoReturn:
        raise InvalidArgument(
            f"{self._owner} cannot read its condition: {why}.",
            given=self.written,
            wanted="comparisons of keys and numbers, joined by and, or, not",
            cure=f'when="{EXAMPLE}"',
        )


def _compared(compare: Callable[[Any, Any], bool], left: float, right: float) -> bool:
    return not (math.isnan(left) or math.isnan(right)) and compare(left, right)
