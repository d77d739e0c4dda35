"""What cannot be is refused before anything runs, in four parts, and the model is as it was."""

from __future__ import annotations

import pytest

from kibitz.errors import KibitzError
from tests.speaks.case import Scene, X, Y
from tests.speaks.cases import CASES, FAMILIES

NOISE = ("jax/_src", "Traced<", "Tracer", "PyTreeDef", "ShapeDtypeStruct", "\x1b", " object at 0x")
"""What nobody who typed a wrong number wants to read."""


@pytest.fixture(scope="module")
def models():
    """The models of all cases, made once; `scene` makes them anew behind a case that compiled or moved one."""
    return {"scene": Scene()}


@pytest.fixture
def scene(models, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    scene = models["scene"]
    scene.record.calls.clear()
    compiled = [model.optimizer for model in scene.models]
    yield scene
    if scene.moved() or compiled != [model.optimizer for model in scene.models]:
        models["scene"] = Scene()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_is_refused_before_the_first_step(case, scene):
    with pytest.raises(case.plain) as caught:
        case.act(scene)
    error = caught.value
    assert str(error) == case.words
    assert type(error) is case.kind
    assert isinstance(error, KibitzError)
    assert error.cure
    assert "\n  given    " in str(error)
    assert [word for word in NOISE if word in str(error)] == []
    assert scene.record.hooks == [], "a hook fired"
    assert not scene.moved(), "the model is not what it was"


def test_a_mistake_has_a_case_and_no_case_stands_twice():
    names = [case.name for cases in FAMILIES.values() for case in cases]
    assert len(names) == len(set(names)) == len(CASES)


def test_a_line_of_the_text_is_short_but_where_names_are_listed():
    long = [line for case in CASES.values() for line in case.words.splitlines() if len(line) > 140]
    assert {line.split()[0] for line in long} == {"there"}


def test_the_recorder_hears_and_the_weights_move_where_nothing_is_wrong():
    scene = Scene()
    scene.fit(X, Y)
    assert scene.record.hooks[0] == "on_train_begin"
    assert scene.moved()
