"""A stack of layers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from kibitz.engine.drawing import draw_together
from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, Unsupported, WrongType, code
from kibitz.layers.base import Layer
from kibitz.layers.input import InputLayer
from kibitz.layers.registry import deserialize as deserialize_layer
from kibitz.layers.registry import serialize as serialize_layer
from kibitz.layers.weighted import TOGETHER
from kibitz.models.model import Model
from kibitz.models.rehearsal import outputs_of


class Stack(nnx.Module):
    """The module of a Sequential: its layers, called one after the other.

    They stand in it by number. Names that were made for layers differ from model to model, and would make two programs
    of two models that are alike.

    Args:
        layers: The layers, in order.
        column: Whether a row of the inputs is one number, so that they may come without their last axis.
        input_name: The name by which the inputs may come in a dict. None means that they come as they are.
    """

    def __init__(self, layers: Sequence[nnx.Module], column: bool = False, input_name: str | None = None):
        self.layers, self.column, self.input_name = nnx.List(layers), column, input_name

    def __call__(self, x: Any) -> Any:
        """The last layer's output."""
        x = _alone(x, self.input_name)
        if self.column and jnp.ndim(x) == 1:
            x = x[:, None]
        for layer in self.layers:
            x = layer(x)
        return x


class Sequential(Model):
    """A stack of layers, each fed with the one before.

    Take it where every layer has one input and one output. Layers of Kibitz and any `nnx.Module` go together. Weights
    are made as soon as the shape of the inputs is known: from an `Input`, from `input_shape` of the first layer, from
    `build`, or from the data.

    Args:
        layers: The layers, first one first. None begins with none.
        trainable: False freezes every layer.
        name: The model's name. None makes one.

    Raises:
        WrongType: If something in it is not a layer.
        InvalidArgument: If two layers have one name.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(3), kibitz.layers.Dense(1)])
        >>> model.count_params()
        19

    Source: https://keras.io/api/models/sequential/
    """

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None):
        self._setup(name)
        self._layers: list[Any] = []
        self._trainable = trainable
        self._input_shape: tuple[int | None, ...] | None = None
        self._input_dtype: str | None = None
        self._input_name: str | None = None
        for layer in layers if isinstance(layers, list | tuple) else [] if layers is None else [layers]:
            self.add(layer, rebuild=False)
        self._maybe_build()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Args:
            layer: A layer, an `Input`, or an NNX module.
            rebuild: Whether to make weights now if the input's shape is known.

        Raises:
            WrongType: If it is not a layer.
            InvalidArgument: If its name is taken, or an `Input` is not the first.
        """
        if isinstance(layer, InputLayer):
            self._take_input(layer)
        else:
            self._check(layer)
            if not self._layers and self._input_shape is None:
                declared = getattr(layer, "declared_shape", None)
                self._take_shape(None if declared is None else (None, *declared))
            if not self._trainable:
                layer.trainable = False
            self._layers.append(layer)
        if rebuild:
            self._maybe_build()

    def pop(self, rebuild: bool = True) -> Any:
        """Take the topmost layer away and return it.

        Args:
            rebuild: Whether to make the model ready again if the input's shape is known.
        """
        if not self._layers:
            raise InvalidArgument(
                "There is no layer to take away.", given=self, wanted="a layer", cure="model.add(...)"
            )
        layer = self._layers.pop()
        self.core.unbuild()
        if rebuild:
            self._maybe_build()
        return layer

    def _take_input(self, layer: Any) -> None:
        if self._layers or self._input_shape is not None:
            raise InvalidArgument("An Input stands first in a stack.", given=layer, wanted="the first place",
                                  cure="Sequential([Input((784,)), Dense(10)])")  # fmt: skip
        self._take_shape(layer.batch_shape)
        self._input_dtype, self._input_name = layer.dtype, layer.name

    def _take_shape(self, shape: Any) -> None:
        if shape is not None:
            self._input_shape = tuple(shape)

    def _check(self, layer: Any) -> None:
        if isinstance(layer, type):
            raise WrongType(f"{layer.__name__} is a class, and a stack holds layers.", given=layer,
                            wanted="an instance", cure=f"{layer.__name__}(...)")  # fmt: skip
        if isinstance(layer, Model):
            raise Unsupported("A model inside a stack is not here yet.", given=layer, wanted="layers",
                              cure="Sequential([*inner.layers, ...])")  # fmt: skip
        if not isinstance(layer, nnx.Module):
            raise WrongType("A stack holds layers.", given=layer, wanted="a layer or an nnx.Module",
                            cure="kibitz.layers.Activation('relu') for a function")  # fmt: skip
        names = [layer_name(each, index) for index, each in enumerate(self._layers)]
        name = layer_name(layer, len(self._layers))
        if name in names:
            raise InvalidArgument("Two layers of a stack have one name.", given=name, wanted="a name of its own for "
                                  "each layer", cure=f'name="{name}_2"')  # fmt: skip

    # -- building ----------------------------------------------------------------------------------------------------

    def _maybe_build(self) -> None:
        if self._layers and self._input_shape is not None:
            self.build(self._input_shape)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights.

        Args:
            input_shape: The inputs' shape, the batch axis first (None for any size). None takes the one that is known.

        Raises:
            NotReady: If no shape is known, or there is no layer.
            ShapeMismatch: If a layer cannot take what the one before gives.
        """
        shape = tuple(input_shape) if input_shape is not None else self._input_shape
        if shape is None or not self._layers:
            raise NotReady("There is nothing to build from.", given=self, wanted="a layer and an input shape",
                           cure="model.build((None, 784))")  # fmt: skip
        self._input_shape = shape
        at: tuple[int | None, ...] = shape
        undrawn: list[Any] = []
        for layer in self._layers:
            if isinstance(layer, Layer):
                if not layer.built:
                    _build(layer, at, undrawn)
                    object.__setattr__(layer, "within", self.name)
                at = tuple(layer.compute_output_shape(at))
            else:
                at = _shape_through(layer, at)
        draw_together(undrawn)
        self.core.build(Stack(self._layers, column=shape[1:] == (1,), input_name=self._input_name))
        for layer in self._layers:
            if isinstance(layer, Layer):
                layer.bind(self.core.timeline)

    def build_for(self, x: Any, called: str = "x") -> None:
        """Make the weights for inputs like these, or compare these with the shape that is known.

        Args:
            x: Inputs.
            called: What the user calls them.
        """
        x = _alone(x, self._input_name)
        if isinstance(x, dict | list | tuple):
            raise WrongType(f"A stack has one input, and {called} is a {type(x).__name__}.", given=x,
                            wanted="one array", cure="the array itself, or kibitz.Model(module) with a module that "
                            "takes several inputs")  # fmt: skip
        if not self.built:
            self.build((None, *np.shape(x)[1:]))
            return
        wanted = self._input_shape or ()
        given = np.shape(x)
        if len(given) == 1 and wanted[1:] == (1,):
            return  # one number a row, as Keras takes it too
        if len(wanted) != len(given) or any(
            size is not None and size != there for size, there in zip(wanted[1:], given[1:], strict=True)
        ):
            raise ShapeMismatch(
                f'{called} does not have the shape that the model "{self.name}" was built for.',
                given=code(f"{called}: {x.dtype}[{', '.join(map(str, given))}]"),
                wanted=f"[{', '.join('any' if size is None else str(size) for size in wanted)}], rows first",
                cure=_shape_cure(called, wanted, given),
            )

    @property
    def layers(self) -> list[Any]:
        """The layers, first one first; an `Input` is not among them."""
        return list(self._layers)

    def shown(self, name: str) -> str:
        """A variable's name as a user reads it, with its layer's name in the place of its number."""
        stack, *place = name.split("/")
        if not place:
            return stack
        index, *rest = place
        return "/".join([layer_name(self._layers[int(index)], int(index)), *rest])

    @property
    def module(self) -> nnx.Module:
        """The NNX module, brought up to date."""
        return super().module

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """The shape of the inputs, None for sizes that are free; None if it is not known yet."""
        return self._input_shape

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of the outputs, None for the batch axis."""
        shape = self._input_shape or ()
        sizes = [1 if size is None else size for size in shape]
        x = np.zeros(sizes, self._input_dtype or "float32")
        return (None, *outputs_of(self.core, x).shape[1:])

    def shown_path(self, name: str) -> str:
        """The layers' names behind that of the model, if it was the model that built the layer, as in Keras."""
        _, index, *rest = name.split("/")
        layer = self._layers[int(index)]
        own = layer.path if isinstance(layer, Layer) else f"{self.name}/{layer_name(layer, int(index))}"
        return "/".join([own, *rest])

    # -- files -------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The name, the layers' configurations and the input's shape."""
        for layer in self._layers:
            if not isinstance(layer, Layer):
                raise Unsupported("A Flax module of your own cannot be written down: its class is code.", given=layer,
                                  wanted="layers of Kibitz, or of your own as kibitz.layers.Layer",
                                  cure='model.save_weights("model.weights.h5")')  # fmt: skip
        layers = [serialize_layer(layer) for layer in self._layers]
        return {"name": self.name, "layers": layers, "build_input_shape": self._input_shape,
                "input_dtype": self._input_dtype, "input_name": self._input_name}  # fmt: skip

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as text, to be made a model again by `kibitz.models.model_from_json`.

        Args:
            **kwargs: Handed to `json.dumps`.
        """
        return json.dumps({"class_name": "Sequential", "config": self.get_config()}, **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Sequential:
        """Make a model from what `get_config` gave.

        Args:
            config: The configuration.
            custom_objects: Classes and functions of your own, by name. None means none.
        """
        layers = [deserialize_layer(layer, custom_objects) for layer in config["layers"]]
        model = cls(layers, name=config.get("name"))
        model._input_dtype, model._input_name = config.get("input_dtype"), config.get("input_name")
        shape = config.get("build_input_shape")
        if shape is not None and not model.built:
            model.build(tuple(shape))
        return model


def _alone(x: Any, name: str | None) -> Any:
    """The one input, which may come as a list of one, or in a dict under the name of the `Input`, as in Keras."""
    if isinstance(x, dict) and name in x:
        return x[name]
    return x[0] if isinstance(x, list | tuple) and len(x) == 1 else x


def _build(layer: Layer, shape: tuple[int | None, ...], undrawn: list[Any]) -> None:
    """Build a layer; what it draws is left for later, unless a `build` of the user's own might look at it."""
    token = TOGETHER.set(undrawn if type(layer).build.__module__.startswith("kibitz.") else None)
    try:
        layer.build(shape)
    finally:
        TOGETHER.reset(token)


def layer_name(layer: Any, index: int) -> str:
    """A layer's name; an NNX module has that of its class and its place."""
    return getattr(layer, "name", None) or f"{type(layer).__name__.lower()}_{index}"


def _shape_through(layer: nnx.Module, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    graph, state = nnx.split(layer)
    x = jax.ShapeDtypeStruct([1 if size is None else size for size in shape], np.float32)
    try:
        y = jax.eval_shape(lambda state, x: nnx.merge(graph, state, copy=True)(x), state, x)
    except (TypeError, ValueError) as error:
        raise ShapeMismatch(
            f"{type(layer).__name__} cannot take what comes before it: {str(error).splitlines()[0]}.",
            given=code(str(shape)), wanted="inputs of the size that the module was made for",
            cure="make the module for this size",
        ) from error  # fmt: skip
    return (None, *y.shape[1:])


def _shape_cure(called: str, wanted: tuple[Any, ...], given: tuple[int, ...]) -> str:
    sizes = [size for size in wanted[1:] if size is not None]
    if len(sizes) == len(wanted) - 1 and int(np.prod(sizes)) == int(np.prod(given[1:])):
        return f"{'x' if ' ' in called else called}.reshape(-1, {', '.join(map(str, sizes))})"
    return f"give rows of shape ({', '.join('any' if size is None else str(size) for size in wanted[1:])},)"
