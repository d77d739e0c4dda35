"""What fit, evaluate, predict and compile are told about how to run."""

from __future__ import annotations

import numpy as np

from kibitz.errors import InvalidArgument, WrongType
from tests.speaks.case import LABELS, NAN, Case, X, Y

CASES = [
    Case(
        "batch_size is 0",
        lambda at: at.fit(batch_size=0),
        InvalidArgument,
        ValueError,
        """
        batch_size is too small.
          given    0
          wanted   a whole number, 1 or more, or None
          cure     batch_size=32
        """,
    ),
    Case(
        "batch_size is negative",
        lambda at: at.fit(batch_size=-1),
        InvalidArgument,
        ValueError,
        """
        batch_size is too small.
          given    -1
          wanted   a whole number, 1 or more, or None
          cure     batch_size=32
        """,
    ),
    Case(
        "batch_size is a float that is whole",
        lambda at: at.fit(batch_size=8.0),
        WrongType,
        TypeError,
        """
        batch_size is a whole number.
          given    8.0
          wanted   a whole number, 1 or more, or None
          cure     batch_size=8
        """,
    ),
    Case(
        "batch_size is a fraction",
        lambda at: at.fit(batch_size=7.5),
        WrongType,
        TypeError,
        """
        batch_size is a whole number.
          given    7.5
          wanted   a whole number, 1 or more, or None
          cure     batch_size=32
        """,
    ),
    Case(
        "batch_size is text",
        lambda at: at.fit(batch_size="8"),
        WrongType,
        TypeError,
        """
        batch_size is a whole number.
          given    '8'
          wanted   a whole number, 1 or more, or None
          cure     batch_size=32
        """,
    ),
    Case(
        "batch_size is True",
        lambda at: at.fit(batch_size=True),
        WrongType,
        TypeError,
        """
        batch_size is a whole number.
          given    True
          wanted   a whole number, 1 or more, or None
          cure     batch_size=32
        """,
    ),
    Case(
        "batch_size of evaluate is 0",
        lambda at: at.evaluate(batch_size=0),
        InvalidArgument,
        ValueError,
        """
        batch_size is too small.
          given    0
          wanted   a whole number, 1 or more, or None
          cure     batch_size=32
        """,
    ),
    Case(
        "batch_size of predict is negative",
        lambda at: at.predict(batch_size=-4),
        InvalidArgument,
        ValueError,
        """
        batch_size is too small.
          given    -4
          wanted   a whole number, 1 or more, or None
          cure     batch_size=32
        """,
    ),
    Case(
        "epochs is negative",
        lambda at: at.fit(epochs=-1),
        InvalidArgument,
        ValueError,
        """
        epochs is too small.
          given    -1
          wanted   a whole number, 0 or more
          cure     epochs=1
        """,
    ),
    Case(
        "epochs is a fraction",
        lambda at: at.fit(epochs=1.5),
        WrongType,
        TypeError,
        """
        epochs is a whole number.
          given    1.5
          wanted   a whole number, 0 or more
          cure     epochs=1
        """,
    ),
    Case(
        "epochs is text",
        lambda at: at.fit(epochs="3"),
        WrongType,
        TypeError,
        """
        epochs is a whole number.
          given    '3'
          wanted   a whole number, 0 or more
          cure     epochs=1
        """,
    ),
    Case(
        "epochs is None",
        lambda at: at.fit(epochs=None),
        WrongType,
        TypeError,
        """
        epochs is a whole number.
          given    None
          wanted   a whole number, 0 or more
          cure     epochs=1
        """,
    ),
    Case(
        "initial_epoch is negative",
        lambda at: at.fit(initial_epoch=-2),
        InvalidArgument,
        ValueError,
        """
        initial_epoch is too small.
          given    -2
          wanted   a whole number, 0 or more
          cure     initial_epoch=0
        """,
    ),
    Case(
        "steps_per_epoch is 0",
        lambda at: at.fit(steps_per_epoch=0),
        InvalidArgument,
        ValueError,
        """
        steps_per_epoch is too small.
          given    0
          wanted   a whole number, 1 or more, or None
          cure     steps_per_epoch=None
        """,
    ),
    Case(
        "steps_per_epoch is negative",
        lambda at: at.fit(steps_per_epoch=-3),
        InvalidArgument,
        ValueError,
        """
        steps_per_epoch is too small.
          given    -3
          wanted   a whole number, 1 or more, or None
          cure     steps_per_epoch=None
        """,
    ),
    Case(
        "steps_per_epoch is a fraction",
        lambda at: at.fit(steps_per_epoch=2.5),
        WrongType,
        TypeError,
        """
        steps_per_epoch is a whole number.
          given    2.5
          wanted   a whole number, 1 or more, or None
          cure     steps_per_epoch=None
        """,
    ),
    Case(
        "steps of evaluate is 0",
        lambda at: at.evaluate(steps=0),
        InvalidArgument,
        ValueError,
        """
        steps is too small.
          given    0
          wanted   a whole number, 1 or more, or None
          cure     steps=None
        """,
    ),
    Case(
        "steps of predict is a fraction",
        lambda at: at.predict(steps=0.5),
        WrongType,
        TypeError,
        """
        steps is a whole number.
          given    0.5
          wanted   a whole number, 1 or more, or None
          cure     steps=None
        """,
    ),
    Case(
        "validation_split is 1",
        lambda at: at.fit(validation_split=1.0),
        InvalidArgument,
        ValueError,
        """
        validation_split is the share of the rows that is not trained on.
          given    1.0
          wanted   a number from 0 to less than 1
          cure     validation_split=0.2
        """,
    ),
    Case(
        "validation_split is more than 1",
        lambda at: at.fit(validation_split=1.5),
        InvalidArgument,
        ValueError,
        """
        validation_split is the share of the rows that is not trained on.
          given    1.5
          wanted   a number from 0 to less than 1
          cure     validation_split=0.2
        """,
    ),
    Case(
        "validation_split is negative",
        lambda at: at.fit(validation_split=-0.2),
        InvalidArgument,
        ValueError,
        """
        validation_split is the share of the rows that is not trained on.
          given    -0.2
          wanted   a number from 0 to less than 1
          cure     validation_split=0.2
        """,
    ),
    Case(
        "validation_split is NaN",
        lambda at: at.fit(validation_split=NAN),
        InvalidArgument,
        ValueError,
        """
        validation_split is the share of the rows that is not trained on.
          given    nan
          wanted   a number from 0 to less than 1
          cure     validation_split=0.2
        """,
    ),
    Case(
        "validation_split is text",
        lambda at: at.fit(validation_split="0.2"),
        InvalidArgument,
        ValueError,
        """
        validation_split is the share of the rows that is not trained on.
          given    '0.2'
          wanted   a number from 0 to less than 1
          cure     validation_split=0.2
        """,
    ),
    Case(
        "validation_split is True",
        lambda at: at.fit(validation_split=True),
        InvalidArgument,
        ValueError,
        """
        validation_split is the share of the rows that is not trained on.
          given    True
          wanted   a number from 0 to less than 1
          cure     validation_split=0.2
        """,
    ),
    Case(
        "validation_split leaves nothing to train on",
        lambda at: at.fit(X[:2], Y[:2], validation_split=0.9),
        InvalidArgument,
        ValueError,
        """
        2 rows cannot be split so that both sides have some.
          given    validation_split=0.9
          wanted   at least one row to train on and one to validate with
          cure     more rows, or validation_data=(x_val, y_val)
        """,
    ),
    Case(
        "validation_freq is 0",
        lambda at: at.fit(validation_split=0.5, validation_freq=0),
        InvalidArgument,
        ValueError,
        """
        validation_freq is too small.
          given    0
          wanted   a whole number, 1 or more
          cure     validation_freq=1, or a list of epochs counted from 1
        """,
    ),
    Case(
        "validation_freq is text",
        lambda at: at.fit(validation_split=0.5, validation_freq="2"),
        WrongType,
        TypeError,
        """
        validation_freq is a whole number.
          given    '2'
          wanted   a whole number, 1 or more
          cure     validation_freq=1, or a list of epochs counted from 1
        """,
    ),
    Case(
        "validation_freq is a fraction",
        lambda at: at.fit(validation_split=0.5, validation_freq=1.5),
        WrongType,
        TypeError,
        """
        validation_freq is a whole number.
          given    1.5
          wanted   a whole number, 1 or more
          cure     validation_freq=1, or a list of epochs counted from 1
        """,
    ),
    Case(
        "validation_freq counts epochs from 0",
        lambda at: at.fit(validation_split=0.5, validation_freq=[0, 2]),
        InvalidArgument,
        ValueError,
        """
        validation_freq is too small.
          given    0
          wanted   a whole number, 1 or more
          cure     validation_freq=[1, 2], epochs counted from 1
        """,
    ),
    Case(
        "validation_steps is 0",
        lambda at: at.fit(validation_data=(X, Y), validation_steps=0),
        InvalidArgument,
        ValueError,
        """
        validation_steps is too small.
          given    0
          wanted   a whole number, 1 or more, or None
          cure     validation_steps=None
        """,
    ),
    Case(
        "validation_batch_size is 0",
        lambda at: at.fit(validation_data=(X, Y), validation_batch_size=0),
        InvalidArgument,
        ValueError,
        """
        validation_batch_size is too small.
          given    0
          wanted   a whole number, 1 or more, or None
          cure     validation_batch_size=32
        """,
    ),
    Case(
        "verbose is a word of its own",
        lambda at: at.fit(verbose="loud"),
        InvalidArgument,
        ValueError,
        """
        verbose says how much is printed.
          given    'loud'
          wanted   0 (nothing), 1 (a bar), 2 (a line an epoch) or "auto"
          cure     verbose="auto"
        """,
    ),
    Case(
        "verbose is too much",
        lambda at: at.fit(verbose=3),
        InvalidArgument,
        ValueError,
        """
        verbose says how much is printed.
          given    3
          wanted   0 (nothing), 1 (a bar), 2 (a line an epoch) or "auto"
          cure     verbose="auto"
        """,
    ),
    Case(
        "verbose is None",
        lambda at: at.fit(verbose=None),
        InvalidArgument,
        ValueError,
        """
        verbose says how much is printed.
          given    None
          wanted   0 (nothing), 1 (a bar), 2 (a line an epoch) or "auto"
          cure     verbose="auto"
        """,
    ),
    Case(
        "shuffle is a word",
        lambda at: at.fit(shuffle="batch"),
        InvalidArgument,
        ValueError,
        """
        shuffle is yes or no.
          given    'batch'
          wanted   True or False
          cure     shuffle=True
        """,
    ),
    Case(
        "shuffle is None",
        lambda at: at.fit(shuffle=None),
        InvalidArgument,
        ValueError,
        """
        shuffle is yes or no.
          given    None
          wanted   True or False
          cure     shuffle=True
        """,
    ),
    Case(
        "an argument of fit is misspelt",
        lambda at: at.fit(epoch=2),
        WrongType,
        TypeError,
        """
        fit has no argument of this name.
          given    'epoch'
          there is x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle, class_weight, sample_weight, initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq, run, commit, resume, keep, store
          nearest  "epochs"
          cure     fit(epochs=...)
        """,  # noqa: E501
    ),
    Case(
        "an argument of evaluate is misspelt",
        lambda at: at.evaluate(batchsize=8),
        WrongType,
        TypeError,
        """
        evaluate has no argument of this name.
          given    'batchsize'
          there is x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict
          nearest  "batch_size"
          cure     evaluate(batch_size=...)
        """,
    ),
    Case(
        "an argument of predict is another's",
        lambda at: at.predict(epochs=2),
        WrongType,
        TypeError,
        """
        predict has no argument of this name.
          given    'epochs'
          there is x, batch_size, verbose, steps, callbacks
          cure     help(Model.predict)
        """,
    ),
    Case(
        "an argument of compile is misspelt",
        lambda at: at.spare.compile("sgd", los="mse"),
        WrongType,
        TypeError,
        """
        compile has no argument of this name.
          given    'los'
          there is optimizer, loss, loss_weights, metrics, weighted_metrics, run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
          nearest  "loss"
          cure     compile(loss=...)
        """,  # noqa: E501
    ),
    Case(
        "steps_per_execution is 0",
        lambda at: at.spare.compile("sgd", "mse", steps_per_execution=0),
        InvalidArgument,
        ValueError,
        """
        steps_per_execution is too small.
          given    0
          wanted   a whole number, 1 or more
          cure     steps_per_execution=1
        """,
    ),
    Case(
        "run_eagerly is a word",
        lambda at: at.spare.compile("sgd", "mse", run_eagerly="yes"),
        WrongType,
        TypeError,
        """
        run_eagerly is yes or no.
          given    'yes'
          wanted   True or False
          cure     run_eagerly=False
        """,
    ),
    Case(
        "jit_compile is a word of its own",
        lambda at: at.spare.compile("sgd", "mse", jit_compile="maybe"),
        InvalidArgument,
        ValueError,
        """
        jit_compile is yes, no or auto.
          given    'maybe'
          wanted   True, False or "auto"
          cure     jit_compile="auto"
        """,
    ),
    Case(
        "class_weight has text as keys",
        lambda at: at.fit(X, LABELS, at.classes, class_weight={"0": 1.0}),
        WrongType,
        TypeError,
        """
        The keys of class_weight are the classes' numbers.
          given    '0'
          wanted   whole numbers from 0
          cure     class_weight={0: 1.0, 1: 5.0}
        """,
    ),
    Case(
        "class_weight is a list",
        lambda at: at.fit(X, LABELS, at.classes, class_weight=[1.0, 2.0, 1.0]),
        WrongType,
        TypeError,
        """
        class_weight is a dict.
          given    [1.0, 2.0, 1.0]
          wanted   a weight for each class
          cure     class_weight={0: 1.0, 1: 5.0}
        """,
    ),
    Case(
        "class_weight is a word",
        lambda at: at.fit(X, LABELS, at.classes, class_weight="balanced"),
        WrongType,
        TypeError,
        """
        class_weight is a dict.
          given    'balanced'
          wanted   a weight for each class
          cure     class_weight={0: 1.0, 1: 5.0}
        """,
    ),
    Case(
        "class_weight has a negative weight",
        lambda at: at.fit(X, LABELS, at.classes, class_weight={0: 1.0, 1: -1.0}),
        InvalidArgument,
        ValueError,
        """
        class_weight has a value for class 1 that is no weight.
          given    -1.0
          wanted   a finite number, 0 or more
          cure     class_weight={1: 1.0}
        """,
    ),
    Case(
        "class_weight has a NaN",
        lambda at: at.fit(X, LABELS, at.classes, class_weight={0: NAN}),
        InvalidArgument,
        ValueError,
        """
        class_weight has a value for class 0 that is no weight.
          given    nan
          wanted   a finite number, 0 or more
          cure     class_weight={0: 1.0}
        """,
    ),
    Case(
        "class_weight for two outputs",
        lambda at: at.fit(X, {"a": Y, "b": X[:, :2]}, at.two, class_weight={0: 1.0}),
        WrongType,
        TypeError,
        """
        class_weight is for models with one output.
          given    {'a': float32[32, 1], 'b': float32[32, 2]}
          wanted   one array of labels
          cure     sample_weight={'a': ..., 'b': ...}
        """,
    ),
    Case(
        "class_weight and sample_weight",
        lambda at: at.fit(X, LABELS, at.classes, class_weight={0: 1.0}, sample_weight=np.ones(32)),
        InvalidArgument,
        ValueError,
        """
        class_weight and sample_weight were given together, and it is not clear which is meant.
          given    fit(class_weight=..., sample_weight=...)
          wanted   one of them
          cure     sample_weight=sample_weight * [class_weight[label] for label in y]
        """,
    ),
]
