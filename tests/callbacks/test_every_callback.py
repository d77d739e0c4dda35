"""Every callback that Kibitz exports passes `check_callback`, is called as Keras's is, and tells all in its docstring.

A new one is found by itself; `python -m tests.callbacks.table` writes the page of results anew.
"""

from __future__ import annotations

import contextlib
import inspect
import re

import keras
import pytest

import kibitz
from kibitz.callbacks import Callback, EarlyStopping
from kibitz.callbacks.dispatch import Dispatch
from kibitz.hooks import BATCH_HOOKS
from kibitz.run import Run
from kibitz.testing import check_callback
from kibitz.testing.bench import Bench
from tests.callbacks.table import HOW, NAMES, PAGE, QUESTIONS, checked, how, row

LINES = ("Reads", "Changes", "Keeps", "Unlike Keras", "Example", "Source")


@pytest.fixture(scope="module")
def bench():
    return Bench()


@pytest.fixture
def one_bench_for_all(bench, monkeypatch):
    """Each check makes a model of its own, and compiles its steps; these tests make one together."""
    monkeypatch.setattr("kibitz.testing.checked.Bench", lambda: bench)


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_every_check_and_the_page_says_so(name, tmp_path, request):
    if how(name).around is contextlib.nullcontext:  # what it needs around it may be about the model
        request.getfixturevalue("one_bench_for_all")
    report = checked(name, tmp_path)
    line = row(name, report)
    print(line)

    assert report.ok, str(report)
    assert line in PAGE.read_text(encoding="utf-8").splitlines(), "if this is meant: python -m tests.callbacks.table"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_at_batches_only_where_it_has_something_to_do_there(name, tmp_path):
    made = how(name)
    with made.around(tmp_path):
        callback = made.make(getattr(kibitz.callbacks, name), tmp_path / "0")
        dispatch = Dispatch([callback], Run("train"))
        dispatch.lend(callback, dispatch.run)
        dispatch.add(callback)  # who overrides what is asked anew
    listens = [hook for hook in BATCH_HOOKS if dispatch.listens(hook)]

    assert bool(listens) == bool(made.batches), f"{name} is called at {listens}: say in HOW why, or let it be quiet"


@pytest.mark.usefixtures("one_bench_for_all")
def test_an_early_stopping_that_restores_goes_on_with_its_best_weights():
    assert check_callback(EarlyStopping, "loss", patience=3, restore_best_weights=True, changes=True).ok


def positional(kind):
    """What may be given by position: names and defaults, in order."""
    named = inspect.signature(kind).parameters.values()
    return [(each.name, each.default) for each in named if each.kind is each.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(keras.callbacks, name)])
def test_it_is_called_as_kerass_is(name):
    ours, theirs = getattr(kibitz.callbacks, name), getattr(keras.callbacks, name)
    known = set(inspect.signature(theirs).parameters)
    new = [each for each in inspect.signature(ours).parameters.values() if each.name not in known]

    assert positional(ours) == positional(theirs)
    assert [each.name for each in new if each.kind is not each.KEYWORD_ONLY] == []


@pytest.mark.parametrize("name", NAMES)
def test_its_docstring_tells_all(name):
    doc = inspect.cleandoc(getattr(kibitz.callbacks, name).__doc__)

    assert [line for line in LINES if not re.search(rf"^{line}:\s*\S", doc, re.MULTILINE)] == []


def test_the_page_has_the_checks_that_there_are_and_no_other_callbacks():
    page = PAGE.read_text(encoding="utf-8")

    assert re.findall(r"^\d+\. (.*)$", page, re.MULTILINE) == list(QUESTIONS)
    assert re.findall(r"^(\w+) +[+\-X]", page, re.MULTILINE) == NAMES


def test_nothing_stands_in_the_table_that_is_not_exported():
    assert sorted(set(HOW) - set(NAMES)) == []


def test_whoever_adds_a_callback_is_told_what_to_write(monkeypatch):
    class Posts(Callback):
        def __init__(self, address):
            super().__init__()

    monkeypatch.setattr("kibitz.callbacks.Posts", Posts, raising=False)

    with pytest.raises(AssertionError) as raised:
        how("Posts")

    assert str(raised.value).splitlines()[:2] == [
        "Posts cannot be made without address: add to HOW in tests/callbacks/table.py",
        '    "Posts": How(lambda kind, path: kind(address=...)),',
    ]
