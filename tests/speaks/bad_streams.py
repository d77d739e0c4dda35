"""Generators of batches that cannot be trained on or validated with."""

from __future__ import annotations

import numpy as np

from kibitz.errors import BadData, EmptyData, InvalidArgument, ShapeMismatch, WrongType
from tests.speaks.case import LABELS, Case, Stream, X, Y, put

CASES = [
    Case(
        "a generator that was read before",
        lambda at: at.fit(Stream(), None),
        EmptyData,
        ValueError,
        """
        The generator given as x yields nothing.
          given    <Stream>
          wanted   at least one batch
          cure     call the generator function again: a generator that was read before is empty
        """,
    ),
    Case(
        "a generator of four parts",
        lambda at: at.fit(Stream((X, Y, Y, Y)), None),
        WrongType,
        TypeError,
        """
        A generator yields x, (x, y) or (x, y, sample_weight), and batch 0 is something else.
          given    (float32[32, 4], float32[32, 1], float32[32, 1], float32[32, 1])
          wanted   a tuple of 1 to 3 parts
          cure     yield x, y
        """,
    ),
    Case(
        "a generator of lists",
        lambda at: at.fit(Stream([X, Y]), None),
        WrongType,
        TypeError,
        """
        x of batch 0 is 2 arrays, and there are no targets.
          given    [float32[32, 4], float32[32, 1]]
          wanted   inputs and targets apart
          cure     yield x, y
        """,
    ),
    Case(
        "a generator without targets",
        lambda at: at.fit(Stream(X), None),
        WrongType,
        TypeError,
        """
        A loss compares the outputs with targets, and there are none.
          given    no y of batch 0
          wanted   a target for each row of the inputs
          cure     yield x, y
        """,
    ),
    Case(
        "a generator of dicts for a stack",
        lambda at: at.fit(Stream(({"x": X}, Y)), None),
        WrongType,
        TypeError,
        """
        A stack has one input, and x of batch 0 is a dict.
          given    {'x': float32[32, 4]}
          wanted   one array
          cure     the array itself, or kibitz.Model(module) with a module that takes several inputs
        """,
    ),
    Case(
        "a generator of another width",
        lambda at: at.fit(Stream((X[:, :3], Y)), None),
        ShapeMismatch,
        ValueError,
        """
        x of batch 0 does not have the shape that the model "line" was built for.
          given    x of batch 0: float32[32, 3]
          wanted   [any, 4], rows first
          cure     give rows of shape (4,)
        """,
    ),
    Case(
        "a batch of two lengths",
        lambda at: at.fit(Stream((X, Y[:3])), None),
        ShapeMismatch,
        ValueError,
        """
        The parts of batch 0 of x have different lengths.
          given    (float32[32, 4], float32[3, 1], None)
          wanted   as many rows in y and sample_weight as in x
          cure     yield x[rows], y[rows]
        """,
    ),
    Case(
        "a batch without rows",
        lambda at: at.fit(Stream((X[:0], Y[:0])), None),
        EmptyData,
        ValueError,
        """
        Batch 0 of x has no rows.
          given    (float32[0, 4], float32[0, 1])
          wanted   at least one row in each batch
          cure     leave the batch out
        """,
    ),
    Case(
        "a batch of text",
        lambda at: at.fit(Stream((np.array([["red"] * 4]), Y[:1])), None),
        WrongType,
        TypeError,
        """
        x of batch 0 holds text, and a model takes numbers.
          given    <U3[1, 4]
          wanted   floats or integers
          cure     encode x of batch 0 first, for example numpy.unique(x, return_inverse=True)[1]
        """,
    ),
    Case(
        "a batch with a label outside the classes",
        lambda at: at.fit(Stream((X, put(LABELS, 7, 3))), None, at.classes),
        BadData,
        ValueError,
        """
        y of batch 0 has a label outside the classes 0 to 2: 3, in row 7 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     a last layer of 4 units, or labels from 0 to 2
        """,
    ),
    Case(
        "a batch with a negative weight",
        lambda at: at.fit(Stream((X, Y, -np.ones(32))), None),
        BadData,
        ValueError,
        """
        sample_weight of batch 0 has a value that is no weight, in row 0.
          given    -1.0
          wanted   finite numbers, 0 or more
          cure     numpy.clip(weights, 0, None)
        """,
    ),
    Case(
        "a generator to evaluate that was read before",
        lambda at: at.evaluate(Stream(), None),
        EmptyData,
        ValueError,
        """
        The generator given as x yields nothing.
          given    <Stream>
          wanted   at least one batch
          cure     call the generator function again: a generator that was read before is empty
        """,
    ),
    Case(
        "a generator and y",
        lambda at: at.fit(Stream((X, Y)), Y),
        InvalidArgument,
        ValueError,
        """
        x is a generator of batches, and brings its own y.
          given    fit(generator, y=...)
          wanted   the generator alone
          cure     yield x, y or yield x, y, sample_weight
        """,
    ),
    Case(
        "a generator and sample_weight",
        lambda at: at.fit(Stream((X, Y)), None, sample_weight=np.ones(32)),
        InvalidArgument,
        ValueError,
        """
        x is a generator of batches, and brings its own sample_weight.
          given    fit(generator, sample_weight=...)
          wanted   the generator alone
          cure     yield x, y or yield x, y, sample_weight
        """,
    ),
    Case(
        "a generator and batch_size",
        lambda at: at.fit(Stream((X, Y)), None, batch_size=8),
        InvalidArgument,
        ValueError,
        """
        x is a generator of batches, and brings its own batch_size.
          given    fit(generator, batch_size=...)
          wanted   the generator alone
          cure     yield x, y or yield x, y, sample_weight
        """,
    ),
    Case(
        "a generator and validation_split",
        lambda at: at.fit(Stream((X, Y)), None, validation_split=0.2),
        InvalidArgument,
        ValueError,
        """
        validation_split needs rows that can be counted, and a generator has none.
          given    fit(generator, validation_split=0.2)
          wanted   arrays
          cure     validation_data=another_generator, with validation_steps=...
        """,
    ),
    Case(
        "a generator to validate with at several epochs",
        lambda at: at.fit(validation_data=Stream((X, Y)), epochs=3),
        InvalidArgument,
        ValueError,
        """
        validation_data is a generator, which can be read once, and validation is due more often than that.
          given    validation_data=<generator>, 3 validations
          wanted   validation_steps, or arrays
          cure     validation_steps=10: that many batches are read once, kept, and used each time
        """,
    ),
    Case(
        "a generator to validate with that was read before",
        lambda at: at.fit(validation_data=Stream()),
        EmptyData,
        ValueError,
        """
        The generator given as validation_data yields nothing.
          given    <Stream>
          wanted   at least one batch
          cure     call the generator function again: a generator that was read before is empty
        """,
    ),
    Case(
        "a generator to validate with of another width",
        lambda at: at.fit(validation_data=Stream((X[:, :3], Y))),
        ShapeMismatch,
        ValueError,
        """
        validation x of batch 0 does not have the shape that the model "line" was built for.
          given    validation x of batch 0: float32[32, 3]
          wanted   [any, 4], rows first
          cure     give rows of shape (4,)
        """,
    ),
    Case(
        "a generator to validate with and a label outside",
        lambda at: at.fit(X, LABELS, at.classes, validation_data=Stream((X, LABELS + 1))),
        BadData,
        ValueError,
        """
        validation y of batch 0 has a label outside the classes 0 to 2: 3, in row 2 (10 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     y - 1, since classes are counted from 0
        """,
    ),
]
