"""What hooks were given in one process, told to another one, where they are fired again."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

from kibitz.callbacks.declared import EVERY
from kibitz.hooks import BATCH_HOOKS, EPOCH_HOOKS, OUTCOME_HOOK
from kibitz.logs import Logs
from kibitz.outcome import Outcome
from kibitz.run import Run

BLOCK = 512
"""Hooks that are told of at once, at most."""

SECONDS = 0.5
"""How long one of them waits, at most, if another comes by."""


class Told(NamedTuple):
    """One hook that was fired elsewhere.

    Args:
        hook: The hook.
        index: The epoch or batch that it was about; None for a hook that is about neither.
        same: Whether its logs are those of the hook that was told of before it.
        values: The logs; of the same ones what has changed since.
        batch: The batch's own values; None if the logs are a plain dict.
        clock: The epoch, the batch, the step, and whether an epoch is under way.
        validating: The set that is being validated with.
        validation: The numbers of the latest validation; None if they are still the same.
    """

    hook: str
    index: int | None
    same: bool
    values: dict[str, Any]
    batch: dict[str, Any] | None
    clock: tuple[int, int, int, bool]
    validating: str
    validation: dict[str, float] | None

    def args(self, last: dict[str, Any]) -> tuple[Any, ...]:
        """What the hook is fired with.

        Args:
            last: The logs of the hook before it, to which callbacks here may have added something.
        """
        if self.same:
            last.update(self.values)
            logs = last
        else:
            logs = dict(self.values) if self.batch is None else Logs(self.values, batch=self.batch)
        return (logs,) if self.index is None else (self.index, logs)


class Teller:
    """A callback that tells what hooks are given.

    Args:
        hooks: The hooks that somebody elsewhere wants to hear of.
        every: How often it is called at the ends of batches, as a cadence. None means always.
        send: Takes what was told, a block at a time.
    """

    adds = ()

    def __init__(self, hooks: Collection[str], every: str | None, send: Callable[[list[Told]], None]):
        self.run: Run | None = None
        self._send, self._block, self._sent = send, [], time.monotonic()
        self._last: tuple[Any, dict[str, Any]] = (None, {})
        self._validation: dict[str, float] = {}
        self._outcome = "failed", "", ""
        for hook in hooks:
            if hook != OUTCOME_HOOK:  # how it ended, whoever runs it all will say
                setattr(self, hook, partial(self._tell, hook))
        if every is not None:
            setattr(self, EVERY, every)

    def set_run(self, run: Run | None) -> None:
        """Take the run."""
        self.run = run

    @property
    def outcome(self) -> tuple[str, str, str]:
        """How the run ended: the kind, the reason, and who asked."""
        return self._outcome

    def on_run_end(self, outcome: Outcome) -> None:
        """Send what is left."""
        self._outcome = outcome.kind, outcome.reason, outcome.by
        self.flush()

    def flush(self) -> None:
        """Send what was not sent yet."""
        block, self._block, self._sent = self._block, [], time.monotonic()
        if block:
            self._send(block)

    def _tell(self, hook: str, *args: Any, **named: Any) -> None:
        run = self.run
        logs: Any = named["logs"] if "logs" in named else args[-1]
        index = int(args[0]) if hook in BATCH_HOOKS or hook in EPOCH_HOOKS else None
        before, values = self._last
        same = logs is before
        changed = {key: each for key, each in logs.items() if key not in values or values[key] is not each}
        clock, validating, validation = (0, 0, 0, False), "", None
        if run is not None:
            clock = run.clock.epoch, run.clock.batch, run.clock.step, run.clock.in_epoch
            validating = run.validating
            if run.validation != self._validation:
                validation = self._validation = dict(run.validation)
        told = changed if same else dict(logs)
        own = dict(logs.batch) if isinstance(logs, Logs) and not same else None
        self._block.append(Told(hook, index, same, told, own, clock, validating, validation))
        self._last = logs, dict(logs)
        if len(self._block) >= BLOCK or time.monotonic() - self._sent > SECONDS:
            self.flush()
