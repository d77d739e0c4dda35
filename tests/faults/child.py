"""A process that trains for a moment: `python -m tests.faults.child FOLDER CSV OUT STORE`; it writes how it ended."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from kibitz import callbacks
from tests.durable.program import Patience, program


class Slow(callbacks.Callback):
    """Gives whoever kills a moment, and says which step is done."""

    adds = ()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        print("step", self.run.step, flush=True)
        time.sleep(0.01)


def main(folder: str | None, csv: str, out: str, store: str) -> None:
    def heard() -> list[Any]:
        return [Patience(), callbacks.ReduceLROnPlateau("loss", patience=1), callbacks.CSVLogger(csv), Slow()]

    ended = program(
        None if folder is None else Path(folder), kind="noisy", heard=heard, epochs=3, validation_split=0.2,
        **({} if folder is None else {"commit": "2 steps", "store": store}),
    )  # fmt: skip
    state = {name: hashlib.sha256(data).hexdigest() for name, data in ended.state.items()}
    Path(out).write_text(json.dumps([state, ended.history, ended.callbacks]), encoding="utf-8")


if __name__ == "__main__":
    main(None if sys.argv[1] == "-" else sys.argv[1], *sys.argv[2:])
