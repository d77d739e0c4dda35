"""Where Keras's shipped callbacks are at fault (D1 to D40 of the mission's list) and Kibitz is right, by number."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.oracle.conftest import quietly
from tests.oracle.record import recorder
from tests.oracle.scenarios_shipped import follows, scripted
from tests.oracle.small import files, line, line_data, printed, two_heads


def fit(ns, *callbacks, model=None, epochs=2, **settings):
    """A short silent fit with callbacks."""
    x, y = line_data(8)
    model = line(ns) if model is None else model
    settings = {"batch_size": 2, "shuffle": False, "verbose": 0, **settings}
    return model.fit(x, y, epochs=epochs, callbacks=list(callbacks), **settings)


def keeper(ns, tmp, name="{epoch}-{batch}.weights.h5", **settings):
    return ns.callbacks.ModelCheckpoint(str(tmp / name), save_weights_only=True, **settings)


def test_D1_the_best_of_batches_can_be_kept(keras, kibitz, tmp_path):
    settings = {"monitor": "loss", "save_best_only": True, "save_freq": 2}
    fit(kibitz, keeper(kibitz, tmp_path, **settings))
    assert files(tmp_path)[0] == "1-2.weights.h5"
    with pytest.raises(TypeError):
        quietly(fit, keras, keeper(keras, tmp_path, **settings))


def test_D1_a_validation_number_is_refused_at_batches_before_the_first_step(kibitz, tmp_path):
    seen = recorder(kibitz)
    best = keeper(kibitz, tmp_path, monitor="val_loss", save_best_only=True, save_freq=2)
    with pytest.raises(ValueError, match="val_loss"):
        fit(kibitz, best, seen, validation_split=0.5)
    assert seen.trace == []


def test_D2_nothing_is_saved_where_validation_was_not_due(keras, kibitz, tmp_path):
    def saved(ns, folder):
        best = keeper(ns, folder, "{epoch}.weights.h5", monitor="val_loss", save_best_only=True)
        fit(ns, best, epochs=4, validation_split=0.5, validation_freq=2)
        return files(folder)

    (tmp_path / "kibitz").mkdir()
    (tmp_path / "keras").mkdir()
    assert saved(kibitz, tmp_path / "kibitz")[0] == "2.weights.h5"
    assert not {"1.weights.h5", "3.weights.h5"} & set(files(tmp_path / "kibitz"))
    assert "1.weights.h5" in quietly(saved, keras, tmp_path / "keras")


@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"])
def test_D2_D11_a_misspelt_monitor_is_refused_with_what_there_is(kibitz, name, tmp_path):
    arguments = {"filepath": str(tmp_path / "a.keras"), "save_best_only": True} if name == "ModelCheckpoint" else {}
    seen = recorder(kibitz)
    watcher = getattr(kibitz.callbacks, name)(monitor="val_lss", **arguments)
    with pytest.raises(ValueError, match="val_lss") as caught:
        fit(kibitz, watcher, seen, validation_split=0.5)
    assert "val_loss" in str(caught.value)
    assert seen.trace == []


def test_D2_D11_a_key_that_an_earlier_callback_adds_is_no_mistake(kibitz):
    stopping = kibitz.callbacks.EarlyStopping("seen", mode="min")
    assert len(fit(kibitz, scripted(kibitz, [1.0, 2.0, 3.0]), stopping, epochs=3).epoch) == 2


def averaging(ns):
    return line(ns, optimizer=ns.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.75))


def test_D3_the_weights_are_back_after_predict(keras, kibitz):
    x, _ = line_data(8)

    def are_back(ns):
        model = averaging(ns)
        fit(ns, model=model)
        model.set_weights([np.full((3, 1), 0.5), np.zeros(1)])
        model.predict(x, verbose=0, callbacks=[ns.callbacks.SwapEMAWeights()])
        return bool(np.all(model.get_weights()[0] == 0.5))

    assert are_back(kibitz) is True
    assert quietly(are_back, keras) is False


def test_D4_a_run_that_was_stopped_ends_with_the_averages(keras, kibitz):
    def has_averages(ns):
        kept = []

        def stop(self, epoch, logs):
            kept.append(self.model.get_weights()[0])
            self.model.stop_training = epoch == 1

        model = averaging(ns)
        fit(ns, ns.callbacks.SwapEMAWeights(swap_on_epoch=True), recorder(ns, on_epoch_end=stop), model=model, epochs=4)
        return bool(np.array_equal(model.get_weights()[0], kept[-1]))

    assert has_averages(kibitz) is True
    assert quietly(has_averages, keras) is False


def test_training_goes_on_after_an_evaluation_of_averaged_weights(keras, kibitz):
    x, y = line_data(8)

    def goes_on(ns):
        model = averaging(ns)
        fit(ns, model=model)
        model.evaluate(x, y, verbose=0)
        return len(fit(ns, model=model).epoch)

    assert goes_on(kibitz) == 2
    with pytest.raises(Exception, match=r"deleted or donated|not callable"):
        quietly(goes_on, keras)


def test_D28_a_second_fit_with_orbax_goes_on_counting(keras, kibitz, tmp_path):
    def numbers(ns):
        model, keeper = line(ns), ns.callbacks.OrbaxCheckpoint(str(tmp_path / ns.__name__), max_to_keep=None)
        for _ in range(2):
            fit(ns, keeper, model=model)
        return files(tmp_path / ns.__name__)

    assert numbers(kibitz) == ["0", "1", "2", "3"]
    with pytest.raises(Exception, match="already exists"):
        quietly(numbers, keras)


def test_D28_a_stack_of_layers_comes_back_from_orbax(keras, kibitz, tmp_path):
    def comes_back(ns):
        model, where = line(ns), str(tmp_path / ns.__name__)
        fit(ns, ns.callbacks.OrbaxCheckpoint(where), model=model)
        again = ns.saving.load_model(where)
        return all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights(), strict=True))

    assert comes_back(kibitz) is True
    assert quietly(comes_back, keras) is False


def test_D4_an_average_of_weights_does_not_replace_them_after_an_error(keras, kibitz):
    def weights(ns):
        kept = []

        def fail(self, epoch, logs):
            kept.append(self.model.get_weights()[0])
            raise KeyboardInterrupt

        model = line(ns, optimizer=ns.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
        with pytest.raises(KeyboardInterrupt):
            fit(ns, recorder(ns, on_epoch_end=fail), model=model)
        return np.array_equal(kept[0], model.get_weights()[0])

    assert weights(kibitz) is True
    assert quietly(weights, keras) is False


def dies(ns, at):
    """A callback that ends the process at an epoch's batch, as far as the others can tell."""

    class Dies(ns.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if (self.epoch, batch) == at:
                raise OSError

    return Dies()


def test_D5a_D5b_a_run_that_crashed_twice_has_as_many_steps_as_it_should(keras, kibitz, tmp_path):
    def steps(ns):
        for at in ((1, 1), (1, 2), None):
            model, backup = line(ns), ns.callbacks.BackupAndRestore(str(tmp_path / ns.__name__), save_freq=1)
            try:
                fit(ns, backup, dies(ns, at), model=model, epochs=3)
            except OSError:
                continue
        return int(model.optimizer.iterations.numpy())

    assert steps(kibitz) == 12
    assert quietly(steps, keras) > 12


def test_D5d_a_run_with_random_numbers_goes_on_as_if_nothing_had_been(keras, kibitz, tmp_path):
    def losses(ns):
        def run(*callbacks):
            ns.utils.set_random_seed(3)
            model = ns.Sequential([ns.Input((3,)), ns.layers.Dropout(0.5), ns.layers.Dense(1)])
            model.compile("sgd", "mse")
            return fit(ns, *callbacks, model=model, epochs=4, shuffle=True).history["loss"]

        folder = str(tmp_path / ns.__name__)
        with pytest.raises(OSError):
            run(ns.callbacks.BackupAndRestore(folder), dies(ns, (2, 0)))
        return run()[2:], run(ns.callbacks.BackupAndRestore(folder))

    whole, resumed = losses(kibitz)
    assert resumed == whole
    whole, resumed = quietly(losses, keras)
    assert len(resumed) == len(whole)
    assert resumed != pytest.approx(whole, rel=1e-3)


def test_D34_the_best_weights_come_back_without_their_optimizer_and_from_a_file_with_it(keras, kibitz, tmp_path):
    def found(ns):
        folder = tmp_path / ns.__name__
        folder.mkdir()
        watched = {"monitor": "seen", "mode": "min"}
        best = keeper(ns, folder, "best.weights.h5", save_best_only=True, **watched)
        stop = ns.callbacks.EarlyStopping(patience=1, restore_best_weights=True, **watched)
        model = line(ns, optimizer=ns.optimizers.Adam(0.1))
        fit(ns, scripted(ns, [1.0, 2.0, 3.0]), best, stop, model=model, epochs=3)
        weights, steps = model.get_weights(), int(model.optimizer.iterations.numpy())
        model.load_weights(str(folder / "best.weights.h5"))
        same = all(map(np.array_equal, weights, model.get_weights()))
        return steps, same, int(model.optimizer.iterations.numpy())

    assert found(kibitz) == quietly(found, keras) == (8, True, 4)


def test_D39_a_flag_can_be_taken_back_by_others_and_a_stop_at_once_cannot(keras, kibitz):
    def epochs(ns, ask):
        asks = recorder(ns, on_epoch_end=lambda self, epoch, logs: ask(self))
        takes_back = recorder(ns, on_epoch_end=lambda self, epoch, logs: setattr(self.model, "stop_training", False))
        return fit(ns, asks, takes_back, epochs=3)

    def flag(callback):
        callback.model.stop_training = True

    assert len(epochs(kibitz, flag).epoch) == len(quietly(epochs, keras, flag).epoch) == 3
    history = epochs(kibitz, lambda callback: callback.run.stop("enough", now=True))
    assert len(history.epoch) == 1
    assert (history.run.outcome.kind, history.run.outcome.reason) == ("stopped", "enough")


def test_D5e_a_backup_belongs_to_one_fit(keras, kibitz, tmp_path):
    def epochs_of_the_next_fit(ns, folder):
        backup = ns.callbacks.BackupAndRestore

        def fail(self, epoch, logs):
            if epoch == 2:
                raise OSError

        model = line(ns)
        with pytest.raises(OSError):
            fit(ns, backup(folder), recorder(ns, on_epoch_begin=fail), model=model, epochs=4)
        resumed = fit(ns, backup(folder), model=model, epochs=4)
        return resumed.epoch, fit(ns, model=model, epochs=4).epoch

    assert epochs_of_the_next_fit(kibitz, str(tmp_path / "a")) == ([2, 3], [0, 1, 2, 3])
    assert quietly(epochs_of_the_next_fit, keras, str(tmp_path / "b"))[1] == [2, 3]


def test_D5c_a_backup_frequency_that_is_a_boolean_is_refused(kibitz, tmp_path):
    with pytest.raises((ValueError, TypeError), match="save_freq"):
        kibitz.callbacks.BackupAndRestore(str(tmp_path / "a"), save_freq=False)


def test_D5f_a_stop_for_a_nan_keeps_the_backup(keras, kibitz, tmp_path):
    x, y = line_data(8)

    def kept(ns, folder):
        class Breaks(ns.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 2:
                    self.model.set_weights([np.full((3, 1), np.nan), np.zeros(1)])

        callbacks = [Breaks(), ns.callbacks.TerminateOnNaN(), ns.callbacks.BackupAndRestore(str(folder))]
        with printed():
            line(ns).fit(x, y, epochs=4, verbose=0, callbacks=callbacks)
        return folder.exists() and len(files(folder)) > 0

    assert kept(kibitz, tmp_path / "a")
    assert not quietly(kept, keras, tmp_path / "b")


def test_D9_no_warning_where_validation_was_not_due(keras, kibitz):
    def run(ns):
        stopping = ns.callbacks.EarlyStopping(patience=5)
        return fit(ns, stopping, epochs=4, validation_split=0.5, validation_freq=2)

    history = run(kibitz)  # a warning would be an error
    assert (len(history.epoch), len(history.history["val_loss"])) == (4, 2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(keras)
    assert len([each for each in caught if "val_loss" in str(each.message)]) == 2


def test_D10_a_csv_file_invents_no_columns_and_loses_none(kibitz, tmp_path):
    file = tmp_path / "log.csv"
    fit(kibitz, kibitz.callbacks.CSVLogger(str(file)))
    assert file.read_text().split("\n")[0] == "epoch,loss,mae"
    fit(kibitz, kibitz.callbacks.CSVLogger(str(file)), epochs=3, validation_split=0.5, validation_freq=2)
    lines = file.read_text().split()
    assert lines[0] == "epoch,loss,mae,val_loss,val_mae"
    assert len({line.count(",") for line in lines}) == 1


def test_D10_appending_other_keys_keeps_every_row_under_its_header(kibitz, tmp_path):
    file = tmp_path / "log.csv"
    fit(kibitz, kibitz.callbacks.CSVLogger(str(file)))
    fit(kibitz, kibitz.callbacks.CSVLogger(str(file), append=True), model=line(kibitz, metrics=["mse"]))
    lines = [each.split(",") for each in file.read_text().split()]
    assert {"epoch", "loss", "mae", "mse"} == set(lines[0])
    assert [len(each) for each in lines] == [4] * 5


def test_D16_nan_never_becomes_best(keras, kibitz):
    def stopping(ns):
        made = ns.callbacks.EarlyStopping("seen", mode="min", patience=2)
        ran = follows(ns, [np.nan, 3.0, 2.0, 1.0, 0.5], lambda: made)[0]
        return ran, float(made.best)

    assert stopping(kibitz) == (5, 0.5)
    assert quietly(stopping, keras)[0] == 3


def test_D16_a_checkpoint_of_nan_is_followed_by_the_first_number(kibitz, tmp_path):
    best = keeper(kibitz, tmp_path, "{epoch}.weights.h5", monitor="seen", mode="min", save_best_only=True)
    follows(kibitz, [np.nan, 3.0, 4.0], lambda: best)
    assert "2.weights.h5" in files(tmp_path)
    assert best.best == 3.0


def test_D17_an_output_s_own_numbers_can_be_watched(keras, kibitz):
    x, _ = line_data(8)
    y = {"a": x[:, :1], "b": x[:, :2]}

    def watch(ns, monitor):
        model = two_heads(ns, metrics={"a": ["mae"], "b": ["mse"]})
        stopping = ns.callbacks.EarlyStopping(monitor, patience=3)
        model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y), callbacks=[stopping])
        return float(stopping.best)

    assert watch(kibitz, "val_a_loss") > 0
    assert watch(kibitz, "val_a_mae") > 0
    with pytest.raises(ValueError, match="val_a_loss"):
        quietly(watch, keras, "val_a_loss")


def test_D17_an_unknown_direction_is_refused_before_the_first_step(kibitz):
    def distance(y_true, y_pred):
        return abs(y_true - y_pred)

    seen = recorder(kibitz)
    with pytest.raises(ValueError, match="mode"):
        fit(kibitz, seen, kibitz.callbacks.EarlyStopping("distance"), model=line(kibitz, metrics=[distance]))
    assert seen.trace == []


def test_D17_a_checkpoint_that_compares_nothing_needs_no_direction(keras, kibitz, tmp_path):
    def distance(y_true, y_pred):
        return abs(y_true - y_pred)

    def saved(ns):
        every = keeper(ns, tmp_path, "{epoch}.weights.h5", monitor="distance")
        fit(ns, every, model=line(ns, metrics=[distance]))

    saved(kibitz)
    assert files(tmp_path) == ["1.weights.h5", "2.weights.h5"]
    with pytest.raises(ValueError, match="distance"):
        quietly(saved, keras)


def test_D18_a_schedule_s_own_error_comes_out(kibitz):
    def bad(epoch, rate):
        return rate + "0.1"

    with pytest.raises(TypeError, match="unsupported operand"):
        fit(kibitz, kibitz.callbacks.LearningRateScheduler(bad))


def test_D18_a_schedule_may_give_any_real_number(keras, kibitz):
    import jax.numpy as jnp

    def rates(ns, made):
        scheduler = ns.callbacks.LearningRateScheduler(lambda epoch, rate: made(epoch))
        return fit(ns, scheduler).history["learning_rate"]

    for made in (lambda epoch: epoch, jnp.float32, np.int64):
        assert rates(kibitz, made) == [0.0, 1.0]
        with pytest.raises(ValueError, match="float"):
            quietly(rates, keras, made)


def test_D21_a_save_that_fails_leaves_the_good_file(kibitz, tmp_path, monkeypatch):
    import h5py

    model, file = line(kibitz), tmp_path / "w.weights.h5"
    model.save_weights(file)
    good = file.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    monkeypatch.setattr(h5py.Group, "__setitem__", full)
    model.set_weights([np.ones((3, 1)), np.ones(1)])
    with pytest.raises(OSError):
        model.save_weights(file)
    monkeypatch.undo()
    assert file.read_bytes() == good
    assert files(tmp_path) == ["w.weights.h5"]


def test_D29_a_nan_in_validation_ends_the_training(keras, kibitz):
    x, y = line_data(8)

    def epochs(ns):
        val_y = y.copy()
        val_y[5] = np.nan
        with printed() as text:
            history = fit(ns, ns.callbacks.TerminateOnNaN(), epochs=3, validation_data=(x, val_y))
        return len(history.epoch), text.getvalue()

    assert epochs(kibitz)[0] == 1
    assert quietly(epochs, keras)[0] == 3


def test_D30_a_negative_patience_is_refused(kibitz):
    for kind in (kibitz.callbacks.EarlyStopping, kibitz.callbacks.ReduceLROnPlateau):
        with pytest.raises(ValueError, match="patience"):
            kind("loss", patience=-1)


def test_D32_what_looks_like_a_hook_and_is_none_is_told(kibitz):
    class Misspelt(kibitz.callbacks.Callback):
        def on_epoch_ends(self, epoch, logs=None):
            raise AssertionError

    with pytest.warns(UserWarning, match="on_epoch_end"):
        fit(kibitz, Misspelt())
    with pytest.raises((ValueError, TypeError), match="on_foo"):
        kibitz.callbacks.LambdaCallback(on_foo=print)
    with pytest.raises((ValueError, TypeError), match="epsilon"):
        kibitz.callbacks.ReduceLROnPlateau(epsilon=1)


@pytest.mark.parametrize("name", ["LearningRateScheduler", "ReduceLROnPlateau"])
def test_D33_a_rate_by_schedule_and_a_callback_that_sets_it_are_refused_at_the_start(kibitz, name):
    schedule = kibitz.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model = line(kibitz, optimizer=kibitz.optimizers.SGD(schedule))
    setter = getattr(kibitz.callbacks, name)(*([lambda epoch: 0.1] if name.startswith("Learning") else ["loss"]))
    seen = recorder(kibitz)
    with pytest.raises((ValueError, TypeError), match="schedule"):
        fit(kibitz, seen, setter, model=model)
    assert seen.trace == []


def test_D37_a_validation_key_in_a_name_waits_for_its_validation(keras, kibitz, tmp_path):
    def saved(ns, folder):
        fit(ns, keeper(ns, folder, "{epoch}-{val_loss:.3f}.weights.h5"), epochs=4, validation_split=0.5,
            validation_freq=2)  # fmt: skip
        return [name.split("-")[0] for name in files(folder)]

    assert saved(kibitz, tmp_path) == ["2", "4"]
    with pytest.raises(KeyError):
        quietly(saved, keras, tmp_path)


def test_D37_a_key_that_cannot_be_is_refused_before_the_first_step(kibitz, tmp_path):
    seen = recorder(kibitz)
    with pytest.raises(KeyError, match="val_acc"):
        fit(kibitz, keeper(kibitz, tmp_path, "{val_acc}.weights.h5"), seen, validation_split=0.5)
    assert seen.trace == []


@pytest.mark.parametrize("verbose", [1, 2])
def test_D40_a_word_in_the_logs_breaks_no_progress_bar(kibitz, verbose):
    with printed() as text, warnings.catch_warnings():
        fit(kibitz, scripted(kibitz, ["good", "bad"], key="word"), verbose=verbose)
    assert "word: good" in text.getvalue()
