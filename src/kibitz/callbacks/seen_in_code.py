"""What the code of a callback does with the model and the run, as far as it can be seen without running it."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kibitz.callbacks.base import Callback

CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "now"}
WRITERS = {"write_text", "write_bytes", "savefig", "savez", "savez_compressed", "savetxt", "to_csv", "dump", "writerow"}
SENDERS = {"urlopen", "post"}
SETTERS = {"assign", "assign_add", "assign_sub", "set_value"}
HARMLESS = {"hasattr", "isinstance", "callable", "type", "id", "print", "repr"}
MOST = 8  # readings of one function: one that calls itself may be given something else each time
HANDED = "(handed on)"
WHOLES = ([], ["optimizer"], ["module"])  # with these in hand, anything can be done
PARTS = {"get_layer"}  # what these give is still a part of the model; what others give is their own
Root = tuple[str, tuple[str, ...]]
"""Where an expression begins, "model" or "run", and the attributes that follow."""

ROOTS = {"model": "model", "_model": "model", "run": "run"}


@dataclass(frozen=True)
class Use:
    """One place where code gets at something.

    Args:
        of: "model", "run", "logs", "file", "server" or "clock".
        names: The attributes that follow, such as ("optimizer", "learning_rate").
        put: Whether something is put there, and not only read.
    """

    of: str
    names: tuple[str, ...] = ()
    put: bool = False

    def __str__(self) -> str:
        if self.of in {"file", "server", "clock"}:
            return f"{self.names[0]}()"
        put = " = ..." if self.put and not SETTERS.intersection(self.names) else ""
        return ".".join((self.of, *self.names)).replace(f".{HANDED}", f" {HANDED}") + (put if self.names else "")


@dataclass
class Code:
    """What was seen, and whether all of it could be read.

    Args:
        uses: The places, in the order of the code, each once.
        unread: Whether there was code that could not be read.
    """

    uses: list[Use] = field(default_factory=list)
    unread: bool = False


def seen_in(functions: Iterable[Any], callback: Any) -> Code:
    """Read functions, and the methods of the callback that they call, for what they use. Best effort: it never fails.

    Args:
        functions: Methods and functions.
        callback: Whose they are: `self.something()` is looked up there.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.seen_in_code import seen_in
        >>> class Halve(kibitz.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         self.model.optimizer.learning_rate = 0.5 * self.rate()
        ...     def rate(self):
        ...         return float(self.model.optimizer.learning_rate)
        >>> [str(use) for use in seen_in([Halve.on_epoch_end], Halve()).uses]
        ['model.optimizer.learning_rate = ...', 'model.optimizer.learning_rate']
    """
    found = Code()
    known: dict[Any, list[dict[str, Root]]] = {}  # what each function was given when it was read
    waiting: list[tuple[Any, dict[str, Root]]] = [(_plain(each), {}) for each in functions]
    while waiting:
        function, given = waiting.pop(0)
        if not inspect.isfunction(function):
            found.unread = True  # a mock, a builtin, an object that can be called
            continue
        readings = known.setdefault(function.__code__, [])
        if given in readings or len(readings) == MOST:
            continue
        readings.append(given)
        try:
            readers = [_Reader(tree, given) for tree in _trees(function)]
        except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
            readers = []
        found.unread = found.unread or not readers
        for reader in readers:
            found.uses += [use for use in dict.fromkeys(reader.uses()) if use not in found.uses]
            for name, handed in reader.own_calls():
                if (method := _method(callback, name)) is not None:
                    waiting.append((_plain(method), _named(method, handed)))
    return found


def _named(method: Any, handed: dict[int | str, Root]) -> dict[str, Root]:
    """What a method is given of the model or the run, by the names of its parameters."""
    takes = list(method.__code__.co_varnames[: method.__code__.co_argcount]) if inspect.isfunction(method) else []
    takes = takes[1:] if takes[:1] == ["self"] else takes
    places: dict[int | str, str] = dict(enumerate(takes))
    return {places.get(key, str(key)): root for key, root in handed.items()}


def _plain(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    function = function.__func__ if inspect.ismethod(function) else function
    return inspect.unwrap(function) if inspect.isfunction(function) else function


def _method(callback: Any, name: str) -> Any:
    """A function of the callback's own, or one that it was given; None for what Kibitz's base class does."""
    try:
        found = inspect.getattr_static(callback, name)
    except AttributeError:
        return None
    found = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    return found if inspect.isroutine(found) and found is not getattr(Callback, name, None) else None


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _trees(function: Any) -> list[Any]:
    """The pieces of a file that a function was made from: there may be several lambdas in one line."""
    lines, _ = inspect.findsource(function)
    first, found = function.__code__.co_firstlineno, []
    for node in ast.walk(_parsed("".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begins = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            named = node.name == function.__code__.co_name
        elif isinstance(node, ast.Lambda):
            begins, named = node.lineno, function.__code__.co_name == "<lambda>"
        else:
            continue
        if begins == first and named:
            found.append(node)
    return found


class _Reader:
    """Reads the tree of one function."""

    def __init__(self, tree: Any, handed: dict[str, Root]):
        self.nodes = list(ast.walk(tree))
        self.parents = {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}
        given = [each.arg for each in (*tree.args.posonlyargs, *tree.args.args)]
        self.own = given[0] if given and given[0] in {"self", "callback", "this"} else None
        self.aliases: dict[str, Root | None] = dict(handed)
        for node in self.nodes:
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                self._name(node.targets[0], node.value)
            elif isinstance(node, ast.For | ast.comprehension):
                self._name(node.target, node.iter)

    def uses(self) -> Iterator[Use]:
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                continue
            if (root := self._root(node, exactly=True)) is not None:
                yield from self._use(node, *root)
            elif isinstance(node, ast.Name) and node.id == "logs":
                parent = self.parents.get(node)
                into = isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store | ast.Del)
                into = into or (isinstance(parent, ast.Attribute) and parent.attr in {"update", "setdefault", "pop"})
                yield Use("logs", (), into)
            elif isinstance(node, ast.Call):
                yield from self._call(node)

    def own_calls(self) -> Iterator[tuple[str, dict[int | str, Root]]]:
        """The methods of the callback itself that are called or handed on, and what they are given of the model."""
        for each in self.nodes:
            if isinstance(each, ast.Attribute) and self._is_own(each):
                call = self.parents.get(each)
                given: list[tuple[int | str, ast.expr]] = []
                if isinstance(call, ast.Call) and call.func is each:
                    given += [*enumerate(call.args), *((key.arg or "", key.value) for key in call.keywords)]
                roots = ((place, self._root(value)) for place, value in given)
                yield each.attr, {place: root for place, root in roots if root is not None}

    def _is_own(self, node: ast.expr) -> bool:
        """Whether this is an attribute of the callback itself."""
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.own

    def _name(self, target: ast.expr, value: ast.expr) -> None:
        """Follow a name that is given to a part of the model; one given to something else is not the model."""
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Call) and _last(value.func) == "enumerate":
            target, value = target.elts[-1], value.args[0]
        if isinstance(target, ast.Name):
            self.aliases[target.id] = self._root(value)

    def _root(self, node: Any, *, exactly: bool = False) -> Root | None:
        """(model or run, attributes) of an expression that is rooted there; `exactly`: of the root alone."""
        if isinstance(node, ast.Name):
            if node.id in self.aliases:
                return self.aliases[node.id]
            return (ROOTS[node.id], ()) if node.id in ROOTS else None
        if isinstance(node, ast.Attribute):
            if self._is_own(node) and node.attr in ROOTS:
                return ROOTS[node.attr], ()
            above = None if exactly else self._root(node.value)
            return None if above is None else (above[0], (*above[1], node.attr))
        if isinstance(node, ast.Subscript) and not exactly:
            return self._root(node.value)
        if isinstance(node, ast.Call) and not exactly and _last(node.func) in PARTS:
            return self._root(node.func)
        return None

    def _use(self, node: Any, of: str, before: tuple[str, ...]) -> Iterator[Use]:
        """What is done with the model or the run at this place."""
        names, here = list(before), node
        while (parent := self.parents.get(here)) is not None:
            if isinstance(parent, ast.Attribute):
                names.append(parent.attr)
            elif isinstance(parent, ast.Call) and parent.func is here:
                names += [] if names else ["__call__"]
                if names[-1] not in PARTS:
                    break
            elif not (isinstance(parent, ast.Subscript) and parent.value is here):
                break
            here = parent
        put = isinstance(getattr(here, "ctx", None), ast.Store | ast.Del)
        call = parent
        while isinstance(call, ast.keyword | ast.Starred):
            call = self.parents.get(call)
        handed = isinstance(call, ast.Call) and call.func is not here and not self._is_own(call.func)
        if isinstance(call, ast.Call) and handed and _last(call.func) in {*SETTERS, "setattr"}:
            put = True
        elif isinstance(call, ast.Call) and handed and _last(call.func) not in HARMLESS and names in WHOLES:
            yield Use(of, (*names, HANDED))
        if names or put:
            yield Use(of, tuple(names), put)

    def _call(self, node: ast.Call) -> Iterator[Use]:
        name = _last(node.func)
        if name == "open":
            given = [*node.args[isinstance(node.func, ast.Name) :], *(key.value for key in node.keywords)]
            modes = [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            if any(set(mode) & set("wax+") and set(mode) <= set("wax+bt") for mode in modes):
                yield Use("file", ("open",), True)
        elif name in WRITERS and self._root(node.func) is None:
            yield Use("file", (name,), True)
        elif name in SENDERS:
            yield Use("server", (name,))
        elif name == "stop_training" and isinstance(node.func, ast.Name):
            yield Use("run", ("stop",))
        elif name in CLOCKS and not node.args:
            yield Use("clock", (name,))


def _last(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
