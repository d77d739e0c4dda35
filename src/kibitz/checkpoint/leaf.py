"""One array of a state as files hold it: its dtype by name, its bytes, its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from jax import dtypes

from kibitz.errors import Unsupported

DTYPES = {
    "BOOL": np.dtype(bool),
    "I8": np.dtype(np.int8), "I16": np.dtype(np.int16), "I32": np.dtype(np.int32), "I64": np.dtype(np.int64),
    "U8": np.dtype(np.uint8), "U16": np.dtype(np.uint16), "U32": np.dtype(np.uint32), "U64": np.dtype(np.uint64),
    "F16": np.dtype(np.float16), "BF16": np.dtype(dtypes.bfloat16),
    "F32": np.dtype(np.float32), "F64": np.dtype(np.float64), "C64": np.dtype(np.complex64),
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def writable(name: str, array: Any) -> np.ndarray:
    """An array as it is written.

    Args:
        name: What it is called, for the error.
        array: The array, on the host or on a device.

    Raises:
        Unsupported: If it has a dtype that the file cannot hold.
    """
    array = np.asarray(array)
    if array.dtype not in NAMES:
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype not in NAMES:
        raise Unsupported(
            f"{name} has a dtype that cannot be written.",
            given=array,
            there_is=[str(dtype) for dtype in NAMES],
            cure="keep it in one of these dtypes",
        )
    return array


def bytes_of(array: np.ndarray) -> memoryview | bytes:
    """The bytes of an array that is writable, as they lie in the file."""
    # bfloat16 has no buffer of its own, so the bytes are seen through one that has; ravel copies only if it must.
    return array.ravel().view(np.uint8).data if array.nbytes else b""


def leaf_digests(arrays: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each array, with its name, its dtype and its shape.

    Args:
        arrays: Arrays by name, on the host or on devices.

    Raises:
        Unsupported: If one has a dtype that a file cannot hold.

    Example:
        >>> import numpy as np
        >>> from kibitz.checkpoint.leaf import leaf_digests
        >>> one, other = (leaf_digests({"kernel": np.zeros(3, dtype)}) for dtype in ("float32", "int32"))
        >>> len(one["kernel"]), one == other
        (64, False)
    """
    found = {}
    for name, value in arrays.items():
        array = writable(name, value)
        digest = hashlib.sha256(f"{NAMES[array.dtype]}{array.shape}{name}".encode("utf-8", "surrogatepass"))
        digest.update(bytes_of(array))
        found[name] = digest.hexdigest()
    return found


def digest_of(digests: Mapping[str, str], text: str = "") -> str:
    """One digest over those of many arrays in their order, and over a text.

    Args:
        digests: What `leaf_digests` gave.
        text: The text.
    """
    # The text's own digest, so that nothing of it can pass for an array's.
    parts = [hashlib.sha256(text.encode()).hexdigest(), *digests.values()]
    return hashlib.sha256("".join(parts).encode()).hexdigest()
