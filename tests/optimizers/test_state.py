"""The state of an optimizer keeps its structure and its dtypes for ever, so that nothing is compiled twice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kibitz import optimizers
from kibitz.errors import InvalidArgument
from kibitz.optimizers import SGD, Adam, LossScaleOptimizer, OptaxOptimizer, schedules
from tests.optimizers.oracle import apart, gradients, keras, keras_variables, params, run_kibitz

MAKERS = {
    **{
        name: getattr(optimizers, name)
        for name in (
            "SGD",
            "RMSprop",
            "Adam",
            "AdamW",
            "Nadam",
            "Adamax",
            "Adagrad",
            "Adadelta",
            "Lion",
            "Ftrl",
            "Lamb",
        )
    },
    "everything": lambda: Adam(
        0.1,
        amsgrad=True,
        weight_decay=0.1,
        global_clipnorm=1.0,
        use_ema=True,
        ema_overwrite_frequency=2,
        loss_scale_factor=8.0,
        gradient_accumulation_steps=2,
    ),
    "a schedule": lambda: SGD(schedules.CosineDecay(0.1, 10), momentum=0.9),
    "a loss scale": lambda: LossScaleOptimizer(Adam(0.1), dynamic_growth_steps=2),
    "optax": lambda: OptaxOptimizer(optax.adamw(0.1)),
    "optax injected": lambda: OptaxOptimizer(optax.inject_hyperparams(optax.adamw)(learning_rate=0.1)),
    "optax with everything": lambda: OptaxOptimizer(
        optax.chain(optax.clip(1.0), optax.adam(optax.cosine_decay_schedule(0.1, 10))),
        use_ema=True,
        gradient_accumulation_steps=2,
    ),
}


def kinds(tree):
    return jax.tree.map(lambda each: (each.shape, each.dtype.name, each.weak_type), tree)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_structure_shapes_and_dtypes_never_change_and_none_is_weak(make, dtype):
    optimizer, start = make(), params(dtype=dtype)
    state = jax.eval_shape(optimizer.init, start)
    moved, after = jax.eval_shape(optimizer.apply, start, state, start)
    assert kinds(after) == kinds(state)
    assert kinds(moved) == kinds(start)
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(state))


def test_weakly_typed_parameters_make_no_weak_state():
    start = {"w": jnp.asarray(1.0)}
    assert start["w"].weak_type
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(Adam(use_ema=True).init(start)))


def test_the_state_is_a_dict_with_the_named_entries():
    state = MAKERS["everything"]().init(params())
    assert sorted(state) == [
        "average",
        "gradient_accumulator",
        "iterations",
        "learning_rate",
        "momentum",
        "velocity",
        "velocity_hat",
    ]
    assert (state["iterations"].dtype, state["learning_rate"].dtype) == (jnp.int32, jnp.float32)
    for name in ("average", "momentum", "velocity", "velocity_hat", "gradient_accumulator"):
        assert kinds(state[name]) == kinds(params())


@pytest.mark.parametrize("make", [MAKERS[name] for name in ("everything", "a schedule", "a loss scale", "optax")])
def test_a_scan_carries_the_state_and_gives_what_single_steps_give(make):
    grads = gradients(steps=7)
    singly, kept = run_kibitz(make(), params(), grads)
    optimizer, start = make(), params()
    many = jax.tree.map(lambda *each: jnp.stack(each), *grads)

    def step(carry, each):
        return optimizer.apply(each, carry[1], carry[0]), None

    (last, state), _ = jax.jit(lambda carry: jax.lax.scan(step, carry, many))((start, optimizer.init(start)))
    assert apart([np.asarray(each) for each in jax.tree.leaves(last)], singly[-1]) <= 1e-6
    assert int(state["iterations"]) == int(kept[0])


def test_any_tree_of_arrays_will_do():
    from flax import nnx

    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    for tree in ([jnp.ones(2), (jnp.ones(()),)], nnx.state(model, nnx.Param), nnx.to_pure_dict(nnx.state(model))):
        optimizer = SGD(1.0, momentum=0.5, clipnorm=1.0, weight_decay=0.1)
        after, _ = optimizer.apply(tree, optimizer.init(tree), tree)
        assert kinds(after) == kinds(tree)


def test_nothing_to_train_is_no_step():
    optimizer = Adam(global_clipnorm=1.0)
    state = optimizer.init({})
    after, state = optimizer.apply({}, state, {})
    assert after == {}
    assert int(state["iterations"]) == 0


# -- the learning rate ---------------------------------------------------------------------------------------------


class Model:
    """A home for a state, with a compiled step that counts how often it is traced."""

    def __init__(self, optimizer, start=None):
        self.optimizer, self.params = optimizer, params() if start is None else start
        self.state, self.traced = jax.jit(optimizer.init)(self.params), 0
        optimizer.bind(lambda: self.state, lambda state: setattr(self, "state", state))

        def step(grads, state, now):
            self.traced += 1
            return optimizer.apply(grads, state, now)

        self._step = jax.jit(step)

    def step(self, grads):
        self.params, self.state = self._step(grads, self.state, self.params)


def test_setting_the_learning_rate_compiles_nothing_and_acts_at_once():
    model, ones = Model(SGD(0.5), {"w": jnp.zeros(())}), {"w": jnp.ones(())}
    for rate in (0.25, np.float32(1.0), np.float64(2.0), 4, jnp.float32(8.0), jnp.asarray(16.0)):
        model.optimizer.learning_rate = rate
        model.step(ones)
    model.optimizer.learning_rate.assign(32.0)
    model.step(ones)
    model.optimizer.learning_rate = model.optimizer.learning_rate * 2
    model.step(ones)
    assert float(model.params["w"]) == -(0.25 + 1 + 2 + 4 + 8 + 16 + 32 + 64)
    assert model.traced == 1


def test_a_schedule_in_the_place_of_a_number_and_another_in_its_place_both_act_at_once():
    model, ones = Model(SGD(0.5), {"w": jnp.zeros(())}), {"w": jnp.ones(())}
    model.step(ones)
    model.optimizer.learning_rate = schedules.PiecewiseConstantDecay([1], [2.0, 4.0])
    model.step(ones)
    model.step(ones)
    model.optimizer.learning_rate = lambda step: 8.0 * step
    model.step(ones)
    assert float(model.params["w"]) == -(0.5 + 2 + 4 + 24)
    assert model.traced == 3


def test_steps_under_a_schedule_are_compiled_once():
    model = Model(SGD(schedules.ExponentialDecay(0.1, 2, 0.5)))
    for each in gradients(steps=5):
        model.step(each)
    assert model.traced == 1


def test_a_rate_set_before_there_is_a_state_is_in_the_state():
    optimizer = SGD(0.5)
    optimizer.learning_rate = 0.25
    assert float(optimizer.init(params())["learning_rate"]) == 0.25


def test_a_rate_set_in_one_state_is_in_the_next_one_that_is_made():
    model = Model(SGD(0.5))
    model.optimizer.learning_rate = 0.25
    assert float(model.optimizer.init(params())["learning_rate"]) == 0.25


def test_a_learning_rate_of_a_rate_too_small_for_float32_stays_what_it_is():
    assert float(SGD(1e-30).init({"w": jnp.ones(())})["learning_rate"]) == np.float32(1e-30)


# -- averages and scales ----------------------------------------------------------------------------------------------


def test_finalize_gives_the_average_and_before_the_first_step_the_parameters():
    optimizer, start = SGD(1.0, use_ema=True, ema_momentum=0.5), {"w": jnp.ones(())}
    state = optimizer.init(start)
    assert float(optimizer.finalize(start, state)["w"]) == 1.0
    now, state = optimizer.apply(start, state, start)
    now, state = optimizer.apply(start, state, now)
    assert float(now["w"]) == -1.0
    assert float(optimizer.finalize(now, state)["w"]) == float(optimizer.ema_of(state)["w"]) == -0.5
    assert SGD(1.0).finalize(now, {}) is now


def test_finalize_is_that_of_keras():
    start, grads = params(), gradients(steps=5)
    theirs = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8)
    variables = keras_variables(start)
    for each in grads:
        theirs.apply(jax.tree.leaves(each), variables)
    theirs.finalize_variable_values(variables)
    model = Model(SGD(0.1, use_ema=True, ema_momentum=0.8))
    for each in grads:
        model.step(each)
    final = model.optimizer.finalize(model.params, model.state)
    assert apart(jax.tree.leaves(final), [variable.value for variable in variables]) <= 1e-6


def test_there_is_no_average_without_use_ema():
    with pytest.raises(InvalidArgument, match="use_ema=True"):
        SGD().ema_of({})


def test_the_loss_is_scaled_and_the_gradients_are_scaled_back():
    optimizer, start = SGD(1.0, loss_scale_factor=4.0), {"w": jnp.ones(())}
    state = optimizer.init(start)
    grads = jax.grad(lambda now: optimizer.scale_loss(3.0 * now["w"], state))(start)
    assert float(grads["w"]) == 12.0
    assert float(optimizer.apply(grads, state, start)[0]["w"]) == -2.0
    assert SGD().scale_loss(7.0) == 7.0


def test_a_dynamic_loss_scale_is_that_of_keras():
    start, grads = params(), gradients(steps=12, scale=100.0)
    bad = jax.tree.map(lambda each: each * jnp.inf, grads[0])
    grads = [bad, *grads[:5], bad, *grads[5:]]
    theirs = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(0.05), initial_scale=64.0, dynamic_growth_steps=3
    )
    variables = keras_variables(start)
    theirs.build(variables)
    step, kept, values = jax.jit(theirs.stateless_apply), [v.value for v in theirs.variables], jax.tree.leaves(start)
    model = Model(LossScaleOptimizer(Adam(0.05), initial_scale=64.0, dynamic_growth_steps=3))
    for each in grads:
        values, kept = step(kept, jax.tree.leaves(each), values)
        model.step(each)
        assert apart(jax.tree.leaves(model.params), values) <= 1e-6
        assert (int(model.state["step_counter"]), float(model.state["dynamic_scale"])) == (int(kept[2]), float(kept[3]))
    assert int(model.optimizer.iterations) == 12
    assert model.traced == 1
    assert float(model.optimizer.scale_loss(2.0, model.state)) == 2.0 * float(model.state["dynamic_scale"])


def test_a_loss_scale_beyond_float16_does_not_make_its_gradients_0():
    optimizer, params = LossScaleOptimizer(SGD(1.0), initial_scale=2.0**17), {"w": jnp.ones(1, "float16")}
    params, state = optimizer.apply({"w": jnp.full(1, 2.0**15, "float16")}, optimizer.init(params), params)
    assert (params["w"].dtype, params["w"].tolist()) == ("float16", [0.75])
    assert int(state["iterations"]) == 1


def test_a_loss_scale_hands_its_inner_optimizer_on():
    model = Model(LossScaleOptimizer(SGD(0.5, momentum=0.5), initial_scale=1.0), {"w": jnp.zeros(())})
    model.optimizer.learning_rate = 0.25
    assert float(model.optimizer.inner_optimizer.learning_rate) == float(model.state["learning_rate"]) == 0.25
    model.step({"w": jnp.ones(())})
    assert float(model.params["w"]) == -0.25
    assert [variable.name for variable in model.optimizer.variables] == [
        "iteration",
        "learning_rate",
        "step_counter",
        "dynamic_scale",
        "w_momentum",
    ]


# -- Optax ------------------------------------------------------------------------------------------------------------


def test_an_optax_transformation_moves_as_it_does_alone():
    start, grads = params(), gradients(steps=5)
    transformation = optax.chain(optax.clip_by_global_norm(0.5), optax.adamw(0.05))
    state, now = transformation.init(start), start
    for each in grads:
        changes, state = transformation.update(each, state, now)
        now = optax.apply_updates(now, changes)
    ours, _ = run_kibitz(OptaxOptimizer(transformation), start, grads)
    assert apart(ours[-1], jax.tree.leaves(now)) <= 1e-6


def test_an_injected_learning_rate_is_read_and_set_without_compiling():
    injected = optax.chain(optax.clip(9.0), optax.inject_hyperparams(optax.sgd)(learning_rate=0.5))
    model, ones = Model(optimizers.get(injected), {"w": jnp.zeros(())}), {"w": jnp.ones(())}
    assert float(model.optimizer.learning_rate) == 0.5
    model.step(ones)
    model.optimizer.learning_rate = 2.0
    model.step(ones)
    model.optimizer.learning_rate.assign(4)
    model.step(ones)
    assert float(model.params["w"]) == -6.5
    assert model.traced == 1
    assert int(model.optimizer.iterations.numpy()) == 3
    assert model.optimizer.get_config()["learning_rate"] == 4.0


def test_accumulation_and_averages_work_around_optax_too():
    optimizer, start = OptaxOptimizer(optax.sgd(1.0), gradient_accumulation_steps=2, use_ema=True), {"w": jnp.zeros(())}
    model = Model(optimizer, start)
    model.step({"w": jnp.ones(())})
    assert float(model.params["w"]) == 0.0
    model.step({"w": 3 * jnp.ones(())})
    assert float(model.params["w"]) == -2.0
    assert float(optimizer.ema_of(model.state)["w"]) == -2.0
    assert int(optimizer.iterations) == 1


def test_what_optax_makes_of_python_numbers_is_given_a_dtype_for_ever():
    def update(updates, state, params=None):
        return updates, {"seen": jnp.where(state["seen"] > 1, 3.0, 2.0), "sum": state["sum"] + jnp.float32(1)}

    loose = optax.GradientTransformation(lambda params: {"seen": 0.0, "sum": jnp.bfloat16(0)}, update)
    model = Model(OptaxOptimizer(loose))
    before = kinds(model.state)
    for each in gradients(steps=3):
        model.step(each)
    assert kinds(model.state) == before
    assert model.traced == 1
    assert (float(model.state["optax"]["seen"]), float(model.state["optax"]["sum"])) == (3.0, 3.0)


def test_random_keys_in_an_optax_state_are_left_as_they_are():
    model = Model(OptaxOptimizer(optax.chain(optax.add_noise(0.1, 0.5, jax.random.key(0)), optax.sgd(0.1))))
    before = model.params
    for each in gradients(steps=2):
        model.step(each)
    assert model.traced == 1
    assert apart(jax.tree.leaves(model.params), jax.tree.leaves(before)) > 0
