"""What every layer promises: names, arguments, weights that are live, a mode, a penalty, a config."""

from __future__ import annotations

import copy
import inspect

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax import nnx
from keras.src.utils.naming import reset_uids

import kibitz.layers
from kibitz.errors import (
    InvalidArgument,
    KibitzError,
    MissingName,
    NotReady,
    ShapeMismatch,
    UnknownName,
    Unsupported,
    WrongType,
)
from kibitz.layers.base import Layer
from kibitz.naming import forget_names
from kibitz.variable import Variable
from tests.layers.twins import normal, twins

# One of each, with the shape that it is built for.
EACH = {
    "Dense": ((3,), (None, 4)),
    "Identity": ((), (None, 4)),
    "Rescaling": ((2.0,), (None, 4)),
    "Embedding": ((5, 3), (None, 4)),
    "InputLayer": (((4,),), (None, 4)),
    "Flatten": ((), (None, 4)),
    "Reshape": (((2, 2),), (None, 4)),
    "Dropout": ((0.5,), (None, 4)),
    "Conv1D": ((3, 2), (None, 4, 2)),
    "Conv2D": ((3, 2), (None, 4, 4, 2)),
    "Activation": (("relu",), (None, 4)),
    "ReLU": ((), (None, 4)),
    "LeakyReLU": ((), (None, 4)),
    "ELU": ((), (None, 4)),
    "Softmax": ((), (None, 4)),
    "BatchNormalization": ((), (None, 4)),
    "LayerNormalization": ((), (None, 4)),
    "MaxPooling1D": ((), (None, 4, 2)),
    "MaxPooling2D": ((), (None, 4, 4, 2)),
    "AveragePooling1D": ((2,), (None, 4, 2)),
    "AveragePooling2D": ((2,), (None, 4, 4, 2)),
    "GlobalAveragePooling1D": ((), (None, 4, 2)),
    "GlobalAveragePooling2D": ((), (None, 4, 4, 2)),
    "GlobalMaxPooling1D": ((), (None, 4, 2)),
    "GlobalMaxPooling2D": ((), (None, 4, 4, 2)),
}


def made(kind, **kwargs):
    args, shape = EACH[kind]
    layer = getattr(kibitz.layers, kind)(*args, **kwargs)
    layer.build(shape)
    return layer


def test_the_table_above_has_every_layer():
    public = {name for name in kibitz.layers.__all__ if inspect.isclass(getattr(kibitz.layers, name))}
    assert {getattr(kibitz.layers, name).__name__ for name in public} - {"Layer", "InputSpec"} == set(EACH)


@pytest.mark.parametrize("name", [each for each in kibitz.layers.__all__ if each not in {"serialize", "deserialize"}])
def test_a_constructor_takes_what_that_of_keras_takes(name):
    def parameters(signature):
        return [(each.name, each.kind, each.default) for each in signature.parameters.values() if each.name != "self"]

    theirs = getattr(keras.layers, name)
    expected = parameters(inspect.signature(theirs.__init__ if inspect.isclass(theirs) else theirs))
    ours = parameters(inspect.signature(getattr(kibitz.layers, name)))
    if [each[0] for each in expected] == ["kwargs"]:
        assert {kind for _, kind, _ in ours} <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}
    else:
        assert ours == expected


def test_a_layer_says_how_it_is_called():
    assert str(inspect.signature(kibitz.layers.ELU)) == "(alpha: 'float' = 1.0, **kwargs: 'Any')"
    assert list(inspect.signature(kibitz.layers.ELU()).parameters) == ["inputs"]


@pytest.mark.parametrize("kind", EACH)
def test_names_count_as_those_of_keras(kind):
    args = EACH[kind][0]
    forget_names()
    reset_uids()  # and not clear_session, which throws away what JAX has compiled
    for _ in range(2):
        ours, theirs = getattr(kibitz.layers, kind)(*args), getattr(keras.layers, kind)(*args)
        assert ours.name == theirs.name
    given = getattr(kibitz.layers, kind)(*args, name="mine")
    assert given.name == "mine"
    assert getattr(kibitz.layers, kind)(*args).name == getattr(keras.layers, kind)(*args).name


@pytest.mark.parametrize("kind", EACH)
def test_nnx_takes_a_layer_apart_and_puts_it_together(kind):
    layer = made(kind)
    graph, state = nnx.split(layer)
    again, _ = nnx.split(layer)
    assert graph == again
    assert hash(graph) == hash(again)
    for anew in (True, False):
        merged = nnx.merge(graph, state, copy=anew)
        assert nnx.graphdef(merged) == graph
        for one, other in zip(merged.get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        assert [each.name for each in merged.weights] == [each.name for each in layer.weights]


@pytest.mark.parametrize("kind", EACH)
def test_the_mode_is_nnxs_and_comes_back_to_the_same_graph(kind):
    layer = made(kind)
    graph = nnx.graphdef(layer)
    layer.train()
    training = nnx.graphdef(layer)
    layer.eval()
    assert nnx.graphdef(layer) == graph
    assert training != graph


@pytest.mark.parametrize("kind", EACH)
def test_variables_are_of_nnxs_own_kinds(kind):
    layer = made(kind)
    params, stats, rest = nnx.state(layer, nnx.Param, nnx.BatchStat, ...)
    assert len(jax.tree.leaves(params)) == len(layer.trainable_weights)
    assert len(jax.tree.leaves(stats)) == len(layer.non_trainable_weights)
    kinds = {type(each) for each in jax.tree.leaves(rest, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))}
    assert kinds <= {nnx.RngKey, nnx.RngCount}
    assert all(issubclass(each, nnx.RngState) for each in kinds)


@pytest.mark.parametrize("kind", EACH)
def test_a_layer_can_be_called_in_jit_and_the_shape_was_foreseen(kind):
    layer = made(kind)
    shape = (2, *EACH[kind][1][1:])
    graph, state = nnx.split(layer)
    outputs = jax.jit(lambda state, x: nnx.merge(graph, state)(x))(state, jnp.zeros(shape, layer.dtype))
    assert outputs.shape == layer.compute_output_shape(shape)


@pytest.mark.parametrize("kind", [kind for kind in EACH if kind != "InputLayer"])
def test_a_frozen_layer_moves_nothing(kind):
    layer = made(kind)
    count = len(layer.weights)
    layer.trainable = False
    assert layer.trainable is False
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == count
    assert not any(weight.trainable for weight in layer.weights)
    layer.trainable = True
    assert [each.name for each in layer.trainable_weights] == [each.name for each in made(kind).trainable_weights]
    frozen = made(kind, trainable=False)
    assert frozen.trainable_weights == []
    assert not any(weight.trainable for weight in frozen.weights)


@pytest.mark.parametrize("kind", [kind for kind in EACH if kind != "InputLayer"])
def test_a_config_makes_the_same_layer_again(kind):
    layer = made(kind, name="mine", trainable=False, dtype="mixed_bfloat16", activity_regularizer="l2")
    again = kibitz.layers.deserialize(kibitz.layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    assert (again.name, again.trainable, again.compute_dtype) == ("mine", False, "bfloat16")


def test_a_weight_is_read_and_assigned_as_in_keras():
    layer = made("Dense")
    assert isinstance(layer.kernel, Variable)
    assert layer.kernel.shape == (4, 3)
    assert layer.kernel.dtype == "float32"
    layer.kernel.assign(np.ones((4, 3)))
    layer.bias.assign_add(2.0 * np.ones(3))
    assert layer(np.ones((1, 4), "float32")).tolist() == [[6.0, 6.0, 6.0]]
    np.testing.assert_array_equal(np.asarray(layer.kernel), layer.get_weights()[0])
    assert float((layer.kernel * 2).sum()) == 24.0
    assert isinstance(vars(layer)["kernel"], nnx.Param)
    with pytest.raises(ShapeMismatch) as raised:
        layer.kernel.assign(np.ones((3, 4)))
    assert str(raised.value).splitlines() == [
        f"A value of another shape cannot be put into {layer.name}/kernel.",
        "  given    (3, 4)",
        "  wanted   shape (4, 3)",
        "  cure     give an array of that shape",
    ]


def test_a_layer_without_bias_has_none():
    layer = made("Dense", use_bias=False)
    assert layer.bias is None
    assert len(layer.weights) == 1
    assert [weight.name for weight in made("BatchNormalization", center=False).weights] == [
        "gamma",
        "moving_mean",
        "moving_variance",
    ]


def test_weights_that_are_handed_out_and_taken_in_are_copies():
    layer = made("Dense")
    taken = layer.get_weights()
    taken[0][:] = 7
    assert float(abs(layer.kernel.numpy()).max()) < 7
    given = np.zeros((4, 3), "float32")
    layer.set_weights([given, np.zeros(3)])
    layer.bias.assign(given[0])
    given[:] = 5
    assert layer.get_weights()[0].tolist() == np.zeros((4, 3)).tolist()
    assert layer.get_weights()[1].tolist() == [0.0, 0.0, 0.0]
    assert layer.get_weights()[1].dtype == "float32"


def test_weights_that_do_not_fit_are_refused_and_none_is_taken():
    layer = made("Dense", name="top", kernel_initializer="ones")
    for wrong in ([np.zeros((4, 3))], [np.zeros((4, 3)), np.zeros(4)], [np.zeros(3), np.zeros((4, 3))], []):
        with pytest.raises(ShapeMismatch) as raised:
            layer.set_weights(wrong)
        assert str(raised.value).splitlines()[0] == 'These are not the shapes of the weights of layer "top".'
        assert raised.value.wanted == "[(4, 3), (3,)]"
    assert layer.get_weights()[0].tolist() == np.ones((4, 3)).tolist()


class Home:
    """A model in miniature: the live state is here, and the layer's variables are its shadow."""

    def __init__(self, layer):
        self.layer, self.pulls, self.pushes = layer, 0, 0
        self.live = {name: vars(layer)[name].get_value() for name in ("kernel", "bias")}
        layer.bind(self)

    def pull(self):
        self.pulls += 1
        for name, value in self.live.items():
            vars(self.layer)[name].set_value(value)

    def push(self):
        self.pushes += 1
        self.live = {name: vars(self.layer)[name].get_value() for name in self.live}


def test_reads_see_the_live_state_of_the_model():
    layer = made("Dense", kernel_initializer="zeros")
    home = Home(layer)
    home.live["kernel"] = jnp.full((4, 3), 2.0)
    assert layer.kernel.numpy().tolist() == np.full((4, 3), 2.0).tolist()
    home.live["kernel"] = jnp.full((4, 3), 3.0)
    assert layer.get_weights()[0][0, 0] == 3.0
    home.live["kernel"] = jnp.full((4, 3), 4.0)
    assert float(layer.weights[0].value[0, 0]) == 4.0
    home.live["kernel"] = jnp.full((4, 3), 5.0)
    assert layer(np.ones((1, 4), "float32")).tolist() == [[20.0, 20.0, 20.0]]
    assert home.pushes == 0


def test_writes_are_told_to_the_model_and_do_not_undo_what_it_did():
    layer = made("Dense", kernel_initializer="zeros")
    home = Home(layer)
    home.live["kernel"] = jnp.full((4, 3), 2.0)
    layer.bias.assign(np.ones(3))
    assert float(home.live["kernel"][0, 0]) == 2.0
    assert home.live["bias"].tolist() == [1.0, 1.0, 1.0]
    layer.set_weights([np.zeros((4, 3)), np.full(3, 9.0)])
    assert home.live["bias"].tolist() == [9.0, 9.0, 9.0]
    assert home.pushes == 2
    layer.bind(None)
    layer.bias.assign(np.zeros(3))
    assert home.pushes == 2


def test_a_copy_is_in_no_model():
    layer = made("Dense")
    home = Home(layer)
    graph, state = nnx.split(layer)
    pulls = home.pulls
    merged = nnx.merge(graph, state)
    merged(np.ones((1, 4), "float32"))
    merged.bias.assign(np.ones(3))
    nnx.clone(layer).get_weights()
    assert (home.pulls, home.pushes) == (pulls, 0)
    assert "home" not in vars(layer)


def test_training_in_the_open_tells_the_model_of_the_statistics():
    layer = made("BatchNormalization")
    pushed = []

    class Listener:
        def pull(self): ...
        def push(self):
            pushed.append(layer.moving_mean.numpy())

    layer.bind(Listener())
    layer(np.ones((2, 4), "float32"))
    assert pushed == []
    layer(np.ones((2, 4), "float32"), training=True)
    assert pushed[0].tolist() == pytest.approx([0.01] * 4)


def test_penalties_are_the_losses_of_keras():
    kwargs = {"kernel_regularizer": "l1", "bias_regularizer": "l2", "activity_regularizer": keras.regularizers.L2(0.3)}
    x = normal(5, 4)
    pair = twins("Dense", 3, shape=(None, 4), **kwargs)
    assert float(pair.ours.penalty()) == pytest.approx(float(sum(pair.keras.losses)), rel=1e-6)
    pair.keras(x)
    pair.ours(x)
    assert float(pair.ours.penalty()) == pytest.approx(float(sum(pair.keras.losses)), rel=1e-6)
    pair.keras.trainable = pair.ours.trainable = False
    pair.keras(x)
    pair.ours(x)
    assert float(pair.ours.penalty()) == pytest.approx(float(sum(pair.keras.losses)), rel=1e-6)
    assert pair.ours.penalty() is None


def test_a_penalty_is_differentiated_in_a_merged_copy():
    layer = made("Dense", kernel_regularizer="l2", activity_regularizer="l2", use_bias=False)
    graph, params = nnx.split(layer)
    x = jnp.asarray(normal(6, 4))

    def penalty(params):
        merged = nnx.merge(graph, params, copy=True)
        merged(x)
        return merged.penalty()

    kernel = layer.kernel.value
    gradient = jax.jit(jax.grad(penalty))(params)["kernel"].get_value()
    np.testing.assert_allclose(gradient, 0.02 * kernel + 0.02 * x.T @ (x @ kernel) / 6, rtol=1e-5)
    assert float(layer.penalty()) == pytest.approx(0.01 * float((kernel**2).sum()), rel=1e-6)


@pytest.mark.parametrize("kind", EACH)
def test_a_layer_keeps_to_jaxs_strict_settings(kind):
    layer = made(kind, **({} if kind == "InputLayer" else {"activity_regularizer": "l1_l2"}))
    x = normal(2, *EACH[kind][1][1:])
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"), jax.debug_nans(True):
        for training in (False, True):
            layer(x, training=training)
        if layer.weights:  # those without compute with whole numbers as JAX does
            layer((abs(x) > 1).astype("int32"))
        layer.penalty()


def test_a_deep_copy_is_a_layer_of_its_own():
    layer = made("Dense")
    home = Home(layer)
    other = copy.deepcopy(layer)
    other.bias.assign(np.ones(3))
    assert layer.bias.numpy().tolist() == [0.0, 0.0, 0.0]
    assert other.get_config() == layer.get_config()
    assert home.pushes == 0


def test_a_moving_average_cannot_be_made_trainable():
    layer = made("BatchNormalization")
    layer.moving_mean.trainable = False
    with pytest.raises(Unsupported, match="no optimizer can move it"):
        layer.moving_mean.trainable = True


def test_rngs_without_the_stream_leave_the_seed_to_the_layer():
    for kind in ("Dense", "Dropout"):
        layer = getattr(kibitz.layers, kind)(*EACH[kind][0])
        layer.build((None, 4), nnx.Rngs(other=1))
        assert layer.built


def test_no_initializer_means_the_default_of_keras():
    layer = made("Dense", kernel_initializer=None, bias_initializer=None)
    assert len({float(value) for weight in layer.get_weights() for value in weight.ravel()}) == 15
    assert layer.get_config()["kernel_initializer"] is None


def test_a_layer_without_regularizers_has_no_penalty():
    assert made("Dense").penalty() is None


def test_constraints_travel_with_the_variable():
    layer = made("Dense", kernel_constraint="non_neg")
    _, state = nnx.split(layer)
    assert type(state["kernel"].get_metadata("constraint")) is kibitz.layers.constraints.NonNeg
    assert state["bias"].get_metadata("constraint") is None


def test_a_weight_frozen_by_itself_is_not_trained():
    layer = made("Dense")
    layer.kernel.trainable = False
    assert [weight.name for weight in layer.trainable_weights] == ["bias"]
    assert vars(layer)["kernel"].get_metadata("trainable") is False


def test_an_unbuilt_layer_says_so():
    layer = kibitz.layers.Dense(3, name="top")
    assert not hasattr(layer, "kernel")
    assert not hasattr(layer, "input_shape")
    assert layer.weights == []
    with pytest.raises(MissingName) as raised:
        layer.kernel
    assert str(raised.value).splitlines() == [
        'Layer "top" has no weights yet.',
        "  given    top.kernel",
        "  wanted   a layer that is built",
        "  cure     call it on an array, or layer.build(input_shape)",
    ]
    with pytest.raises(NotReady, match="no weights yet"):
        layer.count_params()
    with pytest.raises(ShapeMismatch, match="not the shapes"):
        layer.set_weights([np.zeros((4, 3))])


def test_a_first_call_builds():
    layer = kibitz.layers.Dense(3)
    layer(normal(2, 5))
    assert layer.built
    assert layer.kernel.shape == (5, 3)
    assert layer.input_shape == (2, 5)


def test_a_second_build_keeps_the_weights_and_refuses_another_shape():
    layer = made("Dense")
    before = layer.get_weights()
    layer.build((7, 4))
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
    with pytest.raises(ShapeMismatch, match="a size of 4 along axis -1"):
        layer.build((None, 5))


def test_rngs_make_the_weights_and_the_same_rngs_the_same():
    def built(seed):
        layer = kibitz.layers.Dense(3)
        layer.build((None, 4), nnx.Rngs(seed))
        return layer.get_weights()[0]

    np.testing.assert_array_equal(built(1), built(1))
    assert (built(1) != built(2)).all()


def test_weights_can_be_made_within_a_trace():
    unbuilt, nothing = nnx.split(kibitz.layers.Dense(3))
    seen = []

    def build(key):
        layer = nnx.merge(unbuilt, nothing)
        layer.build((None, 4), nnx.Rngs(key))
        graph, state = nnx.split(layer)
        seen.append(graph)
        return state

    state = jax.jit(build)(jax.random.key(1))
    alone = kibitz.layers.Dense(3)
    alone.build((None, 4), nnx.Rngs(jax.random.key(1)))
    np.testing.assert_array_equal(nnx.merge(seen[0], state).get_weights()[0], alone.get_weights()[0])


def test_inputs_of_another_shape_are_refused():
    layer = made("Dense", name="top")
    with pytest.raises(ShapeMismatch) as raised:
        layer(np.zeros((2, 5), "float32"))
    assert str(raised.value).splitlines() == [
        'Layer "top" cannot take inputs of this shape.',
        "  given    (2, 5)",
        "  wanted   a size of 4 along axis -1, as the layer was built for",
        '  cure     give "top" such inputs, or put a Flatten or Reshape layer before it',
    ]
    with pytest.raises(ShapeMismatch, match="at least 2 dimensions"):
        layer(np.zeros(4, "float32"))
    with pytest.raises(InvalidArgument, match="must know how many numbers"):
        kibitz.layers.Dense(3).build((None, None))


def test_a_layer_is_called_on_arrays():
    layer = kibitz.layers.Dense(3)
    for wrong in ([[1.0, 2.0]], "text", 3.0):
        with pytest.raises(WrongType, match="is called on arrays"):
            layer(wrong)
    with pytest.raises(Unsupported) as raised:
        layer(kibitz.layers.Input((4,)))
    assert "no functional API" in str(raised.value)
    assert "Sequential" in raised.value.cure
    assert "nnx.Module" in raised.value.cure


def test_an_argument_that_no_layer_has_is_refused_and_the_nearest_named():
    with pytest.raises(UnknownName) as raised:
        kibitz.layers.Dense(3, kernel_regulariser="l2")
    assert str(raised.value).splitlines()[0] == "Dense has no argument of this name."
    assert raised.value.nearest == "kernel_regularizer"
    assert {"units", "name", "dtype", "input_shape", "input_dim"} <= set(raised.value.there_is)
    for wrong in ({"batch_input_shape": (None, 3)}, {"weights": []}, {"batch_size": 3}):
        with pytest.raises(UnknownName):
            kibitz.layers.Dense(3, **wrong)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("Dense", {"lora_rank": 4}),
        ("Dense", {"lora_alpha": 4}),
        ("Dense", {"quantization_config": object()}),
        ("Conv2D", {"lora_rank": 4}),
        ("Embedding", {"mask_zero": True}),
        ("Embedding", {"lora_rank": 2}),
        ("BatchNormalization", {"renorm": True}),
        ("BatchNormalization", {"renorm_clipping": {"rmax": 1}}),
        ("BatchNormalization", {"synchronized": True}),
        ("LayerNormalization", {"rms_scaling": True}),
        ("InputLayer", {"sparse": True}),
        ("InputLayer", {"ragged": True}),
        ("InputLayer", {"optional": True}),
        ("Dense", {"dtype": "mixed_float16"}),
        ("Dense", {"dtype": "int8_from_float32"}),
    ],
)
def test_what_keras_has_and_kibitz_has_not_is_refused_with_a_cure(kind, kwargs):
    with pytest.raises(Unsupported) as raised:
        getattr(kibitz.layers, kind)(*EACH[kind][0], **kwargs)
    assert raised.value.cure


@pytest.mark.parametrize(
    ("kind", "args", "kwargs"),
    [
        ("Dense", (0,), {}),
        ("Dense", (-1,), {}),
        ("Dense", (2.0,), {}),
        ("Dense", (True,), {}),
        ("Dense", ("3",), {}),
        ("Dense", (3,), {"name": "a/b"}),
        ("Dense", (3,), {"name": 5}),
        ("Dense", (3,), {"trainable": "no"}),
        ("Dense", (3,), {"input_shape": 4}),
        ("Dense", (3,), {"input_shape": ("4",)}),
        ("Dense", (3,), {"input_dim": 2.5}),
        ("Dense", (3,), {"dtype": "float33"}),
        ("Dense", (3,), {"dtype": "float64"}),
        ("Dense", (3,), {"activation": 3}),
        ("Dense", (3,), {"kernel_initializer": 3}),
        ("Dropout", (1.5,), {}),
        ("Dropout", (-0.1,), {}),
        ("Dropout", ("0.5",), {}),
        ("Dropout", (np.nan,), {}),
        ("Dropout", (0.5, "text"), {}),
        ("Dropout", (0.5, (1, 0)), {}),
        ("Dropout", (0.5, 3), {}),
        ("Dropout", (0.5,), {"seed": 1.5}),
        ("Conv2D", (0, 3), {}),
        ("Conv2D", (3, 0), {}),
        ("Conv2D", (3, (1, 2, 3)), {}),
        ("Conv2D", (3, 3), {"padding": "causal"}),
        ("Conv2D", (3, 3), {"padding": [1, 1]}),
        ("Conv2D", (3, 3), {"data_format": "channels"}),
        ("Conv2D", (3, 3), {"groups": 2}),
        ("Conv2D", (3, 3), {"groups": 0}),
        ("Conv2D", (3, 3), {"strides": 2, "dilation_rate": 2}),
        ("Conv2D", (3, 3), {"strides": True}),
        ("MaxPooling2D", (0,), {}),
        ("MaxPooling2D", (), {"padding": "full"}),
        ("MaxPooling2D", (), {"strides": 0}),
        ("Embedding", (0, 3), {}),
        ("Embedding", (3, 2.5), {}),
        ("Reshape", (3,), {}),
        ("Reshape", ((-1, -1),), {}),
        ("Reshape", ((-2,),), {}),
        ("BatchNormalization", (1.5,), {}),
        ("BatchNormalization", (), {"epsilon": -1}),
        ("LayerNormalization", ("1",), {}),
        ("ReLU", (-1.0,), {}),
        ("LeakyReLU", (-1.0,), {}),
        ("LeakyReLU", (None,), {}),
        ("InputLayer", (), {}),
        ("InputLayer", (5,), {}),
        ("InputLayer", ((5,),), {"batch_shape": (None, 5)}),
        ("InputLayer", (), {"batch_shape": (None, 5), "batch_size": 3}),
        ("InputLayer", ((5,),), {"batch_size": 0}),
    ],
)
def test_what_cannot_be_is_refused_when_the_layer_is_made(kind, args, kwargs):
    with pytest.raises(KibitzError) as raised:
        getattr(kibitz.layers, kind)(*args, **kwargs)
    assert isinstance(raised.value, ValueError)
    assert raised.value.cure
    assert "_src" not in str(raised.value)


def test_whole_numbers_of_numpy_are_whole_numbers():
    layer = kibitz.layers.Conv2D(np.int64(3), (np.int32(2), 2), groups=np.int64(1))
    assert layer.get_config()["filters"] == 3
    assert kibitz.layers.Dense(np.int64(3)).units == 3


def test_the_shape_that_a_first_layer_declares_is_kept():
    assert kibitz.layers.Dense(3, input_dim=784).declared_shape == (784,)
    assert kibitz.layers.Conv2D(3, 2, input_shape=[28, 28, 1]).declared_shape == (28, 28, 1)
    assert kibitz.layers.Dense(3).declared_shape is None


def test_a_layer_that_is_not_here_is_missed_by_name():
    with pytest.raises(MissingName) as raised:
        kibitz.layers.LSTM
    assert raised.value.given == "LSTM"
    assert "Dense" in raised.value.there_is
    assert not hasattr(kibitz.layers, "Desne")


class Scaled(Layer):
    """A layer of a user's own, written as for Keras."""

    def __init__(self, start=2.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.inner = kibitz.layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l2")

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
        self.factor = self.add_weight((2,), kibitz.layers.initializers.Constant(self.start), regularizer="l1")
        super().build(input_shape)

    def call(self, inputs, training=False):
        if training:
            self.seen[...] = self.seen[...] + 1
        return self.inner(inputs) * self.factor


def test_a_layer_of_ones_own_is_a_layer():
    layer = Scaled()
    x = np.ones((3, 4), "float32")
    assert layer(x, training=True).tolist() == [[8.0, 8.0]] * 3
    assert layer(x).tolist() == [[8.0, 8.0]] * 3
    assert [weight.path.split("/", 1)[1] for weight in layer.weights] == [
        "factor",
        "count",
        "inner/kernel",
        "inner/bias",
    ]
    assert layer.get_weights()[1] == 1.0
    assert layer.count_params() == 2 + 1 + 8 + 2
    assert layer.output_shape == (3, 2)
    assert layer.compute_output_shape((None, 4)) == (None, 2)
    assert layer.built
    assert layer.inner.built
    assert float(layer.penalty()) == pytest.approx(0.04)
    assert float(layer.inner.penalty()) == pytest.approx(0.08)
    layer.trainable = False
    assert layer.inner.trainable is False
    assert layer.inner.trainable_weights == []


def test_a_layer_of_ones_own_says_how_to_be_written():
    with pytest.raises(Unsupported) as raised:
        Scaled().get_config()
    assert raised.value.cure == 'def get_config(self): return {**super().get_config(), "start": self.start}'

    class Told(Scaled):
        def get_config(self):
            return {**super().get_config(), "start": self.start}

    class Silent(kibitz.layers.Dense):
        def __init__(self, units, extra=1, **kwargs):
            super().__init__(units, **kwargs)

    with pytest.raises(Unsupported, match="does not say what it was made of"):
        Silent(3).get_config()
    with pytest.raises(UnknownName):
        kibitz.layers.deserialize(kibitz.layers.serialize(Told(3.0)))
    again = kibitz.layers.deserialize(kibitz.layers.serialize(Told(3.0)), {"Told": Told})
    assert again.start == 3.0


def test_a_layer_without_a_call_says_so():
    class Nothing(Layer):
        pass

    with pytest.raises(Unsupported, match="does not say what it computes"):
        Nothing()(np.zeros(3))


def test_add_weight_refuses_what_it_cannot():
    layer = Scaled()
    with pytest.raises(Unsupported, match="aggregation"):
        layer.add_weight((2,), aggregation="mean")
    with pytest.raises(Unsupported, match="overwrite_with_gradient"):
        layer.add_weight((2,), overwrite_with_gradient=True)
    assert layer.add_weight((2,), dtype="int32").get_value().tolist() == [0, 0]


def test_layers_and_nnx_modules_mix():
    class Mixed(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(4, 3, rngs=rngs)
            self.norm = kibitz.layers.BatchNormalization()
            self.norm.build((None, 3), rngs)
            self.drop = kibitz.layers.Dropout(0.5)

        def __call__(self, x):
            return self.drop(self.norm(self.first(x)))

    model = Mixed(nnx.Rngs(0))
    model.train()
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    x = jnp.asarray(normal(8, 4))

    @jax.jit
    def step(params, rest):
        def loss(params):
            merged = nnx.merge(graph, params, rest, copy=True)
            return jnp.mean(merged(x) ** 2), nnx.split(merged, nnx.Param, ...)[2]

        return jax.grad(loss, has_aux=True)(params)

    _, rest_1 = step(params, rest)
    _, rest_2 = step(params, rest_1)
    assert int(rest_2["drop"]["stream"]["count"].get_value()) == 2
    nnx.update(model, rest_2)
    assert float(abs(model.norm.moving_mean.numpy()).max()) > 0
    model.eval()
    np.testing.assert_array_equal(np.asarray(model(x)), np.asarray(model(x)))
