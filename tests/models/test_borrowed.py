"""model.borrowed: whatever is done meanwhile, the model is given back as it was, to the bit."""

from __future__ import annotations

import random

import numpy as np
import optax
import pytest

import kibitz
from kibitz.callbacks import LambdaCallback, LearningRateScheduler
from kibitz.errors import NotReady

X = np.linspace(-1, 1, 48, dtype="float32").reshape(16, 3)
Y = X.sum(axis=1, keepdims=True)


def model(optimizer="adam"):
    layers = kibitz.layers
    built = kibitz.Sequential(
        [kibitz.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)]
    )
    built.compile(optimizer, "mse", metrics=["mae"])
    return built


def everything(of):
    """All of a model that a program could tell apart."""
    state = {name: value.tobytes() for name, value in of.export_state().items()}
    measured = {name: repr(float(value)) for name, value in of.get_metrics_result().items()}
    numpy = np.random.get_state()  # noqa: NPY002 - what users draw from
    generators = random.getstate(), numpy[1].tobytes(), numpy[2]
    return state, measured, of.history, of.run_report(), of.stop_training, generators


def use(of, *callbacks):
    random.random(), np.random.random()  # noqa: NPY002 - what users draw from
    of.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=list(callbacks), validation_split=0.25)
    of.evaluate(X, Y, verbose=0)
    of.predict(X, verbose=0)
    of.set_weights([weight + 0.25 for weight in of.get_weights()])


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        lambda: kibitz.optimizers.SGD(lambda step: 0.1 / (step + 1), momentum=0.5),
        lambda: kibitz.optimizers.LossScaleOptimizer(kibitz.optimizers.SGD(0.1)),
        lambda: kibitz.optimizers.Adam(use_ema=True),
        lambda: optax.adam(1e-3),
        lambda: optax.inject_hyperparams(optax.sgd)(learning_rate=0.01),
    ],
    ids=["adam", "a schedule", "a loss scale", "with averages", "optax", "optax, injected"],
)
def test_a_model_is_given_back_to_the_bit(optimizer):
    lent = model(optimizer if isinstance(optimizer, str) else optimizer())
    use(lent)
    before = everything(lent)

    with lent.borrowed():
        use(lent)
        assert everything(lent) != before

    assert everything(lent) == before


def test_also_after_an_exception_and_an_interruption():
    lent = model()
    use(lent)
    before = everything(lent)

    for error in (RuntimeError("no"), KeyboardInterrupt()):

        def fail(batch, logs=None, error=error):
            raise error

        with pytest.raises(type(error)), lent.borrowed():
            use(lent, LambdaCallback(on_train_batch_end=fail))
        assert everything(lent) == before


@pytest.mark.parametrize("used", [False, True], ids=["never trained", "trained"])
def test_what_comes_afterwards_is_what_would_have_come(used):
    def train(borrowed):
        kibitz.utils.set_random_seed(5)
        lent = model(kibitz.optimizers.SGD(2**-9))
        if used:
            use(lent)
        if borrowed:
            with lent.borrowed():
                use(lent, LearningRateScheduler(lambda epoch: 0.001))
        rate = float(lent.optimizer.learning_rate)
        use(lent)
        return rate, everything(lent)[0], lent.history.history

    assert train(borrowed=True) == train(borrowed=False)


def test_a_seed_that_is_set_afterwards_holds_for_the_order_of_rows():
    def train(borrowed):
        kibitz.utils.set_random_seed(5)
        lent = kibitz.Sequential([kibitz.Input((3,)), kibitz.layers.Dense(1)])
        lent.compile("sgd", "mse")
        if borrowed:
            with lent.borrowed():
                lent.fit(X, Y, batch_size=4, verbose=0)
        kibitz.utils.set_random_seed(6)
        lent.fit(X, Y, batch_size=4, verbose=0)
        return lent.get_weights()[0].tobytes()

    assert train(borrowed=True) == train(borrowed=False)


def test_a_rate_that_was_set_meanwhile_does_not_come_back_with_the_next_compile():
    lent = model(kibitz.optimizers.SGD(2**-9))
    with lent.borrowed():
        lent.optimizer.learning_rate = 0.5

    lent.compile(lent.optimizer, "mse")

    assert float(lent.optimizer.learning_rate) == 2**-9


def test_what_was_written_into_the_module_meanwhile_is_taken_back():
    from flax import nnx

    lent = kibitz.Model(nnx.Linear(3, 1, rngs=nnx.Rngs(0)))
    lent.compile("sgd", "mse")
    before = lent.get_weights()

    with lent.borrowed():
        lent.module.kernel[...] = np.ones((3, 1), "float32")
        assert lent.get_weights()[0].tolist() != before[0].tolist()

    assert np.asarray(lent.module.kernel[...]).tobytes() == lent.get_weights()[0].tobytes() == before[0].tobytes()


def test_within_a_fit_that_goes_on_the_fit_goes_on_as_without():
    def train(*callbacks):
        kibitz.utils.set_random_seed(5)
        lent = model()
        history = lent.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=list(callbacks))
        return everything(lent)[0], history.history

    class Borrow(kibitz.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                with self.model.borrowed():
                    self.model.fit(X, Y, batch_size=8, verbose=0)

    assert train(Borrow()) == train()


def test_a_model_without_weights_cannot_be_lent():
    lent = kibitz.Sequential([kibitz.layers.Dense(1)])
    with pytest.raises(NotReady, match="cannot be given back"), lent.borrowed():
        pass
