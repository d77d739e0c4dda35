"""What is looked for: a text is read by the grammar of `when=`, a function is asked."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from kibitz.errors import InvalidArgument, UnknownMonitor, WrongType
from kibitz.logs import Logs
from kibitz.replay.when import When


def test_a_text_is_a_condition_on_the_logs():
    spike = When("loss > 10")
    assert (spike.written, spike.keys, spike.logs_alone) == ("loss > 10", ["loss"], True)
    assert spike(None, {"loss": 12.0}) is True
    assert spike(None, {"loss": 8.0}) is False
    assert spike(None, {}) is False


def test_not_finite_is_something_to_look_for():
    for written in ("isfinite(loss) == 0", "not isfinite(loss)"):
        assert When(written)(None, {"loss": math.nan}) is True
        assert When(written)(None, {"loss": 1.0}) is False


def test_the_batchs_own_value_is_not_the_running_mean():
    logs = Logs({"loss": 2.0}, batch={"loss": 30.0})
    assert When("batch.loss > 10")(None, logs) is True
    assert When("loss > 10")(None, logs) is False


def far(model, logs):
    return model > logs["loss"]


@pytest.mark.parametrize("function", [far, lambda model, logs: model > logs["loss"], functools.partial(far)])
def test_a_function_is_given_the_model_and_the_logs(function):
    when = When(function)
    assert (when(3, {"loss": 2.0}), when(1, {"loss": 2.0})) == (True, False)
    assert (when.keys, when.logs_alone) == ([], False)


def test_a_function_is_named_in_words():
    assert When(far).written == "far"
    assert When(lambda model, logs: True).written == "the condition"
    assert When(functools.partial(far)).written == "partial"


@pytest.mark.parametrize("said", [1, np.True_, np.array([True]), "yes"])
def test_what_is_true_to_python_is_yes(said):
    assert When(lambda model, logs: said)(None, {}) is True
    assert When(lambda model, logs: None)(None, {}) is False


def test_an_array_is_neither_yes_nor_no():
    with pytest.raises(WrongType, match="neither yes nor no"):
        When(lambda model, logs: np.ones(2) > 0)(None, {})


@pytest.mark.parametrize("given", [None, 3, far(1, {"loss": 0}), lambda model: True, lambda: True, Logs, ["loss > 1"]])
def test_what_is_neither_is_refused(given):
    with pytest.raises(WrongType, match="bisect is told what it looks for") as raised:
        When(given)
    assert raised.value.cure == 'when="loss > 10"'


def test_a_text_that_cannot_be_read_is_refused():
    with pytest.raises(InvalidArgument, match="bisect cannot read its condition"):
        When("loss >")


def test_a_number_that_no_batch_has_is_told_before_anything_is_run():
    When("batch.mae > 1 and loss > 2").settle(["loss", "mae"])
    When(far).settle([])
    with pytest.raises(UnknownMonitor) as raised:
        When("val_loss > 1").settle(["loss", "mae"])
    assert raised.value.there_is == ["loss", "mae"]
