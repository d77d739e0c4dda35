"""Every public name says what it is, what it takes, what it raises, and shows itself at work."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import Any

import pytest

from kibitz import errors
from tests.house.names import homes, methods, public_modules

CALLBACK_LINES = ("Reads", "Changes", "Keeps", "Unlike Keras")
DOCUMENTED = sorted((name for name in homes().values() if callable(name.thing)), key=lambda name: name.path)


def is_plain_error(thing: Any) -> bool:
    """An exception without arguments of its own: its line says when it is raised, and its parent tells the rest."""
    return inspect.isclass(thing) and issubclass(thing, BaseException) and "__init__" not in vars(thing)


def is_plain_word(thing: Any) -> bool:
    """A type that only marks a value, such as `code` for a piece of text."""
    return inspect.isclass(thing) and issubclass(thing, str | int | float) and "__init__" not in vars(thing)


def parameters(thing: Any) -> list[str]:
    try:
        named = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return []
    variadic = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    return [each.name for each in named if each.kind not in variadic and each.name not in {"self", "cls"}]


def raised(thing: Any) -> set[str]:
    """The exceptions that a function, or a class's `__init__`, raises in its own lines."""
    function = vars(thing).get("__init__") if inspect.isclass(thing) else thing
    if not inspect.isfunction(function) or function.__code__.co_filename == "<string>":  # a dataclass wrote it
        return set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)} & set(vars(errors))


def section(doc: str, title: str) -> str | None:
    """The indented text below a line such as "Args:"."""
    found = re.search(rf"^{title}:[ \t]*\n((?:[ \t]+.*\n?|\n)*)", doc, re.MULTILINE)
    return found[1] if found else None


def told(doc: str) -> set[str]:
    """The parameters that "Args:" tells of; those of another class as well, where it says so: "see `Optimizer`"."""
    arguments = section(doc, "Args") or ""
    names = set(re.findall(r"\w+", " ".join(re.findall(r"^\s+([\w*, ]+):", arguments, re.MULTILINE))))
    for other in re.findall(r"\bsee `(\w+)`", arguments):
        (elsewhere,) = {name.thing.__doc__ for name in DOCUMENTED if name.short == other}
        names |= told(inspect.cleandoc(elsewhere))
    return names


def gaps(thing: Any, doc: str | None, *, parameters: list[str], raises: set[str]) -> list[str]:
    """What is missing in a docstring."""
    if not doc:
        return ["it has no docstring"]
    found = []
    summary = doc.splitlines()[0]
    if not summary.endswith((".", "?")) or len(summary) > 110:
        found.append(f"its first line is no sentence of its own: {summary!r}")
    found += [f"Args leaves out {name}" for name in parameters if name not in told(doc)]
    causes = section(doc, "Raises") or ""
    found += [f"Raises leaves out {name}" for name in sorted(raises) if name not in causes]
    if ">>> " not in doc:
        found.append("it has no example that runs")
    return found


@pytest.mark.parametrize("name", DOCUMENTED, ids=lambda name: name.path)
def test_a_public_name_tells_all(name):
    thing = name.thing
    doc = inspect.cleandoc(thing.__doc__) if thing.__doc__ else None
    if is_plain_error(thing) or is_plain_word(thing):
        assert doc
        assert doc.splitlines()[0].endswith(".")
    else:
        assert gaps(thing, doc, parameters=parameters(thing), raises=raised(thing)) == []


@pytest.mark.parametrize(
    "name", [name for name in DOCUMENTED if inspect.isclass(name.thing)], ids=lambda name: name.path
)
def test_every_public_method_says_what_it_does(name):
    silent = [key for key in methods(name.thing) if not inspect.getdoc(getattr(name.thing, key))]
    assert silent == []


def callbacks() -> list[Any]:
    from kibitz.callbacks.base import Callback

    return [name for name in DOCUMENTED if inspect.isclass(name.thing) and issubclass(name.thing, Callback)]


@pytest.mark.parametrize("name", callbacks(), ids=lambda name: name.path)
def test_a_callback_says_what_it_reads_changes_and_keeps(name):
    doc = inspect.cleandoc(name.thing.__doc__ or "")
    missing = [line for line in CALLBACK_LINES if not re.search(rf"^{line}\b[^:\n]*: \S", doc, re.MULTILINE)]
    assert missing == []


@pytest.mark.parametrize("path", public_modules())
def test_every_public_module_says_what_it_holds(path):
    doc = public_modules()[path].__doc__
    assert doc
    assert doc.splitlines()[0].endswith(".")


def test_the_rule_sees_what_is_missing():
    doc = (
        "Do it.\n\nArgs:\n    given: A thing.\n\nRaises:\n    WrongType: If it is none.\n\nExample:\n    >>> 1\n    1\n"
    )
    assert gaps(None, doc, parameters=["given"], raises={"WrongType"}) == []
    assert gaps(None, doc, parameters=["given", "every"], raises=set()) == ["Args leaves out every"]
    assert gaps(None, doc, parameters=[], raises={"NotReady"}) == ["Raises leaves out NotReady"]
    assert gaps(None, "Do it.", parameters=[], raises=set()) == ["it has no example that runs"]
    assert gaps(None, "", parameters=[], raises=set()) == ["it has no docstring"]
