"""What a run did is told when it is asked for, and a callback that costs is named at the end."""

from __future__ import annotations

import logging

import numpy as np
import pytest

import kibitz as keras
from kibitz.report import RunReport, reporting, spent_on

X = np.random.default_rng(3).normal(size=(40, 6)).astype("float32")
Y = X[:, :1] * 2


def build():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


class ReadsOnce(keras.callbacks.Callback):
    def __init__(self, at):
        self.at = at

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            self.model.get_weights()


def test_there_is_none_before_the_first_run():
    assert build().run_report() is None


def test_it_counts_steps_spans_and_what_was_compiled():
    model = build()
    model.fit(X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[ReadsOnce(at=None)])
    report = model.run_report()
    assert report.steps == 20
    assert 1 <= report.spans < 20
    assert [name for name, _ in report.compilations].count("train") == 1
    assert set(report.hooks) == {"ReadsOnce", "History"}
    assert report.total > sum(report.hooks.values()) > 0
    model.fit(X, Y, batch_size=8, verbose=0)
    assert model.run_report().compilations == []


@pytest.mark.parametrize("looks", [True, False], ids=["batch by batch", "many at a time"])
@pytest.mark.parametrize("data", ["arrays", "generator"])
def test_it_counts_the_samples_that_were_trained_on_and_validation_apart(data, looks):
    def batches():
        for start in range(0, 40, 16):
            yield X[start : start + 16], Y[start : start + 16]

    given = {"x": batches(), "steps_per_epoch": 3} if data == "generator" else {"x": X, "y": Y, "batch_size": 16}
    model = build()
    callbacks = [ReadsOnce(at=(0, 1))] if looks else []
    model.fit(
        **given, epochs=1, verbose=0, validation_data=(X[:12], Y[:12]), validation_batch_size=8, callbacks=callbacks
    )
    report = model.run_report()

    assert (report.steps, report.samples, report.validated) == (3, 40, 2)
    assert "3 steps of 40 samples, 2 batches of validation in " in str(report)
    model.evaluate(X, Y, batch_size=16, verbose=0)
    assert (model.run_report().steps, model.run_report().samples, model.run_report().validated) == (3, 40, 0)
    model.predict(X[:10], batch_size=4, verbose=0)
    assert (model.run_report().steps, model.run_report().samples) == (3, 10)


def test_steps_that_are_run_a_second_time_are_counted_once():
    class Halves(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.set_weights([weight / 2 for weight in self.model.get_weights()])

    model = build()
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[ReadsOnce(at=(2, 2)), Halves()])
    assert (model.run_report().steps, model.run_report().samples) == (15, 120)


def test_it_names_whoever_had_steps_run_a_second_time():
    model = build()
    model.fit(X, Y, batch_size=8, epochs=6, verbose=0, callbacks=[ReadsOnce(at=(5, 2))])
    report = model.run_report()
    assert set(report.rewinds) <= {"ReadsOnce"}
    assert report.rerun["ReadsOnce"] <= 3
    assert "ReadsOnce" in str(report)


def test_in_a_hook_it_is_that_of_the_run_that_goes_on():
    steps = []

    class Asks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            steps.append(self.model.run_report().steps)
            self.model.evaluate(X, Y, batch_size=8, verbose=0)
            steps.append(self.model.run_report().steps)

    build().fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[Asks()])
    assert steps == [5, 5, 10, 10]


def test_evaluate_and_predict_have_one_too():
    model = build()
    model.evaluate(X, Y, batch_size=8, verbose=0)
    assert model.run_report().steps == 5
    model.predict(X, batch_size=4, verbose=0)
    assert model.run_report().steps == 10


def test_only_what_costs_is_told(caplog):
    report = RunReport(total=10.0)
    report.hooks.update(Cheap=0.4, Costly=1.5)
    assert report.costly() == (
        "Of 10.0 s of this run, callbacks took: Costly 1.5 s (15%). To spend less, let them act less often, such as at "
        "every hundredth batch (if batch % 100 == 0); model.run_report() says more."
    )
    report.hooks["Costly"] = 0.45
    assert report.costly() is None
    with caplog.at_level(logging.WARNING, "kibitz"):
        build().fit(X, Y, verbose=0)
    assert caplog.records == []


def test_a_costly_callback_is_told_at_the_end(caplog, monkeypatch):
    monkeypatch.setattr("kibitz.report.WORTH", 0.0)
    monkeypatch.setattr("kibitz.report.SHARE", 0.0)
    with caplog.at_level(logging.WARNING, "kibitz"):
        build().fit(X, Y, verbose=0, callbacks=[ReadsOnce(at=(0, 1))])
    assert [record.getMessage().split("took: ")[1][:9] for record in caplog.records] in (["ReadsOnce"], ["History 0"])


def test_time_counts_for_the_innermost_run():
    outer, inner = RunReport(), RunReport()
    with reporting(outer):
        with reporting(inner), spent_on("files"):
            pass
        with spent_on("data"):
            pass
    with spent_on("data"):
        pass
    assert list(outer.seconds) == ["data"]
    assert list(inner.seconds) == ["files"]
