"""A door: names of `keras.config`, each from its home."""

from kibitz.layers.policy import dtype_policy, set_dtype_policy

__all__ = ["dtype_policy", "set_dtype_policy"]
