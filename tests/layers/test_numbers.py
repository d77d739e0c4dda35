"""Every layer computes what Keras's computes with the same weights: outputs, gradients, shapes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kibitz.layers
from tests.layers.twins import normal, twins

IMAGES, SEQUENCES, ROWS = (2, 7, 6, 4), (2, 9, 4), (3, 5)

CASES = {
    "dense": ("Dense", (4,), {}, ROWS),
    "dense without bias, with activation": ("Dense", (4, "tanh", False), {}, ROWS),
    "dense on three axes": ("Dense", (4,), {"activation": "relu"}, (2, 3, 5)),
    "identity": ("Identity", (), {}, ROWS),
    "rescaling": ("Rescaling", (0.5,), {"offset": -2.0}, IMAGES),
    "rescaling by channel": ("Rescaling", ([1.0, 2.0, 3.0, 4.0],), {"offset": [0.0, 1.0, 0.0, 1.0]}, IMAGES),
    "activation": ("Activation", ("gelu",), {}, ROWS),
    "relu": ("ReLU", (), {}, ROWS),
    "relu with all": ("ReLU", (0.9, 0.3, 0.2), {}, ROWS),
    "leaky relu": ("LeakyReLU", (), {}, ROWS),
    "leaky relu by its old name": ("LeakyReLU", (), {"alpha": 0.1}, ROWS),
    "elu": ("ELU", (0.7,), {}, ROWS),
    "softmax": ("Softmax", (), {}, ROWS),
    "softmax over two axes": ("Softmax", ([1, 2],), {}, SEQUENCES),
    "flatten": ("Flatten", (), {}, IMAGES),
    "flatten channels first": ("Flatten", ("channels_first",), {}, IMAGES),
    "flatten of no axes": ("Flatten", (), {}, (3,)),
    "reshape": ("Reshape", ((4, 42),), {}, IMAGES),
    "reshape with the rest": ("Reshape", ((-1, 2, 7),), {}, IMAGES),
    "batch normalization": ("BatchNormalization", (), {}, ROWS),
    "batch normalization of images": ("BatchNormalization", (), {"momentum": 0.7, "epsilon": 0.1}, IMAGES),
    "batch normalization of axis 1": ("BatchNormalization", (1,), {}, IMAGES),
    "batch normalization, bare": ("BatchNormalization", (), {"center": False, "scale": False}, ROWS),
    "batch normalization, scaled only": ("BatchNormalization", (), {"center": False}, ROWS),
    "layer normalization": ("LayerNormalization", (), {}, ROWS),
    "layer normalization of two axes": ("LayerNormalization", ([2, 1],), {}, IMAGES),
    "layer normalization of axis 1": ("LayerNormalization", (1, 0.01), {}, IMAGES),
    "layer normalization, bare": ("LayerNormalization", (), {"center": False, "scale": False}, ROWS),
    "conv1d": ("Conv1D", (3, 2), {}, SEQUENCES),
    "conv1d causal": ("Conv1D", (3, 3), {"padding": "causal", "dilation_rate": 2}, SEQUENCES),
    "conv1d strided": ("Conv1D", (3, 3, 2, "same"), {}, SEQUENCES),
    "conv1d channels first": ("Conv1D", (3, 2), {"data_format": "channels_first"}, (2, 4, 9)),
    "conv2d": ("Conv2D", (3, 3), {}, IMAGES),
    "conv2d same": ("Conv2D", (3, (2, 3), 1, "SAME"), {"activation": "relu"}, IMAGES),
    "conv2d strided valid": ("Conv2D", (3, 3, (2, 3)), {"use_bias": False}, IMAGES),
    "conv2d strided same": ("Conv2D", (3, 3, 2, "same"), {}, IMAGES),
    "conv2d dilated": ("Conv2D", (3, 3), {"dilation_rate": (2, 1)}, IMAGES),
    "conv2d dilated same": ("Conv2D", (3, 2), {"dilation_rate": 2, "padding": "same"}, IMAGES),
    "conv2d in groups": ("Conv2D", (6, 3), {"groups": 2}, IMAGES),
    "conv2d channels first": ("Conv2D", (3, 3, 2), {"data_format": "channels_first"}, (2, 4, 7, 6)),
    "max pooling": ("MaxPooling2D", (), {}, (2, 6, 8, 3)),
    "max pooling with a rest": ("MaxPooling2D", (2,), {}, IMAGES),
    "max pooling same": ("MaxPooling2D", ((3, 2),), {"padding": "same"}, IMAGES),
    "max pooling overlapping": ("MaxPooling2D", (3, 1), {}, IMAGES),
    "max pooling 3 by 2": ("MaxPooling2D", ((3, 2),), {}, (2, 6, 6, 2)),
    "max pooling of a large window": ("MaxPooling2D", (5,), {}, (2, 10, 5, 2)),
    "max pooling channels first": ("MaxPooling2D", (), {"data_format": "channels_first"}, (2, 3, 6, 8)),
    "max pooling 1d": ("MaxPooling1D", (), {}, (2, 8, 3)),
    "max pooling 1d same": ("MaxPooling1D", (3, 2, "same"), {}, SEQUENCES),
    "average pooling": ("AveragePooling2D", (2,), {}, IMAGES),
    "average pooling same": ("AveragePooling2D", (3, 2, "same"), {}, IMAGES),
    "average pooling channels first": ("AveragePooling2D", (2,), {"data_format": "channels_first"}, (2, 3, 6, 8)),
    "average pooling 1d": ("AveragePooling1D", (2, 1), {}, SEQUENCES),
    "global average pooling": ("GlobalAveragePooling2D", (), {}, IMAGES),
    "global average pooling kept": ("GlobalAveragePooling2D", (), {"keepdims": True}, IMAGES),
    "global average pooling channels first": ("GlobalAveragePooling2D", ("channels_first",), {}, IMAGES),
    "global average pooling 1d": ("GlobalAveragePooling1D", (), {}, SEQUENCES),
    "global max pooling": ("GlobalMaxPooling2D", (), {}, IMAGES),
    "global max pooling 1d": ("GlobalMaxPooling1D", (), {"keepdims": True}, SEQUENCES),
}


ONE_OPERATION = {"Identity", "Rescaling", "Activation", "ReLU", "LeakyReLU", "ELU", "Flatten", "Reshape"}
"""Nothing to get wrong in a gradient; those of the activations are compared in test_activations.py."""


@pytest.fixture(params=CASES, scope="module")
def case(request):
    kind, args, kwargs, shape = CASES[request.param]
    return twins(kind, *args, shape=(None, *shape[1:]), **kwargs), normal(*shape)


def test_outputs_are_those_of_keras(case):
    pair, x = case
    for training in (False, True, False):  # the third sees what training left behind
        ours, theirs = pair.outputs(x, training=training)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "case", [name for name, (kind, *_) in CASES.items() if kind not in ONE_OPERATION], indirect=True, scope="module"
)
def test_gradients_are_those_of_keras(case):
    pair, x = case
    for training in [True, False] if pair.ours.non_trainable_weights else [True]:
        ours, theirs = pair.gradients(x, training=training)
        assert len(ours) == len(theirs) == 1 + len(pair.ours.trainable_weights)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_shapes_are_those_of_keras(case):
    pair, x = case
    for batch in (None, 2):
        shape = (batch, *x.shape[1:])
        assert pair.ours.compute_output_shape(shape) == tuple(pair.keras.compute_output_shape(shape))
    assert pair.ours.compute_output_shape(x.shape) == pair.ours(x).shape
    assert pair.ours.input_shape == (None, *x.shape[1:])
    assert pair.ours.output_shape == (None, *pair.ours(x).shape[1:])


def test_the_config_is_that_of_keras_and_each_reads_the_others(case):
    pair, _ = case
    ours, theirs = pair.ours.get_config(), pair.keras.get_config()
    if ours["name"].startswith("layer_normalization"):
        theirs["axis"] = ours["axis"]  # Keras rewrites it in build
    assert ours == {**theirs, "name": ours["name"]}
    assert type(pair.ours).from_config(theirs).get_config() == theirs
    assert type(pair.keras).from_config(ours).get_config() == ours


def test_weights_have_the_order_and_names_of_keras(case):
    pair, _ = case
    assert [weight.name for weight in pair.ours.weights] == [weight.name for weight in pair.keras.weights]
    for listed in ("trainable_weights", "non_trainable_weights"):
        assert [each.name for each in getattr(pair.ours, listed)] == [each.name for each in getattr(pair.keras, listed)]
    assert pair.ours.count_params() == pair.keras.count_params()


def test_sizes_that_are_not_known_stay_unknown():
    for kind, args, shape in [
        ("Conv2D", (3, 3, 2, "same"), (None, None, 8, 3)),
        ("MaxPooling2D", (), (None, None, None, 3)),
        ("AveragePooling1D", (3, 2, "same"), (None, None, 3)),
        ("Flatten", (), (None, None, 3)),
        ("Reshape", ((-1, 2),), (None, None, 4)),
        ("GlobalAveragePooling2D", (), (None, None, None, 3)),
        ("Dense", (7,), (None, None, 3)),
        ("BatchNormalization", (), (None, None, 3)),
    ]:
        ours = getattr(kibitz.layers, kind)(*args).compute_output_shape(shape)
        assert ours == getattr(keras.layers, kind)(*args).compute_output_shape(shape), kind


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (4, 4), (5, 5)])
def test_max_pooling_gives_a_tie_to_the_first_as_keras_does(size):
    rows, columns = size[0] * 3, size[1] * 2
    x = np.random.default_rng(1).integers(0, 2, size=(2, rows, columns, 3)).astype("float32")
    pair = twins("MaxPooling2D", size, shape=(None, rows, columns, 3))
    ours, theirs = pair.gradients(x, training=False)
    np.testing.assert_array_equal(ours[0], theirs[0])


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [(2, 2), (3, 2), (3, 1), (2, 3)])
def test_max_pooling_gives_ties_to_the_first_where_windows_overlap_or_leave_a_rest(size, strides, padding):
    x = np.random.default_rng(1).integers(0, 2, size=(2, 8, 11, 3)).astype("float32")
    pair = twins("MaxPooling2D", size, strides, padding, shape=(None, 8, 11, 3))
    np.testing.assert_array_equal(*pair.outputs(x, training=False))
    ours, theirs = pair.gradients(x, training=False)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-6)


def test_max_pooling_hands_on_what_is_not_a_number_as_keras_does():
    x = np.array([np.nan, 1, -np.inf, np.inf, 2, np.nan, -np.inf, -np.inf], "float32").reshape(1, 4, 2, 1)
    ours, theirs = twins("MaxPooling2D", shape=(None, 4, 2, 1)).outputs(x, training=False)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
@pytest.mark.parametrize(("kind", "args"), [("Dense", (3,)), ("Conv2D", (2, 3)), ("Rescaling", (1 / 255,))])
def test_whole_numbers_are_computed_with_as_in_keras(kind, args, dtype):
    x = np.random.default_rng(2).integers(0, 255, size=(2, 5, 5, 3)).astype(dtype)
    ours, theirs = twins(kind, *args, shape=(None, 5, 5, 3)).outputs(x, training=False)
    assert ours.dtype == theirs.dtype == "float32"
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "args", "shape"),
    [
        ("Dense", (3, "relu"), (4, 5)),
        ("Conv2D", (2, 3), IMAGES),
        ("BatchNormalization", (), ROWS),
        ("LayerNormalization", (), ROWS),
        ("MaxPooling2D", (), (2, 6, 6, 2)),
        ("AveragePooling2D", (2,), IMAGES),
        ("GlobalAveragePooling2D", (), IMAGES),
        ("Softmax", (), ROWS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mixed_bfloat16_is_that_of_keras(kind, args, shape):
    pair = twins(kind, *args, shape=(None, *shape[1:]), dtype="mixed_bfloat16")
    for training in (True, False):
        ours, theirs = pair.outputs(normal(*shape), training=training)
        assert ours.dtype == theirs.dtype == "bfloat16"
        np.testing.assert_array_equal(ours.astype("float32"), theirs.astype("float32"))
    assert {str(weight.dtype) for weight in pair.ours.get_weights()} <= {"float32"}
