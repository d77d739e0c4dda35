"""Initializers draw from Keras's distributions, and for a seed Keras's very numbers."""

from __future__ import annotations

import math
import random

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax import nnx

from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownName, Unsupported
from kibitz.layers import initializers
from kibitz.layers.initializer import first_values

SEEDED = {
    "RandomNormal": {"mean": 1.0, "stddev": 2.0},
    "TruncatedNormal": {"mean": 1.0, "stddev": 2.0},
    "RandomUniform": {"minval": -2.0, "maxval": 1.0},
    "VarianceScaling": {"scale": 3.0, "mode": "fan_out", "distribution": "untruncated_normal"},
    "GlorotUniform": {},
    "GlorotNormal": {},
    "HeUniform": {},
    "HeNormal": {},
    "LecunUniform": {},
    "LecunNormal": {},
    "Orthogonal": {"gain": 2.0},
}
COUNT = 100_000


def _twin(name, **kwargs):
    return getattr(initializers, name)(**kwargs), getattr(keras.initializers, name)(**kwargs)


@pytest.mark.parametrize("shape", [(5, 7), (3, 2, 4, 6)], ids=["matrix", "kernel"])
@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_gives_the_numbers_that_keras_gives(name, shape):
    ours, theirs = _twin(name, seed=2**31 + 7, **SEEDED[name])
    np.testing.assert_array_equal(np.asarray(ours(shape)), np.asarray(theirs(shape)))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["normal", "uniform", "untruncated_normal"])
@pytest.mark.parametrize("shape", [(6,), (), (4, 3), (2, 4, 3)], ids=str)
def test_the_scale_follows_the_shape_as_in_keras(mode, distribution, shape):
    ours, theirs = _twin("VarianceScaling", scale=2.0, mode=mode, distribution=distribution, seed=3)
    np.testing.assert_array_equal(np.asarray(ours(shape)), np.asarray(theirs(shape)))


def test_axes_of_ones_own_choose_the_fans():
    ours, theirs = _twin("GlorotUniform", seed=3, input_axes=[0], output_axes=[1, 2])
    np.testing.assert_array_equal(np.asarray(ours((4, 3, 5))), np.asarray(theirs((4, 3, 5))))


def _moments(name):
    """Mean, standard deviation, bounds and fourth standardized moment that a matrix of this shape must have."""
    rows, columns = 500, 200
    cut = 0.87962566103423978
    return {
        "RandomNormal": (0.0, 0.05, math.inf, 3.0),
        "TruncatedNormal": (0.0, 0.05 * cut, 0.1, 2.2),
        "RandomUniform": (0.0, 0.1 / math.sqrt(12), 0.05, 1.8),
        "GlorotUniform": (0.0, math.sqrt(2 / (rows + columns)), math.sqrt(6 / (rows + columns)), 1.8),
        "GlorotNormal": (0.0, math.sqrt(2 / (rows + columns)), 2 * math.sqrt(2 / (rows + columns)) / cut, 2.2),
        "HeUniform": (0.0, math.sqrt(2 / rows), math.sqrt(6 / rows), 1.8),
        "HeNormal": (0.0, math.sqrt(2 / rows), 2 * math.sqrt(2 / rows) / cut, 2.2),
        "LecunUniform": (0.0, math.sqrt(1 / rows), math.sqrt(3 / rows), 1.8),
        "LecunNormal": (0.0, math.sqrt(1 / rows), 2 * math.sqrt(1 / rows) / cut, 2.2),
    }[name]


@pytest.mark.parametrize("rngs", [None, 0], ids=["own seed", "rngs"])
@pytest.mark.parametrize(
    "name", ["RandomNormal", "TruncatedNormal", "RandomUniform", "GlorotUniform", "GlorotNormal", "HeUniform",
             "HeNormal", "LecunUniform", "LecunNormal"],
)  # fmt: skip
def test_a_hundred_thousand_draws_have_the_moments_of_the_distribution(name, rngs):
    mean, stddev, bound, kurtosis = _moments(name)
    random.seed(11)
    source = None if rngs is None else nnx.Rngs(rngs)
    drawn = np.asarray(first_values(initializers.get(name), (500, 200), "float32", source), "float64")
    # Five standard errors: the error of a mean is s/sqrt(n), that of a standard deviation s*sqrt((kurtosis-1)/4n).
    assert abs(drawn.mean() - mean) < 5 * stddev / math.sqrt(COUNT)
    assert abs(drawn.std() - stddev) < 5 * stddev * math.sqrt((kurtosis - 1) / (4 * COUNT))
    assert np.abs(drawn - mean).max() <= bound * (1 + 1e-6)
    if bound < math.inf:
        assert np.abs(drawn - mean).max() > 0.98 * bound


def test_pythons_random_decides_for_who_gave_no_seed_as_in_keras():
    def drawn(module):
        random.seed(5)
        made = [module.get("glorot_uniform"), module.get("zeros"), module.GlorotNormal(), module.get("uniform")]
        return [np.asarray(each((4, 3))) for each in made]

    for one, other in zip(drawn(initializers), drawn(keras.initializers), strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_instance_gives_the_same_at_each_call_and_its_clone_gives_other_numbers():
    one = initializers.GlorotUniform()
    assert bool((one((3, 3)) == one((3, 3))).all())
    assert not bool((one((3, 3)) == one.clone()((3, 3))).all())
    seeded = initializers.GlorotUniform(seed=4)
    assert bool((seeded((3, 3)) == seeded.clone()((3, 3))).all())


def test_rngs_decide_for_who_gave_no_seed_and_not_for_who_did():
    shape = (3, 3)

    def drawn(seed, key):
        return np.asarray(first_values(initializers.GlorotUniform(seed), shape, "float32", nnx.Rngs(key)))

    np.testing.assert_array_equal(drawn(None, 1), drawn(None, 1))
    assert (drawn(None, 1) != drawn(None, 2)).all()
    np.testing.assert_array_equal(drawn(9, 1), drawn(9, 2))


@pytest.mark.parametrize(
    ("name", "kwargs"), [("Zeros", {}), ("Ones", {}), ("Constant", {"value": 3}), ("Identity", {"gain": 2.0})]
)
def test_constants_are_those_of_keras(name, kwargs):
    ours, theirs = _twin(name, **kwargs)
    for dtype in ("float32", "int32"):
        one, other = ours((3, 2), dtype=dtype), theirs((3, 2), dtype=dtype)
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert ours((2, 2)).dtype == "float32"


@pytest.mark.parametrize("name", [*SEEDED, "Zeros", "Ones", "Constant", "Identity"])
def test_a_config_makes_the_same_again_here_and_in_keras(name):
    ours, theirs = _twin(name, **SEEDED.get(name, {}))
    expected = keras.initializers.serialize(theirs)
    if name == "Identity":
        expected["config"] = {"gain": 1.0}  # Keras forgets it
    assert initializers.serialize(ours) == expected
    again = initializers.deserialize(initializers.serialize(ours))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()


def test_whatever_keras_takes_for_an_initializer_is_taken():
    def twos(shape, dtype=None):
        return jnp.full(shape, 2, dtype)

    assert initializers.get(None) is None
    assert isinstance(initializers.get("Zeros"), initializers.Zeros)
    assert isinstance(initializers.get("zero"), initializers.Zeros)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    instance = initializers.Constant(1.0)
    assert initializers.get(instance) is instance
    assert initializers.get({"class_name": "Constant", "config": {"value": 4}})((1,)).tolist() == [4.0]
    assert initializers.get(twos) is twos
    assert initializers.get(np.eye(2))((2, 2)).tolist() == [[1, 0], [0, 1]]


def test_the_names_of_keras_are_known_here():
    unknown = []
    for name in keras.initializers.__dict__:
        if name[0].isalpha() and callable(getattr(keras.initializers, name)) and name not in {"get", "serialize"}:
            try:
                initializers.TABLE.find(name)
            except UnknownName:
                unknown.append(name)
    assert sorted(unknown) == ["Initializer", "STFT", "STFTInitializer", "deserialize", "stft"]


def test_an_initializer_of_jax_is_drawn_from_the_same_seeds():
    wrapped = initializers.get(jax.nn.initializers.normal(1.0))
    assert bool((wrapped((3,)) == wrapped((3,))).all())
    by_rngs = first_values(wrapped, (3,), "float32", nnx.Rngs(0))
    assert not bool((by_rngs == wrapped((3,))).all())
    with pytest.raises(Unsupported, match="no name that a file could give back"):
        wrapped.get_config()


def test_errors_name_what_there_is():
    with pytest.raises(UnknownName) as raised:
        initializers.get("glorot_unifrom")
    assert str(raised.value).splitlines()[0] == "There is no initializer of this name."
    assert raised.value.nearest == "glorot_uniform"
    assert "he_normal" in raised.value.there_is
    for wrong in (3, [1.0], {"config": {}}):
        with pytest.raises(InvalidArgument, match="initializer"):
            initializers.get(wrong)
    for wrong in (True, 1.5, "7"):
        with pytest.raises(InvalidArgument, match="A seed is a whole number"):
            initializers.GlorotUniform(seed=wrong)
    for kwargs in ({"scale": 0.0}, {"scale": math.nan}, {"mode": "fan"}, {"distribution": "gamma"}):
        with pytest.raises(InvalidArgument):
            initializers.VarianceScaling(**kwargs)
    for call in (lambda: initializers.Orthogonal()((3,)), lambda: initializers.Identity()((2, 2, 2))):
        with pytest.raises(ShapeMismatch, match="Only a matrix"):
            call()
    with pytest.raises(ShapeMismatch, match="another shape"):
        initializers.get(np.eye(2))((3, 3))
    with pytest.raises(InvalidArgument, match="another shape"):
        first_values(lambda shape, dtype=None: jnp.zeros(4), (3,), "float32", None)
    with pytest.raises(Unsupported, match="does not say what values"):
        initializers.Initializer()((1,))
