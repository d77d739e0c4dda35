"""Labels that a loss cannot mean."""

from __future__ import annotations

import numpy as np

from kibitz.errors import BadData, ShapeMismatch, UnknownKey, WrongType
from tests.speaks.case import LABELS, Case, X, Y, put

CASES = [
    Case(
        "a class too many",
        lambda at: at.fit(X, put(LABELS, 7, 3), at.classes),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 3, in row 7 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     a last layer of 4 units, or labels from 0 to 2
        """,
    ),
    Case(
        "several classes too many",
        lambda at: at.fit(X, np.arange(32) % 5, at.classes),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 3, in row 3 (12 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     a last layer of 5 units, or labels from 0 to 2
        """,
    ),
    Case(
        "a label of -1",
        lambda at: at.fit(X, put(LABELS, 7, -1), at.classes),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: -1, in row 7 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     SparseCategoricalCrossentropy(ignore_class=-1) if it means no label, or labels from 0 to 2
        """,
    ),
    Case(
        "a label of 255",
        lambda at: at.fit(X, put(LABELS, 7, 255), at.classes),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 255, in row 7 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     SparseCategoricalCrossentropy(ignore_class=255) if it means no label, or labels from 0 to 2
        """,
    ),
    Case(
        "labels that begin at 1",
        lambda at: at.fit(X, LABELS + 1, at.classes),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 3, in row 2 (10 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     y - 1, since classes are counted from 0
        """,
    ),
    Case(
        "labels with fractions",
        lambda at: at.fit(X, LABELS + 0.5, at.classes),
        BadData,
        ValueError,
        """
        y has a class number with a fraction: 0.5, in row 0 (32 of 32 rows).
          given    float32[32]
          wanted   whole numbers
          cure     loss="mse" for numbers, or loss="categorical_crossentropy" for a share of each class
        """,
    ),
    Case(
        "one-hot labels for a sparse loss",
        lambda at: at.fit(X, np.eye(3)[LABELS], at.classes),
        ShapeMismatch,
        ValueError,
        """
        "sparse_categorical_crossentropy" wants class numbers, and y has a value for each class.
          given    y of shape (32, 3), an output of shape (32, 3)
          wanted   y of shape (32,)
          cure     loss="categorical_crossentropy", or y.argmax(-1)
        """,
    ),
    Case(
        "class numbers for a categorical loss",
        lambda at: at.fit(X, LABELS, at.onehot),
        ShapeMismatch,
        ValueError,
        """
        "categorical_crossentropy" wants a value for each class, and y has class numbers.
          given    y of shape (32,), an output of shape (32, 3)
          wanted   y of shape (32, 3)
          cure     loss="sparse_categorical_crossentropy", or to_categorical(y, 3)
        """,
    ),
    Case(
        "one-hot labels of too many classes",
        lambda at: at.fit(X, np.eye(4)[LABELS], at.onehot),
        ShapeMismatch,
        ValueError,
        """
        "categorical_crossentropy" compares each output with one label, and y has another width.
          given    y of shape (32, 4), an output of shape (32, 3)
          wanted   y of shape (32, 3)
          cure     a last layer of 4 units, or y with 3 columns
        """,
    ),
    Case(
        "targets that would be stretched",
        lambda at: at.fit(X, np.tile(Y, (1, 5))),
        ShapeMismatch,
        ValueError,
        """
        "mse" compares each output with one label, and y has another width.
          given    y of shape (32, 5), an output of shape (32, 1)
          wanted   y of shape (32, 1)
          cure     a last layer of 5 units, or y with 1 column
        """,
    ),
    Case(
        "labels of 0, 1 and 2 for yes or no",
        lambda at: at.fit(X, LABELS, at.yes_or_no),
        BadData,
        ValueError,
        """
        y has a label outside 0 to 1: 2, in row 2 (10 of 32 rows).
          given    int32[32]
          wanted   0 for no and 1 for yes, or a number between them
          cure     loss="sparse_categorical_crossentropy" with a last layer of 3 units
        """,
    ),
    Case(
        "labels of -1 and 1 for yes or no",
        lambda at: at.fit(X, np.sign(Y), at.yes_or_no),
        BadData,
        ValueError,
        """
        y has a label outside 0 to 1: -1, in row 0 (16 of 32 rows).
          given    float32[32, 1]
          wanted   0 for no and 1 for yes, or a number between them
          cure     (y + 1) / 2 for labels of -1 and 1, or loss="hinge"
        """,
    ),
    Case(
        "labels of 0 and 255 for yes or no",
        lambda at: at.fit(X, (Y > 0) * 255, at.yes_or_no),
        BadData,
        ValueError,
        """
        y has a label outside 0 to 1: 255, in row 16 (16 of 32 rows).
          given    int32[32, 1]
          wanted   0 for no and 1 for yes, or a number between them
          cure     y / 255
        """,
    ),
    Case(
        "a bad label in the rows for validation",
        lambda at: at.fit(X, put(LABELS, 30, 3), at.classes, validation_split=0.25),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 3, in row 30 (1 of 8 rows).
          given    int32[8]
          wanted   the classes 0 to 2
          cure     a last layer of 4 units, or labels from 0 to 2
        """,
    ),
    Case(
        "a bad label in evaluate",
        lambda at: at.evaluate(X, put(LABELS, 7, 3), at.classes),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 3, in row 7 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     a last layer of 4 units, or labels from 0 to 2
        """,
    ),
    Case(
        "a bad label in train_on_batch",
        lambda at: at.classes.train_on_batch(X, put(LABELS, 7, 3)),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 3, in row 7 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     a last layer of 4 units, or labels from 0 to 2
        """,
    ),
    Case(
        "a bad label in test_on_batch",
        lambda at: at.classes.test_on_batch(X, put(LABELS, 7, 3)),
        BadData,
        ValueError,
        """
        y has a label outside the classes 0 to 2: 3, in row 7 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     a last layer of 4 units, or labels from 0 to 2
        """,
    ),
    Case(
        "one array for two outputs",
        lambda at: at.fit(X, Y, at.two),
        ShapeMismatch,
        ValueError,
        """
        y has one part, and the model has 2 outputs.
          given    float32[32, 1]
          wanted   a part for each output: a, b
          cure     y={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "three arrays for two outputs",
        lambda at: at.fit(X, [Y, Y, Y], at.two),
        ShapeMismatch,
        ValueError,
        """
        y has 3 parts, and the model has 2 outputs.
          given    [float32[32, 1], float32[32, 1], float32[32, 1]]
          wanted   a part for each output: a, b
          cure     y={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "two arrays for one output",
        lambda at: at.fit(X, [Y, Y]),
        ShapeMismatch,
        ValueError,
        """
        y has 2 parts, and the model has 1 output.
          given    [float32[32, 1], float32[32, 1]]
          wanted   one array
          cure     y=y[0]
        """,
    ),
    Case(
        "an output that the model does not have",
        lambda at: at.fit(X, {"a": Y, "bb": X[:, :2]}, at.two),
        UnknownKey,
        ValueError,
        """
        y names an output that the model does not have.
          given    'bb'
          there is a, b
          nearest  "b"
          cure     y={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "an output without its targets",
        lambda at: at.fit(X, {"a": Y}, at.two),
        WrongType,
        TypeError,
        """
        The output "b" has a loss, and y has no targets for it.
          given    {'a': float32[32, 1]}
          wanted   targets for a, b
          cure     y={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "an output with targets of another width",
        lambda at: at.fit(X, {"a": Y, "b": X}, at.two),
        ShapeMismatch,
        ValueError,
        """
        "mse" compares each output with one label, and y['b'] has another width.
          given    y['b'] of shape (32, 4), an output of shape (32, 2)
          wanted   y['b'] of shape (32, 2)
          cure     a last layer of 4 units, or y['b'] with 2 columns
        """,
    ),
]
