"""A loss made of a function `(y_true, y_pred)`: the user's own, or one that is shipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kibitz.errors import InvalidArgument
from kibitz.losses.align import squeeze_or_expand_to_same_rank
from kibitz.losses.base import Loss, same_structure


class LossFunctionWrapper(Loss):
    """Make a `Loss` of a plain function `(y_true, y_pred)`.

    `compile(loss=my_function)` does it by itself; use it to give the function a reduction, a dtype or more arguments.
    Labels and predictions that differ by one trailing dimension of size 1 are brought to the same rank first.

    Args:
        fn: A function of `(y_true, y_pred)`, and of `kwargs`, that gives one value per sample.
        reduction: See `Loss`.
        name: See `Loss`.
        dtype: See `Loss`.
        kwargs: Handed on to `fn` at every call.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.losses.function_loss import LossFunctionWrapper
        >>> def gap(y_true, y_pred, scale=1.0):
        ...     return scale * jnp.mean(jnp.abs(y_true - y_pred), axis=-1)
        >>> float(LossFunctionWrapper(gap, scale=2.0)([0.0, 0.0], [[1.0], [3.0]]))
        4.0

    Source: https://keras.io/api/losses/
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """What the function gives for labels and predictions of the same rank."""
        true_leaves, pred_leaves, structure = same_structure(y_true, y_pred)
        pairs = [squeeze_or_expand_to_same_rank(*pair) for pair in zip(true_leaves, pred_leaves, strict=True)]
        y_true = jax.tree.unflatten(structure, [labels for labels, _ in pairs])
        y_pred = jax.tree.unflatten(structure, [predictions for _, predictions in pairs])
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        """Name, reduction, the name of the function as `fn`, and the arguments that it is handed."""
        return {**super().get_config(), "fn": serialize_function(self.fn), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make a loss from what `get_config` gave; a function of the user's own goes through `deserialize`."""
        from kibitz.losses.registry import deserialize

        if isinstance(config.get("fn"), dict):
            config = {**config, "fn": deserialize(config["fn"])}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"


class ShippedLoss(LossFunctionWrapper):
    """The base of the losses that Kibitz ships: the class stands for the function.

    Args:
        fn: The function of `(y_true, y_pred)`, and of `kwargs`, that the class stands for.
        reduction: See `Loss`.
        name: See `Loss`.
        dtype: See `Loss`.
        kwargs: The arguments of the class that are the function's.

    Example:
        >>> from kibitz.losses.robust import Huber
        >>> Huber(delta=2.0).get_config()
        {'name': 'huber_loss', 'reduction': 'sum_over_batch_size', 'delta': 2.0}

    Unlike Keras: the configuration has all arguments, `delta` of Huber, `axis` and a `dtype` that was set among them.
    """

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this loss again."""
        dtype = {} if self.dtype == "float32" else {"dtype": self.dtype}
        return {**Loss.get_config(self), **self._fn_kwargs, **dtype}

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


def serialize_function(fn: Callable[..., Any]) -> dict[str, Any]:
    """The name of a function, in the form that Keras keeps it in; never its code.

    Args:
        fn: A function with a name: not a lambda, not an object that happens to be callable.

    Raises:
        InvalidArgument: If nothing could find the function again by its name.

    Example:
        >>> from kibitz.losses.function_loss import serialize_function
        >>> def gap(y_true, y_pred): ...
        >>> serialize_function(gap)["config"]
        'gap'
    """
    name = getattr(fn, "__name__", "<lambda>")
    if not name.isidentifier():
        raise InvalidArgument(
            "A function without a name cannot be saved: code is never written into a file.",
            given=fn,
            wanted="a function made with `def`",
            cure='def my_loss(y_true, y_pred): ..., and deserialize(..., custom_objects={"my_loss": my_loss})',
        )
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def require_flag(name: str, value: Any) -> None:
    """Refuse a number where True or False is meant: `BinaryCrossentropy(0.1)` is not label smoothing.

    1 and 0 mean the same as True and False, as they do in Keras, which asks nothing but whether a value is true.

    Args:
        name: The name of the argument.
        value: What was given.

    Raises:
        InvalidArgument: If `value` is neither True nor False, and not 1 or 0.

    Example:
        >>> from kibitz.losses.function_loss import require_flag
        >>> require_flag("from_logits", True)
    """
    if np.ndim(value) or value not in (True, False):
        raise InvalidArgument(f"`{name}` is a switch.", given=value, wanted="True or False", cure=f"{name}=True")


def require_unit_interval(name: str, value: Any, *, open_ends: bool = False) -> None:
    """Refuse an argument that is a share and lies outside 0 to 1.

    Args:
        name: The name of the argument.
        value: What was given.
        open_ends: Whether 0 and 1 themselves are refused too.

    Raises:
        InvalidArgument: If `value` is no number between 0 and 1.

    Example:
        >>> from kibitz.losses.function_loss import require_unit_interval
        >>> require_unit_interval("label_smoothing", 0.1)
    """
    is_number = isinstance(value, (int, float)) or (hasattr(value, "dtype") and value.shape == ())
    if not isinstance(value, bool) and is_number and (0 < value < 1 if open_ends else 0 <= value <= 1):
        return
    raise InvalidArgument(
        f"`{name}` is a share.",
        given=value,
        wanted="a number above 0 and below 1" if open_ends else "a number from 0 to 1",
        cure=f"{name}={0.5 if open_ends else 0.1}",
    )
