"""The hooks of a short run as they fire, drawn as the loop that fires them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kibitz.hooks import BATCH_HOOKS, HOOKS

DEPTH = {"on_train_begin": 0, "on_train_end": 0, "on_epoch_begin": 1, "on_epoch_end": 1, "on_run_end": 0}
SHOWN = 2  # batches of each kind that are drawn before the rest is told in one line


class LoopDrawing:
    """A callback that prints every hook where it stands in the loop; a duck: it needs no base class.

    Args:
        write: Called with each line.

    Example:
        >>> from kibitz.demo.loop import LoopDrawing
        >>> LoopDrawing(print).on_epoch_begin(0, {})
        on_epoch_begin(0)
    """

    def __init__(self, write: Callable[[str], Any] = print):
        self._write = write
        self._skipped = 0

    def _fired(self, hook: str, args: tuple[Any, ...], logs: Any) -> None:
        index = args[0] if args and isinstance(args[0], int) else None
        if hook in BATCH_HOOKS and index is not None and index >= SHOWN:
            self._skipped += hook.endswith("_end")
            return
        if self._skipped:
            self._write(f"{'  ' * 3}... {self._skipped} more batches")
            self._skipped = 0
        depth = DEPTH.get(hook, 3 if hook in BATCH_HOOKS else 2)
        outcome = "" if hook != "on_run_end" else str(args[0])
        shown = ", ".join(f"{key} {value:.3f}" for key, value in (logs or {}).items() if isinstance(value, float))
        where = "" if index is None else str(index)
        self._write(f"{'  ' * depth}{hook}({where or outcome}){'  ' + shown if shown else ''}")


def _hook(name: str) -> Callable[..., None]:
    if name == "on_run_end":
        return lambda self, outcome: self._fired(name, (outcome,), None)
    if "batch" in name or "epoch" in name:
        return lambda self, index, logs=None: self._fired(name, (index,), logs)
    return lambda self, logs=None: self._fired(name, (), logs)


for _name in HOOKS:
    setattr(LoopDrawing, _name, _hook(_name))
