"""The list of attacks is whole, and every test that it names is there."""

from __future__ import annotations

import pytest

from tests.house.package import ROOT
from tests.security.attacks import LIST


def test_there_are_twenty_six():
    assert list(LIST) == list(range(1, 27))


@pytest.mark.parametrize("number", LIST)
def test_each_is_built_by_a_test(number):
    assert LIST[number].where
    for path, names in LIST[number].where.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        assert [name for name in names if f"def {name}(" not in text] == []
