"""Losses: what training makes small, grouped by what is predicted.

    regression.py      numbers                 MeanSquaredError, MeanAbsoluteError, their relatives
    robust.py          numbers with outliers   Huber, LogCosh
    similarity.py      directions              CosineSimilarity
    crossentropy.py    classes                 Binary-, Categorical-, SparseCategoricalCrossentropy
    focal.py           rare classes            BinaryFocalCrossentropy, CategoricalFocalCrossentropy
    probabilistic.py   distributions, counts   KLDivergence, Poisson, CategoricalGeneralizedCrossEntropy
    hinge.py           margins                 Hinge, SquaredHinge, CategoricalHinge
    segmentation.py    overlap                 Dice, Tversky

Names, arguments and numbers are Keras's; CTC and Circle are not here. A loss of your own is a function
`(y_true, y_pred)` that gives one value per sample, or a subclass of `Loss` with a `call`.
"""

from typing import Any

from kibitz.errors import MissingName
from kibitz.losses.base import Loss
from kibitz.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from kibitz.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from kibitz.losses.hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from kibitz.losses.probabilistic import (
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
)
from kibitz.losses.registry import MISSING, deserialize, get, serialize
from kibitz.losses.regression import (
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from kibitz.losses.robust import Huber, LogCosh, huber, log_cosh
from kibitz.losses.segmentation import Dice, Tversky, dice, tversky
from kibitz.losses.similarity import CosineSimilarity, cosine_similarity

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def __getattr__(name: str) -> Any:
    if name.lower() in MISSING:
        raise MissingName(f"Keras has losses.{name}, and Kibitz has not.", given=name, cure=MISSING[name.lower()])
    raise MissingName("kibitz.losses has no such name.", given=name, there_is=__all__, cure="a name of this list")
