"""The only way in which JSON is read: small, shallow, finite, and each key once."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from kibitz.errors import InvalidArgument, UnusableFile, WrongType, describe

MOST_BYTES = 16 * 2**20
DEEPEST = 32
INT64 = range(-(2**63), 2**63)


def dumps(value: Any, what: str) -> bytes:
    """Write a value as JSON.

    Args:
        value: Dicts, lists, strings, numbers, true, false and null.
        what: What it is, for the error: "the model's configuration".

    Raises:
        InvalidArgument: If something in it cannot be written, or could not be read back.

    Example:
        >>> from kibitz.checkpoint.strict_json import dumps
        >>> dumps({"units": 3}, "a note")
        b'{"units": 3}'
    """
    try:
        text = json.dumps(value, allow_nan=False, default=_number)
        data = text.encode()
        if not _surely_read(text, what):
            loads(data, what)
    except (TypeError, ValueError, RecursionError, UnusableFile) as error:
        raise InvalidArgument(
            f"{_begun(what)} holds what JSON does not: {getattr(error, 'what', error)}",
            given=value,
            wanted="strings, finite numbers, true, false, None, and lists and dicts of these",
            cure="let get_config return such values only",
        ) from error
    return data


def loads(data: bytes, what: str) -> Any:
    """Read JSON that somebody else may have written.

    Args:
        data: The text in UTF-8.
        what: What it is, for the error.

    Raises:
        UnusableFile: If it is too large or too deep, names a key twice, or holds NaN, an infinity or no JSON at all.

    Example:
        >>> from kibitz.checkpoint.strict_json import loads
        >>> loads(b'{"units": 3}', "a note")
        {'units': 3}
    """
    if len(data) > MOST_BYTES:
        raise _refused(what, f"it is {len(data)} bytes long, and {MOST_BYTES} are the most")
    strict = _Strict(what)
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=strict.unique,
            parse_constant=strict.no_constant,
            parse_float=strict.finite,
            parse_int=strict.whole,
        )
        json.dumps(value, ensure_ascii=False).encode()  # half a character, written \ud800, is found here
    except RecursionError:
        raise _refused(what, f"it is nested more than {DEEPEST} deep") from None
    except ValueError as error:
        raise _refused(what, str(error)) from None
    if _deeper(value, DEEPEST):
        raise _refused(what, f"it is nested more than {DEEPEST} deep")
    return value


def _surely_read(text: str, what: str) -> bool:
    """Whether a quick look at a text that was just written is enough to know that `loads` takes it.

    What is read is written the same again, unless a key stood there twice; and half a character begins with a `d`.
    """
    value = json.loads(text, parse_int=_Strict(what).whole)
    same = len(text) <= MOST_BYTES and "\\ud" not in text and json.dumps(value) == text
    return same and not _deeper(value, DEEPEST)


class _Strict:
    """What the parser asks at each key and number."""

    def __init__(self, what: str):
        self.what = what

    def unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
            raise _refused(self.what, f"it names {describe(twice)} twice")
        return found

    def no_constant(self, name: str) -> float:
        raise _refused(self.what, f"it holds {name}")

    def finite(self, text: str) -> float:
        if not math.isfinite(value := float(text)):
            raise _refused(self.what, f"it holds {describe(text)}, which is no finite number")
        return value

    def whole(self, text: str) -> int:
        if len(text) > 20 or int(text) not in INT64:
            raise _refused(self.what, "it holds a whole number of more than 64 bits")
        return int(text)


def _number(value: Any) -> Any:
    # NumPy's scalars and 0-d arrays are numbers to everybody but json.
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return value.item()
    raise WrongType(f"{describe(value)}.", given=value, cure="let get_config return a number, a string or a list")


def _deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most + 1):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [item for items in inner for item in items]
        if not level:
            return False
    return True


def _begun(what: str) -> str:
    return what[:1].upper() + what[1:]


def _refused(what: str, reason: str) -> UnusableFile:
    return UnusableFile(
        f"{_begun(what)} cannot be trusted: {reason}.",
        given=what,
        wanted="the JSON that Kibitz wrote",
        cure="take another copy of the file, or save it again",
    )
