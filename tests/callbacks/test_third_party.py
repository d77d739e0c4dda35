"""Callbacks that others wrote for Keras, run unchanged, and what they wrote down read back."""

from __future__ import annotations

import io
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import kibitz
from kibitz.testing import check_callback
from tests.house.package import ROOT

ROWS = {"x": np.linspace(-1, 1, 20, dtype="float32").reshape(10, 2), "y": np.arange(10) % 2}


def fitted(*callbacks, epochs=3, **how):
    """The History of a small classifier, three batches an epoch."""
    kibitz.utils.set_random_seed(0)
    model = kibitz.Sequential([kibitz.layers.Dense(2, input_shape=(2,), activation="softmax")])
    model.compile(kibitz.optimizers.Adam(0.25), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(**ROWS, batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks), **how)


# Optuna


@pytest.fixture
def optuna():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield optuna
    optuna.logging.set_verbosity(optuna.logging.INFO)


def pruning(trial, monitor="loss", interval=1):
    from optuna_integration import KerasPruningCallback

    return KerasPruningCallback(trial, monitor, interval)


def test_optuna_prunes_a_trial_and_the_callbacks_beside_it_are_closed(optuna):
    records = []

    def objective(trial):
        records.append(kibitz.testing.Recorder())
        # The first trial sets the bar; the second one reports a loss that is no better than the median.
        worse = kibitz.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(loss=logs["loss"] + (100 if trial.number and epoch else 0))
        )
        return fitted(worse, pruning(trial), records[-1]).history["loss"][-1]

    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=0))
    study.optimize(objective, n_trials=2)
    first, second = study.trials

    assert [each.state.name for each in study.trials] == ["COMPLETE", "PRUNED"]
    assert sorted(first.intermediate_values) == [0, 1, 2]
    assert sorted(second.intermediate_values) == [0, 1]
    assert first.value == first.intermediate_values[2] == study.best_value
    outcome = records[1].calls[-1][1]
    assert (outcome.kind, outcome.by) == ("failed", "KerasPruningCallback")
    assert isinstance(outcome.error, optuna.TrialPruned)


def test_optuna_is_given_the_losses_of_the_history_at_its_interval(optuna):
    kept = {}

    def objective(trial):
        kept.update(fitted(pruning(trial, "val_loss", interval=2), epochs=4, validation_split=0.2).history)
        return kept["val_loss"][-1]

    study = optuna.create_study()
    study.optimize(objective, n_trials=1)

    assert study.trials[0].intermediate_values == {1: kept["val_loss"][1], 3: kept["val_loss"][3]}


@pytest.mark.filterwarnings("ignore:The reported value is ignored")  # a trial is for one fit, and the check makes two
def test_optunas_callback_keeps_every_promise(optuna):
    # A first trial is never pruned, so the callback only looks on.
    study = optuna.create_study()
    assert check_callback(lambda: pruning(study.ask())).ok


# MLflow


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow with a store in a file of its own, whose callbacks raise what goes wrong in place of logging it."""
    monkeypatch.setenv("MLFLOW_AUTOLOGGING_TESTING", "true")
    with warnings.catch_warnings():
        # MLflow's models still use a way of loading that SQLAlchemy 2.1 has given up.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated")
        import mlflow.keras

        mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("ours", (tmp_path / "artifacts").as_uri()))
        yield mlflow
        mlflow.set_tracking_uri(None)


def logged(mlflow, **how):
    """The id of a run, the History of a fit in it, and the client that reads it back."""
    with mlflow.start_run() as run:
        history = fitted(mlflow.keras.MlflowCallback(**how), validation_data=(ROWS["x"], ROWS["y"])).history
        mlflow.flush_async_logging()
    return run.info.run_id, history, mlflow.MlflowClient()


def values(client, run, key):
    return {each.step: each.value for each in client.get_metric_history(run, key)}


def test_mlflow_logs_the_optimizer_the_summary_and_every_epoch(mlflow):
    run, history, client = logged(mlflow)
    params = client.get_run(run).data.params

    assert params["optimizer_learning_rate"] == "0.25"
    assert (params["optimizer_beta_1"], params["optimizer_amsgrad"]) == ("0.9", "False")
    for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert values(client, run, key) == dict(enumerate(history[key]))
    assert client.get_run(run).data.metrics["validation_loss"] in history["val_loss"]
    folder = Path(client.get_run(run).info.artifact_uri.removeprefix("file://"))
    summary = (folder / "model_summary.txt").read_text(encoding="utf-8")
    assert "Total params: 6" in summary
    assert "dense" in summary


def test_mlflow_logs_every_so_many_batches_at_the_optimizers_iterations(mlflow):
    record = kibitz.testing.Recorder()
    with mlflow.start_run() as run:
        fitted(mlflow.keras.MlflowCallback(log_every_epoch=False, log_every_n_steps=2), record)
        mlflow.flush_async_logging()
    losses = [each["loss"] for each in record.logs("on_train_batch_end")]

    assert values(mlflow.MlflowClient(), run.info.run_id, "loss") == {step: losses[step - 1] for step in (2, 4, 6, 8)}


# tqdm


def bars(verbose, **how):
    """The lines that tqdm draws."""
    from tqdm.keras import TqdmCallback

    shown = io.StringIO()
    history = fitted(
        TqdmCallback(verbose=verbose, file=shown, ascii=True, ncols=160, mininterval=0, miniters=1), epochs=2, **how
    ).history
    return re.split("[\r\n]", shown.getvalue().rstrip()), history


@pytest.fixture(autouse=True)
def no_monitor_of_tqdm(monkeypatch):
    """tqdm has a thread that watches for bars that stand still; no test needs one left behind."""
    from tqdm import tqdm

    monkeypatch.setattr(tqdm, "monitor_interval", 0)


def counts(lines, unit):
    """What a bar counted, as shown."""
    digits = r"(\d)\.00/3\.00" if unit == "batch" else r"(\d)/2 "
    return [int(found[1]) for each in lines if (found := re.search(rf"\| {digits}", each))]


def test_tqdms_bar_of_epochs_shows_the_numbers_of_each():
    lines, history = bars(verbose=0, validation_split=0.2)

    assert counts(lines, "epoch")[-1] == 2
    assert f"loss={history['loss'][1]:.3g}" in lines[-1]
    assert f"val_loss={history['val_loss'][1]:.3g}" in lines[-1]


@pytest.mark.parametrize("verbose", [1, 2])
def test_tqdms_bar_of_batches_moves_with_each_batch(verbose):
    lines, history = bars(verbose=verbose)

    moved = [count for count in counts(lines, "batch") if count]
    assert [count for place, count in enumerate(moved) if place == 0 or moved[place - 1] != count] == [1, 2, 3, 1, 2, 3]
    assert f"loss={history['loss'][0]:.3g}" in "".join(lines)


def test_tqdms_callback_keeps_every_promise():
    from tqdm.keras import TqdmCallback

    checked = check_callback(lambda: TqdmCallback(verbose=1, file=io.StringIO()), raises=False)

    assert [(each.name, each.why) for each in checked.failed] == []


# What the page says was tried


def test_the_page_names_the_versions_that_were_tried():
    page = (ROOT / "docs" / "callbacks-of-others.md").read_text(encoding="utf-8")
    for package in ("optuna-integration", "mlflow-skinny", "tqdm", "wandb"):
        told = re.search(rf"{package} (\d+\.\d+)", page)
        assert told, f"docs/callbacks-of-others.md does not say which {package} was tried"
        assert tuple(map(int, told[1].split("."))) <= tuple(map(int, version(package).split(".")[:2]))
