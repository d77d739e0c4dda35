"""FreezeUntil: its results are those of two fits by hand, whatever the model, the optimizer and the cut into spans."""

from __future__ import annotations

import functools
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras as real
import numpy as np
import optax
import pytest
from flax import nnx

import kibitz as keras
from kibitz.callbacks import BackupAndRestore, FreezeUntil, GradientNorms
from kibitz.engine import programs
from kibitz.engine.rule import Manner
from kibitz.errors import InvalidArgument, NotReady, Unbalanced, UnknownName, Unsupported, WrongType
from tests.free.test_same_bits import cut

X = np.random.default_rng(5).normal(size=(30, 4)).astype("float32")
Y = (X[:, :1] * 2 - X[:, 1:2]).astype("float32")
FROZEN = ("base", "bn")


def build(optimizer=None, *, frozen=()):
    """A model with batch normalization and dropout, some of its layers frozen by hand before compile."""
    keras.utils.set_random_seed(7)
    of = keras.layers
    layers = [of.Dense(5, name="base"), of.BatchNormalization(name="bn"), of.Dropout(0.3), of.Dense(1, name="top")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    for name in frozen:
        model.get_layer(name).trainable = False
    model.compile(optimizer or keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def fit(model, *callbacks, epochs=5, **others):
    given = {"batch_size": 8, "shuffle": False, "verbose": 0, "validation_data": (X, Y), **others}
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **given).history


def state(model):
    return {name: value.tobytes() for name, value in model.export_state().items()}


def by_hand(make, until=2, epochs=5):
    """Two fits: one with the layers frozen, then one of a model with all trained that is given all that there is."""

    class Keeps(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.kept = self.model.export_state()  # before averages take the place of weights, at the end of a run

    keeps, second = Keeps(), build(make())
    before = fit(build(make(), frozen=FROZEN), keeps, epochs=until)
    arrays, kept = second.export_state(), keeps.kept
    values = {name.split("'")[1]: value for name, value in kept.items() if name.startswith((".params", ".others"))}
    for name in arrays:
        if name.startswith(".optimizer"):
            where = name.split("'")
            stood = values[where[3]] if where[1] == "average" else arrays[name]
            arrays[name] = kept.get(name, stood)
        else:
            arrays[name] = values[name.split("'")[1]]
    second.import_state(arrays)
    after = fit(second, epochs=epochs, initial_epoch=until)
    return {key: before[key] + after[key] for key in before}, state(second)


def with_callback(make, *callbacks, until=2, epochs=5):
    model = build(make())
    return fit(model, FreezeUntil(FROZEN, until), *callbacks, epochs=epochs), state(model)


SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
OPTIMIZERS = {
    "Adam": lambda: Adam(0.01),
    "Nadam": lambda: keras.optimizers.Nadam(0.01, weight_decay=0.01),
    "a schedule": lambda: SGD(keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.9), momentum=0.9),
    "accumulation": lambda: Adam(0.01, gradient_accumulation_steps=3),
    "averages": lambda: Adam(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(Adam(0.01), dynamic_growth_steps=3),
    "Optax": lambda: keras.optimizers.OptaxOptimizer(
        optax.chain(optax.clip(0.5), optax.inject_hyperparams(optax.adam)(learning_rate=0.01))
    ),
}


@functools.cache
def undisturbed():
    """The run with Adam and nobody else, for all who compare theirs with it."""
    return with_callback(OPTIMIZERS["Adam"])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.careful] if name == "Adam" else []) for name in OPTIMIZERS]
)
def test_the_bits_are_those_of_two_fits_by_hand(name):
    assert with_callback(OPTIMIZERS[name]) == by_hand(OPTIMIZERS[name])


def test_an_average_begins_where_a_weight_has_stood():
    model, kernels = build(Adam(0.01, use_ema=True, ema_momentum=0.5)), []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kernels.append(self.model.get_weights()[0])

    fit(model, FreezeUntil(FROZEN, 1), Look(), epochs=2)
    average = kernels[0]
    for kernel in kernels[4:]:
        average = 0.5 * average + 0.5 * kernel
    np.testing.assert_allclose(model.get_weights()[0], average, rtol=1e-6)


@pytest.mark.parametrize("donates", [False, True])
def test_step_by_step_and_donated_the_bits_are_the_same(monkeypatch, donates):
    expected = undisturbed()
    monkeypatch.setattr(programs, "manner", lambda *_: Manner(loops=False, donates=donates))
    held = []

    class Holds(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            held.append(self.model.optimizer.variables[-1].value)

    assert with_callback(OPTIMIZERS["Adam"], Holds()) == expected
    assert all(np.isfinite(np.asarray(each)).all() for each in held)


def test_the_cut_into_spans_changes_no_bit():
    for most in (1, 3):
        with cut(most):
            assert with_callback(OPTIMIZERS["Adam"]) == undisturbed()


def test_the_way_of_running_may_change_with_the_layers(monkeypatch):
    expected = undisturbed()
    manners = iter([True, False, True, False, True, False] * 9)
    monkeypatch.setattr(programs, "manner", lambda *_: Manner(loops=False, donates=next(manners)))
    assert with_callback(OPTIMIZERS["Adam"]) == expected
    turns = iter([True, False] * 9)

    def choose(*_):
        loops = next(turns)
        return Manner(loops=loops, most=4 if loops else 1)

    monkeypatch.setattr(programs, "manner", choose)
    assert with_callback(OPTIMIZERS["Adam"]) == expected


def test_graph_hooks_go_on_and_change_no_bit():
    history, after = undisturbed()
    norms = GradientNorms(each=True)
    looked_on, also_after = with_callback(OPTIMIZERS["Adam"], norms)
    assert also_after == after
    assert {key: looked_on[key] for key in history} == history
    assert [len(looked_on[key]) for key in ("gradient_norm/top/kernel", "gradient_norm/base/kernel")] == [5, 3]


class Counts(keras.callbacks.Callback):
    """A graph hook that keeps something for all, and something for each parameter."""

    def init_graph_state(self, params):
        return {"steps": jnp.int32(0), "sums": {name: jnp.zeros(()) for name in params}}

    def on_gradients(self, grads, params, state):
        sums = {name: state["sums"][name] + 1 for name in grads}
        return grads, {"steps": state["steps"] + 1, "sums": sums}, {}

    def on_epoch_end(self, epoch, logs=None):
        state = self.run.graph_state(self)
        self.last = {"steps": int(state["steps"]), **{name: int(each) for name, each in state["sums"].items()}}


def test_what_a_graph_hook_keeps_is_carried_over():
    model, counts = build(), Counts()
    fit(model, FreezeUntil("base", 2), counts, epochs=3)
    assert counts.last["steps"] == counts.last["top/kernel"] == 12
    assert counts.last["base/kernel"] == counts.last["base/bias"] == 4
    fit(model, epochs=1)  # and the model has its own programs again
    assert model.core.programs.hooks.hooks == ()


def test_the_numbers_are_those_of_plain_jax():
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,), name="base"), keras.layers.Dense(1)])
    model.compile(Adam(0.05), "mse")
    names = ("kernel", "bias", "kernel_1", "bias_1")
    params = dict(zip(names, map(jnp.asarray, model.get_weights()), strict=True))
    fit(model, FreezeUntil("base", 2), epochs=4, batch_size=15)

    def loss(params, x, y):
        hidden = x @ params["kernel"] + params["bias"]
        return jnp.mean((hidden @ params["kernel_1"] + params["bias_1"] - y) ** 2)

    moments = dict.fromkeys(names, (0.0, 0.0))
    for step in range(8):
        rows = slice(15 * (step % 2), 15 * (step % 2) + 15)
        grads = jax.grad(loss)(params, X[rows], Y[rows])
        for name in names if step >= 4 else names[2:]:
            mean, size = moments[name]
            moments[name] = mean, size = 0.9 * mean + 0.1 * grads[name], 0.999 * size + 0.001 * grads[name] ** 2
            rate = 0.05 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            params[name] = params[name] - rate * mean / (jnp.sqrt(size) + 1e-7)
    for found, wanted in zip(model.get_weights(), params.values(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_frozen_it_is_as_in_keras():
    of = real.layers
    theirs = real.Sequential(
        [real.Input((4,)), of.Dense(5, name="base"), of.BatchNormalization(name="bn"), of.Dense(1, name="top")]
    )
    of = keras.layers
    ours = keras.Sequential(
        [keras.Input((4,)), of.Dense(5, name="base"), of.BatchNormalization(name="bn"), of.Dense(1, name="top")]
    )
    ours.set_weights([np.asarray(weight.value) for weight in theirs.weights])
    for name in FROZEN:
        theirs.get_layer(name).trainable = False
    theirs.compile(real.optimizers.Adam(0.05), "mse")
    ours.compile(Adam(0.05), "mse")
    given = {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0}
    expected = theirs.fit(X, Y, **given).history
    found = ours.fit(X, Y, callbacks=[FreezeUntil(FROZEN, 3)], **given).history
    np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-5)
    for one, other in zip(ours.get_weights(), theirs.weights, strict=True):
        np.testing.assert_allclose(one, np.asarray(other.value), rtol=1e-4, atol=1e-6)


def moved(model, before):
    """The paths of the weights that are no longer what they were."""
    pairs = zip(model.weights, before, model.get_weights(), strict=True)
    return {weight.path.split("/", 1)[1] for weight, old, new in pairs if (old != new).any()}


@pytest.mark.parametrize(
    ("layers", "stays"),
    [
        ("base", {"base/kernel", "base/bias"}),
        ("base/kernel", {"base/kernel"}),
        (["base", "top/bias"], {"base/kernel", "base/bias", "top/bias"}),
        (lambda path: path.endswith("bias"), {"base/bias", "top/bias"}),
        ("bn", {"bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"}),
    ],
)
def test_what_is_frozen(layers, stays):
    model = build()
    before = model.get_weights()
    fit(model, FreezeUntil(layers, 2), epochs=2, validation_data=None)
    everything = {weight.path.split("/", 1)[1] for weight in model.weights}
    assert moved(model, before) == everything - stays
    before = model.get_weights()
    fit(model, FreezeUntil(layers, 2), epochs=3, initial_epoch=2, validation_data=None)
    assert moved(model, before) == everything


def test_a_layer_itself_and_a_part_of_a_module():
    model = build()
    before = model.get_weights()
    fit(model, FreezeUntil(model.layers[0], 1), epochs=1)
    assert {"base/kernel", "base/bias"}.isdisjoint(moved(model, before))

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.blocks = nnx.List([nnx.Linear(4, 4, rngs=rngs), nnx.Linear(4, 4, rngs=rngs)])
            self.head = nnx.Linear(4, 1, rngs=rngs)

        def __call__(self, x):
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    for which, still in ((lambda net: "blocks", 4), (lambda net: net.head, 2)):
        net = Net(nnx.Rngs(0))
        model = keras.Model(net)
        model.compile("adam", "mse")
        before = model.get_weights()
        fit(model, FreezeUntil(which(net), 1), epochs=1, validation_data=None)
        assert len(moved_of(model, before)) == 6 - still
        fit(model, FreezeUntil(which(net), 1), epochs=2, initial_epoch=1, validation_data=None)
        assert len(moved_of(model, before)) == 6


def moved_of(model, before):
    return [
        place for place, (old, new) in enumerate(zip(before, model.get_weights(), strict=True)) if (old != new).any()
    ]


def test_each_layer_has_its_epoch_and_the_later_one_counts():
    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.trained = []

        def on_epoch_end(self, epoch, logs=None):
            self.trained.append(len(self.model.trainable_weights))

    model, look = build(), Look()
    fit(model, FreezeUntil({"base": 1, "base/bias": 3, "bn": 2}), look, epochs=4, validation_data=None)
    assert look.trained == [2, 3, 5, 6]


def test_layers_that_were_frozen_by_hand_are_let_go_too():
    model = build(frozen=FROZEN)
    history = fit(model, FreezeUntil(FROZEN, 2))
    assert (history, state(model)) == undisturbed()


def test_everything_may_be_frozen_at_first():
    model = build()
    before = model.get_weights()
    history = fit(model, FreezeUntil(["base", "bn", "top"], 2), epochs=4)
    assert int(model.optimizer.iterations) == 8
    assert len(history["loss"]) == 4
    assert len(moved(model, before)) == 8


def test_nothing_is_compiled_again_in_a_second_fit_or_where_nothing_changes():
    model = build()
    fit(model, FreezeUntil(FROZEN, 2), epochs=3)
    kept = model.core.programs
    fit(model, FreezeUntil(FROZEN, 2), epochs=4, initial_epoch=3)
    assert model.core.programs is kept


@functools.cache
def of_six_epochs(until):
    model = build()
    fit(model, FreezeUntil(FROZEN, until), epochs=6)
    return state(model)


@pytest.mark.parametrize(
    ("until", "frozen", "order"), [(2, (), 1), (2, FROZEN, -1), (3, (), 1), (3, FROZEN, -1), (4, (), -1)]
)
def test_a_run_that_is_gone_on_with_begins_as_the_epoch_wants_it(tmp_path, until, frozen, order):
    class Dies(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    def backup():
        return BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)

    with pytest.raises(KeyboardInterrupt):
        fit(build(), FreezeUntil(FROZEN, until), backup(), Dies(), epochs=6)
    again = build(frozen=frozen)  # the program that goes on may have frozen layers itself
    epochs = fit(again, *[FreezeUntil(FROZEN, until), backup()][::order], epochs=6)
    assert len(epochs["loss"]) == 3
    assert state(again) == of_six_epochs(until)


@functools.cache
def left_off(epochs):
    model = build()
    fit(model, FreezeUntil(FROZEN, 2), epochs=epochs)
    return model.export_state()


@pytest.mark.parametrize("cut_at", [1, 2, 3])
@pytest.mark.parametrize("frozen", [(), FROZEN])
def test_a_state_goes_on_in_a_model_that_was_made_anew(cut_at, frozen):
    second = build(frozen=frozen)
    second.import_state(left_off(cut_at))
    assert state(second) == {name: value.tobytes() for name, value in left_off(cut_at).items()}
    fit(second, FreezeUntil(FROZEN, 2), initial_epoch=cut_at)
    assert state(second) == undisturbed()[1]


def test_a_rehearsal_gives_the_model_back_unfrozen():
    model = build()
    before = state(model)
    with model.borrowed():
        fit(model, FreezeUntil(FROZEN, 2), epochs=1)
    assert state(model) == before
    assert model.get_layer("bn").trainable
    other = build()
    assert (fit(model), state(model)) == (fit(other), state(other))


def test_averages_in_place_are_no_weights():
    model, plain = (build(SGD(0.01, use_ema=True)) for _ in range(2))
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    fit(model, FreezeUntil(FROZEN, 2), swap)
    fit(plain, FreezeUntil(FROZEN, 2))
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()


def test_a_loop_of_ones_own_is_enough():
    model = build()
    before = model.get_weights()
    callbacks = keras.callbacks.CallbackList([FreezeUntil("base", 1)], model=model)
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        model.train_on_batch(X, Y)
        assert ("base/kernel" in moved(model, before)) is (epoch == 1)
        callbacks.on_epoch_end(epoch)
    callbacks.on_train_end()


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: FreezeUntil("bas", 2), UnknownName, 'nearest  "base"'),
        (lambda: FreezeUntil("base/kernle", 2), UnknownName, 'nearest  "base/kernel"'),
        (lambda: FreezeUntil("dropout", 2), InvalidArgument, "nothing to freeze"),
        (lambda: FreezeUntil(keras.layers.Dense(1), 2), InvalidArgument, "not one of the model's"),
        (lambda: FreezeUntil(lambda path: "head" in path, 2), InvalidArgument, "base/kernel"),
        (lambda: FreezeUntil(7, 2), WrongType, "means no part"),
        (lambda: FreezeUntil([], 2), WrongType, "means no part"),
        (lambda: FreezeUntil("base"), InvalidArgument, "epoch=None"),
        (lambda: FreezeUntil({"base": 1}, 2), InvalidArgument, "a dict with an epoch for each"),
        (lambda: FreezeUntil({}), InvalidArgument, "a dict with an epoch for each"),
        (lambda: FreezeUntil("base", -1), WrongType, "0 or more"),
        (lambda: FreezeUntil("base", 1.5), WrongType, "0 or more"),
        (lambda: FreezeUntil("base", True), WrongType, "0 or more"),
    ],
)
def test_what_cannot_be_is_said_before_the_first_step(make, error, says):
    model = build()
    model.layers[2].name = "dropout"
    before = state(model)
    with pytest.raises(error) as found:
        fit(model, make())
    assert says in str(found.value)
    assert state(model) == before
    assert len(model.trainable_weights) == 6


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(Unsupported):
        keras.testing.drive(FreezeUntil("base", 1), epochs=[{"loss": 1.0}])


def flat(inner):
    """All slots in one vector: nothing tells what belongs to whom."""
    return optax.flatten(inner)


def listed():
    """Slots in a list: only their places tell."""

    def init(params):
        return [jnp.zeros_like(each) for each in jax.tree.leaves(params)]

    return optax.GradientTransformation(init, lambda updates, state, params=None: (updates, state))


@pytest.mark.parametrize("kind", [lambda: flat(optax.adam(0.01)), listed])
def test_an_optimizer_of_which_nothing_can_be_told_is_refused_before_the_first_step(kind):
    model = build(keras.optimizers.OptaxOptimizer(kind()))
    before = state(model)
    with pytest.raises(Unsupported) as found:
        fit(model, FreezeUntil("base", 2))
    assert "nothing tells what belongs to which" in str(found.value)
    assert state(model) == before
    assert len(model.trainable_weights) == 6


def test_a_fit_within_a_fit_is_refused_before_its_first_step():
    model, seen = build(), []

    class Fits(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            before = state(self.model)
            with pytest.raises(Unbalanced):
                fit(self.model, FreezeUntil("base", 1), epochs=1)
            seen.append(state(self.model) == before and self.model.get_layer("base").trainable)

    fit(model, Fits(), epochs=2, validation_data=None)
    assert seen == [True, True]


def test_a_model_without_weights_is_built_from_the_data_first():
    model = keras.Sequential([keras.layers.Dense(2, name="base"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(NotReady):
        model.refreeze()
    fit(model, FreezeUntil("base", 1), epochs=2)
    assert model.get_layer("base").trainable
