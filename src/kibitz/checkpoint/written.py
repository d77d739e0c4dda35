"""The arrays that hooks wrote to the state of a run: a file for each commit before which some were written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from kibitz.checkpoint.files import exists, names, remove, size
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.errors import UnusableFile

_NAME = re.compile(r"step-(\d{12})\.safetensors")


class Written:
    """The folder where they are.

    Args:
        path: The folder.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from kibitz.checkpoint.written import Written
        >>> with tempfile.TemporaryDirectory() as place:
        ...     written = Written(place)
        ...     written.write(500, {"470/by a hook/kernel": np.ones(2)})
        ...     written.read(470, "470/by a hook/")
        {'kernel': array([1., 1.])}
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._read: tuple[int, dict[str, np.ndarray]] = -1, {}  # the file that was read last

    def write(self, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays that hooks wrote since the commit before that of this step; it may be one of the same step.

        A step that ends an epoch may be committed twice, before what is done there and after it: both are kept.

        Raises:
            UnusableFile: If the disk refuses.
        """
        self._read = -1, {}
        there: dict[str, np.ndarray] = {}
        if step in steps_in(self.path):
            with suppress(UnusableFile):
                there, _ = read_state(self.path / name_of(step), follow=False)
        write_state(self.path / name_of(step), {**there, **arrays}, {"step": step})

    def read(self, step: int, beginning: str) -> dict[str, np.ndarray]:
        """Those that were written at a step, and whose names begin so; without that beginning.

        Who asks in the order of the steps has each file read once; what was read last is kept.

        Raises:
            UnusableFile: If a file is damaged.
        """
        for at in steps_in(self.path):
            if at >= step:
                found = self._all_of(at)
                mine = {name[len(beginning) :]: each for name, each in found.items() if name.startswith(beginning)}
                if mine:
                    return mine
        return {}

    def _all_of(self, at: int) -> dict[str, np.ndarray]:
        if self._read[0] != at:
            path = self.path / name_of(at)
            try:
                self._read = at, read_state(path, follow=False)[0]
            except UnusableFile:
                if exists(path):
                    raise
                return {}  # another process has let it go since it was listed
        return self._read[1]

    def forget(self, step: int) -> None:
        """The run goes on from a commit: what hooks wrote behind it, they write again."""
        for at in steps_in(self.path):
            if at > step:
                remove(self.path / name_of(at))

    @property
    def size(self) -> int:
        """All their bytes."""
        return sum(size(self.path / name_of(step)) for step in steps_in(self.path))

    def thin(self, most: int) -> None:
        """Let the oldest go; the newest stays.

        Args:
            most: Bytes that may stay.
        """
        sizes = {step: size(self.path / name_of(step)) for step in steps_in(self.path)}
        for step in sorted(sizes)[:-1]:
            if sum(sizes.values()) <= most:
                return
            remove(self.path / name_of(step))
            del sizes[step]


def steps_in(folder: Path) -> list[int]:
    """The steps that have a file in a folder, in order.

    Raises:
        UnusableFile: If the disk refuses.
    """
    return [int(found[1]) for name in names(folder) if (found := _NAME.fullmatch(name))]


def name_of(step: int) -> str:
    """What the file of a step is called."""
    return f"step-{step:012d}.safetensors"
