"""Callbacks that are named on the command line: those of Kibitz by their names, others as module:Class."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kibitz.errors import InvalidArgument, UnknownName

FORMS = 'GradientNorms, WeightHistograms(every="10 steps"), or module:Class'
ELSEWHERE = re.compile(r"\s*([A-Za-z_][\w.]*)\s*:\s*(.*)", re.DOTALL)
ITSELF = "__main__"


@dataclass(frozen=True)
class Named:
    """A callback as it is written on the command line.

    Args:
        written: What is written.
        module: Where its class is; "" for one of Kibitz.
        name: The class.
        args: What it is made with.
        kwargs: What it is made with by name.

    Example:
        >>> from kibitz.runs.named import Named
        >>> Named.read('WeightHistograms(every="10 steps")').made("train.py").every
        '10 steps'
    """

    written: str
    module: str
    name: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]

    @classmethod
    def read(cls, written: str) -> Named:
        """Read one; nothing of it is run.

        Args:
            written: A name, perhaps with arguments that are plain values.

        Raises:
            InvalidArgument: If it cannot be read.
            UnknownName: If Kibitz has no such callback.
        """
        elsewhere = ELSEWHERE.fullmatch(written)
        module, text = elsewhere.groups() if elsewhere else ("", written)
        called = _called(text)
        if called is None:
            raise InvalidArgument(
                "This names no callback.",
                given=written,
                wanted=f"{FORMS}, with plain values alone as arguments",
                cure="--with GradientNorms",
            )
        found = cls(written, module, *called)
        if not module:
            found.made("")
        return found

    def look_for(self, script: str) -> None:
        """Find out whether its module is there, without importing it.

        Args:
            script: The program that is about to be run; what stands beside it can be found.

        Raises:
            UnknownName: If it is not.
        """
        first = self.module.split(".")[0]
        if first and not self._is_in(script) and importlib.util.find_spec(first) is None:
            raise UnknownName(
                f"There is no module {first} beside {script}, and none is installed.",
                given=self.written,
                there_is=sorted(each.stem for each in Path(script).parent.glob("*.py")),
                cure=f"--with {Path(script).stem}:{self.name}, if it stands in the program itself",
            )

    def made(self, script: str) -> Any:
        """Make it.

        Args:
            script: The program that is being run.

        Raises:
            UnknownName: If there is no such class.
            InvalidArgument: If it cannot be made with these arguments.
        """
        kind = self._kind(script)
        try:
            return kind(*self.args, **dict(self.kwargs))
        except TypeError as error:
            raise InvalidArgument(
                f"{self.name} cannot be made so: {error}.",
                given=self.written,
                wanted="the arguments that it takes",
                cure=f"--with {self.written.partition('(')[0]}",
            ) from error

    def _kind(self, script: str) -> Any:
        if not self.module:
            there: Any = importlib.import_module("kibitz.callbacks")
            names, where = sorted(there.__all__), "Kibitz"
        else:
            itself = self._is_in(script)
            there = sys.modules[ITSELF] if itself else importlib.import_module(self.module)
            names = sorted(name for name, value in vars(there).items() if isinstance(value, type))
            where = f"{script}, up to its fit," if itself else self.module
        if self.name not in names:
            raise UnknownName(f"{where} has no callback of this name.", given=self.name, there_is=names,
                              cure=f"--with {FORMS}")  # fmt: skip
        return getattr(there, self.name)

    def _is_in(self, script: str) -> bool:
        """Whether it stands in the program itself, which is not imported a second time."""
        return self.module in {ITSELF, Path(script).stem}


def _called(text: str) -> tuple[str, tuple[Any, ...], tuple[tuple[str, Any], ...]] | None:
    """A name with the plain values that it is called with; None if it is something else."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
        names = [each.arg for each in call.keywords]
        if not isinstance(call.func, ast.Name) or None in names:
            return None
        args = tuple(ast.literal_eval(each) for each in call.args)
        values = [ast.literal_eval(each.value) for each in call.keywords]
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
    return call.func.id, args, tuple((str(name), value) for name, value in zip(names, values, strict=True))
