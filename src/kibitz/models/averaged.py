"""The moving averages of the weights in place of the weights, and back."""

from __future__ import annotations

from typing import Any

from kibitz.engine.state import canonical
from kibitz.models.core import Core


class Averaged:
    """What a model whose optimizer keeps averages can do with them; it is a base of `Model`, and nobody makes one.

    The optimizer's averages stay where they are. It is the weights that are set aside, in this model, so that both are
    there at any moment, and whoever finds the averages in place sees so.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
        >>> model.compile(kibitz.optimizers.SGD(0.1, use_ema=True), "mse")
        >>> model.swap_in_averages()  # there are none before the first step
        False
    """

    core: Core
    _aside: dict[str, Any] | None = None

    @property
    def averages_in_place(self) -> bool:
        """Whether the averages stand in place of the weights."""
        return self._aside is not None

    def swap_in_averages(self) -> bool:
        """Put the averages in place of the weights; False if they are there already, or there are none yet."""
        timeline = self.core.timeline
        state = timeline.read()
        if self._aside is not None or int(state.optimizer["iterations"]) == 0:
            return False
        averages = self.core.optimizer.ema_of(state.optimizer)
        self._aside = dict(state.params)
        timeline.base = state.with_(params={name: averages[name] for name in state.params})
        return True

    def swap_out_averages(self) -> None:
        """Put the weights back that were set aside, if any were."""
        if self._aside is not None:
            timeline = self.core.timeline
            timeline.base = timeline.read().with_(params=self._aside)
            self._aside = None

    def keep_averages(self) -> None:
        """Leave what is in place, and forget the weights that were set aside."""
        self._aside = None

    def set_aside(self) -> dict[str, Any]:
        """The weights that averages stand in place of; empty if there are none."""
        return dict(self._aside or {})

    def put_aside(self, weights: dict[str, Any]) -> None:
        """Say of which weights averages stand in place; none if it is empty."""
        here = self.core.timeline.here.params
        self._aside = {name: canonical(weights[name], here[name], name) for name in weights} or None
