"""Layers that stand still until an epoch, and are trained from then on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.errors import InvalidArgument, NotReady, Unsupported, WrongType, code
from kibitz.outcome import Outcome

NAME = "FreezeUntil"


class FreezeUntil(Callback):
    """Hold layers frozen until an epoch, and let them train from then on.

    Use it for fine-tuning: a new head is trained first, and the layers below, which have learned elsewhere, join when
    its gradients make sense. A frozen layer is not moved by the optimizer; a `BatchNormalization` that is frozen takes
    its moving statistics and leaves them as they are (one of Flax's own goes on as ever).

    What the optimizer keeps for the other layers is kept to the bit, iterations and learning rate go on, and the
    results are those of two fits, one with the layers frozen, one with all of them. Layers that join have fresh
    moments; Adam, which counts all iterations, does not correct these, so their first steps are about three times as
    long as its very first ones are: a learning rate that is lowered at that epoch, as is usual, takes care of it. With
    `use_ema` their average begins where they stood. That they join costs compiling the step and the validation again.

    Args:
        layers: What stands still: the name of a layer, the path of a layer or a parameter ("encoder/conv",
            "dense/bias"), a layer, a function that is given the path of each parameter and says whether it is meant, or
            a list of these. Or a dict of these, each with its own epoch; where two mean one thing, the later epoch
            counts.
        epoch: The first epoch in which they are trained, from 0. None with a dict.
        **declared: `on_error`, `before`, `after`, as for any callback.

    Raises:
        InvalidArgument: If an epoch is missing, or there is one too many; before the first step, if a layer has nothing
            to freeze or is not the model's.
        WrongType: If an epoch is no whole number of 0 or more; before the first step, if something means no layer.
        UnknownName: Before the first step, if the model has nothing of a name.
        Unbalanced: Before the first step of a fit within a hook of another fit.
        Unsupported: If an Optax transformation keeps something of which nothing tells what belongs to which parameter.

    Reads: the epoch, and which layers are trainable.
    Changes: which layers are trainable, before the first step and at the beginning of the epochs that were given. A
        run that ends before leaves them frozen.
    Keeps: nothing: what is frozen follows from the epoch, also where a run is gone on with.
    Unlike Keras: there is none in Keras; there layers are frozen by hand, and `compile` makes the optimizer anew.

    Example:
        >>> import kibitz, numpy as np
        >>> x = np.ones((4, 2), "float32")
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(2, name="base"), kibitz.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> before = model.get_weights()[0]
        >>> freeze = kibitz.callbacks.FreezeUntil("base", 3)
        >>> _ = model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[freeze])
        >>> bool((model.get_weights()[0] == before).all())
        True
        >>> _ = model.fit(x, x[:, :1], initial_epoch=3, epochs=4, verbose=0, callbacks=[freeze])
        >>> bool((model.get_weights()[0] == before).all())
        False

    Source: Howard and Ruder: Universal language model fine-tuning for text classification, ACL 2018.
    """

    adds = ()

    def __init__(self, layers: Any, epoch: int | None = None, **declared: Any):
        super().__init__(**declared)
        if isinstance(layers, Mapping) == (epoch is not None) or (isinstance(layers, Mapping) and not layers):
            raise InvalidArgument(
                f"{NAME} is given layers and the epoch from which they are trained.",
                given=code(f"{NAME}({'{...}' if isinstance(layers, Mapping) and layers else layers!r}, epoch={epoch})"),
                wanted="layers and one epoch, or a dict with an epoch for each",
                cure=f'{NAME}("dense", 3), or {NAME}({{"dense": 3, "conv": 5}})',
            )
        self.layers, self.epoch = layers, epoch
        self._until: list[tuple[Any, Any]] = list(layers.items()) if isinstance(layers, Mapping) else [(layers, epoch)]
        for _, until in self._until:
            if not isinstance(until, int | np.integer) or isinstance(until, bool) or until < 0:
                raise WrongType(f"{NAME} counts epochs.", given=until, wanted="a whole number of 0 or more",
                                cure=f'{NAME}("dense", 3)')  # fmt: skip
        self._parts: list[tuple[int, Any]] | None = None
        self._first = True

    def settle(self, forecast: Forecast) -> None:
        """Find the layers, and freeze them before the first step."""
        self._find()
        self._turn(forecast.initial_epoch)
        if self.run is not None:
            self.run.begins.append(self._go_on)

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Freeze them now, in a loop of the user's own, where nobody asks before."""
        if self._parts is None:
            self._find()
            self._turn(0)

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Let those train whose epoch has come."""
        if self._first or any(epoch == until for until, _ in self._parts or ()):
            self._turn(epoch)
        self._first = False

    def on_train_end(self, logs: Numbers = None) -> None:
        """Forget the layers: the next model has others."""
        self._parts = None

    def on_run_end(self, outcome: Outcome) -> None:
        """Forget them, however the run ended."""
        self._parts = None

    def _find(self) -> None:
        if not hasattr(self.model, "part"):
            raise Unsupported(f"{NAME} freezes layers of a model of Kibitz.", given=self.model, wanted="a kibitz.Model",
                              cure="model.fit(..., callbacks=[...])")  # fmt: skip
        if not self.model.built:
            raise NotReady(f"{NAME} freezes layers of a model that has weights.", given=self.model,
                           wanted="a model that is built", cure="model.build((None, 784))")  # fmt: skip
        found = [(int(until), self.model.part(which)) for which, until in self._until]
        self._parts, self._first = sorted(found, key=lambda pair: pair[0]), True

    def _go_on(self, epoch: int) -> None:
        """Make all layers as they were at the end of the epoch before, when what is gone on from was kept."""
        self._turn(epoch - 1)

    def _turn(self, epoch: int) -> None:
        """Make all layers as they are in an epoch; those that stay frozen have the last word."""
        for until, part in self._parts or ():
            part.train(epoch >= until)
        (self.model if self.run is None else self.run).refreeze()
