"""Counts against a plain loop, areas against the truth, and arguments and shapes that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kibitz.metrics as km
from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, UnknownName
from kibitz.metrics.counts import count
from tests.drawn import examples

SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.75, 1.0])
ROWS = st.lists(st.tuples(st.booleans(), SHARES, st.sampled_from([0.0, 0.5, 2.0])), min_size=3, max_size=3)


def counted(rows, threshold):
    """The four counts by hand: above the threshold says yes."""
    found = {("yes", True): 0.0, ("no", True): 0.0, ("no", False): 0.0, ("yes", False): 0.0}
    for label, share, weight in rows:
        found["yes" if label else "no", share > threshold] += weight
    return list(found.values())


@examples(40)
@given(rows=ROWS, thresholds=st.sampled_from([(0.5, 0.3), (0.0, 0.5, 1.0), (0.0, 0.25, 0.5, 0.75, 1.0)]))
def test_counts_are_those_of_a_loop(rows, thresholds):
    labels, shares, weights = (np.array(column, "float32") for column in zip(*rows, strict=True))
    counts = count(labels, shares, thresholds, sample_weight=weights)
    ours = [counts.true_positives, counts.false_positives, counts.true_negatives, counts.false_negatives]
    for index, threshold in enumerate(thresholds):
        assert [float(each[index]) for each in ours] == counted(rows, threshold)


def test_the_area_nears_the_share_of_pairs_in_order():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 200)
    scores = (0.6 * rng.uniform(size=200) + 0.4 * labels * rng.uniform(size=200)).astype("float32")
    yes, no = scores[labels == 1], scores[labels == 0]
    pairs = np.mean(yes[:, None] > no[None])
    assert float(km.AUC(num_thresholds=2000)(labels, scores)) == pytest.approx(pairs, abs=1e-3)


def test_a_prediction_that_is_no_number_is_above_no_threshold():
    for thresholds in ([0.5], [0.0, 0.5, 1.0]):
        counts = count([1.0, 0.0], [np.nan, 0.9], thresholds)
        assert float(np.sum(counts.true_positives)) == 0.0
        assert float(counts.false_negatives[0]) == 1.0


def test_labels_above_256_are_told_apart_in_bfloat16():
    scores = np.zeros((1, 400), "float32")
    scores[0, 300] = 1
    scores = km.Mean(dtype="bfloat16").total.value + scores.astype("bfloat16")
    assert float(km.sparse_categorical_accuracy([301], scores)[0]) == 0.0
    assert float(km.sparse_categorical_accuracy([300], scores)[0]) == 1.0


def test_whole_counts_of_weights_with_fractions_are_warned_of():
    weights = np.array([0.5, 1.5], "float32")
    with pytest.warns(UserWarning, match='MeanIoU\\(dtype="float32"\\) keeps all'):
        km.MeanIoU(2)([0, 1], [0, 1], weights)
    metric = km.MeanIoU(2, dtype="float32")
    metric.update_state([0, 1], [0, 1], weights)
    assert metric.total_cm.numpy().tolist() == [[0.5, 0.0], [0.0, 1.5]]


COLUMN, TABLE, CLASSES = np.zeros((4, 1)), np.zeros((4, 3)), np.array([0, 1, 2, 1])
REFUSED = {
    "a threshold above 1": (lambda: km.Precision(thresholds=[0.5, 1.5]), InvalidArgument, "given    [0.5, 1.5]"),
    "a threshold that is a bool": (lambda: km.Recall(thresholds=True), InvalidArgument, "numbers from 0 to 1"),
    "no threshold at all": (lambda: km.TruePositives(thresholds=[]), InvalidArgument, "A threshold is a share"),
    "top 0": (lambda: km.Precision(top_k=0), InvalidArgument, "1 or more"),
    "top True": (lambda: km.TopKCategoricalAccuracy(k=True), InvalidArgument, "given    True"),
    "top 2.5": (lambda: km.sparse_top_k_categorical_accuracy(CLASSES, TABLE, k=2.5), InvalidArgument, "guesses"),
    "more of the top than there are": (lambda: km.Recall(top_k=4)(TABLE, TABLE), InvalidArgument, "wanted   1 to 3"),
    "a class that is none": (lambda: km.Recall(class_id=1.5), InvalidArgument, "a whole number"),
    "a class beyond the last": (lambda: km.Precision(class_id=3)(TABLE, TABLE), InvalidArgument, "below 3"),
    "a class of a column": (lambda: km.Precision(class_id=0)(CLASSES, CLASSES), InvalidArgument, "class_id=None"),
    "class numbers for one-hot": (lambda: km.AUC()(CLASSES, TABLE), ShapeMismatch, "one-hot labels"),
    "labels wider than the output": (lambda: km.BinaryAccuracy()(TABLE, COLUMN), ShapeMismatch, "one value for each"),
    "one-hot for class numbers": (
        lambda: km.SparseCategoricalAccuracy()(np.zeros((3, 3)), np.zeros((3, 3))), ShapeMismatch, "CategoricalAccuracy"
    ),
    "class numbers for categorical": (lambda: km.CategoricalAccuracy()(TABLE, COLUMN[:3]), ShapeMismatch, "sparse_"),
    "one-hot in sparse top k": (lambda: km.SparseTopKCategoricalAccuracy()(TABLE, TABLE), ShapeMismatch, "one class"),
    "targets that would broadcast": (lambda: km.RootMeanSquaredError()(TABLE, COLUMN), ShapeMismatch, "(4, 3) against"),
    "weights for other samples": (lambda: km.AUC()(COLUMN, COLUMN, np.ones(3)), ShapeMismatch, "one weight for each"),
    "an unknown curve": (lambda: km.AUC(curve="RC"), UnknownName, 'nearest  "ROC"'),
    "an unknown summation": (lambda: km.AUC(summation_method="minor"), UnknownName, 'nearest  "minoring"'),
    "one threshold for a curve": (lambda: km.AUC(num_thresholds=1), InvalidArgument, "2 or more"),
    "labels where there is one area": (lambda: km.AUC(num_labels=3), InvalidArgument, "multi_label=True"),
    "areas of a column": (lambda: km.AUC(multi_label=True)(CLASSES, CLASSES), ShapeMismatch, "one column a label"),
    "other labels than were built for": (
        lambda: km.AUC(multi_label=True, num_labels=2)(TABLE, TABLE), ShapeMismatch, "wanted   (batch, 2)"
    ),
    "weights of other labels": (lambda: km.AUC(label_weights=[1, 2])(TABLE, TABLE), ShapeMismatch, "(3,)"),
    "weights of other areas": (
        lambda: km.AUC(multi_label=True, label_weights=[1, 2])(TABLE, TABLE), ShapeMismatch, "(batch, 2)"
    ),
    "a specificity above 1": (lambda: km.SensitivityAtSpecificity(1.5), InvalidArgument, "`specificity` is a share"),
    "no thresholds": (lambda: km.PrecisionAtRecall(0.5, num_thresholds=0), InvalidArgument, "1 or more"),
    "a score of nothing": (lambda: km.R2Score().result(), NotReady, "has seen none"),
    "an area of nothing": (lambda: km.AUC(multi_label=True).result(), NotReady, "auc"),
    "a share of nothing": (lambda: km.FBetaScore().result(), NotReady, "metric.update_state"),
    "an unknown average": (lambda: km.F1Score(average="mean"), UnknownName, "micro, macro, weighted"),
    "a beta that is whole": (lambda: km.FBetaScore(beta=1), InvalidArgument, "a float above 0"),
    "a threshold of 0": (lambda: km.F1Score(threshold=0.0), InvalidArgument, "a float above 0, at most 1"),
    "a score of class numbers": (lambda: km.F1Score()(CLASSES, TABLE), ShapeMismatch, "one row a sample"),
    "an unknown aggregation": (lambda: km.R2Score("mean"), UnknownName, "uniform_average"),
    "a negative number of inputs": (lambda: km.R2Score(num_regressors=-1), InvalidArgument, "0 or more"),
    "three dimensions of targets": (lambda: km.R2Score()(TABLE[None], TABLE[None]), ShapeMismatch, "(batch, outputs)"),
    "no classes": (lambda: km.MeanIoU(0), InvalidArgument, "1 or more"),
    "a target beyond the classes": (lambda: km.IoU(2, [2]), InvalidArgument, "from 0 to 1"),
    "a target below 0": (lambda: km.IoU(2, [-1]), InvalidArgument, "0 or more"),
    "scores for regions": (lambda: km.MeanIoU(3)(CLASSES, TABLE), ShapeMismatch, "sparse_y_pred=False"),
}  # fmt: skip


@pytest.mark.parametrize(("act", "error", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_counted_is_refused_with_a_cure(act, error, text):
    with pytest.raises(error) as caught:
        act()
    assert text in str(caught.value)
    assert "\n  cure     " in str(caught.value)
