"""What a metric remembers, and how a traced step borrows it.

A metric is written as an object that changes; a compiled step must be a pure function. The bridge is small: inside
`standing_in(...)` the same variables read and write other values, for this thread alone (another thread may be tracing
with the same metric at the same moment), and what was borrowed is given back however the block ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kibitz.errors import ShapeMismatch
from kibitz.variable import Variable

_standing_in: ContextVar[dict[int, Any] | None] = ContextVar("kibitz_metric_values", default=None)


class MetricVariable(Variable):
    """A counter or a sum of a metric, of one dtype and one shape for life.

    `Metric.add_weight` makes them; nobody else needs to.

    Args:
        value: The first value, an array.
        name: Its short name, such as "total".
        path: Its place, such as "mean/total". None means `name`.
        aggregation: How Keras would merge it across devices; ours are sums.

    Raises:
        ShapeMismatch: On assignment of a value of another shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.metrics.state import MetricVariable
        >>> total = MetricVariable(jnp.zeros(2), name="total")
        >>> total.assign_add([1, 2])
        >>> total.numpy().tolist(), total.dtype
        ([1.0, 2.0], 'float32')
    """

    def __init__(self, value: Any, *, name: str, path: str | None = None, aggregation: str | None = "sum"):
        # Methods and not lambdas, so that a deep copy of a metric has variables of its own.
        super().__init__(self._now, self._put, name=name, path=path, trainable=False)
        self.aggregation = aggregation
        self._kept = value
        self._form = (tuple(value.shape), value.dtype)
        self._home: tuple[Callable[[], Any], Callable[[Any], None]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value, which it keeps for life."""
        return self._form[0]

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return str(self._form[1])

    @property
    def kept(self) -> Any:
        """The value that it has at home, also while it lives elsewhere."""
        return self._kept

    def bind(self, read: Callable[[], Any] | None, write: Callable[[Any], None] | None) -> None:
        """Let the value live elsewhere, such as in the engine's state; None and None bring it back home."""
        if read is None or write is None:
            self._kept, self._home = self._now(), None
        else:
            self._home = (read, write)

    def assign_add(self, value: Any) -> None:
        """Add to the value; lists are taken too, as in Keras."""
        self.assign(self._now() + jnp.asarray(value))

    def assign_sub(self, value: Any) -> None:
        """Subtract from the value; lists are taken too, as in Keras."""
        self.assign(self._now() - jnp.asarray(value))

    def fitted(self, value: Any) -> Any:
        """The value as an array of this variable's dtype; another shape is refused."""
        shape, dtype = self._form
        # NumPy arrays are copied: on CPU JAX may alias them, and the user's later edit would change the state.
        array = (jnp.array if isinstance(value, np.ndarray) else jnp.asarray)(value, dtype=dtype)
        if array.shape != shape:
            raise ShapeMismatch(
                f'The metric variable "{self.path}" keeps its shape for life.',
                given=array,
                wanted=f"the shape {shape}",
                cure="give add_weight(shape=...) the shape that update_state assigns",
            )
        return array

    def _now(self) -> Any:
        inside = _standing_in.get()
        if inside is not None and id(self) in inside:
            return inside[id(self)]
        return self._kept if self._home is None else self._home[0]()

    def _put(self, value: Any) -> None:
        value = self.fitted(value)
        inside = _standing_in.get()
        if inside is not None:
            # Also for a variable that nobody lent: a traced value must never reach what outlives the trace.
            inside[id(self)] = value
        elif self._home is None:
            self._kept = value
        else:
            self._home[1](value)


def _snapshot(_: None, values: tuple[Any]) -> Any:
    return Variable(lambda: values[0], trainable=False)


# So that jnp.sum(variable) works: JAX takes a pytree of one array where it no longer takes `__jax_array__`.
jax.tree_util.register_pytree_node(MetricVariable, lambda variable: ((variable.value,), None), _snapshot)


@contextmanager
def standing_in(variables: Sequence[MetricVariable] = (), values: Sequence[Any] = ()) -> Iterator[None]:
    """Within the block `variables` hold `values`, and no assignment outlives it.

    Read the new values before the block ends. Blocks nest: an inner one sees the outer one's values.

    Example:
        >>> import jax.numpy as jnp
        >>> from kibitz.metrics.state import MetricVariable, standing_in
        >>> total = MetricVariable(jnp.zeros(()), name="total")
        >>> with standing_in([total], [5]):
        ...     total.assign_add(1)
        ...     inside = float(total)
        >>> inside, float(total)
        (6.0, 0.0)
    """
    lent = {id(variable): variable.fitted(value) for variable, value in zip(variables, values, strict=True)}
    token = _standing_in.set({**(_standing_in.get() or {}), **lent})
    try:
        yield
    finally:
        _standing_in.reset(token)
