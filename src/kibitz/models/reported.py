"""What a model tells of its runs: `model.run_report()`."""

from __future__ import annotations

from kibitz.models.core import Core
from kibitz.report import RunReport


class Reported:
    """What every model can tell of its last run; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz, numpy as np
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=0)
        >>> model.run_report().steps
        3
    """

    core: Core

    def run_report(self) -> RunReport | None:
        """What the last run did and where its time went; of the run that goes on, if it is asked in a hook.

        Print it. It tells of steps, spans and rewinds (and who caused them), of compilations, and of the seconds in the
        device, in the data and in the hooks of each callback. None before the first run.
        """
        run = self.core.runs[-1] if self.core.runs else self.core.latest
        return None if run is None else run.report
