"""Printing, in one place: callbacks have few words, and all of them pass here."""

from __future__ import annotations

import sys


def say(message: str, *, end: str = "\n") -> None:
    """Write to standard output at once, also where it cannot spell every letter or is not there at all.

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
    text = message + end
    try:
        out.write(text)
    except UnicodeEncodeError:
        encoding = getattr(out, "encoding", None) or "ascii"
        out.write(text.encode(encoding, errors="replace").decode(encoding))
    out.flush()
