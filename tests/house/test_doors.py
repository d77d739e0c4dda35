"""A door is a file where Keras's users look for a name: it holds imports, and defines nothing."""

from __future__ import annotations

import ast

import pytest

from tests.house.package import File, files
from tests.house.test_imports import TABLE

DOORS = sorted(f"{name}.py" for name, note in TABLE.notes.items() if note.startswith("doors"))


def definitions(file: File) -> list[str]:
    """What a file does besides importing, its docstring and `__all__`."""
    first, *rest = file.tree.body
    statements = rest if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else [first, *rest]
    return [f"line {node.lineno}" for node in statements if not _only_hands_on(node)]


def _only_hands_on(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return [getattr(target, "id", "") for target in node.targets] == ["__all__"]
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_there_are_doors():
    assert "utils.py" in DOORS


@pytest.mark.parametrize("path", DOORS)
def test_a_door_defines_nothing(path):
    (file,) = (each for each in files() if each.path == path)
    assert ast.get_docstring(file.tree)
    assert definitions(file) == []


def test_the_rule_sees_what_a_door_defines():
    assert definitions(File("utils.py", '"""Door."""\nfrom a import b\n__all__ = ["b"]\ndef c(): ...\nd = 1')) == [
        "line 4",
        "line 5",
    ]
