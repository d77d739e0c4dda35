"""What Keras has is called here as it is called there: same parameters, same places, same defaults.

What is new in Kibitz is given by keyword, so that no call written for Keras ever means something else.
"""

from __future__ import annotations

import functools
import inspect

import keras
import pytest

from tests.house.names import homes, methods, signature

EMPTY = inspect.Parameter.empty
VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}

DEPARTURES: dict[str, str] = {
    "kibitz.Variable": "a view of state that lives in the engine; a program reads and assigns it, and never makes one",
    "kibitz.optimizers.Optimizer.apply": "pure: the state is given, and handed back",
    "kibitz.optimizers.Optimizer.scale_loss": "pure: the state that holds the scale is given",
    "kibitz.optimizers.LossScaleOptimizer.apply": "pure: the state is given, and handed back",
    "kibitz.optimizers.LossScaleOptimizer.scale_loss": "pure: the state that holds the scale is given",
}
"""Where the call differs from Keras's, and why. An entry that is no longer needed fails."""


@functools.cache
def calls() -> dict[str, tuple[object, object]]:
    """Everything callable that both have: ours and Keras's, by the name in Kibitz."""
    found = {}
    for name in homes().values():
        theirs = _of_keras(name.path)
        if theirs is None or not callable(name.thing):
            continue
        found[name.path] = (name.thing, theirs)
        if inspect.isclass(name.thing) and inspect.isclass(theirs):
            for key in methods(name.thing):
                mine, other = getattr(name.thing, key), getattr(theirs, key, None)
                if inspect.isfunction(mine) and inspect.isfunction(other):
                    found[f"{name.path}.{key}"] = (mine, other)
    return found


def _of_keras(path: str) -> object | None:
    thing: object = keras
    for part in path.split(".")[1:]:
        thing = getattr(thing, part, None)
    return thing


def differences(mine: object, theirs: object) -> list[str]:
    """What a call written for Keras would meet here."""
    ours, keras_has = _parameters(mine), _parameters(theirs)
    found = []
    for place, (one, other) in enumerate(zip(_positional(ours), _positional(keras_has), strict=False)):
        if one.name != other.name:
            found.append(f"place {place} is {one.name}, and in Keras {other.name}")
    missing = [each.name for each in keras_has if each.name not in {one.name for one in ours}]
    taken = {each.kind for each in inspect.signature(mine).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in taken:
        found += [f"{name} is missing" for name in missing]
    known = {each.name: each for each in keras_has}
    for one in ours:
        if (
            one.name in known
            and known[one.name].default is not EMPTY
            and not _same(one.default, known[one.name].default)
        ):
            found.append(f"{one.name}={one.default!r}, and in Keras {known[one.name].default!r}")
        if (
            one.name not in known
            and one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
            and not _open(theirs, one.name)
        ):
            found.append(f"{one.name} is new, and can be given by position")
    return found


def _open(theirs: object, name: str) -> bool:
    """Whether Keras takes this name through its **kwargs, as all layers take `name`."""
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in inspect.signature(theirs).parameters.values())


def _parameters(thing: object) -> list[inspect.Parameter]:
    named = [each for each in signature(thing).parameters.values() if each.kind not in VARIADIC]
    return named[1:] if named and named[0].name in {"self", "model"} else named  # a method may live in another file


def _positional(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    return [each for each in parameters if each.kind is not inspect.Parameter.KEYWORD_ONLY]


def _same(one: object, other: object) -> bool:
    return one is other or (type(one) is type(other) and one == other)


@pytest.mark.parametrize("name", sorted(calls()))
def test_a_call_written_for_keras_means_the_same_here(name):
    if name in DEPARTURES:
        assert differences(*calls()[name]) != [], f"{name} differs no more: take it off DEPARTURES"
    else:
        assert differences(*calls()[name]) == []


def test_every_departure_is_of_a_name_that_both_have():
    assert sorted(set(DEPARTURES) - set(calls())) == []


def test_the_rule_sees_what_differs():
    def keras_has(a, b=1, *, c=2): ...

    def renamed(a, d=1, *, c=2): ...

    def other_default(a, b=1.0, *, c=2): ...

    def new_by_position(a, b=1, every=None, *, c=2): ...

    def new_by_keyword(a, b=1, *, c=2, every=None): ...

    assert differences(renamed, keras_has)[:2] == ["place 1 is d, and in Keras b", "b is missing"]
    assert differences(other_default, keras_has) == ["b=1.0, and in Keras 1"]
    assert differences(new_by_position, keras_has) == ["every is new, and can be given by position"]
    assert differences(new_by_keyword, keras_has) == []
