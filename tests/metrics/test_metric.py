"""The metric itself: one of your own in both forms, what a trace may not leak, names, what it refuses."""

from __future__ import annotations

import copy
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, UnknownName, Unsupported, WrongType
from kibitz.metrics.base import Metric
from kibitz.metrics.r2 import R2Score
from kibitz.metrics.reduction import Mean, MeanMetricWrapper
from kibitz.metrics.state import standing_in
from kibitz.naming import forget_names


class HitRate(Metric):
    """As a user writes it for Keras, with jnp in the place of ops."""

    def __init__(self, above=0.5, name="hit_rate", **kwargs):
        super().__init__(name=name, **kwargs)
        self.above = above
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.seen = self.add_weight(shape=(1,), name="seen", initializer="zeros")
        self.inner = [Mean(name="inner")]

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = (y_pred > self.above) == (y_true > 0.5)
        self.hits.assign_add(jnp.sum(hit))
        self.seen.assign(self.seen + len(y_true))
        self.inner[0].update_state(y_pred)

    def result(self):
        # jnp functions take variables as they are
        return {"rate": jnp.divide(self.hits, jnp.sum(self.seen)), "hits": self.hits, "mean": self.inner[0].result()}


Y = np.array([[1.0], [0], [1], [0]], "float32")
P = np.array([[0.9], [0.8], [0.2], [0.1]], "float32")


def numbers(result):
    return {key: float(value) for key, value in result.items()}


def test_a_metric_of_ones_own_works_in_both_forms():
    wanted = {"rate": 0.5, "hits": 4.0, "mean": 0.5}
    changed = HitRate()
    changed.update_state(Y, P)
    assert numbers(changed(Y, P)) == wanted

    pure = HitRate()
    step = jax.jit(pure.stateless_update_state)
    state = step(step(pure.stateless_reset_state(), Y, P), Y, P)
    found = jax.jit(pure.stateless_result)(state)
    assert numbers(found) == wanted
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(found))
    assert numbers(pure.stateless_result([0.0, [1.0], 0.0, 0.0])) == {"rate": 0.0, "hits": 0.0, "mean": 0.0}
    assert [variable.path for variable in pure.variables] == [
        "hit_rate/hits", "hit_rate/seen", "inner/total", "inner/count",
    ]  # fmt: skip


def test_an_exception_in_a_trace_leaves_no_tracer_behind():
    class Broken(Metric):
        def __init__(self):
            super().__init__()
            self.total = self.add_weight(name="total")

        def update_state(self, y_true, y_pred):
            self.total.assign_add(jnp.sum(y_pred))
            raise ZeroDivisionError

    metric = Broken()
    with pytest.raises(ZeroDivisionError):
        jax.jit(metric.stateless_update_state)(metric.stateless_reset_state(), Y, P)
    assert float(metric.total) == 0.0
    metric.total.assign(3)
    assert float(metric.total) == 3.0


def test_a_variable_that_nobody_lent_keeps_no_traced_value():
    outside = Mean(name="outside")

    class Leaky(Mean):
        def update_state(self, values):
            outside.update_state(values)
            super().update_state(values)

    metric = Leaky()
    jax.jit(metric.stateless_update_state)(metric.stateless_reset_state(), P)
    assert float(outside.total) == 0.0


def test_the_bridge_can_be_crossed_within_itself():
    metric = Mean()
    with standing_in(metric.variables, [10.0, 2.0]):
        inner = metric.stateless_update_state([1.0, 1.0], [3.0])
        assert [float(each) for each in inner] == [4.0, 2.0]
        assert float(metric.result()) == 5.0
        metric.update_state([2.0])
        assert float(metric.result()) == 4.0
    assert float(metric.result()) == 0.0


def test_another_thread_does_not_see_a_trace():
    inside, looked = threading.Event(), threading.Event()

    class Slow(Mean):
        def update_state(self, values):
            super().update_state(values)
            inside.set()
            looked.wait(10)

    metric, seen = Slow(), []

    def look():
        inside.wait(10)
        try:
            seen.append(float(metric.total))
        finally:
            looked.set()

    thread = threading.Thread(target=look)
    thread.start()
    state = jax.jit(metric.stateless_update_state)([7.0, 1.0], P)
    thread.join(10)
    assert seen == [0.0]
    assert [float(each) for each in state] == [9.0, 5.0]


def test_a_bound_variable_lives_elsewhere_until_it_is_brought_home():
    metric, home = Mean(), {"total": jnp.float32(6), "count": jnp.float32(2)}
    for variable in metric.variables:
        name = variable.name
        variable.bind(lambda name=name: home[name], lambda value, name=name: home.update({name: value}))
    assert float(metric.result()) == 3.0
    metric.update_state([4.0])
    assert (float(home["total"]), float(home["count"])) == (10.0, 3.0)
    assert [float(each) for each in metric.stateless_reset_state()] == [0.0, 0.0]
    assert float(home["total"]) == 10.0
    for variable in metric.variables:
        variable.bind(None, None)
    home.clear()
    assert float(metric.total) == 10.0


def test_a_copy_has_a_life_of_its_own():
    first = Mean()
    first.update_state([2.0])
    second = copy.deepcopy(first)
    second.update_state([8.0])
    assert (float(first.result()), float(second.result())) == (2.0, 5.0)


def test_a_users_array_is_copied_and_not_watched():
    class Table(Metric):
        def __init__(self):
            super().__init__()
            self.table = self.add_weight((1024,), "zeros", name="table")

    buffer = np.zeros(1024 + 16, "float32")
    start = -(buffer.ctypes.data // 4) % 16
    given = buffer[start : start + 1024]  # where JAX could take it over as it lies: 64 bytes aligned
    metric = Table()
    metric.table.assign(given)
    given[...] = 99
    assert float(metric.table[0]) == 0.0


def test_fresh_states_share_no_buffer():
    class Twice(Metric):
        def __init__(self):
            super().__init__()
            zero = jnp.zeros(3)
            self.one = self.add_weight((3,), lambda shape, dtype: zero, name="one")
            self.other = self.add_weight((3,), lambda shape, dtype: zero, name="other")

        def reset_state(self):
            pass

        def update_state(self, values):
            self.one.assign_add(values)

    metric = Twice()
    update = jax.jit(metric.stateless_update_state, donate_argnums=0)
    assert update(metric.stateless_reset_state(), jnp.ones(3))[0].tolist() == [1.0, 1.0, 1.0]
    assert metric.one.numpy().tolist() == [0.0, 0.0, 0.0]


def test_a_metric_that_waits_for_its_first_batch_is_built_without_one():
    metric, batch = R2Score(), jax.ShapeDtypeStruct((4, 1), "float32")
    metric.stateless_build(batch, batch, sample_weight=None)
    assert [float(np.sum(each)) for each in metric.stateless_reset_state()] == [0.0] * 5
    state, _ = jax.lax.scan(
        lambda state, batch: (metric.stateless_update_state(state, *batch), ()),
        metric.stateless_reset_state(),
        (np.stack([Y, Y]), np.stack([P, P])),
    )
    metric.update_state(Y, P)
    assert float(metric.stateless_result(state)) == pytest.approx(float(metric.result()))


def test_names_are_counted_as_in_keras():
    forget_names()
    assert [Metric().name, Metric().name, Metric(name="metric").name, Metric().name] == [
        "metric", "metric_1", "metric", "metric_2",
    ]  # fmt: skip


def test_reset_makes_zeros_of_all_whatever_it_began_with():
    class FromOne(Metric):
        def __init__(self):
            super().__init__()
            self.product = self.add_weight((2,), "ones", "int32", "product")

    metric = FromOne()
    assert (metric.product.numpy().tolist(), metric.product.dtype) == ([1, 1], "int32")
    metric.reset_state()
    assert metric.product.numpy().tolist() == [0, 0]


def test_a_dtype_is_spelt_and_a_policy_is_asked():
    assert [Mean(dtype=each).dtype for each in (None, "bfloat16", "mixed_bfloat16", jnp.float16, np.float32)] == [
        "float32", "bfloat16", "bfloat16", "float16", "float32",
    ]  # fmt: skip
    assert str(Mean(dtype="bfloat16").stateless_update_state([0, 0], P)[0].dtype) == "bfloat16"


def test_a_function_may_say_which_way_is_better():
    def score(y_true, y_pred):
        return y_pred

    assert MeanMetricWrapper(score)._direction is None
    score._direction = "up"
    assert MeanMetricWrapper(score)._direction == "up"


def made_before_super():
    class Early(Metric):
        def __init__(self):
            self.total = self.add_weight()

    Early()


REFUSED = {
    "no super().__init__()": (made_before_super, NotReady, "call super().__init__(name=name) first"),
    "a name that is a number": (lambda: Mean(name=3), WrongType, "given    3"),
    "a name of two lines": (lambda: Mean(name="a\nb"), InvalidArgument, "must fit in a line"),
    "a name too long": (lambda: Mean(name="x" * 129), InvalidArgument, "at most 128 printable characters"),
    "a dtype that is none": (lambda: Mean(dtype="float31"), InvalidArgument, "There is no such dtype"),
    "64 bits": (lambda: Mean(dtype="float64"), InvalidArgument, "jax_enable_x64"),
    "an unknown initializer": (lambda: Metric().add_weight((), "one"), UnknownName, 'nearest  "ones"'),
    "an initializer that is a number": (lambda: Metric().add_weight((), 3.0), WrongType, '"zeros", "ones" or a func'),
    "an initializer of another shape": (
        lambda: Metric().add_weight((2,), lambda shape, dtype: jnp.zeros(3, dtype)), ShapeMismatch, "wanted   (2,)"
    ),
    "a shape that is a number": (lambda: Metric().add_weight(3), WrongType, "cure     shape=(3,)"),
    "a size that is a bool": (lambda: Metric().add_weight((True,)), WrongType, "given    (True,)"),
    "an unknown aggregation": (lambda: Metric().add_variable((), "zeros", aggregation="max"), InvalidArgument, "sum"),
    "an assignment of another shape": (lambda: Mean().total.assign([1, 2]), ShapeMismatch, '"mean/total" keeps'),
    "too few values": (lambda: Mean().stateless_result([0.0]), ShapeMismatch, "wanted   2: mean/total, mean/count"),
    "no update_state": (lambda: Metric().update_state(1), Unsupported, "write update_state(self, y_true"),
    "no result": (lambda: Metric().result(), Unsupported, "write result(self)"),
    "a function that is none": (lambda: MeanMetricWrapper(3), WrongType, "fn(y_true, y_pred)"),
    "a function without return": (lambda: MeanMetricWrapper(lambda y, p: None)(Y, P), WrongType, "returned None"),
    "weights for other samples": (lambda: Mean()([1.0, 2, 3], [1.0, 2]), ShapeMismatch, "sample_weight of shape (2,)"),
    "weights for a single number": (
        lambda: MeanMetricWrapper(lambda y, p: p.mean())(Y, P, [1.0, 2, 1, 1]), ShapeMismatch, "values of shape ()"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("act", "error", "text"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_with_a_cure(act, error, text):
    with pytest.raises(error) as caught:
        act()
    assert text in str(caught.value)
    assert "\n  cure     " in str(caught.value)
