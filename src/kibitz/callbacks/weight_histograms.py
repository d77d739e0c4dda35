"""How weights, gradients or updates are distributed, from within the training step."""

from __future__ import annotations

import os
from typing import Any

import jax.numpy as jnp
import numpy as np

from kibitz.callbacks.base import Callback, Numbers, Traced
from kibitz.checkpoint.files import replacing
from kibitz.errors import InvalidArgument

OF = ("weights", "gradients", "updates")


class WeightHistograms(Callback):
    """Keep histograms of every parameter, or of its gradients or updates, every so many steps.

    They are counted within the step, and only the counts come to the host.

    Args:
        of: "weights", "gradients", or "updates", which is what the optimizer adds to the weights.
        bins: How many bars each has, between the least and the greatest number.
        every: How often, in steps. None means "100 steps".
        **declared: `on_error`, `before`, `after`, as for any callback.

    Raises:
        InvalidArgument: If `of`, `bins` or `every` cannot be.

    Attributes: `steps`, the steps at which they were made; `histograms`, for each parameter its bars at these steps:
        an array of the least number, the greatest, and the counts between.

    Reads: gradients, parameters or updates, within the step.
    Changes: nothing.
    Keeps: steps, histograms.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz, numpy as np
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(3,), name="dense")])
        >>> model.compile("sgd", "mse")
        >>> bars = kibitz.callbacks.WeightHistograms(of="gradients", bins=4, every="2 steps")
        >>> _ = model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=2, verbose=0, callbacks=[bars])
        >>> bars.steps, sorted(bars.histograms), bars.counts("dense/kernel").sum(axis=1).tolist()
        ([2, 4], ['dense/bias', 'dense/kernel'], [3, 3])

    Source: Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """

    adds = ()
    every = "100 steps"

    def __init__(self, of: str = "weights", bins: int = 32, *, every: str | None = None, **declared: Any):
        super().__init__(every=every, **declared)
        if of not in OF:
            raise InvalidArgument("WeightHistograms does not know what to count.", given=of, there_is=OF,
                                  cure='WeightHistograms(of="gradients")')  # fmt: skip
        if not isinstance(bins, int) or isinstance(bins, bool) or bins < 1:
            raise InvalidArgument("A histogram has bars.", given=bins, wanted="a whole number, 1 or more",
                                  cure="WeightHistograms(bins=32)")  # fmt: skip
        self.of, self.bins = of, bins
        self.steps: list[int] = []
        self.histograms: dict[str, list[np.ndarray]] = {}

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Forget the last fit."""
        self.steps, self.histograms = [], {}

    def on_gradients(
        self, grads: dict[str, Any], params: dict[str, Any], state: Any
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Count gradients, or weights as they are before the step."""
        counted = {"weights": params, "gradients": grads}.get(self.of, {})
        return grads, state, self._counted(counted)

    def on_update(self, updates: dict[str, Any], params: dict[str, Any], state: Any) -> Traced:
        """Count updates."""
        return updates, state, self._counted(updates if self.of == "updates" else {})

    def on_train_batch_end(self, batch: int, logs: Numbers = None) -> None:
        """Keep what was counted at this step."""
        prefix = f"{self.of}/"
        said = {name.removeprefix(prefix): value for name, value in getattr(logs, "batch", {}).items()
                if name.startswith(prefix)}  # fmt: skip
        if said and self.run is not None:
            self.steps.append(self.run.step)
            for name, bars in said.items():
                self.histograms.setdefault(name, []).append(np.array(bars))  # what it lies in holds all steps of a span

    def counts(self, name: str) -> np.ndarray:
        """The counts of one parameter: a row for each step, a column for each bar.

        Args:
            name: The parameter's path, such as "dense/kernel".
        """
        return np.stack(self.histograms[name])[:, 2:].astype(int)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all histograms into an .npz file, with "steps" among them.

        Args:
            path: The file.

        Raises:
            UnusableFile: If it cannot be written.
        """
        with replacing(path) as file:
            bars = {name: np.stack(rows) for name, rows in self.histograms.items()}
            np.savez(file, **{"steps": np.asarray(self.steps), **bars})  # pyright: ignore[reportArgumentType] - NumPy's types take a name for `allow_pickle`

    def _counted(self, arrays: dict[str, Any]) -> dict[str, Any]:
        return {f"{self.of}/{name}": self._bars(jnp.ravel(value).astype(jnp.float32)) for name, value in arrays.items()}

    def _bars(self, values: Any) -> Any:
        least, most = jnp.min(values), jnp.max(values)
        edges = least + (most - least) * jnp.arange(1, self.bins, dtype=jnp.float32) / self.bins
        # Adding one by one to the bars, as a scatter, takes ten times as long on CPU.
        below = jnp.sum(values[None, :] < edges[:, None], axis=1, dtype=jnp.float32)
        ends = jnp.stack([jnp.float32(0), jnp.float32(values.size)])
        counts = jnp.diff(jnp.concatenate([ends[:1], below, ends[1:]]))
        return jnp.concatenate([least[None], most[None], counts])
