"""What every layer is: an NNX module that is built when it first sees a shape, with Keras's names for all of it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
from flax import nnx

from kibitz.errors import InvalidArgument, MissingName, UnknownName, Unsupported, WrongType, code
from kibitz.layers import activations, constraints, initializers, policy, regularizers
from kibitz.layers.input_spec import InputSpec
from kibitz.layers.shapes import known_shape, output_shape
from kibitz.layers.weight import is_trainable
from kibitz.layers.weighted import RNGS, Weighted
from kibitz.naming import auto_name

FUNCTIONAL = """model = keras.Sequential([
               keras.Input(shape=(784,)),
               keras.layers.Dense(10),
           ])   # or a class of nnx.Module: kibitz.Model(module)"""


WRITERS = (
    (initializers.Initializer, initializers.serialize),
    (regularizers.Regularizer, regularizers.serialize),
    (constraints.Constraint, constraints.serialize),
)


def building(method: Callable[..., None]) -> Callable[..., None]:
    """Let a layer's `build(input_shape)` be called with `rngs` too, once, and mark the layer as built."""

    @functools.wraps(method)
    def build(self: Layer, input_shape: Any = None, rngs: nnx.Rngs | None = None) -> None:
        if self.is_building:  # super().build(input_shape) within a build
            method(self, input_shape)
            return
        shape = known_shape(input_shape, self.name)
        if self.built and self.weights:
            self.refuse_other_shape(shape)
            return
        self.is_building = True
        token = RNGS.set(rngs or RNGS.get())
        try:
            method(self, shape)
        finally:
            RNGS.reset(token)
            self.is_building = False
        self.built, self.built_for = True, shape

    return build


class CallSignature:
    """What `inspect` says of a layer's class, and of a layer: how to make it, and how to call it.

    Without it NNX's metaclass would say `(*args, **kwargs)` of every class.
    """

    def __get__(self, layer: Any, kind: type) -> inspect.Signature:
        if layer is not None:
            return inspect.signature(layer.call)
        made = inspect.signature(kind.__init__)
        return made.replace(parameters=list(made.parameters.values())[1:])


class Layer(Weighted, nnx.Module):
    """The base of all layers, and of your own: write `call`, and `build` if it has weights.

    A layer is an `nnx.Module`: its weights are `nnx.Param` and `nnx.BatchStat`, and `nnx.split`, `nnx.state` and the
    like see it as any other. `train()` and `eval()` set its mode; a new layer is in the mode that predicts.

    Args:
        activity_regularizer: A penalty on the outputs, divided by the batch size. None means none.
        trainable: Whether an optimizer moves the weights; settable later, and taken up by the next `compile`.
        dtype: A dtype, or a policy such as "mixed_bfloat16". None means the default policy.
        autocast: Whether float inputs are cast to the layer's compute dtype.
        name: The layer's name. None makes one, such as "dense_1".
        kwargs: `input_shape` (a shape without the batch) or `input_dim` (a size), for the first layer of a Sequential.

    Raises:
        UnknownName: For an argument that the layer has not.
        InvalidArgument: For a name with a slash in it, or `trainable` that is not True or False.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.layers.base import Layer
        >>> class Double(Layer):
        ...     def call(self, inputs):
        ...         return 2 * inputs
        >>> Double()(jnp.array([1.0, 2.0])).tolist()
        [2.0, 4.0]

    Unlike Keras: the penalty on the outputs adds up over calls until `penalty()` is asked, as every step does.

    Source: https://keras.io/api/layers/base_layer/
    """

    __signature__ = CallSignature()
    config_names: tuple[str, ...] = ()
    """The constructor's arguments that `get_config` gives, beside those of this class."""

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        self.name = auto_name(type(self).__name__) if name is None else name
        if not isinstance(self.name, str) or "/" in self.name:
            raise InvalidArgument(
                "This cannot be a layer's name.", given=name, wanted="text without a slash", cure='name="top"'
            )
        if not isinstance(trainable, bool):
            raise InvalidArgument("`trainable` is yes or no.", given=trainable, wanted="a bool", cure="trainable=False")
        self.declared_shape = _declared_shape(kwargs)
        if kwargs:
            self._refuse(next(iter(kwargs)))
        self._trainable = trainable
        self.dtype_policy = policy.get(dtype)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = self.is_building = False
        self.built_for = self.input_spec = None
        # NNX's own name for "do not train now": its train() and eval() set it.
        self.deterministic = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = building(vars(cls)["build"])

    @building
    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape; called on the first call, or by the model.

        A subclass's `build(self, input_shape)` makes them with `add_weight`. It is called with `rngs` too: an
        `nnx.Rngs` to draw from. Without it the weights are drawn as Keras draws them, so that after `random.seed(7)`
        they are the ones that Keras has after `set_random_seed(7)`.

        Args:
            input_shape: A shape with the batch first, None where a size is not known.
        """

    def call(self, inputs: Any) -> Any:  # noqa: ARG002 - a subclass uses it
        """Give the outputs for the inputs; a parameter `training`, if it has one, is True while it trains.

        Raises:
            Unsupported: In the base class.
        """
        raise Unsupported(
            f"{type(self).__name__} does not say what it computes.",
            given=code(f"class {type(self).__name__}(Layer)"),
            wanted="a method that gives an array",
            cure="def call(self, inputs): return inputs",
        )

    def __call__(self, inputs: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Build the layer if need be, and call it.

        Args:
            inputs: An array, or a list, tuple or dict of these.
            args: Handed on to `call`.
            training: Whether to behave as in training. None asks the layer's mode, see `train()` and `eval()`.
            kwargs: Handed on to `call`.
        """
        inputs = jax.tree.map(self._converted, inputs, is_leaf=lambda part: isinstance(part, Layer))
        shapes = jax.tree.map(jnp.shape, inputs)
        if self.input_spec is not None and isinstance(inputs, jax.Array):
            self.input_spec.check(shapes, self.name, inputs.dtype)
        if not self.built:
            self.build(shapes)
        train = not self.deterministic if training is None else training
        if "training" in inspect.signature(self.call).parameters:
            kwargs["training"] = train
        self.pull()
        outputs = self.call(inputs, *args, **kwargs)
        if self.activity_regularizer is not None:
            self._punish(outputs)
        if train:
            self.push()
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the outputs for inputs of a shape, None where a size is not known; nothing is computed."""
        return output_shape(self, input_shape, self.compute_dtype)

    def refuse_other_shape(self, shape: Any) -> None:
        """Raise if the layer, which is built, cannot take inputs of this shape.

        Raises:
            ShapeMismatch: If it cannot.
        """
        if isinstance(self.input_spec, InputSpec) and isinstance(shape, tuple):
            self.input_spec.check(shape, self.name)

    @property
    def trainable(self) -> bool:
        """Whether an optimizer moves the weights; setting it sets that of the layers within too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for _, part in nnx.iter_graph(self):
            if isinstance(part, Layer):
                part._trainable = bool(value)  # noqa: SLF001 - of the same class
            elif isinstance(part, nnx.Param) and is_trainable(part) != bool(value):
                part.set_metadata(trainable=bool(value))

    @property
    def compute_dtype(self) -> str:
        """The dtype that the layer computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype that the layer keeps its weights in."""
        return self.dtype_policy.variable_dtype

    @property
    def dtype(self) -> str:
        """The same as `variable_dtype`."""
        return self.variable_dtype

    @property
    def input_shape(self) -> Any:
        """The shape that the layer was built for, with None for the batch if it was not known.

        Raises:
            MissingName: If the layer is not built. It is an AttributeError, so `hasattr` works.
        """
        if self.built_for is None:
            raise MissingName(
                f'Layer "{self.name}" has seen no inputs yet.',
                given=code(f"{self.name}.input_shape"),
                wanted="a layer that is built",
                cure="call it on an array, or layer.build(input_shape)",
            )
        return self.built_for

    @property
    def output_shape(self) -> Any:
        """The shape of the outputs for `input_shape`."""
        return self.compute_output_shape(self.input_shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments by name, as Keras writes them; no weights.

        Raises:
            Unsupported: If the layer is of a class of your own that does not say its arguments.
        """
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": policy.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Layer.get_config:
            self._refuse_unwritten()
        return {**config, **{name: _written(getattr(self, name)) for name in self.config_names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a layer from what `get_config` gave."""
        return cls(**config)

    def now(self, name: str) -> Any:
        """A weight's value as `call` uses it: in the compute dtype; None if the layer has no such weight."""
        variable = vars(self)[name]
        if not isinstance(variable, nnx.Variable):
            return None
        value = variable.get_value()
        floating = jnp.issubdtype(value.dtype, jnp.floating)
        cast = self.autocast and floating and variable.get_metadata("autocast", True)
        return value.astype(self.compute_dtype) if cast else value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def _converted(self, x: Any) -> jax.Array:
        """An input as a JAX array, floats in the compute dtype."""
        if isinstance(x, Layer):
            raise Unsupported(
                "Kibitz has no functional API: a layer is called on arrays.",
                given=code(f"{type(self).__name__}(...)({type(x).__name__}(...))"),
                wanted="an array",
                cure=FUNCTIONAL,
            )
        if not hasattr(x, "shape") or not hasattr(x, "dtype"):
            raise WrongType(f'Layer "{self.name}" is called on arrays.', given=x, wanted="an array", cure="np.array(x)")
        x = jnp.asarray(x)
        return x.astype(self.compute_dtype) if self.autocast and jnp.issubdtype(x.dtype, jnp.floating) else x

    def add_loss(self, loss: Any) -> None:
        """Add a penalty to the model's loss; called in `call`, where it may follow from the inputs.

        Args:
            loss: A number, or numbers whose sum counts; several in a list or tuple.
        """
        for each in jax.tree.leaves(loss):
            object.__setattr__(self, "activity", getattr(self, "activity", 0.0) + jnp.sum(each))

    def _punish(self, outputs: Any) -> None:
        for output in jax.tree.leaves(outputs):
            penalty = self.activity_regularizer(output)
            if output.ndim:
                penalty = penalty / jnp.asarray(max(output.shape[0], 1), penalty.dtype)
            object.__setattr__(self, "activity", getattr(self, "activity", 0.0) + penalty)

    def _refuse(self, argument: str) -> None:
        kind = type(self)
        known = [
            name
            for each in kind.__mro__
            if issubclass(each, Layer)
            for name, parameter in inspect.signature(each.__init__).parameters.items()
            if name != "self" and parameter.kind not in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}
        ]
        there_is = [*dict.fromkeys(known), "input_shape", "input_dim"]
        raise UnknownName(
            f"{kind.__name__} has no argument of this name.",
            given=argument,
            there_is=there_is,
            cure=f"help(keras.layers.{kind.__name__})",
        )

    def _refuse_unwritten(self) -> None:
        writing = next(each for each in type(self).__mro__ if "config_names" in vars(each))
        own, told = (list(inspect.signature(each.__init__).parameters) for each in (type(self), writing))
        unwritten = [name for name in own if name not in told]
        if unwritten:
            raise Unsupported(
                f"{type(self).__name__} does not say what it was made of.",
                given=code(f"{type(self).__name__}.__init__({', '.join(own)})"),
                wanted="a get_config that gives these arguments",
                cure=f'def get_config(self): return {{**super().get_config(), "{unwritten[0]}": self.{unwritten[0]}}}',
            )


def _declared_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Take `input_dim` and `input_shape` out of the arguments, as a shape without the batch."""
    size, shape = kwargs.pop("input_dim", None), kwargs.pop("input_shape", None)
    if size is not None:
        shape = (size,)
    if shape is None:
        return None
    try:
        return known_shape(tuple(shape), "input_shape")
    except TypeError:
        raise InvalidArgument(
            "`input_shape` is a shape without the batch.",
            given=shape,
            wanted="a tuple of sizes",
            cure="input_shape=(784,)",
        ) from None


def _written(value: Any) -> Any:
    """An argument as Keras writes it."""
    for kind, serialize in WRITERS:
        if isinstance(value, kind):
            return serialize(value)
    return activations.serialize(value) if callable(value) else value
