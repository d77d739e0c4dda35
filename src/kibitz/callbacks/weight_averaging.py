"""An average of the weights along the way, which is often better than the last of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.moving_statistics import estimated_anew, has_statistics, row_count
from kibitz.callbacks.number import number
from kibitz.clock import Cadence
from kibitz.errors import EmptyData, InvalidArgument, WrongType, code

NAME = "WeightAveraging"
KINDS = ("ema", "swa")


class WeightAveraging(Callback):
    """Keep an average of the weights, validate with it, and leave it in the model when training ends.

    "ema" is an exponential moving average, read every few batches: it follows the training and smooths it. "swa"
    (stochastic weight averaging) is the plain mean of the weights at the ends of epochs from `start` on: give it a
    constant or cyclic learning rate there. The average is kept in main memory, and a reading costs a copy of the
    weights; where the average of every step is wanted, `optimizer=Adam(use_ema=True)` keeps it on the device.

    From the beginning of a validation on, the model has the averaged weights; it gets those of the training back when
    this callback's next `on_train_batch_end` or `on_epoch_end` comes. So put it behind the callbacks that shall see the
    averaged ones there, such as ModelCheckpoint, and before those that shall not. Of two that leave weights behind in
    the end, such as this and EarlyStopping with `restore_best_weights`, the later one has its way.

    Batch normalization: the statistics of averaged weights are not the average of statistics. Along a moving average
    the weights lie close together, and the averaged statistics are as good as the layers' own, which are averages as
    well. Weights of distant epochs do not, and "swa" therefore asks for `data`: from these inputs the statistics are
    estimated anew, whenever the averaged weights are put in. "ema" does the same if it is given them.

    Args:
        kind: "ema" or "swa".
        momentum: With "ema", the share of the average that stays at each reading, from 0 to less than 1.
        start: The first epoch (from 0) whose weights count.
        every: How often the weights are read, such as "10 steps", counted over epochs, or "1 epoch". None means
            "10 steps" for "ema", and "1 epoch" for "swa".
        data: Inputs of training, rows first: an array, or a dict, list or tuple of arrays. A few thousand rows will do:
            the model is run on them batch by batch, as in training. None averages the statistics too.
        batch_size: Rows in a batch of `data`; take that of the training.

    Raises:
        InvalidArgument: If a number or `kind` cannot be; before the first step, if training ends before `start`, or
            with "swa", if the model has moving statistics and there is no `data`.
        EmptyData: If `data` has no rows.
        WrongType: If `data` is not arrays.

    Attributes: `averaged`, the average as `get_weights` would give it (None before the first reading); `readings`, how
        many weights are in it; `batches`, how many batches it has seen. All are made new when training begins.

    Reads: the weights, at each reading.
    Changes: the weights while there is validation, and for good in `on_train_end`; a training that fails or is
        interrupted is left with its own, and `apply()` puts the averaged ones in. Nothing else: what is trained is the
        same to the bit.
    Keeps: averaged, readings, batches.
    Unlike Keras: SwapEMAWeights swaps what the optimizer has averaged, and knows no plain mean; there statistics are
        never estimated.

    Example:
        >>> import numpy as np, kibitz
        >>> seen = []
        >>> class Look(kibitz.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         seen.append(self.model.get_weights()[0].item())
        >>> model = kibitz.testing.FakeModel()  # its one weight counts the steps
        >>> mean = kibitz.callbacks.WeightAveraging("swa", start=1)
        >>> _ = kibitz.testing.drive([mean, Look()], epochs=[{"loss": 1.0}] * 3, batches=2, model=model)
        >>> seen, model.get_weights()[0].item()
        ([2.0, 4.0, 6.0], 5.0)

    Source: P. Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization,
        https://arxiv.org/abs/1803.05407
    """

    adds = ()

    def __init__(
        self,
        kind: str = "ema",
        *,
        momentum: float = 0.9,
        start: int = 0,
        every: str | None = None,
        data: Any = None,
        batch_size: int = 32,
    ):
        super().__init__()
        if kind not in KINDS:
            cure = f'{NAME}("ema")'
            raise InvalidArgument(f"{NAME} knows no such average.", given=kind, there_is=KINDS, cure=cure)
        self.kind = kind
        self.momentum = number(NAME, "momentum", momentum, least=0, below=1, such_as=0.9)
        self.start = number(NAME, "start", start, least=0, such_as=10)
        self._cadence = _cadence(kind, every)  # not `every`: some of its hooks are called at every batch
        self.batch_size = int(number(NAME, "batch_size", batch_size, least=1, such_as=32))
        self._data = None if data is None else _checked(data)
        self._begin()

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that there will be something to average, and that it will fit together."""
        if self.start >= forecast.epochs:
            raise InvalidArgument(
                f"{NAME} would average nothing: training ends before the epoch that it starts with.",
                given=code(f"start={self.start}, fit(epochs={forecast.epochs})"),
                wanted=f"start less than {forecast.epochs}",
                cure=f'{NAME}("{self.kind}", start={max(0, forecast.epochs * 3 // 4)})',
            )
        if self.kind == "swa" and self._data is None and has_statistics(self.model):
            raise InvalidArgument(
                f"{NAME} needs inputs: nobody knows the statistics of batch normalization for distant weights.",
                given=code(f'{NAME}("swa", data=None), and a model with moving statistics'),
                wanted="inputs of training, a few thousand rows",
                cure=f'{NAME}("swa", data=x_train[:4096])',
            )

    def get_state(self) -> dict[str, Any]:
        """The average, and the weights of the training where the averaged ones stand in their place."""
        return {"averaged": self.averaged, "readings": self.readings, "batches": self.batches, "own": self._own}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with what `get_state` gave."""
        self.averaged, self.readings, self.batches = state["averaged"], state["readings"], state["batches"]
        self._own = state["own"]

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Forget the last fit."""
        self._begin()
        self._training = True

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Remember the epoch's number."""
        self._swap_back()
        self._epoch, self._read_this_epoch = epoch, False

    def on_train_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """Whatever happened, steps are taken from the weights of the training."""
        self._swap_back()

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Read the weights, if so many batches were seen."""
        self._swap_back()  # there may have been a validation behind this batch
        self.batches += 1
        by_steps = self._cadence.unit == "step" and self._epoch >= self.start
        if by_steps and self.batches % int(self._cadence.amount) == 0:
            self._read()

    def on_test_begin(self, logs: Numbers = None) -> None:
        """Validation measures the averaged weights."""
        if not self._training or self._own is not None:
            return
        if self.run is None or not self.run.clock.in_epoch:  # a validation in the midst of it is none at its end
            self._read_at_epoch()
        if self.averaged is not None:
            self._own = self.model.get_weights()
            self.apply()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Give the training its weights back, and read them if that is done every epoch."""
        self._swap_back()
        self._read_at_epoch()

    def on_train_end(self, logs: Numbers = None) -> None:
        """Leave the averaged weights in the model."""
        self._swap_back()
        self._training = False
        self.apply()

    def on_run_end(self, outcome: object) -> None:
        """Give back what was swapped, whatever ended the run."""
        self._swap_back()
        self._training = False

    def apply(self) -> None:
        """Put the averaged weights into the model: what is left to do by hand after an interruption."""
        if self.averaged is None:
            return
        weights = self.averaged
        if self._data is not None:
            weights = estimated_anew(self.model, weights, self._data, self.batch_size)
        self.model.set_weights(weights)

    def _begin(self) -> None:
        self.averaged: list[Any] | None = None
        self.readings = self.batches = 0
        self._own: list[Any] | None = None
        self._training = self._read_this_epoch = False
        self._epoch = 0

    def _read_at_epoch(self) -> None:
        due = self._cadence.in_epochs and (self._epoch + 1) % int(self._cadence.amount) == 0
        if due and self._epoch >= self.start and not self._read_this_epoch:
            self._read_this_epoch = True
            self._read()

    def _read(self) -> None:
        weights = self.model.get_weights()
        self.readings += 1
        if self.averaged is None:
            self.averaged = [_wide(weight) for weight in weights]
            return
        share = 1 / self.readings if self.kind == "swa" else 1 - self.momentum
        self.averaged = [
            old + np.asarray(share, old.dtype) * (_wide(new) - old) if old.dtype.kind == "f" else new
            for old, new in zip(self.averaged, weights, strict=True)
        ]

    def _swap_back(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            self.model.set_weights(own)


def _wide(weight: np.ndarray) -> np.ndarray:
    """A weight in a dtype in which small changes are not lost: float32 for what is narrower."""
    narrow = weight.dtype.kind == "V" or weight.dtype == np.float16  # "V": bfloat16, as NumPy sees it
    return weight.astype(np.float32) if narrow else weight


def _cadence(kind: str, every: Any) -> Cadence:
    if every is None:
        every = "10 steps" if kind == "ema" else "1 epoch"
    cadence = Cadence.read(every, NAME)
    if cadence.unit != "step" and not cadence.in_epochs:
        raise InvalidArgument(
            f"{NAME} reads the weights every so many steps or epochs.",
            given=every,
            wanted='such as "10 steps" or "1 epoch"',
            cure=f'{NAME}("{kind}", every="10 steps")',
        )
    return cadence


def _checked(data: Any) -> Any:
    leaves = list(data.values()) if isinstance(data, dict) else data if isinstance(data, list | tuple) else [data]
    cure = f"{NAME}(..., data=x_train[:4096])"
    if not leaves or not all(hasattr(each, "shape") and np.ndim(each) for each in leaves):
        raise WrongType(f"{NAME} takes data as arrays of inputs.", given=data, wanted="arrays, rows first", cure=cure)
    if not row_count(data):
        raise EmptyData(f"{NAME} has no inputs to estimate from.", given=data, wanted="1 row or more", cure=cure)
    return data
