"""Initializers that draw: Keras's distributions, and for a given seed Keras's very numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from kibitz.errors import ShapeMismatch
from kibitz.layers.arguments import number, one_of
from kibitz.layers.initializer import RandomInitializer

# The standard deviation of a standard normal distribution that is cut off at two.
CUT_OFF = 0.87962566103423978


class RandomNormal(RandomInitializer):
    """Draw from a normal distribution.

    Args:
        mean: The mean.
        stddev: The standard deviation.
        seed: See `RandomInitializer`.

    Example:
        >>> from kibitz.layers.initializers import RandomNormal
        >>> RandomNormal(mean=5.0, stddev=0.0)((2,)).tolist()
        [5.0, 5.0]

    Source: https://keras.io/api/layers/initializers/#randomnormal-class
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev
        self.alone = True  # compiled in haste, as models are, normal numbers are others from JAX 0.11 on

    def draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """Give normal numbers."""
        return _apart(jax.random.normal(key, shape, dtype)) * self.stddev + self.mean

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Draw from a normal distribution, again and again until within two standard deviations.

    Args:
        mean: The mean.
        stddev: The standard deviation before the cut; after it 0.88 of that remains.
        seed: See `RandomInitializer`.

    Example:
        >>> from kibitz.layers.initializers import TruncatedNormal
        >>> bool((abs(TruncatedNormal(stddev=1.0)((100,))) <= 2.0).all())
        True

    Source: https://keras.io/api/layers/initializers/#truncatednormal-class
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        super().__init__(mean, stddev, seed)
        self.alone = mean != 0  # within a larger program product and sum would be rounded once, and not twice

    def draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """Give truncated normal numbers."""
        return _apart(jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype)) * self.stddev + self.mean


class RandomUniform(RandomInitializer):
    """Draw evenly between two bounds.

    Args:
        minval: The lower bound, included.
        maxval: The upper bound, left out.
        seed: See `RandomInitializer`.

    Example:
        >>> from kibitz.layers.initializers import RandomUniform
        >>> values = RandomUniform(1.0, 2.0)((100,))
        >>> bool(((values >= 1.0) & (values < 2.0)).all())
        True

    Source: https://keras.io/api/layers/initializers/#randomuniform-class
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """Give uniform numbers."""
        return jax.random.uniform(key, shape, dtype, self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Draw with a variance of `scale / n`, n being how many numbers go into a unit, or out of it.

    So signals neither fade nor explode from layer to layer.

    Args:
        scale: Above 0.
        mode: What n is: "fan_in", "fan_out", or their mean "fan_avg".
        distribution: "truncated_normal" (also "normal"), "untruncated_normal" or "uniform".
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight that count as inputs. None means the usual ones.
        output_axes: The axes of the weight that count as outputs. None means the usual ones.

    Raises:
        InvalidArgument: For a scale, mode or distribution that is none.

    Example:
        >>> from kibitz.layers.initializers import VarianceScaling
        >>> limit = (3 * 1.0 / 12) ** 0.5
        >>> bool((abs(VarianceScaling(distribution="uniform")((12, 5))) <= limit).all())
        True

    Source: https://keras.io/api/layers/initializers/#variancescaling-class
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        super().__init__(seed)
        self.scale = number(scale, "scale", "scale=1.0", least=math.ulp(0.0))
        self.mode = one_of(mode, "mode", ["fan_in", "fan_out", "fan_avg"], 'mode="fan_in"')
        words = ["truncated_normal", "untruncated_normal", "uniform", "normal"]
        self.distribution = one_of(distribution, "distribution", words, 'distribution="uniform"')
        if self.distribution == "normal":
            self.distribution = "truncated_normal"
        self.alone = self.distribution == "untruncated_normal"  # as RandomNormal
        self.input_axes, self.output_axes = input_axes, output_axes

    def draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """Give numbers of the variance that the shape asks for."""
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return jax.random.uniform(key, shape, dtype, -limit, limit)
        if self.distribution == "untruncated_normal":
            return _apart(jax.random.normal(key, shape, dtype)) * math.sqrt(variance)
        return _apart(jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype)) * (math.sqrt(variance) / CUT_OFF)

    def get_config(self) -> dict[str, Any]:
        """The arguments that the class leaves open."""
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        if type(self) is not VarianceScaling:
            return {**super().get_config(), **axes}
        own = {"scale": self.scale, "mode": self.mode, "distribution": self.distribution}
        return {**super().get_config(), **own, **axes}


class GlorotUniform(VarianceScaling):
    """Uniform, with a limit of `sqrt(6 / (fan_in + fan_out))`: Keras's default for kernels, also called Xavier.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Example:
        >>> from kibitz.layers.initializers import GlorotUniform
        >>> bool((abs(GlorotUniform()((4, 2))) <= 1.0).all())
        True

    Source: http://proceedings.mlr.press/v9/glorot10a.html
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """Truncated normal, with a standard deviation of `sqrt(2 / (fan_in + fan_out))`; also called Xavier.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Example:
        >>> from kibitz.layers.initializers import GlorotNormal
        >>> GlorotNormal()((4, 2)).shape
        (4, 2)

    Source: http://proceedings.mlr.press/v9/glorot10a.html
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """Truncated normal, with a standard deviation of `sqrt(1 / fan_in)`: for `selu`.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Example:
        >>> from kibitz.layers.initializers import LecunNormal
        >>> LecunNormal()((4, 2)).shape
        (4, 2)

    Source: https://arxiv.org/abs/1706.02515
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """Uniform, with a limit of `sqrt(3 / fan_in)`.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Example:
        >>> from kibitz.layers.initializers import LecunUniform
        >>> bool((abs(LecunUniform()((3, 2))) <= 1.0).all())
        True

    Source: https://arxiv.org/abs/1706.02515
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """Truncated normal, with a standard deviation of `sqrt(2 / fan_in)`: for `relu`.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Example:
        >>> from kibitz.layers.initializers import HeNormal
        >>> HeNormal()((4, 2)).shape
        (4, 2)

    Source: https://arxiv.org/abs/1502.01852
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """Uniform, with a limit of `sqrt(6 / fan_in)`: for `relu`.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Example:
        >>> from kibitz.layers.initializers import HeUniform
        >>> bool((abs(HeUniform()((6, 2))) <= 1.0).all())
        True

    Source: https://arxiv.org/abs/1502.01852
    """

    def __init__(self, seed: int | None = None, input_axes: Any = None, output_axes: Any = None):
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class Orthogonal(RandomInitializer):
    """A random matrix whose columns (or rows, if these are fewer) are orthogonal, times `gain`.

    Weights of more than two dimensions are made as a matrix of all but the last.

    Args:
        gain: The factor.
        seed: See `RandomInitializer`.

    Raises:
        ShapeMismatch: When called for a weight of less than two dimensions.

    Example:
        >>> from kibitz.layers.initializers import Orthogonal
        >>> matrix = Orthogonal()((3, 2))
        >>> abs(matrix.T @ matrix).round(3).tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Source: https://arxiv.org/abs/1312.6120
    """

    alone = True  # as RandomNormal

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        super().__init__(seed)
        self.gain = gain

    def draw(self, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        """Give the orthogonal part of a matrix of normal numbers."""
        if len(shape) < 2:
            raise ShapeMismatch(
                "Only a matrix can be orthogonal.",
                given=shape,
                wanted="a shape of two dimensions or more",
                cure='bias_initializer="zeros"',
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = _apart(jax.random.normal(key, (max(rows, columns), min(rows, columns)), dtype))
        q, r = jnp.linalg.qr(drawn)
        q = _apart(q * jnp.sign(jnp.diag(r))[None, :])  # without the sign not every orthogonal matrix is as likely
        return self.gain * (q.T if rows < columns else q).reshape(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "gain": self.gain}


def _apart(values: jax.Array) -> jax.Array:
    """Keep operations of one program from being made one: two factors, multiplied first, round otherwise than Keras."""
    return jax.lax.optimization_barrier(values) if isinstance(values, jax.core.Tracer) else values


def fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """How many numbers go into, and come out of, one unit of a weight.

    Example:
        >>> from kibitz.layers.random_initializers import fans
        >>> fans((3, 3, 16, 32))
        (144, 288)
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return (int(shape[0]), int(shape[0])) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return int(shape[-2] * field), int(shape[-1] * field)
