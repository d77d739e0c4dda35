"""Arrays as the engine takes them: host arrays of the dtypes that JAX keeps, or a clear word why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from kibitz.errors import BadData, ShapeMismatch, WrongType, code

INT32 = np.iinfo(np.int32)


def is_array(value: Any) -> bool:
    """Whether a value is an array or turns itself into one (a data frame, a tensor of another library)."""
    return isinstance(value, np.ndarray | jax.Array) or (hasattr(value, "__array__") and not isinstance(value, type))


def standard(data: Any, name: str) -> Any:
    """Turn a tree of array-likes into a tree of host arrays (JAX arrays stay where they are).

    Floats become float32 and 64-bit integers int32, as JAX would make them, but only where nothing is lost.

    Args:
        data: An array-like, or a dict, list or tuple of them; None stays None.
        name: What the user calls it ("x"), for the messages.

    Raises:
        WrongType: If something in it is not numbers.
        BadData: If numbers would be lost.
        ShapeMismatch: If a list of lists is ragged.
    """
    if data is None:
        return None
    if isinstance(data, Mapping):
        return {key: standard(value, f"{name}[{key!r}]") for key, value in data.items()}
    if isinstance(data, list | tuple):
        if data and _plain_numbers(data):
            return _leaf(_from_lists(data, name), name)
        items = [standard(value, f"{name}[{index}]") for index, value in enumerate(data)]
        return type(data)(*items) if hasattr(data, "_fields") else type(data)(items)
    if is_array(data):
        return _leaf(data, name)
    raise WrongType(
        f"{name} is not an array.",
        given=data,
        wanted="a NumPy or JAX array, or a dict, list or tuple of arrays",
        cure=_cure_of_no_array(data, name),
    )


def _cure_of_no_array(data: Any, name: str) -> str:
    if hasattr(data, "toarray"):
        return f"{name}.toarray(), for a sparse matrix"
    if callable(data):
        return f"call it: {name}()"
    if isinstance(data, int | float):
        return "numpy.asarray([...]), with a value for each row"
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return f"iter({name}), if it gives batches as tuples (x, y)"
    return f"numpy.asarray({name}), if it holds numbers"


def _plain_numbers(data: Any) -> bool:
    first = data
    while isinstance(first, list | tuple) and first:
        first = first[0]
    return isinstance(first, int | float | bool | str)


def _from_lists(data: Any, name: str) -> np.ndarray:
    if isinstance(data[0], list | tuple):
        lengths = [len(row) if isinstance(row, list | tuple) else 1 for row in data]
        odd = next((index for index, length in enumerate(lengths) if length != lengths[0]), None)
        if odd is not None:
            raise ShapeMismatch(
                f"{name} is a list of rows of different lengths.",
                given=code(f"row {odd} has {lengths[odd]} values, row 0 has {lengths[0]}"),
                wanted="rows of one length",
                cure="pad the rows to one length",
            )
    return np.asarray(data)


def _leaf(array: Any, name: str) -> Any:
    if isinstance(array, jax.Array):
        return array
    if isinstance(array, np.ma.MaskedArray):
        if np.ma.is_masked(array):
            raise BadData(
                f"{name} has masked values, and a mask is not looked at in training.",
                given=array,
                wanted="an array in which every value counts",
                cure=f"{name}.filled(0), with sample_weight=0 for the rows that do not count",
            )
        array = array.data
    columns = getattr(array, "columns", None)
    array = np.asarray(array)
    kind = array.dtype.kind
    if kind == "O":
        array = _from_objects(array, name, columns)
        kind = array.dtype.kind
    if kind in "USMm":
        words = {"U": "text", "S": "bytes", "M": "dates", "m": "durations"}[kind]
        part = name.split(" of ")[0]
        cure = {
            "M": f'({name} - {name}.min()) / numpy.timedelta64(1, "D")',
            "m": f'{name} / numpy.timedelta64(1, "s")',
        }.get(kind, f"encode {name} first, for example numpy.unique({part}, return_inverse=True)[1]")
        raise WrongType(
            f"{name} holds {words}, and a model takes numbers.", given=array, wanted="floats or integers", cure=cure
        )
    if kind == "c":
        raise WrongType(
            f"{name} is complex, and its imaginary part would be lost.",
            given=array,
            wanted="real numbers",
            cure=f"numpy.stack([{name}.real, {name}.imag], -1)",
        )
    return _narrowed(array, name)


def _from_objects(array: np.ndarray, name: str, columns: Any) -> np.ndarray:
    odd = np.array([not isinstance(item, int | float | np.number | np.bool_) for item in array.ravel()], bool)
    if not odd.any():
        return array.astype("float32")
    row, *rest = (int(index) for index in np.unravel_index(int(odd.argmax()), array.shape))
    column = f", column {', '.join(map(str, rest)) if columns is None else repr(columns[rest[-1]])}" if rest else ""
    item = array.ravel()[odd.argmax()]
    raise WrongType(
        f"{name} is an array of Python objects, and not all of them are numbers.",
        given=code(f"{item!r:.40} in row {row}{column}"),
        wanted="an array of floats or integers",
        cure=f"fill in or leave out what is missing in {name}"
        if item is None
        else f'numbers in place of the others, then {name}.astype("float32")',
    )


def _narrowed(array: np.ndarray, name: str) -> np.ndarray:
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if jax.config.read("jax_enable_x64") or array.dtype.kind not in "iuf" or array.dtype.itemsize < 8:
        if array.dtype == np.uint32 and array.size and array.max() > INT32.max:
            return array
        return array
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    if array.size and (array.min() < INT32.min or array.max() > INT32.max):
        raise BadData(
            f"{name} has integers that do not fit 32 bits, and JAX would change them in silence.",
            given=code(f"{array.dtype} values from {array.min()} to {array.max()}"),
            wanted=f"values from {INT32.min} to {INT32.max}",
            cure='jax.config.update("jax_enable_x64", True), or renumber them',
        )
    return array.astype(np.int32)
