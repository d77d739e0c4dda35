"""JSON from a file is small, shallow, finite, and names each key once; or it is refused."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from kibitz.checkpoint.strict_json import DEEPEST, MOST_BYTES, dumps, loads
from kibitz.errors import InvalidArgument, UnusableFile


@pytest.mark.parametrize(
    "value",
    [{}, [], {"a": [1, -2.5, None, True, "x"]}, 2**63 - 1, -(2**63), "é\u2028", "\U0001f600", "\\ud", 1e-300, {"": {}}],
)
def test_what_is_written_is_read_back(value):
    assert loads(dumps(value, "a note"), "a note") == value


REFUSED = {
    "NaN": b'{"a": NaN}',
    "an infinity": b"[-Infinity]",
    "a number too large for a float": b"[1e999]",
    "a whole number of more than 64 bits": b"[9223372036854775808]",
    "five thousand digits": b"[" + b"1" * 5000 + b"]",
    "a key twice": b'{"a": 1, "b": 2, "a": 3}',
    "a key twice, deep within": b'[{"x": {"a": 1, "a": 1}}]',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "half a character": b'["\\ud800"]',
    "half a character as a key": b'{"\\udfff": 1}',
    "no UTF-8": b'["\xff"]',
    "UTF-16": "{}".encode("utf-16"),
    "deep lists": b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2),
    "deep dicts": b'{"a":' * (DEEPEST + 2) + b"1" + b"}" * (DEEPEST + 2),
    "very deep lists": b"[" * 200_000 + b"]" * 200_000,
    "no end": b'{"a": ',
    "something behind it": b"{} {}",
    "nothing": b"",
    "code": b"__import__('os')",
    "single quotes": b"{'a': 1}",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_what_it_is_and_a_cure(data):
    with pytest.raises(UnusableFile, match=r"^Config.json cannot be trusted: .*[\s\S]*cure"):
        loads(data, "config.json")


def test_it_names_what_is_wrong():
    with pytest.raises(UnusableFile, match="it names 'a' twice"):
        loads(REFUSED["a key twice"], "config.json")
    with pytest.raises(UnusableFile, match="it holds NaN"):
        loads(REFUSED["NaN"], "config.json")
    with pytest.raises(UnusableFile, match=f"more than {DEEPEST} deep"):
        loads(REFUSED["very deep lists"], "config.json")


def test_what_is_as_deep_as_allowed_is_read():
    assert loads(b"[" * DEEPEST + b"]" * DEEPEST, "config.json")


def test_too_much_is_refused_before_it_is_parsed():
    with pytest.raises(UnusableFile, match="the most"):
        loads(b" " * (MOST_BYTES + 1), "config.json")


def test_a_key_twice_among_very_many_is_found_at_once():
    many = b"{" + b",".join(b'"%d": 0' % number for number in range(200_000)) + b', "7": 1}'
    with pytest.raises(UnusableFile, match="'7' twice"):
        loads(many, "config.json")


def test_numbers_of_numpy_are_numbers():
    assert loads(dumps({"a": np.float32(0.5), "b": np.int64(3), "c": np.array(2.0)}, "a note"), "a note") == {
        "a": 0.5, "b": 3, "c": 2.0,
    }  # fmt: skip


DEEP = functools.reduce(lambda inner, _: [inner], range(DEEPEST + 2), 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.zeros(3), object(), lambda: 0, {1, 2}, b"x", 2**63,
                                   {1: "a", "1": "b"}, "half a character: \ud800", DEEP, "x" * MOST_BYTES])  # fmt: skip
def test_what_could_not_be_read_back_is_not_written(value):
    with pytest.raises(InvalidArgument, match=r"^The configuration holds what JSON does not: .*[\s\S]*cure"):
        dumps({"a": value}, "the configuration")
