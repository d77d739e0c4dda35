"""What is trained: models, and the calls that a user makes on them."""

from kibitz.models.model import Model
from kibitz.models.saving import load_model, save_model
from kibitz.models.sequential import Sequential

__all__ = ["Model", "Sequential", "load_model", "save_model"]
