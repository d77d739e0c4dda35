"""Keras's layers over Flax NNX."""
