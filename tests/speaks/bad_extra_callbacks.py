"""Callbacks beyond Keras's, and the rehearsals, asked for what cannot be."""

from __future__ import annotations

import optax

import kibitz
from kibitz.errors import InvalidArgument, MissingName, NotReady, ShapeMismatch, WrongType
from kibitz.optimizers.optax_optimizer import OptaxOptimizer
from tests.speaks.case import Case, X, Y, stack


def hidden():
    """A model whose optimizer keeps its rate to itself."""
    model = stack("hidden", kibitz.layers.Dense(1))
    model.compile(OptaxOptimizer(optax.sgd(0.1), name="closed"), "mse")
    return model


def adagrad():
    """A model whose optimizer has no momentum."""
    model = stack("adagrad", kibitz.layers.Dense(1))
    model.compile(kibitz.optimizers.Adagrad(name="adagrad"), "mse")
    return model


def normalized():
    """A model with moving statistics."""
    return stack("normalized", kibitz.layers.Dense(2), kibitz.layers.BatchNormalization(), kibitz.layers.Dense(1))


def unbuilt():
    """A model without weights."""
    model = kibitz.Sequential([kibitz.layers.Dense(1)], name="unbuilt")
    model.compile("sgd", "mse")
    return model


CASES = [
    Case(
        "a duration that cannot be read",
        lambda at: at.fit(callbacks=[kibitz.callbacks.Timer("2 m")]),
        InvalidArgument,
        ValueError,
        """
        Timer cannot read this duration.
          given    '2 m'
          wanted   "90 min", "1 h 30 min", "HH:MM:SS", "DD:HH:MM:SS", a timedelta or a number of seconds, more than none
          cure     Timer(duration="90 min")
        """,
    ),
    Case(
        "a duration of nothing",
        lambda at: at.fit(callbacks=[kibitz.callbacks.Timer(0)]),
        InvalidArgument,
        ValueError,
        """
        Timer cannot read this duration.
          given    0
          wanted   "90 min", "1 h 30 min", "HH:MM:SS", "DD:HH:MM:SS", a timedelta or a number of seconds, more than none
          cure     Timer(duration="90 min")
        """,
    ),
    Case(
        "a moment at which no timer looks",
        lambda at: at.fit(callbacks=[kibitz.callbacks.Timer("2 h", at="step")]),
        InvalidArgument,
        ValueError,
        """
        Timer looks at the clock at other moments.
          given    'step'
          there is batch, epoch
          cure     Timer("2 h", at="epoch")
        """,
    ),
    Case(
        "a timer that would save a text file",
        lambda at: at.fit(callbacks=[kibitz.callbacks.Timer("2 h", path="last.txt")]),
        InvalidArgument,
        ValueError,
        """
        Timer saves a model, or its weights, and the file's ending says which.
          given    'last.txt'
          wanted   a path that ends in ".keras" or ".weights.h5"
          cure     Timer("2 h", path="last.keras")
        """,
    ),
    Case(
        "a rate of Optax that nobody reaches",
        lambda at: at.fit(model=hidden(), callbacks=[kibitz.callbacks.LearningRateMonitor()]),
        MissingName,
        AttributeError,
        """
        This Optax transformation has no learning rate in its state.
          given    closed.learning_rate
          wanted   a transformation with one injected learning rate
          cure     optax.inject_hyperparams(optax.adam)(learning_rate=1e-3)
        """,
    ),
    Case(
        "a momentum where there is none",
        lambda at: at.fit(model=adagrad(), callbacks=[kibitz.callbacks.LearningRateMonitor(momentum=True)]),
        InvalidArgument,
        ValueError,
        """
        LearningRateMonitor finds no momentum: this optimizer has none.
          given    <Adagrad adagrad>
          wanted   an optimizer with momentum or beta_1
          cure     LearningRateMonitor(momentum=False)
        """,
    ),
    Case(
        "a sweep longer than the fit",
        lambda at: at.fit(callbacks=[kibitz.callbacks.LearningRateFinder()]),
        InvalidArgument,
        ValueError,
        """
        LearningRateFinder tries a rate at each batch, and this fit has fewer batches.
          given    steps=100, 1 x 1 batches
          wanted   100 batches
          cure     finder.find(model, x, y), which goes through the data as often as it takes
        """,
    ),
    Case(
        "a sweep from large to small",
        lambda at: kibitz.callbacks.LearningRateFinder(start=1.0, end=0.1),
        InvalidArgument,
        ValueError,
        """
        LearningRateFinder goes from a small rate to a large one.
          given    start=1.0, end=0.1
          wanted   0 < start < end
          cure     LearningRateFinder(start=1e-7, end=10)
        """,
    ),
    Case(
        "a sweep over a model without weights",
        lambda at: kibitz.callbacks.LearningRateFinder().find(unbuilt(), X, Y),
        NotReady,
        ValueError,
        """
        A model without weights cannot be given back as it was.
          given    <Sequential name=unbuilt, built=False>
          wanted   a model that has weights
          cure     model.build((None, 784)), or an Input as the first layer
        """,
    ),
    Case(
        "no samples in an epoch",
        lambda at: at.fit(callbacks=[kibitz.callbacks.ThroughputMonitor(samples=0)]),
        InvalidArgument,
        ValueError,
        """
        ThroughputMonitor cannot work with this samples.
          given    0
          wanted   a number, 1 or more
          cure     ThroughputMonitor(samples=60000)
        """,
    ),
    Case(
        "targets for other samples",
        lambda at: kibitz.callbacks.SampleViewer(X[:4], Y[:3], path="now.png"),
        ShapeMismatch,
        ValueError,
        """
        SampleViewer shows a target beside each sample.
          given    float32[3, 1]
          wanted   4 rows
          cure     SampleViewer(x_val[:8], y_val[:8])
        """,
    ),
    Case(
        "more samples than can be seen",
        lambda at: kibitz.callbacks.SampleViewer(X, path="now.png"),
        InvalidArgument,
        ValueError,
        """
        SampleViewer shows a few samples.
          given    float32[32, 4]
          wanted   24 rows or fewer
          cure     SampleViewer(x_val[:8])
        """,
    ),
    Case(
        "a sample that the model cannot take",
        lambda at: at.fit(callbacks=[kibitz.callbacks.SampleViewer(X[:4, :2], path="now.png")]),
        ShapeMismatch,
        ValueError,
        """
        SampleViewer's x does not have the shape that the model "line" was built for.
          given    SampleViewer's x: float32[4, 2]
          wanted   [any, 4], rows first
          cure     give rows of shape (4,)
        """,
    ),
    Case(
        "a picture in a text file",
        lambda at: kibitz.callbacks.SampleViewer(X[:4], path="now.txt"),
        InvalidArgument,
        ValueError,
        """
        SampleViewer draws a picture, and this is the name of none.
          given    'now.txt'
          wanted   a path that ends in .png, .svg, .pdf, .jpg
          cure     "now.png"
        """,
    ),
    Case(
        "predictions of nothing",
        lambda at: at.fit(callbacks=[kibitz.callbacks.PredictionWriter("out.npz")]),
        InvalidArgument,
        ValueError,
        """
        PredictionWriter has nothing to predict from while a model is trained.
          given    None
          wanted   inputs
          cure     PredictionWriter(path, x_val), or model.predict(x, callbacks=[PredictionWriter(path)])
        """,
    ),
    Case(
        "predictions in a text file",
        lambda at: kibitz.callbacks.PredictionWriter("out.txt"),
        InvalidArgument,
        ValueError,
        """
        PredictionWriter writes arrays or lines, and the file's ending says which.
          given    'out.txt'
          wanted   a path that ends in ".npz" or ".csv"
          cure     PredictionWriter("out.npz")
        """,
    ),
    Case(
        "an epoch in the name of a predict's file",
        lambda at: kibitz.callbacks.PredictionWriter("{epoch}.npz"),
        InvalidArgument,
        ValueError,
        """
        PredictionWriter has no epochs and no logs to fill this name with: without x it writes what a predict gives.
          given    '{epoch}.npz'
          wanted   a path without numbers, or inputs to predict while training
          cure     PredictionWriter(path, x)
        """,
    ),
    Case(
        "an average that never begins",
        lambda at: at.fit(epochs=2, callbacks=[kibitz.callbacks.WeightAveraging("swa", start=2)]),
        InvalidArgument,
        ValueError,
        """
        WeightAveraging would average nothing: training ends before the epoch that it starts with.
          given    start=2, fit(epochs=2)
          wanted   start less than 2
          cure     WeightAveraging("swa", start=1)
        """,
    ),
    Case(
        "an average that nobody knows",
        lambda at: kibitz.callbacks.WeightAveraging("mean"),
        InvalidArgument,
        ValueError,
        """
        WeightAveraging knows no such average.
          given    'mean'
          there is ema, swa
          cure     WeightAveraging("ema")
        """,
    ),
    Case(
        "distant weights and batch normalization",
        lambda at: at.fit(model=normalized(), callbacks=[kibitz.callbacks.WeightAveraging("swa")]),
        InvalidArgument,
        ValueError,
        """
        WeightAveraging needs inputs: nobody knows the statistics of batch normalization for distant weights.
          given    WeightAveraging("swa", data=None), and a model with moving statistics
          wanted   inputs of training, a few thousand rows
          cure     WeightAveraging("swa", data=x_train[:4096])
        """,
    ),
    Case(
        "a cadence of weights",
        lambda at: kibitz.callbacks.WeightAveraging(every=0),
        InvalidArgument,
        ValueError,
        """
        WeightAveraging cannot read how often.
          given    0
          wanted   "100 steps", "1 epoch", "10 min" or "5% of the run"
          cure     every="100 steps"
        """,
    ),
    Case(
        "a rehearsal of no batch",
        lambda at: kibitz.fast_dev_run(at.line, X, Y, batches=0),
        InvalidArgument,
        ValueError,
        """
        batches is too small.
          given    0
          wanted   a whole number, 1 or more
          cure     batches=2
        """,
    ),
    Case(
        "a batch of lists",
        lambda at: kibitz.overfit_one_batch(at.line, [[1.0, 2.0]], Y),
        WrongType,
        TypeError,
        """
        overfit_one_batch takes one batch from x, which must be arrays.
          given    [[1.0, 2.0]]
          wanted   arrays
          cure     overfit_one_batch(model, *next(batches))
        """,
    ),
    Case(
        "predictions for inputs that the model cannot take",
        lambda at: at.fit(callbacks=[kibitz.callbacks.PredictionWriter("out.npz", X[:, :2])]),
        ShapeMismatch,
        ValueError,
        """
        PredictionWriter's x does not have the shape that the model "line" was built for.
          given    PredictionWriter's x: float32[1, 2]
          wanted   [any, 4], rows first
          cure     give rows of shape (4,)
        """,
    ),
]
