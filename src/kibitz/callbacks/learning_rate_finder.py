"""Finding a learning rate: a short run of its own, in which it grows until the loss does."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.figure import check_picture, new_figure, save_figure
from kibitz.callbacks.forecast import Forecast
from kibitz.callbacks.learning_rate import check_settable, optimizers, read_rate
from kibitz.callbacks.number import number
from kibitz.callbacks.stopping import stop_training
from kibitz.errors import InvalidArgument, NotReady, code

NAME = "LearningRateFinder"
FEWEST = 10
INK, SOFT, HOT = "#1f3a5f", "#9db4c0", "#c8553d"


class LearningRateFinder(Callback):
    """Try learning rates from small to large, a step each, and suggest one; the model is left as it was.

    Call `find` with what you would give to `fit`, then `suggestion()`, and look at `plot(path)`: the curve is flat,
    falls, and rises; take a rate where it falls. The rates grow by the same factor at each step. The loss of each
    batch is smoothed by a moving average, corrected for its beginning, and the sweep ends once that is `divergence`
    times its best so far, or not a finite number.

    Args:
        start: The first rate.
        end: The last rate.
        steps: How many rates are tried, 10 at least.
        smoothing: The share of the average that stays in a step, from 0 (none) to less than 1.
        divergence: How many times the best smoothed loss ends the sweep. None tries all rates.

    Raises:
        InvalidArgument: If a number cannot be, `start` is not less than `end`, or, before the first step, a fit that it
            was given to has fewer batches than `steps`.
        WrongType: Before the first step, if the optimizer takes its learning rate from a schedule.
        NotReady: By `find`, if the model has no weights; by `suggestion` and `plot`, before a sweep, and by
            `suggestion` if the loss never fell.

    Attributes: `rates`, `losses` and `smoothed`, lists with a number for each step that was tried.

    Reads: the loss, at every batch.
    Changes: the learning rate at every batch; asks the run to stop. Afterwards all is put back: weights, moving
        statistics, random state, optimizer; by `find` also what was measured, `history`, and the order of rows to come.
    Keeps: rates, losses, smoothed, until the next sweep; in the midst of one, also the state of the model that will be
        put back.
    Unlike Keras: there is none in Keras. `model.fit(..., callbacks=[finder])` does it as well, if that fit is for
        nothing else; batches taken from a generator are gone in either case.

    Example:
        >>> import numpy as np, kibitz
        >>> kibitz.utils.set_random_seed(1)
        >>> x = np.random.normal(size=(256, 4)).astype("float32")
        >>> model = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> finder = kibitz.callbacks.LearningRateFinder(start=1e-5, end=10, steps=60)
        >>> finder.find(model, x, x.sum(axis=1, keepdims=True), batch_size=32)
        >>> 0.001 < finder.suggestion() < 1
        True

    Source: L. N. Smith, Cyclical Learning Rates for Training Neural Networks, https://arxiv.org/abs/1506.01186; the
        average and the end after S. Gugger, https://sgugger.github.io/how-do-you-find-a-good-learning-rate.html.
    """

    adds = ()

    def __init__(
        self,
        *,
        start: float = 1e-7,
        end: float = 10.0,
        steps: int = 100,
        smoothing: float = 0.9,
        divergence: float | None = 4.0,
    ):
        super().__init__()
        self.start = float(number(NAME, "start", start, below=1e4, such_as=1e-7))
        self.end = float(number(NAME, "end", end, below=1e4, such_as=10))
        if not 0 < self.start < self.end:
            raise InvalidArgument(
                f"{NAME} goes from a small rate to a large one.",
                given=code(f"start={start}, end={end}"),
                wanted="0 < start < end",
                cure=f"{NAME}(start=1e-7, end=10)",
            )
        if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < FEWEST:
            cure = f"{NAME}(steps=100)"
            raise InvalidArgument(f"{NAME} tries a number of rates.", given=steps, cure=cure,
                                  wanted=f"a whole number, {FEWEST} or more")  # fmt: skip
        self.steps = int(steps)
        self.smoothing = number(NAME, "smoothing", smoothing, least=0, below=1, such_as=0.9)
        self.divergence = None if divergence is None else number(NAME, "divergence", divergence, least=1, such_as=4)
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._average, self._done = 0.0, False
        self._state: Any = None
        self._own: list[tuple[Any, float]] = []

    def get_state(self) -> dict[str, Any]:
        """Where the sweep is, and what will be put back at its end; `before` is empty when there is none under way."""
        return {
            "rates": self.rates,
            "losses": self.losses,
            "smoothed": self.smoothed,
            "average": self._average,
            "done": self._done,
            "before": {} if self._state is None else self._state,
            "learning_rates": [rate for _, rate in self._own],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with what `get_state` gave, and put back at the end what the first one would have."""
        self.rates, self.losses, self.smoothed = (list(state[name]) for name in ("rates", "losses", "smoothed"))
        self._average, self._done = float(state["average"]), bool(state["done"])
        self._state = dict(state["before"]) or self._state
        self._own = [(own, rate) for (own, _), rate in zip(self._own, state["learning_rates"], strict=False)]

    def find(self, model: Any, x: Any = None, y: Any = None, *, batch_size: int | None = None, **fit: Any) -> None:
        """Do the sweep.

        Args:
            model: A compiled model that has weights.
            x: Inputs, as for `fit`.
            y: Targets.
            batch_size: Rows in a batch. Take that of the training to come: the best rate hangs on it.
            **fit: What else `fit` shall be given, such as `sample_weight`; not for how long.
        """
        if odd := sorted({"epochs", "initial_epoch", "steps_per_epoch"} & set(fit)):
            raise InvalidArgument(
                "A sweep is one epoch of as many batches as there are rates.",
                given=code(f"find(..., {odd[0]}={fit[odd[0]]!r})"),
                wanted="nothing that says for how long",
                cure=f"{NAME}(steps={self.steps}).find(model, x, y)",
            )
        others = fit.get("callbacks") or []
        others = list(others) if isinstance(others, list | tuple) else [others]
        given = {"verbose": 0, **fit, "callbacks": [*others, self]}
        with model.borrowed():
            model.fit(x, y, batch_size=batch_size, epochs=1, steps_per_epoch=self.steps, **given)

    def settle(self, forecast: Forecast) -> None:
        """Check before the first step that the rate can be set, and that there are as many batches as rates."""
        check_settable(NAME, forecast)
        if forecast.steps is not None and forecast.steps * forecast.epochs < self.steps:
            raise InvalidArgument(
                f"{NAME} tries a rate at each batch, and this fit has fewer batches.",
                given=code(f"steps={self.steps}, {forecast.epochs} x {forecast.steps} batches"),
                wanted=f"{self.steps} batches",
                cure="finder.find(model, x, y), which goes through the data as often as it takes",
            )

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Note everything that will have to be put back."""
        self.rates, self.losses, self.smoothed = [], [], []
        self._average, self._done = 0.0, False
        self._own = [(optimizer, read_rate(optimizer)) for _, optimizer in optimizers(self.model)]
        self._state = self.model.export_state()

    def on_train_batch_begin(self, batch: int, logs: Numbers = None) -> None:
        """Set the next rate."""
        if not self._done:
            rate = self.start * (self.end / self.start) ** (len(self.rates) / (self.steps - 1))
            for optimizer, _ in self._own:
                optimizer.learning_rate = rate
            self.rates.append(rate)

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Note the batch's loss, and end the sweep if it has grown too much, or all rates were tried."""
        if self._done or logs is None:
            return
        loss = float(getattr(logs, "batch", logs).get("loss", math.nan))  # the batch's own, not the running mean
        if not math.isfinite(loss):
            self.rates.pop()
            self._end(f"the loss is {loss} at a learning rate of {self._rate():.3g}")
            return
        self.losses.append(loss)
        self._average = self.smoothing * self._average + (1 - self.smoothing) * loss
        self.smoothed.append(self._average / (1 - self.smoothing ** len(self.losses)))
        if self._diverged():
            self._end(f"the loss has grown too much at a learning rate of {self.rates[-1]:.3g}")
        elif len(self.losses) == self.steps:
            self._end("all learning rates were tried")

    def on_run_end(self, outcome: object) -> None:
        """Put everything back, whatever ended the run."""
        if self._state is None:
            return
        for optimizer, rate in self._own:
            optimizer.learning_rate = rate  # the optimizer keeps it for a state that is made anew
        state, self._state, self._own = self._state, None, []
        self.model.import_state(state)

    def suggestion(self) -> float:
        """The rate at which the loss fell most steeply, against the logarithm of the rate.

        The slope at a rate is that of a line through the losses of the batches around it, a tenth of the sweep to each
        side, fitted by least squares: neither the noise of one batch nor the lag of an average decides. Only what lies
        before the lowest smoothed loss counts.

        Returns:
            One of `rates`.
        """
        falling = self.losses[: int(np.argmin(self._curve())) + 1]
        side = self.steps // 10
        # The rates' logarithms lie evenly, so a slope is the sum of the losses, each times its distance.
        distances = np.arange(-side, side + 1)
        slopes = np.correlate(falling, distances) if len(falling) > 2 * side else np.zeros(1)
        if slopes.min() >= 0:
            raise NotReady(
                f"{NAME} suggests nothing: the loss never fell in this sweep.",
                given=code(f"{len(self.losses)} rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"),
                wanted="a sweep in which the loss falls, and rises again",
                cure=f"{NAME}(start={self.start / 100:.3g}, steps={2 * self.steps}), and a look at plot(path)",
            )
        return self.rates[side + int(np.argmin(slopes))]

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the loss against the rate, with the suggestion if there is one; needs matplotlib.

        Args:
            path: Where to: a .png, .svg, .pdf or .jpg file; the folder is made.
        """
        curve, target = self._curve(), check_picture(NAME, path)
        figure = new_figure(7, 4)
        axes = figure.add_subplot()
        axes.plot(self.rates, self.losses, color=SOFT, linewidth=1, label="each batch")
        axes.plot(self.rates, curve, color=INK, label="smoothed")
        try:
            rate = self.suggestion()
        except NotReady:
            pass
        else:
            axes.plot(rate, curve[self.rates.index(rate)], "o", color=HOT, label=f"suggestion: {rate:.2g}")
        # The last losses may be of another order of magnitude: the rise leaves the picture.
        before = self.losses[: int(np.argmin(curve)) + 1]
        low, high = min([*before, *curve]), max(before)
        margin = 0.1 * ((high - low) or 1.0)
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - margin, high + margin))
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        save_figure(figure, target)

    def _rate(self) -> float:
        return read_rate(self._own[0][0])

    def _diverged(self) -> bool:
        if self.divergence is None or len(self.smoothed) <= 1:
            return False
        best = min(self.smoothed)
        # For a loss that can be less than nothing, a multiple of it would be better than itself.
        return self.smoothed[-1] - best > (self.divergence - 1) * abs(best)

    def _end(self, reason: str) -> None:
        self._done = True
        stop_training(self, reason)

    def _curve(self) -> list[float]:
        if not self.smoothed:
            raise NotReady(
                f"{NAME} has tried nothing yet.",
                given=code("finder"),
                wanted="a sweep",
                cure="finder.find(model, x, y, batch_size=32)",
            )
        return self.smoothed
