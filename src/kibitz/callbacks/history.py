"""The numbers of every epoch, kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz.callbacks.base import Callback, Numbers


class History(Callback):
    """Keep the numbers of every epoch: what `fit` returns.

    Every fit makes one of its own; give it one to go on with the same across several fits.

    Attributes: `history`, a list of values for each key, over all fits it was given to; `epoch`, the numbers of the
        epochs of the last fit (from 0).

    Reads: logs, once an epoch.
    Changes: nothing; `model.history` is this.
    Keeps: history, epoch.
    Unlike Keras: `rows()` says what belongs to which epoch, where some epochs have no validation; `reset()` forgets.

    Example:
        >>> import kibitz
        >>> history = kibitz.callbacks.History()
        >>> _ = kibitz.testing.drive(history, epochs=[{"loss": 2.0}, {"loss": 1.0, "val_loss": 3.0}])
        >>> history.history
        {'loss': [2.0, 1.0], 'val_loss': [3.0]}
        >>> history.rows()[0]
        {'epoch': 0, 'loss': 2.0, 'val_loss': None}

    Source: https://keras.io/api/callbacks/history/
    """

    adds = ()

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def set_model(self, model: Any) -> None:
        """Take the model, and be its `history` from now on."""
        super().set_model(model)
        if model is not None:
            model.history = self

    def on_train_begin(self, logs: Numbers = None) -> None:
        """Number the epochs of this fit; the values of earlier fits stay."""
        self.epoch, self._earlier = [], []

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Keep the epoch's numbers."""
        logs = logs or {}
        self.epoch.append(epoch)
        for key, value in logs.items():
            self.history.setdefault(key, []).append(value)
        self._keep_row({"epoch": epoch, **logs})
        if self.model is not None:
            self.model.history = self

    def rows(self) -> list[dict[str, Any]]:
        """One dict an epoch, over all fits, all with the same keys: None where an epoch has no such number."""
        keys = dict.fromkeys(["epoch", *self.history, *self._columns])
        none = [None] * self._count
        columns = [self._columns.get(key, none) for key in keys]
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=False)]

    def get_state(self) -> dict[str, Any]:
        """All values, the epochs of this fit, and what belongs to which epoch."""
        history = self.history
        if self._earlier:  # the lists begin with this process, and the run did not
            history = {key: [each for each in column if each is not None]
                       for key, column in self._columns.items() if key != "epoch"}  # fmt: skip
        return {"history": history, "epoch": [*self._earlier, *self.epoch], "columns": self._columns}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with what `get_state` gave."""
        self.history, self.epoch, self._columns = state["history"], state["epoch"], state["columns"]

    def follow(self, state: Mapping[str, Any]) -> None:
        """Go on with what `get_state` gave, as Keras does: `history` and `epoch` begin here, `rows()` has everything.

        Args:
            state: What `get_state` gave in another process.
        """
        self._earlier, self._columns = list(state["epoch"]), {key: list(each) for key, each in state["columns"].items()}

    def reset(self) -> None:
        """Forget everything."""
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self._columns: dict[str, list[Any]] = {}  # as long as there are rows: a long list is written in no time
        self._earlier: list[int] = []  # the epochs of this fit that another process has done

    @property
    def _count(self) -> int:
        return len(self._columns.get("epoch", ()))

    def _keep_row(self, row: Mapping[str, Any]) -> None:
        count = self._count
        for key, value in row.items():
            self._columns.setdefault(key, [None] * count).append(value)
        for column in self._columns.values():
            if len(column) == count:
                column.append(None)
