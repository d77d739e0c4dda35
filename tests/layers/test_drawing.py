"""The weights of a model are drawn in one program, and are to the bit what each initializer draws alone."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz as keras
from kibitz.engine import drawing
from kibitz.layers import initializers

KINDS = {
    "glorot_uniform": {}, "he_normal": {}, "lecun_uniform": {}, "random_normal": {"mean": 0.3, "stddev": 0.7},
    "random_uniform": {"minval": -0.3, "maxval": 0.9}, "truncated_normal": {"mean": -0.1, "stddev": 1.3},
    "variance_scaling": {"scale": 2.0, "distribution": "untruncated_normal"}, "orthogonal": {"gain": 1.7},
}  # fmt: skip


def made(name, arguments, seed):
    return initializers.deserialize({"class_name": initializers.get(name).__class__.__name__,
                                     "config": {**arguments, "seed": seed}})  # fmt: skip


CASES = [(name, dtype) for name in KINDS for dtype in ("float32", "bfloat16")]
CASES.remove(("orthogonal", "bfloat16"))  # JAX has no such decomposition


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_a_weight_that_is_drawn_with_others_has_the_bits_of_one_drawn_alone(name, dtype):
    one, other = made(name, KINDS[name], 5), made(name, KINDS[name], 6)
    model = keras.Sequential([
        keras.Input((7,)),
        keras.layers.Dense(33, kernel_initializer=one, dtype=dtype),
        keras.layers.Dense(4, kernel_initializer=other, dtype=dtype),
    ])  # fmt: skip
    alone = [one((7, 33), dtype), other((33, 4), dtype)]
    assert [model.get_weights()[at].tobytes() for at in (0, 2)] == [np.asarray(each).tobytes() for each in alone]


def test_a_build_of_the_users_own_sees_the_values():
    seen = []

    class Scaled(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="random_normal")
            seen.append(float(np.abs(np.asarray(self.scale.get_value())).sum()))

        def call(self, inputs):
            return inputs * self.scale

    keras.Sequential([keras.Input((3,)), Scaled(), keras.layers.Dense(2)])
    assert seen[0] > 0


def test_a_second_model_built_alike_draws_with_the_same_program_and_other_seeds():
    def build(seed, stddev=0.5):
        initializer = keras.initializers.TruncatedNormal(stddev=stddev, seed=seed)
        layers = [keras.layers.Dense(4, kernel_initializer=initializer), keras.layers.Dense(2)]
        return keras.Sequential([keras.Input((3,)), *layers]).get_weights()[0]

    drawing._program.cache_clear()
    first, again, other, wider = build(1), build(1), build(2), build(1, stddev=5.0)
    assert drawing._program.cache_info().misses == 2
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(wider, keras.initializers.TruncatedNormal(stddev=5.0, seed=1)((3, 4)))
