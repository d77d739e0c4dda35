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
FUNCTIONS: dict[str, Callable[[float], float]] = {"isfinite": lambda value: float(math.isfinite(value))}
"""What may be asked of a number: 1 if it is so, 0 if it is not."""

BATCH = "batch."
"""How the key of a batch's own value begins, where it is wanted instead of the running mean."""

EXAMPLE = "val_accuracy > 0.99 and loss < 0.1"

Value = Callable[[Mapping[str, float]], Any]


class Condition:
    """Whether the logs are as somebody wishes.

    Written as comparisons of keys and numbers (`<`, `<=`, `>`, `>=`, `==`, `!=`), joined by `and`, `or`, `not` and
    parentheses. `not` binds tightest, then `and`, then `or`. `isfinite(loss)` is 1 or 0, and may stand without a
    comparison. `batch.loss` is the batch's own loss, where a batch has just ended.

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
        >>> Condition("not isfinite(loss) or loss > 10").holds({"loss": float("nan")})
        True
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
        found = {key: _found(key, logs or {}) for key in self.keys}
        if any(value is None for value in found.values()):
            return None
        return bool(self._value({key: self._number(key, value) for key, value in found.items()}))

    def settle(self, keys: Sequence[str], forecast: Forecast, *, batch: bool = False) -> None:
        """Check before the first step that all its numbers will be there.

        Args:
            keys: What the logs will hold.
            forecast: What is known of the run.
            batch: Whether a batch will just have ended, so that its own values are there too.

        Raises:
            UnknownMonitor: If a number will not be there, and no earlier callback could add it.
        """
        there = [*keys, *(f"{BATCH}{key}" for key in keys if batch and not key.startswith("val_"))]
        for key in self.keys if not forecast.open else ():
            if key not in there:
                near = nearest_name(key, there)
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

    # The grammar: either := all (or all)*; all := one (and one)*; one := not one | ( either ) | comparison | call;
    # comparison := operand sign operand; operand := key | number | call; call := function ( key or number ).

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
        called = self._calls()
        left = self._operand()
        sign = self._next(*COMPARISONS)
        if sign is None and called:
            return lambda logs: left(logs) != 0
        if sign is None:
            self._refuse("a comparison is missing: one of " + " ".join(COMPARISONS))
        right, compare = self._operand(), COMPARISONS[sign]
        return lambda logs: _compared(compare, left(logs), right(logs))

    def _calls(self) -> bool:
        """Whether a name with a parenthesis behind it is next."""
        ahead = self._tokens[self._at : self._at + 2]
        return len(ahead) == 2 and ahead[0][0] == "name" and ahead[1][1] == "("

    def _call(self) -> Value:
        name = self._tokens[self._at][1]
        if name not in FUNCTIONS:
            self._refuse(f'there is no function "{name}", only {" and ".join(FUNCTIONS)}')
        self._at += 2
        asked, inner = FUNCTIONS[name], self._operand()
        if not self._next(")"):
            self._refuse("a parenthesis is not closed")
        return lambda logs: asked(inner(logs))

    def _operand(self) -> Value:
        if self._at == len(self._tokens):
            self._refuse("it ends too early")
        kind, word = self._tokens[self._at]
        if kind == "sign" or word in {"and", "or", "not"}:
            self._refuse(f'a key or a number is missing before "{word}"')
        if self._calls():
            return self._call()
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


def _found(key: str, logs: Mapping[str, Any]) -> Any:
    value = logs.get(key)
    if value is None and key.startswith(BATCH):
        return getattr(logs, "batch", {}).get(key.removeprefix(BATCH))
    return value


def _compared(compare: Callable[[Any, Any], bool], left: float, right: float) -> bool:
    return not (math.isnan(left) or math.isnan(right)) and compare(left, right)
