"""Shapes: reshaped, embedded, declared by an Input, foreseen for any module, refused where they cannot be."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from flax import nnx

import kibitz.layers
from kibitz.errors import InvalidArgument, ShapeMismatch, Unsupported
from kibitz.layers.input_spec import InputSpec
from kibitz.layers.shapes import output_shape
from tests.layers.twins import normal, twins


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "int64"])
def test_an_embedding_looks_up_as_in_keras(dtype):
    pair = twins("Embedding", 7, 3, shape=(None, 4))
    x = np.random.default_rng(0).integers(0, 7, size=(2, 4)).astype(dtype)
    ours, theirs = pair.outputs(x, training=False)
    np.testing.assert_array_equal(ours, theirs)
    assert pair.ours.compute_output_shape((None, 4)) == pair.keras.compute_output_shape((None, 4))
    assert pair.ours.get_config() == {**pair.keras.get_config(), "name": pair.ours.name}


def test_an_embeddings_floats_are_not_rounded_by_half_precision():
    pair = twins("Embedding", 1000, 2, shape=(None, 4), dtype="mixed_bfloat16")
    ours, theirs = pair.outputs(np.array([[999.0, 998.0, 997.0, 1.0]], "float32"), training=False)
    np.testing.assert_array_equal(ours.astype("float32"), theirs.astype("float32"))
    assert ours.dtype == "bfloat16"


def test_an_embedding_is_not_a_number_outside_its_vocabulary_as_in_keras():
    ours, theirs = twins("Embedding", 7, 3, shape=(None, 2)).outputs(np.array([[7, 1]]), training=False)
    np.testing.assert_array_equal(ours, theirs)
    assert np.isnan(ours[0, 0]).all()


def test_an_embeddings_gradient_is_that_of_keras():
    import jax
    import jax.numpy as jnp

    x = jnp.asarray([[1, 1, 3]])
    layer = kibitz.layers.Embedding(4, 2, weights=[np.ones((4, 2))])
    graph, params = nnx.split(layer)
    gradient = jax.grad(lambda params: nnx.merge(graph, params, copy=True)(x).sum())(params)
    assert gradient["embeddings"].get_value().tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]


def test_an_embedding_begins_with_the_weights_that_are_given():
    given = normal(4, 2)
    for weights in (given, [given]):
        np.testing.assert_array_equal(kibitz.layers.Embedding(4, 2, weights=weights).get_weights()[0], given)
    with pytest.raises(ShapeMismatch):
        kibitz.layers.Embedding(4, 2, weights=given.T)


@pytest.mark.parametrize(
    "kwargs",
    [
        {"shape": (3,)},
        {"shape": [28, None, 1], "dtype": "uint8"},
        {"shape": (), "batch_size": 4},
        {"batch_shape": (None, 5), "name": "mine"},
        {"batch_shape": (2, 5)},
    ],
)
def test_an_input_has_the_shape_dtype_and_name_of_keras(kwargs):
    ours, theirs = kibitz.layers.Input(**kwargs), keras.Input(**kwargs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert ours.batch_shape == theirs.shape
    if "name" in kwargs:
        assert ours.name == theirs.name
    assert ours.built
    assert ours.weights == []
    assert ours.get_config() == {**keras.layers.InputLayer(**kwargs).get_config(), "name": ours.name}
    again = kibitz.layers.deserialize(kibitz.layers.serialize(ours))
    assert again.get_config() == ours.get_config()


def test_an_input_takes_its_old_names():
    assert kibitz.layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)
    assert kibitz.layers.InputLayer(batch_input_shape=(2, 3)).batch_shape == (2, 3)


def test_an_input_of_one_number_says_what_is_meant():
    with pytest.raises(InvalidArgument) as raised:
        kibitz.layers.Input(784)
    assert raised.value.cure == "Input(shape=(784,))"
    with pytest.raises(Unsupported, match="no `input_tensor`"):
        kibitz.layers.Input(tensor=np.zeros(3))


def test_the_shape_of_any_module_is_foreseen():
    assert output_shape(nnx.Conv(3, 8, (3, 3), rngs=nnx.Rngs(0)), (None, 28, 28, 3)) == (None, 28, 28, 8)
    assert output_shape(nnx.Sequential(nnx.Linear(3, 5, rngs=nnx.Rngs(0)), nnx.relu), (7, 3)) == (7, 5)
    assert output_shape(nnx.Embed(5, 2, rngs=nnx.Rngs(0)), (None, 4), "int32") == (None, 4, 2)

    class Two(nnx.Module):
        def __call__(self, x):
            return {"a": x, "b": x.sum(axis=0)}

    assert output_shape(Two(), (None, 3)) == {"a": (None, 3), "b": (3,)}


def test_foreseeing_a_shape_changes_nothing():
    layer = kibitz.layers.Dropout(0.5, seed=1)
    layer.train()
    norm = nnx.BatchNorm(3, rngs=nnx.Rngs(0))
    assert output_shape(layer, (None, 3)) == (None, 3)
    assert output_shape(norm, (None, 3)) == (None, 3)
    assert int(layer.stream.count.get_value()) == 0
    assert norm.mean.get_value().tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ({"ndim": 2}, (None, 3, 3)),
        ({"max_ndim": 2}, (None, 3, 3)),
        ({"min_ndim": 3}, (None, 3)),
        ({"axes": {-1: 4}}, (None, 3)),
        ({"shape": (None, 4)}, (None, 3)),
        ({"shape": (None, 4)}, (None, 4, 4)),
    ],
)
def test_a_spec_refuses_what_does_not_fit(spec, shape):
    with pytest.raises(ShapeMismatch, match='Layer "top" cannot take'):
        InputSpec(**spec).check(shape, "top")
    theirs = keras.layers.InputSpec(**spec)
    ours = InputSpec(**spec)
    assert ours.get_config() == theirs.get_config()
    assert InputSpec.from_config(ours.get_config()).get_config() == ours.get_config()


def test_a_spec_takes_what_fits_and_what_is_not_known():
    InputSpec(ndim=2, axes={-1: 4}).check((None, None), "top")
    InputSpec(shape=(None, 4)).check((3, 4), "top")
    with pytest.raises(InvalidArgument, match="of this dtype"):
        InputSpec(dtype="int32").check((3,), "top", "float32")
    with pytest.raises(InvalidArgument, match="never drops an axis"):
        InputSpec(allow_last_axis_squeeze=True)


@pytest.mark.parametrize(
    ("make", "shape", "what"),
    [
        (lambda: kibitz.layers.Reshape((3, 3)), (None, 8), "cannot give a sample this shape"),
        (lambda: kibitz.layers.Reshape((-1, 3)), (None, 8), "cannot give a sample this shape"),
        (lambda: kibitz.layers.Conv2D(3, 3), (None, 2, 2, 1), "is larger than what it gets"),
        (lambda: kibitz.layers.Conv2D(3, 3), (None, 28, 28), "cannot take inputs of this shape"),
        (lambda: kibitz.layers.Conv1D(3, 2, dilation_rate=4), (None, 4, 1), "is larger than what it gets"),
        (lambda: kibitz.layers.MaxPooling2D(3), (None, 2, 2, 1), "is larger than what it gets"),
        (kibitz.layers.GlobalAveragePooling2D, (None, 2, 2), "cannot take inputs of this shape"),
    ],
)
def test_what_cannot_be_shaped_is_refused_at_once(make, shape, what):
    with pytest.raises(ShapeMismatch, match=what) as raised:
        make().compute_output_shape(shape)
    assert str(raised.value.given) == str(tuple(shape[1:]) if "sample" in what else shape)
    with pytest.raises(ShapeMismatch):
        make()(np.zeros([size or 2 for size in shape], "float32"))


def test_channels_must_be_known_and_divisible():
    for shape in ((None, 8, 8, None), (None, 8, 8, 3)):
        with pytest.raises(InvalidArgument, match="this number of channels"):
            kibitz.layers.Conv2D(4, 3, groups=2).build(shape)


def test_a_softmax_leaves_out_what_is_masked_as_in_keras():
    x = normal(3, 4)
    mask = np.array([[True, False, True, True], [False] * 4, [True] * 4])
    for given in (mask, mask.astype("float32"), mask[:1]):
        ours = kibitz.layers.Softmax()(x, mask=given)
        theirs = keras.layers.Softmax()(x, mask=keras.ops.convert_to_tensor(given))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for wrong in (np.ones((3, 5)), np.ones((2, 3, 4))):
        with pytest.raises(ShapeMismatch, match="does not fit the inputs"):
            kibitz.layers.Softmax()(x, mask=wrong)
