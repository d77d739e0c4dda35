"""The package has no way by which bytes could become code."""

from __future__ import annotations

import ast

from tests.house.package import File, wherever

MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml", "torch", "tarfile"}
CALLS = {"eval", "exec", "compile", "execfile", "__import__"}
METHODS = {"allow_pickle", "extractall"}


def ways(file: File) -> list[str]:
    """The lines of a file that could make code of bytes."""
    found = []
    for node in file.nodes:
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append(node.module)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            found.append(node.func.id)
        elif isinstance(node, ast.Attribute) and node.attr in METHODS:
            found.append(node.attr)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append("allow_pickle")
    return found


PIPES = {"replay/parcel.py": "pipes between a process and those that it has started itself; never a file"}


def test_bytes_do_not_become_code():
    assert list(wherever(ways)) == list(PIPES)


def test_the_rule_sees_each_way():
    lines = [
        "import pickle",
        "from marshal import loads",
        "eval('1')",
        "archive.extractall()",
        "np.load(f, allow_pickle=1)",
    ]
    assert [len(ways(File("model.py", line))) for line in lines] == [1] * 5
