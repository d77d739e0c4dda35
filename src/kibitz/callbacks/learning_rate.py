"""The learning rate, as callbacks read it, set it and log it."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.callbacks.forecast import Forecast
from kibitz.errors import WrongType, code

KEY = "learning_rate"


def optimizers(model: Any) -> list[tuple[str, Any]]:
    """The optimizers of a model, each with its name; the name is "" where there is just one."""
    several = getattr(model.optimizer, "optimizers", None)
    if several is None:
        return [("", model.optimizer)]
    return [(each.name, each) for each in several]


def read_rate(optimizer: Any) -> float:
    """The learning rate of an optimizer as it is now."""
    return float(np.asarray(optimizer.learning_rate))


def log_rates(model: Any, logs: dict[str, Any] | None) -> None:
    """Write the learning rate into the logs of an epoch, as Keras names it."""
    if logs is not None:
        for name, optimizer in optimizers(model):
            logs[f"{KEY}_{name}" if name else KEY] = read_rate(optimizer)


def check_settable(owner: str, forecast: Forecast) -> None:
    """Refuse, before the first step, an optimizer whose learning rate is a schedule.

    Args:
        owner: The callback's name.
        forecast: What is known of the run.

    Raises:
        WrongType: If the rate cannot be set.

    Example:
        >>> from kibitz.callbacks.forecast import Forecast
        >>> from kibitz.callbacks.learning_rate import check_settable
        >>> check_settable("ReduceLROnPlateau", Forecast(settable_rate=True))
    """
    if not forecast.settable_rate:
        raise WrongType(
            f"{owner} sets the learning rate, and this optimizer takes its own from a schedule.",
            given=code(f"compile(optimizer=...(learning_rate=<a schedule>)), fit(callbacks=[{owner}(...)])"),
            wanted="a learning rate that is a number, or one of the two alone",
            cure=f"compile(optimizer=Adam(learning_rate=0.001)); or leave {owner} out, and keep the schedule",
        )
