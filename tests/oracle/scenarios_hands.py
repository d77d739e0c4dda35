"""Hooks that take a hand in the run: what they read is the state of that very moment, and what they write lasts."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import FIT_HOOKS, PREDICT_HOOKS, hooks_of, recorder, saw
from tests.oracle.scenario import scenario
from tests.oracle.small import line, line_data, rows

EVERY = FIT_HOOKS + PREDICT_HOOKS


def _reads_weights_in(hook):
    def run(ns, tmp):
        x, y = line_data(6)
        seen = recorder(ns, **{hook: lambda self, *_: self.model.get_weights()})
        _all_calls(line(ns), x, y, seen)
        return saw(seen.trace)

    run.__doc__ = f"get_weights in {hook} gives the weights of that very moment."
    return run


def _writes_weights_in(hook):
    def run(ns, tmp):
        def halve(self, index, logs):
            self.model.set_weights([each / 2 for each in self.model.get_weights()])

        x, y = line_data(6)
        seen = recorder(ns, **{hook: halve})
        model = line(ns)
        outputs = _all_calls(model, x, y, seen)
        return [seen.trace, outputs, model.get_weights()]

    run.__doc__ = f"set_weights in {hook} is what the next batch starts from, and nothing else changes."
    return run


def _all_calls(model, x, y, seen):
    model.fit(
        x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(x[:4], y[:4]), callbacks=[seen]
    )  # fmt: skip
    return model.predict(x, batch_size=3, verbose=0, callbacks=[seen])


for _hook in EVERY:
    scenario(f"read.{_hook}", name=f"weights_read_in_{_hook}")(_reads_weights_in(_hook))
    scenario(f"write.{_hook}", name=f"weights_written_in_{_hook}")(_writes_weights_in(_hook))


def _sets_learning_rate_in(hook):
    def run(ns, tmp):
        def lower(self, index, logs):
            rate = self.model.optimizer.learning_rate
            self.model.optimizer.learning_rate = float(np.asarray(rate)) * 0.5

        x, y = line_data(6)
        seen = recorder(ns, **{hook: lower})
        model = line(ns)
        _all_calls(model, x, y, seen)
        return [seen.trace, float(model.optimizer.learning_rate.numpy()), model.get_weights()]

    run.__doc__ = f"A learning rate set in {hook} holds from the next batch on."
    return run


for _hook in FIT_HOOKS:
    scenario(f"rate.{_hook}", name=f"learning_rate_set_in_{_hook}")(_sets_learning_rate_in(_hook))


@scenario("rate.spellings")
def a_learning_rate_reads_and_writes_as_a_variable(ns, tmp):
    """float(), np.asarray, numpy(), .value, .assign, arithmetic, a NumPy scalar: in a hook and out of it."""
    x, y = line_data(8)
    model = line(ns, optimizer=ns.optimizers.Adam(0.04))
    found = []

    def spell(self, batch, logs):
        rate = self.model.optimizer.learning_rate
        found.append([float(rate), float(np.asarray(rate)), float(rate.numpy()), float(rate.value), float(rate * 2)])
        if batch == 0:
            rate.assign(0.02)
        elif batch == 1:
            self.model.optimizer.learning_rate = np.float32(0.01)
        elif batch == 2:
            rate.assign(rate * 3)

    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=spell)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    model.optimizer.learning_rate = 0.5
    found.append(float(model.optimizer.learning_rate))
    model.fit(x, y, shuffle=False, verbose=0)
    return [found, seen.trace, model.get_weights()]


@scenario("read.iterations")
def iterations_count_the_steps_in_every_hook(ns, tmp):
    """optimizer.iterations at each hook of a fit with validation, and over a second fit."""
    x, y = line_data(6)

    def count(self, index, logs):
        return int(self.model.optimizer.iterations.numpy())

    seen = recorder(ns, **dict.fromkeys(FIT_HOOKS, count))
    model = line(ns)
    for _ in range(2):
        model.fit(x, y, batch_size=3, epochs=2, verbose=0, validation_data=(x, y), callbacks=[seen])
    return [saw(seen.trace), int(model.optimizer.iterations)]


@scenario("read.layer")
def a_layer_shows_and_takes_weights_in_a_hook(ns, tmp):
    """layer.get_weights, layer.kernel, layer.set_weights and kernel.assign, at the batch where they are called."""
    x, y = line_data(8)

    def look(self, batch, logs):
        layer = self.model.get_layer("out")
        before = [layer.get_weights()[0], np.asarray(layer.kernel), np.asarray(layer.bias.value)]
        if batch == 1:
            layer.set_weights([np.ones((3, 1)), np.zeros(1)])
        if batch == 2:
            layer.kernel.assign(layer.kernel * 0.5)
        return [*before, layer.get_weights()[0]]

    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=look)
    model = line(ns)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights()]


@scenario("nested.evaluate.on_epoch_end")
def evaluate_within_an_epochs_end_is_a_call_of_its_own(ns, tmp):
    """It gives the loss of the weights as they are; the run goes on as if nothing had been."""
    x, y = line_data(8)
    inner = recorder(ns)

    def look(self, epoch, logs):
        return self.model.evaluate(x[:4], y[:4], batch_size=2, verbose=0, callbacks=[inner])

    seen = recorder(ns, on_epoch_end=look)
    model = line(ns)
    history = model.fit(x, y, batch_size=3, epochs=3, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, hooks_of(inner.trace), history.history, model.get_weights()]


@scenario("nested.evaluate.on_train_batch_end")
def evaluate_within_a_batchs_end_sees_that_batchs_weights(ns, tmp):
    """What it returns at each batch, the weights and the steps at the end."""
    x, y = line_data(8)
    found = []

    def look(self, batch, logs):
        found.append([batch, self.model.evaluate(x, y, verbose=0)])

    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=look)
    model = line(ns)
    model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [found, model.get_weights(), int(model.optimizer.iterations)]


def _predicts_in(hook):
    def run(ns, tmp):
        x, y = line_data(6)
        seen = recorder(ns, **{hook: lambda self, *_: self.model.predict(x[:3], verbose=0)})
        model = line(ns)
        model.fit(
            x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, validation_data=(x[:4], y[:4]), callbacks=[seen]
        )
        return [seen.trace, model.get_weights()]

    run.__doc__ = f"predict called in {hook} gives the outputs of that moment, and the run goes on unmoved."
    return run


for _hook in ("on_train_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_end", "on_epoch_end"):
    scenario(f"nested.predict.{_hook}", name=f"predict_within_{_hook}")(_predicts_in(_hook))


@scenario("nested.evaluate.on_train_batch_begin")
def evaluate_within_a_batchs_begin_sees_the_weights_before_it(ns, tmp):
    """What it returns before each batch, and the weights at the end."""
    x, y = line_data(6)
    found = []

    def look(self, batch, logs):
        found.append(self.model.evaluate(x, y, batch_size=2, verbose=0))

    seen = recorder(ns, "on_train_batch_begin", on_train_batch_begin=look)
    model = line(ns)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    return [found, model.get_weights()]


@scenario("nested.train_on_batch")
def a_step_taken_by_hand_within_a_hook_is_a_step(ns, tmp):
    """train_on_batch in a batch's end moves the weights and the count that the next batch starts from."""
    x, y = line_data(6)
    found = []

    def step(self, batch, logs):
        found.append([float(each) for each in self.model.train_on_batch(x[:2], y[:2])])

    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=step)
    model = line(ns, optimizer=ns.optimizers.SGD(0.05, momentum=0.5))
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    return [found, model.get_weights(), int(model.optimizer.iterations)]


@scenario("nested.predict_on_batch")
def predict_on_batch_serves_in_a_batch_hook(ns, tmp):
    """A look at the outputs after each batch."""
    x, y = line_data(6)
    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=lambda self, *_: self.model.predict_on_batch(x[:2]))
    model = line(ns)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights()]


@scenario("nested.other_model")
def another_model_trains_within_a_hook(ns, tmp):
    """A fit of a second model in an epoch's end touches neither the first nor its History."""
    x, y = line_data(6)
    other = line(ns)

    def train(self, epoch, logs):
        return other.fit(x, -y, epochs=2, shuffle=False, verbose=0).history["loss"]

    seen = recorder(ns, on_epoch_end=train)
    model = line(ns)
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, history.history, model.get_weights(), other.get_weights()]


@scenario("nested.train_on_batch_between")
def a_step_taken_by_hand_between_two_fits_counts(ns, tmp):
    """fit, train_on_batch, fit: one optimizer, one count of steps, momentum carried on."""
    x, y = line_data(6)
    model = line(ns, optimizer=ns.optimizers.SGD(0.05, momentum=0.9))
    model.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    step = model.train_on_batch(x[:3], y[:3], return_dict=True)
    history = model.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    return [step, history.history, model.get_weights(), int(model.optimizer.iterations)]


@scenario("hands.files")
def weights_are_saved_and_loaded_in_hooks(ns, tmp):
    """Saved after the first epoch, loaded at the end of the third: training ends where it was."""
    x, y = line_data(6)
    file = str(tmp / "kept.weights.h5")

    def save_or_load(self, epoch, logs):
        if epoch == 0:
            self.model.save_weights(file)
        if epoch == 2:
            self.model.load_weights(file)
        return self.model.get_weights()

    seen = recorder(ns, "on_epoch_end", on_epoch_end=save_or_load)
    model = line(ns)
    model.fit(x, y, epochs=4, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights()]


@scenario("hands.whole_models")
def a_model_saved_in_a_hook_is_that_of_the_batch(ns, tmp):
    """save and load_model within on_train_batch_end."""
    x, y = line_data(6)

    def keep(self, batch, logs):
        self.model.save(str(tmp / f"{batch}.keras"))
        return ns.models.load_model(str(tmp / f"{batch}.keras")).get_weights()

    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=keep)
    model = line(ns)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights()]


@scenario("hands.copies")
def what_get_weights_gives_is_a_copy(ns, tmp):
    """Writing into the arrays changes nothing; what was read at one batch is not moved by the next."""
    x, y = line_data(6)
    kept = []

    def keep(self, batch, logs):
        weights = self.model.get_weights()
        kept.append([each.copy() for each in weights])
        kept.append(weights)
        writable = np.array(weights[0], copy=False)
        if writable.flags.writeable:
            self.model.get_weights()[0][:] = 9.0

    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=keep)
    model = line(ns)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0, callbacks=[seen])
    return [kept, model.get_weights()]


@scenario("hands.early_stopping_by_hand")
def early_stopping_written_by_hand_restores_the_best(ns, tmp):
    """The guide's own callback: keep the weights at the least loss, stop when it grows, put them back."""
    x, y = line_data(6)

    class AtLeastLoss(ns.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.best, self.kept = np.inf, None

        def on_epoch_end(self, epoch, logs=None):
            if logs["loss"] < self.best:
                self.best, self.kept = logs["loss"], self.model.get_weights()
            else:
                self.model.stop_training = True
                self.model.set_weights(self.kept)

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                self.model.optimizer.learning_rate = 3.0

    model = line(ns)
    history = model.fit(rows(6, 3), y, epochs=9, shuffle=False, verbose=0, callbacks=[AtLeastLoss()])
    return [history.history, model.get_weights(), model.evaluate(x, y, verbose=0)]
