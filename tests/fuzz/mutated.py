"""Real files and real JSON, with something wrong in them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

NUMBERS = [0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
VALUES = [
    None, True, False, 0, 1, -1, 2**31, -(2**63), 2**63 - 1, 1e308, -0.0, 0.5, "", "x", "x" * 3000, "../../x", "\0",
    "\ud800", "\x1b[2J", "nan", "__class__", [], {}, [[]], [0, -1], [2**40], {"dict": []}, {"array": "a"},
    {"tuple": [1]}, {"float": "nan"}, {"class_name": "Dense", "config": {}}, {"module": "os", "class_name": "system"},
]  # fmt: skip


def bytes_mutated(drawn: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, with up to eight changes."""
    found = bytearray(drawn.choice(seeds))
    for _ in range(1 << drawn.randrange(4)):
        at = drawn.randrange(len(found) + 1)
        match drawn.randrange(8):
            case 0 if found:
                found[min(at, len(found) - 1)] ^= 1 << drawn.randrange(8)
            case 1:
                more = drawn.randbytes(drawn.randrange(1, 9))
                found[at : at + len(more)] = more
            case 2:
                number, size = drawn.choice(NUMBERS), drawn.choice([1, 2, 4, 8])
                more = (number % 256**size).to_bytes(size, drawn.choice(["little", "big"]))
                found[at : at + size] = more
            case 3:
                del found[at : at + drawn.randrange(1, 65)]
            case 4:
                found[at:at] = drawn.randbytes(drawn.randrange(1, 17))
            case 5:
                found[at:at] = found[at : at + drawn.randrange(1, 65)]
            case 6:
                other = drawn.choice(seeds)
                begin = drawn.randrange(len(other) + 1)
                found[at:at] = other[begin : begin + drawn.randrange(1, 257)]
            case 7 if drawn.randrange(4) == 0:
                del found[at:]
    return bytes(found)


def tree_mutated(drawn: random.Random, value: Any) -> Any:
    """JSON with up to four of its values replaced, taken out, put twice or put elsewhere."""
    value = json.loads(json.dumps(value))
    for _ in range(drawn.randrange(1, 5)):
        value = _changed(drawn, value)
    return value


def _changed(drawn: random.Random, value: Any) -> Any:
    """The same with one change at a random place; deeper places are as likely as shallow ones."""
    inside = isinstance(value, dict | list) and len(value) > 0
    if inside and drawn.randrange(4):
        key = drawn.choice(list(value)) if isinstance(value, dict) else drawn.randrange(len(value))
        value[key] = _changed(drawn, value[key])
        return value
    if inside:
        key = drawn.choice(list(value)) if isinstance(value, dict) else drawn.randrange(len(value))
        match drawn.randrange(4):
            case 0:
                del value[key]
                return value
            case 1 if isinstance(value, dict):
                value[drawn.choice(["", "x", "name", "config", key + " "])] = value[key]
                return value
            case 1:
                value.insert(key, value[key])
                return value
            case 2:
                return value[key]
    if drawn.randrange(6) == 0:
        for _ in range(drawn.choice([1, 3, 40])):
            value = [value] if drawn.randrange(2) else {"config": value}
        return value
    return json.loads(json.dumps(drawn.choice(VALUES)))


def texts(drawn: random.Random, seeds: Sequence[Any]) -> bytes:
    """JSON, mutated as a tree, and now and then as bytes too."""
    data = json.dumps(tree_mutated(drawn, drawn.choice(seeds))).encode()
    return data if drawn.randrange(4) else bytes_mutated(drawn, [data])
