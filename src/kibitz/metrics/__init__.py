"""Metrics: what a run is measured by, grouped by what is predicted.

    accuracy.py, top_k.py    right answers           Accuracy, BinaryAccuracy, TopKCategoricalAccuracy
    confusion.py             yes and no              Precision, Recall, TruePositives, its relatives
    auc.py, tradeoff.py      all thresholds at once  AUC, SensitivityAtSpecificity, its relatives
    fscore.py                two in one number       FBetaScore, F1Score
    regression.py, r2.py     numbers                 MeanSquaredError, its relatives, R2Score
    correlation.py           rise and fall           PearsonCorrelation, ConcordanceCorrelation
    probabilistic.py         distributions           BinaryCrossentropy, KLDivergence, its relatives
    hinge.py                 margins                 Hinge, SquaredHinge, CategoricalHinge
    iou.py                   regions                 IoU, MeanIoU, its relatives
    reduction.py             anything                Mean, Sum, MeanMetricWrapper

Names, arguments and numbers are Keras's. A metric of your own is a function `(y_true, y_pred)` that gives one value per
sample, or a subclass of `Metric` with `update_state` and `result`. All state is sums and counters.
"""

from kibitz.losses.crossentropy import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from kibitz.losses.focal import binary_focal_crossentropy, categorical_focal_crossentropy
from kibitz.losses.hinge import categorical_hinge, hinge, squared_hinge
from kibitz.losses.probabilistic import kl_divergence, poisson
from kibitz.losses.regression import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from kibitz.losses.robust import huber, log_cosh
from kibitz.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from kibitz.metrics.auc import AUC
from kibitz.metrics.base import Metric
from kibitz.metrics.confusion import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from kibitz.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from kibitz.metrics.fscore import F1Score, FBetaScore
from kibitz.metrics.hinge import CategoricalHinge, Hinge, SquaredHinge
from kibitz.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from kibitz.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from kibitz.metrics.r2 import R2Score
from kibitz.metrics.reduction import Mean, MeanMetricWrapper, Sum
from kibitz.metrics.registry import deserialize, get, serialize
from kibitz.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
)
from kibitz.metrics.top_k import (
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from kibitz.metrics.tradeoff import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]
