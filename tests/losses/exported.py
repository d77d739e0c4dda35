"""Every loss that Kibitz exports, found by itself, with the arguments to try and labels of the kind that it wants."""

from __future__ import annotations

import inspect

import numpy as np

import kibitz.losses

CLASSES = sorted(
    name
    for name in kibitz.losses.__all__
    if inspect.isclass(getattr(kibitz.losses, name)) and getattr(kibitz.losses, name) is not kibitz.losses.Loss
)
FUNCTIONS = sorted(
    name for name in kibitz.losses.__all__ if name.islower() and name not in {"get", "serialize", "deserialize"}
)
ROWS, WIDTH = 6, 4

OPTIONS = {
    "Huber": [{"delta": 0.3}, {"delta": 5.0}],
    "CosineSimilarity": [{"axis": 0}],
    "Dice": [{"axis": -1}, {"axis": (0, 1)}],
    "Tversky": [{"alpha": 0.2, "beta": 0.9}, {"axis": 1}],
    "BinaryCrossentropy": [{"label_smoothing": 0.2}, {"axis": 0}],
    "BinaryFocalCrossentropy": [{"apply_class_balancing": True, "alpha": 0.1}, {"gamma": 0.5, "label_smoothing": 0.1}],
    "CategoricalCrossentropy": [{"label_smoothing": 0.2}, {"axis": 0}],
    "CategoricalFocalCrossentropy": [{"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 0.5}, {"label_smoothing": 0.1}],
    "SparseCategoricalCrossentropy": [{"ignore_class": 1}, {"ignore_class": -1}],
    "CategoricalGeneralizedCrossEntropy": [{"q": 0.9}],
}


def variants(name):
    """The arguments that a loss is tried with: none, its own list, and the same with logits where it takes them."""
    found = [{}, *OPTIONS.get(name, [])]
    if "from_logits" in inspect.signature(getattr(kibitz.losses, name)).parameters:
        found += [{**options, "from_logits": True} for options in found]
    return found


def batch(name, *, logits=False, seed=0):
    """Labels and predictions that this loss, class or function, is made for."""
    rng = np.random.default_rng(seed)
    flat = name.replace("_", "").lower()
    scores = rng.normal(size=(ROWS, WIDTH)).astype("float32") * 2
    shares = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    classes = rng.integers(0, WIDTH, ROWS)
    if "sparse" in flat or "generalized" in flat:
        return classes, scores if logits else shares
    if "categorical" in flat:
        return np.eye(WIDTH, dtype="float32")[classes], scores if logits or "hinge" in flat else shares
    if "crossentropy" in flat or flat in {"dice", "tversky"}:
        return rng.integers(0, 2, (ROWS, WIDTH)), scores if logits else shares
    if "hinge" in flat:
        return rng.choice([-1, 1], (ROWS, WIDTH)), scores
    if flat == "poisson":
        return rng.integers(0, 5, (ROWS, WIDTH)), np.exp(scores)
    if flat == "kldivergence":
        return np.roll(shares, 1, axis=0), shares
    return rng.normal(size=(ROWS, WIDTH)).astype("float32"), scores
