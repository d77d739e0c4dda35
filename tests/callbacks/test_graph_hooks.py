"""Callbacks with functions that are traced into the training step: what they see, change, carry along and log."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kibitz as keras
from kibitz.callbacks import Callback, EarlyStopping, GradientClip, GradientNorms, ModelCheckpoint, WeightHistograms
from kibitz.engine import programs as engine_programs
from kibitz.engine.rule import Manner
from kibitz.errors import InvalidArgument, KibitzError, NotReady, ShapeMismatch, UnknownName, WrongType
from kibitz.testing import Recorder

ROWS, SIZE = 32, 8
DATA = np.random.default_rng(3)
X = DATA.normal(size=(ROWS, 4)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5], [0.0]], "float32")).astype("float32")
STEPS = 4  # in an epoch
NAMES = ("one/kernel", "one/bias", "two/kernel", "two/bias")


def build(optimizer="sgd", **compiled):
    """A model of a test's own."""
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(3, activation="tanh", name="one"), keras.layers.Dense(1, name="two")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(optimizer, "mse", **compiled)
    return model


@functools.cache
def compiled_once():
    model = build()
    return model, model.get_weights()


def plain():
    """The one model that most tests share, with its first weights: its plain program is compiled once."""
    model, weights = compiled_once()
    model.set_weights(weights)
    model.optimizer.iterations.assign(0)
    return model


def fit(model, *callbacks, epochs=2, **others):
    given = {"batch_size": SIZE, "shuffle": False, "verbose": 0, **others}
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **given)


def state(model):
    return {name: value.tobytes() for name, value in model.export_state().items()}


class Hook(Callback):
    """A callback made of functions."""

    def __init__(self, gradients=None, update=None, init=None, **declared):
        super().__init__(**declared)
        if gradients is not None:
            self.on_gradients = gradients
        if update is not None:
            self.on_update = update
        if init is not None:
            self.init_graph_state = init


def scaled(factor, name=None):
    """A hook that multiplies what it sees, as one would write it."""

    def hook(values, params, state):
        return jax.tree.map(lambda each: each * factor, values), state, {} if name is None else {name: factor}

    return hook


def norm_as(name):
    return lambda values, params, state: (values, state, {name: optax.tree.norm(values)})


class Watch(Callback):
    """Reads the logs at every batch."""

    def on_train_begin(self, logs=None):
        self.own, self.means = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.own.append({name: np.asarray(value).tolist() for name, value in logs.batch.items()})
        self.means.append(dict(logs))


@pytest.fixture(params=["looped", "alone", "donated"])
def manner(request, monkeypatch):
    """In a loop on the device; step by step; and so that each step destroys the state that it was given."""
    if request.param != "looped":
        alone = Manner(loops=False, donates=request.param == "donated")
        monkeypatch.setattr(engine_programs, "manner", lambda *_: alone)
    return request.param


@jax.jit
@jax.grad
def slopes(params, x, y):
    hidden = jnp.tanh(x @ params["one/kernel"] + params["one/bias"])
    return jnp.mean((hidden @ params["two/kernel"] + params["two/bias"] - y) ** 2)


def by_hand(model, steps, *, rate=0.01, rows=ROWS, change=lambda grads: grads):
    """SGD by hand from the weights of a model: the gradients that each step had, by the user's names."""
    params = dict(zip(NAMES, map(jnp.asarray, model.get_weights()), strict=True))
    seen = []

    for step in range(steps):
        at = step % STEPS * SIZE
        grads = slopes(params, X[:rows][at : at + SIZE], Y[:rows][at : at + SIZE])
        seen.append(grads)
        changed = change(grads)
        params = {name: params[name] - rate * changed[name] for name in NAMES}
    return seen, [np.asarray(params[name]) for name in NAMES]


def close(one, other):
    return all(np.allclose(*pair, rtol=2e-5, atol=1e-6) for pair in zip(one, other, strict=True))


# -- what they see and change ------------------------------------------------------------------------------------------


def test_gradient_norms_are_those_of_gradients_by_hand():
    model, watch = plain(), Watch()
    seen, _ = by_hand(model, 2 * STEPS)
    history = fit(model, GradientNorms(each=True), watch).history
    for name in ("one/kernel", "two/bias"):
        norms = [float(jnp.linalg.norm(grads[name])) for grads in seen]
        assert [own[f"gradient_norm/{name}"] for own in watch.own] == pytest.approx(norms, rel=1e-4)
    norms = [float(optax.tree.norm(grads)) for grads in seen]
    assert [own["gradient_norm"] for own in watch.own] == pytest.approx(norms, rel=1e-4)
    means = [np.mean(norms[:STEPS]), np.mean(norms[STEPS:])]
    assert history["gradient_norm"] == pytest.approx(means, rel=1e-4)
    assert len(history) == 1 + 1 + 4


@pytest.mark.parametrize("which", ["gradients", "update"])
@pytest.mark.parametrize("every", [None, "3 steps"])
def test_a_changed_array_is_that_of_its_own_parameter_whatever_the_layers_are_called(which, every):
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Dense(4, name=name) for name in "ba"]  # all are alike in shape
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("sgd", "mse")
    first, found = model.get_weights(), []
    for callbacks in ([], [Hook(**{which: scaled(1.0)}, every=every)]):
        model.set_weights(first)
        model.fit(X, X[:, ::-1], batch_size=SIZE, shuffle=False, verbose=0, callbacks=callbacks)
        found.append(model.get_weights())
    assert close(*found)
    assert not close(found[0][:2], found[0][2:])


def test_a_hook_changes_gradients_as_by_hand(manner):
    model = plain()
    _, weights = by_hand(model, 2 * STEPS, change=lambda grads: {k: 0.5 * grad for k, grad in grads.items()})
    fit(model, Hook(scaled(0.5)))
    assert close(model.get_weights(), weights)


def test_a_hook_changes_updates_as_by_hand(manner):
    model = plain()
    _, weights = by_hand(model, 2 * STEPS, rate=0.03)
    fit(model, Hook(update=scaled(3.0)))
    assert close(model.get_weights(), weights)


def test_a_hook_may_change_one_parameter_and_is_told_the_users_names():
    seen = []

    def freeze(grads, params, state):
        seen.append((sorted(grads), {name: value.shape for name, value in params.items()}))
        return {**grads, "one/kernel": 0 * grads["one/kernel"]}, state, {}

    model = plain()
    before = model.get_weights()
    fit(model, Hook(freeze))
    after = model.get_weights()
    assert [np.array_equal(*pair) for pair in zip(before, after, strict=True)] == [True, False, False, False]
    shapes = {"one/kernel": (4, 3), "one/bias": (3,), "two/kernel": (3, 1), "two/bias": (1,)}
    assert seen[0] == (sorted(shapes), shapes)


def test_each_hook_sees_what_those_before_it_made_of_the_gradients():
    watch = Watch()
    first, last = (Hook(norm_as(name)) for name in ("first", "last"))
    fit(plain(), first, Hook(scaled(0.01)), last, watch, epochs=1)
    assert all(own["last"] == pytest.approx(0.01 * own["first"], rel=1e-5) for own in watch.own)


def test_the_order_is_the_one_that_callbacks_declare():
    norms, watch = GradientNorms(after="Hook"), Watch()
    fit(plain(), norms, Hook(scaled(0.0)), watch, epochs=1)
    assert {own["gradient_norm"] for own in watch.own} == {0.0}


def test_frozen_parameters_are_neither_seen_nor_moved():
    seen = []

    def look(grads, params, state):
        seen.append((sorted(grads), sorted(params)))
        return grads, state, {}

    model = build()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    fit(model, Hook(look, look))
    assert seen[0] == (["two/bias", "two/kernel"],) * 2
    assert all(np.array_equal(*pair) for pair in zip(before[:2], model.get_weights()[:2], strict=True))


@pytest.mark.parametrize(("ours", "own"), [("norm", "global_clipnorm"), ("value", "clipvalue")])
def test_gradient_clip_does_what_an_optimizer_does_that_clips(ours, own):
    clipped, plainly = build(keras.optimizers.Adam(0.05, **{own: 0.1})), build(keras.optimizers.Adam(0.05))
    fit(clipped)
    history = fit(plainly, GradientClip(**{ours: 0.1})).history
    assert close(plainly.get_weights(), clipped.get_weights())
    assert history["clipped"][0] > 0


def test_gradient_clip_leaves_small_gradients_as_they_are():
    alone, clipped = plain(), []
    fit(alone)
    weights = alone.get_weights()
    for given in ({"norm": 1e9}, {"value": 1e9}):
        model = plain()
        clipped += fit(model, GradientClip(**given)).history["clipped"]
        assert close(model.get_weights(), weights)
    assert set(clipped) == {0.0}


SCALED = {
    "a fixed scale": lambda: keras.optimizers.SGD(0.01, loss_scale_factor=1024.0),
    "a scale that finds itself": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.01), initial_scale=2.0**20, dynamic_growth_steps=3
    ),
}


@pytest.mark.parametrize("optimizer", SCALED.values(), ids=SCALED)
@pytest.mark.parametrize("factor", [1, 0.5])
def test_gradients_of_a_scaled_loss_are_seen_without_the_scale(optimizer, factor):
    model, watch = build(optimizer()), Watch()
    seen, weights = by_hand(model, 2 * STEPS, change=lambda grads: {name: factor * grads[name] for name in grads})
    fit(model, GradientNorms(), *([Hook(scaled(factor))] if factor != 1 else []), watch)
    norms = [float(optax.tree.norm(grads)) for grads in seen]
    assert [own["gradient_norm"] for own in watch.own] == pytest.approx(norms, rel=1e-4)
    assert close(model.get_weights(), weights)


def test_gradients_in_float16_are_seen_without_a_scale_that_float16_does_not_hold():
    from kibitz.engine.graph_hooks import GraphHook, GraphHooks

    seen = []

    def look(grads, params, state):
        seen.append(grads["w"])
        return {"w": 2 * grads["w"]}, state, {}

    hooks = GraphHooks((GraphHook("Look", 1, look),), str)
    params = {"w": jnp.full(2, 1024, jnp.float16)}
    grads, _, _ = hooks.on_gradients(params, params, hooks.init(params), jnp.float32(2**17))
    assert seen[-1].tolist() == [1024 / 2**17] * 2
    assert grads["w"].dtype == jnp.float16
    assert grads["w"].tolist() == [2048.0] * 2


def test_with_gradient_accumulation_each_step_has_its_gradient_and_the_last_of_them_its_update():
    model, watch = build(keras.optimizers.SGD(0.01, gradient_accumulation_steps=2)), Watch()
    moved = Hook(update=lambda updates, params, state: (updates, state, {"moved": optax.tree.norm(updates)}))
    fit(model, GradientNorms(), moved, watch, epochs=1)
    assert [own["moved"] > 0 for own in watch.own] == [False, True, False, True]
    assert all(own["gradient_norm"] > 0 for own in watch.own)


def test_the_step_is_that_of_a_debugger_too():
    watches = []
    for eager in (False, True):
        model, watch = build(run_eagerly=eager), Watch()
        fit(model, Hook(scaled(0.5), every="3 steps"), GradientNorms(every="2 steps"), watch)
        watches.append((watch.own, model.get_weights()))
    assert [sorted(own) for own in watches[0][0]] == [sorted(own) for own in watches[1][0]]
    assert close(watches[0][1], watches[1][1])


# -- what they carry along ---------------------------------------------------------------------------------------------


class Average(Callback):
    """A moving average of the weights, worked out within the step, and a count of steps."""

    def init_graph_state(self, params):
        return {"average": params, "count": 0, "most": 0.0}

    def on_update(self, updates, params, state):
        mixed = {name: 0.5 * state["average"][name] + 0.5 * (params[name] + updates[name]) for name in params}
        most = jnp.maximum(state["most"], optax.tree.norm(updates))
        return updates, {"average": mixed, "count": state["count"] + 1, "most": most}, {}


class LooksAt(Average):
    """Looks at its own state and at the weights at some steps, and at the end."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.seen = steps, {}

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step in self.steps:
            self.seen[self.run.step] = (self.run.graph_state(self), self.model.get_weights())

    def on_train_end(self, logs=None):
        self.seen["end"] = (self.run.graph_state(self), self.model.get_weights())


def test_the_state_of_a_hook_is_that_of_the_very_step(manner):
    look = LooksAt((3, 7))
    every = LooksAt(tuple(range(1, 9)))
    fit(plain(), look)
    fit(plain(), every)
    mean = None
    for step in range(1, 9):
        weights = dict(zip(NAMES, every.seen[step][1], strict=True))
        before = dict(zip(NAMES, compiled_once()[1], strict=True)) if mean is None else mean
        mean = {name: 0.5 * (before[name] + value) for name, value in weights.items()}
        own, _ = every.seen[step]
        assert own["count"] == step
        assert own["count"].dtype == np.int32
        assert all(isinstance(value, np.ndarray) for value in jax.tree.leaves(own))
        assert all(np.allclose(own["average"][name], mean[name], atol=1e-6) for name in mean)
    for step in (3, 7, "end"):
        one, other = look.seen[step], every.seen[step]
        assert jax.tree.map(np.ndarray.tobytes, one) == jax.tree.map(np.ndarray.tobytes, other)


def test_a_state_may_hold_a_random_key_and_anything_that_is_a_tree():
    def noise(grads, params, state):
        key, count = state
        key, now = jax.random.split(key)
        drawn = {name: grad + 0.01 * jax.random.normal(now, grad.shape) for name, grad in grads.items()}
        return drawn, (key, [count[0] + 1]), {}

    hook = Hook(noise, init=lambda params: (jax.random.key(3), [np.int8(0)]), every="2 steps")
    found = []
    for _ in range(2):
        model = plain()
        fit(model, hook)
        found.append(state(model))
    assert found[0] == found[1]
    drawn, (_, weights) = model.get_weights(), by_hand(plain(), 2 * STEPS)
    assert not close(drawn, weights)


def test_a_state_that_a_step_cannot_carry_is_refused_before_the_first_step():
    error = refused(WrongType, Hook(scaled(1), init=lambda params: {"name": "text"}))
    assert error.what.startswith("Hook.init_graph_state gives no state that a step can carry along")


def test_the_state_is_for_callbacks_with_a_graph_hook_and_within_a_fit():
    class Asks(Watch):
        def on_train_end(self, logs=None):
            self.run.graph_state(self)

    with pytest.raises(NotReady, match="No callback of this run has a graph hook"):
        fit(plain(), Asks(), epochs=1)
    with pytest.raises(UnknownName, match="Only a callback with a graph hook") as raised:
        fit(plain(), GradientNorms(), Asks(), epochs=1)
    assert raised.value.there_is == ["GradientNorms"]


# -- how often ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def norms():
    """The norm at each step of three epochs."""
    watch = Watch()
    fit(plain(), GradientNorms(), watch, epochs=3)
    return [own["gradient_norm"] for own in watch.own]


@pytest.mark.parametrize("every", [1, 3, 5, 8])
def test_due_steps_are_exact_and_an_epoch_has_their_mean(every, norms):
    watch = Watch()
    watched = fit(plain(), GradientNorms(every=f"{every} steps"), watch, epochs=3).history
    leapt = fit(plain(), GradientNorms(every=f"{every} steps"), epochs=3).history
    assert watched == leapt
    for step, (own, means) in enumerate(zip(watch.own, watch.means, strict=True), 1):
        assert own.get("gradient_norm") == (norms[step - 1] if step % every == 0 else None)
        first = (step - 1) // STEPS * STEPS
        due = [norms[at - 1] for at in range(first + 1, step + 1) if at % every == 0]
        assert means.get("gradient_norm") == (sum(due) / len(due) if due else None)
    by_epoch = [means["gradient_norm"] for means in watch.means[STEPS - 1 :: STEPS] if "gradient_norm" in means]
    assert watched.get("gradient_norm", []) == by_epoch


def test_hooks_of_several_cadences_log_each_at_their_own():
    count = Hook(lambda grads, params, state: (grads, state + 1, {"called": state}),
                 init=lambda params: 0, every="3 steps")  # fmt: skip
    watch = Watch()
    fit(plain(), GradientNorms(every="2 steps"), count, Hook(scaled(1, "one")), watch, epochs=3)
    for step, own in enumerate(watch.own, 1):
        assert ("gradient_norm" in own, "called" in own, own["one"]) == (step % 2 == 0, step % 3 == 0, 1.0)
    assert [own["called"] for own in watch.own if "called" in own] == [0, 1, 2, 3]


def test_a_hook_that_changes_acts_at_its_due_steps_only():
    model, steps = plain(), []

    def change(grads):
        steps.append(1)
        return {name: (0 if len(steps) % 3 == 0 else 1) * grad for name, grad in grads.items()}

    _, weights = by_hand(model, 2 * STEPS, change=change)
    fit(model, Hook(scaled(0.0), every="3 steps"))
    assert close(model.get_weights(), weights)


def test_weight_histograms_are_made_at_their_steps_and_count_all_numbers(manner):
    model, bars, look = plain(), WeightHistograms(bins=5, every="3 steps"), LooksAt((2, 5))
    fit(model, bars, look)
    assert bars.steps == [3, 6]
    for at, step in enumerate((2, 5)):  # weights as they are before the due step
        weights = dict(zip(NAMES, look.seen[step][1], strict=True))
        for name, values in weights.items():
            row = bars.histograms[name][at]
            assert (row[0], row[1]) == (values.min(), values.max())
            assert bars.counts(name)[at].sum() == values.size
    kernel = look.seen[2][1][0]
    inner = np.linspace(kernel.min(), kernel.max(), 6)[1:-1]
    counts = np.bincount(np.searchsorted(inner, kernel.ravel()), minlength=5)
    assert bars.counts("one/kernel")[0].tolist() == counts.tolist()


def test_weight_histograms_are_made_every_hundred_steps_where_nothing_else_is_said():
    assert WeightHistograms(every=None).every == WeightHistograms().every == "100 steps"


def test_histograms_hold_no_more_than_their_bars():
    bars = WeightHistograms(of="updates", every="1 step")
    fit(plain(), bars)
    assert bars.steps == list(range(1, 9))
    assert all(row.base is None for rows in bars.histograms.values() for row in rows)


# -- what is refused before the first step -----------------------------------------------------------------------------


def refused(error, *callbacks):
    """The error, raised before any hook was fired; the model is as it was, and can be fitted without them."""
    model, record = plain(), Recorder()
    before = state(model)
    with pytest.raises(error) as raised:
        fit(model, record, *callbacks)
    assert record.calls == []
    assert state(model) == before
    assert model.core.timeline.here.graph == {}
    if isinstance(raised.value, KibitzError):
        assert raised.value.cure
        assert raised.value.wanted or raised.value.there_is
    assert model.core.programs.hooks.hooks == ()
    return raised.value


SHAPES = {
    "another shape": lambda grads, params, state: ({**grads, "one/bias": jnp.zeros(7)}, state, {}),
    "a parameter is missing": lambda grads, params, state: ({"one/bias": grads["one/bias"]}, state, {}),
    "one too many": lambda grads, params, state: ({**grads, "more": jnp.zeros(1)}, state, {}),
    "a list": lambda grads, params, state: (list(grads.values()), state, {}),
    "nothing": lambda grads, params, state: (None, state, {}),
    "another state": lambda grads, params, state: (grads, {"a": 1}, {}),
}
WRONG = {
    "not a tuple": lambda grads, params, state: grads,
    "two things": lambda grads, params, state: (grads, state),
    "four things": lambda grads, params, state: (grads, state, {}, {}),
    "a list of three": lambda grads, params, state: [grads, state, {}],
    "no mapping": lambda grads, params, state: (grads, state, [("a", 1)]),
    "no numbers": lambda grads, params, state: (grads, state, {"a": "text"}),
    "no names": lambda grads, params, state: (grads, state, {1: 1.0}),
    "nothing": lambda grads, params, state: None,
}


@pytest.mark.parametrize(("which", "every"), [("on_gradients", None), ("on_update", "2 steps")])
@pytest.mark.parametrize(
    ("function", "error"),
    [*((each, ShapeMismatch) for each in SHAPES.values()), *((each, WrongType) for each in WRONG.values())],
    ids=[*SHAPES, *WRONG],
)
def test_a_hook_that_gives_what_it_should_not_is_told_so(function, error, which, every):
    given = {"gradients" if which == "on_gradients" else "update": function, "every": every}
    assert refused(error, Hook(**given)).what.startswith(f"Hook.{which} ")


@pytest.mark.parametrize(
    ("callbacks", "words"),
    [
        ([GradientNorms(), GradientNorms()], 'GradientNorms.on_gradients and GradientNorms.on_gradients both log "gra'),
        ([GradientNorms(), Hook(update=scaled(1, "gradient_norm"))], "Hook.on_update and GradientNorms.on_gradients"),
        ([Hook(scaled(1, "a"), scaled(1, "a"))], 'Hook.on_update and Hook.on_gradients both log "a"'),
        ([Hook(scaled(1, "loss"))], 'Hook.on_gradients and the step itself both log "loss"'),
    ],
)
def test_two_that_log_one_name_are_refused(callbacks, words):
    assert refused(InvalidArgument, *callbacks).what.startswith(words)


@pytest.mark.parametrize("every", ["1 epoch", "0.5 epochs", "10 min", "5% of the run"])
def test_a_cadence_that_is_not_in_steps_is_refused(every):
    error = refused(InvalidArgument, GradientNorms(every=every))
    assert error.what.startswith("GradientNorms acts within the step, and is to act every ")
    assert refused(InvalidArgument, keras.every(every, Hook(scaled(1)))).cure == 'every="100 steps"'


def test_what_is_no_function_is_refused():
    callback = Hook(scaled(1))
    callback.on_update = 3
    assert refused(WrongType, callback).what.startswith("Hook.on_update is a function")


@pytest.mark.parametrize("error", [TypeError, ValueError, ZeroDivisionError])
def test_an_exception_of_a_hook_is_its_own_and_says_where(error):
    def fails(grads, params, state):
        raise error("mine")

    raised = refused(error, Hook(fails))
    assert type(raised) is error
    assert "in Hook.on_gradients, while it was traced into the step" in raised.__notes__


def test_what_a_hook_logs_may_be_watched_and_what_it_does_not_may_not(tmp_path):
    stop = EarlyStopping("gradient_norm", mode="max", patience=1)
    save = ModelCheckpoint(tmp_path / "{epoch}-{gradient_norm:.3f}.keras")
    fit(plain(), GradientNorms(), stop, save, epochs=3)
    assert stop.best > 0
    assert len(list(tmp_path.iterdir())) >= 2
    refused(InvalidArgument, GradientNorms(), EarlyStopping("gradient_nrm", mode="max"))


# -- with everything else ----------------------------------------------------------------------------------------------


def test_batches_of_a_generator_of_any_size_are_seen():
    def batches():
        for size in (8, 8, 3, 8, 1):
            yield X[:size], Y[:size]

    watch = Watch()
    model = plain()
    model.fit(batches(), verbose=0, callbacks=[GradientNorms(every="2 steps"), watch])
    assert ["gradient_norm" in own for own in watch.own] == [False, True, False, True, False]


def test_a_short_last_batch_is_seen_watched_or_leapt_over():
    found = []
    for more in ([], [Watch()]):
        history = plain().fit(
            X[:26], Y[:26], batch_size=SIZE, epochs=2, shuffle=False, verbose=0,
            callbacks=[GradientNorms(every="2 steps"), *more],
        )  # fmt: skip
        found.append(history.history)
    assert found[0] == found[1]
    grads = [by_hand(plain(), STEPS, rows=26)[0][at] for at in (1, 3)]
    norms = [float(optax.tree.norm(each)) for each in grads]
    assert found[0]["gradient_norm"][0] == pytest.approx(np.mean(norms), rel=1e-4)


def test_evaluate_and_predict_within_a_hook_change_nothing():
    class Measures(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X[:4], Y[:4], verbose=0)
            self.model.predict(X[:4], verbose=0)

    found = []
    for more in ((), (Measures(),)):
        model, watch = plain(), Watch()
        history = fit(model, GradientNorms(every="2 steps"), Average(), *more, watch, validation_data=(X, Y)).history
        found.append((history, watch.own, state(model)))
    assert found[0] == found[1]


class Inner(Callback):
    """Trains by itself once in the midst of a fit."""

    def __init__(self, train):
        super().__init__()
        self.train, self.done = train, False

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == 3 and not self.done:
            self.done = True
            self.train(self.model)


INNER = {
    "without hooks": lambda model: fit(model, epochs=1),
    "with the same": lambda model: fit(model, GradientNorms(every="2 steps"), epochs=1),
    "with others": lambda model: fit(model, Hook(scaled(1, "x")), epochs=1),
    "by hand": lambda model: [model.train_on_batch(X[:8], Y[:8]) for _ in range(2)],
}


@pytest.mark.parametrize("inner", INNER.values(), ids=INNER)
def test_training_within_a_hook_leaves_the_hooks_of_the_fit_around_it_alone(inner):
    look, watch = LooksAt(()), Watch()
    fit(plain(), GradientNorms(every="2 steps"), look, Inner(inner), watch)
    assert ["gradient_norm" in own for own in watch.own] == [False, True] * STEPS
    assert all(own["gradient_norm"] > 0 for own in watch.own[1::2])
    assert "x" not in watch.own[-1]
    assert look.seen["end"][0]["count"] == 2 * STEPS


def test_a_fit_within_a_hook_is_that_of_a_model_alone(manner):
    histories, weights = [], []
    for hooks in ((), (GradientNorms(every="2 steps"),)):
        model = plain()
        inner = Inner(lambda model: histories.append(fit(model, epochs=1).history))
        fit(model, *hooks, inner)
        weights.append(state(model))
    assert histories[0] == histories[1]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_model_and_programs_as_before(manner, error):
    class Raises(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.run.step == 3:
                raise error("here")

    model = plain()
    before = model.core.programs
    with pytest.raises(error):
        fit(model, GradientNorms(), Average(), Raises())
    assert model.core.programs is before
    assert model.core.timeline.here.graph == {}
    assert list(fit(model, epochs=1).history) == ["loss"]
    after, model = model.get_weights(), plain()
    with pytest.raises(error):
        fit(model, Raises())
    fit(model, epochs=1)
    assert close(after, model.get_weights())


def test_a_model_that_is_compiled_anew_at_the_end_of_training_stays_so():
    class Compiles(Callback):
        def on_train_end(self, logs=None):
            self.model.compile("sgd", "mae")

    model = build()
    fit(model, GradientNorms(), Compiles(), epochs=1)
    loss = np.mean(np.abs(model.predict(X, verbose=0) - Y))
    assert model.fit(X, Y, batch_size=ROWS, verbose=0).history["loss"] == [pytest.approx(loss, rel=1e-4)]


def test_a_fit_without_hooks_is_the_plain_program_again_and_equal_hooks_compile_nothing():
    compiled = []
    model = build()
    for callbacks in ([], [GradientNorms(every="2 steps")], [], [GradientNorms(every="2 steps")], [GradientNorms()]):
        fit(model, *callbacks, validation_data=(X, Y))
        compiled.append(len(model.run_report().compilations))
    assert [count > 0 for count in compiled] == [True, True, False, False, True]
    norms = GradientNorms(every="2 steps")
    bars, own = WeightHistograms(every="2 steps"), Average()
    fit(model, norms, bars, own)
    fit(model, norms, bars, own)
    assert model.run_report().compilations == []


def test_a_first_state_of_pythons_own_numbers_compiles_no_step_twice(manner):
    first = (0.0, 0, True, np.float64(1), np.zeros(2), jnp.asarray(0.0))
    hook = Hook(lambda grads, params, state: (grads, state, {}), init=lambda params: first)
    model = plain()
    fit(model, hook)
    assert len([each for each in model.run_report().compilations if "train" in str(each)]) == 1


def test_equal_arguments_are_not_enough_where_a_function_was_given_to_one():
    found = []
    for factor in (1.0, 0.0):
        model = plain() if not found else found[0]
        norms = GradientNorms()
        norms.on_gradients = scaled(factor, "factor")
        found.append(model)
        assert fit(model, norms, epochs=1).history["factor"] == [factor]


def test_nothing_is_transferred_in_silence():
    model = plain()
    with jax.transfer_guard("disallow"):
        fit(model, GradientNorms(every="2 steps"), LooksAt((3,)), WeightHistograms(every="2 steps"))


def test_no_tracer_leaks():
    with jax.checking_leaks():
        fit(plain(), GradientNorms(every="2 steps"), Average(), Hook(scaled(0.5), every="3 steps"))


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: keras.callbacks.EarlyStopping("gradient_norm", mode="min", patience=9),
        lambda folder: keras.callbacks.ReduceLROnPlateau("gradient_norm", mode="min", factor=0.5, patience=9),
        lambda folder: ModelCheckpoint(
            folder / "{epoch}-{gradient_norm:.3f}.weights.h5", "gradient_norm", mode="min", save_best_only=True,
            save_weights_only=True,
        ),
    ],
    ids=["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"],
)  # fmt: skip
def test_a_norm_that_only_some_epochs_have_is_watched_where_it_is_there(tmp_path, make):
    watching = make(tmp_path)
    history = fit(plain(), GradientNorms(every=f"{STEPS + 2} steps"), watching, epochs=4)
    norms = history.history["gradient_norm"]

    assert len(norms) == 2  # steps 6 and 12 of 16: epochs 1 and 2
    assert watching.best == pytest.approx(min(norms))
    if isinstance(watching, ModelCheckpoint):
        assert f"2-{norms[0]:.3f}.weights.h5" in {path.name for path in tmp_path.iterdir()}
