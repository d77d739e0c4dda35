"""Giving a callback a cadence from outside."""

from __future__ import annotations

from typing import Any, TypeVar

from kibitz.callbacks.declared import EVERY, called
from kibitz.clock import Cadence
from kibitz.errors import WrongType, code

Kind = TypeVar("Kind")


def every(cadence: str, callback: Kind) -> Kind:
    """Have a callback act only every so often, also one that was written for Keras.

    Cadences in steps, time and shares of the run are about `on_train_batch_end`, those in epochs about
    `on_epoch_end`; its other hooks are called as ever. A callback of your own may say so itself: `every = "100 steps"`
    in its class.

    Args:
        cadence: Such as "100 steps", "2 epochs", "10 min", "5% of the run".
        callback: Any callback; it is changed, and given back.

    Raises:
        InvalidArgument: If the cadence cannot be read.
        WrongType: If the callback takes no attribute.

    Example:
        >>> import kibitz
        >>> show = kibitz.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        >>> seldom = kibitz.every("2 epochs", show)
        >>> _ = kibitz.testing.drive(seldom, epochs=[{"loss": 4.0}, {"loss": 3.0}, {"loss": 2.0}, {"loss": 1.0}])
        1 3.0
        3 1.0
    """
    Cadence.read(cadence, called(callback))
    try:
        setattr(callback, EVERY, cadence)  # what it keeps under the name `every` may be its own
    except AttributeError:
        raise WrongType(
            f"{called(callback)} takes no attribute, so it cannot be told how often it acts.",
            given=callback,
            wanted="a callback that can be given an attribute",
            cure="a LambdaCallback that calls it",
        ) from None
    return callback


def refuse_idle(callback: Any, cadence: Cadence, hook: str) -> None:
    """Refuse a cadence that decides on a hook which the callback does not have.

    Raises:
        WrongType: Always.
    """
    other, such = ("on_train_batch_end", "100 steps") if cadence.in_epochs else ("on_epoch_end", "1 epoch")
    raise WrongType(
        f"{called(callback)} has no {hook}, and that is what a cadence of {cadence} is about.",
        given=code(f'every="{cadence}"'),
        wanted=f"a callback that overrides {hook}",
        cure=f'every="{such}", which is about {other}',
    )
