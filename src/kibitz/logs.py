"""I. What hooks receive: a dict of numbers, in order, with the batch's own values beside the running means."""

from __future__ import annotations

from typing import Any

from kibitz.errors import UnknownKey


class Logs(dict[str, Any]):
    """The numbers of a moment: a plain dict to every callback written for Keras, and a little more.

    The values are running means over the epoch so far, weighted by samples. `logs.batch` has the last batch's own
    values under the same keys; it is empty where no batch has just ended.

    Args:
        values: The numbers, in the order in which they are shown.
        batch: The last batch's own values. None means that there are none.

    Raises:
        UnknownKey: When a key is looked up that is not there (it is a KeyError).

    Example:
        >>> from kibitz.logs import Logs
        >>> logs = Logs({"loss": 2.5}, batch={"loss": 1.0})
        >>> logs["loss"], logs.batch["loss"], isinstance(logs, dict)
        (2.5, 1.0, True)
    """

    def __init__(self, values: Any = (), *, batch: dict[str, Any] | None = None):
        super().__init__(values)
        self.batch: dict[str, Any] = batch if batch is not None else {}

    def __missing__(self, key: Any) -> Any:
        raise UnknownKey(
            "These logs hold no such number.",
            given=key,
            there_is=[str(each) for each in self],
            cure=f"logs.get({key!r}), or one of the names that are there",
        )
