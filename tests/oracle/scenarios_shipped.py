"""The callbacks that Keras ships: stopping, learning rates, files, lambdas."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import files, line, line_data, printed, raised


def scripted(ns, values, key="seen"):
    """A callback that adds one value of a script to the logs at each epoch's end."""

    class Scripted(ns.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs[key] = values[epoch]

    return Scripted()


def follows(ns, values, *makers, model=None, **settings):
    """Fit as many epochs as there are values, with callbacks that watch them; how far it came."""
    x, y = line_data(4)
    model = line(ns) if model is None else model
    callbacks = [make() for make in makers]
    with printed() as text:
        history = model.fit(
            x, y, epochs=len(values), shuffle=False, verbose=0, callbacks=[scripted(ns, values), *callbacks], **settings
        )
    return [len(history.epoch), text.getvalue(), history.history, *callbacks]


@scenario("EarlyStopping.patience", "EarlyStopping.monitor", "EarlyStopping.mode")
def early_stopping_waits_for_its_patience(ns, tmp):
    """Patience of zero, one and two on rising, equal and falling values; max as well as min."""
    model, found = line(ns), []
    for values in ([1, 1, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 2, 1.5, 0.5]):
        for settings in ({}, {"patience": 1}, {"patience": 2}, {"mode": "max", "patience": 1}):
            stopping = ns.callbacks.EarlyStopping("seen", **{"mode": "min", **settings})
            ran = follows(ns, values, lambda stopping=stopping: stopping, model=model)[0]
            found.append([ran, stopping.stopped_epoch, float(stopping.best), stopping.best_epoch, stopping.wait])
    return found


@scenario("EarlyStopping.min_delta", "EarlyStopping.baseline", "EarlyStopping.start_from_epoch")
def early_stopping_has_thresholds(ns, tmp):
    """min_delta from the best, strictly; a baseline to beat; epochs that do not count."""
    model, found = line(ns), []
    for values, settings in (
        ([3, 2.95, 2.9, 2.85], {"patience": 1, "min_delta": 0.2}),
        ([3, 2.5, 2.25, 1], {"min_delta": 0.25}),
        ([3, 2.5, 2.25, 1], {"min_delta": -0.25}),
        ([5, 4, 3, 2], {"patience": 2, "baseline": 1}),
        ([5, 0.5, 3, 2], {"patience": 2, "baseline": 1}),
        ([5, 4, 6, 6, 6], {"patience": 1, "start_from_epoch": 2}),
    ):
        stopping = ns.callbacks.EarlyStopping("seen", mode="min", **settings)
        ran = follows(ns, values, lambda stopping=stopping: stopping, model=model)[0]
        found.append([ran, stopping.stopped_epoch, float(stopping.best), stopping.best_epoch])
    return found


@scenario("EarlyStopping.restore_best_weights", "EarlyStopping.verbose")
def early_stopping_restores_the_best_weights(ns, tmp):
    """At a stop and at the planned end alike; verbose says so."""
    kept = []
    found = []
    for values in ([3, 1, 2, 2, 2], [3, 1, 2]):
        keep = recorder(ns, "on_epoch_end", on_epoch_end=lambda self, *_: kept.append(self.model.get_weights()))
        stopping = ns.callbacks.EarlyStopping("seen", mode="min", patience=2, restore_best_weights=True, verbose=1)
        model = line(ns)
        ran, text, *_ = follows(ns, values, lambda k=keep: k, lambda s=stopping: s, model=model)
        found.append([ran, text, model.get_weights(), np.array_equal(model.get_weights()[0], kept[1][0])])
        kept.clear()
    return found


@scenario("EarlyStopping.auto")
def early_stopping_knows_which_way_is_better(ns, tmp):
    """Losses and errors fall, accuracies rise; val_ changes nothing."""
    x, y = line_data(8)
    y = (y > 0).astype("float32")
    found = []
    for monitor in ("loss", "val_loss", "val_mae", "accuracy", "val_accuracy"):
        model = line(ns, optimizer=ns.optimizers.SGD(0.0), metrics=["mae", "accuracy"])
        stopping = ns.callbacks.EarlyStopping(monitor)
        history = model.fit(x, y, epochs=4, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[stopping])
        found.append([len(history.epoch), stopping.stopped_epoch, float(stopping.best)])
    return found


@scenario("EarlyStopping.validation_freq")
def early_stopping_counts_validations_where_epochs_have_none(ns, tmp):
    """With validation at every second epoch it waits for these, and its epochs are those of the run."""
    x, y = line_data(6)
    stopping = ns.callbacks.EarlyStopping("val_loss", patience=2, min_delta=9.0)
    history = line(ns).fit(
        x, y, epochs=9, shuffle=False, verbose=0, validation_data=(x, y), validation_freq=2, callbacks=[stopping]
    )
    return [history.epoch, stopping.wait, stopping.stopped_epoch, float(stopping.best)]


@scenario("EarlyStopping.changed_logs")
def what_one_callback_writes_over_the_next_believes(ns, tmp):
    """A loss replaced in the logs is what EarlyStopping watches and what History keeps."""
    stopping = ns.callbacks.EarlyStopping("loss", patience=1)
    x, y = line_data(4)
    history = line(ns).fit(
        x, y, epochs=4, verbose=0, callbacks=[scripted(ns, [5.0, 4.0, 6.0, 1.0], key="loss"), stopping]
    )
    return [history.history["loss"], history.epoch, float(stopping.best)]


@scenario("EarlyStopping.again")
def early_stopping_starts_anew_at_each_fit(ns, tmp):
    """The same instance in two fits: wait, best and the stopped epoch are reset."""
    model, stopping = line(ns), ns.callbacks.EarlyStopping("seen", mode="min", patience=1)
    first = follows(ns, [1, 2, 3], lambda: stopping, model=model)[0]
    second = follows(ns, [5, 4, 6, 7], lambda: stopping, model=model)[0]
    return [first, second, float(stopping.best), stopping.stopped_epoch]


@scenario("ReduceLROnPlateau.patience", "ReduceLROnPlateau.cooldown", "ReduceLROnPlateau.min_lr")
def a_plateau_reduces_the_learning_rate(ns, tmp):
    """A constant value: the rate in each epoch, with patience, cooldown and a floor."""
    found = []
    for settings in (
        {"patience": 2},
        {"patience": 2, "cooldown": 2},
        {"patience": 0},
        {"patience": 1, "min_lr": 0.05},
        {"patience": 1, "factor": 0.5, "min_delta": 2.0},
    ):
        plateau = ns.callbacks.ReduceLROnPlateau("seen", mode="min", **settings)
        model = line(ns, optimizer=ns.optimizers.SGD(1.0), metrics=None)
        values = [1.0] * 8 if "min_delta" not in settings else [9.0, 8.0, 7.0, 6.0, 3.0, 2.0]
        history = follows(ns, values, lambda p=plateau: p, model=model)[2]
        found.append(history["learning_rate"])
    return found


@scenario("ReduceLROnPlateau.verbose", "ReduceLROnPlateau.monitor")
def a_plateau_says_what_it_does(ns, tmp):
    """Its line, the key it adds, and a validation loss as what it watches."""
    x, y = line_data(6)
    model = line(ns, optimizer=ns.optimizers.SGD(0.5))
    seen = recorder(ns, "on_epoch_begin", "on_epoch_end")
    model.optimizer.learning_rate = 0.001
    plateau = ns.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=1.0, verbose=1)
    with printed() as text:
        model.fit(
            x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[plateau, seen]
        )  # fmt: skip
    return [seen.trace, text.getvalue(), float(model.optimizer.learning_rate)]


@scenario("ReduceLROnPlateau.factor")
def a_plateau_must_reduce(ns, tmp):
    """A factor of one or more is a ValueError."""
    return raised(lambda: ns.callbacks.ReduceLROnPlateau(factor=1.0), ValueError)


@scenario("LearningRateScheduler.schedule", "LearningRateScheduler.verbose")
def a_schedule_sets_the_rate_at_each_epochs_beginning(ns, tmp):
    """Of (epoch, rate) and of (epoch) alone; the rate stands in the logs; verbose prints it."""
    x, y = line_data(4)
    found = []
    for schedule in (lambda epoch, rate: rate * 0.5, lambda epoch: 0.1 / (epoch + 1)):
        model = line(ns)
        seen = recorder(ns, "on_epoch_end", on_epoch_end=lambda self, *_: float(self.model.optimizer.learning_rate))
        with printed() as text:
            history = model.fit(
                x, y, epochs=3, shuffle=False, verbose=0,
                callbacks=[ns.callbacks.LearningRateScheduler(schedule, verbose=1), seen],
            )  # fmt: skip
        found.append([seen.trace, history.history, text.getvalue(), model.get_weights()])
    return found


@scenario("LearningRateScheduler.type")
def a_schedule_must_give_a_number(ns, tmp):
    """A string as a learning rate is a ValueError."""
    x, y = line_data(4)
    scheduler = ns.callbacks.LearningRateScheduler(lambda epoch, rate: "fast")
    return raised(lambda: line(ns).fit(x, y, verbose=0, callbacks=[scheduler]), ValueError)


@scenario("CSVLogger.filename", "CSVLogger.separator", "CSVLogger.append")
def a_csv_file_has_a_row_an_epoch(ns, tmp):
    """Columns sorted after the epoch; another separator; appended without a second header."""
    x, y = line_data(4)
    model = line(ns)
    for name, settings in (("a.csv", {}), ("b.csv", {"separator": ";"}), ("a.csv", {"append": True})):
        logger = ns.callbacks.CSVLogger(str(tmp / name), **settings)
        model.fit(x, y, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[logger])
    files = {}
    for name, separator in (("a.csv", ","), ("b.csv", ";")):
        rows = [row.split(separator) for row in (tmp / name).read_text().split()]
        files[name] = [rows[0], [[float(each) for each in row] for row in rows if row != rows[0]], len(rows)]
    return files


@scenario("CSVLogger.overwrite")
def a_csv_file_is_begun_anew_by_default(ns, tmp):
    """append=False: the second fit's rows alone are left; a list is written in quotes."""
    x, y = line_data(4)
    model, file = line(ns, metrics=None), tmp / "log.csv"
    for epochs in (3, 1):
        lists = scripted(ns, [[1, 2]] * 3, key="pair")
        model.fit(
            x, y, epochs=epochs, verbose=0, validation_data=(x, y), callbacks=[lists, ns.callbacks.CSVLogger(file)]
        )
    lines = file.read_text().split("\n")
    return [lines[0], len(lines), lines[1].startswith("0,"), '"[1, 2]"' in lines[1]]


@scenario("ModelCheckpoint.filepath", "ModelCheckpoint.save_weights_only")
def checkpoints_are_named_from_the_logs(ns, tmp):
    """Epochs count from one in names; folders are made; each file has the weights of its epoch."""
    x, y = line_data(6)
    template = str(tmp / "deep" / "{epoch:02d}-{val_mae:.2f}.weights.h5")
    model = line(ns)
    seen = recorder(ns, "on_epoch_end", on_epoch_end=lambda self, *_: self.model.get_weights())
    keeper = ns.callbacks.ModelCheckpoint(template, save_weights_only=True)
    model.fit(x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[seen, keeper])
    names, weights = files(tmp / "deep"), []
    for name in names:
        model.load_weights(tmp / "deep" / name)
        weights.append(model.get_weights())
    return [names, weights, seen.trace]


@scenario(*(f"ModelCheckpoint.{name}" for name in ("save_best_only", "monitor", "mode", "verbose")))
def checkpoints_of_the_best_alone(ns, tmp):
    """A file only when the value improves; verbose tells of each; a threshold to begin with."""
    found = []
    for settings in ({"mode": "min"}, {"mode": "max"}, {"mode": "min", "initial_value_threshold": 2.5}):
        template = str(tmp / (settings["mode"] + str(len(settings)) + "-{epoch}.weights.h5"))
        keeper = ns.callbacks.ModelCheckpoint(
            template, monitor="seen", save_best_only=True, save_weights_only=True, verbose=1, **settings
        )
        _, text, *_ = follows(ns, [3.0, 2.0, 4.0, 1.5, 5.0], lambda keeper=keeper: keeper)
        found.append([text.replace(str(tmp), ""), float(keeper.best)])
    return [found, files(tmp)]


@scenario("ModelCheckpoint.save_freq")
def checkpoints_every_few_batches(ns, tmp):
    """An integer counts batches over the epochs; the name may hold the batch."""
    x, y = line_data(8)
    keeper = ns.callbacks.ModelCheckpoint(
        str(tmp / "{epoch}-{batch}.weights.h5"), save_weights_only=True, save_freq=3
    )  # fmt: skip
    model = line(ns)
    for initial in (0, 2):
        model.fit(
            x, y, batch_size=2, initial_epoch=initial, epochs=initial + 2, shuffle=False, verbose=0, callbacks=[keeper]
        )  # fmt: skip
    model.load_weights(tmp / "2-2.weights.h5")
    return [files(tmp), model.get_weights()]


@scenario("ModelCheckpoint.whole")
def checkpoints_of_the_whole_model(ns, tmp):
    """A .keras file can be loaded and trained on; the best of one fit stays the best in the next."""
    x, y = line_data(6)
    file = str(tmp / "best.keras")
    keeper = ns.callbacks.ModelCheckpoint(file, monitor="loss", save_best_only=True)
    model = line(ns)
    model.fit(x, y, epochs=2, shuffle=False, verbose=0, callbacks=[keeper])
    best = float(keeper.best)
    fresh = line(ns, optimizer=ns.optimizers.SGD(0.0))
    fresh.fit(x, y, epochs=1, shuffle=False, verbose=0, callbacks=[keeper])
    again = ns.models.load_model(file)
    return [best, float(keeper.best), again.get_weights(), again.fit(x, y, shuffle=False, verbose=0).history]


@scenario("ModelCheckpoint.errors")
def checkpoints_refuse_what_they_cannot_write(ns, tmp):
    """Endings, frequencies, and unknown keys in the name are errors."""
    kind = ns.callbacks.ModelCheckpoint
    return [
        raised(lambda: kind("a.weights.h5x", save_weights_only=True), ValueError),
        raised(lambda: kind("a.txt"), ValueError),
        raised(lambda: kind("a.keras", save_freq="batch"), ValueError),
        raised(lambda: follows(ns, [1.0], lambda: kind(str(tmp / "{val_acc}.keras"))), KeyError),
    ]


@scenario("LambdaCallback")
def functions_serve_as_hooks(ns, tmp):
    """Each of its six parameters, and any other hook by its name."""
    x, y = line_data(4)
    calls = []
    names = ["on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_end"]
    hooks = {name: lambda i, logs, name=name: calls.append([name, i, list(logs)]) for name in names}
    ends = {
        name: lambda logs, name=name: calls.append([name, list(logs)]) for name in ("on_train_begin", "on_test_end")
    }
    lambdas = ns.callbacks.LambdaCallback(**hooks, **ends, on_train_end=lambda logs: calls.append(["end", list(logs)]))
    line(ns).fit(x, y, batch_size=2, verbose=0, validation_data=(x, y), callbacks=[lambdas])
    return calls


@scenario("TerminateOnNaN")
def a_loss_that_is_not_a_number_ends_the_training(ns, tmp):
    """It prints the batch, stops, and validation and the ends still run; or raises if told to."""
    x, y = line_data(8)
    y[5] = np.nan
    seen = recorder(ns)
    with printed() as text:
        line(ns, metrics=None).fit(
            x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, validation_data=(x[:2], y[:2]),
            callbacks=[ns.callbacks.TerminateOnNaN(), seen],
        )  # fmt: skip
    raising = ns.callbacks.TerminateOnNaN(raise_error=True)
    error = raised(lambda: line(ns).fit(x, y, batch_size=2, verbose=0, callbacks=[raising]), RuntimeError)
    return [text.getvalue(), hooks_of(seen.trace), error]


@scenario("BackupAndRestore.backup_dir", "BackupAndRestore.delete_checkpoint")
def a_run_goes_on_from_its_backup(ns, tmp):
    """A fit that failed in its third epoch: the next one begins there, and the backup is gone at the end."""
    x, y = line_data(4)

    def fails(self, epoch, logs):
        if epoch == 2:
            raise OSError("power")

    first, second = line(ns, optimizer=ns.optimizers.Adam(0.05)), line(ns, optimizer=ns.optimizers.Adam(0.05))
    backup = ns.callbacks.BackupAndRestore
    seen = recorder(ns, on_epoch_begin=fails)
    raised(lambda: first.fit(x, y, epochs=4, verbose=0, callbacks=[backup(str(tmp / "b")), seen]), OSError)
    there = (tmp / "b").exists()
    history = second.fit(x, y, epochs=4, verbose=0, callbacks=[backup(str(tmp / "b"))])
    line(ns).fit(x, y, epochs=2, verbose=0, callbacks=[backup(str(tmp / "c"), delete_checkpoint=False)])
    return [there, history.epoch, history.history, second.get_weights(), (tmp / "b").exists(), (tmp / "c").exists()]
