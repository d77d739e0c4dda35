"""Everything that can be looked at in TensorBoard, written while a model is trained."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.board.event_file import EventFile
from kibitz.callbacks.board.model_graph import write_graph
from kibitz.callbacks.board.pace import Pace
from kibitz.callbacks.board.profile_range import ProfileRange
from kibitz.callbacks.board.projector import Projector
from kibitz.callbacks.board.summaries import histogram, number_or_text, picture
from kibitz.callbacks.board.written import Written
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.learning_rate import log_rates
from kibitz.checkpoint.files import local, probe
from kibitz.errors import InvalidArgument, MissingExtra, WrongType, code

TRAIN, VALIDATION = "train", "validation"
"""The folders within `log_dir`: the viewer shows each as a run."""


class TensorBoard(Callback):
    """Write what TensorBoard shows: curves, histograms and pictures of weights, the graph, embeddings, a profile.

    Then look at it with `tensorboard --logdir logs`. TensorFlow is not needed; the package tensorboard is:
    `pip install "kibitz[tensorboard]"`. docs/tensorboard.md shows what stands where.

    Args:
        log_dir: The folder. What training gives goes into its folder "train", what validation gives into "validation".
        histogram_freq: Every how many epochs histograms of all weights are written, from the first epoch on; 0: never.
        write_graph: Write the model's graph when a run begins.
        write_images: With every histogram, write the weight as a picture too.
        write_steps_per_second: Write how fast it went: for each epoch, and with the numbers of batches.
        update_freq: "epoch" writes the logs of epochs alone; "batch", or a number of batches, writes those of batches
            as well, every so many.
        profile_batch: The batch that JAX's profiler looks on at, or a pair of the first and the last one, counted from
            1 in each fit; "2,5" is (2, 5), and 0 is none.
        embeddings_freq: Every how many epochs the vectors of embeddings are written for the projector; 0: never.
        embeddings_metadata: The file, within `log_dir`, that has a label for each vector; a dict has one for each
            layer's name. None: vectors have numbers alone.

    Raises:
        MissingExtra: If tensorboard is not installed.
        InvalidArgument: If a frequency or `profile_batch` is none.
        WrongType: If `log_dir` is no path, or another argument is not True or False.
        UnknownName: Before the first step, if `embeddings_metadata` names a layer that is not there.
        UnusableFile: Before the first step, if nothing can be written there; and when the disk refuses later.

    Attributes: all arguments, and `train_step`, the batches that were trained on, in whatever fit: the step at which
        the numbers of batches are written.

    Reads: logs; the learning rate at the ends of epochs; weights when they are to be written.
    Changes: nothing in the model; writes files. To profile, the device is made to do the batches of the range one by
        one, each when it is due.
    Keeps: `train_step`, which goes on from fit to fit, and from the optimizer's iterations in a new process; which
        files it has written in a durable run, and how long they were: what a process wrote after the commit that the
        next one goes on with is cut off.
    Unlike Keras: TensorFlow is not needed; steps go on in the next fit; the numbers of epochs, weights and evaluations
        are written whatever `update_freq` is; the page of graphs always has one to open with; pictures show negative
        weights too; the vectors of embeddings are text that the projector reads, the latest alone; files are closed
        after an exception too.

    Example:
        >>> import kibitz, tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> epochs = [{"loss": 2.0, "val_loss": 3.0}, {"loss": 1.0, "val_loss": 2.0}]
        >>> _ = kibitz.testing.drive(kibitz.callbacks.TensorBoard(folder), epochs=epochs)
        >>> sorted(path.name for path in folder.iterdir())
        ['train', 'validation']

    Source: https://keras.io/api/callbacks/tensorboard/
    """

    adds = ()

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | str | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | Mapping[str, str] | None = None,
    ):
        super().__init__()
        if find_spec("tensorboard") is None:
            raise MissingExtra("TensorBoard's files are written with the package tensorboard, and it is not installed.",
                               given=code("kibitz.callbacks.TensorBoard(...)"), wanted="tensorboard",
                               cure='pip install "kibitz[tensorboard]"')  # fmt: skip
        self.log_dir = str(local(log_dir))
        self.histogram_freq = _epochs("histogram_freq", histogram_freq)
        self.write_graph = _yes_or_no("write_graph", write_graph)
        self.write_images = _yes_or_no("write_images", write_images)
        self.write_steps_per_second = _yes_or_no("write_steps_per_second", write_steps_per_second)
        self.update_freq = _batches(update_freq)
        self.profile_batch = profile_batch
        self.embeddings_freq = _epochs("embeddings_freq", embeddings_freq)
        self.embeddings_metadata = embeddings_metadata
        for name, value, needed in (("write_images", write_images, "histogram_freq"),
                                    ("embeddings_metadata", embeddings_metadata, "embeddings_freq")):  # fmt: skip
            if value and not getattr(self, needed):
                warnings.warn(f"TensorBoard(..., {name}=...) does nothing without {needed}=1.", stacklevel=2)
        self.train_step = 0
        self._profile = ProfileRange(profile_batch)
        self._projector = Projector(Path(self.log_dir), embeddings_metadata)
        self._pace, self._epoch_began = Pace(), (0, 0.0)
        self._files: dict[str, EventFile] = {}
        self._written = Written(Path(self.log_dir), (TRAIN, VALIDATION))
        self._training, self._owes_graph = False, False

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the folder can be written to, and that the layers are there."""
        probe(Path(self.log_dir, TRAIN, "events"))
        if self.embeddings_freq:
            self._projector.check(self.model)

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Write the graph; in a run that goes on it stands in the first file."""
        self._close()
        self._profile.rewind()
        self._written.begin()
        self._owes_graph = self.run is not None and self.run.resumed
        if not self._owes_graph:
            self._graph()
        self._training = True

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Learn where the optimizer is: it may have gone on from a backup."""
        steps = self._iterations() or 0
        self.train_step = max(self.train_step, steps)
        self._epoch_began = steps, time.perf_counter()
        self._pace.begin()

    @heard_where(lambda self: self._profile)
    def on_train_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """Begin the profile, if it is this batch's turn."""
        self._profile.begin(self.model, Path(self.log_dir, TRAIN))

    @heard_where(lambda self: self._profile or self.update_freq != "epoch")
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Write the batch's numbers, if they are due, and end the profile, if this was its last batch."""
        self.train_step += 1
        self._pace.tick()
        if self.update_freq != "epoch" and self.train_step % int(self.update_freq) == 0:
            values = dict(logs or {})
            if self.write_steps_per_second:
                values["steps_per_second"] = self._pace.rate()
            self._write(TRAIN, self.train_step, {f"batch_{name}": value for name, value in values.items()})
        if self._profile:
            self._profile.end()

    def on_test_begin(self, logs: Numbers = None) -> None:
        """Write the graph, if this is an evaluation alone."""
        if not self._training:
            self._graph()

    def on_test_end(self, logs: Numbers = None) -> None:
        """Write what was measured, against the optimizer's iterations."""
        steps = self._iterations()
        if steps is not None:
            of = f"{self.run.validating}_" if self.run is not None and self.run.validating else ""
            values = {f"evaluation_{of}{name}_vs_iterations": value for name, value in (logs or {}).items()}
            self._write(VALIDATION, steps, values)
        if not self._training:
            self._close()

    def on_predict_begin(self, logs: Numbers = None) -> None:
        """Write the graph."""
        if not self._training:
            self._graph()

    def on_predict_end(self, logs: Numbers = None) -> None:
        """Close the file."""
        if not self._training:
            self._close()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Write the epoch's numbers, and weights and embeddings if they are due."""
        if logs:
            train = {name: value for name, value in logs.items() if not name.startswith("val_")}
            if hasattr(getattr(self.model, "optimizer", None), "learning_rate"):
                log_rates(self.model, train)
            if self.write_steps_per_second:
                train["steps_per_second"] = self._epoch_rate()
            val = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
            for folder, values in ((TRAIN, train), (VALIDATION, val)):
                self._write(folder, epoch, {f"epoch_{name}": value for name, value in values.items()})
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._projector.write(self.model)

    def on_train_end(self, logs: Numbers = None) -> None:
        """Close what is open."""
        self._close()

    def on_run_end(self, outcome: object) -> None:
        """Close what is open, whatever ended the run."""
        self._close()

    def get_state(self) -> dict[str, Any]:
        """How many batches were trained on, and how far the files are written."""
        return {"train_step": self.train_step, **self._written.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on there: what was written after it will be written again.

        Raises:
            UnusableFile: If it names files that this callback cannot have written.
        """
        self._written.set_state(state)
        self.train_step = state["train_step"]
        self._epoch_began = self._iterations() or 0, time.perf_counter()

    def _iterations(self) -> int | None:
        counted = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        return None if counted is None else int(counted)

    def _epoch_rate(self) -> float:
        before, began = self._epoch_began
        return ((self._iterations() or 0) - before) / max(time.perf_counter() - began, 1e-9)

    def _graph(self) -> None:
        if self.write_graph:
            write_graph(self.model, self._file(TRAIN))

    def _weights(self, epoch: int) -> None:
        for weight in self.model.weights:
            name, value = weight.path.replace(":", "_"), np.asarray(weight, "float32")
            shown = [histogram(f"{name}/histogram", value)]
            if self.write_images:
                shown.append(picture(f"{name}/image", value))
            self._file(TRAIN).write(epoch, [each for each in shown if each is not None])

    def _write(self, folder: str, step: int, values: Mapping[str, Any]) -> None:
        if values:
            self._file(folder).write(step, [number_or_text(tag, value) for tag, value in values.items()])

    def _file(self, folder: str) -> EventFile:
        """The event file of a folder, made when there is something to write."""
        if folder not in self._files:
            first = not self._written.of(folder)
            self._files[folder] = EventFile(Path(self.log_dir, folder), self._written.mark)
            if self._owes_graph and first and folder == TRAIN:
                self._graph()
        return self._files[folder]

    def _close(self) -> None:
        self._training = False
        self._profile.close()
        files, self._files = self._files, {}
        for file in files.values():
            file.close()


def _yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongType(f"{name} is yes or no.", given=value, wanted="True or False",
                        cure=f"TensorBoard(..., {name}=True)")  # fmt: skip
    return value


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least


def _epochs(name: str, value: Any) -> int:
    if not _whole(value, 0):
        raise InvalidArgument(f"{name} is a number of epochs.", given=value, wanted="a whole number; 0 for never",
                              cure=f"TensorBoard(..., {name}=1)")  # fmt: skip
    return int(value)


def _batches(value: Any) -> str | int:
    if value == "batch":
        return 1
    if value == "epoch":
        return "epoch"
    if not _whole(value, 1):
        raise InvalidArgument("TensorBoard writes every epoch, or also every so many batches.", given=value,
                              wanted='"epoch", "batch", or a whole number of batches, 1 or more',
                              cure='TensorBoard(..., update_freq="epoch")')  # fmt: skip
    return int(value)
