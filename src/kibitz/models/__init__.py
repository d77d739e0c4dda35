"""What is trained: models, and the calls that a user makes on them."""

from kibitz.models.cloning import clone_model, model_from_json
from kibitz.models.model import Model
from kibitz.models.saving import load_model, save_model
from kibitz.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
