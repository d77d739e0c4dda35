"""Learning rate schedules give Keras's numbers at every step."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName, Unsupported, WrongType
from kibitz.optimizers import SGD, schedules
from tests.optimizers.oracle import apart, gradients, keras, params, run_keras, run_kibitz

CASES = {
    "ExponentialDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9},
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ],
    "InverseTimeDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9},
        {"initial_learning_rate": 0.1, "decay_steps": 2.5, "decay_rate": 0.5, "staircase": True},
    ],
    "PolynomialDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 40},
        {"initial_learning_rate": 0.1, "decay_steps": 40, "end_learning_rate": 0.02, "power": 0.5},
        {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0, "cycle": True},
    ],
    "PiecewiseConstantDecay": [
        {"boundaries": [3, 10, 50], "values": [0.1, 0.05, 0.02, 0.01]},
        {"boundaries": [5], "values": [0.1, 0.2]},
    ],
    "CosineDecay": [
        {"initial_learning_rate": 0.1, "decay_steps": 40},
        {"initial_learning_rate": 0.1, "decay_steps": 40, "alpha": 0.2},
        {"initial_learning_rate": 0.01, "decay_steps": 40, "warmup_target": 0.2, "warmup_steps": 10, "alpha": 0.1},
        {"initial_learning_rate": 0.01, "decay_steps": 40, "warmup_target": 0.2},
    ],
    "CosineDecayRestarts": [
        {"initial_learning_rate": 0.1, "first_decay_steps": 10},
        {"initial_learning_rate": 0.1, "first_decay_steps": 7, "t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1},
        {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.5, "m_mul": 0.9},
    ],
}
ALL = [pytest.param(name, case, id=f"{name}-{n}") for name, cases in CASES.items() for n, case in enumerate(cases)]


def test_every_schedule_of_keras_is_here_and_every_argument_has_a_case():
    theirs = {name for name in dir(keras.optimizers.schedules) if not name.startswith("_")}
    assert set(schedules.__all__) == theirs
    given = {name: set().union(*cases) | {"name"} for name, cases in CASES.items()}
    assert given == {name: set(inspect.signature(getattr(schedules, name)).parameters) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_signatures_are_those_of_keras(name):
    def told(module):
        return [(each.name, each.default) for each in inspect.signature(getattr(module, name)).parameters.values()]

    assert told(schedules) == told(keras.optimizers.schedules)


@pytest.mark.parametrize(("name", "arguments"), ALL)
def test_the_rate_is_that_of_keras_at_every_step(name, arguments):
    ours, theirs = getattr(schedules, name)(**arguments), getattr(keras.optimizers.schedules, name)(**arguments)
    steps = np.concatenate([np.arange(120), [1000, 99_999]]).astype(np.int32)
    wanted = np.array(jax.jit(jax.vmap(theirs.__call__))(steps))
    if name == "PolynomialDecay" and arguments.get("power") == 0.5:
        assert np.isnan(wanted[40:]).all(), "Keras has mended it"
        wanted[40:] = arguments["end_learning_rate"]
    found = jax.jit(jax.vmap(ours))(steps)
    assert (found.dtype, found.weak_type) == (jnp.float32, False)
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-8)
    assert len(np.unique(found)) > 1
    eagerly = [float(ours(step)) for step in (0, 3, np.int64(10), jnp.int32(11), 45)]
    np.testing.assert_allclose(eagerly, wanted[[0, 3, 10, 11, 45]], rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize(("name", "arguments"), ALL)
def test_a_schedule_is_written_as_keras_writes_it_and_read_back(name, arguments):
    ours, theirs = getattr(schedules, name)(**arguments), getattr(keras.optimizers.schedules, name)(**arguments)
    written = schedules.serialize(ours)
    assert written == keras.optimizers.schedules.serialize(theirs)
    assert list(written["config"]) == list(theirs.get_config())
    again = schedules.deserialize(written)
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert float(keras.optimizers.schedules.deserialize(written)(5)) == pytest.approx(float(ours(5)), rel=1e-6)


def test_twenty_steps_under_a_schedule_are_those_of_keras():
    start, grads, arguments = params(), gradients(steps=20), CASES["CosineDecay"][2]
    theirs, _ = run_keras(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(**arguments)), start, grads)
    ours, kept = run_kibitz(SGD(schedules.CosineDecay(**arguments)), start, grads)
    assert max(map(apart, ours, theirs)) <= 1e-6
    assert len(kept) == 1, "a schedule is no variable"


def test_a_schedule_counts_steps_while_accumulation_counts_updates():
    schedule, keras_schedule = (
        module.PiecewiseConstantDecay([2], [0.5, 0.125]) for module in (schedules, keras.optimizers.schedules)
    )
    start, grads = params(), gradients(steps=8)
    theirs, _ = run_keras(keras.optimizers.Adam(keras_schedule, gradient_accumulation_steps=3), start, grads)
    from kibitz.optimizers import Adam

    optimizer = Adam(schedule, gradient_accumulation_steps=3)
    ours, _ = run_kibitz(optimizer, start, grads)
    assert max(map(apart, ours, theirs)) <= 1e-6
    assert int(optimizer.iterations) == 2
    assert int(optimizer.variables[0].value) == 8
    assert float(optimizer.learning_rate) == 0.125


def test_a_schedule_of_ones_own_needs_only_call():
    class Mine(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 / (step + 1)

    optimizer, start = SGD(Mine()), {"w": jnp.zeros(())}
    state, now = optimizer.init(start), start
    for _ in range(2):
        now, state = optimizer.apply({"w": jnp.ones(())}, state, now)
    assert float(now["w"]) == -0.75
    with pytest.raises(Unsupported, match="does not tell its configuration"):
        optimizer.get_config()


@pytest.mark.parametrize("value", [1, np.float64(1), jnp.bfloat16(1), jnp.int32(1)])
def test_whatever_number_a_schedule_gives_the_rate_is_a_float32(value):
    rate = SGD(lambda step: value).learning_rate.value
    assert (float(rate), rate.dtype, rate.weak_type) == (1.0, jnp.float32, False)


def test_an_optax_schedule_and_a_schedule_object_of_keras_are_functions_of_the_step():
    import optax

    start = {"w": jnp.zeros(())}
    for schedule in (
        optax.constant_schedule(0.5),
        keras.optimizers.schedules.ExponentialDecay(0.5, 10, 1.0),
    ):
        optimizer = SGD(schedule)
        assert float(optimizer.learning_rate) == 0.5
        after, _ = jax.jit(optimizer.apply)({"w": jnp.ones(())}, optimizer.init(start), start)
        assert float(after["w"]) == -0.5


def test_a_whole_number_as_initial_rate_is_a_number_like_any_other():
    """Keras computes with integers then: `ExponentialDecay(1, 10, 0.9)` is 0 from the first step on."""
    assert float(schedules.ExponentialDecay(1, 10, 0.5)(10)) == 0.5
    assert float(schedules.PolynomialDecay(1, 10, 0)(5)) == 0.5
    assert float(schedules.CosineDecay(1, 10)(5)) == pytest.approx(0.5)


@pytest.mark.parametrize("length", [7, 41, 47, 55, 2.5])
def test_stairs_and_restarts_begin_at_their_step_when_compiled_too(length):
    """Keras's begin a step late for lengths such as 41: compiled, it computes 41 * (1 / 41), which is below 1."""
    stairs = jax.jit(schedules.ExponentialDecay(1.0, length, 0.5, staircase=True).__call__)
    assert [float(stairs(int(n * length))) for n in (2, 4, 6)] == [0.5**2, 0.5**4, 0.5**6]
    inverse = jax.jit(schedules.InverseTimeDecay(1.0, length, 1.0, staircase=True).__call__)
    assert float(inverse(int(2 * length))) == pytest.approx(1 / 3)
    restarts = jax.jit(schedules.CosineDecayRestarts(1.0, length, t_mul=1.0).__call__)
    assert [float(restarts(int(n * length))) for n in (2, 4)] == pytest.approx([1.0, 1.0])
    cycle = jax.jit(schedules.PolynomialDecay(1.0, length, 0.0, cycle=True).__call__)
    assert [float(cycle(int(n * length))) for n in (2, 6)] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_root_of_what_is_left_never_is_nan():
    for steps in (7, 10, 30, 40, 1000):
        schedule = jax.jit(schedules.PolynomialDecay(0.1, steps, 0.01, power=0.5).__call__)
        assert float(schedule(steps)) == pytest.approx(0.01, rel=1e-2)
        assert float(schedule(steps + 1)) == pytest.approx(0.01, rel=1e-2)


def test_a_function_is_written_by_its_name_and_read_with_custom_objects():
    def halving(step):
        return 0.5**step

    config = SGD(halving).get_config()
    assert config["learning_rate"]["config"] == "halving"
    assert SGD.from_config(config, custom_objects={"halving": halving}).get_config() == config
    with pytest.raises(UnknownName, match="custom_objects"):
        SGD.from_config(config)


WRONG = [
    (lambda: schedules.ExponentialDecay(0.1, 0, 0.9), InvalidArgument, "decay_steps"),
    (lambda: schedules.ExponentialDecay(float("nan"), 10, 0.9), InvalidArgument, "initial_learning_rate"),
    (lambda: schedules.ExponentialDecay(-0.1, 10, 0.9), InvalidArgument, "initial_learning_rate"),
    (lambda: schedules.ExponentialDecay("0.1", 10, 0.9), WrongType, "initial_learning_rate"),
    (lambda: schedules.ExponentialDecay(0.1, 10, 0.9, "yes"), WrongType, "staircase"),
    (lambda: schedules.InverseTimeDecay(0.1, -1, 0.9), InvalidArgument, "decay_steps"),
    (lambda: schedules.InverseTimeDecay(0.1, True, 0.9), WrongType, "decay_steps"),
    (lambda: schedules.PolynomialDecay(0.1, 10, -1.0), InvalidArgument, "end_learning_rate"),
    (lambda: schedules.PolynomialDecay(0.1, None), WrongType, "decay_steps"),
    (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), ShapeMismatch, "2 boundaries, 2 values"),
    (lambda: schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]), InvalidArgument, "do not grow"),
    (lambda: schedules.PiecewiseConstantDecay([], [0.1]), InvalidArgument, "do not grow"),
    (lambda: schedules.PiecewiseConstantDecay([1], [0.1, float("inf")]), InvalidArgument, "values"),
    (lambda: schedules.CosineDecay(0.1, 0), InvalidArgument, "decay_steps"),
    (lambda: schedules.CosineDecay(0.1, 10, warmup_steps=5), InvalidArgument, "warmup_target"),
    (lambda: schedules.CosineDecay(0.1, 10, warmup_target=-1, warmup_steps=5), InvalidArgument, "warmup_target"),
    (lambda: schedules.CosineDecayRestarts(0.1, 0), InvalidArgument, "first_decay_steps"),
    (lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0), InvalidArgument, "t_mul"),
    (lambda: schedules.LearningRateSchedule()(0), Unsupported, "__call__"),
    (lambda: schedules.deserialize({"class_name": "CosineDeca", "config": {}}), UnknownName, "CosineDecay"),
    (lambda: schedules.deserialize("CosineDecay"), WrongType, "configuration"),
]


@pytest.mark.parametrize(("make", "error", "text"), WRONG)
def test_what_cannot_be_is_refused_with_a_cure(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)
    assert "  given    " in str(caught.value)
    assert "  cure     " in str(caught.value)
    assert "jax" not in str(caught.value)
