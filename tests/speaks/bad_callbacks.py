"""What is no callback, or a callback that could not do its work."""

from __future__ import annotations

from pathlib import Path

import kibitz
from kibitz.errors import (
    InvalidArgument,
    UnknownDirection,
    UnknownKey,
    UnknownMonitor,
    UnknownName,
    UnusableFile,
    WrongType,
)
from tests.speaks.case import Case, Thing, X, Y


class Narrow(kibitz.callbacks.Callback):
    """A hook that forgot its arguments."""

    def on_epoch_end(self):
        pass


def spread(y_true, y_pred):
    """A metric of which nobody knows whether more or less is better."""
    return abs(y_true - y_pred)


CASES = [
    Case(
        "a class",
        lambda at: at.fit(callbacks=[kibitz.callbacks.EarlyStopping]),
        WrongType,
        TypeError,
        """
        callbacks[0] is a class, and a callback is an instance.
          given    the class EarlyStopping
          wanted   an instance
          cure     EarlyStopping()
        """,
    ),
    Case(
        "a function",
        lambda at: at.fit(callbacks=[lambda epoch, logs: None]),
        WrongType,
        TypeError,
        """
        callbacks[0] is a function, and a callback is an object with hooks.
          given    the function <lambda>
          wanted   an object with methods such as on_epoch_end
          cure     LambdaCallback(on_epoch_end=lambda epoch, logs: ...)
        """,
    ),
    Case(
        "print",
        lambda at: at.fit(callbacks=[print]),
        WrongType,
        TypeError,
        """
        callbacks[0] is a function, and a callback is an object with hooks.
          given    the function print
          wanted   an object with methods such as on_epoch_end
          cure     LambdaCallback(on_epoch_end=lambda epoch, logs: ...)
        """,
    ),
    Case(
        "an object without hooks",
        lambda at: at.fit(callbacks=[Thing()]),
        WrongType,
        TypeError,
        """
        callbacks[0] is not a callback: it has no hook.
          given    <Thing>
          wanted   an object with methods such as on_epoch_end
          cure     class MyCallback(kibitz.callbacks.Callback): ...
        """,
    ),
    Case(
        "None among the callbacks",
        lambda at: at.fit(callbacks=[None]),
        WrongType,
        TypeError,
        """
        callbacks[0] is not a callback: it has no hook.
          given    None
          wanted   an object with methods such as on_epoch_end
          cure     class MyCallback(kibitz.callbacks.Callback): ...
        """,
    ),
    Case(
        "a callback's name",
        lambda at: at.line.fit(X, Y, callbacks="EarlyStopping", verbose=0),
        WrongType,
        TypeError,
        """
        callbacks[0] is not a callback: it has no hook.
          given    'EarlyStopping'
          wanted   an object with methods such as on_epoch_end
          cure     class MyCallback(kibitz.callbacks.Callback): ...
        """,
    ),
    Case(
        "print in evaluate",
        lambda at: at.evaluate(callbacks=[print]),
        WrongType,
        TypeError,
        """
        callbacks[0] is a function, and a callback is an object with hooks.
          given    the function print
          wanted   an object with methods such as on_epoch_end
          cure     LambdaCallback(on_epoch_end=lambda epoch, logs: ...)
        """,
    ),
    Case(
        "print in predict",
        lambda at: at.predict(callbacks=[print]),
        WrongType,
        TypeError,
        """
        callbacks[0] is a function, and a callback is an object with hooks.
          given    the function print
          wanted   an object with methods such as on_epoch_end
          cure     LambdaCallback(on_epoch_end=lambda epoch, logs: ...)
        """,
    ),
    Case(
        "a hook that cannot take its arguments",
        lambda at: at.fit(callbacks=[Narrow()]),
        WrongType,
        TypeError,
        """
        Narrow.on_epoch_end cannot take what it will be given: too many positional arguments.
          given    def on_epoch_end()
          wanted   on_epoch_end(epoch, logs)
          cure     def on_epoch_end(self, epoch, logs=None): ...
        """,
    ),
    Case(
        "a misspelt monitor",
        lambda at: at.fit(callbacks=[kibitz.callbacks.EarlyStopping("val_los")], validation_split=0.5),
        UnknownMonitor,
        ValueError,
        """
        EarlyStopping has nothing to watch: there will be no "val_los".
          given    EarlyStopping(monitor="val_los")
          there is loss, mae, val_loss, val_mae
          nearest  "val_loss"
          cure     EarlyStopping(monitor="val_loss"); or name the metric so: compile(metrics=[...(name="los")])
        """,
    ),
    Case(
        "a misspelt monitor with a mode",
        lambda at: at.fit(callbacks=[kibitz.callbacks.EarlyStopping("val_los", mode="min")], validation_split=0.5),
        UnknownMonitor,
        ValueError,
        """
        EarlyStopping has nothing to watch: there will be no "val_los".
          given    EarlyStopping(monitor="val_los")
          there is loss, mae, val_loss, val_mae
          nearest  "val_loss"
          cure     EarlyStopping(monitor="val_loss"); or name the metric so: compile(metrics=[...(name="los")])
        """,
    ),
    Case(
        "a misspelt monitor of ReduceLROnPlateau",
        lambda at: at.fit(callbacks=[kibitz.callbacks.ReduceLROnPlateau("val_acc")], validation_split=0.5),
        UnknownMonitor,
        ValueError,
        """
        ReduceLROnPlateau has nothing to watch: there will be no "val_acc".
          given    ReduceLROnPlateau(monitor="val_acc")
          there is loss, mae, val_loss, val_mae
          nearest  "val_mae"
          cure     ReduceLROnPlateau(monitor="val_mae"); or name the metric so: compile(metrics=[...(name="acc")])
        """,
    ),
    Case(
        "a misspelt monitor of ModelCheckpoint",
        lambda at: at.fit(callbacks=[kibitz.callbacks.ModelCheckpoint("m.keras", "los", save_best_only=True)]),
        UnknownMonitor,
        ValueError,
        """
        ModelCheckpoint has nothing to watch: there will be no "los".
          given    ModelCheckpoint(monitor="los")
          there is loss, mae
          nearest  "loss"
          cure     ModelCheckpoint(monitor="loss"); or name the metric so: compile(metrics=[...(name="los")])
        """,
    ),
    Case(
        "a monitor without validation",
        lambda at: at.fit(callbacks=[kibitz.callbacks.EarlyStopping()]),
        UnknownMonitor,
        ValueError,
        """
        EarlyStopping has nothing to watch: there will be no "val_loss", since fit was given no validation data.
          given    EarlyStopping(monitor="val_loss"), fit(validation_data=None, validation_split=0.0)
          there is loss, mae
          cure     fit(..., validation_split=0.1), or EarlyStopping(monitor="loss")
        """,
    ),
    Case(
        "a monitor whose better side nobody knows",
        lambda at: (
            at.spare.compile("sgd", "mse", metrics=[spread]),
            at.fit(model=at.spare, callbacks=[kibitz.callbacks.EarlyStopping("spread")]),
        ),
        UnknownDirection,
        ValueError,
        """
        EarlyStopping cannot tell whether more or less of "spread" is better.
          given    EarlyStopping(monitor="spread", mode="auto")
          wanted   mode="max" or mode="min"
          cure     EarlyStopping(monitor="spread", mode="max") if more is better
        """,
    ),
    Case(
        "a mode of its own",
        lambda at: kibitz.callbacks.EarlyStopping(mode="minimum"),
        InvalidArgument,
        ValueError,
        """
        EarlyStopping knows no such mode.
          given    'minimum'
          there is auto, min, max
          nearest  "min"
          cure     EarlyStopping(mode="auto")
        """,
    ),
    Case(
        "a monitor that is a number",
        lambda at: kibitz.callbacks.EarlyStopping(monitor=3),
        WrongType,
        TypeError,
        """
        EarlyStopping watches one number by its name.
          given    3
          wanted   a key of the logs, as a string
          cure     EarlyStopping(monitor="val_loss")
        """,
    ),
    Case(
        "a negative patience",
        lambda at: kibitz.callbacks.EarlyStopping(patience=-1),
        InvalidArgument,
        ValueError,
        """
        EarlyStopping cannot work with this patience.
          given    -1
          wanted   a number, 0 or more
          cure     EarlyStopping(patience=3)
        """,
    ),
    Case(
        "a patience of text",
        lambda at: kibitz.callbacks.EarlyStopping(patience="3"),
        InvalidArgument,
        ValueError,
        """
        EarlyStopping cannot work with this patience.
          given    '3'
          wanted   a number, 0 or more
          cure     EarlyStopping(patience=3)
        """,
    ),
    Case(
        "a min_delta of text",
        lambda at: kibitz.callbacks.EarlyStopping(min_delta="small"),
        InvalidArgument,
        ValueError,
        """
        EarlyStopping cannot work with this min_delta.
          given    'small'
          wanted   a number
          cure     EarlyStopping(min_delta=0)
        """,
    ),
    Case(
        "a factor of 1",
        lambda at: kibitz.callbacks.ReduceLROnPlateau(factor=1.0),
        InvalidArgument,
        ValueError,
        """
        ReduceLROnPlateau cannot work with this factor.
          given    1.0
          wanted   a number, 0 or more, less than 1
          cure     ReduceLROnPlateau(factor=0.1)
        """,
    ),
    Case(
        "a negative factor",
        lambda at: kibitz.callbacks.ReduceLROnPlateau(factor=-0.1),
        InvalidArgument,
        ValueError,
        """
        ReduceLROnPlateau cannot work with this factor.
          given    -0.1
          wanted   a number, 0 or more, less than 1
          cure     ReduceLROnPlateau(factor=0.1)
        """,
    ),
    Case(
        "a rate in place of a schedule",
        lambda at: kibitz.callbacks.LearningRateScheduler(0.1),
        WrongType,
        TypeError,
        """
        LearningRateScheduler asks a function for each rate.
          given    0.1
          wanted   a function of (epoch, lr)
          cure     LearningRateScheduler(lambda epoch, lr: lr * 0.9)
        """,
    ),
    Case(
        "a file name without its ending",
        lambda at: kibitz.callbacks.ModelCheckpoint("model.txt"),
        InvalidArgument,
        ValueError,
        """
        The filepath provided must end in `.keras` (Keras model format).
          given    'model.txt'
          wanted   a path that ends in ".keras"
          cure     ModelCheckpoint("model.txt.keras")
        """,
    ),
    Case(
        "a file name of weights without its ending",
        lambda at: kibitz.callbacks.ModelCheckpoint("model.h5", save_weights_only=True),
        InvalidArgument,
        ValueError,
        """
        When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in `.weights.h5` (Keras weights format).
          given    'model.h5'
          wanted   a path that ends in ".weights.h5"
          cure     ModelCheckpoint("model.weights.h5")
        """,  # noqa: E501
    ),
    Case(
        "a file name with a key that will not be",
        lambda at: at.fit(callbacks=[kibitz.callbacks.ModelCheckpoint("{val_loss}.keras")]),
        UnknownKey,
        ValueError,
        """
        ModelCheckpoint failed to format this filepath: "{val_loss}.keras" asks for "val_loss".
          given    'val_loss'
          there is epoch, loss, mae
          nearest  "loss"
          cure     fit(..., validation_split=0.1), or use a name that is there, or leave it out
        """,
    ),
    Case(
        "a file name that looks inside",
        lambda at: at.fit(callbacks=[kibitz.callbacks.ModelCheckpoint("{epoch.__class__}.keras")]),
        InvalidArgument,
        ValueError,
        """
        ModelCheckpoint cannot use this filepath: a field is a name, and {epoch.__class__} is not one.
          given    '{epoch.__class__}.keras'
          wanted   {name} or {name:.2f}, with names of the logs, epoch and batch
          cure     "{epoch:02d}-{val_loss:.2f}.keras"
        """,
    ),
    Case(
        "a file name below a file",
        lambda at: (Path("file").touch(), at.fit(callbacks=[kibitz.callbacks.ModelCheckpoint("file/m.keras")])),
        UnusableFile,
        OSError,
        """
        m.keras could not be written: Not a directory.
          given    'file/m.keras'
          wanted   a folder above it, where there is a file
          cure     give another path, or change who may write there
        """,
    ),
    Case(
        "a save_freq of 0",
        lambda at: kibitz.callbacks.ModelCheckpoint("m.keras", save_freq=0),
        InvalidArgument,
        ValueError,
        """
        ModelCheckpoint saves every epoch, or every so many batches.
          given    0
          wanted   "epoch", or a whole number of batches, 1 or more
          cure     ModelCheckpoint(..., save_freq="epoch")
        """,
    ),
    Case(
        "a save_freq of a word",
        lambda at: kibitz.callbacks.ModelCheckpoint("m.keras", save_freq="batch"),
        InvalidArgument,
        ValueError,
        """
        ModelCheckpoint saves every epoch, or every so many batches.
          given    'batch'
          wanted   "epoch", or a whole number of batches, 1 or more
          cure     ModelCheckpoint(..., save_freq="epoch")
        """,
    ),
    Case(
        "a backup without a folder",
        lambda at: kibitz.callbacks.BackupAndRestore(""),
        InvalidArgument,
        ValueError,
        """
        Empty `backup_dir` argument passed.
          given    ''
          wanted   the path of a folder
          cure     BackupAndRestore("backup")
        """,
    ),
    Case(
        "a backup every 0 batches",
        lambda at: kibitz.callbacks.BackupAndRestore("backup", save_freq=0),
        InvalidArgument,
        ValueError,
        """
        BackupAndRestore saves every epoch, or every so many batches.
          given    0
          wanted   "epoch", or a whole number of batches, 1 or more
          cure     BackupAndRestore(..., save_freq="epoch")
        """,
    ),
    Case(
        "a table of logs below a file",
        lambda at: (Path("file").touch(), at.fit(callbacks=[kibitz.callbacks.CSVLogger("file/log.csv")])),
        UnusableFile,
        OSError,
        """
        CSVLogger cannot write its file: File exists.
          given    'file/log.csv'
          wanted   a file that can be written, in a folder that is there or can be made
          cure     CSVLogger("training.csv")
        """,
    ),
    Case(
        "a word that is no hook",
        lambda at: kibitz.callbacks.LambdaCallback(on_epoch_ends=print),
        UnknownName,
        ValueError,
        """
        There is no hook of this name.
          given    'on_epoch_ends'
          there is on_batch_begin, on_batch_end, on_epoch_begin, on_epoch_end, on_predict_batch_begin, on_predict_batch_end, on_predict_begin, on_predict_end, on_run_end, on_test_batch_begin, on_test_batch_end, on_test_begin, on_test_end, on_train_batch_begin, on_train_batch_end, on_train_begin, on_train_end
          nearest  "on_epoch_end"
          cure     LambdaCallback(on_epoch_end=lambda epoch, logs: ...)
        """,  # noqa: E501
    ),
    Case(
        "a board every 0 batches",
        lambda at: kibitz.callbacks.TensorBoard(update_freq=0),
        InvalidArgument,
        ValueError,
        """
        TensorBoard writes every epoch, or also every so many batches.
          given    0
          wanted   "epoch", "batch", or a whole number of batches, 1 or more
          cure     TensorBoard(..., update_freq="epoch")
        """,
    ),
    Case(
        "a profile that ends before it begins",
        lambda at: kibitz.callbacks.TensorBoard(profile_batch=(20, 10)),
        InvalidArgument,
        ValueError,
        """
        profile_batch says which batches are profiled, counted from 1.
          given    (20, 10)
          wanted   a batch, or the first and the last one; 0 for none
          cure     TensorBoard(profile_batch=(10, 20))
        """,
    ),
    Case(
        "labels of a layer that is not there",
        lambda at: at.fit(
            callbacks=[kibitz.callbacks.TensorBoard(embeddings_freq=1, embeddings_metadata={"words": "labels.tsv"})]
        ),
        UnknownName,
        ValueError,
        """
        embeddings_metadata names a layer, and no embedding has this name.
          given    'words'
          there is nothing
          cure     leave it out
        """,
    ),
]
