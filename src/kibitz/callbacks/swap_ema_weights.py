"""The averaged weights in place of the live ones, while a model is measured."""

from __future__ import annotations

from typing import Any, NamedTuple

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.forecast import Forecast
from kibitz.errors import InvalidArgument, code
from kibitz.outcome import Outcome
from kibitz.run import Run


class SwapEMAWeights(Callback):
    """Evaluate and predict with the moving averages of the weights, and train on with the weights.

    It needs an optimizer with `use_ema=True`, which keeps the averages. As long as there has been no training there are
    none, and the weights stay.

    Args:
        swap_on_epoch: Whether the averages stand in the model at `on_epoch_end` too, for the callbacks behind this one:
            a `ModelCheckpoint` that stands there saves the averages.

    Raises:
        InvalidArgument: Before the first step, if the optimizer keeps no averages.

    Reads: the optimizer's averages.
    Changes: the weights, from `on_test_begin` to `on_test_end` and from `on_predict_begin` to `on_predict_end`; with
        `swap_on_epoch`, from `on_epoch_end` to the next `on_epoch_begin`. What somebody else writes into the weights
        meanwhile is gone when they are put back.
    Keeps: nothing; the model keeps the weights that are set aside.
    Unlike Keras: the weights are back after `predict`, and after an exception or Ctrl-C in between; with
        `swap_on_epoch`, a run that was stopped ends with the averages too; an evaluation within a hook, or a second
        such callback, swaps nothing twice; an optimizer without averages is told of before the first step.

    Example:
        >>> import numpy as np, kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
        >>> model.compile(kibitz.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
        >>> x, y = np.ones((8, 2)), np.ones((8, 1))
        >>> average = kibitz.callbacks.SwapEMAWeights()
        >>> history = model.fit(x, y, epochs=2, validation_data=(x, y), verbose=0, callbacks=[average])
        >>> sorted(history.history)
        ['loss', 'val_loss']

    Source: https://keras.io/api/callbacks/swap_ema_weights/
    """

    adds = ()

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._open: list[_Stretch] = []

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that there will be averages."""
        self._check()

    def get_state(self) -> dict[str, Any]:
        """Whether the averages stand in the model between two epochs."""
        return {"swapped": any(each.of == "epoch" and bool(each.swapped) for each in self._open)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with what `get_state` gave: the model has the weights aside."""
        if state["swapped"]:
            self._open.append(_Stretch(self.run, "epoch", True))

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Remember which run this is."""
        self._check()
        self._open.append(_Stretch(self.run, "train"))

    def on_epoch_begin(self, epoch: int, logs: Numbers = None) -> None:
        """Put the weights back, if the last epoch ended with the averages."""
        if self._open and self._open[-1].of == "epoch":
            self._end()

    def on_test_begin(self, logs: Numbers = None) -> None:
        """Put the averages in place."""
        self._begin("test")

    def on_test_end(self, logs: Numbers = None) -> None:
        """Put the weights back."""
        self._end()

    def on_predict_begin(self, logs: Numbers = None) -> None:
        """Put the averages in place."""
        self._begin("predict")

    def on_predict_end(self, logs: Numbers = None) -> None:
        """Put the weights back."""
        self._end()

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Put the averages in place, if that is wanted for what stands behind."""
        if self.swap_on_epoch:
            self._begin("epoch")

    def on_train_end(self, logs: Numbers = None) -> None:
        """Leave the averages where they are, if they are in place: training is over."""
        while self._open:
            stretch = self._open.pop()
            if stretch.swapped:
                self.model.keep_averages()
            if stretch.of == "train":
                break

    def on_run_end(self, outcome: Outcome) -> None:
        """Put the weights back, if something ended the run while the averages were in place."""
        # A run within a hook of this one has an outcome of its own; a loop written by hand has no run.
        ended = [place for place, each in enumerate(self._open) if each.run is None or each.run.outcome is outcome]
        while ended and len(self._open) > ended[0]:
            self._end()

    def _begin(self, of: str) -> None:
        self._check()
        # Whoever finds the averages in place already, because of an evaluation around this one, leaves them there.
        self._open.append(_Stretch(self.run, of, self.model.swap_in_averages()))

    def _end(self) -> None:
        if self._open and self._open.pop().swapped:
            self.model.swap_out_averages()

    def _check(self) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        kept = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(kept, "use_ema", False):
            raise InvalidArgument(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer.",
                given=code(f"optimizer={type(kept).__name__}(use_ema=False)" if kept is not None else "no optimizer"),
                wanted="an optimizer that keeps averages of the weights",
                cure="model.compile(optimizer=SGD(0.1, use_ema=True), ...)",
            )


class _Stretch(NamedTuple):
    """A stretch of a run for which this callback is called: which run, what of it, and whether it swapped."""

    run: Run | None
    of: str
    swapped: Any = False
