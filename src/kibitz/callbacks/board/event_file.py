"""A file of events, as TensorBoard reads them. Nothing waits in a queue or a thread: a disk that refuses is heard."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from kibitz.callbacks.board.proto import proto
from kibitz.callbacks.board.written import BEGINNING, END
from kibitz.errors import UnusableFile
from kibitz.report import spent_on

_NUMBERS = itertools.count()


class EventFile:
    """A new event file in a folder; a viewer puts all files of a folder together.

    Args:
        folder: The folder, made if it is not there.
        mark: Stands in the file's name, and says whose it is.

    Raises:
        UnusableFile: If the disk refuses; the file is then closed.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from kibitz.callbacks.board.event_file import EventFile
        >>> from kibitz.callbacks.board.summaries import scalar
        >>> folder = Path(tempfile.mkdtemp())
        >>> file = EventFile(folder, "0a")
        >>> file.write(0, [scalar("epoch_loss", 0.5)])
        >>> file.close()
        >>> [path.name.startswith("events.out.tfevents.") for path in folder.iterdir()]
        [True]
    """

    def __init__(self, folder: Path, mark: str):
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.folder = folder
        self._file: BinaryIO | None = None
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _new(folder, mark)
        self._records = RecordWriter(self._file)
        self._put(file_version="brain.Event:2", source_metadata=proto("event").SourceMetadata(writer="kibitz"))

    def write(self, step: int, values: list[Any]) -> None:
        """Write summaries of one moment; they are with the system when this returns."""
        self._put(step=step, summary=proto("summary").Summary(value=values))

    def write_graph(self, graph: Any) -> None:
        """Write a GraphDef, which is the folder's graph."""
        self._put(graph_def=graph.SerializeToString())

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        file, self._file = self._file, None
        if file is not None:
            with self._told():
                file.close()

    def _put(self, **what: Any) -> None:
        event = proto("event").Event(wall_time=time.time(), **what)
        with self._told(), spent_on("files"):
            self._records.write(event.SerializeToString())
            self._records.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            file, self._file = self._file, None
            if file is not None:
                with contextlib.suppress(OSError):  # what is still to be written is refused once more
                    file.close()
            raise UnusableFile(
                f"TensorBoard's event file could not be written: {error.strerror or error}.",
                given=str(self.folder),
                wanted="a folder with room, where you may write",
                cure='make room, or TensorBoard(log_dir="logs") with another folder',
            ) from error


def _new(folder: Path, mark: str) -> BinaryIO:
    """Open a file that was not there: two processes may well write into one folder."""
    while True:
        who = f"{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS)}.{mark}"
        name = f"{BEGINNING}{time.time():010.0f}.{who}{END}"
        with contextlib.suppress(FileExistsError):
            return (folder / name).open("xb")
