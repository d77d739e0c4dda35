"""Activations are Keras's, by name, number and gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName
from kibitz.layers import activations
from tests.layers.twins import normal

EXTRA = {
    "relu": [{}, {"negative_slope": 0.3}, {"max_value": 1.0}, {"max_value": 6}, {"threshold": 0.5},
             {"negative_slope": 0.3, "max_value": 0.8, "threshold": 0.2}, {"negative_slope": 0.3, "max_value": 6.0}],
    "leaky_relu": [{}, {"negative_slope": 0.5}],
    "elu": [{}, {"alpha": 2.0}],
    "celu": [{}, {"alpha": 2.0}],
    "gelu": [{}, {"approximate": True}],
    "squareplus": [{}, {"b": 1}],
    "glu": [{}, {"axis": 0}],
    "softmax": [{}, {"axis": 0}],
    "log_softmax": [{}, {"axis": 0}],
    "soft_shrink": [{}, {"threshold": 1.0}],
    "hard_shrink": [{}, {"threshold": 1.0}],
    "threshold": [{"threshold": 0.5, "default_value": -3.0}],
}  # fmt: skip
NAMES = [name for name in activations.__all__ if name not in {"get", "serialize", "deserialize", "sparsemax"}]
CASES = [(name, kwargs) for name in NAMES for kwargs in EXTRA.get(name, [{}])]
# With the corners in it: 0, and where a piece ends.
POINTS = np.concatenate([normal(8, 6).ravel() * 3, [0.0, -0.0, 1, -1, 3, -3, 6, 0.5, -0.5, 0.2, 1e-8, 30]])
POINTS = POINTS.astype("float32").reshape(10, 6)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_values_and_gradients_are_those_of_keras(name, kwargs):
    def both(module):
        def run(x):
            return getattr(module, name)(x, **kwargs)

        outputs, pull = jax.vjp(run, jnp.asarray(POINTS))
        return np.asarray(outputs), np.asarray(pull(jnp.ones_like(outputs))[0])

    for one, other in zip(both(activations), both(keras.activations), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


def test_sparsemax_is_keras_where_one_number_stays_and_sums_to_one_everywhere():
    one_stays = np.array([[0.0, 0.5, 3.0], [9.0, 1.0, 2.0]], "float32")
    np.testing.assert_array_equal(activations.sparsemax(one_stays), keras.activations.sparsemax(one_stays))
    x = normal(20, 6)
    for axis in (0, 1, -1):
        np.testing.assert_allclose(np.asarray(activations.sparsemax(x, axis)).sum(axis), 1.0, rtol=1e-5)
    # Keras 3.15 on JAX gives zeros here.
    assert activations.sparsemax([[1.0, 1.0, 0.0]]).tolist() == [[0.5, 0.5, 0.0]]


def test_every_name_of_keras_is_here():
    theirs = {name for name in vars(keras.activations) if name[0].isalpha()}
    assert theirs <= set(activations.__all__)
    for name in theirs - {"get", "serialize", "deserialize"}:
        assert activations.get(name) is getattr(activations, name)


def test_a_name_a_function_and_none_are_taken():
    def mine(x):
        return x

    assert activations.get(None) is activations.linear
    assert activations.get(mine) is mine
    assert activations.get("swish") is activations.silu
    assert activations.serialize(activations.linear) == "linear"
    assert activations.serialize(activations.hard_swish) == "hard_silu"


def test_a_function_of_ones_own_is_not_taken_for_ours_of_the_same_name():
    written = activations.serialize(jax.nn.gelu)  # approximate, and ours is not
    assert written == {"module": "builtins", "class_name": "function", "config": "gelu", "registered_name": "gelu"}
    with pytest.raises(UnknownName):
        activations.deserialize(written)
    assert activations.deserialize(written, {"gelu": jax.nn.gelu}) is jax.nn.gelu


def test_errors_name_the_nearest():
    with pytest.raises(UnknownName) as raised:
        activations.get("rellu")
    text = str(raised.value).splitlines()
    assert text[0] == "There is no activation of this name."
    assert text[1] == "  given    'rellu'"
    assert text[-2:] == ['  nearest  "relu"', '  cure     activation="relu"']
    with pytest.raises(InvalidArgument):
        activations.get(3)
    with pytest.raises(ShapeMismatch):
        activations.glu(np.zeros(3))
