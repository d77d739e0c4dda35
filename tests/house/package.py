"""The package as syntax trees, and the words of ARCHITECTURE.md: what the tests of the house read."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "kibitz"


@dataclass(frozen=True)
class Import:
    """One imported module: its dotted name, the line, whether only for types, whether only inside a function."""

    module: str
    line: int
    for_types: bool
    inside: bool


@dataclass(frozen=True)
class File:
    """One file of the package: "callbacks/base.py" and its text."""

    path: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @functools.cached_property
    def nodes(self) -> list[ast.AST]:
        """The whole tree, walked once for all that ask."""
        return list(ast.walk(self.tree))

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def is_init(self) -> bool:
        return self.path.endswith("__init__.py")

    @functools.cached_property
    def imports(self) -> list[Import]:
        return list(_imports(self.tree, for_types=False, inside=False))


@functools.cache
def files() -> tuple[File, ...]:
    """Every file of the package, in order."""
    paths = sorted(SRC.rglob("*.py"))
    return tuple(File(path.relative_to(SRC).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def wherever(ask: Callable[[File], Any]) -> dict[str, Any]:
    """What is found in files of the package, by file; those in which nothing is are left out.

    Args:
        ask: Gives what is wrong with a file.
    """
    return {file.path: found for file in files() if (found := ask(file))}


@functools.cache
def architecture() -> str:
    return (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def block(heading: str) -> list[str]:
    """The lines of the first fenced block under a heading of ARCHITECTURE.md."""
    found = re.search(rf"^## {re.escape(heading)}$.*?^```\w*$(.*?)^```$", architecture(), re.MULTILINE | re.DOTALL)
    assert found, f"ARCHITECTURE.md has no block under '## {heading}'"
    return [line for line in found[1].splitlines() if line.strip()]


def tracked() -> list[Path]:
    """Every file that is in the repository, or would be by the next commit."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def home(module: str) -> str | None:
    """The file of the package that a dotted name means; "losses/__init__.py" for a folder; None for another's."""
    if module.split(".")[0] != "kibitz":
        return None
    path = "/".join(module.split(".")[1:])
    for candidate in (f"{path}.py", f"{path}/__init__.py".lstrip("/")):
        if (SRC / candidate).is_file():
            return candidate
    return home(module.rpartition(".")[0])


def _imports(node: ast.AST, *, for_types: bool, inside: bool):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(each.name, child.lineno, for_types, inside) for each in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = "." * child.level + (child.module or "")
            # Either a file of a folder or a name within a file: `home` tells which.
            yield from (Import(f"{base}.{each.name}", child.lineno, for_types, inside) for each in child.names)
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            yield from _imports(ast.Module(child.body, []), for_types=True, inside=inside)
            yield from _imports(ast.Module(child.orelse, []), for_types=for_types, inside=inside)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, for_types=for_types, inside=inside or function)


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
