"""A door: names of `keras.saving`, each from its home."""

from kibitz.models.saving import load_model, save_model

__all__ = ["load_model", "save_model"]
