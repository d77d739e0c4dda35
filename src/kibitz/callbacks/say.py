"""Printing, in one place: callbacks have few words, and all of them pass here."""

from __future__ import annotations

import sys
import warnings
from typing import Any

_refusing: list[Any] = []  # the stream that takes nothing any more, once that has been said


def say(message: str, *, end: str = "\n") -> None:
    """Write to standard output at once, also where it cannot spell every letter or is not there at all.

    Where the reader of a pipe has gone, or the disk is full, a warning says so once, and training goes on.

    Args:
        message: What to say.
        end: What follows it; "" continues the line later.

    Example:
        >>> from kibitz.callbacks.say import say
        >>> say("Epoch 3: early stopping")
        Epoch 3: early stopping
    """
    out = sys.stdout
    if out is None:  # a program without a console, such as pythonw
        return
    try:
        _write(out, message + end)
    except OSError as error:
        if out not in _refusing:
            _refusing[:] = [out]
            why = error.strerror or error
            warnings.warn(f"Standard output takes nothing any more ({why}); the run goes on in silence.", stacklevel=3)


def _write(out: Any, text: str) -> None:
    try:
        out.write(text)
    except UnicodeEncodeError:
        encoding = getattr(out, "encoding", None) or "ascii"
        out.write(text.encode(encoding, errors="replace").decode(encoding))
    out.flush()
