"""LearningRateMonitor: which rate stands in whose logs, and what is refused before the first step."""

from __future__ import annotations

import numpy as np
import optax
import pytest

import kibitz
from kibitz.callbacks import EarlyStopping, History, LearningRateMonitor, LearningRateScheduler
from kibitz.errors import InvalidArgument, MissingName, WrongType
from kibitz.testing import FakeModel, Recorder, drive

X, Y = np.ones((6, 2), "float32"), np.ones((6, 1), "float32")


def fit(optimizer, *callbacks, epochs=2):
    model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
    model.compile(optimizer, "mse")
    record = Recorder()
    model.fit(X, Y, batch_size=2, epochs=epochs, verbose=0, callbacks=[*callbacks, record])
    return record


def test_an_epoch_has_the_rate_as_it_stands_at_its_end():
    history = History()
    halve = LearningRateScheduler(lambda epoch, lr: lr / 2)

    drive([halve, LearningRateMonitor(), history], epochs=[{"loss": 1.0}] * 3, model=FakeModel(1.0))

    assert history.history["learning_rate"] == [0.5, 0.25, 0.125]


def test_of_a_schedule_a_batch_has_the_rate_of_its_own_step_and_an_epoch_the_next_one():
    record = fit(kibitz.optimizers.SGD(lambda step: 1.0 / (step + 1)), LearningRateMonitor(batches=True))

    batches = [logs["learning_rate"] for logs in record.logs("on_train_batch_end")]
    assert batches == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6])
    assert [logs["learning_rate"] for logs in record.logs("on_epoch_end")] == pytest.approx([1 / 4, 1 / 7])


def test_batches_have_it_only_if_that_is_asked():
    record = fit(kibitz.optimizers.SGD(0.5), LearningRateMonitor())

    assert {"learning_rate"} & set().union(*record.logs("on_train_batch_end")) == set()
    assert record.logs("on_epoch_end")[0]["learning_rate"] == 0.5


@pytest.mark.parametrize(
    ("optimizer", "momentum", "decay"),
    [
        (lambda: kibitz.optimizers.SGD(0.5, momentum=0.75), 0.75, 0.0),
        (lambda: kibitz.optimizers.AdamW(0.5, beta_1=0.25, weight_decay=0.125), 0.25, 0.125),
        (lambda: kibitz.optimizers.LossScaleOptimizer(kibitz.optimizers.SGD(0.5, momentum=0.75)), 0.75, 0.0),
    ],
)
def test_momentum_and_weight_decay_are_logged_if_asked(optimizer, momentum, decay):
    monitor = LearningRateMonitor(momentum=True, weight_decay=True)
    (logs,) = fit(optimizer(), monitor, epochs=1).logs("on_epoch_end")

    assert (logs["learning_rate"], logs["momentum"], logs["weight_decay"]) == (0.5, momentum, decay)
    assert monitor.adds == ("learning_rate", "momentum", "weight_decay")


def test_each_of_several_optimizers_has_its_name():
    model, record = FakeModel(), Recorder()
    one, two = FakeModel(1.0).optimizer, FakeModel(0.5).optimizer
    one.name, two.name = "body", "head"
    model.optimizer.optimizers = [one, two]
    monitor = LearningRateMonitor(batches=True)

    drive([monitor, record], epochs=[{"loss": 1.0}], model=model)

    both = {"learning_rate_body": 1.0, "learning_rate_head": 0.5}
    assert record.logs("on_train_batch_end") == record.logs("on_epoch_end") == [{"loss": 1.0, **both}]
    assert monitor.adds == tuple(both)


def test_a_callback_behind_it_may_watch_the_rate_and_no_other_name():
    monitored = [LearningRateMonitor(), EarlyStopping("learning_rate", mode="min")]
    assert drive(monitored, epochs=[{"loss": 1.0}] * 3).by == "EarlyStopping"

    with pytest.raises(kibitz.errors.UnknownMonitor):
        drive([LearningRateMonitor(), EarlyStopping("momentum", mode="min")], epochs=[{"loss": 1.0}])


def test_looking_on_changes_no_bit_and_reads_no_state_again():
    def weights(*callbacks):
        kibitz.utils.set_random_seed(3)
        model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        model.compile(kibitz.optimizers.Adam(lambda step: 0.1 / (step + 1)), "mse")
        model.fit(X, Y, batch_size=2, epochs=4, verbose=0, callbacks=list(callbacks))
        return model.get_weights()[0].tobytes(), sum(model.run_report().rewinds.values())

    assert weights() == weights(LearningRateMonitor(batches=True))


def test_an_optimizer_without_momentum_is_refused_before_the_first_step():
    record = Recorder()
    with pytest.raises(InvalidArgument, match="finds no momentum"):
        drive([LearningRateMonitor(momentum=True), record], epochs=[{"loss": 1.0}])
    assert record.calls == []


def test_a_rate_that_is_out_of_reach_is_refused_before_the_first_step():
    with pytest.raises(MissingName):
        fit(optax.adam(1e-3), LearningRateMonitor())
    with pytest.raises(InvalidArgument, match="cannot see the weight decay"):
        fit(optax.inject_hyperparams(optax.adamw)(learning_rate=0.5), LearningRateMonitor(weight_decay=True))
    (logs,) = fit(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5), LearningRateMonitor(), epochs=1).logs(
        "on_epoch_end"
    )
    assert logs["learning_rate"] == 0.5


def test_what_is_neither_yes_nor_no_is_refused():
    with pytest.raises(WrongType, match="batches is yes or no"):
        LearningRateMonitor(batches=10)
