"""The conditions of `when=`: a grammar of comparisons, read as Python reads it, and never run as Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.callbacks.condition import COMPARISONS, Condition
from kibitz.callbacks.forecast import Forecast
from kibitz.errors import InvalidArgument, UnknownMonitor, WrongType
from kibitz.logs import Logs
from tests.drawn import examples

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ("a < 1 or a < 1 and b < 1", True),  # `and` binds tighter than `or`
        ("(a < 1 or a < 1) and b < 1", False),
        ("not a < 1 and b < 1", False),  # `not` binds tightest
        ("not (a < 1 and b < 1)", True),
        ("not not a < 1", True),
        ("not a > 1 or b < 1", True),
        ("a < 1 and b > 1 and c > 2", True),
        ("a > 1 or b < 1 or c > 2", True),
        ("((a)) < 1", None),
        ("((a < 1))", True),
        ("1 > a", True),
        ("a < b", True),
        ("a==0.5", True),
        ("a!=0.5", False),
        ("a<=.5 and a>=.5", True),
        ("  a\t<\n1 ", True),
    ],
)
def test_it_is_read_as_it_is_written(written, holds):
    numbers = {"a": 0.5, "b": 2.0, "c": 3.0}
    if holds is None:
        with pytest.raises(InvalidArgument):
            Condition(written)
    else:
        assert Condition(written).holds(numbers) is holds


@pytest.mark.parametrize("number", ["1", "+1", "-1", "1.", ".5", "-.5", "1e3", "1E-3", "-2.5e+2", "0", "10"])
def test_numbers_have_signs_points_and_exponents(number):
    assert Condition(f"a == {number}").holds({"a": float(number)})
    assert Condition(f"a=={number}").holds({"a": float(number)})
    assert not Condition(f"a < {number}").holds({"a": float(number)})


@pytest.mark.parametrize("key", ["loss", "gradient_norm/dense_1/kernel", "top.5", "_x", "A1", "order", "nota"])
def test_keys_are_those_of_logs(key):
    condition = Condition(f"{key} > 1")
    assert condition.keys == [key]
    assert condition.holds({key: 2.0})


def test_keys_are_named_once_each_in_order():
    assert Condition("b > 1 and (a < 1 or b < 2) and 1 < c").keys == ["b", "a", "c"]


@pytest.mark.parametrize("logs", [None, {}, {"a": 0.0}, {"a": 0.0, "b": None}])
def test_where_a_number_is_missing_nothing_is_decided(logs):
    assert Condition("a < 1 or b < 1").holds(logs) is None


@pytest.mark.parametrize("sign", COMPARISONS)
@pytest.mark.parametrize(("one", "other"), [(NAN, 1.0), (1.0, NAN), (NAN, NAN)])
def test_a_comparison_with_nan_does_not_hold(sign, one, other):
    numbers = {"a": one, "b": other}
    assert Condition(f"a {sign} b").holds(numbers) is False
    assert Condition(f"not a {sign} b").holds(numbers) is True


@pytest.mark.parametrize(
    ("written", "finite", "broken"),
    [
        ("isfinite(a) == 0", False, True),
        ("isfinite(a)", True, False),
        ("not isfinite(a)", False, True),
        ("isfinite( a ) and a < 1", True, False),
        ("(isfinite(a))", True, False),
        ("isfinite(isfinite(a)) == 1", True, True),
        ("b < isfinite(a)", True, False),
        ("a > 1 or not isfinite(a)", False, True),
    ],
)
def test_it_can_be_asked_whether_a_number_is_finite(written, finite, broken):
    assert Condition(written).holds({"a": 0.5, "b": 0.5}) is finite
    for value in (NAN, INF, -INF):
        assert Condition(written).holds({"a": value, "b": 0.5}) is (broken or (written.startswith("a > 1")))
    assert Condition(written).holds({"b": 0.5}) is None


def test_a_key_may_be_called_as_a_function_is():
    assert Condition("isfinite > 1").keys == ["isfinite"]
    assert Condition("isfinite(isfinite)").keys == ["isfinite"]


def test_the_batchs_own_value_is_asked_for_by_name():
    logs = Logs({"loss": 0.5}, batch={"loss": 12.0})
    assert Condition("batch.loss > 10").holds(logs) is True
    assert Condition("batch.loss > 10 and loss < 1").holds(logs) is True
    assert Condition("batch.mae > 10").holds(logs) is None
    assert Condition("batch.loss > 10").holds({"loss": 0.5}) is None  # no batch has just ended
    assert Condition("batch.loss < 1").holds(Logs({"batch.loss": 0.5}, batch={"loss": 12.0})) is True


def test_the_batchs_own_value_is_there_only_where_a_batch_has_just_ended():
    keys = ("loss", "val_loss")
    Condition("batch.loss < 1").settle(keys, Forecast(), batch=True)
    for written, batch, near in (("batch.loss < 1", False, "loss"), ("batch.val_loss < 1", True, "batch.loss"),
                                 ("batch.los < 1", True, "batch.loss")):  # fmt: skip
        with pytest.raises(UnknownMonitor) as raised:
            Condition(written).settle(keys, Forecast(), batch=batch)
        assert raised.value.cure.startswith('when="')
        assert near in raised.value.cure


def test_infinities_are_compared():
    assert Condition("a > 1e308").holds({"a": INF})
    assert Condition("a < -1e308").holds({"a": -INF})


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), 1, True, np.int64(0)])
def test_whatever_is_one_number_is_compared(value):
    assert Condition("a >= 0 and a <= 1").holds({"a": value}) is True


@pytest.mark.parametrize("value", ["high", [1.0, 2.0], np.ones(2), object()])
def test_what_is_not_one_number_is_an_error(value):
    with pytest.raises(WrongType, match='Stop compares numbers, and "a" is not one') as raised:
        Condition("a < 1", "Stop").holds({"a": value})
    assert raised.value.wanted == "one number"


BAD = {
    "": "nothing is written there", "  \n": "nothing is written there", "loss": "a comparison is missing",
    "loss <": "it ends too early", "< 1": 'a key or a number is missing before "<"', "a < 1 and": "it ends too early",
    "and loss < 1": 'missing before "and"', "a < 1 or or a > 2": 'missing before "or"', "not": "it ends too early",
    "loss < 1 loss > 2": '"loss" is one too many', "0 < loss < 1": '"<" is one too many',
    "(loss < 1": "a parenthesis is not closed", "loss < 1)": '")" is one too many', "()": 'missing before ")"',
    "loss = 1": '"= 1" cannot be read', "loss < 1 && a > 2": '"&& a > 2" cannot be read', "loss ≤ 1": "cannot be read",
    "loss < 'a'": "cannot be read", "loss < 1; a": "cannot be read", "1 < 2": "it asks for no number of the logs",
    "loss + 1 < 2": "cannot be read", "loss[0] < 1": "cannot be read", "-loss < 1": "cannot be read",
    "loss < 1e": '"e" is one too many', "loss < 0x1": '"x1" is one too many', "loss not < 1": "a comparison is missing",
    "(loss) < 1": "a comparison is missing", "loss < (1)": 'missing before "("', "a == not 1": 'missing before "not"',
    "loss < 1 AND a > 2": '"AND" is one too many', "loss > --1": "cannot be read",
    "isnan(loss)": 'there is no function "isnan", only isfinite', "isfinite(loss < 1)": "a parenthesis is not closed",
    "isfinite()": 'missing before ")"', "isfinite(1)": "it asks for no number of the logs", "isfinite(": "too early",
    "isfinite(loss": "a parenthesis is not closed", "loss < f(a)": 'there is no function "f"',
}  # fmt: skip


@pytest.mark.parametrize(("written", "why"), BAD.items(), ids=[*map(repr, BAD)])
def test_what_cannot_be_read_is_refused_with_its_reason(written, why):
    with pytest.raises(InvalidArgument) as raised:
        Condition(written, "Stop")
    assert raised.value.what.startswith("Stop cannot read its condition: ")
    assert why in raised.value.what
    assert raised.value.given == written
    assert raised.value.wanted
    assert "when=" in raised.value.cure


@pytest.mark.parametrize("given", [None, 1, True, ["loss < 1"], lambda logs: True])
def test_what_is_no_text_is_refused(given):
    with pytest.raises(InvalidArgument, match="it is no text"):
        Condition(given)


@pytest.mark.parametrize(
    "written", ["__import__('os').system('true') == 0", "exec('1') < 1", "().__class__ == 1", "f() < 1", "a if b"]
)
def test_nothing_is_ever_run(written, monkeypatch):
    for name in ("eval", "exec", "compile"):
        monkeypatch.setattr(f"builtins.{name}", None)
    with pytest.raises(InvalidArgument):
        Condition(written)


def test_a_name_of_python_is_a_key_like_any_other():
    assert Condition("__import__ < 1 and lambda > 2").keys == ["__import__", "lambda"]


def test_a_key_that_will_not_be_there_is_told_with_the_condition_that_would_do():
    keys = ("loss", "val_loss")
    with pytest.raises(UnknownMonitor) as raised:
        Condition("los < 1 and val_loss < 1 or 2 > los", "Stop").settle(keys, Forecast(epoch_keys=keys))
    assert raised.value.nearest == "loss"
    assert raised.value.cure == 'when="loss < 1 and val_loss < 1 or 2 > loss"'
    Condition("los < 1", "Stop").settle(keys, Forecast(epoch_keys=keys, open=True))  # somebody may add it


# -- beside Python -----------------------------------------------------------------------------------------------------

operands = st.sampled_from(["a", "b", "c"]) | st.sampled_from(["0", "1", "-1", "0.5", "2e-1", "+3", ".25", "1e1"])
spaces = st.sampled_from(["", " ", "  "])


@st.composite
def comparisons(draw):
    space = draw(spaces)
    return f"{draw(operands)}{space}{draw(st.sampled_from(list(COMPARISONS)))}{space}{draw(operands)}"


conditions = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        st.builds("not {}".format, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=8,
)


@examples(200)
@given(written=conditions, numbers=st.lists(st.sampled_from([-1, 0, 0.25, 0.5, 1, 3, 10, INF]), min_size=3, max_size=3))
def test_it_holds_where_python_says_so(written, numbers):
    logs = dict(zip("abc", numbers, strict=True))
    if not set("abc") & set(written.replace("and", "")):
        with pytest.raises(InvalidArgument, match="asks for no number"):
            Condition(written)
    else:
        assert Condition(written).holds(logs) is bool(eval(written, {}, logs))


@examples(200)
@given(
    written=st.text("abn.10<=>() \tandornot'_é", max_size=20)
    | st.lists(st.sampled_from(["isfinite(", "a", ")", "<", "1", " and ", "batch.a"]), max_size=8).map("".join)
)
def test_any_text_is_read_or_refused(written):
    try:
        condition = Condition(written)
    except InvalidArgument:
        return
    assert condition.holds(dict.fromkeys(condition.keys, 0.5)) in {True, False}
