"""Only engine/ compiles, fetches or waits: promise 2 (looking on is free) hangs on this rule."""

from __future__ import annotations

import ast

import pytest

from tests.house.package import File, wherever

MODULES = {"jax", "nnx"}
CALLS = {"jit", "pjit", "pmap", "device_get", "block_until_ready", "effects_barrier"}


def device_calls(file: File) -> list[str]:
    """Each place where a file compiles, fetches or waits."""
    found = []
    for node in file.nodes:
        if isinstance(node, ast.Attribute) and node.attr in CALLS:
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner in MODULES or node.attr == "block_until_ready":
                found.append((node.lineno, node.attr))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"jax", "flax"}:
            found += [(node.lineno, each.name) for each in node.names if each.name in CALLS]
    return [f"src/kibitz/{file.path}:{line} {name}" for line, name in sorted(found)]


def test_no_device_call_outside_engine():
    assert wherever(lambda file: file.folder != "engine" and device_calls(file)) == {}


@pytest.mark.parametrize(
    "line",
    [
        "jax.jit(f)",
        "@nnx.jit\ndef f(): ...",
        "from jax import device_get",
        "x = y.loss.block_until_ready()",
        "j = jax.jit",
    ],
)
def test_the_rule_sees_a_device_call(line):
    assert len(device_calls(File("models/model.py", line))) == 1


def test_the_rule_lets_compile_pass():
    assert device_calls(File("models/model.py", "model.compile(jit_compile=True)\nself.jit = 1")) == []
