"""The first test of a model: whether it can learn one batch by heart."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from kibitz.callbacks.number import number
from kibitz.callbacks.until_learned import UntilLearned
from kibitz.data.standard import is_array
from kibitz.errors import InvalidArgument, WrongType, code
from kibitz.models.arguments import whole
from kibitz.models.running import as_list

NAME = "overfit_one_batch"


@dataclass(frozen=True)
class Overfit:
    """Whether a batch was learned by heart: true if it was.

    Args:
        learned: Whether the loss came down to the target.
        target: What it had to come down to.
        losses: The loss at each step, before the step.

    Example:
        >>> from kibitz.models.overfit_one_batch import Overfit
        >>> print(Overfit(False, 0.02, [2.0, 1.5]))
        The batch was not learned: in 2 steps the loss went from 2 to 1.5, and should have come to 0.02.
    """

    learned: bool
    target: float
    losses: list[float] = field(repr=False)

    def __bool__(self) -> bool:
        return self.learned

    def __str__(self) -> str:
        went = f"in {len(self.losses)} steps the loss went from {self.losses[0]:.4g} to {self.losses[-1]:.4g}"
        if self.learned:
            return f"The batch was learned: {went}."
        return f"The batch was not learned: {went}, and should have come to {self.target:.4g}."


def overfit_one_batch(
    model: Any, x: Any, y: Any = None, *, batch_size: int = 32, steps: int = 500, target: float | None = None,
    keep: bool = False, **fit: Any,
) -> Overfit:  # fmt: skip
    """Train on one batch again and again, and tell whether its loss goes to nothing.

    A model that cannot learn one batch by heart will learn nothing: its loss, its last layer, its labels or its
    learning rate are wrong. Strong dropout and penalties keep the loss up as well, and show so.

    Args:
        model: A compiled model. If it has no weights, it gets its first ones, as by `fit`.
        x: Inputs; the first `batch_size` rows are the batch. From a generator give a batch: `*next(batches)`.
        y: Targets.
        batch_size: Rows in the batch.
        steps: The most steps.
        target: The loss that will do. None means a hundredth of the first.
        keep: Whether the model keeps what it learned. False leaves it to the bit as it was (see `model.borrowed`).
        **fit: What else `fit` shall be given, such as `class_weight` or `callbacks`; not for how long.

    Returns:
        An `Overfit`: it is true if the batch was learned, prints as a sentence, and has all losses.

    Raises:
        WrongType: If `x` is not arrays.
        InvalidArgument: If a number cannot be, an argument says for how long, or the first loss is not above 0 and
            there is no `target`.
        NotFinite: If the first loss is not a finite number.
        KibitzError: Whatever `fit` would raise.

    Example:
        >>> import numpy as np, kibitz
        >>> kibitz.utils.set_random_seed(1)
        >>> model = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(1)])
        >>> model.compile(kibitz.optimizers.SGD(0.1), "mse")
        >>> x = np.eye(4)
        >>> bool(kibitz.overfit_one_batch(model, x, x[:, :1]))
        True

    Source: A. Karpathy, A Recipe for Training Neural Networks, https://karpathy.github.io/2019/04/25/recipe/
    """
    if odd := sorted({"epochs", "initial_epoch", "steps_per_epoch", "shuffle"} & set(fit)):
        raise InvalidArgument(
            "One batch is trained on, step after step.",
            given=code(f"{NAME}(..., {odd[0]}={fit[odd[0]]!r})"),
            wanted="the number of steps, and no more",
            cure=f"{NAME}(model, x, y, steps=500)",
        )
    rows, most = whole("batch_size", batch_size, cure="batch_size=32"), whole("steps", steps, cure="steps=500")
    if target is not None:
        target = number(NAME, "target", target, such_as=0.01)
    inputs, targets = _cut(x, rows, "x"), None if y is None else _cut(y, rows, "y")
    if not model.built:
        model.build_for(inputs)
    if fit.get("sample_weight") is not None:
        fit["sample_weight"] = _cut(fit["sample_weight"], rows, "sample_weight")
    watch = UntilLearned(target)
    given = {"verbose": 0, **fit, "callbacks": [*as_list(fit.get("callbacks")), watch]}
    with nullcontext() if keep else model.borrowed():
        model.fit(inputs, targets, batch_size=rows, epochs=1, steps_per_epoch=most, shuffle=False, **given)
    reached = math.nan if watch.target is None else watch.target
    return Overfit(watch.losses[-1] <= reached, reached, watch.losses)


def _cut(data: Any, rows: Any, name: str) -> Any:
    if isinstance(data, dict):
        return {key: _cut(each, rows, name) for key, each in data.items()}
    if isinstance(data, list | tuple) and data and all(is_array(each) for each in data):
        return type(data)(_cut(each, rows, name) for each in data)
    if not is_array(data):
        raise WrongType(f"{NAME} takes one batch from {name}, which must be arrays.", given=data, wanted="arrays",
                        cure=f"{NAME}(model, *next(batches))")  # fmt: skip
    return data[:rows]
