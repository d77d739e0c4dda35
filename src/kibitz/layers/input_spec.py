"""What inputs a layer can take, checked before it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kibitz.errors import InvalidArgument, ShapeMismatch


class InputSpec:
    """The rank, dtype and sizes that a layer wants of its inputs.

    Args:
        dtype: The dtype. None takes any.
        shape: The whole shape with the batch first; None in it takes any size. None takes any shape.
        ndim: The number of dimensions. None takes any.
        max_ndim: The most dimensions. None means no limit.
        min_ndim: The fewest dimensions. None means no limit.
        axes: Sizes by axis. None means none.
        allow_last_axis_squeeze: Not here: True is refused.
        name: The name of the input among several. None means there is one.
        optional: Whether None is an input too.

    Raises:
        InvalidArgument: If `allow_last_axis_squeeze` is asked for.

    Example:
        >>> from kibitz.layers.input_spec import InputSpec
        >>> InputSpec(min_ndim=2, axes={-1: 784}).check((None, 784), "dense")

    Source: https://keras.io/api/layers/base_layer/
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        if allow_last_axis_squeeze:
            raise InvalidArgument(
                "Kibitz never drops an axis on its own.",
                given=allow_last_axis_squeeze,
                wanted="allow_last_axis_squeeze=False",
                cure="put a Reshape layer before this one",
            )
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}

    def check(self, shape: Sequence[int | None], layer: str, dtype: Any = None) -> None:
        """Raise if inputs of this shape cannot be taken.

        Args:
            shape: The inputs' shape; None in it is a size not yet known.
            layer: The layer's name, for the message.
            dtype: The inputs' dtype. None is not compared.

        Raises:
            ShapeMismatch: If the shape cannot be taken.
            InvalidArgument: If the dtype cannot be taken.
        """
        wanted = self._rank_wanted(len(shape)) or self._sizes_wanted(shape)
        if wanted:
            raise ShapeMismatch(
                f'Layer "{layer}" cannot take inputs of this shape.',
                given=tuple(shape),
                wanted=wanted,
                cure=f'give "{layer}" such inputs, or put a Flatten or Reshape layer before it',
            )
        if self.dtype is not None and dtype is not None and str(dtype) != str(self.dtype):
            raise InvalidArgument(
                f'Layer "{layer}" cannot take inputs of this dtype.',
                given=str(dtype),
                wanted=str(self.dtype),
                cure=f'x.astype("{self.dtype}")',
            )

    def _rank_wanted(self, rank: int) -> str | None:
        if self.ndim is not None and rank != self.ndim:
            return f"{self.ndim} dimensions, the batch first"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"at most {self.max_ndim} dimensions, the batch first"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"at least {self.min_ndim} dimensions, the batch first"
        return None

    def _sizes_wanted(self, shape: Sequence[int | None]) -> str | None:
        for axis, size in self.axes.items():
            if size is not None and shape[axis] is not None and shape[axis] != size:
                return f"a size of {size} along axis {axis}, as the layer was built for"
        for wanted, size in zip(self.shape or (), shape, strict=False):
            if wanted is not None and size is not None and wanted != size:
                return f"shape {self.shape}"
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments that are kept."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Make one from what `get_config` gave."""
        return cls(**config)
