"""Plain values as JSON and arrays: long lists of numbers among them, which no text has to hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.checkpoint.packed import LONG, pack, unpack
from kibitz.checkpoint.strict_json import dumps, loads
from kibitz.errors import UnusableFile

NUMBERS = st.one_of(
    st.lists(st.floats(), min_size=LONG), st.lists(st.integers(-(2**64), 2**64), min_size=LONG),
    st.lists(st.one_of(st.floats(), st.integers(), st.booleans(), st.none()), min_size=LONG),
)  # fmt: skip


@given(NUMBERS)
def test_a_long_list_comes_back_with_its_very_numbers_and_kinds(values):
    held = {}
    packed = loads(dumps(pack({"loss": values}, "x", held), "a note"), "a note")
    (back,) = unpack(packed, held).values()
    assert [(type(each), repr(each)) for each in back] == [(type(each), repr(each)) for each in values]


def test_ten_thousand_numbers_are_no_text():
    held = {}
    packed = pack([float(at) for at in range(10_000)] + [math.nan], "x", held)
    assert packed == {"numbers": "x/0"}
    assert (held["x/0"].dtype, held["x/0"].shape) == (np.float64, (10_001,))
    assert "array" not in dumps(pack([1.5] * (LONG - 1), "x", {}), "a note").decode()


@pytest.mark.parametrize("array", [np.zeros(3, "float32"), np.zeros((2, 2)), np.array(["a"])], ids=str)
def test_no_other_array_passes_for_a_list_of_numbers(array):
    with pytest.raises(UnusableFile, match="in no form that Kibitz writes"):
        unpack({"numbers": "x"}, {"x": array})
    with pytest.raises(UnusableFile, match="in no form that Kibitz writes"):
        unpack({"numbers": "y"}, {"x": array})
