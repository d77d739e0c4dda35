"""The metric: a sum that grows batch by batch, a number read from it, and the pure bridge into a compiled step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, UnknownName, Unsupported, WrongType, code
from kibitz.losses.base import POLICIES
from kibitz.metrics.state import MetricVariable, standing_in
from kibitz.naming import auto_name
from kibitz.registered import take
from kibitz.variable import Variable

_LONGEST_NAME = 128


def _filled(fill: Callable[..., np.ndarray]) -> Callable[..., jax.Array]:
    """Make an array on the host and bring it to the device: jnp.zeros would compile a program for each shape."""
    return lambda shape, dtype: jax.device_put(fill(shape, jnp.dtype(dtype)))


_zeros, _ones = _filled(np.zeros), _filled(np.ones)
_INITIALIZERS = {"zeros": _zeros, "Zeros": _zeros, "ones": _ones, "Ones": _ones}
_SPELLED: dict[Any, str] = {
    **POLICIES,
    None: "float32",
    "float": "float32",
    float: "float32",
    "int": "int32",
    int: "int32",
}
_AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")


class Metric:
    """Measure a run: the base of every metric, and of your own.

    Write a subclass that makes its variables in `__init__` with `add_weight`, changes them in `update_state`, and reads
    them in `result`. It then works by hand and inside a compiled step alike: `update_state` is traced, so use
    `jax.numpy` in it, and keep state in sums and counters, which can be merged by adding them.

    Args:
        dtype: The dtype of the metric's arithmetic. None means "float32".
        name: Its key in the logs. None means the class's name in snake case, made unique as Keras does.

    Raises:
        WrongType: If `name` is not a string.
        InvalidArgument: If `name` cannot be printed in a line, or `dtype` is not to be had.

    Unlike Keras: has a direction, `_direction`, "up" or "down" or None, wherever it is clear; other callbacks ask it.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.metrics.base import Metric
        >>> class LargestError(Metric):
        ...     def __init__(self, name="largest_error", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.largest = self.add_weight(name="largest", initializer="zeros")
        ...
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.largest.assign(jnp.maximum(self.largest, jnp.max(jnp.abs(y_true - y_pred))))
        ...
        ...     def result(self):
        ...         return self.largest
        >>> metric = LargestError()
        >>> metric.update_state(jnp.array([1.0, 2.0]), jnp.array([1.0, 5.0]))
        >>> float(metric.result())
        3.0

    Source: https://keras.io/api/metrics/base_metric/
    """

    _direction: str | None = None

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = _checked_name(name) or auto_name(type(self).__name__)
        self._dtype = dtype_name(dtype)
        self._variables: list[MetricVariable] = []

    @property
    def dtype(self) -> str:
        """The dtype's name, such as "float32"."""
        return self._dtype

    @property
    def variables(self) -> list[MetricVariable]:
        """All that it remembers: its own variables, then those of metrics that it holds."""
        inner = (variable for metric in self._inner_metrics() for variable in metric.variables)
        return [*self._variables, *inner]

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any,
        dtype: Any = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> MetricVariable:
        """Make a variable; call it in `__init__`.

        Args:
            shape: Its shape for life; `()` for a number.
            initializer: "zeros", "ones", or a function `(shape, dtype=...)` that gives an array. None means "zeros".
            dtype: Its dtype for life. None means "float32", as in Keras, whatever the metric's own.
            aggregation: As in Keras: None, "none", "mean", "sum", "only_first_replica".
            name: Its short name. None means "variable".

        Raises:
            NotReady: If `super().__init__()` was not called before.
            UnknownName: If `initializer` is another string.
        """
        if "_variables" not in vars(self):
            raise NotReady(
                "The metric's __init__ makes a variable before the metric itself is made.",
                given=type(self),
                cure="call super().__init__(name=name) first in __init__",
            )
        if aggregation not in _AGGREGATIONS:
            given = aggregation
            raise InvalidArgument(
                "There is no such aggregation.", given=given, wanted=f"one of {_AGGREGATIONS}", cure='aggregation="sum"'
            )
        name = name or "variable"
        shape = _checked_shape(shape)
        take(shape, 4, f"a variable of {self.name}")
        value = _initial(initializer, shape, dtype_name(dtype))
        variable = MetricVariable(value, name=name, path=f"{self.name}/{name}", aggregation=aggregation)
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> MetricVariable:
        """Make a variable, a number unless `shape` says otherwise; see `add_variable`."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - each subclass names its own
        """Take in one batch: `(y_true, y_pred, sample_weight=None)` in a metric for `compile`."""
        raise Unsupported(
            "The metric does not say how to take in a batch.",
            given=type(self),
            cure="write update_state(self, y_true, y_pred, sample_weight=None)",
        )

    def result(self) -> Any:
        """The number as of now, or a dict of numbers."""
        raise Unsupported(
            "The metric does not say how to read its number.", given=type(self), cure="write result(self)"
        )

    def reset_state(self) -> None:
        """Forget all batches. Every variable becomes 0, whatever it began with, as in Keras."""
        for variable in self.variables:
            variable.assign(_zeros(variable.shape, variable.dtype))

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Take in one batch purely: the variables' values before it in, those after it out.

        Args:
            metric_variables: One array for each of `variables`, in that order.
            *args: What `update_state` takes.
            **kwargs: The same, by name.

        Raises:
            ShapeMismatch: If there are more or fewer arrays than variables.

        Example:
            >>> import jax
            >>> from kibitz.metrics.reduction import Mean
            >>> mean = Mean()
            >>> state = jax.jit(mean.stateless_update_state)(mean.stateless_reset_state(), jax.numpy.array([1.0, 3.0]))
            >>> float(mean.stateless_result(state)), float(mean.result())
            (2.0, 0.0)
        """
        with standing_in(self._matched(metric_variables), metric_variables):
            self.update_state(*args, **kwargs)
            return [variable.value for variable in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Read the number purely from the variables' values; every leaf of the answer is an array."""
        with standing_in(self._matched(metric_variables), metric_variables):
            return jax.tree.map(_as_array, self.result(), is_leaf=lambda leaf: isinstance(leaf, Variable))

    def stateless_reset_state(self) -> list[Any]:
        """Give the values of all variables after `reset_state`, as fresh arrays; nothing is changed."""
        # What lives in a run stays out of this: it may be asked within the run's own step.
        with standing_in(self.variables, [variable.kept for variable in self.variables]):
            self.reset_state()
            values = [variable.value for variable in self.variables]
        # A `reset_state` of one's own may leave what is there, or give one array to two; whoever donates must not
        # take anything away from this object.
        held = [*values, *(variable.value for variable in self.variables)]
        return [jnp.array(value) if _count(value, held) > 1 else value for value in values]

    def stateless_build(self, *args: Any, **kwargs: Any) -> None:
        """Make the variables that wait for the first batch to learn their shape, without taking one in.

        A compiled step needs the state's structure before it runs. Not in Keras, which runs a batch symbolically.

        Args:
            *args: What `update_state` takes: arrays, or `jax.ShapeDtypeStruct` in their place.
            **kwargs: The same, by name.

        Example:
            >>> import jax
            >>> from kibitz.metrics.r2 import R2Score
            >>> metric, batch = R2Score(), jax.ShapeDtypeStruct((8, 3), "float32")
            >>> metric.stateless_build(batch, batch)
            >>> [variable.shape for variable in metric.variables]
            [(), (3,), (3,), (3,), (3,)]
        """
        jax.eval_shape(partial(self.stateless_update_state, [each.value for each in self.variables]), *args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in one batch, and read the number as of then."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """The arguments that would make it again, of plain Python types."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make a metric from what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def _inner_metrics(self) -> Iterator[Metric]:
        for value in vars(self).values():
            several = (
                value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            )
            yield from (each for each in several if isinstance(each, Metric))

    def _matched(self, values: Sequence[Any]) -> list[MetricVariable]:
        variables = self.variables
        if len(values) != len(variables):
            raise ShapeMismatch(
                f"The metric {self.name!r} has another number of variables than it was given values.",
                given=code(f"{len(values)} values"),
                wanted=f"{len(variables)}: {', '.join(each.path for each in variables) or 'none'}",
                cure="take the values from stateless_reset_state(), after stateless_build(y_true, y_pred)",
            )
        return variables


def dtype_name(dtype: Any) -> str:
    """Spell a dtype as Keras does: "float32" for None, "int32" for "int", a policy's compute dtype for a policy.

    Raises:
        InvalidArgument: If there is no such dtype, or JAX would silently make it a smaller one.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.metrics.base import dtype_name
        >>> dtype_name(None), dtype_name("int"), dtype_name(jnp.bfloat16)
        ('float32', 'int32', 'bfloat16')
    """
    wanted = getattr(dtype, "compute_dtype", dtype)
    wanted = _SPELLED.get(wanted, wanted) if isinstance(wanted, str | type | None) else wanted
    try:
        name = jnp.dtype(wanted).name
    except TypeError as error:
        raise InvalidArgument("There is no such dtype.", given=dtype, cure='dtype="float32"') from error
    if jax.dtypes.canonicalize_dtype(name).name != name:
        raise InvalidArgument(
            "JAX keeps no 64-bit numbers unless told to.",
            given=dtype,
            wanted=jax.dtypes.canonicalize_dtype(name).name,
            cure='dtype="float32", or jax.config.update("jax_enable_x64", True) at the start',
        )
    return name


def _checked_name(name: Any) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise WrongType("A metric's name is text.", given=name, wanted="a string or None", cure='name="my_metric"')
    if not name.isprintable() or len(name) > _LONGEST_NAME:
        raise InvalidArgument(
            "A metric's name is a key in logs, files and tables, and must fit in a line.",
            given=name,
            wanted=f"at most {_LONGEST_NAME} printable characters",
            cure='name="my_metric"',
        )
    return name


def _checked_shape(shape: Any) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not isinstance(shape, list | tuple) or any(
        isinstance(size, bool) or not isinstance(size, int) for size in sizes
    ):
        raise WrongType(
            "A variable's shape is a tuple of sizes.", given=shape, wanted="such as (), (3,)", cure="shape=(3,)"
        )
    return sizes


def _initial(initializer: Any, shape: tuple[int, ...], dtype: str) -> Any:
    if isinstance(initializer, str):
        if initializer not in _INITIALIZERS:
            raise UnknownName(
                "A metric's variable begins with none of these.",
                given=initializer,
                there_is=["zeros", "ones"],
                cure='initializer="zeros", or a function (shape, dtype=...) that gives an array',
            )
        initializer = _INITIALIZERS[initializer]
    make: Any = initializer() if inspect.isclass(initializer) else initializer or _zeros
    if not callable(make):
        raise WrongType(
            "A metric's variable begins with what a function gives.",
            given=initializer,
            wanted='"zeros", "ones" or a function (shape, dtype=...)',
            cure='initializer="zeros"',
        )
    with jax.ensure_compile_time_eval():
        # A variable may be made while a step is traced; its first value must be a number and not a tracer.
        value = jnp.asarray(_as_array(make(shape, dtype=dtype)), dtype=dtype)
    if value.shape != shape:
        raise ShapeMismatch("The initializer gave another shape.", given=value, wanted=f"{shape}", cure="shape=...")
    return value


def _count(value: Any, values: Sequence[Any]) -> int:
    return sum(value is each for each in values)


def _as_array(value: Any) -> Any:
    return jnp.asarray(value.value if isinstance(value, Variable) else value)
