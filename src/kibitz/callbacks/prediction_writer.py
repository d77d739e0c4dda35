"""Writing what the model predicts into files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.spool import Spool
from kibitz.checkpoint.files import local, probe
from kibitz.checkpoint.template import Template
from kibitz.errors import InvalidArgument, WrongType

NAME = "PredictionWriter"
MOMENTS = ("epoch", "end")
ENDINGS = (".npz", ".csv")


class PredictionWriter(Callback):
    """Write predictions into a file: of given inputs while a model is trained, or those of a predict as they come.

    With `x`, give it to `fit`: it predicts at the end of every epoch, or once at the end of training. Without, give it
    to `predict`: it lays each batch's outputs on the disk, so that it keeps one batch in memory (`predict` itself keeps
    them all, to return them). A file appears whole, when its last row is there, or not at all.

    Args:
        path: The file: ".npz" has an array under the name "outputs", or one for each output of the model under its
            own; ".csv" has a line for each row, with a column for each number. Numbers may stand in it when training,
            as in ModelCheckpoint: `{epoch:03d}` (from 1) and the keys of the logs. Without one the file is replaced.
        x: The inputs: an array, or a dict, list or tuple of arrays. None writes what a predict gives.
        at: "epoch" writes at the end of every epoch, "end" once at the end of training.
        batch_size: Rows in a batch of these predictions. None means 32.

    Raises:
        InvalidArgument: If `path` has another ending, or asks for numbers without `x`; if `at` is neither of the two;
            before the first step, if it was given to `fit` without `x`, or to `predict` with `x`.
        UnknownKey: Before the first step, if `path` asks for a number that will not be there.
        UnusableFile: Before the first step, if nothing can be written where `path` lies.
        WrongType: If `x` is not arrays; before the first step (in a predict, at its first batch), if a ".csv" would
            have to hold more than a list of numbers in a row.
        ShapeMismatch: Before the first step, if the model cannot take `x`.

    Attributes: `epoch`, the number of the epoch that was begun last, from 0.

    Reads: with `x`, the model, by a prediction an epoch, and one of a row before the first step; without, the outputs
        of each batch.
    Changes: nothing in the model; writes files.
    Keeps: epoch, for the name of a file that is written at the end.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import tempfile, pathlib, numpy as np, kibitz
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1, kernel_initializer="ones")])
        >>> path = pathlib.Path(tempfile.mkdtemp(), "predicted.csv")
        >>> _ = model.predict(np.eye(2), verbose=0, callbacks=[kibitz.callbacks.PredictionWriter(path)])
        >>> print(path.read_text())
        row,outputs
        0,1.0
        1,1.0

    Source: https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.BasePredictionWriter.html (the
        idea).
    """

    adds = ()

    def __init__(
        self, path: str | os.PathLike[str], x: Any = None, *, at: str = "epoch", batch_size: int | None = None
    ):
        super().__init__()
        self.path = os.fspath(local(path))
        if not self.path.endswith(ENDINGS):
            raise InvalidArgument(
                f"{NAME} writes arrays or lines, and the file's ending says which.",
                given=self.path,
                wanted='a path that ends in ".npz" or ".csv"',
                cure=f'{NAME}("{local(path).with_suffix(".npz")}")',
            )
        if at not in MOMENTS:
            raise InvalidArgument(f"{NAME} writes at other moments.", given=at, there_is=MOMENTS,
                                  cure=f'{NAME}(path, x, at="epoch")')  # fmt: skip
        self.at, self.batch_size = at, batch_size
        self._x = x
        self._template = Template(self.path, NAME)
        if x is None and self._template.names:
            raise InvalidArgument(
                f"{NAME} has no epochs and no logs to fill this name with: without x it writes what a predict gives.",
                given=self.path,
                wanted="a path without numbers, or inputs to predict while training",
                cure=f"{NAME}(path, x)",
            )
        self.epoch = 0
        self._spool: Spool | None = None

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that there is something to predict from, and a place for it."""
        if self._x is None:
            cure = f"{NAME}(path, x_val), or model.predict(x, callbacks=[{NAME}(path)])"
            raise InvalidArgument(f"{NAME} has nothing to predict from while a model is trained.", given=self._x,
                                  wanted="inputs", cure=cure)  # fmt: skip
        self._template.check(("epoch", *forecast.epoch_keys), open=forecast.open)
        path = local(self._template.fill(dict.fromkeys(self._template.names, 1)))
        probe(path)
        first = _first_row(self._x)
        if hasattr(self.model, "build_for"):
            self.model.build_for(first, f"{NAME}'s x")
        Spool(path, NAME).check(_named(self.model.predict(first, verbose=0)))

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Remember the epoch's number."""
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Write, if that is done every epoch."""
        if self.at == "epoch" and self._x is not None:
            self._predict(epoch, logs or {})

    def on_train_end(self, logs: Numbers = None) -> None:
        """Write, if that is done at the end."""
        if self.at == "end" and self._x is not None:
            self._predict(self.epoch, logs or {})

    def on_predict_begin(self, logs: Numbers = None) -> None:
        """Make ready for what comes, and see that it has a place."""
        if self._x is not None:
            raise InvalidArgument(f"{NAME} has inputs of its own, for `fit`, and predict has others.", given=self._x,
                                  wanted="no x", cure=f'{NAME}("{self.path}")')  # fmt: skip
        probe(self.path)
        self._spool = Spool(local(self.path), NAME)

    @heard_where(lambda self: self._x is None)
    def on_predict_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Lay the batch's outputs down."""
        if self._spool is not None and logs:
            self._spool.add(_named(logs["outputs"] if set(logs) == {"outputs"} else dict(logs)))

    def on_predict_end(self, logs: Numbers = None) -> None:
        """Put the file in its place."""
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.write()

    def on_run_end(self, outcome: object) -> None:
        """Forget what is not whole, if something went wrong."""
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.drop()

    def _predict(self, epoch: int, logs: dict[str, Any]) -> None:
        spool = Spool(local(self._template.fill({"epoch": epoch + 1, **logs})), NAME)
        try:
            spool.add(_named(self.model.predict(self._x, batch_size=self.batch_size, verbose=0)))
            spool.write()
        finally:
            spool.drop()


def _first_row(x: Any) -> Any:
    if isinstance(x, dict):
        return {name: _first_row(each) for name, each in x.items()}
    if isinstance(x, list | tuple):
        return type(x)(_first_row(each) for each in x)
    if not hasattr(x, "shape"):
        raise WrongType(f"{NAME} predicts from the same inputs again and again.", given=x, wanted="arrays",
                        cure=f"{NAME}(path, x_val)")  # fmt: skip
    return x[:1]


def _named(outputs: Any) -> dict[str, np.ndarray]:
    """Outputs by name: "outputs" alone, those of a dict by theirs, those of a list by number."""
    if isinstance(outputs, dict):
        found = [(f"{name}_{key}" if key != "outputs" else name, value)
                 for name, each in outputs.items() for key, value in _named(each).items()]  # fmt: skip
        return dict(found)
    if isinstance(outputs, list | tuple):
        return _named({f"outputs_{place}": each for place, each in enumerate(outputs)})
    return {"outputs": np.asarray(outputs)}
