"""A loss, a metric or an optimizer that cannot be."""

from __future__ import annotations

import optax

import kibitz
from kibitz.errors import InvalidArgument, NotReady, UnknownKey, UnknownName, WrongType
from tests.speaks.case import NAN, Case, X, Y


def compiled_once(at, *given):
    """Fit a model whose first compile this is: a second one keeps what it is not given."""
    fresh = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(1)])
    fresh.compile(*given)
    at.fit(model=fresh)


CASES = [
    Case(
        "fit before compile",
        lambda at: kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(1)]).fit(X, Y, callbacks=[at.record]),
        NotReady,
        ValueError,
        """
        The model must be compiled before it can fit.
          given    model.fit(...)
          wanted   an optimizer and a loss
          cure     model.compile(optimizer="adam", loss="mse") first
        """,
    ),
    Case(
        "evaluate before compile",
        lambda at: kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(1)]).evaluate(X, Y),
        NotReady,
        ValueError,
        """
        The model must be compiled before it can evaluate.
          given    model.evaluate(...)
          wanted   an optimizer and a loss
          cure     model.compile(optimizer="adam", loss="mse") first
        """,
    ),
    Case(
        "train_on_batch before compile",
        lambda at: kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(1)]).train_on_batch(X, Y),
        NotReady,
        ValueError,
        """
        The model must be compiled before it can train_on_batch.
          given    model.train_on_batch(...)
          wanted   an optimizer and a loss
          cure     model.compile(optimizer="adam", loss="mse") first
        """,
    ),
    Case(
        "a misspelt loss",
        lambda at: at.spare.compile("sgd", "msee"),
        UnknownName,
        ValueError,
        """
        There is no loss of this name.
          given    'msee'
          there is mean_squared_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_logarithmic_error, huber, log_cosh, cosine_similarity, binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy, binary_focal_crossentropy, categorical_focal_crossentropy, categorical_generalized_cross_entropy, kl_divergence, poisson, hinge, squared_hinge, categorical_hinge, dice, tversky, bce, kld, mae, mse, mape, msle, crossentropy, ce
          nearest  "mse"
          cure     loss="mse", or a function of (y_true, y_pred)
        """,  # noqa: E501
    ),
    Case(
        "a misspelt loss, written out",
        lambda at: at.spare.compile("sgd", "categorical_cross_entropy"),
        UnknownName,
        ValueError,
        """
        There is no loss of this name.
          given    'categorical_cross_entropy'
          there is mean_squared_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_logarithmic_error, huber, log_cosh, cosine_similarity, binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy, binary_focal_crossentropy, categorical_focal_crossentropy, categorical_generalized_cross_entropy, kl_divergence, poisson, hinge, squared_hinge, categorical_hinge, dice, tversky, bce, kld, mae, mse, mape, msle, crossentropy, ce
          nearest  "categorical_crossentropy"
          cure     loss="categorical_crossentropy", or a function of (y_true, y_pred)
        """,  # noqa: E501
    ),
    Case(
        "a misspelt metric",
        lambda at: at.spare.compile("sgd", "mse", metrics=["acuracy"]),
        UnknownName,
        ValueError,
        """
        There is no metric of this name.
          given    'acuracy'
          there is acc, accuracy, auc, bce, binary_accuracy, binary_crossentropy, binary_focal_crossentropy, binary_io_u, categorical_accuracy, categorical_crossentropy, categorical_focal_crossentropy, categorical_generalized_cross_entropy, categorical_hinge, ce, concordance_correlation, cosine_similarity, crossentropy, dice, f1_score, f_beta_score, false_negatives, false_positives, hinge, huber, io_u, kl_divergence, log_cosh, log_cosh_error, mae, mape, mean, mean_absolute_error, mean_absolute_percentage_error, mean_io_u, mean_squared_error, mean_squared_logarithmic_error, mse, msle, one_hot_io_u, one_hot_mean_io_u, pearson_correlation, poisson, precision, precision_at_recall, r2_score, recall, recall_at_precision, root_mean_squared_error, sensitivity_at_specificity, sparse_categorical_accuracy, sparse_categorical_crossentropy, sparse_top_k_categorical_accuracy, specificity_at_sensitivity, squared_hinge, sum, top_k_categorical_accuracy, true_negatives, true_positives, tversky
          nearest  "accuracy"
          cure     metrics=["accuracy"], or a function of (y_true, y_pred)
        """,  # noqa: E501
    ),
    Case(
        "a misspelt optimizer",
        lambda at: at.spare.compile("addam", "mse"),
        UnknownName,
        ValueError,
        """
        There is no optimizer of this name.
          given    'addam'
          there is sgd, rmsprop, adam, adamw, nadam, adamax, adagrad, adadelta, ftrl, lion, lamb, lossscaleoptimizer
          nearest  "adam"
          cure     optimizer="adam"
        """,
    ),
    Case(
        "a number as loss",
        lambda at: at.spare.compile("sgd", 3),
        WrongType,
        TypeError,
        """
        This cannot be a loss.
          given    3
          wanted   a name, a `Loss`, a configuration, or a function of (y_true, y_pred)
          cure     loss="mse"
        """,
    ),
    Case(
        "a number as metric",
        lambda at: at.spare.compile("sgd", "mse", metrics=[3]),
        WrongType,
        TypeError,
        """
        This cannot be a metric.
          given    3
          wanted   a name, a kibitz.metrics.Metric, a configuration, or a function of (y_true, y_pred)
          cure     metrics=["accuracy"]
        """,
    ),
    Case(
        "metrics without a list",
        lambda at: at.spare.compile("sgd", "mse", metrics="mae"),
        WrongType,
        TypeError,
        """
        metrics is a list.
          given    'mae'
          wanted   a list, tuple or dict
          cure     metrics=['mae']
        """,
    ),
    Case(
        "a number as optimizer",
        lambda at: at.spare.compile(0.01, "mse"),
        WrongType,
        TypeError,
        """
        This is no optimizer.
          given    0.01
          wanted   a name, an optimizer, a configuration, or an Optax transformation
          cure     optimizer="adam"
        """,
    ),
    Case(
        "an optimizer's class",
        lambda at: at.spare.compile(kibitz.optimizers.SGD, "mse"),
        WrongType,
        TypeError,
        """
        This is no optimizer.
          given    the class SGD
          wanted   a name, an optimizer, a configuration, or an Optax transformation
          cure     optimizer=SGD()
        """,
    ),
    Case(
        "a function that makes an Optax transformation",
        lambda at: at.spare.compile(optax.sgd, "mse"),
        WrongType,
        TypeError,
        """
        This is no optimizer.
          given    the function sgd
          wanted   a name, an optimizer, a configuration, or an Optax transformation
          cure     optimizer=sgd(1e-3)
        """,
    ),
    Case(
        "the optimizer of another model",
        lambda at: at.spare.compile(at.line.optimizer, "mse"),
        InvalidArgument,
        ValueError,
        """
        This optimizer already belongs to another model, and keeps that model's state.
          given    <SGD line_sgd>
          wanted   an optimizer of its own for each model
          cure     optimizer=SGD.from_config(optimizer.get_config())
        """,
    ),
    Case(
        "a word as loss_weights",
        lambda at: at.spare.compile("sgd", "mse", loss_weights="heavy"),
        WrongType,
        TypeError,
        """
        loss_weights are numbers.
          given    'heavy'
          wanted   a float, or a list or dict of floats, one for each output
          cure     loss_weights=[1.0, 0.5]
        """,
    ),
    Case(
        "no loss",
        lambda at: compiled_once(at, "sgd"),
        InvalidArgument,
        ValueError,
        """
        There is no loss, so nothing would be learned.
          given    compile(loss=None)
          wanted   a loss, a compute_loss of your own, or a layer with a regularizer
          cure     compile(loss="mse")
        """,
    ),
    Case(
        "a metric named loss",
        lambda at: (
            at.spare.compile("sgd", "mse", metrics=[kibitz.metrics.MeanAbsoluteError(name="loss")]),
            at.fit(model=at.spare),
        ),
        InvalidArgument,
        ValueError,
        """
        A metric is named "loss", and would take the place of the loss in the logs.
          given    MeanAbsoluteError(name='loss')
          wanted   another name
          cure     name="my_loss"
        """,
    ),
    Case(
        "a loss for an output that is not there",
        lambda at: (at.two.compile("sgd", {"a": "mse", "c": "mse"}), at.fit(X, {"a": Y, "b": X[:, :2]}, at.two)),
        UnknownKey,
        ValueError,
        """
        loss names an output that the model does not have.
          given    'c'
          there is a, b
          cure     loss={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "a weight for an output without a loss",
        lambda at: (at.two.compile("sgd", {"a": "mse"}, loss_weights={"b": 1.0}), at.fit(X, {"a": Y}, at.two)),
        InvalidArgument,
        ValueError,
        """
        loss_weights has a weight for an output without a loss.
          given    {'b': 1.0}
          there is a
          cure     give b a loss, or leave its weight out
        """,
    ),
    Case(
        "metrics for an output that is not there",
        lambda at: (at.two.compile("sgd", {"a": "mse"}, metrics={"aa": ["mae"]}), at.fit(X, {"a": Y}, at.two)),
        UnknownKey,
        ValueError,
        """
        metrics names an output that the model does not have.
          given    'aa'
          there is a, b
          nearest  "a"
          cure     metrics={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "a learning rate that is NaN",
        lambda at: kibitz.optimizers.SGD(NAN),
        InvalidArgument,
        ValueError,
        """
        `learning_rate` is outside what makes sense.
          given    nan
          wanted   a number of 0 or more, a schedule, or a function of the step
          cure     learning_rate=0.001
        """,
    ),
    Case(
        "a negative learning rate",
        lambda at: kibitz.optimizers.SGD(-0.1),
        InvalidArgument,
        ValueError,
        """
        `learning_rate` is outside what makes sense.
          given    -0.1
          wanted   a number of 0 or more, a schedule, or a function of the step
          cure     learning_rate=0.001
        """,
    ),
    Case(
        "a learning rate as text",
        lambda at: kibitz.optimizers.SGD("0.1"),
        WrongType,
        TypeError,
        """
        `learning_rate` is not a number.
          given    '0.1'
          wanted   a number of 0 or more, a schedule, or a function of the step
          cure     learning_rate=0.001
        """,
    ),
    Case(
        "a learning rate set to infinity",
        lambda at: at.line.optimizer.learning_rate.assign(float("inf")),
        InvalidArgument,
        ValueError,
        """
        `learning_rate` is outside what makes sense.
          given    inf
          wanted   a number of 0 or more, a schedule, or a function of the step
          cure     learning_rate=0.001
        """,
    ),
    Case(
        "gradients clipped at a negative norm",
        lambda at: kibitz.optimizers.SGD(clipnorm=-1),
        InvalidArgument,
        ValueError,
        """
        `clipnorm` is outside what makes sense.
          given    -1
          wanted   a number in (0, inf), or None
          cure     clipnorm=1.0
        """,
    ),
]
