"""What is looked for in a run that has ended: a function of the user's, or a condition on the logs as a text."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from kibitz.callbacks.condition import Condition
from kibitz.callbacks.forecast import Forecast
from kibitz.errors import WrongType, code, describe

CURE = 'when="loss > 10"'


class When:
    """Whether a model and its logs are what is looked for.

    Args:
        when: A function of the model and the logs, or a text such as "loss > 10", "isfinite(loss) == 0" or
            "batch.loss > 10" (the batch's own value; `loss` is the running mean over the epoch).
        owner: Who asks, for errors.

    Raises:
        WrongType: If it is neither.
        InvalidArgument: If the text cannot be read.

    Attributes: `written`, what is looked for in words; `keys`, the keys of the logs that a text asks for, none for a
        function; `logs_alone`, whether the model is not needed.

    Example:
        >>> from kibitz.replay.when import When
        >>> When("loss > 10")(None, {"loss": 12.0}), When("loss > 10")(None, {})
        (True, False)
        >>> When(lambda model, logs: logs["loss"] > 10)(None, {"loss": 12.0})
        True
    """

    def __init__(self, when: Any, owner: str = "bisect"):
        self._owner = owner
        self._condition = Condition(when, owner) if isinstance(when, str) else None
        self.keys = [] if self._condition is None else list(self._condition.keys)
        self.logs_alone = self._condition is not None
        if self._condition is None and not _takes_two(when):
            raise WrongType(
                f"{owner} is told what it looks for by a text, or by a function of the model and the logs.",
                given=when if not callable(when) else code(_signed(when)),
                wanted='a condition such as "loss > 10", or lambda model, logs: ...',
                cure=CURE,
            )
        self._when: Any = when
        name = getattr(when, "__name__", type(when).__name__)
        self.written = when if self._condition is not None else "the condition" if name == "<lambda>" else name

    def __call__(self, model: Any, logs: Mapping[str, Any]) -> bool:
        """Whether it is so; where a number that a text asks for is not in the logs, it is not.

        Raises:
            WrongType: If the function gives what is not true or false.
        """
        if self._condition is not None:
            return self._condition.holds(logs) is True
        said = self._when(model, logs)
        try:
            return bool(said)
        except ValueError:  # an array of several numbers
            raise WrongType(
                f"{self._owner} asks whether it is so, and {self.written} gave neither yes nor no.",
                given=said,
                wanted="True or False",
                cure="when=lambda model, logs: bool(... .any())",
            ) from None

    def settle(self, keys: Sequence[str]) -> None:
        """Check before anything is run that the numbers of a text are in the logs of batches.

        Args:
            keys: What these logs hold.

        Raises:
            UnknownMonitor: If one is not there.
        """
        if self._condition is not None:
            self._condition.settle(keys, Forecast(), batch=True)


def _takes_two(function: Any) -> bool:
    if not callable(function) or inspect.isclass(function):
        return False
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # written in C, and it does not say
        return True
    return True


def _signed(function: Any) -> str:
    if inspect.isclass(function):
        return describe(function)
    return f"def {getattr(function, '__name__', 'when')}{inspect.signature(function)}"
