"""A callback that writes down what it hears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.callbacks.every_hook import every_hook


@every_hook("_note")
class Recorder(Callback):
    """Write down every hook with its arguments.

    Attributes: `calls`, a list of tuples of the hook's name and its arguments (logs as they were at that moment).

    Reads: logs, at every hook.
    Changes: nothing.
    Keeps: nothing.
    Unlike Keras: there is none in Keras.

    Example:
        >>> import kibitz
        >>> record = kibitz.testing.Recorder()
        >>> _ = kibitz.testing.drive(record, epochs=[{"loss": 1.0}])
        >>> record.calls[2:4]
        [('on_train_batch_begin', 0, {}), ('on_train_batch_end', 0, {'loss': 1.0})]
    """

    adds = ()

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks, in the order in which they were called."""
        return [call[0] for call in self.calls]

    def logs(self, hook: str) -> list[dict[str, Any]]:
        """The logs of every call of one hook."""
        return [call[-1] for call in self.calls if call[0] == hook]

    def _note(self, hook: str, *given: Any) -> None:
        self.calls.append((hook, *(dict(each) if isinstance(each, Mapping) else each for each in given)))
