"""What metrics refuse: counts that are none, and shapes that only broadcasting would bring together."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, code


def require_count(name: str, value: Any, meaning: str, *, least: int | None = 1, such_as: int = 5) -> None:
    """Refuse what is no whole number of at least `least`; True and False are none.

    Args:
        name: The argument's name.
        value: What was given.
        meaning: What the argument is, for the message.
        least: The smallest that is right. None lets it be below 0.
        such_as: A value for the cure.

    Raises:
        InvalidArgument: If it is another thing, or smaller.

    Example:
        >>> from kibitz.metrics.require import require_count
        >>> require_count("k", 3, "the number of guesses")
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and (least is None or value >= least):
        return
    wanted = "a whole number" if least is None else f"a whole number, {least} or more"
    raise InvalidArgument(f"`{name}` is {meaning}.", given=value, wanted=wanted, cure=f"{name}={such_as}")


def require_same_shape(metric: str, y_true: Any, y_pred: Any, cure: str) -> None:
    """Refuse labels that would be compared with the predictions only by broadcasting.

    Args:
        metric: The metric's name, for the message.
        y_true: Labels.
        y_pred: Predictions, or what was found in them.
        cure: What to write instead.

    Raises:
        ShapeMismatch: If the shapes differ.

    Example:
        >>> import numpy as np
        >>> from kibitz.metrics.require import require_same_shape
        >>> require_same_shape("accuracy", np.zeros(4), np.zeros(4), "y_true.reshape(-1)")
    """
    if tuple(y_true.shape) == tuple(y_pred.shape):
        return
    raise ShapeMismatch(
        f"{metric} compares each prediction with one label.",
        given=code(f"labels of shape {tuple(y_true.shape)} against {tuple(y_pred.shape)}"),
        wanted="the same shape",
        cure=cure,
    )


def require_table(metric: str, y_true: Any, y_pred: Any) -> None:
    """Refuse labels and predictions that are not both `(batch, outputs)`, alike.

    Args:
        metric: The metric's name, for the message.
        y_true: Labels.
        y_pred: Predictions.

    Raises:
        ShapeMismatch: If one has not two dimensions, or they differ.

    Example:
        >>> import numpy as np
        >>> from kibitz.metrics.require import require_table
        >>> require_table("r2_score", np.zeros((4, 1)), np.zeros((4, 1)))
    """
    if len(y_true.shape) != 2 or len(y_pred.shape) != 2:
        raise ShapeMismatch(
            f"{metric} looks at tables, one row a sample and one column an output.",
            given=code(f"y_true of shape {tuple(y_true.shape)}, y_pred of shape {tuple(y_pred.shape)}"),
            wanted="two shapes (batch, outputs)",
            cure="y.reshape(-1, 1) for one output, one-hot labels for classes",
        )
    require_same_shape(metric, y_true, y_pred, "labels with one column for each output of the model")


def require_built(metric: str, *, built: bool) -> None:
    """Refuse to read a metric that learns its shapes from the first batch, and has seen none.

    Args:
        metric: The metric's name, for the message.
        built: Whether it has its variables.

    Raises:
        NotReady: If it has not.

    Example:
        >>> from kibitz.metrics.require import require_built
        >>> require_built("r2_score", built=True)
    """
    if not built:
        raise NotReady(
            "The metric learns its shapes from the first batch, and has seen none.",
            given=code(f"{metric}.result()"),
            wanted="a batch before the result is read",
            cure="metric.update_state(y_true, y_pred)",
        )
