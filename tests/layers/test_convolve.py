"""A convolution is one arithmetic in three forms, and a layer that has it may stand in a device loop on a CPU."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import example, given
from hypothesis import strategies as st

import kibitz.layers
from kibitz.engine.rule import manner
from kibitz.layers import convolve as module
from kibitz.layers.convolve import convolve
from tests.drawn import examples
from tests.layers.twins import normal, twins


def directly(images, kernel, *, strides, padding, dilation):
    """What XLA's one operation gives, with gradients that JAX derives."""
    moved = "HW"[-len(strides) :]
    before = [(step * (size - 1), 0) for step, size in zip(dilation, kernel.shape, strict=False)]
    return jax.lax.conv_general_dilated(
        images,
        kernel,
        strides,
        before if padding == "causal" else padding.upper(),
        rhs_dilation=dilation,
        dimension_numbers=(f"N{moved}C", f"{moved}IO", f"N{moved}C"),
    )


def with_gradients(convolution, images, kernel, **how):
    """The outputs, and the gradients of a weighted sum of them by the images and by the kernel."""
    shape = jax.eval_shape(lambda: convolution(images, kernel, **how)).shape
    weights = jnp.asarray(normal(*shape, seed=7), images.dtype)

    @jax.jit
    def both(images, kernel):
        outputs, back = jax.vjp(lambda images, kernel: convolution(images, kernel, **how), images, kernel)
        return [outputs, *back(weights)]

    return both(images, kernel)


@st.composite
def situations(draw):
    """Shapes, strides, paddings and dilations that go together."""
    rank = draw(st.sampled_from([1, 2]))
    each = st.integers(1, 3)
    kernel = [draw(each) for _ in range(rank)]
    if draw(st.booleans()):
        strides, dilation = [draw(each) for _ in range(rank)], [1] * rank
    else:
        strides, dilation = [1] * rank, [draw(each) for _ in range(rank)]
    spread = [step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=True)]
    sizes = [draw(st.integers(window, window + 4)) for window in spread]
    padding = draw(st.sampled_from(["valid", "same", *(["causal"] if rank == 1 else [])]))
    how = {"strides": tuple(strides), "padding": padding, "dilation": tuple(dilation)}
    images = (draw(st.integers(1, 7)), *sizes, draw(st.sampled_from([1, 3, 6])))
    return images, (*kernel, images[-1], draw(st.integers(1, 4))), how


@pytest.mark.slow
@examples(30)
@given(situations(), st.sampled_from([0, 600, 2**23]))
@example(((5, 6, 6, 2), (3, 3, 2, 3), {"strides": (1, 1), "padding": "valid", "dilation": (1, 1)}), 2400)
@example(((7, 6, 6, 2), (3, 3, 2, 3), {"strides": (2, 2), "padding": "same", "dilation": (1, 1)}), 1400)
def test_every_form_gives_what_the_one_operation_gives_gradients_too(situation, piece):
    images, kernel, how = situation
    x, k = jnp.asarray(normal(*images)), jnp.asarray(normal(*kernel, seed=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", piece)
        ours = with_gradients(convolve, x, k, **how)
    for one, other in zip(ours, with_gradients(directly, x, k, **how), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_number_is_of_the_dtype_that_goes_in(dtype, padding):
    x, k = jnp.asarray(normal(3, 6, 6, 8), dtype), jnp.asarray(normal(3, 3, 8, 2, seed=1), dtype)
    how = {"strides": (1, 1), "padding": padding, "dilation": (1, 1)}
    ours, theirs = with_gradients(convolve, x, k, **how), with_gradients(directly, x, k, **how)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype == dtype
        close = {"float32": 1e-5, "float16": 2e-2, "bfloat16": 2e-1}[dtype]
        np.testing.assert_allclose(one.astype("float32"), other.astype("float32"), rtol=close, atol=close)


CASES = {
    "one channel": ("Conv2D", (8, 3), {"padding": "same"}, (5, 9, 8, 1)),
    "many channels": ("Conv2D", (8, 3), {}, (5, 9, 8, 7)),
    "many channels, same": ("Conv2D", (8, (3, 2)), {"padding": "same"}, (5, 9, 8, 7)),
    "many channels, same, strides": ("Conv2D", (8, 3, 2, "same"), {}, (5, 9, 8, 7)),
    "many channels, same, dilation": ("Conv2D", (8, 3), {"padding": "same", "dilation_rate": (2, 1)}, (5, 9, 8, 7)),
    "many channels first": ("Conv2D", (8, 3, 2, "same"), {"data_format": "channels_first"}, (5, 7, 9, 8)),
    "long sequences": ("Conv1D", (8, 4), {"padding": "same"}, (3, 30, 7)),
    "long sequences, causal": ("Conv1D", (8, 3), {"padding": "causal", "dilation_rate": 3}, (3, 30, 7)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("piece", [2000, 2**23])
def test_layers_of_each_form_are_those_of_keras_gradients_too(case, piece, monkeypatch):
    monkeypatch.setattr(module, "PIECE", piece)
    kind, args, kwargs, shape = CASES[case]
    pair, x = twins(kind, *args, shape=(None, *shape[1:]), **kwargs), normal(*shape)
    np.testing.assert_allclose(*pair.outputs(x, training=False), rtol=1e-5, atol=1e-5)
    ours, theirs = pair.gradients(x, training=True)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def primitives(function, *args):
    """The names of all operations of a program."""
    found = set()

    def look(jaxpr):
        for equation in jaxpr.eqns:
            found.add(equation.primitive.name)
            for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda each: hasattr(each, "eqns")):
                if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                    look(getattr(inner, "jaxpr", inner))

    look(jax.make_jaxpr(function)(*args).jaxpr)
    return found


def test_the_form_follows_from_shapes_and_the_platform(monkeypatch):
    def forms(images, kernel, padding="valid", **how):
        given = {"strides": (1, 1), "padding": padding, "dilation": (1, 1), **how}
        return primitives(lambda x, k: convolve(x, k, **given), jnp.zeros(images), jnp.zeros(kernel))

    one = {"conv_general_dilated"}
    assert forms((2, 8, 8, 6), (3, 3, 6, 4)).isdisjoint(one)
    assert forms((2, 8, 8, 3), (3, 3, 3, 4), "same").isdisjoint(one)
    assert one < forms((2, 8, 8, 6), (3, 3, 6, 4), "same")
    assert forms((2, 8, 8, 6), (3, 3, 3, 4), groups=2) == one
    assert one < forms((2, 500, 500, 2), (3, 3, 2, 1)), "the windows of one image are more than a piece"
    assert "scan" in forms((100, 90, 90, 2), (3, 3, 2, 1))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert forms((2, 8, 8, 6), (3, 3, 6, 4)) == one


def slope_of(module, x):
    graph, params, rest = nnx.split(module, nnx.Param, ...)
    program = jax.make_jaxpr(jax.grad(lambda params, x: nnx.merge(graph, params, rest)(x).sum(), argnums=(0, 1)))
    return program(params, x).jaxpr


def may_loop(jaxpr, platform):
    return manner(jaxpr, (), (), 256, platform).loops


@pytest.mark.parametrize("kind", ["Conv1D", "Conv2D"])
@pytest.mark.parametrize("channels", [1, 6])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_convolution_may_stand_in_a_loop_on_a_cpu(kind, channels, padding, data_format):
    layer = getattr(kibitz.layers, kind)(4, 3, padding=padding, data_format=data_format)
    along = (9,) if kind == "Conv1D" else (9, 8)
    x = jnp.zeros((2, *along, channels) if data_format == "channels_last" else (2, channels, *along))
    layer(x)
    assert may_loop(slope_of(layer, x), "cpu")


def test_one_whose_gradients_are_out_of_order_may_not():
    x = jnp.zeros((2, 9, 8, 6))
    theirs, grouped = nnx.Conv(6, 4, (3, 3), rngs=nnx.Rngs(0)), kibitz.layers.Conv2D(4, 3, groups=2)
    grouped(x)
    for layer in (theirs, grouped):
        assert not may_loop(slope_of(layer, x), "cpu")
        assert may_loop(slope_of(layer, x), "gpu")


def test_the_work_of_every_form_counts_against_a_loop():
    images, many = jnp.zeros((64, 32, 32, 8)), jnp.zeros((64, 32, 32, 32))
    for x, filters, padding in ((images, 256, "valid"), (many, 64, "valid"), (many, 64, "same")):
        layer = kibitz.layers.Conv2D(filters, 3, padding=padding)
        layer(x[:1])
        assert may_loop(slope_of(layer, x[:1]), "cpu")
        assert not may_loop(slope_of(layer, x), "cpu")


def test_gradients_of_gradients_are_there():
    x, k = jnp.asarray(normal(2, 5, 5, 6)), jnp.asarray(normal(3, 3, 6, 2, seed=1))
    for padding in ("valid", "same"):
        how = {"strides": (1, 1), "padding": padding, "dilation": (1, 1)}

        def steepness(convolution, how=how):
            slope = jax.grad(lambda x: (convolution(x, k, **how) ** 2).sum())
            return jax.grad(lambda x: (slope(x) ** 2).sum())(x)

        np.testing.assert_allclose(steepness(convolve), steepness(directly), rtol=1e-4, atol=1e-2)


def test_no_images_give_no_outputs():
    for padding in ("valid", "same"):
        how = {"strides": (1, 1), "padding": padding, "dilation": (1, 1)}
        assert convolve(jnp.zeros((0, 5, 5, 6)), jnp.zeros((3, 3, 6, 2)), **how).shape[0] == 0
