"""Right and wrong, yes and no, at each threshold: the four counts that precision, recall and AUC are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import InvalidArgument, ShapeMismatch, code
from kibitz.losses.align import EPSILON, squeeze_or_expand_to_same_rank
from kibitz.metrics.require import require_same_shape
from kibitz.metrics.weights import spread
from kibitz.registered import take

# Below every score, and above what `top_k` leaves of those that are not among the best.
LOWEST = -1e10


@dataclass(frozen=True)
class Counts:
    """Weighted counts of one batch, one for each threshold (and each label): what is added to a metric's variables.

    Args:
        true_positives: Label yes, prediction above the threshold.
        false_positives: Label no, prediction above.
        true_negatives: Label no, prediction not above.
        false_negatives: Label yes, prediction not above.

    Example:
        >>> from kibitz.metrics.counts import count
        >>> counts = count([1, 1, 0, 0], [0.9, 0.2, 0.8, 0.1], [0.5])
        >>> counts.true_positives.tolist(), counts.false_negatives.tolist()
        ([1.0], [1.0])
    """

    true_positives: jax.Array
    false_positives: jax.Array
    true_negatives: jax.Array
    false_negatives: jax.Array


def count(
    y_true: Any,
    y_pred: Any,
    thresholds: Sequence[float],
    *,
    top_k: int | None = None,
    class_id: int | None = None,
    sample_weight: Any = None,
    by_label: bool = False,
    label_weights: Any = None,
) -> Counts:
    """Count right and wrong predictions at each threshold.

    Args:
        y_true: Labels; all but 0 are yes.
        y_pred: Predictions, of the same shape.
        thresholds: Where yes begins, above each of them. If they are even steps from 0 to 1, predictions are sorted
            into their steps instead of being compared with each: thousands of thresholds cost little then.
        top_k: Only the k greatest predictions of each sample may say yes. None lets all.
        class_id: Only this class is looked at. None looks at all.
        sample_weight: One weight a sample, or a prediction. None weighs all the same.
        by_label: Whether labels (the second dimension) are counted apart.
        label_weights: One weight a label, where they are counted together. None weighs all the same.

    Raises:
        ShapeMismatch: If labels and predictions are not alike, or the weights do not fit.
        InvalidArgument: If `top_k` or `class_id` asks for more classes than there are.

    Example:
        >>> from kibitz.metrics.counts import count
        >>> count([1, 0], [0.5, 0.7], [0.5, 0.2]).true_positives.tolist()
        [0.0, 1.0]
    """
    y_true, y_pred = (jnp.asarray(each).astype(jnp.float32) for each in (y_true, y_pred))
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    require_same_shape("a confusion matrix", y_true, y_pred, "one-hot labels, one for each output of the model")
    weight = spread(sample_weight, y_true) * _label_weights(label_weights, y_true)
    if top_k is not None:
        y_pred = _only_the_best(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred, weight = (_one_class(each, class_id) for each in (y_true, y_pred, weight))
    yes = (y_true != 0).astype(jnp.float32)
    if not by_label:
        yes, weight, y_pred = (each.reshape(-1) for each in (yes, weight, y_pred))
    tally = _by_steps if evenly_distributed(thresholds) else _by_comparison
    return tally(yes * weight, (1 - yes) * weight, y_pred, np.asarray(thresholds, np.float32))


def evenly_distributed(thresholds: Sequence[float]) -> bool:
    """Whether three thresholds or more are even steps from 0 to 1, give or take what makes the ends inclusive.

    Args:
        thresholds: Numbers, in the order in which they are counted.

    Example:
        >>> from kibitz.metrics.counts import evenly_distributed
        >>> evenly_distributed([0.0, 0.5, 1.0]), evenly_distributed([0.5])
        (True, False)
    """
    size = len(thresholds)
    return size >= 3 and np.allclose(thresholds, np.arange(size, dtype=np.float32) / (size - 1), atol=EPSILON)


def even_thresholds(size: int) -> list[float]:
    """As many thresholds as even steps from 0 to 1; one alone is 0.5.

    Args:
        size: How many, at least 1.

    Example:
        >>> from kibitz.metrics.counts import even_thresholds
        >>> even_thresholds(3), even_thresholds(1)
        ([0.0, 0.5, 1.0], [0.5])
    """
    take([size], 32, "thresholds")
    return [0.5] if size == 1 else [step * 1.0 / (size - 1) for step in range(size)]


def parsed_thresholds(thresholds: Any, default: float) -> list[float]:
    """Make a list of one threshold, several, or none.

    Args:
        thresholds: A number, or several. None means `default`.
        default: The threshold where none is given; it need not be a share.

    Raises:
        InvalidArgument: If one of them is not a number from 0 to 1.

    Example:
        >>> from kibitz.metrics.counts import parsed_thresholds
        >>> parsed_thresholds(None, 0.5), parsed_thresholds((0, 1), 0.5)
        ([0.5], [0, 1])
    """
    if thresholds is None:
        return [default]
    several = list(thresholds) if isinstance(thresholds, list | tuple | np.ndarray) else [thresholds]
    numbers = [each for each in several if isinstance(each, int | float | np.number) and not isinstance(each, bool)]
    if not several or len(numbers) < len(several) or any(not 0 <= each <= 1 for each in numbers):
        raise InvalidArgument(
            "A threshold is a share.", given=thresholds, wanted="numbers from 0 to 1", cure="thresholds=0.5"
        )
    return several


def _by_steps(yes: jax.Array, no: jax.Array, y_pred: jax.Array, thresholds: np.ndarray) -> Counts:
    size = len(thresholds)
    # Above threshold i means in step i or a later one; a prediction on a threshold is not above it.
    step = jnp.ceil(jnp.clip(y_pred, 0, 1) * (size - 1)) - 1
    if thresholds[0] < 0 or thresholds[-1] > 1:
        step = jnp.maximum(step, 0)
    step = jnp.where(jnp.isnan(step), -1, step).astype(jnp.int32)

    def at_or_after(weight: jax.Array) -> jax.Array:
        # The spare bin takes what is above no threshold.
        bins = jnp.zeros((size + 1, *weight.shape[1:]), weight.dtype)
        place = (jnp.where(step < 0, size, step), *(jnp.arange(each)[None] for each in weight.shape[1:]))
        return jnp.flip(jnp.cumsum(jnp.flip(bins.at[place].add(weight)[:size], 0), 0), 0)

    right, wrong = at_or_after(yes), at_or_after(no)
    noes, yeses = jnp.sum(no, 0, keepdims=True), jnp.sum(yes, 0, keepdims=True)
    return Counts(right, wrong, noes - wrong, yeses - right)


def _by_comparison(yes: jax.Array, no: jax.Array, y_pred: jax.Array, thresholds: np.ndarray) -> Counts:
    above = y_pred[None] > thresholds.reshape(-1, *[1] * y_pred.ndim)
    return Counts(
        jnp.sum(jnp.where(above, yes, 0), 1),
        jnp.sum(jnp.where(above, no, 0), 1),
        jnp.sum(jnp.where(above, 0, no), 1),
        jnp.sum(jnp.where(above, 0, yes), 1),
    )


def _label_weights(weights: Any, y_true: jax.Array) -> jax.Array:
    weights = jnp.asarray(1 if weights is None else weights, jnp.float32)
    if weights.ndim and weights.shape != y_true.shape[1:]:
        raise ShapeMismatch(
            "There is one label weight for each label.",
            given=code(f"label_weights of shape {weights.shape}, labels of shape {y_true.shape}"),
            wanted=f"label_weights of shape {y_true.shape[1:]}",
            cure="label_weights=None to weigh all labels alike",
        )
    return weights.reshape(*[1] * (y_true.ndim - weights.ndim), *weights.shape)


def _only_the_best(y_pred: jax.Array, k: int) -> jax.Array:
    classes = y_pred.shape[-1]
    if k > classes:
        raise InvalidArgument(
            "`top_k` asks for more predictions than a sample has.",
            given=k,
            wanted=f"1 to {classes}",
            cure=f"top_k={classes}",
        )
    best = jax.lax.top_k(y_pred, k)[1]
    kept = jnp.sum(jax.nn.one_hot(best, classes, dtype=y_pred.dtype), axis=-2)
    return y_pred * kept + LOWEST * (1 - kept)


def _one_class(values: jax.Array, class_id: int) -> jax.Array:
    classes = values.shape[-1]
    if values.ndim == 1 or not -classes <= class_id < classes:
        raise InvalidArgument(
            "There is no such class among the model's outputs.",
            given=class_id,
            wanted=f"a class below {classes}, of predictions (batch, classes)"
            if values.ndim > 1
            else "(batch, classes)",
            cure="class_id=None for a model of one output",
        )
    return values[..., class_id, None]
