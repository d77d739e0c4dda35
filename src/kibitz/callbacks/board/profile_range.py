"""The batches that JAX's profiler looks on at."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kibitz.errors import InvalidArgument


class ProfileRange:
    """A range of batches of a fit, counted from 1; a trace is on while they are done.

    A profiler that fails is warned of, and training goes on.

    Args:
        given: A batch, a pair of the first and the last one, or the same as text; 0 means none.

    Raises:
        InvalidArgument: If it is something else.

    Example:
        >>> from kibitz.callbacks.board.profile_range import ProfileRange
        >>> wanted = ProfileRange("2,5")
        >>> wanted.first, wanted.last, bool(wanted), bool(ProfileRange(0))
        (2, 5, True, False)
    """

    def __init__(self, given: Any):
        self.first, self.last = _ends(given)
        self.batch = 0
        self._tracing = False
        self._mark: Any = None

    def __bool__(self) -> bool:
        return self.last > 0

    def rewind(self) -> None:
        """Another fit begins."""
        self.batch = 0

    def begin(self, model: Any, folder: Path) -> None:
        """A batch is about to be done: begin the trace, if it is the first of the range.

        Args:
            model: The model.
            folder: The folder in which the profiler makes its own.
        """
        import jax

        self.batch += 1
        if self.first - 1 <= self.batch <= self.last:
            _take_back(model)
        if self.batch == self.first:
            self._tracing = _tried("begin", jax.profiler.start_trace, str(folder))
        if self._tracing:
            self._mark = jax.profiler.StepTraceAnnotation("train", step_num=self.batch)
            self._mark.__enter__()

    def end(self) -> None:
        """A batch is done: end the trace, if it was the last of the range."""
        self._unmark()
        if self.batch >= self.last:
            self._stop()

    def close(self) -> None:
        """End the trace, wherever in the range the run has ended."""
        self._unmark()
        self._stop()

    def _unmark(self) -> None:
        mark, self._mark = self._mark, None
        if mark is not None:
            mark.__exit__(None, None, None)

    def _stop(self) -> None:
        if self._tracing:
            import jax

            self._tracing = False
            _tried("end", jax.profiler.stop_trace)


def _take_back(model: Any) -> None:
    """Have the device begin again at this batch, with one batch at a time, as it does for whoever writes at each.

    Ahead of the hooks it may long have done the batches of the range, and there would be nothing to be seen.
    """
    weights = getattr(model, "weights", None)
    if weights:
        weights[0].assign(weights[0].value)


def _tried(verb: str, act: Callable[..., None], *arguments: str) -> bool:
    try:
        act(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever the profiler is lacking, training does not need it
        warnings.warn(f"JAX's profiler could not {verb} its trace, and training goes on: {error}", stacklevel=2)
        return False
    return True


def _ends(given: Any) -> tuple[int, int]:
    ends = given.split(",") if isinstance(given, str) else given
    ends = list(ends) if isinstance(ends, tuple | list) else [ends]
    if len(ends) in {1, 2} and all(_counts(each) for each in ends):
        first, last = int(ends[0]), int(ends[-1])
        if first == last == 0 or 0 < first <= last:
            return first, last
    raise InvalidArgument(
        "profile_batch says which batches are profiled, counted from 1.",
        given=given,
        wanted="a batch, or the first and the last one; 0 for none",
        cure="TensorBoard(profile_batch=(10, 20))",
    )


def _counts(end: Any) -> bool:
    if isinstance(end, str):
        return end.strip().isdecimal()
    return isinstance(end, int | np.integer) and not isinstance(end, bool)
