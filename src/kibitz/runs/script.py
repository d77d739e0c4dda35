"""A program of the user's, run as it is; but for the fit of one run, in which something else is done."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kibitz.checkpoint.files import local
from kibitz.errors import InvalidArgument, KibitzError, UnusableFile
from kibitz.models.core import Core
from kibitz.models.in_place import in_place_of
from kibitz.models.running import FitArguments, as_list
from kibitz.models.working import traced
from kibitz.runs.named import Named


@dataclass(frozen=True)
class Program:
    """A script with its arguments, and the run that it is about.

    Args:
        script: The file.
        arguments: What it finds in sys.argv behind its name.
        run: The folder of the run.
        watched: Who looks on, besides what the program's own callbacks have traced into the step.
        with_original: Whether the program's own callbacks take part as they are.
        place: The folder from which it is run, in whatever process.
    """

    script: str
    arguments: tuple[str, ...]
    run: str
    watched: tuple[Named, ...] = ()
    with_original: bool = False
    place: str = field(default_factory=os.getcwd)

    def callbacks(self, given: Any) -> list[Any]:
        """Who takes part.

        Args:
            given: The callbacks that the program gave to fit.
        """
        own = as_list(given) if self.with_original else traced(as_list(given))
        return [*own, *(each.made(self.script) for each in self.watched)]

    def begin(self, do: Callable[[Core, FitArguments], None]) -> None:
        """In another process: run the program in silence up to the fit, and do something there."""

        def loudly(core: Core, given: FitArguments) -> None:
            with redirect_stdout(sys.__stderr__), redirect_stderr(sys.__stderr__):
                do(core, replace(given, callbacks=self.callbacks(given.callbacks)))

        with Path(os.devnull).open("w", encoding="utf-8") as out, redirect_stdout(out), redirect_stderr(out):
            os.chdir(self.place)
            self.run_to_fit(loudly)

    def run_to_fit(self, do: Callable[[Core, FitArguments], None]) -> None:
        """Run it up to the fit, do something there, and end it.

        Args:
            do: What is done there.

        Raises:
            InvalidArgument: If there is no such fit; it lists the folders of those that there were.
            UnusableFile: If there is no such script.
        """
        ended: list[BaseException | None] = []  # how it was done; the program cannot swallow that

        def once(core: Core, given: FitArguments) -> None:
            if not ended:
                try:
                    do(core, given)
                except BaseException as error:  # noqa: BLE001 - whatever it was, it is raised behind the program
                    end(error)
                end(None)
            raise SystemExit(0)  # as with sys.exit(), what the program must close is closed

        def end(error: BaseException | None) -> None:
            ended.append(error)
            raise SystemExit(0)

        with in_place_of(self.run, once, end) as place, self._as_main():
            try:
                runpy.run_path(self.script, run_name="__main__")
            except KibitzError as error:
                if not ended:
                    _show(error)
                    raise SystemExit(1) from None
            except SystemExit as error:
                if not ended and error.code:
                    raise
        if not ended:
            raise InvalidArgument(
                f"No fit of {self.script} has this run.",
                given=str(self.run),
                wanted="the folder that one of them is given as run=",
                there_is=list(dict.fromkeys(place.seen)),
                cure="the right folder; or the arguments that the program needs to come to it, behind --",
            )
        if ended[0] is not None:
            raise ended[0]

    @contextmanager
    def _as_main(self) -> Iterator[None]:
        """As Python runs a script: with its own arguments, and with what lies beside it at hand."""
        path = local(self.script)
        if not path.is_file():
            raise UnusableFile(
                "There is no such script.", given=self.script, wanted="the program that trained the run",
                cure="kibitz replay runs/digits train.py",
            )  # fmt: skip
        argv, paths = sys.argv, list(sys.path)
        sys.argv = [self.script, *self.arguments]
        sys.path.insert(0, str(path.resolve().parent))
        try:
            for each in self.watched:
                each.look_for(self.script)
            yield
        finally:
            sys.argv, sys.path[:] = argv, paths


def _show(error: BaseException) -> None:
    """An error of the program's own, with the place in it."""
    traceback.print_exception(error)
