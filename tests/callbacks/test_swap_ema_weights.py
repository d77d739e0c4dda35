"""SwapEMAWeights: whose weights stand in the model at which moment, and that they come back whatever happens."""

from __future__ import annotations

import functools

import numpy as np
import optax
import pytest

import kibitz
from kibitz.callbacks import Callback, CallbackList, SwapEMAWeights
from kibitz.errors import InvalidArgument
from kibitz.outcome import Outcome
from kibitz.testing import FakeModel, drive

X = np.random.default_rng(0).uniform(-1, 1, (8, 2)).astype("float32")
Y = 3 * X.sum(axis=1, keepdims=True) + 1


def make(optimizer=None, **settings):
    model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1, kernel_initializer="ones", name="out")])
    optimizer = optimizer or kibitz.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.75)
    model.compile(optimizer, "mse", **settings)
    return model


def fit(model, *callbacks, **settings):
    settings = {"epochs": 3, "batch_size": 4, "shuffle": False, "verbose": 0, **settings}
    settings["validation_batch_size"] = 8 if "validation_data" in settings else None
    return model.fit(X, Y, callbacks=list(callbacks), **settings)


def kernel(model):
    return model.get_weights()[0].ravel().tolist()


class Looks(Callback):
    """Write down the kernel at each hook."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def look(self, hook):
        self.seen.append((hook, kernel(self.model)))

    def at(self, hook):
        return [found for name, found in self.seen if name == hook]

    def on_train_batch_end(self, batch, logs=None):
        self.look("train")

    def on_test_batch_end(self, batch, logs=None):
        self.look("test")

    def on_predict_batch_end(self, batch, logs=None):
        self.look("predict")

    def on_epoch_begin(self, epoch, logs=None):
        self.look("epoch begin")

    def on_epoch_end(self, epoch, logs=None):
        self.look("epoch end")

    def on_train_end(self, logs=None):
        self.look("train end")


def averages(epochs=3):
    """What the averages are after each epoch of a run without the callback."""
    found, model = [], make()

    class Notes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append(kernel_of_average(model))

    fit(model, Notes(), epochs=epochs)
    return found


def kernel_of_average(model):
    return next(v.numpy() for v in model.optimizer.variables if v.name.endswith("kernel_average")).ravel().tolist()


def test_validation_sees_the_averages_and_training_does_not():
    looks, plain = Looks(), Looks()
    fit(make(), SwapEMAWeights(), looks, validation_data=(X, Y))
    fit(make(), plain)

    assert looks.at("test") == averages()
    assert looks.at("train") == plain.at("train")
    assert looks.at("epoch end") == plain.at("epoch end")


def test_to_the_bit_the_weights_come_back():
    with_it, without = make(), make()
    fit(with_it, SwapEMAWeights(True), validation_data=(X, Y))
    fit(without)

    assert [a.tobytes() for a in with_it.get_weights()] == [b.tobytes() for b in without.get_weights()]
    assert with_it.export_state().keys() == without.export_state().keys()
    assert all(a.tobytes() == without.export_state()[n].tobytes() for n, a in with_it.export_state().items())


@pytest.mark.parametrize("call", ["evaluate", "predict"])
def test_D3_the_weights_are_back_after_evaluate_and_predict(call):
    model, looks = make(), Looks()
    fit(model)
    model.set_weights([np.full((2, 1), 5.0), np.zeros(1)])
    for _ in range(2):
        getattr(model, call)(X, *([Y] if call == "evaluate" else []), verbose=0, callbacks=[SwapEMAWeights(), looks])

    assert looks.at({"evaluate": "test"}.get(call, call)) == [kernel_of_average(model)] * 2
    assert kernel(model) == [5.0, 5.0]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["on_test_batch_end", "on_test_begin", "on_predict_batch_end", "on_epoch_end"])
def test_D4_after_an_exception_in_between_the_weights_are_back(where, error):
    def fail(self, *_, **__):
        raise error

    model, looks = make(), Looks()
    broken = type("Broken", (Callback,), {where: fail})()
    swap = SwapEMAWeights(swap_on_epoch=True)
    callbacks = [swap, looks, broken]
    if "predict" in where:
        fit(model)
        model.set_weights([np.full((2, 1), 5.0), np.zeros(1)])
        run = functools.partial(model.predict, X, verbose=0, callbacks=callbacks)
    else:
        run = functools.partial(fit, model, *callbacks, validation_data=(X, Y))
    with pytest.raises(error):
        run()

    assert kernel(model) == ([5.0, 5.0] if "predict" in where else looks.at("train")[-1])
    assert kernel_of_average(model) != kernel(model)
    looks.seen.clear()
    fit(model, swap, looks, validation_data=(X, Y), epochs=1)  # and the same instance serves again
    assert looks.at("test") == looks.at("epoch end")


def test_D4_a_run_that_was_stopped_ends_with_the_averages_too():
    class Stops(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    for callbacks in ([SwapEMAWeights(True), Stops()], [Stops(), SwapEMAWeights(True)], [SwapEMAWeights(), Stops()]):
        model = make()
        fit(model, *callbacks, epochs=9)
        assert kernel(model) == averages()[1]
        assert kernel_of_average(model) == averages()[1]


def test_a_checkpoint_behind_it_has_the_averages(tmp_path):
    saved = kibitz.callbacks.ModelCheckpoint(str(tmp_path / "{epoch}.weights.h5"), save_weights_only=True)
    looks = Looks()
    fit(make(), SwapEMAWeights(swap_on_epoch=True), saved, looks)

    model = make()
    found = []
    for epoch in (1, 2, 3):
        model.load_weights(tmp_path / f"{epoch}.weights.h5")
        found.append(kernel(model))
    assert found == looks.at("epoch end") == averages()


def test_a_whole_state_saved_behind_it_goes_on_with_the_weights(tmp_path):
    class Fails(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise OSError

    def callbacks():
        return [SwapEMAWeights(swap_on_epoch=True), kibitz.callbacks.BackupAndRestore(str(tmp_path / "b"))]

    whole, first, second = make(), make(), make()
    fit(whole, SwapEMAWeights(swap_on_epoch=True), epochs=4)
    with pytest.raises(OSError):
        fit(first, *callbacks(), Fails(), epochs=4)
    fit(second, *callbacks(), epochs=4)

    assert [a.tobytes() for a in second.get_weights()] == [b.tobytes() for b in whole.get_weights()]


@pytest.mark.parametrize("swap_on_epoch", [True, False])
def test_an_evaluation_within_a_hook_with_the_same_instance_swaps_nothing_twice(swap_on_epoch):
    swap, looks, losses = SwapEMAWeights(swap_on_epoch), Looks(), []

    class Evaluates(Callback):
        def on_epoch_end(self, epoch, logs=None):
            before = kernel(self.model)
            losses.append(self.model.evaluate(X, Y, verbose=0, callbacks=[swap]))
            assert kernel(self.model) == before

        def on_train_batch_end(self, batch, logs=None):
            before = kernel(self.model)
            self.model.evaluate(X, Y, verbose=0, callbacks=[swap, SwapEMAWeights()])
            assert kernel(self.model) == before

    history = fit(make(), swap, Evaluates(), looks, validation_data=(X, Y))
    assert losses == history.history["val_loss"]
    assert looks.at("epoch end") == (averages() if swap_on_epoch else looks.at("train")[1::2])


def test_an_evaluation_that_fails_within_a_hook_leaves_the_run_around_it_as_it_was():
    swap, looks = SwapEMAWeights(swap_on_epoch=True), Looks()

    class Fails(Callback):
        def on_test_batch_end(self, batch, logs=None):
            raise OSError

    class Evaluates(Callback):
        def on_epoch_end(self, epoch, logs=None):
            with pytest.raises(OSError):
                self.model.evaluate(X, Y, verbose=0, callbacks=[swap, Fails()])

    model, plain = make(), Looks()
    fit(model, swap, Evaluates(), looks)
    fit(make(), plain)
    assert looks.at("epoch end") == averages()
    assert looks.at("train") == plain.at("train")
    assert kernel(model) == averages()[-1]


def test_two_of_them_swap_once():
    looks = Looks()
    fit(make(), SwapEMAWeights(), SwapEMAWeights(), looks, validation_data=(X, Y))
    assert looks.at("test") == averages()


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(lambda: kibitz.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5), id="Adam"),
        pytest.param(lambda: kibitz.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=3), id="overwritten"),
        pytest.param(lambda: kibitz.optimizers.SGD(0.1, use_ema=True, gradient_accumulation_steps=3), id="accumulated"),
        pytest.param(
            lambda: kibitz.optimizers.LossScaleOptimizer(kibitz.optimizers.SGD(0.1, use_ema=True)), id="scaled"
        ),
        pytest.param(lambda: kibitz.optimizers.OptaxOptimizer(optax.sgd(0.1), use_ema=True), id="Optax"),
    ],
)
def test_it_serves_every_optimizer_that_keeps_averages(optimizer):
    looks, plain = Looks(), Looks()
    fit(make(optimizer()), SwapEMAWeights(True), looks, validation_data=(X, Y))
    fit(make(optimizer()), plain, validation_data=(X, Y))
    assert looks.at("train") == plain.at("train")
    assert looks.at("test") == looks.at("epoch end")
    assert looks.at("test") != plain.at("test")


def test_before_the_first_step_there_are_no_averages_and_the_weights_stay():
    model, looks = make(), Looks()
    model.evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights(), looks])
    assert looks.at("test") == [[1.0, 1.0]]


def test_layers_that_are_not_trained_stay_as_they_are():
    model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(2, name="a"), kibitz.layers.Dense(1, name="b")])
    model.layers[0].trainable = False
    model.compile(kibitz.optimizers.SGD(0.1, use_ema=True), "mse")
    frozen = model.layers[0].get_weights()[0]
    looks = Looks()
    fit(model, SwapEMAWeights(True), looks, validation_data=(X, Y))
    assert {tuple(each) for _, each in looks.seen} == {tuple(frozen.ravel().tolist())}


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize(
    "optimizer",
    [lambda: "sgd", lambda: kibitz.optimizers.LossScaleOptimizer(kibitz.optimizers.SGD(0.1)), lambda: optax.sgd(0.1)],
)
def test_an_optimizer_without_averages_is_told_before_the_first_step(call, optimizer):
    model, looks = make(optimizer()), Looks()
    data = (X,) if call == "predict" else (X, Y)
    with pytest.raises(InvalidArgument, match="SwapEMAWeights must be used when `use_ema=True` is set"):
        getattr(model, call)(*data, verbose=0, callbacks=[looks, SwapEMAWeights()])
    assert looks.seen == []


def test_a_model_without_an_optimizer_is_told():
    model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
    with pytest.raises(InvalidArgument, match="use_ema"):
        model.predict(X, verbose=0, callbacks=[SwapEMAWeights()])
    with pytest.raises(InvalidArgument, match="use_ema"):
        drive(SwapEMAWeights(), epochs=[{"loss": 1.0}], model=FakeModel())


def test_it_serves_a_loop_written_by_hand():
    model, looks = make(), Looks()
    hooks = CallbackList([SwapEMAWeights(swap_on_epoch=True), looks], model=model, epochs=2)
    hooks.on_train_begin()
    for epoch in range(2):
        hooks.on_epoch_begin(epoch)
        model.train_on_batch(X, Y)
        hooks.on_train_batch_begin(0)
        hooks.on_train_batch_end(0)
        hooks.on_test_begin()
        hooks.on_test_batch_begin(0)
        hooks.on_test_batch_end(0)
        hooks.on_test_end()
        hooks.on_epoch_end(epoch)
    hooks.on_train_end()

    assert looks.at("test") == looks.at("epoch end")
    assert looks.at("train")[1] != looks.at("test")[1]
    assert kernel(model) == looks.at("train end")[0] == looks.at("test")[1]


def test_a_loop_written_by_hand_that_fails_has_its_weights_back():
    model = make()
    model.train_on_batch(X, Y)
    model.set_weights([np.full((2, 1), 5.0), np.zeros(1)])
    hooks = CallbackList([SwapEMAWeights()], model=model)
    hooks.on_test_begin()
    assert kernel(model) != [5.0, 5.0]
    hooks.on_run_end(Outcome("failed", error=OSError()))
    assert kernel(model) == [5.0, 5.0]


def test_a_step_that_destroys_its_state_destroys_no_weights_that_are_set_aside(monkeypatch):
    """Weights and averages are the same arrays while they are swapped in: no step may destroy both as one."""
    from kibitz.engine import rule

    looks, plain = Looks(), Looks()
    monkeypatch.setattr(rule, "HEAVY", 0)
    monkeypatch.setattr(rule, "ROOMY", 0)
    fit(make(), SwapEMAWeights(True), looks, validation_data=(X, Y))
    fit(make(), plain)
    assert looks.at("train") == plain.at("train")
