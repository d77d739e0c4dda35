"""Data that are no data, or do not fit the model or each other."""

from __future__ import annotations

import numpy as np
import scipy.sparse

import kibitz
from kibitz.errors import BadData, EmptyData, ShapeMismatch, UnknownKey, WrongType
from tests.speaks.case import LABELS, NAN, Case, Frame, Loader, Picky, X, Y, batches, put

CASES = [
    Case(
        "no inputs",
        lambda at: at.fit(None),
        WrongType,
        TypeError,
        """
        There are no inputs.
          given    x=None
          wanted   an array, a dict, list or tuple of arrays, or a generator of batches
          cure     fit(x, y), predict(x)
        """,
    ),
    Case(
        "an empty list",
        lambda at: at.fit([], []),
        EmptyData,
        ValueError,
        """
        x holds no array.
          given    []
          wanted   at least one array
          cure     fit(x, y)
        """,
    ),
    Case(
        "an empty dict",
        lambda at: at.fit({}, Y),
        EmptyData,
        ValueError,
        """
        x holds no array.
          given    {}
          wanted   at least one array
          cure     fit(x, y)
        """,
    ),
    Case(
        "no rows",
        lambda at: at.fit(X[:0], Y[:0]),
        EmptyData,
        ValueError,
        """
        x has no rows.
          given    float32[0, 4]
          wanted   at least one row
          cure     look at how it was selected: an empty selection gives an empty array
        """,
    ),
    Case(
        "no rows to evaluate",
        lambda at: at.evaluate(X[:0], Y[:0]),
        EmptyData,
        ValueError,
        """
        x has no rows.
          given    float32[0, 4]
          wanted   at least one row
          cure     look at how it was selected: an empty selection gives an empty array
        """,
    ),
    Case(
        "x is a number",
        lambda at: at.fit(3.0, Y),
        WrongType,
        TypeError,
        """
        x is not an array.
          given    3.0
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     numpy.asarray([...]), with a value for each row
        """,
    ),
    Case(
        "x is an array of one number",
        lambda at: at.fit(np.float32(3), Y),
        ShapeMismatch,
        ValueError,
        """
        x is one number, and has no rows.
          given    float32[]
          wanted   rows first
          cure     numpy.asarray([x]), or an array of rows
        """,
    ),
    Case(
        "x is the name of a file",
        lambda at: at.fit("x.csv", Y),
        WrongType,
        TypeError,
        """
        x is not an array.
          given    'x.csv'
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     numpy.asarray(x), if it holds numbers
        """,
    ),
    Case(
        "x is a function",
        lambda at: at.fit(batches),
        WrongType,
        TypeError,
        """
        x is not an array.
          given    the function batches
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     call it: x()
        """,
    ),
    Case(
        "x is a loader of batches",
        lambda at: at.fit(Loader(), None),
        WrongType,
        TypeError,
        """
        x is not an array.
          given    <Loader>
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     iter(x), if it gives batches as tuples (x, y)
        """,
    ),
    Case(
        "x is a sparse matrix",
        lambda at: at.fit(scipy.sparse.csr_matrix(X), Y),
        WrongType,
        TypeError,
        """
        x is not an array.
          given    float32[32, 4]
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     x.toarray(), for a sparse matrix
        """,
    ),
    Case(
        "x is ragged",
        lambda at: at.fit([[1, 2, 3, 4], [1, 2, 3]], Y[:2]),
        ShapeMismatch,
        ValueError,
        """
        x is a list of rows of different lengths.
          given    row 1 has 3 values, row 0 has 4
          wanted   rows of one length
          cure     pad the rows to one length
        """,
    ),
    Case(
        "x has a column too few",
        lambda at: at.fit(X[:, :3]),
        ShapeMismatch,
        ValueError,
        """
        x does not have the shape that the model "line" was built for.
          given    x: float32[32, 3]
          wanted   [any, 4], rows first
          cure     give rows of shape (4,)
        """,
    ),
    Case(
        "x has a dimension too many",
        lambda at: at.fit(X[..., None]),
        ShapeMismatch,
        ValueError,
        """
        x does not have the shape that the model "line" was built for.
          given    x: float32[32, 4, 1]
          wanted   [any, 4], rows first
          cure     x.reshape(-1, 4)
        """,
    ),
    Case(
        "x to predict has a column too many",
        lambda at: at.predict(np.zeros((8, 5))),
        ShapeMismatch,
        ValueError,
        """
        x does not have the shape that the model "line" was built for.
          given    x: float32[8, 5]
          wanted   [any, 4], rows first
          cure     give rows of shape (4,)
        """,
    ),
    Case(
        "x has rows of text",
        lambda at: at.fit(np.array([["red"] * 4] * 32)),
        WrongType,
        TypeError,
        """
        x holds text, and a model takes numbers.
          given    <U3[32, 4]
          wanted   floats or integers
          cure     encode x first, for example numpy.unique(x, return_inverse=True)[1]
        """,
    ),
    Case(
        "x is text among numbers",
        lambda at: at.fit(np.array([[1, 2, 3, "a"]] * 32, object)),
        WrongType,
        TypeError,
        """
        x is an array of Python objects, and not all of them are numbers.
          given    'a' in row 0, column 3
          wanted   an array of floats or integers
          cure     numbers in place of the others, then x.astype("float32")
        """,
    ),
    Case(
        "x is dates",
        lambda at: at.fit(X.astype("datetime64[s]")),
        WrongType,
        TypeError,
        """
        x holds dates, and a model takes numbers.
          given    datetime64[s][32, 4]
          wanted   floats or integers
          cure     (x - x.min()) / numpy.timedelta64(1, "D")
        """,
    ),
    Case(
        "x is durations",
        lambda at: at.fit(X.astype("timedelta64[s]")),
        WrongType,
        TypeError,
        """
        x holds durations, and a model takes numbers.
          given    timedelta64[s][32, 4]
          wanted   floats or integers
          cure     x / numpy.timedelta64(1, "s")
        """,
    ),
    Case(
        "x is complex",
        lambda at: at.fit(X + 1j),
        WrongType,
        TypeError,
        """
        x is complex, and its imaginary part would be lost.
          given    complex64[32, 4]
          wanted   real numbers
          cure     numpy.stack([x.real, x.imag], -1)
        """,
    ),
    Case(
        "x has numbers beyond 32 bits",
        lambda at: at.fit(np.full((32, 4), 2**40)),
        BadData,
        ValueError,
        """
        x has integers that do not fit 32 bits, and JAX would change them in silence.
          given    int64 values from 1099511627776 to 1099511627776
          wanted   values from -2147483648 to 2147483647
          cure     jax.config.update("jax_enable_x64", True), or renumber them
        """,
    ),
    Case(
        "x is masked",
        lambda at: at.fit(np.ma.masked_array(X, X > 0.9)),
        BadData,
        ValueError,
        """
        x has masked values, and a mask is not looked at in training.
          given    float32[32, 4]
          wanted   an array in which every value counts
          cure     x.filled(0), with sample_weight=0 for the rows that do not count
        """,
    ),
    Case(
        "y is bytes",
        lambda at: at.fit(X, np.array([b"a", b"b"] * 16)),
        WrongType,
        TypeError,
        """
        y holds bytes, and a model takes numbers.
          given    |S1[32]
          wanted   floats or integers
          cure     encode y first, for example numpy.unique(y, return_inverse=True)[1]
        """,
    ),
    Case(
        "y has holes",
        lambda at: at.fit(X, put(LABELS.astype(object), 5, None), at.classes),
        WrongType,
        TypeError,
        """
        y is an array of Python objects, and not all of them are numbers.
          given    None in row 5
          wanted   an array of floats or integers
          cure     fill in or leave out what is missing in y
        """,
    ),
    Case(
        "y is text",
        lambda at: at.fit(X, np.array(["cat", "dog"] * 16), at.classes),
        WrongType,
        TypeError,
        """
        y holds text, and a model takes numbers.
          given    <U3[32]
          wanted   floats or integers
          cure     encode y first, for example numpy.unique(y, return_inverse=True)[1]
        """,
    ),
    Case(
        "y is shorter than x",
        lambda at: at.fit(X, Y[:30]),
        ShapeMismatch,
        ValueError,
        """
        The arrays have different lengths.
          given    x: 32 rows, y: 30 rows
          wanted   as many rows in each
          cure     x[:30], if the first rows belong together, or find the rows that are missing
        """,
    ),
    Case(
        "y to evaluate is shorter than x",
        lambda at: at.evaluate(X, Y[:3]),
        ShapeMismatch,
        ValueError,
        """
        The arrays have different lengths.
          given    x: 32 rows, y: 3 rows
          wanted   as many rows in each
          cure     x[:3], if the first rows belong together, or find the rows that are missing
        """,
    ),
    Case(
        "y of one batch is shorter than x",
        lambda at: at.line.train_on_batch(X, Y[:3]),
        ShapeMismatch,
        ValueError,
        """
        The arrays have different lengths.
          given    x: 32 rows, y: 3 rows
          wanted   as many rows in each
          cure     x[:3], if the first rows belong together, or find the rows that are missing
        """,
    ),
    Case(
        "y is missing",
        lambda at: at.fit(X, None),
        WrongType,
        TypeError,
        """
        A loss compares the outputs with targets, and there are none.
          given    no y
          wanted   a target for each row of the inputs
          cure     fit(x, y)
        """,
    ),
    Case(
        "y is missing in evaluate",
        lambda at: at.evaluate(X, None),
        WrongType,
        TypeError,
        """
        A loss compares the outputs with targets, and there are none.
          given    no y
          wanted   a target for each row of the inputs
          cure     fit(x, y)
        """,
    ),
    Case(
        "y is missing in train_on_batch",
        lambda at: at.line.train_on_batch(X),
        WrongType,
        TypeError,
        """
        A loss compares the outputs with targets, and there are none.
          given    no y
          wanted   a target for each row of the inputs
          cure     fit(x, y)
        """,
    ),
    Case(
        "x and y in one tuple",
        lambda at: at.fit((X, Y), None),
        WrongType,
        TypeError,
        """
        x is 2 arrays, and there are no targets.
          given    (float32[32, 4], float32[32, 1])
          wanted   inputs and targets apart
          cure     fit(x, y)
        """,
    ),
    Case(
        "sample_weight is shorter than x",
        lambda at: at.fit(sample_weight=np.ones(30)),
        ShapeMismatch,
        ValueError,
        """
        The arrays have different lengths.
          given    x: 32 rows, y: 32 rows, sample_weight: 30 rows
          wanted   as many rows in each
          cure     x[:30], y[:30], if the first rows belong together, or find the rows that are missing
        """,
    ),
    Case(
        "sample_weight has a weight for each column",
        lambda at: at.fit(sample_weight=np.ones((32, 4))),
        ShapeMismatch,
        ValueError,
        """
        `sample_weight` does not fit the values of the loss, one for each sample or for each step of a sequence.
          given    sample_weight of shape (32, 4), loss values of shape (32,)
          wanted   a shape that broadcasts to (32,)
          cure     one weight for each sample: sample_weight of shape (32,)
        """,
    ),
    Case(
        "sample_weight is negative",
        lambda at: at.fit(sample_weight=put(np.ones(32), 4, -1)),
        BadData,
        ValueError,
        """
        sample_weight has a value that is no weight, in row 4.
          given    -1.0
          wanted   finite numbers, 0 or more
          cure     numpy.clip(weights, 0, None)
        """,
    ),
    Case(
        "sample_weight is NaN",
        lambda at: at.fit(sample_weight=put(np.ones(32), 9, NAN)),
        BadData,
        ValueError,
        """
        sample_weight has a value that is no weight, in row 9.
          given    nan
          wanted   finite numbers, 0 or more
          cure     numpy.nan_to_num(weights)
        """,
    ),
    Case(
        "sample_weight is True",
        lambda at: at.fit(sample_weight=True),
        WrongType,
        TypeError,
        """
        sample_weight is not an array.
          given    True
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     numpy.asarray([...]), with a value for each row
        """,
    ),
    Case(
        "sample_weight of one batch is negative",
        lambda at: at.line.train_on_batch(X, Y, -np.ones(32)),
        BadData,
        ValueError,
        """
        sample_weight has a value that is no weight, in row 0.
          given    -1.0
          wanted   finite numbers, 0 or more
          cure     numpy.clip(weights, 0, None)
        """,
    ),
    Case(
        "a dict for a stack",
        lambda at: at.fit({"x": X}),
        WrongType,
        TypeError,
        """
        A stack has one input, and x is a dict.
          given    {'x': float32[32, 4]}
          wanted   one array
          cure     the array itself, or kibitz.Model(module) with a module that takes several inputs
        """,
    ),
    Case(
        "a misspelt key of a dict",
        lambda at: at.fit({"left": X, "rihgt": X}, Y, at.sides),
        UnknownKey,
        ValueError,
        """
        The model asks for x['right'], which is not there.
          given    {'left': float32[32, 4], 'rihgt': float32[32, 4]}
          there is left, rihgt
          nearest  "rihgt"
          cure     x={'right': ...}
        """,
    ),
    Case(
        "a dict whose arrays differ in length",
        lambda at: at.fit({"left": X, "right": X[:8]}, Y, at.sides),
        ShapeMismatch,
        ValueError,
        """
        The arrays have different lengths.
          given    x['left']: 32 rows, x['right']: 8 rows, y: 32 rows
          wanted   as many rows in each
          cure     x['left'][:8], y[:8], if the first rows belong together, or find the rows that are missing
        """,
    ),
    Case(
        "a module that raises",
        lambda at: kibitz.Model(Picky()).predict(X, callbacks=[at.record]),
        ShapeMismatch,
        ValueError,
        """
        The model cannot take x: four columns are a must.
          given    x: float32[32, 4]
          wanted   inputs of the shape that the first layer was made for
          cure     look at x.shape[1:], and at the first layer's input size
        """,
    ),
    Case(
        "a data frame with a hole",
        lambda at: at.fit(Frame(), Y[:2]),
        WrongType,
        TypeError,
        """
        x is an array of Python objects, and not all of them are numbers.
          given    None in row 1, column 'size'
          wanted   an array of floats or integers
          cure     fill in or leave out what is missing in x
        """,
    ),
    Case(
        "y is missing for one output",
        lambda at: at.evaluate(X, {"b": X[:, :2]}, at.two),
        WrongType,
        TypeError,
        """
        The output "a" has a loss, and y has no targets for it.
          given    {'b': float32[32, 2]}
          wanted   targets for a, b
          cure     y={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "validation_data of four parts",
        lambda at: at.fit(validation_data=(X, Y, Y, Y)),
        WrongType,
        TypeError,
        """
        validation_data has 4 parts.
          given    (float32[32, 4], float32[32, 1], float32[32, 1], float32[32, 1])
          wanted   (x, y) or (x, y, sample_weight)
          cure     validation_data=(x_val, y_val)
        """,
    ),
    Case(
        "validation_data without targets",
        lambda at: at.fit(validation_data=X),
        WrongType,
        TypeError,
        """
        validation_data has inputs and no targets.
          given    float32[32, 4]
          wanted   (x, y) or (x, y, sample_weight)
          cure     validation_data=(x, y)
        """,
    ),
    Case(
        "validation_data is a function",
        lambda at: at.fit(validation_data=batches),
        WrongType,
        TypeError,
        """
        validation_data is not an array.
          given    the function batches
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     call it: validation_data()
        """,
    ),
    Case(
        "validation_data is a loader of batches",
        lambda at: at.fit(validation_data=Loader()),
        WrongType,
        TypeError,
        """
        validation_data is not an array.
          given    <Loader>
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     iter(validation_data), if it gives batches as tuples (x, y)
        """,
    ),
    Case(
        "validation_data is the name of a file",
        lambda at: at.fit(validation_data="x.csv"),
        WrongType,
        TypeError,
        """
        validation_data is not an array.
          given    'x.csv'
          wanted   a NumPy or JAX array, or a dict, list or tuple of arrays
          cure     numpy.asarray(validation_data), if it holds numbers
        """,
    ),
    Case(
        "validation_data of another width",
        lambda at: at.fit(validation_data=(X[:, :3], Y)),
        ShapeMismatch,
        ValueError,
        """
        validation_data[0] does not have the shape that the model "line" was built for.
          given    validation_data[0]: float32[32, 3]
          wanted   [any, 4], rows first
          cure     give rows of shape (4,)
        """,
    ),
    Case(
        "validation_data without rows",
        lambda at: at.fit(validation_data=(X[:0], Y[:0])),
        EmptyData,
        ValueError,
        """
        validation_data[0] has no rows.
          given    float32[0, 4]
          wanted   at least one row
          cure     look at how it was selected: an empty selection gives an empty array
        """,
    ),
    Case(
        "validation_data of two lengths",
        lambda at: at.fit(validation_data=(X, Y[:5])),
        ShapeMismatch,
        ValueError,
        """
        The arrays have different lengths.
          given    validation_data[0]: 32 rows, validation_data[1]: 5 rows
          wanted   as many rows in each
          cure     validation_data[0][:5], if the first rows belong together, or find the rows that are missing
        """,
    ),
    Case(
        "validation_data with a label outside the classes",
        lambda at: at.fit(X, LABELS, at.classes, validation_data=(X, put(LABELS, 2, 9))),
        BadData,
        ValueError,
        """
        validation_data[1] has a label outside the classes 0 to 2: 9, in row 2 (1 of 32 rows).
          given    int32[32]
          wanted   the classes 0 to 2
          cure     a last layer of 10 units, or labels from 0 to 2
        """,
    ),
    Case(
        "validation_data with a negative weight",
        lambda at: at.fit(validation_data=(X, Y, -np.ones(32))),
        BadData,
        ValueError,
        """
        validation_data[2] has a value that is no weight, in row 0.
          given    -1.0
          wanted   finite numbers, 0 or more
          cure     numpy.clip(weights, 0, None)
        """,
    ),
]
