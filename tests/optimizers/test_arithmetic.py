"""Every optimizer moves parameters as Keras's does, step for step, whatever its arguments."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kibitz import optimizers
from kibitz.optimizers.configured import SHARED
from tests.optimizers.oracle import apart, gradients, keras, params, run_keras, run_kibitz

OURS = {
    name: kind
    for name in optimizers.__all__
    if inspect.isclass(kind := getattr(optimizers, name))
    and issubclass(kind, optimizers.Optimizer)
    and kind not in {optimizers.Optimizer, optimizers.OptaxOptimizer, optimizers.LossScaleOptimizer}
}

# The greatest distance seen over sixty steps (relative above 1, absolute below): 0 for all, bit for bit, but Ftrl,
# whose update says where a weight is and not how far it moves: 1.0e-7 in the weights, 1.2e-5 in its linear term; and
# gradient accumulation with a moving average: 1.2e-7.
SEEN = {"Ftrl": 1.5e-6, "gradient_accumulation_steps": 1.5e-6}

OWN = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "RMSprop": {"rho": 0.5, "momentum": 0.9, "epsilon": 1e-2, "centered": True},
    "Adam": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1, "amsgrad": True},
    "AdamW": {"weight_decay": 0.3, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1, "amsgrad": True},
    "Nadam": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1},
    "Adamax": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1},
    "Adagrad": {"initial_accumulator_value": 2.0, "epsilon": 0.1},
    "Adadelta": {"rho": 0.5, "epsilon": 1e-2},
    "Lion": {"beta_1": 0.5, "beta_2": 0.5},
    "Lamb": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.1},
    "Ftrl": {
        "learning_rate_power": -0.3,
        "initial_accumulator_value": 2.0,
        "l1_regularization_strength": 0.5,
        "l2_regularization_strength": 0.5,
        "l2_shrinkage_regularization_strength": 0.5,
        "beta": 0.5,
    },
}
COMMON = {
    "weight_decay": 0.1,
    "clipnorm": 0.5,
    "global_clipnorm": 0.5,
    "clipvalue": 0.1,
    "use_ema": True,
    "ema_momentum": 0.5,
    "ema_overwrite_frequency": 4,
    "loss_scale_factor": 3.0,
    "gradient_accumulation_steps": 3,
}
NEEDS = {
    "nesterov": {"momentum": 0.9},
    "ema_momentum": {"use_ema": True},
    "ema_overwrite_frequency": {"use_ema": True},
}
"""What an argument does nothing without."""

CASES = [
    *(pytest.param(name, {}, id=f"{name}-defaults") for name in OURS),
    *(pytest.param(name, arguments, id=f"{name}-own") for name, arguments in OWN.items()),
    pytest.param("SGD", {"momentum": 0.9}, id="SGD-momentum"),
    pytest.param("RMSprop", {"momentum": 0.9}, id="RMSprop-momentum"),
    *(
        pytest.param("SGD", {"momentum": 0.5, name: value, **NEEDS.get(name, {})}, id=name)
        for name, value in COMMON.items()
    ),
    pytest.param(
        "Adam", {name: value for name, value in COMMON.items() if name not in {"clipnorm", "clipvalue"}}, id="all"
    ),
]


def test_every_argument_of_every_optimizer_has_a_case():
    wanted = {
        name: set(inspect.signature(kind).parameters) - set(SHARED) - {"learning_rate", "name", "kwargs"}
        for name, kind in OURS.items()
    }
    assert {name: set(cases) - set(SHARED) for name, cases in OWN.items()} == wanted
    assert set(COMMON) == set(SHARED)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_sixty_steps_are_those_of_keras(name, arguments):
    start, grads = params(), gradients()
    theirs, they_keep = run_keras(getattr(keras.optimizers, name)(learning_rate=0.05, **arguments), start, grads)
    ours, we_keep = run_kibitz(getattr(optimizers, name)(learning_rate=0.05, **arguments), start, grads)
    within = max((SEEN[each] for each in (name, *arguments) if each in SEEN), default=0.0)
    for step, (our_params, their_params) in enumerate(zip(ours, theirs, strict=True)):
        assert apart(our_params, their_params) <= within, f"step {step + 1}"
    assert apart(we_keep, they_keep) <= 20 * within
    assert apart(ours[-1], jax.tree.leaves(start)) > 1e-4, "nothing moved, so nothing was compared"


def _after(kind, steps=6, **arguments):
    optimizer, now = kind(learning_rate=0.05, **arguments), params()
    state = optimizer.init(now)
    for grads in gradients(steps=steps):
        now, state = optimizer.apply(grads, state, now)
    return jax.tree.leaves(now), jax.tree.leaves(optimizer.finalize(now, state))


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [(name, each, value) for name, own in OWN.items() for each, value in own.items()]
    + [("SGD", each, value) for each, value in COMMON.items()],
)
def test_no_argument_is_ignored(name, argument, value):
    """A case that gave the same with and without its argument would compare nothing."""
    rest = NEEDS.get(argument, {})
    plain = _after(OURS[name], **rest)
    ours = _after(OURS[name], **{**rest, argument: value})
    assert max(apart(*pair) for pair in zip(ours, plain, strict=True)) > 1e-6


@pytest.mark.parametrize("name", OURS)
def test_signatures_are_those_of_keras(name):
    def told(kind):
        return [(each.name, each.default, each.kind) for each in inspect.signature(kind).parameters.values()]

    assert told(OURS[name]) == told(getattr(keras.optimizers, name))


@pytest.mark.parametrize("name", ["SGD", "RMSprop"])
def test_bfloat16_parameters_move_as_in_keras(name):
    start, grads = params(dtype="bfloat16"), gradients(steps=5, dtype="bfloat16")
    theirs, _ = run_keras(getattr(keras.optimizers, name)(learning_rate=0.125), start, grads)
    ours, _ = run_kibitz(getattr(optimizers, name)(learning_rate=0.125), start, grads)
    assert {each.dtype.name for each in ours[-1]} == {"bfloat16"}
    assert apart([each.astype("float32") for each in ours[-1]], [each.astype("float32") for each in theirs[-1]]) <= 0.05


@pytest.mark.parametrize(("name", "in_keras"), [("Adam", "stands still"), ("Nadam", "is nan")])
def test_bfloat16_parameters_move_where_they_do_not_in_keras(name, in_keras):
    start, grads = params(dtype="bfloat16"), gradients(steps=3, dtype="bfloat16")
    theirs, _ = run_keras(getattr(keras.optimizers, name)(learning_rate=0.125), start, grads)
    assert np.isnan(theirs[-1][0]).all() if in_keras == "is nan" else (theirs[-1][0] == start["dense"]["kernel"]).all()
    ours, _ = run_kibitz(getattr(optimizers, name)(learning_rate=0.125), start, grads)
    wide = jax.tree.map(lambda each: each.astype("float32"), (start, grads))
    wanted, _ = run_kibitz(getattr(optimizers, name)(learning_rate=0.125), *wide)
    assert apart([each.astype("float32") for each in ours[-1]], wanted[-1]) <= 0.02


def test_parameters_of_two_dtypes_keep_each_its_own():
    mixed = {"half": jnp.ones(2, jnp.bfloat16), "whole": jnp.ones(2)}
    optimizer = optimizers.Adam(0.5, global_clipnorm=1.0, weight_decay=0.1, use_ema=True)
    after, state = optimizer.apply(mixed, optimizer.init(mixed), mixed)
    for tree in (after, state["momentum"], state["velocity"], state["average"]):
        assert {name: each.dtype.name for name, each in tree.items()} == {"half": "bfloat16", "whole": "float32"}


@pytest.mark.parametrize("name", OURS)
def test_the_arithmetic_stands_strict_promotion(name):
    arguments = {name: value for name, value in COMMON.items() if name not in {"clipnorm", "clipvalue"}}
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        moved, _ = _after(OURS[name], steps=3, **arguments)
    assert all(np.isfinite(each).all() for each in moved)


def test_an_infinite_gradient_makes_all_nan_under_global_clipping_as_in_keras():
    start = {"a": jnp.ones(2), "b": jnp.ones(2)}
    grads = {"a": jnp.array([jnp.inf, 1.0]), "b": jnp.ones(2)}
    optimizer = optimizers.SGD(1.0, global_clipnorm=1.0)
    after, _ = optimizer.apply(grads, optimizer.init(start), start)
    assert all(np.isnan(leaf).all() for leaf in jax.tree.leaves(after))


def test_a_gradient_of_zeros_is_clipped_to_zeros():
    start = {"a": jnp.ones(2), "b": jnp.ones(())}
    for clip in ({"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 1.0}):
        optimizer = optimizers.SGD(1.0, **clip)
        after, _ = optimizer.apply(jax.tree.map(jnp.zeros_like, start), optimizer.init(start), start)
        wanted = keras.optimizers.SGD(1.0, **clip)
        theirs, _ = run_keras(wanted, start, [jax.tree.map(jnp.zeros_like, start)])
        np.testing.assert_array_equal(after["a"], theirs[0][0])


def test_the_transformation_is_one_of_optax():
    import optax

    start, grads = params(), gradients(steps=1)[0]
    optimizer = optimizers.RMSprop(0.5)
    chain = optax.chain(optax.identity(), optimizer.transformation())
    changes, _ = chain.update(grads, chain.init(start), start, learning_rate=jnp.float32(0.5), step=jnp.int32(1))
    wanted, _ = optimizer.apply(grads, optimizer.init(start), start)
    assert apart(jax.tree.leaves(optax.apply_updates(start, changes)), jax.tree.leaves(wanted)) == 0.0
