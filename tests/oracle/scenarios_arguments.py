"""Arguments and modes of the shipped callbacks, each for itself: what the other scenarios leave out."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.scenarios_shipped import follows
from tests.oracle.small import files, line, line_data, printed, without_times


@scenario("EarlyStopping.max")
def early_stopping_has_thresholds_when_more_is_better(ns, tmp):
    """mode="max" with min_delta, baseline, start_from_epoch, and the best weights put back, word for word."""
    found = []
    for values, settings in (
        ([1, 1.125, 1.5, 1.625, 3], {"patience": 1, "min_delta": 0.25}),
        ([1, 1.25, 1.5, 1.75, 3], {"min_delta": -0.25}),
        ([1, 2, 3, 4], {"patience": 2, "baseline": 9}),
        ([1, 9.5, 3, 4, 5], {"patience": 2, "baseline": 9}),
        ([9, 8, 1, 1, 1], {"patience": 1, "start_from_epoch": 2}),
        ([1, 3, 2, 2.5, 2], {"patience": 2, "restore_best_weights": True, "verbose": 1}),
    ):
        stopping = ns.callbacks.EarlyStopping("seen", mode="max", **settings)
        model = line(ns)
        ran, text, *_ = follows(ns, values, lambda stopping=stopping: stopping, model=model)
        found.append(
            [ran, text, stopping.stopped_epoch, float(stopping.best), stopping.best_epoch, model.get_weights()]
        )
    return found


@scenario("ReduceLROnPlateau.mode", "ReduceLROnPlateau.min_delta")
def a_plateau_knows_which_way_is_better(ns, tmp):
    """min, max and the metric's own way; better by min_delta or not at all."""
    found = []
    for values, settings in (
        ([1.0, 2.0, 3.0, 2.5, 2.0], {"mode": "max"}),
        ([1.0, 2.0, 3.0, 2.5, 2.0], {"mode": "min"}),
        ([1.0, 1.0625, 1.125, 1.5, 1.5], {"mode": "max", "min_delta": 0.25}),
        ([3.0, 2.875, 2.5, 2.25, 2.25], {"mode": "min", "min_delta": 0.25}),
        ([3.0, 2.75, 2.5, 2.25, 2.25], {"mode": "min", "min_delta": 0}),
    ):
        plateau = ns.callbacks.ReduceLROnPlateau("seen", patience=1, factor=0.5, verbose=1, **settings)
        model = line(ns, optimizer=ns.optimizers.SGD(1.0), metrics=None)
        _, text, history, _ = follows(ns, values, lambda plateau=plateau: plateau, model=model)
        found.append([text, history["learning_rate"]])
    x, y = line_data(6)
    y = (y > 0).astype("float32")
    for monitor in ("loss", "accuracy", "val_mae"):
        model = line(ns, optimizer=ns.optimizers.SGD(0.25), metrics=["accuracy", "mae"])
        plateau = ns.callbacks.ReduceLROnPlateau(monitor, patience=1, min_delta=0.0)
        history = model.fit(x, y, epochs=4, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[plateau])
        found.append(history.history["learning_rate"])
    return found


@scenario("LearningRateScheduler.silent")
def a_schedule_is_silent_unless_told(ns, tmp):
    """verbose=0 prints nothing; a NumPy number is as good as a float."""
    x, y = line_data(4)
    with printed() as text:
        history = line(ns).fit(
            x, y, epochs=2, verbose=0,
            callbacks=[ns.callbacks.LearningRateScheduler(lambda epoch: np.float64(0.5) / (epoch + 1))],
        )  # fmt: skip
    return [text.getvalue(), history.history["learning_rate"]]


@scenario("ModelCheckpoint.words")
def checkpoints_say_what_they_save(ns, tmp):
    """verbose=1 without a comparison: every epoch, every few batches, and for a whole model."""
    x, y = line_data(8)
    found = []
    for name, settings in (
        ("{epoch}.weights.h5", {"save_weights_only": True}),
        ("{epoch}-{batch}.weights.h5", {"save_weights_only": True, "save_freq": 3}),
        ("{epoch}.keras", {}),
        ("silent.keras", {"verbose": 0}),
    ):
        keeper = ns.callbacks.ModelCheckpoint(str(tmp / name), **{"verbose": 1, **settings})
        with printed() as text:
            line(ns).fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[keeper])
        found.append(text.getvalue().replace(str(tmp), ""))
    return [found, files(tmp)]


@scenario("ModelCheckpoint.initial_value_threshold", "ModelCheckpoint.auto")
def checkpoints_have_a_value_to_beat(ns, tmp):
    """A threshold for less and for more; without a mode the metric says which way."""
    found = []
    for settings in ({"mode": "min", "initial_value_threshold": 2}, {"mode": "max", "initial_value_threshold": 3.5}):
        template = str(tmp / (settings["mode"] + "-{epoch}.weights.h5"))
        keeper = ns.callbacks.ModelCheckpoint(
            template, monitor="seen", save_best_only=True, save_weights_only=True, **settings
        )
        follows(ns, [3.0, 2.0, 4.0, 1.5, 5.0], lambda keeper=keeper: keeper)
        found.append(float(keeper.best))
    x, y = line_data(8)
    y = (y > 0).astype("float32")
    for monitor in ("val_loss", "accuracy", "mae"):
        keeper = ns.callbacks.ModelCheckpoint(
            str(tmp / (monitor + "-{epoch}.weights.h5")), monitor, save_best_only=True, save_weights_only=True
        )
        model = line(ns, metrics=["accuracy", "mae"])
        model.fit(x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[keeper])
        found.append(float(keeper.best))
    return [found, files(tmp)]


@scenario("TerminateOnNaN.raise_error")
def a_loss_without_end_is_told_as_an_error(ns, tmp):
    """raise_error=True: NaN and infinities end fit with a RuntimeError that names the batch; False prints it."""
    x, y = line_data(8)
    found = []
    for bad in (np.nan, np.inf):
        targets = y.copy()
        targets[5] = bad
        for raises in (True, False):
            ending = ns.callbacks.TerminateOnNaN(raise_error=raises)
            error, seen = None, recorder(ns, "on_train_batch_end", "on_train_end")
            with printed() as text:
                try:
                    line(ns).fit(
                        x, targets, batch_size=2, shuffle=False, verbose=0, callbacks=[seen, ending]
                    )  # fmt: skip
                except RuntimeError as raised:
                    error = "batch 2" in str(raised)
            found.append([error, text.getvalue(), hooks_of(seen.trace)])
    return found


@scenario(*(f"LambdaCallback.on_{moment}_{side}" for moment in ("epoch", "train", "train_batch")
            for side in ("begin", "end")))  # fmt: skip
def each_function_serves_as_one_hook(ns, tmp):
    """Each of the six parameters alone, by name and by position."""
    x, y = line_data(4)
    names = [f"on_{moment}_{side}" for moment in ("epoch", "train", "train_batch") for side in ("begin", "end")]
    calls = []

    def called(name):
        return lambda *given: calls.append([name, *(each if isinstance(each, int) else list(each) for each in given)])

    def batch(name):
        return lambda batch, logs: calls.append([name, batch, list(logs)])

    functions = {name: (batch if "batch" in name else called)(name) for name in names}
    for name in names:
        alone = ns.callbacks.LambdaCallback(**{name: functions[name]})
        line(ns).fit(x, y, batch_size=2, verbose=0, callbacks=[alone])
    together = ns.callbacks.LambdaCallback(*functions.values())
    line(ns).fit(x, y, batch_size=2, verbose=0, callbacks=[together])
    return calls


@scenario("BackupAndRestore.double_checkpoint", "BackupAndRestore.save_freq")
def a_run_goes_on_from_its_backup_however_it_is_taken(ns, tmp):
    """With the backup before the latest kept too, and by a number of batches that is an epoch's."""
    x, y = line_data(4)

    def fails(self, epoch, logs):
        if epoch == 2:
            raise OSError("power")

    found = []
    for name, settings in (("a", {"double_checkpoint": True}), ("b", {"double_checkpoint": False})):
        models = [line(ns, optimizer=ns.optimizers.Adam(0.05)) for _ in range(2)]
        backups = [ns.callbacks.BackupAndRestore(str(tmp / name), **settings) for _ in range(2)]
        try:
            models[0].fit(x, y, epochs=4, verbose=0, callbacks=[backups[0], recorder(ns, on_epoch_begin=fails)])
        except OSError:
            found.append((tmp / name).exists())
        history = models[1].fit(x, y, epochs=4, verbose=0, callbacks=[backups[1]])
        found.append([history.epoch, history.history, models[1].get_weights(), (tmp / name).exists()])
    backup = ns.callbacks.BackupAndRestore(str(tmp / "c"), save_freq=1, delete_checkpoint=False)
    line(ns).fit(x, y, epochs=2, verbose=0, callbacks=[backup])
    return [found, (tmp / "c").exists()]


@scenario(*(f"CallbackList.{name}" for name in ("callbacks", "add_history", "add_progbar", "model")))
def a_callback_list_has_what_it_is_told_to(ns, tmp):
    """One callback or several, History and the bar if they are wanted, the model and the parameters for each."""
    model, found = line(ns), []
    for given, settings in (
        (None, {}),
        ("one", {}),
        ("several", {"add_history": True}),
        ("several", {"add_progbar": True, "model": model, "epochs": 2, "steps": 1, "verbose": 2}),
        (None, {"add_history": True, "add_progbar": True, "model": model, "epochs": 1, "steps": 1, "verbose": 0}),
    ):
        seen = [recorder(ns, "on_epoch_end") for _ in range(2)]
        listed = ns.callbacks.CallbackList({"one": seen[0], "several": seen}.get(given), **settings)
        with printed() as text:
            if "model" in settings:
                listed.on_train_begin()
                listed.on_epoch_begin(0)
                listed.on_epoch_end(0, {"loss": 1.5})
                listed.on_train_end({"loss": 1.5})
        kinds = [type(each).__name__ for each in listed.callbacks]
        owned = [each.model is model for each in listed.callbacks]
        found.append([kinds, owned, [each.params for each in seen], without_times(text.getvalue())])
    return found
