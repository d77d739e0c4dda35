"""Every exception that Kibitz raises, drawn as a tree, and the one constructor that words them.

    KibitzError
    +-- InvalidArgument      (ValueError)   a value that cannot be
    |   +-- UnknownName      (ValueError)   a string that names nothing: a loss, a metric, a layer, a unit
    |   |   +-- UnknownMonitor              a callback watches a number that no logs will hold
    |   |   +-- UnknownKey   (KeyError)     a file template or a dict asks for a key that is not there
    |   +-- UnknownDirection                mode="auto", and nothing says which way is better
    |   +-- ShapeMismatch                   two shapes, lengths or structures disagree
    |   +-- BadData                         the data hold a value that cannot be trained on
    |   |   +-- EmptyData                   there is not one sample, or not one batch
    |   +-- Unbalanced                      an end without its begin, or a run inside another that cannot be
    +-- WrongType            (TypeError, ValueError)  a thing of the wrong kind: Keras has the one or the other
    +-- NotReady             (ValueError)   the model has no weights yet, or was not compiled
    +-- Unsupported          (NotImplementedError)  what Keras has and Kibitz has not
    |   +-- MissingName      (AttributeError)       a Keras name that is not here
    +-- ReadOnly             (AttributeError)  a variable that follows from other things is assigned
    +-- MissingExtra         (ImportError)  an optional package is not installed
    +-- UnusableFile         (OSError)      a file or folder that cannot be read, written or trusted
    +-- BrokenCallback       (AssertionError)  a callback fails a check of kibitz.testing.check_callback
    +-- NotExact             (RuntimeError) a stretch of a run that was run again came out otherwise
    +-- NotFinite            (RuntimeError) a loss is NaN or infinite, and somebody asked to be told so
    +-- Bug                  (RuntimeError) our own mistake: please report it

Every message has the same shape, so that the eye learns it: what is wrong, then what you gave, what was wanted or what
there is, the nearest valid name, and the cure.
"""

from __future__ import annotations

import difflib
import inspect
import os.path
from collections.abc import Iterable, Mapping
from typing import Any

WIDTH = 80


class KibitzError(Exception):
    """What went wrong, in four parts; every error of Kibitz is one.

    Args:
        what: One sentence on what is wrong, in the user's own names.
        given: What the user gave: a value (it is shown shortened) or a piece of code as `code("...")`.
        wanted: What would have been right. None leaves the line out.
        there_is: The names that exist, where the mistake is a name. None leaves the line out.
        nearest: The valid name closest to the one given. None looks for it in `there_is` if `given` is a string.
        cure: What to write instead. Never left out.

    Example:
        >>> from kibitz.errors import InvalidArgument
        >>> print(InvalidArgument("An epoch needs batches.", given=0, wanted="1 or more", cure="batch_size=32"))
        An epoch needs batches.
          given    0
          wanted   1 or more
          cure     batch_size=32
    """

    def __init__(
        self,
        what: str,
        *,
        given: Any,
        wanted: str | None = None,
        there_is: Iterable[str] | None = None,
        nearest: str | None = None,
        cure: str,
    ):
        names = None if there_is is None else [str(name) for name in there_is]
        if nearest is None and names and isinstance(given, str) and not isinstance(given, code):
            nearest = nearest_name(given, names)
        self.what, self.given, self.wanted, self.there_is = what, given, wanted, names
        self.nearest, self.cure = nearest, cure
        super().__init__(self._text())

    def _text(self) -> str:
        rows = [("given", describe(self.given)), ("wanted", self.wanted)]
        if self.there_is is not None:
            rows.append(("there is", ", ".join(self.there_is) if self.there_is else "nothing"))
        rows += [("nearest", None if self.nearest is None else f'"{self.nearest}"'), ("cure", self.cure)]
        return "\n".join([self.what, *(f"  {label:<9}{text}" for label, text in rows if text)])

    def __reduce__(self) -> tuple[Any, ...]:
        # By what it says: what was given may be something that another process cannot have.
        said = self.what, str(describe(self.given)), self.wanted, self.there_is, self.nearest, self.cure
        return _said_again, (type(self), *said)

    def __str__(self) -> str:
        # KeyError and OSError among the bases would print a repr or an errno.
        return self._text()


class InvalidArgument(KibitzError, ValueError):
    """A value that cannot be."""


class UnknownName(InvalidArgument):
    """A string that names nothing: a loss, a metric, an optimizer, a layer, a unit."""


class UnknownMonitor(UnknownName):
    """A callback watches a number that no logs will hold."""


class UnknownKey(UnknownName, KeyError):
    """A file template or a dict asks for a key that is not there."""


class UnknownDirection(InvalidArgument):
    """`mode="auto"`, and nothing says whether more or less is better."""


class ShapeMismatch(InvalidArgument):
    """Two shapes, lengths or structures disagree."""


class BadData(InvalidArgument):
    """The data hold a value that cannot be trained on."""


class EmptyData(BadData):
    """There is not one sample, or not one batch."""


class Unbalanced(InvalidArgument):
    """An end without its begin, or a run inside another that cannot be."""


class WrongType(KibitzError, TypeError, ValueError):
    """A thing of the wrong kind."""


class NotReady(KibitzError, ValueError):
    """The model has no weights yet, or was not compiled."""


class Unsupported(KibitzError, NotImplementedError):
    """What Keras has and Kibitz has not."""


class MissingName(Unsupported, AttributeError):
    """A Keras name that is not here."""


class ReadOnly(KibitzError, AttributeError):
    """A variable that follows from other things is assigned."""


class MissingExtra(KibitzError, ImportError):
    """An optional package is not installed."""


class UnusableFile(KibitzError, OSError):
    """A file or folder that cannot be read, written or trusted."""


class BrokenCallback(KibitzError, AssertionError):
    """A callback fails a check of `kibitz.testing.check_callback`."""


class NotExact(KibitzError, RuntimeError):
    """A stretch of a run that was run again came out otherwise than the run did."""


class NotFinite(KibitzError, RuntimeError):
    """A loss is NaN or infinite, and somebody asked to be told so."""


class Bug(KibitzError, RuntimeError):
    """Our own mistake; the message says what to send us."""


class code(str):
    """A piece of code in an error message: shown as it is, without quotes."""


def describe(value: Any) -> str:
    """Show a value in at most 80 characters: arrays by dtype and shape, long lists by their length.

    Args:
        value: Anything; a `code` is shown as it is.

    Example:
        >>> import numpy as np
        >>> from kibitz.errors import describe
        >>> describe(np.zeros((128, 784), "float32"))
        'float32[128, 784]'
    """
    if isinstance(value, code):
        return str(value)
    if hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, type):
        return _array(value)
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {getattr(value, '__name__', repr(value))}"
    return _shortened(_shown(value))


def _said_again(
    kind: type[KibitzError], what: str, given: str, wanted: str | None, there_is: list[str] | None,
    nearest: str | None, cure: str,
) -> KibitzError:  # fmt: skip
    return kind(what, given=code(given), wanted=wanted, there_is=there_is, nearest=nearest, cure=cure)


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The valid name that is closest: by spelling, or by a common beginning ("val_acc" finds "val_accuracy").

    Args:
        name: What was written.
        names: What could have been meant.

    Example:
        >>> from kibitz.errors import nearest_name
        >>> nearest_name("val_acc", ["loss", "val_loss", "val_accuracy"])
        'val_accuracy'
    """
    names = [str(each) for each in names]
    lowered = {each.lower(): each for each in reversed(names)}
    begins = [each for low, each in lowered.items() if min(len(name), len(low)) >= 3 and low.startswith(name.lower())]
    if begins:
        return min(begins, key=len)
    close = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    if close:
        return lowered[close[0]]
    shared = max(names, key=lambda each: len(os.path.commonprefix([each.lower(), name.lower()])), default=None)
    if shared is not None and len(os.path.commonprefix([shared.lower(), name.lower()])) >= 4:
        return shared
    return None


def _array(value: Any) -> str:
    shape = "?" if value.shape is None else ", ".join(str(size) for size in value.shape)
    return f"{value.dtype}[{shape}]"


def _shown(value: Any, depth: int = 0) -> str:
    if isinstance(value, Mapping) and depth < 3:
        return "{" + ", ".join(f"{key!r}: {_inside(item, depth)}" for key, item in list(value.items())[:8]) + "}"
    if type(value) in (list, tuple) and depth < 3:
        shown = ", ".join(_inside(item, depth) for item in value[:8])
        more = f", ... {len(value)} in all" if len(value) > 8 else ""
        return f"[{shown}{more}]" if isinstance(value, list) else f"({shown}{more}{',' if len(value) == 1 else ''})"
    return repr(value)


def _inside(value: Any, depth: int) -> str:
    if isinstance(value, Mapping) or type(value) in (list, tuple):
        return _shown(value, depth + 1)
    return describe(value)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
