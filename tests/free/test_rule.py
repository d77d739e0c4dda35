"""How a program is run is chosen by looking at the program and the platform."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from kibitz.engine.rule import HEAVY, LARGE, ROOMY, manner

ROW = jax.ShapeDtypeStruct((4,), "float32")


def chosen(function, *shapes, carry_bytes=100, row=ROW, platform="cpu", longest=256):
    given = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
    carry = [jax.ShapeDtypeStruct((carry_bytes // 4,), "float32")]
    return manner(jax.make_jaxpr(function)(*given).jaxpr, carry, row, longest, platform)


def product(x, y):
    return x @ y


def convolution(order):
    return lambda x, k: jax.lax.conv_general_dilated(x, k, (1, 1), "VALID", dimension_numbers=order)


def test_a_small_step_stands_in_a_loop():
    assert chosen(product, (8, 8), (8, 8)) == (True, False, 256, True)


def test_a_step_with_much_arithmetic_stands_alone_on_cpu_only():
    side = int((HEAVY / 2) ** (1 / 3)) + 2
    assert chosen(product, (side, side), (side, side)) == (False, True, 1, True)  # and keeps no second state
    assert chosen(product, (side, side), (side, side), platform="gpu").loops


@pytest.mark.parametrize(("size", "platform", "loops", "donates"), [
    (ROOMY, "cpu", True, False), (ROOMY + 4, "cpu", False, True), (ROOMY + 4, "gpu", True, False),
    (LARGE, "gpu", True, False), (LARGE + 4, "gpu", False, True),
])  # fmt: skip
def test_a_large_state_is_there_once(size, platform, loops, donates):
    found = chosen(product, (8, 8), (8, 8), carry_bytes=size, platform=platform)
    assert (found.loops, found.donates) == (loops, donates)


def test_a_convolution_in_xlas_own_order_stands_in_a_loop():
    assert chosen(convolution(("NHWC", "HWIO", "NHWC")), (2, 8, 8, 3), (3, 3, 3, 4)).loops
    assert not chosen(convolution(("NCHW", "OIHW", "NCHW")), (2, 3, 8, 8), (4, 3, 3, 3)).loops


def test_rows_that_are_large_make_spans_short():
    row = jax.ShapeDtypeStruct((2**20,), "float32")
    assert chosen(product, (8, 8), (8, 8), row=row).most == 4
    assert chosen(product, (8, 8), (8, 8), longest=7).most == 7


def test_what_stands_within_a_loop_or_a_branch_counts():
    side = int((HEAVY / 2) ** (1 / 3)) + 2

    def inside(x, y):
        return jax.lax.cond(x[0, 0] > 0, lambda: x @ y, lambda: x)

    def often(x, y):
        return jax.lax.scan(lambda carry, _: (carry @ y, None), x, jnp.arange(8))[0]

    assert not chosen(inside, (side, side), (side, side)).loops
    assert not chosen(often, (side // 2 + 1, side // 2 + 1), (side // 2 + 1, side // 2 + 1)).loops
