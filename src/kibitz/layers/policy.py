"""Which dtype a layer keeps its weights in, and which it computes in: `float32`, `mixed_bfloat16`, ..."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kibitz.errors import InvalidArgument, Unsupported

_FLOATS = ("float32", "bfloat16", "float16", "float64")
_OTHERS = ("bool", "uint8", "uint16", "uint32", "int8", "int16", "int32")


class DTypePolicy:
    """A pair of dtypes: one for the weights, one for the arithmetic.

    Use "mixed_bfloat16" to compute in half the memory while the weights keep float32's precision.

    Args:
        name: A dtype's name, for both, or "mixed_bfloat16". None means the default policy.

    Raises:
        Unsupported: For "mixed_float16", which needs loss scaling, and for quantized policies.
        InvalidArgument: For a name that is no policy.

    Example:
        >>> from kibitz.layers.policy import DTypePolicy
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.variable_dtype, policy.compute_dtype
        ('float32', 'bfloat16')

    Source: https://keras.io/api/mixed_precision/policy/
    """

    quantization_mode = None

    def __init__(self, name: str | None = None):
        self.name = dtype_policy().name if name is None else name
        self.compute_dtype, self.variable_dtype = _dtypes(self.name)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this policy again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make a policy from what `get_config` gave."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def get(identifier: Any) -> DTypePolicy:
    """Find a policy: by name, dtype, config, or itself; None is the default policy.

    Example:
        >>> from kibitz.layers import policy
        >>> policy.get("bfloat16")
        <DTypePolicy "bfloat16">
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(**identifier.get("config", identifier))
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(jnp.dtype(identifier).name)
    except TypeError:
        raise _unknown(identifier) from None


def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """Write a policy down as Keras does."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": policy.get_config(),
        "registered_name": None,
    }


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are not given one; "float32" unless set.

    Example:
        >>> from kibitz.layers.policy import dtype_policy
        >>> dtype_policy().name
        'float32'

    Source: https://keras.io/api/mixed_precision/
    """
    return _default[0]


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of the layers that are made from now on.

    Args:
        policy: A policy or its name.

    Example:
        >>> from kibitz.layers.policy import dtype_policy, set_dtype_policy
        >>> set_dtype_policy("mixed_bfloat16")
        >>> dtype_policy().compute_dtype
        'bfloat16'
        >>> set_dtype_policy("float32")

    Source: https://keras.io/api/mixed_precision/policy/
    """
    if not isinstance(policy, (str, DTypePolicy)):
        raise _unknown(policy)
    _default[0] = get(policy)


def _dtypes(name: Any) -> tuple[str, str]:
    if name == "mixed_bfloat16":
        return "bfloat16", "float32"
    if name == "mixed_float16" or (
        isinstance(name, str) and name.startswith(("int8_", "int4", "float8", "gptq", "awq"))
    ):
        raise Unsupported("Kibitz has no such dtype policy.", given=name, cure='dtype="mixed_bfloat16"')
    if not isinstance(name, str) or name not in (*_FLOATS, *_OTHERS):
        raise _unknown(name)
    if name == "float64" and not jax.config.read("jax_enable_x64"):
        raise InvalidArgument(
            "JAX computes in 32 bits unless told otherwise.",
            given=name,
            wanted='"float32", or JAX with 64 bits',
            cure='jax.config.update("jax_enable_x64", True) before any array is made',
        )
    return name, name


def _unknown(name: Any) -> InvalidArgument:
    names = ["mixed_bfloat16", *_FLOATS, *_OTHERS]
    return InvalidArgument("This is no dtype policy.", given=name, there_is=names, cure='dtype="float32"')


_default = [DTypePolicy("float32")]
