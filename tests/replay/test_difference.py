"""What moved between two states: the numbers are NumPy's, the order says who moved most, the picture is drawn."""

from __future__ import annotations

import math
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kibitz.errors import InvalidArgument, MissingExtra, ShapeMismatch
from kibitz.replay.difference import MOST, Difference, difference

floats = st.floats(-1e6, 1e6, width=32)
shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@given(shapes.flatmap(lambda shape: st.tuples(*[arrays.arrays("float32", shape, elements=floats)] * 2)))
def test_the_numbers_are_those_of_numpy(pair):
    before, after = pair
    (row,) = difference({"w": before}, {"w": after}).rows
    old, new = before.astype(float), after.astype(float)
    assert row.shape == before.shape
    assert row.norm == pytest.approx(np.sqrt(np.sum(old**2)))
    assert row.moved == pytest.approx(np.sqrt(np.sum((new - old) ** 2)))
    if before.size:
        assert row.greatest == np.max(np.abs(new - old))
        assert abs(new[row.where] - old[row.where]) == row.greatest
    else:
        assert (row.greatest, row.where) == (0.0, None)
    assert (row.relative == 0) == np.array_equal(before, after)


@given(st.dictionaries(st.text(max_size=4), st.tuples(floats, floats), max_size=8))
def test_they_are_ordered_by_how_far_they_moved_for_what_they_were(pairs):
    early, late = ({name: np.float32(pair[at]) for name, pair in pairs.items()} for at in (0, 1))
    shares = [row.relative for row in difference(early, late).rows]
    assert sorted(shares, reverse=True) == shares
    assert len(shares) == len(pairs)


def test_what_is_not_finite_any_more_comes_first_and_says_where():
    early = {name: np.ones((2, 3)) for name in ("a", "b", "c", "d", "e")}
    late = {name: value.copy() for name, value in early.items()}
    late["a"] *= 50
    late["b"][1, 2] = math.nan
    late["c"][0, 1] = math.inf
    early["d"][0, 0] = late["d"][0, 0] = math.nan  # it was so before
    rows = difference(early, late).rows
    assert [(row.name, row.where) for row in rows[:2]] == [("b", (1, 2)), ("c", (0, 1))]
    assert [row.name for row in rows[2:]] == ["a", "d", "e"]
    assert rows[3].relative == rows[4].relative == 0


def test_what_moved_beside_numbers_that_were_not_finite_is_told_as_such():
    early, late = {"a": np.array([math.nan, 1.0])}, {"a": np.array([math.nan, 2.0])}
    (row,) = difference(early, late).rows
    assert (row.moved, row.greatest, row.where, row.broken) == (1.0, 1.0, (1,), True)
    assert "not finite" in str(difference(early, late))


def test_what_was_all_zeros_moved_from_zero():
    (row,) = difference({"bias": np.zeros(2)}, {"bias": np.ones(2)}).rows
    assert row.relative == math.inf
    assert "from 0" in str(difference({"bias": np.zeros(2)}, {"bias": np.ones(2)}))


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "int32", "uint32", "uint8", "bool", "complex64"])
def test_every_dtype_is_compared(dtype):
    early, late = np.array([0, 1, 1], dtype), np.array([1, 1, 0], dtype)
    (row,) = difference({"w": early}, {"w": late}).rows
    assert (row.norm, row.moved, row.greatest) == (pytest.approx(2**0.5), pytest.approx(2**0.5), 1.0)


def test_two_states_are_of_one_model():
    with pytest.raises(InvalidArgument, match="do not have the same names") as raised:
        difference({"a": np.ones(2), "b": np.ones(2)}, {"a": np.ones(2), "c": np.ones(2)})
    assert str(raised.value.given) == "b, c"
    with pytest.raises(ShapeMismatch, match="a has two shapes") as raised:
        difference({"a": np.ones(2)}, {"a": np.ones((2, 1))})
    assert "float64[2] and float64[2, 1]" in str(raised.value)


def many(count=MOST + 5):
    early = {f"layer_{at}/kernel": np.full(4, 2.0) for at in range(count)}
    return difference(early, {name: value + at for at, (name, value) in enumerate(early.items())})


def test_the_table_shows_the_most_and_counts_the_rest():
    text = str(many()).splitlines()
    assert text[0] == "what moved from before to after"
    assert text[3].split()[0] == f"layer_{MOST + 4}/kernel"
    assert text[3].split()[-5:] == ["48", "1,200", "%", "24", "(0,)"]
    assert len(text) == 3 + MOST + 1
    assert text[-1] == "  ... 5 more, which moved less"
    assert len(many().rows) == MOST + 5


def test_a_name_out_of_a_file_is_harmless(tmp_path):
    evil = "loss\x1b[2J\n$_^"
    told = difference({evil: np.ones(2)}, {evil: np.zeros(2)}, names=("step 1", "step 2"))
    assert [each for each in str(told) if not each.isprintable() and each != "\n"] == []
    assert "loss\\x1b[2J\\n$_^" in str(told)
    told.picture(tmp_path / "evil.png")


def test_it_is_drawn_as_bars_in_the_order_of_the_table(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("kibitz.replay.difference_picture.save_figure", lambda figure, path: drawn.append(figure))
    early = {"kernel": np.full(4, 2.0), "bias": np.zeros(2), "broken": np.ones(1), "still": np.ones(3)}
    late = {"kernel": np.full(4, 2.5), "bias": np.ones(2), "broken": np.array([math.nan]), "still": np.ones(3)}
    difference(early, late).picture(tmp_path / "moved.png")
    (axes,) = drawn[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["broken", "bias", "kernel", "still"]
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.25, 0.25, 0.0]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [True, True, False, False]
    assert [text.get_text().strip() for text in axes.texts] == ["not finite", "from 0", "25 %", "0 %"]
    assert axes.yaxis_inverted()  # the first is the uppermost


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_it_is_saved_as_a_picture(tmp_path, ending):
    for count, told in enumerate((many(), Difference(()), many(1))):
        path = tmp_path / "new" / f"{count}.{ending}"
        told.picture(path)
        assert path.stat().st_size > 1000


def test_a_picture_needs_the_name_of_one_and_matplotlib(tmp_path, monkeypatch):
    with pytest.raises(InvalidArgument, match="is the name of none"):
        many().picture(tmp_path / "moved.txt")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match="matplotlib"):
        many().picture(tmp_path / "moved.png")


def test_names_that_differ_only_at_their_beginning_or_end_stay_apart(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("kibitz.replay.difference_picture.save_figure", lambda figure, path: drawn.append(figure))
    long = "block/attention/query_key_value/projection/of/the/heads/"
    names = [f"1{long}kernel", f"2{long}kernel", f"1{long}biased"]
    early = {name: np.ones(2) for name in names}
    difference(early, early).picture(tmp_path / "moved.png")
    labels = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert len(set(labels)) == 3
    assert max(map(len, labels)) <= 40
