"""Compiling while a fit goes on: refused at once, allowed once the last step is done; and `refreeze` in any hook."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz as keras
from kibitz.errors import NotReady, Unbalanced

X = np.random.default_rng(2).normal(size=(16, 3)).astype("float32")
Y = X[:, :1] * 2
IN_THE_MIDST = (
    "on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_test_begin",
    "on_test_batch_begin", "on_test_batch_end", "on_test_end", "on_epoch_end",
)  # fmt: skip


def build():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="base"), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def fit(model, *callbacks, **others):
    given = {"batch_size": 4, "epochs": 2, "verbose": 0, "validation_data": (X, Y), **others}
    return model.fit(X, Y, callbacks=list(callbacks), **given).history


def state(model):
    return {name: value.tobytes() for name, value in model.export_state().items()}


def at(hook, do):
    """A callback that does something once, the first time that a hook is called."""

    def act(self, *_, **__):
        if not self.done:
            self.done = True
            do(self.model)

    return type("Acts", (keras.callbacks.Callback,), {hook: act, "done": False})()


@pytest.mark.parametrize("hook", IN_THE_MIDST)
def test_a_compile_in_the_midst_of_a_fit_is_refused_there_and_the_run_goes_on_as_it_was(hook):
    def compile_again(model):
        with pytest.raises(Unbalanced) as found:
            model.compile(model.optimizer, "mae")
        assert "refreeze" in found.value.cure

    model, plain = build(), build()
    acts = at(hook, compile_again)
    assert fit(model, acts) == fit(plain)
    assert acts.done
    assert state(model) == state(plain)
    assert model.metrics_names == ["loss", "mae"]


@pytest.mark.parametrize("hook", ["on_train_end", "on_run_end"])
def test_once_training_is_over_a_model_may_be_compiled(hook):
    model = build()
    norms = keras.callbacks.GradientNorms()  # so that there are programs with and without it
    fit(model, norms, at(hook, lambda model: model.compile("sgd", "mae", metrics=[])))
    assert set(fit(model)) == {"loss", "val_loss"}
    assert int(model.optimizer.iterations) == 8


@pytest.mark.parametrize("hook", IN_THE_MIDST)
def test_layers_are_frozen_in_any_hook(hook):
    seen = {}

    def freeze(model):
        model.get_layer("base").trainable = False
        model.refreeze()
        seen.update(kernel=model.get_weights()[0], iterations=int(model.optimizer.iterations))

    model = build()
    fit(model, at(hook, freeze))
    np.testing.assert_array_equal(model.get_weights()[0], seen["kernel"])
    assert int(model.optimizer.iterations) == 8
    assert len(model.optimizer.variables) == 2 + 2 * 2
    assert seen["iterations"] == {"on_train_batch_end": 1}.get(
        hook, 4 if "test" in hook or hook == "on_epoch_end" else 0
    )


def test_a_parameter_that_comes_back_begins_anew():
    model = build()
    fit(model)
    top = np.asarray(model.optimizer.variables[-1])
    for wanted in (False, True):
        model.get_layer("base").trainable = wanted
        model.refreeze()
    _, _, *slots = (np.asarray(each) for each in model.optimizer.variables)
    assert not any(slot.any() for slot in slots[:4])
    np.testing.assert_array_equal(np.asarray(model.optimizer.variables[-1]), top)
    assert top.any()


def test_after_a_failure_a_model_may_be_compiled_at_the_end():
    def fail(model):
        raise RuntimeError("here")

    model = build()
    compiles = at("on_run_end", lambda model: model.compile("sgd", "mae", metrics=[]))
    with pytest.raises(RuntimeError, match="here"):
        fit(model, at("on_train_batch_end", fail), compiles)
    assert compiles.done
    assert set(fit(model)) == {"loss", "val_loss"}


def test_refreeze_needs_a_compiled_model():
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
    with pytest.raises(NotReady):
        model.refreeze()


def test_a_flag_that_nothing_takes_up_is_told():
    def forget(model):
        model.get_layer("base").trainable = False

    with pytest.warns(UserWarning, match="refreeze"):
        fit(build(), at("on_epoch_end", forget))


def test_a_flag_from_before_the_fit_is_as_in_keras():
    model = build()
    before = model.get_weights()[0]
    model.get_layer("base").trainable = False  # no compile: the fit trains as it was compiled
    fit(model)
    assert (model.get_weights()[0] != before).any()
