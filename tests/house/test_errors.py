"""Every failure speaks: one tree of errors, each with its cure, and nothing that fails or talks on the side."""

from __future__ import annotations

import ast
import builtins
import re

import pytest

import kibitz.errors
from kibitz.errors import KibitzError
from tests.house.package import File, files, wherever

ERRORS = {
    name for name, thing in vars(kibitz.errors).items() if isinstance(thing, type) and issubclass(thing, KibitzError)
}
PLAIN = {name for name, thing in vars(builtins).items() if isinstance(thing, type) and issubclass(thing, BaseException)}
CLOSED = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
"""Modules that run what they read."""

SPEAKERS = {
    "callbacks/say.py": "the few words of callbacks and the progress bar all pass here",
    "callbacks/screen.py": "it draws in place, and must know what stands on the screen",
    "models/summary.py": "Keras's summary is printed",
    "demo/story.py": "the demo is there to be read",
    "demo/lookback.py": "this demo is there to be read too",
    "demo/comment.py": "it is the callback of a user's own that the demo shows",
    "cli.py": "a command line speaks",
}
"""Files that may print, and why. An entry that is no longer needed fails."""

PICKLES = {"replay/parcel.py": "what goes through the pipes between our own processes; both ends are this program"}
"""Files that may pickle, and why. An entry that is no longer needed fails."""

PLAIN_RAISES: dict[str, str] = {
    "runs/script.py: SystemExit": "it is how a program is ended, and what one that catches all failures lets pass",
}
""""file: exception" where Python's own protocol asks for a plain exception, and why."""


def raises(file: File) -> list[tuple[str, str]]:
    """(what, why it is wrong) for each exception that is raised and is not one of ours, or not in four parts."""
    found = []
    for node in file.nodes:
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        called = isinstance(node.exc, ast.Call)
        named = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")
        if name in PLAIN:
            found.append((f"{file.path}: {name}", f"line {node.lineno}: a plain {name}"))
        elif called and name in ERRORS:
            given = {each.arg for each in node.exc.keywords}
            found += [
                (f"{file.path}: {name}", f"line {node.lineno}: no {part}=")
                for part in ("given", "cure")
                if part not in given | _spread(given)
            ]
        elif name in ERRORS:
            found.append((f"{file.path}: {name}", f"line {node.lineno}: a class without its four parts"))
    return found


def _spread(given: set[str | None]) -> set[str]:
    return {"given", "cure"} if None in given else set()  # `**parts` is read when it is raised


def talk(file: File) -> list[str]:
    """Where a file prints, or reaches for the screen."""
    found = []
    for node in file.nodes:
        printed = isinstance(node, ast.Call) and _name(node.func) == "print"
        screen = isinstance(node, ast.Attribute) and node.attr in {"stdout", "stderr"} and _name(node.value) == "sys"
        found += [f"line {node.lineno}"] if printed or screen else []
    return found


def unsafe(file: File) -> list[str]:
    """Where a file asserts, or runs what it reads."""
    found = [f"line {each.line}: {each.module}" for each in file.imports if each.module.split(".")[0] in CLOSED]
    for node in file.nodes:
        if isinstance(node, ast.Assert):
            found.append(f"line {node.lineno}: assert")
        elif isinstance(node, ast.Call) and _name(node.func) in {"eval", "exec", "__import__"}:
            found.append(f"line {node.lineno}: {_name(node.func)}")
        elif (
            isinstance(node, ast.keyword)
            and node.arg == "allow_pickle"
            and getattr(node.value, "value", True) is not False
        ):
            found.append(f"line {node.value.lineno}: allow_pickle")
    return found


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def drawn() -> list[tuple[str, str | None, set[str]]]:
    """(name, parent, plain bases) for each line of the tree in the docstring of errors.py."""
    above: list[tuple[int, str]] = []
    found = []
    for line in (kibitz.errors.__doc__ or "").splitlines():
        row = re.match(r"^([ |]*)(\+-- )?(\w+)(?: +\(([\w, ]+)\))?(?: .*)?$", line)
        if not row or row[3] not in ERRORS:
            continue
        depth = len(row[1])
        while above and above[-1][0] >= depth:
            above.pop()
        found.append((row[3], above[-1][1] if above and row[2] else None, set(re.findall(r"\w+", row[4] or ""))))
        above.append((depth if row[2] else -1, row[3]))
    return found


def test_every_error_is_ours_and_has_its_cure():
    found = wherever(lambda file: [why for what, why in raises(file) if what not in PLAIN_RAISES])
    found.pop("errors.py", None)
    assert found == {}


def test_the_list_of_plain_raises_only_shrinks():
    raised = {what for file in files() for what, _ in raises(file)}
    assert sorted(set(PLAIN_RAISES) - raised) == []


def test_no_file_talks_but_those_whose_work_it_is():
    assert {path: said for path, said in wherever(talk).items() if path not in SPEAKERS} == {}


def test_the_list_of_speakers_only_shrinks():
    assert sorted(set(SPEAKERS) - {file.path for file in files() if talk(file)}) == []


def test_nothing_asserts_or_runs_what_it_reads():
    assert [path for path in wherever(unsafe) if path not in PICKLES] == []


def test_the_list_of_those_who_pickle_only_shrinks():
    assert sorted(set(PICKLES) - {file.path for file in files() if unsafe(file)}) == []


def born(file):
    classes = [node for node in file.nodes if isinstance(node, ast.ClassDef)]
    return [node.name for node in classes if {_name(base) for base in node.bases} & (PLAIN | ERRORS)]


def test_no_exception_is_born_outside_errors():
    assert list(wherever(born)) == ["errors.py"]


def test_the_tree_that_is_drawn_is_the_tree_that_is():
    assert {name for name, _, _ in drawn()} == ERRORS
    for name, parent, bases in drawn():
        kind = getattr(kibitz.errors, name)
        assert (parent is None) == (kind is KibitzError), name
        if parent is None:
            continue
        family = getattr(kibitz.errors, parent)
        assert family in kind.__bases__, f"{name} is drawn under {parent}"
        # A base that the parent has already need not be drawn again, though it may.
        plain = {base.__name__ for base in kind.__mro__ if base.__name__ in PLAIN} - {"Exception", "BaseException"}
        told = plain - {base.__name__ for base in family.__mro__}
        assert told <= bases | _ancestors(bases), f"{name} is also {told}"
        assert bases <= plain, f"{name} is drawn as {bases}"


def _ancestors(names: set[str]) -> set[str]:
    return {base.__name__ for name in names for base in getattr(builtins, name).__mro__}


def test_an_error_without_a_cure_cannot_be_made():
    for name in sorted(ERRORS):
        with pytest.raises(TypeError, match="cure"):
            getattr(kibitz.errors, name)("It is wrong.", given=1)
        with pytest.raises(TypeError, match="given"):
            getattr(kibitz.errors, name)("It is wrong.", cure="do better")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("raise ValueError('no')", "a plain ValueError"),
        ("raise KeyError", "a plain KeyError"),
        ("raise WrongType('no', given=1)", "no cure="),
        ("raise errors.WrongType('no', cure='')", "no given="),
        ("raise WrongType", "a class without its four parts"),
    ],
)
def test_the_rule_sees_a_mute_error(line, why):
    ((_, found),) = raises(File("models/model.py", line))
    assert found.endswith(why)


def test_the_rule_lets_pass_what_is_caught_and_raised_again():
    text = (
        "try:\n    go()\nexcept OSError as error:\n    raise\nraise first\nraise WrongType('no', given=1, cure='yes')"
    )
    assert raises(File("models/model.py", text)) == []


@pytest.mark.parametrize(
    "line", ["assert x", "eval('1')", "import pickle", "from cloudpickle import dumps", "np.load(f, allow_pickle=True)"]
)
def test_the_rule_sees_what_is_unsafe(line):
    assert len(unsafe(File("models/model.py", line))) == 1


def test_the_rule_hears_a_print():
    text = "print(1)\nself.print(2)\nsys.stdout.write(3)\nlog.stdout"
    assert talk(File("models/model.py", text)) == ["line 1", "line 3"]
