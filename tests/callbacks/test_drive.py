"""`drive` fires what fit fires; the Recorder writes it down; the door has Keras's names."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest

import kibitz
from kibitz.callbacks import Callback, EarlyStopping, LambdaCallback
from kibitz.errors import MissingName
from kibitz.hooks import KNOWN
from kibitz.testing import FakeModel, Recorder, drive


def test_the_hooks_are_those_of_kerass_fit_in_their_order():
    theirs = []

    class Notes(keras.callbacks.Callback):
        pass

    def note(hook):
        def method(self, *given, logs=None):
            *index, numbers = given if logs is None else (*given, logs)
            theirs.append((hook, *index, sorted(numbers)))

        return method

    for hook in KNOWN - {"on_run_end", "on_batch_begin", "on_batch_end"}:
        setattr(Notes, hook, note(hook))
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.zeros((4, 1), "float32"), np.zeros((4, 1), "float32")
    model.fit(x, y, batch_size=2, epochs=2, validation_data=(x, y), validation_freq=2, verbose=0, callbacks=[Notes()])
    record = Recorder()

    drive(record, epochs=[{"loss": 0.0}, {"loss": 0.0, "val_loss": 0.0}], batches=2, validation=2)

    ours = [(*call[:-1], sorted(call[-1])) for call in record.calls[:-1]]
    assert ours == theirs
    assert record.hooks[-1] == "on_run_end"


def test_the_result_is_frozen_and_compares():
    results = [drive(EarlyStopping("loss"), epochs=[{"loss": 1.0}] * 3) for _ in range(2)]

    assert results[0] == results[1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        results[0].kind = "completed"


@pytest.mark.parametrize(
    ("hook", "now", "kind", "last"),
    [
        ("on_train_begin", False, "stopped", 1),
        ("on_train_batch_end", False, "stopped", 1),
        ("on_test_end", False, "stopped", 1),
        ("on_epoch_end", False, "stopped", 1),
        ("on_train_batch_end", True, "stopped", 0),
        ("on_train_end", False, "stopped", 3),
    ],
)
def test_a_stop_ends_it_where_fit_ends(hook, now, kind, last):
    class Stops(Callback):
        pass

    def stop(self, *given, logs=None):
        self.run.stop("enough", now=now)

    setattr(Stops, hook, stop)
    record = Recorder()
    result = drive([Stops(), record], epochs=[{"loss": 1.0, "val_loss": 1.0}] * 3, batches=2)

    assert (result.kind, result.reason, result.by, result.epochs_done) == (kind, "enough", "Stops", last)
    assert ("on_test_begin" in record.hooks) is not now
    assert record.hooks[-2:] == ["on_train_end", "on_run_end"]


def test_the_models_flag_ends_it_and_may_be_taken_back():
    def flag(wanted):
        def method(self, epoch, logs=None):
            self.model.stop_training = wanted

        return type("Flags", (Callback,), {"on_epoch_end": method})()

    assert drive(flag(True), epochs=[{"loss": 1.0}] * 3).epochs_done == 1
    assert drive([flag(True), flag(False)], epochs=[{"loss": 1.0}] * 3).kind == "completed"


def test_a_model_of_ones_own_may_have_the_flag():
    class Model:
        stop_training = True

    model = Model()
    result = drive(LambdaCallback(on_epoch_end=lambda e, logs: setattr(model, "stop_training", True)),
                   epochs=[{"loss": 1.0}] * 3, model=model)  # fmt: skip

    assert (result.kind, result.epochs_done) == ("stopped", 1)


def test_a_killed_process_calls_nothing_more():
    record = Recorder()
    result = drive(record, epochs=[{"loss": 1.0}] * 5, start=1, kill_after=3)

    assert (result.kind, result.epochs_done) == ("killed", 3)
    assert record.hooks[-1] == "on_epoch_end"
    assert [call[1] for call in record.calls if call[0] == "on_epoch_end"] == [1, 2]


@pytest.mark.parametrize(("error", "kind"), [(None, "interrupted"), (ValueError("no"), "failed")])
def test_an_error_in_a_step_ends_it_and_stays_within(error, kind):
    record = Recorder()
    result = drive(record, epochs=[{"loss": 1.0}] * 2, batches=3, raise_at=(1, 1), error=error)

    assert (result.kind, result.epochs_done) == (kind, 1)
    assert record.hooks[-2:] == ["on_train_batch_begin", "on_run_end"]


def test_an_error_in_a_hook_reaches_the_test_after_everybody_is_closed():
    record = Recorder()

    with pytest.raises(ZeroDivisionError) as raised:
        drive([record, LambdaCallback(on_epoch_end=lambda epoch, logs: 1 / 0)], epochs=[{"loss": 1.0}])

    assert raised.value.__notes__ == ["in LambdaCallback.on_epoch_end, epoch 0 (from 0)"]
    assert record.calls[-1][1].kind == "failed"


def test_the_fake_model_counts_steps_and_keeps_weights_in_files(tmp_path):
    model = FakeModel()
    drive(Recorder(), epochs=[{"loss": 1.0}] * 2, batches=3, model=model)
    assert (int(model.optimizer.iterations), model.weights[0].numpy().tolist()) == (6, [6.0])

    model.save_weights(tmp_path / "a.weights.h5")
    model.set_weights([[0.0]])
    model.load_weights(tmp_path / "a.weights.h5")

    assert model.get_weights()[0].tolist() == [6.0]
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "a.weights.h5", overwrite=False)


def test_what_get_weights_gives_is_a_copy():
    model = FakeModel()
    model.get_weights()[0][:] = 9.0

    assert model.get_weights()[0].tolist() == [0.0]


def test_the_recorder_keeps_the_logs_of_the_moment():
    record = Recorder()
    drive([record, LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(late=1))], epochs=[{"loss": 1.0}])

    assert record.logs("on_epoch_end") == [{"loss": 1.0}]
    assert record.logs("on_train_end") == [{"loss": 1.0, "late": 1}]


def test_every_name_of_the_door_is_there_and_lives_in_the_file_named_after_it():
    import kibitz.callbacks as door

    for name in door.__all__:
        found = getattr(door, name)
        assert found.__module__.startswith("kibitz.callbacks.")
        assert found.__name__ == name
        assert found.__module__.rpartition(".")[2].replace("_", "") in (name.lower(), "base")
    assert dir(door) == sorted(door.__all__)


def test_what_keras_exports_is_here_or_has_another_way():
    import kibitz.callbacks as door

    for name in (each for each in dir(keras.callbacks) if each[0].isupper()):
        if name not in door.__all__:
            with pytest.raises(MissingName) as raised:
                getattr(door, name)
            assert raised.value.what == f"Kibitz has no {name}."


def test_a_misspelt_callback_is_told_its_nearest():
    with pytest.raises(MissingName) as raised:
        kibitz.callbacks.EarlyStoping

    assert raised.value.nearest == "EarlyStopping"
    assert raised.value.cure == "kibitz.callbacks.EarlyStopping"
    assert not hasattr(kibitz.callbacks, "__wrapped__")


def test_a_callback_can_be_written_and_driven_without_jax():
    code = (
        "import sys, kibitz\n"
        "class Mine(kibitz.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None): self.model.stop_training = True\n"
        "stop = kibitz.callbacks.EarlyStopping('loss')\n"
        "assert kibitz.testing.drive([stop, Mine()], epochs=[{'loss': 1.0}]).by == 'Mine'\n"
        "sys.exit('jax' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
