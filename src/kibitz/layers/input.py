"""What a model is given: the shape and dtype of its inputs, as the first entry of a Sequential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from kibitz.errors import InvalidArgument
from kibitz.layers.arguments import absent, whole
from kibitz.layers.base import Layer
from kibitz.layers.shapes import known_shape


class InputLayer(Layer):
    """The inputs of a model: their shape, dtype and name. `Input(...)` makes one.

    Args:
        shape: The shape of one sample; None in it is a size that may vary. None takes `batch_shape`.
        batch_size: The size of every batch. None lets it vary.
        dtype: The inputs' dtype. None means float32.
        sparse: Not here: True is refused.
        ragged: Not here: True is refused.
        batch_shape: The shape with the batch first, in place of `shape` and `batch_size`. None takes these.
        input_tensor: Not here: there are no symbolic tensors.
        optional: Not here: True is refused.
        name: The name. None makes one, such as "input_layer".
        kwargs: See `Layer`.

    Raises:
        InvalidArgument: If there is no shape, or two.
        Unsupported: For sparse, ragged, optional or symbolic inputs.

    Example:
        >>> from kibitz.layers import InputLayer
        >>> InputLayer((784,)).batch_shape
        (None, 784)

    Source: https://keras.io/api/layers/core_layers/input/
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        shape, batch_shape = kwargs.pop("input_shape", shape), kwargs.pop("batch_input_shape", batch_shape)
        super().__init__(name=name, dtype=None, **kwargs)
        absent(
            "Input",
            "give arrays, of one shape each",
            sparse=sparse,
            ragged=ragged,
            input_tensor=input_tensor,
            optional=optional,
        )
        if (shape is None) == (batch_shape is None) or (batch_size is not None and batch_shape is not None):
            raise InvalidArgument(
                "An Input has one shape.",
                given={"shape": shape, "batch_size": batch_size, "batch_shape": batch_shape},
                wanted="a shape (with a batch_size, if it never varies), or a batch_shape",
                cure="Input(shape=(784,))",
            )
        if batch_shape is None:
            size = None if batch_size is None else whole(batch_size, "batch_size", "batch_size=32")
            batch_shape = (size, *_shape(shape))
        self.batch_shape: tuple[int | None, ...] = _shape(batch_shape)
        self.input_dtype = jnp.dtype(dtype or "float32").name
        self.build(self.batch_shape)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape with the batch first; None for a size that may vary."""
        return self.batch_shape

    @property
    def dtype(self) -> str:
        """The inputs' dtype."""
        return self.input_dtype

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:  # noqa: ARG002 - it takes what every layer takes
        """Give the inputs."""
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The inputs' shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments, as Keras writes them."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }


def Input(  # noqa: N802 - Keras's name
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> InputLayer:
    """Say what a model is given; the first entry of a Sequential, so that it has weights before it sees data.

    Args:
        shape: The shape of one sample; None in it is a size that may vary. None takes `batch_shape`.
        batch_size: The size of every batch. None lets it vary.
        dtype: The inputs' dtype. None means float32.
        sparse: Not here: True is refused.
        ragged: Not here: True is refused.
        batch_shape: The shape with the batch first, in place of `shape` and `batch_size`. None takes these.
        name: The name. None makes one, such as "input_layer".
        tensor: Not here: there are no symbolic tensors.
        optional: Not here: True is refused.

    Raises:
        InvalidArgument: If there is no shape, or two.
        Unsupported: For sparse, ragged, optional or symbolic inputs.

    Example:
        >>> from kibitz.layers import Input
        >>> inputs = Input(shape=(28, 28), dtype="uint8")
        >>> inputs.shape, inputs.dtype
        ((None, 28, 28), 'uint8')

    Unlike Keras: it gives an `InputLayer`, and layers are not called on it: there is no functional API.

    Source: https://keras.io/api/layers/core_layers/input/
    """
    return InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )


def _shape(shape: Any) -> tuple[int | None, ...]:
    if not isinstance(shape, list | tuple):
        raise InvalidArgument(
            "A shape is a tuple of sizes.",
            given=shape,
            wanted="a tuple, without the batch",
            cure=f"Input(shape=({shape!r},))",
        )
    return known_shape(shape, "Input")
