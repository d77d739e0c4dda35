"""Dtype policies: which dtype a layer keeps its weights in, and which it computes in."""

from __future__ import annotations

import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kibitz.layers
from kibitz.errors import InvalidArgument, Unsupported
from kibitz.layers import policy
from tests.layers.twins import normal


@pytest.fixture(autouse=True)
def the_default_comes_back():
    yield
    policy.set_dtype_policy("float32")


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16", "mixed_bfloat16", "int32", "bool"])
def test_a_policy_is_that_of_keras(name):
    ours, theirs = policy.DTypePolicy(name), keras.DTypePolicy(name)
    assert (ours.name, ours.compute_dtype, ours.variable_dtype) == (
        theirs.name,
        theirs.compute_dtype,
        theirs.variable_dtype,
    )
    assert policy.serialize(ours) == keras.dtype_policies.serialize(theirs)
    assert policy.get(policy.serialize(ours)) == ours
    assert hash(policy.get(name)) == hash(ours)
    assert repr(ours) == repr(theirs)


def test_a_policy_is_found_by_whatever_means_it():
    assert policy.get(None).name == "float32"
    for identifier in (jnp.bfloat16, np.dtype("float16"), "float32"):
        assert policy.get(identifier).name == jnp.dtype(identifier).name
    given = policy.DTypePolicy("bfloat16")
    assert policy.get(given) is given
    assert policy.DTypePolicy().name == "float32"
    assert policy.DTypePolicy.from_config(given.get_config()) == given


def test_the_default_is_that_of_layers_made_after_it_was_set():
    before = kibitz.layers.Dense(3)
    policy.set_dtype_policy("mixed_bfloat16")
    after = kibitz.layers.Dense(3)
    own = kibitz.layers.Dense(3, dtype="float32")
    assert [layer.compute_dtype for layer in (before, after, own)] == ["float32", "bfloat16", "float32"]
    assert after(normal(2, 4)).dtype == "bfloat16"
    assert (after.kernel.dtype, after.dtype, after.variable_dtype) == ("float32", "float32", "float32")
    policy.set_dtype_policy(policy.DTypePolicy("float32"))
    assert kibitz.layers.Dense(3).compute_dtype == "float32"


def test_a_layer_that_does_not_cast_keeps_what_it_gets():
    layer = kibitz.layers.Identity(dtype="bfloat16", autocast=False)
    assert layer(normal(2, 3)).dtype == "float32"
    assert kibitz.layers.Identity(dtype="bfloat16")(normal(2, 3)).dtype == "bfloat16"
    assert kibitz.layers.Identity(dtype="bfloat16")(np.zeros(3, "int32")).dtype == "int32"


def test_float64_input_is_cast_to_the_layers_dtype():
    assert kibitz.layers.Dense(3)(np.zeros((2, 4))).dtype == "float32"


@pytest.mark.parametrize("name", ["mixed_float16", "int8_from_float32", "int4/128_from_float32", "float8_from_float32"])
def test_policies_that_are_not_here_are_refused(name):
    with pytest.raises(Unsupported) as raised:
        policy.set_dtype_policy(name)
    assert raised.value.cure == 'dtype="mixed_bfloat16"'
    assert policy.dtype_policy().name == "float32"


def test_what_is_no_policy_is_refused():
    for wrong in ("float33", "mixed", 3, object()):
        with pytest.raises(InvalidArgument, match="no dtype policy"):
            policy.get(wrong)
    with pytest.raises(InvalidArgument, match="no dtype policy"):
        policy.set_dtype_policy(3)
    with pytest.raises(InvalidArgument, match="32 bits unless told otherwise"):
        policy.DTypePolicy("float64")
