"""An optimizer shows itself to callbacks, to hand-written loops and to files as Keras's does."""

from __future__ import annotations

import inspect
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kibitz import optimizers
from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, Unsupported, WrongType
from kibitz.naming import forget_names
from kibitz.optimizers import SGD, Adam, AdamW, LossScaleOptimizer, Nadam, OptaxOptimizer, RMSprop, schedules
from kibitz.variable import Variable
from tests.optimizers.oracle import apart, gradients, keras, keras_variables, params, run_keras, run_kibitz

MODULES = (optimizers, keras.optimizers)


class Home:
    """A model as far as an optimizer knows one."""

    def __init__(self, optimizer, start=None, **bound):
        self.state = optimizer.init(params() if start is None else start)
        self.writes = 0
        optimizer.bind(lambda: self.state, self.write, **bound)

    def write(self, state):
        self.state, self.writes = state, self.writes + 1


def our_variables(tree):
    """Variables over a dict of arrays, with the names that Keras's have."""
    home = {path[-1].key: leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}

    def variable(name):
        return Variable(lambda: home[name], lambda value: home.update({name: value}), name=name)

    return [variable(name) for name in home]


# -- the learning rate and the iterations ------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "before"])
def test_the_learning_rate_is_a_variable(bound):
    optimizer = Adam(0.25)
    home = Home(optimizer) if bound else None
    rate = optimizer.learning_rate
    assert isinstance(rate, Variable)
    assert (rate.name, rate.path, rate.shape, rate.ndim, rate.dtype) == (
        "learning_rate",
        f"{optimizer.name}/learning_rate",
        (),
        0,
        "float32",
    )
    assert float(rate) == np.asarray(rate) == rate.numpy() == float(rate.value) == 0.25
    assert rate * 2 == 0.5
    optimizer.learning_rate = float(np.asarray(rate)) * 0.5
    assert float(rate) == float(optimizer.learning_rate) == 0.125
    rate.assign(0.5)
    assert float(optimizer.learning_rate) == 0.5
    assert optimizer.get_config()["learning_rate"] == 0.5
    if home:
        assert home.writes == 2
        assert (home.state["learning_rate"].dtype, home.state["learning_rate"].weak_type) == (jnp.float32, False)


def test_a_write_changes_the_learning_rate_and_nothing_else():
    optimizer = Adam(0.25)
    home = Home(optimizer)
    before = home.state
    optimizer.learning_rate = 0.5
    assert list(home.state) == list(before)
    assert all(home.state[key] is before[key] for key in before if key != "learning_rate")


def test_only_the_entries_asked_for_are_looked_up():
    looked = []

    class Lazy(dict):
        def __getitem__(self, key):
            looked.append(key)
            return super().__getitem__(key)

    optimizer = Adam(0.25)
    state = Lazy(optimizer.init(params()))
    optimizer.bind(lambda: state, lambda _: None)
    float(optimizer.learning_rate)
    int(optimizer.iterations)
    assert set(looked) == {"learning_rate", "iterations"}


def test_the_learning_rate_of_a_schedule_is_its_present_value_and_cannot_be_set():
    optimizer = SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    home = Home(optimizer, {"w": jnp.ones(())})
    assert float(optimizer.learning_rate) == optimizer.learning_rate.numpy() == 0.5
    _, home.state = optimizer.apply({"w": jnp.ones(())}, home.state, {"w": jnp.ones(())})
    assert float(optimizer.learning_rate) == 0.25
    for set_it in (
        lambda: setattr(optimizer, "learning_rate", 0.1),
        lambda: optimizer.learning_rate.assign(0.1),
    ):
        with pytest.raises(TypeError, match="is a schedule, which a number cannot replace") as caught:
            set_it()
        assert isinstance(caught.value, WrongType)
    assert float(optimizer.learning_rate) == 0.25


def test_a_schedule_takes_the_place_of_a_number_as_in_keras():
    for module in MODULES:
        optimizer = module.SGD(0.5)
        optimizer.learning_rate = module.schedules.ExponentialDecay(0.25, 10, 0.5)
        assert float(optimizer.learning_rate) == 0.25
        with pytest.raises(TypeError):
            optimizer.learning_rate = 0.5
        assert optimizer.get_config()["learning_rate"]["class_name"] == "ExponentialDecay"


def test_iterations_are_a_variable_that_counts_updates():
    for every, counted in ((None, [0, 1, 2, 3]), (2, [0, 0, 1, 1])):
        optimizer = SGD(0.5, gradient_accumulation_steps=every)
        home, seen = Home(optimizer, {"w": jnp.ones(())}), []
        for _ in counted:
            seen.append(optimizer.iterations.numpy().item())
            _, home.state = optimizer.apply({"w": jnp.ones(())}, home.state, {"w": jnp.ones(())})
        assert seen == counted
        assert (optimizer.iterations.dtype, optimizer.iterations.path) == ("int32", f"{optimizer.name}/iteration")
    optimizer = SGD(0.5)
    optimizer.iterations.assign(7)
    home = Home(optimizer)
    assert int(home.state["iterations"]) == 7
    optimizer.iterations.assign(9.0)
    assert (int(home.state["iterations"]), home.state["iterations"].dtype) == (9, jnp.int32)


def test_there_is_no_lr_to_be_read_or_set():
    optimizer = SGD(0.5)
    assert not hasattr(optimizer, "lr")
    with pytest.raises(AttributeError, match=r"optimizer\.learning_rate = 0\.1"):
        optimizer.lr = 0.1


# -- variables ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.5}),
        ("RMSprop", {"momentum": 0.5, "centered": True}),
        ("Adam", {"amsgrad": True, "use_ema": True, "gradient_accumulation_steps": 2}),
        ("Nadam", {}),
        ("Adamax", {}),
        ("Adagrad", {}),
        ("Adadelta", {}),
        ("Lion", {}),
        ("Ftrl", {}),
        ("Lamb", {}),
    ],
)
def test_variables_are_listed_as_keras_lists_them(name, arguments):
    start = {"bias": jnp.ones(3), "kernel": jnp.ones((2, 3))}
    theirs = getattr(keras.optimizers, name)(**arguments, name="it")
    theirs.build(keras_variables(start))
    ours = getattr(optimizers, name)(**arguments, name="it")
    Home(ours, start)
    # Keras forgets to name the one number that Nadam keeps.
    wanted = [("it/u_product" if v.path.startswith("variable") else v.path, v.shape, v.dtype) for v in theirs.variables]
    assert [(v.path, v.shape, v.dtype) for v in ours.variables] == wanted
    for our_variable, their_variable in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(our_variable.numpy(), their_variable.value)


def test_variables_follow_the_order_of_the_model():
    start = {"dense/bias": jnp.ones(3), "dense/kernel": jnp.ones((2, 3))}
    optimizer = Adam()
    Home(optimizer, start, order=["dense/kernel", ("dense", "bias")])
    assert [variable.name for variable in optimizer.variables[2:]] == [
        "dense_kernel_momentum",
        "dense_kernel_velocity",
        "dense_bias_momentum",
        "dense_bias_velocity",
    ]
    Home(optimizer, start, order=["dense/kernel", "dense/bia"])
    with pytest.raises(InvalidArgument, match=r"nearest  \"dense/bias\""):
        optimizer.variables


def test_a_variable_writes_into_the_state():
    optimizer = SGD(0.5, momentum=0.5)
    home = Home(optimizer, {"a": jnp.ones(2), "b": jnp.ones(2)})
    optimizer.variables[3].assign([3, 4])
    assert home.state["momentum"]["b"].tolist() == [3.0, 4.0]
    assert home.state["momentum"]["a"].tolist() == [0.0, 0.0]
    assert home.state["momentum"]["b"].dtype == jnp.float32
    optimizer.variables[1].assign(0.25)
    assert float(home.state["learning_rate"]) == 0.25
    with pytest.raises(ShapeMismatch, match="b_momentum has another shape"):
        optimizer.variables[3].assign(np.zeros(3))


def test_what_one_optimizer_keeps_can_be_put_into_another():
    start, grads = params(), gradients(steps=4)
    first, second = Adam(0.1), Adam(0.1)
    _, kept = run_kibitz(first, start, grads)
    home = Home(second, start)
    for variable, value in zip(second.variables, kept, strict=True):
        variable.assign(value)
    assert apart(jax.tree.leaves(home.state), jax.tree.leaves(first._read())) == 0.0


def test_the_variables_of_an_optax_state_are_all_there():
    optimizer = OptaxOptimizer(optax.adam(0.1))
    Home(optimizer, {"w": jnp.ones(2)})
    assert [variable.name for variable in optimizer.variables] == [
        "iteration",
        "optax_0_count",
        "optax_0_mu_w",
        "optax_0_nu_w",
    ]


# -- names and configurations ----------------------------------------------------------------------------------------


def test_names_are_those_of_keras():
    forget_names()
    keras.backend.clear_session()
    for name in ("SGD", "RMSprop", "RMSprop", "AdamW", "Adam", "Nadam", "RMSprop"):
        assert getattr(optimizers, name)().name == getattr(keras.optimizers, name)().name
    assert SGD(name="mine").name == "mine"


def every(module):
    made = {
        name: getattr(module, name)
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
    }
    cases = [kind(name=name) for name, kind in made.items()]
    cases.append(module.Adam(0.25, 0.5, clipnorm=1.0, use_ema=True, ema_momentum=0.5, name="adam"))
    cases.append(module.SGD(module.schedules.CosineDecay(0.5, 10), gradient_accumulation_steps=4, name="sgd"))
    cases.append(module.LossScaleOptimizer(module.SGD(0.5, name="in"), 64.0, 3, name="out"))
    return cases


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own variables
@pytest.mark.parametrize("place", range(14))
def test_configurations_are_those_of_keras_both_ways(place):
    ours, theirs = every(optimizers)[place], every(keras.optimizers)[place]
    config = ours.get_config()
    assert config == theirs.get_config()
    assert list(config) == list(theirs.get_config())
    assert [type(value) for value in config.values()] == [type(value) for value in theirs.get_config().values()]
    assert type(ours).from_config(config).get_config() == config
    assert ours.get_config() == config, "from_config left the dict as it was"
    written = json.loads(json.dumps(optimizers.serialize(ours)))
    assert optimizers.deserialize(written).get_config() == config
    if type(theirs).__name__ != "Lamb":  # which Keras's own registry has forgotten
        assert written == json.loads(json.dumps(keras.optimizers.serialize(theirs)))
        assert keras.optimizers.deserialize(written).get_config() == config
        assert optimizers.deserialize(keras.optimizers.serialize(theirs)).get_config() == config


def test_get_takes_names_configurations_instances_and_optax():
    for name in ("sgd", "SGD", "rmsprop", "Adam", "ADAGRAD", "nadam", "adamw", "Ftrl", "lion", "adamax", "adadelta"):
        assert type(optimizers.get(name)).__name__ == type(keras.optimizers.get(name)).__name__
    optimizer = SGD(0.5)
    assert optimizers.get(optimizer) is optimizer
    assert optimizers.get(None) is None
    config = {"class_name": "sgd", "config": {"learning_rate": 0.5}}
    assert float(optimizers.get(config).learning_rate) == 0.5
    assert config == {"class_name": "sgd", "config": {"learning_rate": 0.5}}
    assert isinstance(optimizers.get(optax.adam(0.1)), OptaxOptimizer)
    assert isinstance(optimizers.get(optax.chain(optax.clip(1.0), optax.sgd(0.1))), OptaxOptimizer)


def test_an_optimizer_of_ones_own_is_written_and_read_with_custom_objects():
    class Mine(SGD):
        pass

    written = optimizers.serialize(Mine(0.5, name="mine"))
    assert written["registered_name"] == "Mine"
    again = optimizers.deserialize(written, custom_objects={"Mine": Mine})
    assert type(again) is Mine
    assert again.get_config() == Mine(0.5, name="mine").get_config()
    with pytest.raises(InvalidArgument, match="Mine"):
        optimizers.deserialize(written)


def test_the_public_names_are_those_of_keras_with_optax_added():
    theirs = {name for name in dir(keras.optimizers) if not name.startswith("_")} - {"legacy"}
    missing = {"Adafactor", "Muon", "MultiOptimizer", "OptimizerMap", "ScheduleFreeAdamW"}
    assert set(optimizers.__all__) - {"OptaxOptimizer"} == theirs - missing
    for name in missing & theirs:
        with pytest.raises(AttributeError, match=f"Keras has {name}, and Kibitz has not"):
            getattr(optimizers, name)
        with pytest.raises(Unsupported, match="optax"):
            optimizers.get(name)


# -- loops written by hand ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam"])
def test_apply_gradients_is_that_of_keras(name):
    start, grads = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}, []
    for seed in range(3):
        drawn = np.random.default_rng(seed)
        grads.append([jnp.asarray(drawn.normal(size=shape), jnp.float32) for shape in ((2,), (2, 2))])
    ours, theirs = our_variables(start), keras_variables(start)
    our_optimizer, their_optimizer = (getattr(module, name)(0.1, use_ema=True) for module in MODULES)
    for each in grads:
        count = our_optimizer.apply_gradients(zip(each, ours, strict=True))
        their_optimizer.apply_gradients(zip(each, theirs, strict=True))
        assert int(count) == int(their_optimizer.iterations.value)
    assert apart([v.numpy() for v in ours], [np.asarray(v.value) for v in theirs]) <= 1e-6
    our_optimizer.learning_rate = 0.5
    assert float(our_optimizer.learning_rate) == 0.5
    our_optimizer.finalize_variable_values(ours)
    their_optimizer.finalize_variable_values(theirs)
    assert apart([v.numpy() for v in ours], [np.asarray(v.value) for v in theirs]) <= 1e-6


def test_stateless_apply_is_that_of_keras():
    start, grads = params(), gradients(steps=5)
    ours, theirs = (
        Adam(0.1, amsgrad=True, global_clipnorm=1.0),
        keras.optimizers.Adam(0.1, amsgrad=True, global_clipnorm=1.0),
    )
    ours.build(our_variables(start))
    wanted, _ = run_keras(theirs, start, grads)
    step = jax.jit(ours.stateless_apply)
    kept, now = [v.value for v in ours.variables], jax.tree.leaves(start)
    for each in grads:
        now, kept = step(kept, jax.tree.leaves(each), now)
    assert apart(now, wanted[-1]) <= 1e-6
    assert [v.path.partition("/")[2] for v in ours.variables][2:4] == ["kernel_momentum", "kernel_velocity"]
    with pytest.raises(ShapeMismatch, match="`grads` has not the length"):
        ours.stateless_apply(kept, jax.tree.leaves(grads[0])[:1], now)
    with pytest.raises(NotReady, match=r"optimizer.build\(variables\) first"):
        Adam().stateless_apply([], [], [])


def test_variables_of_one_name_are_told_apart():
    both = our_variables({"w": jnp.ones(())}) + our_variables({"w": jnp.zeros(())})
    SGD(0.5).apply_gradients([(jnp.ones(()), each) for each in both])
    assert [float(each) for each in both] == [0.5, -0.5]


def test_an_optimizer_belongs_to_one_model():
    class Model:
        pass

    first, second, optimizer = Model(), Model(), Adam()
    Home(optimizer, owner=first)
    Home(optimizer, owner=first)
    with pytest.raises(InvalidArgument, match="already belongs to another model") as caught:
        Home(optimizer, owner=second)
    assert "Adam.from_config(optimizer.get_config())" in str(caught.value)
    with pytest.raises(Unsupported, match="belongs to a model"):
        optimizer.build([])
    del first, caught  # the traceback still holds the model
    Home(optimizer, owner=second)


# -- weight decay ------------------------------------------------------------------------------------------------------


def decayed(optimizer, tree):
    after, _ = optimizer.apply(jax.tree.map(jnp.zeros_like, tree), optimizer.init(tree), tree)
    named = jax.tree_util.tree_flatten_with_path(after)[0]
    return sorted(jax.tree_util.keystr(path, simple=True, separator="/") for path, leaf in named if (leaf != 1).all())


TREE = {
    "dense/linear/bias": jnp.ones(2),
    "dense/linear/kernel": jnp.ones(2),
    "norm": {"bias": jnp.ones(2), "scale": jnp.ones(2)},
}


@pytest.mark.parametrize(
    ("exclusion", "decays"),
    [
        ({}, ["dense/linear/bias", "dense/linear/kernel", "norm/bias", "norm/scale"]),
        ({"var_names": ["bias"]}, ["dense/linear/kernel", "norm/scale"]),
        ({"var_names": ["gamma", "beta"]}, ["dense/linear/bias", "dense/linear/kernel"]),
        ({"var_names": ["^s", "k.r"]}, ["dense/linear/bias", "norm/bias"]),
        ({"var_names": ["norm/"]}, ["dense/linear/bias", "dense/linear/kernel"]),
        ({"var_list": ["dense/kernel"]}, ["dense/linear/bias", "norm/bias", "norm/scale"]),
        ({"var_list": [("norm", "bias")], "var_names": ["kernel"]}, ["dense/linear/bias", "norm/scale"]),
        ({"var_list": our_variables({"kernel": 1.0})}, ["dense/linear/bias", "norm/bias", "norm/scale"]),
    ],
)
def test_what_is_spared_does_not_decay(exclusion, decays):
    optimizer = AdamW(0.5)
    if exclusion:
        optimizer.exclude_from_weight_decay(**exclusion)
    assert decayed(optimizer, TREE) == decays


def test_a_whole_path_is_meant_before_a_part_of_one():
    tree = {"dense/bias": jnp.ones(2), "dense/linear/bias": jnp.ones(2)}
    optimizer = AdamW(0.5)
    optimizer.exclude_from_weight_decay(var_list=["dense/bias"])
    assert decayed(optimizer, tree) == ["dense/linear/bias"]


def test_a_model_may_say_what_its_weights_are_called():
    optimizer = AdamW(0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.bind(dict, lambda _: None, names={"norm/bias": "beta", "norm/scale": "gamma"})
    assert decayed(optimizer, TREE) == ["dense/linear/kernel", "norm/bias", "norm/scale"]


def test_sparing_by_name_is_that_of_keras():
    start, grads = {"bias": jnp.ones(2), "kernel": jnp.ones((2, 2))}, []
    for seed in range(4):
        drawn = np.random.default_rng(seed)
        grads.append({name: jnp.asarray(drawn.normal(size=each.shape), jnp.float32) for name, each in start.items()})
    seen = []
    for module, run in zip(MODULES, (run_kibitz, run_keras), strict=True):
        optimizer = module.AdamW(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bia"])
        seen.append(run(optimizer, start, grads)[0][-1])
    assert apart(*seen) <= 1e-6


def test_docstrings_name_every_argument_of_their_own():
    for name in optimizers.__all__:
        kind = getattr(optimizers, name)
        if inspect.isclass(kind):
            first = list(inspect.signature(kind).parameters)
            own = first[: first.index("weight_decay") + 1] if "weight_decay" in first else first
            told = inspect.getdoc(kind)
            assert [each for each in own if f"    {each.replace('kwargs', '**kwargs')}: " not in told] == []


def test_nadam_and_rmsprop_are_themselves():
    assert Nadam().name.startswith("nadam")
    assert repr(RMSprop(name="it")) == "<RMSprop it>"
    assert LossScaleOptimizer(SGD()).iterations.numpy() == 0
