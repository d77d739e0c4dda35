"""Where Keras's loop is at fault (D6 to D38 of the mission's list) and Kibitz is right: a test each, by its number.

Where it costs little, the fault is shown live under Keras as well, so that we notice when Keras mends it.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.oracle.conftest import quietly
from tests.oracle.record import hooks_of, recorder
from tests.oracle.small import line, line_data, raised, rows


class UsersError(Exception):
    """Raised by a user's callback."""


def test_D6_a_nested_evaluate_leaves_the_running_means_alone(keras, kibitz):
    x, y = line_data(8)

    def losses(ns, look):
        acts = (
            {"on_train_batch_end": lambda self, *_: self.model.evaluate(x, 9 * y, verbose=0) and None} if look else {}
        )
        model = line(ns, optimizer=ns.optimizers.SGD(0.0))
        seen = recorder(ns, **acts)
        return model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen]).history["loss"][0]

    assert losses(kibitz, look=True) == losses(kibitz, look=False)
    assert quietly(losses, keras, look=True) != pytest.approx(losses(kibitz, look=True), rel=1e-3)


def test_D7_a_stop_within_an_epoch_is_followed_by_validation_and_one_at_once_is_not(keras, kibitz):
    x, y = line_data(8)

    def hooks(ns, ask):
        seen = recorder(ns, on_train_batch_end=lambda self, batch, logs: ask(self) if batch == 1 else None)
        line(ns).fit(x, y, batch_size=2, verbose=0, validation_data=(x, y), callbacks=[seen])
        found = hooks_of(seen.trace)
        return found[found.index("on_train_batch_end 1") + 1 :]

    def flag(callback):
        callback.model.stop_training = True

    after = hooks(kibitz, flag)
    assert after == quietly(hooks, keras, flag)
    assert (after[0], after[-2:]) == ("on_test_begin", ["on_epoch_end 0", "on_train_end"])
    assert hooks(kibitz, lambda callback: callback.run.stop("enough", now=True)) == ["on_train_end"]


def test_D8_the_last_hook_has_the_keys_that_were_added(keras, kibitz):
    x, y = line_data(4)

    def last_keys(ns):
        scheduler = ns.callbacks.LearningRateScheduler(lambda epoch, rate: rate)
        seen = recorder(ns, "on_epoch_end", "on_train_end")
        line(ns).fit(x, y, verbose=0, callbacks=[scheduler, seen])
        return [list(entry[3]) for entry in seen.trace]

    at_epoch, at_end = last_keys(kibitz)
    assert at_epoch == at_end == ["loss", "mae", "learning_rate"]
    assert quietly(last_keys, keras)[1] == ["loss", "mae"]


def test_D12_every_batch_has_its_hooks_whatever_steps_per_execution_is(keras, kibitz):
    x, y = line_data(10)

    def batches(ns):
        seen = recorder(ns, "on_train_batch_begin", "on_train_batch_end")
        line(ns, steps_per_execution=3).fit(x, y, batch_size=2, verbose=0, callbacks=[seen])
        return [entry[1] for entry in seen.trace]

    assert batches(kibitz) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert quietly(batches, keras) == [0, 2, 3, 5]


@pytest.mark.parametrize("hook", ["on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"])
def test_D13_an_error_in_evaluate_leaves_the_model_whole(kibitz, hook):
    x, y = line_data(6)
    model = line(kibitz)
    before = model.get_weights()
    fails = recorder(kibitz, **{hook: _fail})
    assert raised(lambda: model.evaluate(x, y, batch_size=2, verbose=0, callbacks=[fails]), UsersError) == "UsersError"
    assert all(map(np.array_equal, before, model.get_weights()))
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize("hook", ["on_predict_batch_begin", "on_predict_batch_end"])
def test_D13_an_error_in_predict_leaves_the_model_whole(keras, kibitz, hook):
    def weights_after(ns):
        model = line(ns)
        fails = recorder(ns, **{hook: _fail})
        assert raised(lambda: model.predict(rows(6, 3), verbose=0, callbacks=[fails]), UsersError) == "UsersError"
        return model.get_weights()

    assert len(weights_after(kibitz)) == 2
    if hook.endswith("end"):
        with pytest.raises(TypeError):
            quietly(weights_after, keras)


def _fail(self, index, logs):
    raise UsersError


def test_D14_a_generator_that_ends_has_no_begin_without_its_end(keras, kibitz):
    x, y = line_data(6)

    def hooks(ns):
        seen = recorder(ns, "on_train_batch_begin", "on_train_batch_end")
        line(ns).fit(((x[i : i + 2], y[i : i + 2]) for i in (0, 2, 4)), verbose=0, callbacks=[seen])
        return [entry[0] for entry in seen.trace]

    assert hooks(kibitz) == ["on_train_batch_begin", "on_train_batch_end"] * 3  # and not a warning
    assert len(quietly(hooks, keras)) == 7


def test_D15_every_callback_is_closed_when_one_raises(kibitz, tmp_path):
    x, y = line_data(6)
    ends = []

    class Closes(kibitz.callbacks.Callback):
        def on_run_end(self, outcome):
            ends.append((outcome.kind, type(outcome.error)))

    logger = kibitz.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    fails = recorder(kibitz, on_epoch_end=lambda self, epoch, _: _fail(self, epoch, _) if epoch == 1 else None)
    callbacks = [Closes(), logger, fails, Closes()]
    with pytest.raises(UsersError) as caught:
        line(kibitz).fit(x, y, epochs=3, verbose=0, callbacks=callbacks)
    assert ends == [("failed", UsersError)] * 2
    assert "on_epoch_end" in " ".join(caught.value.__notes__)
    assert len((tmp_path / "log.csv").read_text().split()) == 3  # the header and both epochs are in the file


def test_D15_a_raise_in_one_train_end_robs_no_other_of_it(kibitz):
    x, y = line_data(4)
    first, second = recorder(kibitz, on_train_end=_fail), recorder(kibitz)
    with pytest.raises(UsersError):
        line(kibitz).fit(x, y, verbose=0, callbacks=[first, second])
    assert hooks_of(second.trace)[-1] == "on_train_end"


def test_D19_a_stop_is_obeyed_at_the_very_batch(keras, kibitz):
    x, y = line_data(80)

    def batches(ns):
        class Stops(ns.callbacks.Callback):
            async_safe = True

            def on_train_batch_end(self, batch, logs=None):
                self._model.stop_training = True

        model = line(ns)
        model.fit(x, y, batch_size=2, verbose=0, callbacks=[Stops()])
        return int(model.optimizer.iterations)

    assert batches(kibitz) == 1


def test_D20_a_hook_that_closes_over_the_model_reads_and_writes_the_live_one(kibitz):
    x, y = line_data(6)
    model, seen = line(kibitz), []

    class ClosesOver(kibitz.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(model.get_weights()[0])
            model.optimizer.learning_rate = 0.0

    model.fit(x, y, batch_size=2, verbose=0, callbacks=[ClosesOver()])
    assert np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[1], seen[2])
    assert float(model.optimizer.learning_rate) == 0.0


def test_D23_every_epoch_has_its_steps_and_goes_on_in_the_data(keras, kibitz):
    x, y = line_data(8)

    def steps(ns):
        seen = recorder(ns, "on_epoch_begin", "on_train_batch_end")
        line(ns).fit(x, y, batch_size=2, steps_per_epoch=3, epochs=4, shuffle=False, verbose=0, callbacks=[seen])
        names = "".join(entry[0][3] for entry in seen.trace)
        return [len(epoch) for epoch in names.split("e")[1:]]

    assert steps(kibitz) == [3, 3, 3, 3]
    assert quietly(steps, keras) == [3, 1, 3, 1]


def test_D23_no_row_is_left_out_and_none_comes_twice_in_a_pass(kibitz):
    x, y = line_data(8)
    losses = []
    model = line(kibitz, optimizer=kibitz.optimizers.SGD(0.0), metrics=None)

    class Own(kibitz.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(round(logs.batch["loss"], 4))

    model.fit(x, y, batch_size=2, steps_per_epoch=3, epochs=4, shuffle=False, verbose=0, callbacks=[Own()])
    assert len(set(losses[:4])) == 4
    assert losses[:4] == losses[4:8] == losses[8:]


def test_D25_a_callback_list_without_a_model_is_completed(kibitz):
    x, y = line_data(4)
    seen = recorder(kibitz)
    model = line(kibitz)
    history = model.fit(x, y, verbose=0, callbacks=kibitz.callbacks.CallbackList([seen]))
    assert seen.model is model
    assert seen.params["epochs"] == 1
    assert list(history.history) == ["loss", "mae"]


@pytest.mark.parametrize("wrong", [print, object(), [1], "EarlyStopping", 3])
def test_D26_what_is_no_callback_is_named_before_anything_happens(kibitz, wrong):
    x, y = line_data(4)
    seen = recorder(kibitz)
    with pytest.raises(TypeError, match=r"callbacks\[1\]"):
        line(kibitz).fit(x, y, verbose=0, callbacks=[seen, wrong])
    assert seen.trace == []


def test_D26_a_class_in_place_of_an_instance_has_its_cure(kibitz):
    x, y = line_data(4)
    with pytest.raises(TypeError, match=r"EarlyStopping\(\)"):
        line(kibitz).fit(x, y, verbose=0, callbacks=[kibitz.callbacks.EarlyStopping])


def test_D27_empty_data_are_a_value_error(kibitz):
    x, y = line_data(4)
    model = line(kibitz)
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"sample|row"):
            call(x[:0], y[:0], verbose=0)
    with pytest.raises(ValueError, match="batch"):
        model.fit((each for each in ()), verbose=0)


def test_D30_validation_freq_may_be_any_integer_or_collection(kibitz):
    x, y = line_data(4)

    def validated(freq):
        seen = recorder(kibitz, "on_epoch_begin", "on_test_end")
        model = line(kibitz)
        model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y), validation_freq=freq, callbacks=[seen])
        return "".join(entry[0][3] for entry in seen.trace)

    assert validated((2,)) == validated(np.int64(2)) == "eete"
    for wrong in (0, -1, True, 1.5):
        with pytest.raises((ValueError, TypeError), match="validation_freq"):
            validated(wrong)


def test_D36_no_batch_of_a_generator_is_trained_on_twice(keras, kibitz):
    def seen_by(ns, warns):
        marks = []

        def batches():
            for index in range(5):
                yield np.full((2, 3), index, "float32"), np.zeros((2, 1), "float32")

        class Marks(ns.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                marks.append(batch)

        model = line(ns, optimizer=ns.optimizers.SGD(0.0))
        with pytest.warns(UserWarning, match="5") if warns else warnings.catch_warnings():
            history = model.fit(batches(), epochs=3, verbose=0, callbacks=[Marks()])
        return marks, history.epoch

    assert seen_by(kibitz, warns=True) == ([0, 1, 2, 3, 4], [0])
    assert quietly(seen_by, keras, warns=False) == ([0, 1, 2, 3, 4, 0, 1, 0, 1], [0, 1, 2])


def test_D36_a_one_shot_validation_is_the_same_at_every_epoch(keras, kibitz):
    x, y = line_data(4)

    def values(ns):
        def batches():
            for index in range(20):
                yield x, y + index

        model = line(ns, optimizer=ns.optimizers.SGD(0.0))
        return model.fit(x, y, epochs=3, verbose=0, validation_data=batches(), validation_steps=4).history["val_loss"]

    assert len(set(values(kibitz))) == 1
    assert len(set(quietly(values, keras))) == 3


def test_D36_a_one_shot_validation_without_steps_is_refused_for_several_epochs(kibitz):
    x, y = line_data(4)
    seen = recorder(kibitz)
    with pytest.raises(ValueError, match="validation_steps"):
        line(kibitz).fit(x, y, epochs=2, verbose=0, validation_data=((x, y) for _ in range(3)), callbacks=[seen])
    assert seen.trace == []


def test_D36_data_short_of_their_promised_steps_stop_the_run_with_both_counts(kibitz):
    x, y = line_data(4)
    seen = recorder(kibitz, "on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_train_end")
    with pytest.warns(UserWarning, match=r"3[\s\S]*4|4[\s\S]*3"):
        line(kibitz).fit(((x, y) for _ in range(3)), steps_per_epoch=2, epochs=2, verbose=0, callbacks=[seen])
    assert hooks_of(seen.trace)[-4:] == ["on_train_batch_begin 0", "on_train_batch_end 0", "on_epoch_end 1",
                                         "on_train_end"]  # fmt: skip
    assert seen.run.outcome.kind == "stopped"


def test_D38_a_nested_fit_takes_no_stop_from_the_run_around_it(keras, kibitz):
    x, y = line_data(4)

    def epochs(ns):
        class Stops(ns.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = True

        class Nested(ns.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.fit(x, y, epochs=2, verbose=0)

        return len(line(ns).fit(x, y, epochs=3, verbose=0, callbacks=[Stops(), Nested()]).epoch)

    assert epochs(kibitz) == 1


def test_D38_the_history_of_a_fit_is_its_own(kibitz):
    x, y = line_data(4)

    class Nested(kibitz.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.inner = self.model.fit(x, y, epochs=5, verbose=0)

    nested = Nested()
    outer = line(kibitz).fit(x, y, epochs=2, verbose=0, callbacks=[nested])
    assert (len(outer.epoch), len(nested.inner.epoch)) == (2, 5)
