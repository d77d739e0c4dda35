"""What cannot be is refused where it is given, in four parts: what, given, wanted, cure."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from kibitz import optimizers
from kibitz.errors import (
    InvalidArgument,
    KibitzError,
    MissingName,
    ShapeMismatch,
    UnknownName,
    Unsupported,
    WrongType,
)
from kibitz.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Ftrl,
    Lion,
    LossScaleOptimizer,
    OptaxOptimizer,
    Optimizer,
    RMSprop,
    schedules,
)
from tests.optimizers.oracle import keras

NAN, INF = float("nan"), float("inf")
ONE = {"w": jnp.ones(2)}
INJECT = "optax.inject_hyperparams(optax.adam)(learning_rate=1e-3)"


def bound(optimizer):
    optimizer.bind(dict, lambda _: None)
    return optimizer


def set_to(optimizer, name, value):
    setattr(optimizer, name, value)


CASES = {
    "learning_rate is NaN": (lambda: SGD(NAN), InvalidArgument, "`learning_rate` is outside", "learning_rate=0.001"),
    "learning_rate is infinite": (lambda: SGD(INF), InvalidArgument, "given    inf", "learning_rate=0.001"),
    "learning_rate is negative": (lambda: SGD(-0.1), InvalidArgument, "given    -0.1", "learning_rate=0.001"),
    "learning_rate is None": (lambda: SGD(None), WrongType, "given    None", "learning_rate=0.001"),
    "learning_rate is a string": (lambda: SGD("0.1"), WrongType, "given    '0.1'", "learning_rate=0.001"),
    "learning_rate is a bool": (lambda: SGD(True), WrongType, "given    True", "learning_rate=0.001"),
    "learning_rate is an array": (lambda: SGD(np.ones(2)), WrongType, "float64[2]", "learning_rate=0.001"),
    "learning_rate is complex": (lambda: SGD(1j), WrongType, "given    1j", "learning_rate=0.001"),
    "learning_rate is past float32": (lambda: SGD(1e39), InvalidArgument, "too large for a float32", "=0.001"),
    "learning_rate is a schedule's class": (
        lambda: SGD(schedules.CosineDecay),
        WrongType,
        "schedule's class",
        "CosineDecay(...)",
    ),
    "learning_rate asks for more than a step": (
        lambda: SGD(lambda a, b: 0.1),
        WrongType,
        "from the step alone",
        "lambda step:",
    ),
    "learning_rate set to NaN": (
        lambda: set_to(SGD(), "learning_rate", NAN),
        InvalidArgument,
        "`learning_rate` is outside",
        "learning_rate=0.001",
    ),
    "learning_rate assigned a string": (
        lambda: SGD().learning_rate.assign("fast"),
        WrongType,
        "given    'fast'",
        "learning_rate=0.001",
    ),
    "momentum above 1": (lambda: SGD(momentum=1.5), InvalidArgument, "a number in [0, 1]", "momentum=0.9"),
    "momentum below 0": (lambda: RMSprop(momentum=-0.1), InvalidArgument, "a number in [0, 1]", "momentum=0.9"),
    "momentum is None": (lambda: SGD(momentum=None), WrongType, "`momentum` is not a number", "momentum=0.9"),
    "nesterov is a number": (lambda: SGD(nesterov=1), WrongType, "True or False", "nesterov=True"),
    "beta_1 is 1": (lambda: Adam(beta_1=1.0), InvalidArgument, "a number in [0, 1)", "beta_1=0.9"),
    "beta_2 is negative": (lambda: Adam(beta_2=-0.5), InvalidArgument, "a number in [0, 1)", "beta_2=0.9"),
    "beta_2 is a function": (lambda: Adam(beta_2=lambda: 0.9), WrongType, "not a number", "beta_2=0.9"),
    "beta_1 of Lion is 0": (lambda: Lion(beta_1=0.0), InvalidArgument, "a number in (0, 1]", "beta_1=0.9"),
    "rho is 1": (lambda: RMSprop(rho=1), InvalidArgument, "a number in [0, 1)", "rho=0.9"),
    "epsilon is negative": (lambda: Adam(epsilon=-1e-7), InvalidArgument, "[0, inf)", "epsilon=1e-07"),
    "epsilon is NaN": (lambda: Adagrad(epsilon=NAN), InvalidArgument, "given    nan", "epsilon=1e-07"),
    "accumulator is negative": (
        lambda: Adagrad(initial_accumulator_value=-1),
        InvalidArgument,
        "given    -1",
        "initial_accumulator_value=0.1",
    ),
    "power is positive": (lambda: Ftrl(learning_rate_power=0.5), InvalidArgument, "(-inf, 0]", "=-0.5"),
    "l1 is negative": (
        lambda: Ftrl(l1_regularization_strength=-1.0),
        InvalidArgument,
        "l1_regularization_strength",
        "=0.1",
    ),
    "weight_decay is negative": (lambda: SGD(weight_decay=-0.1), InvalidArgument, "or None", "weight_decay=0.004"),
    "weight_decay of AdamW is None": (lambda: AdamW(weight_decay=None), WrongType, "given    None", "=0.004"),
    "clipnorm is 0": (lambda: SGD(clipnorm=0), InvalidArgument, "a number in (0, inf), or None", "clipnorm=1.0"),
    "clipnorm is negative": (lambda: SGD(clipnorm=-1.0), InvalidArgument, "given    -1.0", "clipnorm=1.0"),
    "clipvalue is negative": (lambda: SGD(clipvalue=-1.0), InvalidArgument, "given    -1.0", "clipvalue=0.5"),
    "global_clipnorm is negative": (lambda: Adam(global_clipnorm=-1), InvalidArgument, "given    -1", "=1.0"),
    "two kinds of clipping": (
        lambda: SGD(clipnorm=1.0, clipvalue=0.5),
        InvalidArgument,
        "given    {'clipnorm': 1.0, 'clipvalue': 0.5}",
        "SGD(global_clipnorm=1.0)",
    ),
    "use_ema is a string": (lambda: SGD(use_ema="yes"), WrongType, "True or False", "use_ema=True"),
    "ema_momentum above 1": (lambda: SGD(ema_momentum=1.1), InvalidArgument, "[0, 1]", "ema_momentum=0.99"),
    "ema_overwrite_frequency is 0": (
        lambda: SGD(use_ema=True, ema_overwrite_frequency=0),
        InvalidArgument,
        "1 or more, or None",
        "ema_overwrite_frequency=100",
    ),
    "ema_overwrite_frequency is a float": (
        lambda: SGD(use_ema=True, ema_overwrite_frequency=2.0),
        WrongType,
        "not a whole number",
        "ema_overwrite_frequency=100",
    ),
    "loss_scale_factor is 0": (lambda: SGD(loss_scale_factor=0.0), InvalidArgument, "(0, inf)", "=1024.0"),
    "accumulation over 1": (
        lambda: SGD(gradient_accumulation_steps=1),
        InvalidArgument,
        "2 or more, or None",
        "gradient_accumulation_steps=4",
    ),
    "accumulation is True": (lambda: SGD(gradient_accumulation_steps=True), WrongType, "given    True", "=4"),
    "a misspelt argument": (lambda: Adam(beta1=0.5), UnknownName, 'nearest  "beta_1"', "Adam("),
    "lr": (lambda: Adam(lr=0.5), UnknownName, 'nearest  "learning_rate"', "Adam(learning_rate=...)"),
    "decay": (lambda: SGD(decay=0.1), InvalidArgument, "`decay` is gone", "InverseTimeDecay(0.01, 1, 0.1)"),
    "an argument set too late": (
        lambda: set_to(bound(SGD()), "momentum", 0.5),
        Unsupported,
        "compiled into the optimizer's step",
        "SGD(momentum=0.5)",
    ),
    "an argument set to what cannot be": (
        lambda: set_to(SGD(), "clipnorm", -1.0),
        InvalidArgument,
        "`clipnorm` is outside",
        "clipnorm=1.0",
    ),
    "two kinds of clipping, set one by one": (
        lambda: (optimizer := SGD(clipnorm=1.0), set_to(optimizer, "clipvalue", 1.0), optimizer.init(ONE)),
        InvalidArgument,
        "clips in one way",
        "SGD(global_clipnorm=1.0)",
    ),
    "spared too late": (
        lambda: bound(SGD()).exclude_from_weight_decay(var_names=["bias"]),
        InvalidArgument,
        "compiled into the optimizer's step",
        "model.compile",
    ),
    "spared by one string": (
        lambda: SGD().exclude_from_weight_decay(var_names="bias"),
        WrongType,
        "is a list",
        'var_names=["bias"]',
    ),
    "spared by no expression": (
        lambda: SGD().exclude_from_weight_decay(var_names=["("]),
        InvalidArgument,
        "no regular expression",
        'var_names=["bias"]',
    ),
    "spared is a number": (
        lambda: SGD().exclude_from_weight_decay(var_list=[3]),
        WrongType,
        "This is no parameter",
        '"dense/bias"',
    ),
    "apply as in Keras": (
        lambda: SGD().apply([jnp.ones(2)], [jnp.ones(2)]),
        WrongType,
        "a state from `optimizer.init(params)`",
        "optimizer.apply_gradients(zip(grads, variables))",
    ),
    "gradients of another shape": (
        lambda: SGD().apply({"w": jnp.ones(1)}, SGD().init(ONE), ONE),
        ShapeMismatch,
        "{'w': (2,)}",
        "jax.grad(loss)(params)",
    ),
    "gradients of another tree": (
        lambda: SGD().apply({"v": jnp.ones(2)}, SGD().init(ONE), ONE),
        ShapeMismatch,
        "{'v': (2,)}",
        "jax.grad(loss)(params)",
    ),
    "a state of another optimizer": (
        lambda: Adam().apply(ONE, SGD().init(ONE), ONE),
        ShapeMismatch,
        '"momentum" for each of the parameters',
        "optimizer.init(params)",
    ),
    "a state of other parameters": (
        lambda: Adam().apply(ONE, Adam().init({"w": jnp.ones(3)}), ONE),
        ShapeMismatch,
        "made by another optimizer, or for other parameters",
        "optimizer.init(params)",
    ),
    "arrays in a loop by hand": (
        lambda: SGD().apply_gradients([(jnp.ones(2), jnp.ones(2))]),
        WrongType,
        "cannot be changed in place",
        "optimizer.apply(grads, state, params)",
    ),
    "an optimizer without a rule": (
        lambda: Optimizer(0.1).apply(ONE, Optimizer(0.1).init(ONE), ONE),
        Unsupported,
        "does not say how a parameter moves",
        "def rule(self, gradient, slots, step)",
    ),
    "a name that is none": (lambda: optimizers.get("addam"), UnknownName, 'nearest  "adam"', 'optimizer="adam"'),
    "a class": (lambda: optimizers.get(Adam), WrongType, "given    the class Adam", "optimizer=Adam()"),
    "a number": (lambda: optimizers.get(3), WrongType, "This is no optimizer", 'optimizer="adam"'),
    "a function of Optax": (lambda: optimizers.get(optax.adam), WrongType, "the function adam", "adam(1e-3)"),
    "an optimizer of NNX": (
        lambda: optimizers.get(nnx.Optimizer(nnx.Linear(1, 1, rngs=nnx.Rngs(0)), optax.sgd(0.1), wrt=nnx.Param)),
        WrongType,
        "This is no optimizer",
        "nnx_optimizer.tx",
    ),
    "an optimizer of Keras": (
        lambda: optimizers.get(keras.optimizers.Adam()),
        WrongType,
        "This is no optimizer",
        "kibitz.optimizers.deserialize(keras.optimizers.serialize(optimizer))",
    ),
    "a configuration without a class": (lambda: optimizers.get({"config": {}}), WrongType, "class_name", "serialize"),
    "Optax's learning rate, hidden": (
        lambda: OptaxOptimizer(optax.adam(0.1)).learning_rate,
        MissingName,
        "no learning rate in its state",
        INJECT,
    ),
    "Optax's learning rate, hidden, set": (
        lambda: set_to(OptaxOptimizer(optax.adam(0.1)), "learning_rate", 0.5),
        MissingName,
        "no learning rate in its state",
        INJECT,
    ),
    "Optax's learning rate, twice": (
        lambda: (
            OptaxOptimizer(
                optax.chain(*[optax.inject_hyperparams(optax.sgd)(learning_rate=0.1) for _ in range(2)])
            ).learning_rate
        ),
        MissingName,
        "more than one learning rate",
        INJECT,
    ),
    "Optax's learning rate, by a schedule, set": (
        lambda: set_to(
            OptaxOptimizer(optax.inject_hyperparams(optax.sgd)(learning_rate=optax.constant_schedule(0.1))),
            "learning_rate",
            0.5,
        ),
        WrongType,
        "computes this learning rate itself",
        INJECT,
    ),
    "a schedule for Optax's number": (
        lambda: set_to(
            OptaxOptimizer(optax.inject_hyperparams(optax.sgd)(learning_rate=0.1)),
            "learning_rate",
            schedules.CosineDecay(0.1, 10),
        ),
        WrongType,
        "the one cannot replace the other",
        INJECT,
    ),
    "what is no transformation": (lambda: OptaxOptimizer("adam"), WrongType, "no Optax transformation", "optax.adam"),
    "clipping around Optax": (
        lambda: set_to(OptaxOptimizer(optax.sgd(0.1)), "clipnorm", 1.0),
        Unsupported,
        "a part of the transformation",
        "optax.chain",
    ),
    "a transformation that wants more": (
        lambda: (
            optimizer := OptaxOptimizer(optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau())),
            optimizer.apply(ONE, optimizer.init(ONE), ONE),
        ),
        Unsupported,
        "asks for more than gradients, state and parameters",
        "optax.adam(1e-3)",
    ),
    "Optax written down": (
        lambda: optimizers.serialize(OptaxOptimizer(optax.sgd(0.1))),
        Unsupported,
        "cannot be written down",
        "optimizers.Adam()",
    ),
    "Optax read back": (lambda: OptaxOptimizer.from_config({}), Unsupported, "from a configuration", "OptaxOptimizer("),
    "two loss scales": (
        lambda: LossScaleOptimizer(SGD(loss_scale_factor=2.0)),
        InvalidArgument,
        "two loss scales",
        "LossScaleOptimizer(Adam())",
    ),
    "a loss scale around a name": (lambda: LossScaleOptimizer("sgd"), WrongType, "no optimizer", "Adam()"),
    "a loss scale that clips": (
        lambda: LossScaleOptimizer(SGD(), clipnorm=1.0),
        Unsupported,
        "`clipnorm` belongs to the optimizer within",
        "LossScaleOptimizer(Adam(clipnorm=1.0))",
    ),
    "a loss scale of 0": (lambda: LossScaleOptimizer(SGD(), 0.0), InvalidArgument, "initial_scale", "=32768.0"),
    "a schedule that gives a string": (
        lambda: SGD(lambda step: "fast").learning_rate.value,
        WrongType,
        "gave no number",
        "def schedule(step)",
    ),
    "a schedule that gives an array": (
        lambda: SGD(lambda step: jnp.ones(2)).learning_rate.value,
        ShapeMismatch,
        "gave an array",
        "def schedule(step)",
    ),
    "no optimizer of this name": (lambda: optimizers.Adm, MissingName, 'nearest  "Adam"', 'optimizer="adam"'),
}


@pytest.mark.parametrize(("do", "error", "text", "cure"), CASES.values(), ids=CASES)
def test_it_is_refused_in_four_parts(do, error, text, cure):
    with pytest.raises(KibitzError) as caught:
        do()
    assert type(caught.value) is error
    said = str(caught.value)
    assert text in said
    assert re.search(r"^  given    .+$", said, re.MULTILINE)
    assert cure in said.partition("\n  cure     ")[2]
    assert "\n  cure " in said
    assert not re.search(r"jax/_src|Tracer|0x[0-9a-f]{6}", said)


@pytest.mark.parametrize(
    ("base", "error"), [(ValueError, InvalidArgument), (TypeError, WrongType), (AttributeError, MissingName)]
)
def test_a_user_of_keras_catches_what_he_caught_before(base, error):
    assert issubclass(error, base)


def test_a_path_that_fits_nothing_or_several_is_told_when_the_state_is_made():
    tree = {"a": {"dense": {"bias": jnp.ones(1)}}, "b": {"dense": {"bias": jnp.ones(1)}}}
    optimizer = SGD(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=["dense/bias"])
    with pytest.raises(InvalidArgument, match="Several parameters fit") as caught:
        optimizer.init(tree)
    assert "there is a/dense/bias, b/dense/bias" in str(caught.value)
    optimizer.exclude_from_weight_decay(var_list=["a/dense/bia"])
    with pytest.raises(UnknownName, match="no parameter of this path") as caught:
        optimizer.init(tree)
    assert 'nearest  "a/dense/bias"' in str(caught.value)


def test_a_huge_learning_rate_is_warned_of():
    with pytest.warns(UserWarning, match="learning_rate=1e\\+20 is huge"):
        SGD(1e20)


def test_an_update_step_of_keras_is_told_how_it_is_written_here():
    class Mine(Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            pass

    with pytest.raises(Unsupported, match=r"Keras's `update_step`"):
        Mine(0.1)


def test_a_mistake_is_told_while_the_step_is_traced():
    optimizer = SGD()
    state = optimizer.init(ONE)
    with pytest.raises(ShapeMismatch, match="not like the parameters"):
        jax.jit(optimizer.apply)({"w": jnp.ones(3)}, state, ONE)


def test_numbers_of_numpy_and_jax_are_numbers():
    optimizer = Adam(np.float32(0.5), np.float64(0.5), jnp.float32(0.5), clipnorm=np.int32(3))
    config = optimizer.get_config()
    assert [config[name] for name in ("learning_rate", "beta_1", "beta_2", "clipnorm")] == [0.5, 0.5, 0.5, 3]
    assert {type(config[name]) for name in ("learning_rate", "beta_1", "beta_2", "clipnorm")} == {float}
    assert SGD(gradient_accumulation_steps=np.int64(2)).get_config()["gradient_accumulation_steps"] == 2


def test_an_argument_may_be_set_until_there_is_a_state():
    optimizer = SGD(1.0)
    optimizer.momentum, optimizer.weight_decay = 0.5, 0.25
    after, state = optimizer.apply(ONE, optimizer.init(ONE), ONE)
    assert "momentum" in state
    assert after["w"].tolist() == [-0.25, -0.25]
