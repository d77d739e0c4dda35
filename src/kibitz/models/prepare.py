"""B. From what the user gave to a source: arrays with their lengths compared, or an iterator over batches."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from kibitz.data.arrays import ArraySource
from kibitz.data.generators import GeneratorSource
from kibitz.data.source import Source
from kibitz.data.standard import is_array, standard
from kibitz.data.stateful import StatefulSource, stateful_source
from kibitz.data.weights import class_weights, classes_of
from kibitz.errors import BadData, EmptyData, InvalidArgument, ShapeMismatch, WrongType, code
from kibitz.models.arguments import check_both_weights, check_class_weight, whole
from kibitz.models.called import GIVEN, VALIDATION_STREAM, Called

Parts = tuple[Any, Any, Any]
Held = tuple[Parts, Called]
"""The rows that were split off to validate with, and what the user calls them."""


def is_iterator(x: Any) -> bool:
    """Whether batches come out of `x` one after the other: a generator or another iterator."""
    return isinstance(x, Iterator) and not is_array(x)


def arrays(x: Any, y: Any, weight: Any, called: Called = GIVEN) -> Parts:
    """Inputs, targets and weights as host arrays of one length.

    Args:
        x: The inputs.
        y: The targets, or None.
        weight: The weights of the rows, or None.
        called: What the user calls them.

    Raises:
        WrongType: If something in them is not an array of numbers.
        EmptyData: If there is no row.
        ShapeMismatch: If lengths differ.
        BadData: If a weight is none.
    """
    names = called[:3]
    if x is None:
        raise WrongType("There are no inputs.", given=code(f"{called.x}=None"), wanted="an array, a dict, list or "
                        "tuple of arrays, or a generator of batches", cure="fit(x, y), predict(x)")  # fmt: skip
    parts = standard(x, called.x), standard(y, called.y), standard(weight, called.weight)
    lengths = {}
    for part, name in zip(parts, names, strict=True):
        for path, leaf in jax.tree_util.tree_flatten_with_path(part)[0]:
            label = name + "".join(str(key) for key in path)
            if np.ndim(leaf) == 0:
                raise ShapeMismatch(f"{label} is one number, and has no rows.", given=leaf, wanted="rows first",
                                    cure=f"numpy.asarray([{name}]), or an array of rows")  # fmt: skip
            lengths[label] = len(leaf)
    if not jax.tree.leaves(parts[0]):
        raise EmptyData(f"{called.x} holds no array.", given=x, wanted="at least one array", cure="fit(x, y)")
    if 0 in lengths.values():
        empty = next(label for label, length in lengths.items() if length == 0)
        raise EmptyData(f"{empty} has no rows.", given=x if empty == called.x else y, wanted="at least one row",
                        cure="look at how it was selected: an empty selection gives an empty array")  # fmt: skip
    if len(set(lengths.values())) > 1:
        least = min(lengths.values())
        longer = ", ".join(f"{label}[:{least}]" for label, length in lengths.items() if length > least)
        raise ShapeMismatch("The arrays have different lengths.",
                            given=code(", ".join(f"{label}: {length} rows" for label, length in lengths.items())),
                            wanted="as many rows in each", cure=f"{longer}, if the first rows belong together, or "
                            "find the rows that are missing")  # fmt: skip
    check_weight(parts[2], called.weight)
    return parts


def check_weight(weight: Any, name: str = "sample_weight") -> None:
    """Refuse weights that are negative or not numbers."""
    for leaf in jax.tree.leaves(weight):
        host = np.asarray(leaf)
        bad = ~np.isfinite(host) | (host < 0)
        if bad.any():
            cure = "numpy.clip(weights, 0, None)" if np.isfinite(host).all() else "numpy.nan_to_num(weights)"
            raise BadData(f"{name} has a value that is no weight, in row {np.argwhere(bad)[0][0]}.",
                          given=code(str(host[bad][0])), wanted="finite numbers, 0 or more", cure=cure)  # fmt: skip


def warn_if_weightless(weight: Any) -> None:
    """Warn if all weights are 0."""
    leaves = jax.tree.leaves(weight)
    if leaves and not any(np.asarray(leaf).any() for leaf in leaves):
        warnings.warn("All of sample_weight is 0: nothing will be learned.", stacklevel=2)


def with_class_weight(y: Any, class_weight: Any) -> np.ndarray:
    """Sample weights from class weights; a class without one weighs 1, and is named in a warning."""
    check_class_weight(class_weight)
    if y is None or isinstance(y, Mapping | list | tuple):
        raise WrongType("class_weight is for models with one output.", given=y, wanted="one array of labels",
                        cure="sample_weight={'a': ..., 'b': ...}")  # fmt: skip
    warn_of_classes(classes_of(y), class_weight)
    return class_weights(y, class_weight)


def warn_of_classes(classes: np.ndarray, class_weight: Mapping[int, float]) -> None:
    """Warn of classes in the labels that have no weight, and of weights for classes that are not there."""
    there, given = set(np.unique(classes).tolist()), {int(each) for each in class_weight}
    if there - given:
        warnings.warn(f"class_weight has no weight for the classes {sorted(there - given)}; they weigh 1.",
                      stacklevel=2)  # fmt: skip
    if given - there:
        warnings.warn(f"class_weight has weights for the classes {sorted(given - there)}, and no label is one of them.",
                      stacklevel=2)  # fmt: skip


def split(parts: Parts, share: float) -> tuple[Parts, Parts]:
    """The first rows to train on and the last to validate with, in the order in which they stand.

    Raises:
        InvalidArgument: If no row would be left on one of the sides.
    """
    rows = len(jax.tree.leaves(parts)[0])
    kept = math.floor(rows * (1.0 - share))
    if kept in (0, rows):
        raise InvalidArgument(f"{rows} rows cannot be split so that both sides have some.",
                              given=code(f"validation_split={share}"), wanted="at least one row to train on and one "
                              "to validate with", cure="more rows, or validation_data=(x_val, y_val)")  # fmt: skip
    if rows - kept == 1 and rows > 1:
        warnings.warn(f"validation_split={share} leaves one row to validate with.", stacklevel=2)
    return jax.tree.map(lambda leaf: leaf[:kept], parts), jax.tree.map(lambda leaf: leaf[kept:], parts)


def array_source(
    parts: Parts, batch_size: int | None, steps: int | None, *, shuffle: bool = False, seed: int = 0, fit: int = 0
) -> ArraySource:
    """Arrays in batches; without a batch size, 32 rows, or as many as make `steps` batches."""
    rows = len(jax.tree.leaves(parts)[0])
    size = batch_size or (math.ceil(rows / steps) if steps else 32)
    return ArraySource(*parts, batch_size=size, shuffle=shuffle, seed=seed, fit=fit)


def generator_source(
    x: Any, name: str, *, y: Any, weight: Any, class_weight: Any, batch_size: Any, keep: int | None = None,
    stateful: StatefulSource | None = None,
) -> GeneratorSource:  # fmt: skip
    """An iterator over batches; targets, weights and batch size are its own."""
    for argument, value in (("y", y), ("sample_weight", weight), ("batch_size", batch_size)):
        if value is not None:
            raise InvalidArgument(f"{name} is a generator of batches, and brings its own {argument}.",
                                  given=code(f"fit(generator, {argument}=...)"), wanted="the generator alone",
                                  cure="yield x, y or yield x, y, sample_weight")  # fmt: skip
    if class_weight is not None:
        check_class_weight(class_weight)
    if stateful is not None:
        stateful.class_weight = class_weight
        return stateful
    return GeneratorSource(x, name, class_weight=class_weight, keep=keep)


def training_source(
    x: Any, y: Any, weight: Any, class_weight: Any, batch_size: Any, steps: int | None, *, shuffle: bool, seed: int,
    fit: int, share: float,
) -> tuple[Source, Held | None]:  # fmt: skip
    """What `fit` trains on, and the rows that were split off to validate with (None if none were)."""
    check_both_weights(class_weight, weight)
    stateful = stateful_source(x)
    if stateful is not None or is_iterator(x):
        if share:
            raise InvalidArgument("validation_split needs rows that can be counted, and a generator has none.",
                                  given=code(f"fit(generator, validation_split={share})"), wanted="arrays",
                                  cure="validation_data=another_generator, with validation_steps=...")  # fmt: skip
        return generator_source(x, "x", y=y, weight=weight, class_weight=class_weight, batch_size=batch_size,
                                stateful=stateful), None  # fmt: skip
    batch_size = whole("batch_size", batch_size, optional=True, cure="batch_size=32")
    parts = arrays(x, y, weight)
    warn_if_weightless(parts[2])
    held = None
    if share:
        parts, rest = split(parts, share)
        held = rest, GIVEN._replace(row=len(jax.tree.leaves(parts)[0]))
    if class_weight is not None:
        parts = (parts[0], parts[1], with_class_weight(parts[1], class_weight))
    return array_source(parts, batch_size, steps, shuffle=shuffle, seed=seed, fit=fit), held


def measuring_source(
    x: Any, y: Any, weight: Any, batch_size: Any, steps: int | None, called: Called = GIVEN, *, keep: int | None = None
) -> Source:
    """What `evaluate`, `predict` and validation read: one pass, in the order in which rows stand."""
    if is_iterator(x):
        if called is VALIDATION_STREAM:  # batch_size is that of training there
            return generator_source(x, "validation_data", y=y, weight=weight, class_weight=None, batch_size=None,
                                    keep=keep)  # fmt: skip
        return generator_source(x, called.x, y=y, weight=weight, class_weight=None, batch_size=batch_size, keep=keep)
    if (stateful := stateful_source(x, called.x)) is not None:
        size = batch_size if called is GIVEN else None  # in fit it may be that of training
        return generator_source(x, called.x, y=y, weight=weight, class_weight=None, batch_size=size, stateful=stateful)
    batch_size = whole("batch_size", batch_size, optional=True, cure="batch_size=32")
    return array_source(arrays(x, y, weight, called), batch_size, steps)
