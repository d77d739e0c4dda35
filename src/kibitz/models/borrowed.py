"""Trying something with a model that must be afterwards as it was: a rehearsal, a sweep, a test."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kibitz.errors import MissingName, NotReady
from kibitz.models.core import Core
from kibitz.models.refreezing import take
from kibitz.models.trainability import Trainability
from kibitz.optimizers.rate import Scheduled


class Borrowed:
    """What is given back as it was lent; it is a base of `Model`, and nobody makes one.

    Example:
        >>> import kibitz, numpy as np
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> before = model.get_weights()
        >>> with model.borrowed():
        ...     _ = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0)
        >>> all((one == other).all() for one, other in zip(before, model.get_weights()))
        True
    """

    core: Core
    history: Any

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Train, evaluate and change the model within the block; afterwards it is as it was, whatever happened.

        That is, to the bit: weights, moving statistics, random state, optimizer and learning rate, what was measured,
        `history` and the last run, the order of rows in the fits to come, and Python's and NumPy's own generators of
        random numbers. What was compiled for the device stays, so that a fit to come begins sooner. Batches that were
        read from a generator are gone, and a call of `compile` within the block is not taken back.

        Raises:
            NotReady: If the model has no weights yet.
        """
        if not self.core.built:
            raise NotReady(
                "A model without weights cannot be given back as it was.",
                given=self,
                wanted="a model that has weights",
                cure="model.build((None, 784)), or an Input as the first layer",
            )
        loan = Loan(self)
        try:
            yield
        finally:
            loan.give_back()


class Loan:
    """All that running a model changes, as it was when this was made.

    Args:
        model: The model.
    """

    def __init__(self, model: Any):
        self.model, core = model, model.core
        # Arrays are not copied: the timeline copies what it has lent before a step may destroy it.
        self.state = core.timeline.read()
        self.trainable, self.taken_up = Trainability(model), core.taken_up
        self.rate, self.aside = _rate(core), model.set_aside()
        objective = core.objective
        self.measured: Any = None
        if objective is not None and objective.outputs is not None:  # else nobody knows yet what is measured
            self.measured = objective.accumulated.now()
        self.runs = core.fits, dict(core.last), core.latest, vars(core).get("row_seed")
        self.history = model.history
        self.generators = random.getstate(), np.random.get_state()  # noqa: NPY002 - what users draw from

    def give_back(self) -> None:
        """Make the model what it was."""
        core = self.model.core
        if self.rate is not None:
            core.optimizer.learning_rate = self.rate  # the optimizer keeps it for a state that is made anew
        self.trainable.put_back()
        if core.taken_up == self.taken_up:
            core.timeline.base = self.state  # and into the module, over what was written there
        else:
            take(core, self.state, self.taken_up)
        self.model.put_aside(self.aside)
        if core.objective is not None:
            fresh = core.objective.accumulators()
            core.objective.accumulated.put(fresh if self.measured is None else self.measured)
        core.fits, core.last, core.latest, row_seed = self.runs
        if row_seed is None:
            vars(core).pop("row_seed", None)
        self.model.history = self.history
        python, numpy = self.generators
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - what users draw from


def _rate(core: Core) -> float | None:
    """The learning rate, if it is a number that can be set."""
    if core.optimizer is None or isinstance(core.timeline.behind.optimizer.get("learning_rate"), Scheduled):
        return None
    try:
        return float(np.asarray(core.optimizer.learning_rate))
    except MissingName:  # Optax keeps it out of reach
        return None
