"""The callbacks for Weights & Biases log what wandb's own log, under the same keys; read back from the run's file."""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import ModelCheckpoint, WandbMetricsLogger, WandbModelCheckpoint
from kibitz.errors import InvalidArgument, MissingExtra, NotReady
from kibitz.testing import drive
from tests.callbacks.wandb_runs import artifacts, axes, history, offline_run

EPOCHS = [{"loss": 2.0, "val_loss": 2.5}, {"loss": 1.0, "val_loss": 3.0}]


@pytest.fixture
def run(tmp_path):
    with offline_run(tmp_path) as run:
        yield run


def test_epochs_are_logged_under_wandbs_keys(tmp_path):
    with offline_run(tmp_path) as run:
        drive(WandbMetricsLogger(), epochs=EPOCHS, batches=3)
        summary = dict(run.summary)

    rate = float(np.float32(0.01))
    assert history(tmp_path) == [
        {"epoch/epoch": 0, "epoch/loss": 2.0, "epoch/val_loss": 2.5, "epoch/learning_rate": rate},
        {"epoch/epoch": 1, "epoch/loss": 1.0, "epoch/val_loss": 3.0, "epoch/learning_rate": rate},
    ]
    assert axes(tmp_path) == {"epoch/epoch": "", "epoch/*": "epoch/epoch"}
    assert {key: summary[key] for key in ("epoch/epoch", "epoch/loss")} == {"epoch/epoch": 1, "epoch/loss": 1.0}


@pytest.mark.parametrize(("freq", "steps"), [("batch", [0, 1, 2, 3, 4, 5]), (2, [0, 2, 4, 6])])
def test_batches_are_logged_beside_the_epochs(tmp_path, freq, steps):
    with offline_run(tmp_path):
        logger = WandbMetricsLogger(log_freq=freq)
        drive(logger, epochs=EPOCHS, batches=3)

    rows = history(tmp_path)
    batches = [row for row in rows if "batch/batch_step" in row]
    assert [row["batch/batch_step"] for row in batches] == steps
    assert batches[0] == {"batch/batch_step": 0, "batch/loss": 2.0, "batch/learning_rate": float(np.float32(0.01))}
    assert [row["epoch/epoch"] for row in rows if "epoch/epoch" in row] == [0, 1]
    assert axes(tmp_path) == {"batch/batch_step": "", "batch/*": "batch/batch_step"}
    assert (logger.global_step, logger.global_batch) == (6, steps[-1] + (freq if freq == 2 else 1))


def test_a_real_fit_logs_its_history_and_the_rate_of_a_schedule(tmp_path):
    x, y = np.linspace(-1, 1, 8, dtype="float32").reshape(8, 1), np.ones((8, 1), "float32")
    model = kibitz.Sequential([kibitz.layers.Dense(1)])
    model.compile(kibitz.optimizers.SGD(kibitz.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)), "mse")
    with offline_run(tmp_path):
        kept = model.fit(x, y, batch_size=4, epochs=3, validation_data=(x, y), verbose=0,
                         callbacks=[WandbMetricsLogger(initial_global_step=5)]).history  # fmt: skip
    rows = history(tmp_path)

    assert [row["epoch/loss"] for row in rows] == kept["loss"]
    assert [row["epoch/val_loss"] for row in rows] == kept["val_loss"]
    assert [row["epoch/learning_rate"] for row in rows] == [0.25, 0.125, 0.0625]


def test_each_saved_file_is_an_artifact(tmp_path):
    with offline_run(tmp_path) as run:
        name = f"run_{run.id}_model"
        save = WandbModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
        drive(save, epochs=EPOCHS)

    assert artifacts(tmp_path) == [
        (name, "model", ["epoch_0", "latest"], ["1.weights.h5"]),
        (name, "model", ["epoch_1", "latest"], ["2.weights.h5"]),
    ]


def test_what_was_not_better_is_no_artifact(tmp_path):
    with offline_run(tmp_path):
        save = WandbModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_best_only=True, save_weights_only=True)
        drive(save, epochs=EPOCHS)

    assert [aliases for _, _, aliases, _ in artifacts(tmp_path)] == [["epoch_0", "latest"]]
    assert save.best == 2.5


def test_files_after_batches_are_named_by_them(tmp_path):
    with offline_run(tmp_path):
        path = tmp_path / "{epoch}-{batch}.weights.h5"
        drive(WandbModelCheckpoint(path, save_weights_only=True, save_freq=2), epochs=EPOCHS, batches=3)

    assert [(aliases[0], files) for _, _, aliases, files in artifacts(tmp_path)] == [
        ("epoch_0_batch_1", ["1-2.weights.h5"]),
        ("epoch_1_batch_0", ["2-1.weights.h5"]),
        ("epoch_1_batch_2", ["2-3.weights.h5"]),
    ]


def test_it_is_called_as_model_checkpoint_is():
    assert inspect.signature(WandbModelCheckpoint) == inspect.signature(ModelCheckpoint)
    assert str(inspect.signature(WandbMetricsLogger)).startswith("(log_freq: 'str | int' = 'epoch', initial_global_ste")


MAKE = {
    "WandbMetricsLogger": WandbMetricsLogger,
    "WandbModelCheckpoint": lambda: WandbModelCheckpoint("a.weights.h5", save_weights_only=True),
}


@pytest.mark.parametrize(("name", "make"), MAKE.items(), ids=MAKE)
def test_without_a_run_it_says_what_comes_first(name, make):
    with pytest.raises(NotReady) as raised:
        make()

    assert raised.value.cure == f'wandb.init(project="..."), then {name}(...)'


@pytest.mark.parametrize(("name", "make"), MAKE.items(), ids=MAKE)
def test_without_the_package_it_says_what_to_install(monkeypatch, name, make):
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)

    with pytest.raises(MissingExtra) as raised:
        make()

    assert raised.value.what == f"{name} needs the package wandb, and it is not installed."
    assert raised.value.cure == 'pip install "kibitz[wandb]"'


def test_a_run_that_was_finished_meanwhile_is_missed_before_the_first_step(run):
    logger = WandbMetricsLogger()
    run.finish()

    with pytest.raises(NotReady):
        drive(logger, epochs=EPOCHS)


@pytest.mark.parametrize(
    "given", [{"log_freq": "epochs"}, {"log_freq": 0}, {"log_freq": True}, {"log_freq": 1.5}, {"log_freq": None},
              {"initial_global_step": -1}, {"initial_global_step": 2.0}], ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_at_once(run, given):
    with pytest.raises(InvalidArgument):
        WandbMetricsLogger(**given)


def test_kibitz_does_not_bring_wandb_along(tmp_path):
    import subprocess

    code = "import sys, kibitz; kibitz.callbacks.WandbMetricsLogger; sys.exit('wandb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
