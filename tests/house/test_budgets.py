"""Files, functions and classes stay small; what does not is listed in budgets.py with its reason."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections.abc import Callable

import pytest

from kibitz.hooks import KNOWN
from tests.house.budgets import BROAD_CLASSES, LONG_FILES, LONG_FUNCTIONS
from tests.house.package import File, files

LINES, CODE, METHODS = 400, 40, 12
PROPERTIES = {"property", "cached_property", "setter", "deleter", "overload"}
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def file_lines(file: File) -> dict[str, int]:
    return {file.path: len(file.text.splitlines())}


def function_lines(file: File) -> dict[str, int]:
    """Lines of code in the body of each function; a function within one counts for both."""
    code = _code_lines(file.text)
    found: dict[str, int] = {}
    for name, node in _named(file.tree, (ast.FunctionDef, ast.AsyncFunctionDef)):
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        key = f"{file.path}::{name}"
        count = sum(1 for line in code if body[0].lineno <= line <= node.end_lineno) if body else 0
        found[key] = max(count, found.get(key, 0))  # a property and its setter share a name
    return found


def class_methods(file: File) -> dict[str, int]:
    """Public methods that each class itself defines; a callback's hooks are not its own idea, and are not counted."""
    return {
        f"{file.path}::{name}": len({each.name for each in node.body if _is_public_method(each)})
        for name, node in _named(file.tree, (ast.ClassDef,))
    }


def _is_public_method(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_") or node.name in KNOWN:
        return False
    marks = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    return not any(
        (each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "")) in PROPERTIES for each in marks
    )


def _code_lines(text: str) -> set[int]:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def _named(node: ast.AST, kinds: tuple[type, ...], path: str = ""):
    for child in ast.iter_child_nodes(node):
        name = f"{path}.{child.name}".lstrip(".") if hasattr(child, "name") and isinstance(child, ast.stmt) else path
        if isinstance(child, kinds):
            yield name, child
        yield from _named(child, kinds, name)


BUDGETS = {
    "lines in a file": (file_lines, LINES, LONG_FILES),
    "lines of code in a function": (function_lines, CODE, LONG_FUNCTIONS),
    "public methods of a class": (class_methods, METHODS, BROAD_CLASSES),
}


@functools.cache
def measured(measure: Callable[[File], dict[str, int]]) -> dict[str, int]:
    return {name: count for file in files() for name, count in measure(file).items()}


@pytest.mark.parametrize(("measure", "most", "listed"), BUDGETS.values(), ids=BUDGETS)
def test_nothing_is_over_its_budget_but_what_is_listed(measure, most, listed):
    counts = measured(measure)
    over = {name: count for name, count in counts.items() if count > listed.get(name, (most,))[0]}
    assert over == {}


@pytest.mark.parametrize(("measure", "most", "listed"), BUDGETS.values(), ids=BUDGETS)
def test_the_list_only_shrinks(measure, most, listed):
    counts = measured(measure)
    needless = [name for name in listed if counts.get(name, 0) <= most]
    loose = {
        name: counts[name] for name, (listed_as, _) in listed.items() if name in counts and counts[name] < listed_as
    }
    assert needless == [], "these keep to the budget now: take them off the list"
    assert loose == {}, "these have become smaller: write the new number into the list"


@pytest.mark.parametrize("listed", [LONG_FILES, LONG_FUNCTIONS, BROAD_CLASSES])
def test_every_exception_has_a_reason(listed):
    assert [name for name, (_, reason) in listed.items() if len(reason.split()) < 4] == []


def test_what_is_counted():
    text = '''
class Thing:
    @property
    def value(self): ...
    def go(self, a,
           b):
        """Docstring.

        More of it.
        """
        # a comment

        x = """one
        two"""
        def inner():
            return x
        return inner
    def _hidden(self): ...
'''
    file = File("thing.py", text)
    assert function_lines(file)["thing.py::Thing.go"] == 5
    assert function_lines(file)["thing.py::Thing.go.inner"] == 1
    assert class_methods(file) == {"thing.py::Thing": 1}
