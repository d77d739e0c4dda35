"""The learning rate as it stands in an optimizer's state: a float32 number, or a schedule."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import InvalidArgument, ShapeMismatch, WrongType, code
from kibitz.optimizers.arguments import rate as checked_rate

HUGE = 1e4


@jax.tree_util.register_static
@dataclass(frozen=True, eq=False)
class Scheduled:
    """A schedule in the place of a number: a part of the state's structure, with no array in it.

    Because JAX compares structures, a compiled step is compiled anew when another schedule takes this one's place.

    Args:
        schedule: Gives the learning rate of a step, or takes no argument and gives it for all steps.

    Example:
        >>> import jax
        >>> from kibitz.optimizers.rate import Scheduled
        >>> jax.tree.leaves({"learning_rate": Scheduled(lambda step: 0.1)})
        []
    """

    schedule: Callable[..., Any]

    def at(self, step: Any) -> Any:
        """What the schedule gives for a step."""
        return self.schedule() if _fits(self.schedule) else self.schedule(step)


def as_rate(value: Any) -> np.ndarray | Scheduled:
    """Make what may be given as a learning rate into what stands in the state.

    Args:
        value: A number of 0 or more, a schedule, or a function of the step (Optax's schedules are such functions). A
            function that can be called without an argument is, as in Keras: once, when the step is compiled.

    Raises:
        InvalidArgument: If it is negative, NaN, or not finite as a float32.
        WrongType: If it is neither a number nor a schedule, is a schedule's class, or a function of more than a step.

    Example:
        >>> from kibitz.optimizers.rate import as_rate
        >>> as_rate(0.25), as_rate(1)
        (array(0.25, dtype=float32), array(1., dtype=float32))
        >>> as_rate("fast")
        Traceback (most recent call last):
        kibitz.errors.WrongType: `learning_rate` is not a number.
          given    'fast'
          wanted   a number of 0 or more, a schedule, or a function of the step
          cure     learning_rate=0.001
    """
    wanted, cure = "a number of 0 or more, a schedule, or a function of the step", "learning_rate=0.001"
    if inspect.isclass(value):
        raise WrongType("This is a schedule's class.", given=value, wanted="one of them", cure=f"{value.__name__}(...)")
    if callable(value):
        _check_function(value)
        return Scheduled(value)
    try:
        number = np.asarray(checked_rate("learning_rate", value), np.float64)
    except (WrongType, InvalidArgument) as error:
        raise type(error)(error.what, given=error.given, wanted=wanted, cure=cure) from None
    if number > np.finfo(np.float32).max:
        raise InvalidArgument("`learning_rate` is too large for a float32.", given=value, wanted=wanted, cure=cure)
    if number > HUGE:
        warnings.warn(f"learning_rate={value} is huge: the weights will not stay finite for long.", stacklevel=2)
    return number.astype(np.float32)


def rate_at(entry: Any, iterations: Any) -> jax.Array:
    """Compute the learning rate that a state's entry means at a step. It can be traced.

    Args:
        entry: A number or a `Scheduled`.
        iterations: Steps done so far.

    Raises:
        WrongType: If the schedule gives no number.
        ShapeMismatch: If it gives several.

    Example:
        >>> from kibitz.optimizers.rate import Scheduled, rate_at
        >>> float(rate_at(Scheduled(lambda step: 1.0 / (step + 1)), 3))
        0.25
    """
    if not isinstance(entry, Scheduled):
        return jnp.asarray(entry, jnp.float32)
    value = entry.at(iterations)
    wanted, cure = "one number", "def schedule(step): return 0.1 / (step + 1)"
    if value is None or isinstance(value, (str, bool, bytes)):
        raise WrongType("The learning rate's schedule gave no number.", given=value, wanted=wanted, cure=cure)
    value = jnp.asarray(value).astype(jnp.float32)
    if value.shape != ():
        raise ShapeMismatch("The learning rate's schedule gave an array.", given=value, wanted=wanted, cure=cure)
    return value


def _fits(function: Callable[..., Any], *given: Any) -> bool:
    """Whether a function can be called with these; a function in C that does not show its arguments takes one."""
    try:
        inspect.signature(function).bind(*given)
    except TypeError:
        return False
    except ValueError:
        return len(given) == 1
    return True


def _check_function(function: Callable[..., Any]) -> None:
    if _fits(function) or _fits(function, 0):
        return
    name = getattr(function, "__name__", type(function).__name__)
    raise WrongType(
        "A learning rate that is a function is computed within the compiled step, from the step alone.",
        given=code(f"learning_rate={name}{inspect.signature(function)}"),
        wanted="a function of one argument, or of none",
        cure="learning_rate=lambda step: 0.1 / (step + 1)",
    )
