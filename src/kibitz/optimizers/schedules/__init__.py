"""Learning rates that are a function of the step (`keras.optimizers.schedules`)."""

from kibitz.optimizers.schedules.base import LearningRateSchedule
from kibitz.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from kibitz.optimizers.schedules.decay import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from kibitz.optimizers.schedules.registry import deserialize, serialize

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]
