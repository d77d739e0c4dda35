"""The oracle asks after everything: each fact of the contract, each parameter, each hook has a scenario of its own."""

from __future__ import annotations

import inspect

import keras as theirs
import pytest

from kibitz import callbacks
from tests.oracle.record import FIT_HOOKS, HOOKS, PREDICT_HOOKS
from tests.oracle.scenario import differences, load

SCENARIOS = load()
COVERED = {covered for each in SCENARIOS.values() for covered in each.covers}

FACTS = [f"F{number}" for number in range(1, 10)]
METHODS = ("fit", "evaluate", "predict", "compile", "train_on_batch", "test_on_batch", "predict_on_batch")
METHODS += ("save", "save_weights", "load_weights", "summary")

CALLBACKS = [name for name in callbacks.__all__ if name != "TensorBoard" and hasattr(theirs.callbacks, name)]


def test_there_are_enough_and_each_says_what_it_proves():
    assert len(SCENARIOS) >= 75
    assert [name for name, each in SCENARIOS.items() if not each.proves or not each.covers] == []


def test_no_two_scenarios_are_there_for_the_same_alone():
    covers = [each.covers for each in SCENARIOS.values()]
    assert len(set(covers)) == len(covers)


@pytest.mark.parametrize("fact", FACTS)
def test_each_fact_of_the_contract_has_a_scenario(fact):
    assert fact in COVERED


@pytest.mark.parametrize("method", METHODS)
def test_each_parameter_has_a_scenario(method, keras):
    parameters = inspect.signature(getattr(keras.Sequential, method)).parameters.values()
    names = [each.name for each in parameters if each.name != "self" and each.kind is not each.VAR_KEYWORD]
    assert [name for name in names if not any(each.startswith(f"{method}.{name}") for each in COVERED)] == []


@pytest.mark.parametrize("name", CALLBACKS)
def test_each_argument_of_a_callback_has_a_scenario(name, keras):
    parameters = inspect.signature(getattr(keras.callbacks, name).__init__).parameters.values()
    names = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD and each.name != "self"]
    assert [each for each in names if f"{name}.{each}" not in COVERED] == []


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_is_raised_in_read_in_and_written_in(hook):
    assert {f"raise.{hook}", f"read.{hook}", f"write.{hook}"} <= COVERED


def test_each_hook_has_its_stop_request():
    test_hooks, predict_hooks = FIT_HOOKS[4:7], PREDICT_HOOKS[:3]
    wanted = {f"stop.{hook}" for hook in FIT_HOOKS} | {f"rate.{hook}" for hook in FIT_HOOKS}
    wanted |= {f"stop_evaluating.{hook}" for hook in test_hooks} | {f"stop_predicting.{hook}" for hook in predict_hooks}
    assert wanted <= COVERED


def test_each_loss_of_keras_has_a_scenario(keras):
    left_out = {"ctc", "circle"}
    losses = {name for name in dir(keras.losses) if inspect.isfunction(getattr(keras.losses, name))}
    losses -= left_out | {"get", "serialize", "deserialize"}
    assert {name for name in losses if f"loss.{name}" not in COVERED} == set()


def test_the_comparison_finds_what_differs():
    import numpy as np

    same = {"loss": 1.0, "all": [1, "a", None, np.ones(3)]}
    assert differences(same, {"loss": 1.000001, "all": [1, "a", None, np.ones(3)]}, 1e-5) == []
    for other in (
        {"all": same["all"], "loss": 1.0},
        {"loss": 1.001, "all": same["all"]},
        {"loss": np.float32(1.0), "all": same["all"]},
        {"loss": 1.0, "all": [1, "a", None, np.ones((3, 1))]},
        {"loss": 1.0, "all": [1, "a", None]},
        {"loss": 1.0, "all": [True, "a", None, np.ones(3)]},
    ):
        assert len(differences(same, other, 1e-5)) == 1
