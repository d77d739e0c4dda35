"""A few samples, and what the model makes of them, as a picture an epoch."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.figure import check_picture, new_figure, save_figure
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.sample_panels import Panels
from kibitz.checkpoint.files import local, probe
from kibitz.checkpoint.template import Template
from kibitz.errors import EmptyData, InvalidArgument, ShapeMismatch, WrongType, code

NAME = "SampleViewer"
MOST = 24


class SampleViewer(Callback):
    """Draw what the model gives for a few fixed samples, at the end of every epoch.

    Use it where a number does not say what goes wrong: reconstructions, segmentations, forecasts, what is taken for
    what. Each sample is a column: its input, if that is an image, the model's output, and the target. Images are shown
    on one scale, that of the targets or the inputs, so that epochs can be compared; vectors are drawn as bars, or as a
    line if they are long, with the true class in another colour where targets are class numbers.

    Args:
        x: The inputs of up to 24 samples [rows, ...]. Images are [rows, height, width] or [rows, height, width, 1, 3
            or 4].
        y: Their targets, like the outputs, or class numbers [rows]. None draws none.
        path: Where to: a .png, .svg, .pdf or .jpg file. Numbers may stand in it as in ModelCheckpoint:
            `{epoch:03d}` (from 1) and the keys of the logs. Without one the same file is replaced each time.

    Raises:
        WrongType: If `x` or `y` is not an array; before the first step, if the model has several outputs.
        EmptyData: If `x` has no rows.
        InvalidArgument: If `x` has more than 24 rows, or `path` is not that of a picture.
        ShapeMismatch: If `y` has another number of rows; before the first step, if the model cannot take `x`.
        UnknownKey: Before the first step, if `path` asks for a number that will not be there.
        UnusableFile: Before the first step, if nothing can be written where `path` lies.
        MissingExtra: If matplotlib is not installed.

    Reads: the model, by a prediction an epoch, and one before the first step, to see that it can take `x`.
    Changes: nothing in the model; writes files, each whole or not at all.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import os, tempfile, numpy as np, kibitz
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(3, activation="softmax")])
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> x, y = np.eye(2), np.array([0, 2])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     view = kibitz.callbacks.SampleViewer(x, y, path=os.path.join(folder, "{epoch:02d}.png"))
        ...     _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[view])
        ...     sorted(os.listdir(folder))
        ['01.png', '02.png']

    Source: https://docs.fast.ai/learner.html (the idea: show_results).
    """

    adds = ()

    def __init__(self, x: Any, y: Any = None, *, path: str | os.PathLike[str]):
        super().__init__()
        self.path = os.fspath(local(path))
        check_picture(NAME, self.path)
        self._template = Template(self.path, NAME)
        self._x, self._y = _rows("x", x), None if y is None else _rows("y", y)
        if not len(self._x):
            raise EmptyData(f"{NAME} has nothing to show.", given=x, wanted="1 row or more", cure=f"{NAME}(x_val[:8])")
        if len(self._x) > MOST:
            wanted = f"{MOST} rows or fewer"
            raise InvalidArgument(f"{NAME} shows a few samples.", given=x, wanted=wanted, cure=f"{NAME}(x_val[:8])")
        if self._y is not None and len(self._y) != len(self._x):
            raise ShapeMismatch(f"{NAME} shows a target beside each sample.", given=y, wanted=f"{len(self._x)} rows",
                                cure=f"{NAME}(x_val[:8], y_val[:8])")  # fmt: skip

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the model can take the samples, and that the picture has a place."""
        self._template.check(("epoch", *forecast.epoch_keys), open=forecast.open)
        probe(self._template.fill(dict.fromkeys(self._template.names, 1)))
        if hasattr(self.model, "build_for"):
            self.model.build_for(self._x, f"{NAME}'s x")
        self._outputs()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Draw."""
        logs = logs or {}
        panels = Panels(self._x, self._y, self._outputs())
        figure = new_figure(*panels.size)
        panels.draw(figure)
        shown = [f"{key} {logs[key]:.4g}" for key in ("loss", "val_loss") if key in logs]
        figure.suptitle("   ".join([f"epoch {epoch + 1}", *shown]))
        save_figure(figure, local(self._template.fill({"epoch": epoch + 1, **logs})))

    def _outputs(self) -> np.ndarray:
        outputs = self.model.predict(self._x, batch_size=len(self._x), verbose=0)
        if isinstance(outputs, dict | list | tuple):
            raise WrongType(
                f"{NAME} draws one output, and the model has {len(outputs)}.",
                given=code(f"model.predict(x) gives a {type(outputs).__name__}"),
                wanted="a model of one output",
                cure="a callback of your own: def on_epoch_end(self, epoch, logs=None): self.model.predict(...)",
            )
        return np.asarray(outputs)


def _rows(name: str, given: Any) -> np.ndarray:
    if not hasattr(given, "shape") or not np.ndim(given):
        raise WrongType(f"{NAME} takes {name} as an array.", given=given, wanted="an array, rows first",
                        cure=f"{NAME}(x_val[:8], y_val[:8], path=...)")  # fmt: skip
    return np.array(given)  # a copy: the sample stays the same, whatever becomes of the user's array
