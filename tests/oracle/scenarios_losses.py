"""Every loss, compiled and fitted: by string, by class, by function, with logits, reductions and weights."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import class_data, line, line_data, rows, stacked, two_heads

NUMBERS = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "cosine_similarity",
    "poisson",
    "kl_divergence",
    "hinge",
    "squared_hinge",
    "dice",
    "tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
)
CLASSES = (
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "sparse_categorical_crossentropy",
)


def _fits_with(loss, classes):
    def run(ns, tmp):
        if classes:
            x, labels = class_data(8)
            y = labels if "sparse" in loss else np.eye(3, dtype="float32")[labels]
        else:
            x, y = rows(8, 3), np.abs(rows(8, 3, seed=3))
            y = np.sign(rows(8, 3, seed=3)) if "hinge" in loss else y.round() if "binary" in loss else y
        layer = ns.layers.Dense(3, activation="softmax" if classes else "sigmoid")
        model = stacked(ns, (3,), layer, loss=loss)
        seen = recorder(ns, "on_train_batch_end", "on_test_end")
        weights = np.linspace(0.5, 2, 8, dtype="float32")
        model.fit(
            x, y, batch_size=4, shuffle=False, verbose=0, sample_weight=weights, validation_data=(x, y),
            callbacks=[seen],
        )  # fmt: skip
        return [seen.trace, model.get_weights()]

    run.__doc__ = f"Compiled by its name, {loss} gives Keras's numbers in training, with weights, and in validation."
    return run


for _loss in NUMBERS + CLASSES:
    scenario(f"loss.{_loss}", name=f"loss_{_loss}")(_fits_with(_loss, _loss in CLASSES))

BY_CLASS = {
    "MeanSquaredError": {},
    "MeanAbsoluteError": {},
    "MeanAbsolutePercentageError": {},
    "MeanSquaredLogarithmicError": {},
    "Huber": {"delta": 0.1},
    "LogCosh": {},
    "CosineSimilarity": {"axis": -1},
    "Poisson": {},
    "KLDivergence": {},
    "Hinge": {},
    "SquaredHinge": {},
    "CategoricalHinge": {},
    "Dice": {},
    "Tversky": {"alpha": 0.3, "beta": 0.7},
    "BinaryCrossentropy": {"from_logits": True, "label_smoothing": 0.1},
    "BinaryFocalCrossentropy": {"apply_class_balancing": True, "gamma": 1.0, "from_logits": True},
    "CategoricalCrossentropy": {"from_logits": True, "label_smoothing": 0.2},
    "CategoricalFocalCrossentropy": {"from_logits": True, "alpha": 0.5},
}


@scenario("loss.classes", "loss.reduction")
def losses_are_classes_with_reductions(ns, tmp):
    """Called by hand: each class with its options, each reduction, with weights, and its name."""
    y_true = np.abs(rows(4, 3, seed=1)).round()
    y_pred = np.abs(rows(4, 3, seed=2))
    weights = np.array([1, 0, 2, 0.5], "float32")
    found = {}
    for name, options in BY_CLASS.items():
        kind = getattr(ns.losses, name)
        plain = kind(**options)
        found[name] = [plain.name, float(plain(y_true, y_pred)), float(plain(y_true, y_pred, sample_weight=weights))]
        for reduction in ("sum", "none", "mean", "mean_with_sample_weight", None):
            reduced = kind(**options, reduction=reduction)
            found[name].append(np.asarray(reduced(y_true, y_pred, sample_weight=weights)))
    return found


@scenario("loss.categorical_generalized_cross_entropy")
def a_loss_robust_to_noisy_labels(ns, tmp):
    """CategoricalGeneralizedCrossEntropy, by class and by function."""
    x, labels = class_data(8)
    layer = ns.layers.Dense(3, activation="softmax")
    model = stacked(ns, (3,), layer, loss=ns.losses.CategoricalGeneralizedCrossEntropy(q=0.7))
    history = model.fit(x, labels, batch_size=4, epochs=2, shuffle=False, verbose=0)
    by_hand = ns.losses.categorical_generalized_cross_entropy(labels, model.predict(x, verbose=0), q=0.5)
    return [history.history, np.asarray(by_hand)]


@scenario("loss.sparse_options")
def sparse_labels_may_be_ignored(ns, tmp):
    """SparseCategoricalCrossentropy with logits and an ignored class, over a sequence."""
    x, labels = rows(8, 2, 3), np.random.default_rng(1).integers(-1, 3, (8, 2))
    loss = ns.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model = stacked(ns, (2, 3), ns.layers.Dense(3), loss=loss)
    history = model.fit(x, labels, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return [history.history, model.get_weights(), model.evaluate(x, labels, batch_size=4, verbose=0)]


@scenario("loss.sequences")
def sequences_of_labels_are_compared_step_by_step(ns, tmp):
    """Labels of shape (rows, steps) and (rows, steps, 1), with accuracy over all steps."""
    x, labels = rows(8, 4, 3), np.random.default_rng(0).integers(0, 3, (8, 4))
    layer = ns.layers.Dense(3, activation="softmax")
    model = stacked(ns, (4, 3), layer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return [
        model.fit(x, given, batch_size=4, shuffle=False, verbose=0).history for given in (labels, labels[..., None])
    ]


@scenario("compile.loss", "loss.function")
def a_loss_may_be_a_function_of_ones_own(ns, tmp):
    """It gives a number for each row, or for each output, or one for the batch."""
    import jax.numpy as jnp

    def per_row(y_true, y_pred):
        return jnp.sum(jnp.abs(y_true - y_pred), axis=-1)

    def per_output(y_true, y_pred):
        return (y_true - y_pred) ** 4

    def one(y_true, y_pred):
        return jnp.max(jnp.abs(y_true - y_pred))

    x, y = line_data(8)
    found = []
    for loss in (per_row, per_output, one):
        model = line(ns, loss=loss)
        history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0, sample_weight=np.arange(8) / 5.0)
        found.append([history.history, model.get_weights()])
    return found


@scenario("loss.subclass")
def a_loss_may_be_a_class_of_ones_own(ns, tmp):
    """A subclass of Loss with call(y_true, y_pred); reduction and weights are the base's."""

    class Quartic(ns.losses.Loss):
        def __init__(self, power=4, **settings):
            super().__init__(**settings)
            self.power = power

        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** self.power

    x, y = line_data(6)
    found = []
    for loss in (Quartic(name="quartic"), Quartic(power=2, reduction="sum")):
        model = line(ns, loss=loss)
        history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0, sample_weight=np.arange(6) / 5.0)
        found.append([loss.name, history.history, model.get_weights()])
    return found


@scenario("loss.compute_loss")
def a_model_may_compute_its_own_loss(ns, tmp):
    """compute_loss overridden in a subclass of Sequential is what is trained on and logged."""
    import jax.numpy as jnp

    class Own(ns.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return jnp.mean((y_pred - y) ** 2) + jnp.mean(jnp.abs(x))

    x, y = line_data(6)
    model = Own([ns.Input((3,)), ns.layers.Dense(1)])
    model.set_weights([rows(3, 1, seed=1), np.zeros(1, "float32")])
    model.compile(ns.optimizers.SGD(0.1), metrics=["mae"])
    history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=(x, y))
    return [history.history, model.get_weights(), model.evaluate(x, y, verbose=0, return_dict=True)]


@scenario("compile.loss_weights", rtol=2e-5)
def loss_weights_weigh_the_outputs(ns, tmp):
    """By name: each output's loss is logged unweighted, the total weighted."""
    x = rows(8, 3)
    y = {"a": x.sum(axis=1, keepdims=True), "b": x[:, :2]}
    model = two_heads(ns, loss={"a": "mse", "b": "mae"}, loss_weights={"a": 0.25, "b": 3.0})
    seen = recorder(ns, "on_train_batch_end", "on_epoch_end")
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.evaluate(x, y, verbose=0)]


@scenario("data.sample_weight.dict", rtol=2e-5)
def several_outputs_may_have_weights_of_their_own(ns, tmp):
    """sample_weight as a dict by output."""
    x = rows(6, 3)
    y = {"a": x.sum(axis=1, keepdims=True), "b": x[:, :2]}
    weights = {"a": np.arange(6, dtype="float32"), "b": np.ones(6, "float32")}
    model = two_heads(ns, loss={"a": "mse", "b": "mse"}, weighted_metrics={"a": ["mae"], "b": ["mae"]})
    return model.fit(x, y, sample_weight=weights, batch_size=4, shuffle=False, verbose=0).history


@scenario("data.outputs", rtol=2e-5)
def several_outputs_come_back_by_name(ns, tmp):
    """predict gives a dict of arrays; a batch's end has the same of that batch; one string is the loss of all."""
    x = rows(6, 3)
    y = {"a": x.sum(axis=1, keepdims=True), "b": x[:, :2]}
    model = two_heads(ns, loss="mae")
    seen = recorder(ns, "on_predict_batch_end")
    return [
        model.predict(x, batch_size=4, verbose=0, callbacks=[seen]),
        model.predict_on_batch(x[:2]),
        seen.trace,
        model.evaluate(x, y, verbose=0, return_dict=True),
    ]
