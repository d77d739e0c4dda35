"""Every metric, compiled and fitted: by string, by class, by function, of one's own."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import class_data, classifier, line, line_data, rows, stacked


def _trains(ns, model, x, y):
    """Two epochs with weights in the second half of the metrics, validated, evaluated."""
    seen = recorder(ns, "on_train_batch_end", "on_epoch_end")
    weights = np.linspace(0.5, 2, len(x), dtype="float32")
    model.fit(
        x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, sample_weight=weights, validation_data=(x[4:], y[4:]),
        callbacks=[seen],
    )  # fmt: skip
    return [seen.trace, model.evaluate(x, y, batch_size=4, sample_weight=weights, verbose=0, return_dict=True)]


@scenario("metric.numbers")
def metrics_of_numbers_go_by_name(ns, tmp):
    """mae, mse, mape, msle, cosine similarity, log cosh, and the losses that are metrics too."""
    names = [
        "mae",
        "MSE",
        "mape",
        "mean_squared_logarithmic_error",
        "cosine_similarity",
        "log_cosh_error",
        "hinge",
        "poisson",
    ]
    x, y = line_data(12)
    return _trains(ns, line(ns, metrics=names, weighted_metrics=["mae", "mse"]), x, np.abs(y) + 0.5)


@scenario("metric.numbers.classes")
def metrics_of_numbers_are_classes(ns, tmp):
    """By class, with their names, and one under a name of one's own."""
    m = ns.metrics
    kinds = [m.MeanSquaredError(), m.RootMeanSquaredError(), m.MeanAbsoluteError(), m.MeanAbsolutePercentageError()]
    kinds += [m.MeanSquaredLogarithmicError(), m.CosineSimilarity(axis=-1), m.LogCoshError(name="own")]
    x, y = line_data(12)
    weighted = [m.RootMeanSquaredError(name="weighted")]
    return _trains(ns, line(ns, metrics=kinds, weighted_metrics=weighted), x, np.abs(y) + 0.5)


@scenario("metric.binary")
def metrics_of_two_classes_count_right(ns, tmp):
    """AUC, precision, recall, the four counts and binary accuracy, with thresholds and weights."""
    m = ns.metrics
    kinds = [m.AUC(), m.AUC(curve="PR", num_thresholds=9, name="pr"), m.Precision(), m.Recall(thresholds=0.6)]
    kinds += [m.TruePositives(), m.TrueNegatives(), m.FalsePositives(), m.FalseNegatives()]
    kinds += [m.BinaryAccuracy(threshold=0.7), m.BinaryCrossentropy()]
    x = rows(12, 3)
    y = (x[:, :1] + 0.3 * rows(12, 1, seed=4) > 0).astype("float32")
    model = stacked(
        ns, (3,), ns.layers.Dense(1, activation="sigmoid"), loss="binary_crossentropy", metrics=kinds,
        weighted_metrics=[m.AUC(num_thresholds=9, name="weighted_auc"), m.Precision(name="weighted_precision")],
    )  # fmt: skip
    return _trains(ns, model, x, y)


@scenario("metric.sparse")
def metrics_of_sparse_classes_count_right(ns, tmp):
    """Sparse accuracy, sparse top-k and sparse crossentropy, by class and by string."""
    m = ns.metrics
    kinds = ["sparse_categorical_accuracy", m.SparseTopKCategoricalAccuracy(k=2), m.SparseCategoricalCrossentropy()]
    x, labels = class_data(12)
    return _trains(ns, classifier(ns, metrics=kinds, weighted_metrics=["accuracy"]), x, labels)


@scenario("metric.categorical")
def metrics_of_one_hot_classes_count_right(ns, tmp):
    """Categorical accuracy, top-k, precision of one class and of the top, recall."""
    m = ns.metrics
    kinds = ["categorical_accuracy", m.TopKCategoricalAccuracy(k=2), m.Precision(class_id=1, name="of_one")]
    kinds += [m.Recall(top_k=2, name="of_top"), m.CategoricalCrossentropy(), m.KLDivergence()]
    x, labels = class_data(12)
    model = classifier(ns, loss="categorical_crossentropy", metrics=kinds, weighted_metrics=["accuracy"])
    return _trains(ns, model, x, np.eye(3, dtype="float32")[labels])


@scenario("metric.function")
def a_metric_may_be_a_function_of_ones_own(ns, tmp):
    """Of (y_true, y_pred): a number a row or one for all, averaged over the samples."""
    import jax.numpy as jnp

    def worst(y_true, y_pred):
        return jnp.max(jnp.abs(y_true - y_pred), axis=-1)

    def one_number(y_true, y_pred):
        return jnp.mean(y_pred)

    x, y = line_data(8)
    return _trains(ns, line(ns, metrics=[worst, one_number], weighted_metrics=[worst]), x, y)


@scenario("metric.subclass")
def a_metric_may_be_a_class_of_ones_own(ns, tmp):
    """add_weight, assign and assign_add in update_state, result, reset_state."""
    import jax.numpy as jnp

    class Share(ns.metrics.Metric):
        def __init__(self, above=0.0, name="share"):
            super().__init__(name=name)
            self.above = above
            self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
            self.seen = self.add_variable(shape=(), initializer="zeros", name="seen")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.hits.assign_add(jnp.sum(y_pred > self.above))
            self.seen.assign(self.seen + y_pred.shape[0])

        def result(self):
            return self.hits / self.seen

    x, y = line_data(8)
    return _trains(ns, line(ns, metrics=[Share(), Share(0.3, name="more")]), x, y)


@scenario("metric.alone")
def a_metric_works_without_a_model(ns, tmp):
    """update_state, result, reset_state and a call of the object itself, with weights."""
    m, found = ns.metrics, []
    y_true, y_pred = np.array([[0.0], [1], [1], [0]]), np.array([[0.2], [0.4], [0.9], [0.7]])
    for metric in (m.MeanSquaredError(), m.Precision(), m.AUC(num_thresholds=10), m.BinaryAccuracy()):
        metric.update_state(y_true, y_pred)
        first = float(metric.result())
        metric.update_state(y_true, 1 - y_pred, sample_weight=np.array([1, 0, 2, 0.5]))
        second = float(metric.result())
        metric.reset_state()
        found.append([metric.name, first, second, float(metric(y_true, y_pred))])
    mean = m.Mean()
    mean.update_state([1, 3, 5, 7], sample_weight=[1, 1, 0, 0])
    return [found, float(mean.result())]


@scenario("metric.scores")
def scores_of_regression_and_segmentation_count_right(ns, tmp):
    """R2, F1 and the mean intersection over union, where they are; called by hand."""
    m = ns.metrics
    y_true, y_pred = np.eye(3, dtype="float32")[[0, 1, 2, 1]], np.abs(rows(4, 3, seed=2))
    found = {}
    for metric in (m.R2Score(), m.F1Score(average="macro"), m.F1Score(), m.FBetaScore(beta=2.0, average="micro")):
        metric.update_state(y_true, y_pred)
        found[f"{metric.name} {len(found)}"] = np.asarray(metric.result())
    overlap = m.MeanIoU(num_classes=3)
    overlap.update_state([0, 1, 2, 1], [0, 2, 2, 1])
    found["iou"] = float(overlap.result())
    return found
