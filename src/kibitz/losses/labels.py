"""What can be known to be wrong with the labels before the first step: each loss wants labels of its own kind.

Nothing here touches the device: labels are looked at where they lie, in NumPy. A NaN among them is let pass; a loss
that is not finite is looked into when it occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kibitz.errors import BadData, ShapeMismatch, code
from kibitz.losses.base import Loss
from kibitz.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from kibitz.losses.focal import binary_focal_crossentropy, categorical_focal_crossentropy
from kibitz.losses.function_loss import LossFunctionWrapper
from kibitz.losses.hinge import categorical_hinge
from kibitz.losses.probabilistic import categorical_generalized_cross_entropy, kl_divergence
from kibitz.losses.registry import FUNCTIONS

NUMBERED = (sparse_categorical_crossentropy, categorical_generalized_cross_entropy)
ONE_HOT = (categorical_crossentropy, categorical_focal_crossentropy, categorical_hinge, kl_divergence)
YES_OR_NO = (binary_crossentropy, binary_focal_crossentropy)

Shape = tuple[int | None, ...]


def check_labels(
    loss: Any, y_true: Any, output_shape: Sequence[int | None], *, name: str = "y", first_row: int = 0
) -> None:
    """Refuse labels that this loss cannot mean, before the first step.

    Class numbers outside the classes or with fractions, one-hot labels for a sparse loss and class numbers for a
    categorical one, a width that only broadcasting would hide, yes-or-no labels outside 0 to 1. A loss of the user's
    own may mean anything by its labels, so they are let pass.

    Args:
        loss: A `Loss`, or a function of the registry.
        y_true: _Labels of one output, `(rows, ...)`: a NumPy array, or what becomes one.
        output_shape: The shape of that output; its first dimension, the batch, is not looked at. None is any size.
        name: What the user calls the labels, for the message.
        first_row: The number of the first row in the whole of the data, where `y_true` is a batch of it.

    Raises:
        ShapeMismatch: If the shape of the labels does not fit the output.
        BadData: If a label cannot be.

    Unlike Keras: all of these train on in silence there, except where a crossentropy meets another shape.

    Example:
        >>> import numpy as np
        >>> from kibitz.errors import BadData
        >>> from kibitz.losses.crossentropy import SparseCategoricalCrossentropy
        >>> from kibitz.losses.labels import check_labels
        >>> try:
        ...     check_labels(SparseCategoricalCrossentropy(), np.array([0, 2, 3, 1]), (None, 3))
        ... except BadData as error:
        ...     print(error)
        y has a label outside the classes 0 to 2: 3, in row 2 (1 of 4 rows).
          given    int64[4]
          wanted   the classes 0 to 2
          cure     a last layer of 4 units, or labels from 0 to 2
    """
    function = _function_of(loss)
    if function not in FUNCTIONS.values():
        return
    arguments = loss.get_config() if isinstance(loss, Loss) else {}
    labels = _Labels(loss, np.asarray(y_true), tuple(output_shape), name, first_row)
    _check_numbers(labels)
    with np.errstate(invalid="ignore"):  # NumPy warns when a bfloat16 that is NaN is compared.
        if function in NUMBERED:
            _check_class_shape(labels, arguments.get("axis", -1))
            _check_class_numbers(labels, arguments.get("axis", -1), arguments.get("ignore_class"))
        elif function in ONE_HOT:
            _check_one_hot(labels, arguments.get("axis", -1))
        else:
            _check_width(labels)
        if function in YES_OR_NO:
            _check_yes_or_no(labels)


class _Labels(NamedTuple):
    """The labels of one output, beside its shape, and how the user calls them."""

    loss: Any
    values: np.ndarray
    output: Shape
    name: str
    first_row: int

    def require_none(self, bad: np.ndarray, what: str, *, wanted: str, cure: Callable[[np.ndarray], str]) -> None:
        """Raise if a label is bad: with the first of them, its row, and the number of rows that have one."""
        if not bad.any():
            return
        row, *column = (int(index) for index in np.unravel_index(int(bad.argmax()), bad.shape))
        rows = int(bad.reshape(len(bad), -1).any(axis=1).sum())
        place = f"row {self.first_row + row}" + (f", column {', '.join(map(str, column))}" if bad[0].size > 1 else "")
        raise BadData(
            f"{self.name} has {what}: {_plain(self.values[bad][0])}, in {place} ({rows} of {len(bad)} rows).",
            given=self.values,
            wanted=wanted,
            cure=cure(self.values[bad]),
        )

    def require_shape(self, fits: bool, what: str, *, wanted: Shape, cure: str) -> None:
        """Raise unless the shape fits."""
        if not fits:
            raise ShapeMismatch(
                what,
                given=code(f"{self.name} of shape {self.values.shape}, an output of shape {self.output}"),
                wanted=f"{self.name} of shape {(len(self.values), *wanted)}",
                cure=cure,
            )

    @property
    def title(self) -> str:
        """The name of the loss, in quotes."""
        return f'"{getattr(self.loss, "name", None) or getattr(self.loss, "__name__", "loss")}"'

    @property
    def written(self) -> str:
        """The labels in a piece of code; those of one batch of a stream are just y there."""
        return "y" if " " in self.name else self.name

    @property
    def shape(self) -> Shape:
        """The shape of one row."""
        return self.values.shape[1:]


def _function_of(loss: Any) -> Any:
    """The function that a loss stands for; None for a loss with a `call` of its own."""
    if not isinstance(loss, Loss):
        return loss
    if isinstance(loss, LossFunctionWrapper) and type(loss).call is LossFunctionWrapper.call:
        return loss.fn
    return None


def _check_numbers(labels: _Labels) -> None:
    name, dtype = labels.name, labels.values.dtype
    if dtype.kind not in "biuf" and "float" not in dtype.name:
        cure = f"{name}.astype('float32')" if dtype.kind == "O" else f"np.unique({name}, return_inverse=True)[1]"
        raise BadData(f"{name} holds no numbers.", given=labels.values, wanted="integers or floats", cure=cure)
    if labels.values.ndim == 0:
        raise ShapeMismatch(f"{name} has no rows.", given=labels.values, wanted="one row a sample", cure=f"[{name}]")


def _check_class_shape(labels: _Labels, axis: int) -> None:
    name, rows = labels.name, _without(labels.output, axis)
    fits = _same(labels.shape, rows) or _same(labels.shape, _with_one(rows, axis % len(labels.output) - 1))
    if not fits and _same(labels.shape, labels.output[1:]):
        what = f"{labels.title} wants class numbers, and {name} has a value for each class."
        cure = f'loss="categorical_crossentropy", or {labels.written}.argmax({axis})'
    else:
        what = f"{labels.title} wants one class number for each row of classes."
        cure = "a last layer that gives one row of classes for each label, or other labels"
    labels.require_shape(fits, what, wanted=rows, cure=cure)


def _check_class_numbers(labels: _Labels, axis: int, ignore_class: int | None) -> None:
    values, classes = labels.values, labels.output[axis]
    counted = np.ones(values.shape, bool) if ignore_class is None else values != ignore_class
    if values.dtype.kind not in "biu":
        labels.require_none(
            counted & np.isfinite(values) & (values != np.floor(values)),
            "a class number with a fraction",
            wanted="whole numbers",
            cure=lambda _: 'loss="mse" for numbers, or loss="categorical_crossentropy" for a share of each class',
        )
    outside = counted & ((values < 0) if classes is None else (values < 0) | (values >= classes))
    labels.require_none(
        outside,
        "a label below class 0" if classes is None else f"a label outside {_classes(classes)}",
        wanted="whole numbers from 0" if classes is None else _classes(classes),
        cure=lambda bad: _cure_of_classes(labels, bad, classes, values[counted & ~outside]),
    )


def _cure_of_classes(labels: _Labels, bad: np.ndarray, classes: int | None, good: np.ndarray) -> str:
    last, highest = "labels from 0" if classes is None else f"labels from 0 to {classes - 1}", float(bad.max())
    if classes == 1 and set(bad.tolist()) == {1}:
        return 'loss="binary_crossentropy" for two classes in one unit'
    if len(set(bad.tolist())) == 1 and (highest < 0 or highest == 255):
        if _function_of(labels.loss) is sparse_categorical_crossentropy:
            return f"SparseCategoricalCrossentropy(ignore_class={_plain(bad[0])}) if it means no label, or {last}"
        return f"leave these rows out if it means no label, or {last}"
    if highest == classes and good.size and good.min() >= 1:
        return f"{labels.written} - 1, since classes are counted from 0"
    if bad.min() >= 0 and np.isfinite(highest):
        return f"a last layer of {_count(int(highest) + 1, 'unit')}, or {last}"
    return last


def _check_one_hot(labels: _Labels, axis: int) -> None:
    classes, rows = labels.output[axis], _without(labels.output, axis)
    numbers = _same(labels.shape, rows) or _same(labels.shape, _with_one(rows, axis % len(labels.output) - 1))
    if not numbers or classes == 1:
        _check_width(labels)
        return
    one_hot = f"to_categorical({labels.written}, {classes})"
    sparse = _function_of(labels.loss) is categorical_crossentropy
    labels.require_shape(
        fits=False,
        what=f"{labels.title} wants a value for each class, and {labels.name} has class numbers.",
        wanted=labels.output[1:],
        cure=f'loss="sparse_categorical_crossentropy", or {one_hot}' if sparse else one_hot,
    )


def _check_width(labels: _Labels) -> None:
    have, want = labels.shape, labels.output[1:]
    if len(have) == len(want) == 1:
        cure = f"a last layer of {_count(have[0], 'unit')}, or {labels.written} with {_count(want[0], 'column')}"
    elif not have:
        cure = 'a last layer of 1 unit, or loss="sparse_categorical_crossentropy" for class numbers'
    else:
        cure = "labels of the shape of the output"
    labels.require_shape(
        _same(have, want) or _same((*have, 1), want) or _same(have, (*want, 1)),
        f"{labels.title} compares each output with one label, and {labels.name} has another width.",
        wanted=want,
        cure=cure,
    )


def _check_yes_or_no(labels: _Labels) -> None:
    labels.require_none(
        (labels.values < 0) | (labels.values > 1),
        "a label outside 0 to 1",
        wanted="0 for no and 1 for yes, or a number between them",
        cure=lambda bad: _cure_of_yes_or_no(labels, bad),
    )


def _cure_of_yes_or_no(labels: _Labels, bad: np.ndarray) -> str:
    if set(bad.tolist()) == {-1}:
        return f'({labels.written} + 1) / 2 for labels of -1 and 1, or loss="hinge"'
    highest = float(bad.max())
    if bad.min() < 0 or not np.isfinite(highest) or (bad != np.floor(bad)).any():
        return 'labels from 0 to 1, or loss="mse" for numbers'
    if highest == 255:
        return f"{labels.written} / 255"
    return f'loss="sparse_categorical_crossentropy" with a last layer of {int(highest) + 1} units'


def _without(shape: Shape, axis: int) -> Shape:
    """The shape of one row of an output, less the dimension of the classes."""
    axis %= len(shape)
    return (*shape[1:axis], *shape[axis + 1 :])


def _with_one(rows: Shape, place: int) -> Shape:
    return (*rows[:place], 1, *rows[place:])


def _same(have: Shape, want: Shape) -> bool:
    pairs = zip(have, want, strict=False)
    return len(have) == len(want) and all(one == other or one is None or other is None for one, other in pairs)


def _classes(classes: int) -> str:
    return "class 0, the only one" if classes == 1 else f"the classes 0 to {classes - 1}"


def _count(number: int | None, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _plain(value: Any) -> str:
    """A number as one would write it: 3, not 3.0."""
    number = float(value)
    return str(int(number)) if number.is_integer() else f"{number:.6g}"
