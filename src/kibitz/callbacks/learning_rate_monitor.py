"""The learning rate, written into the logs, whoever moves it."""

from __future__ import annotations

from typing import Any

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.heard_where import heard_where
from kibitz.callbacks.learning_rate import KEY, optimizers, read_rate
from kibitz.errors import InvalidArgument, WrongType

NAME = "LearningRateMonitor"
MOMENTA = ("momentum", "beta_1")
"""What is called the momentum: SGD's and RMSprop's own, and in Adam's family the share that its mean gradient keeps."""


class LearningRateMonitor(Callback):
    """Put the learning rate into the logs, so that History, CSVLogger and the progress bar have it.

    Use it beside a schedule, or where several callbacks set the rate. Put it before the callbacks that shall see the
    number, and behind those that set it.

    Args:
        batches: Whether each batch's logs have it too.
        momentum: Whether to log the momentum: `momentum` of the optimizer, or `beta_1` in Adam's family.
        weight_decay: Whether to log the weight decay; 0 if the optimizer has none.

    Raises:
        WrongType: If an argument is not True or False.
        InvalidArgument: Before the first step, with `momentum=True`, if the optimizer has none; with
            `weight_decay=True`, if it is an Optax transformation, which hides its own.
        MissingName: Before the first step, if the learning rate of an Optax transformation is out of reach.

    Reads: the optimizer, once an epoch; with `batches=True`, at every batch.
    Changes: nothing in the model; puts "learning_rate", and "momentum" and "weight_decay" if asked, into the logs. Of
        several optimizers each has its own: "learning_rate_" and its name.
    Keeps: nothing.
    Unlike Keras: there is none in Keras. As Keras's own callbacks do, it gives an epoch the rate as it stands at its
        end: of a schedule, the one that the next step takes. A batch has the rate that its own step was taken with;
        of a schedule injected by Optax, which shows only what it last took, the one of the step before.

    Example:
        >>> import numpy as np, kibitz
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        >>> model.compile(kibitz.optimizers.SGD(lambda step: 1.0 / (step + 1)), "mse")
        >>> monitor = kibitz.callbacks.LearningRateMonitor()
        >>> history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0, callbacks=[monitor])
        >>> [round(rate, 4) for rate in history.history["learning_rate"]]
        [0.5, 0.3333, 0.25]

    Source: Lightning's LearningRateMonitor, https://lightning.ai/docs/pytorch/stable/api_references.html (the idea).
    """

    adds = (KEY,)

    def __init__(self, *, batches: bool = False, momentum: bool = False, weight_decay: bool = False):
        super().__init__()
        for name, value in (("batches", batches), ("momentum", momentum), ("weight_decay", weight_decay)):
            if not isinstance(value, bool):
                cure = f"{NAME}({name}=True)"
                raise WrongType(f"{name} is yes or no.", given=value, wanted="True or False", cure=cure)
        self.batches, self.momentum, self.weight_decay = batches, momentum, weight_decay
        self._before: dict[str, float] = {}

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that all of it can be read, and say under which names it will come."""
        self.adds = tuple(self._read())

    @heard_where(lambda self: self.batches)
    def on_train_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """Read what the step will be taken with."""
        if self.batches:
            self._before = self._read()

    @heard_where(lambda self: self.batches)
    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Log what the step was taken with."""
        if self.batches and logs is not None:
            logs.update(self._before)

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Log it as it stands."""
        if logs is not None:
            logs.update(self._read())

    def _read(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, optimizer in optimizers(self.model):
            end = f"_{name}" if name else ""
            found[f"{KEY}{end}"] = read_rate(optimizer)
            own = getattr(optimizer, "inner_optimizer", optimizer)  # a loss scale around it has no such numbers
            if self.momentum:
                found[f"momentum{end}"] = _momentum(own)
            if self.weight_decay:
                found[f"weight_decay{end}"] = _weight_decay(own)
        return found


def _momentum(optimizer: Any) -> float:
    value = next((getattr(optimizer, name) for name in MOMENTA if hasattr(optimizer, name)), None)
    if value is None:
        raise InvalidArgument(
            f"{NAME} finds no momentum: this optimizer has none.",
            given=optimizer,
            wanted="an optimizer with momentum or beta_1",
            cure=f"{NAME}(momentum=False)",
        )
    return float(value)


def _weight_decay(optimizer: Any) -> float:
    from kibitz.optimizers.optax_optimizer import OptaxOptimizer

    if isinstance(optimizer, OptaxOptimizer):
        raise InvalidArgument(
            f"{NAME} cannot see the weight decay: it is within the Optax transformation.",
            given=optimizer,
            wanted="an optimizer of Kibitz",
            cure=f"{NAME}(weight_decay=False)",
        )
    return float(getattr(optimizer, "weight_decay", None) or 0.0)
