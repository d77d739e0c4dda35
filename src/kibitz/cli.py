"""The command line: `kibitz demo`, and what looks at durable runs: `runs`, `look`, `replay`, `bisect`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import kibitz
from kibitz.errors import KibitzError
from kibitz.runs.command import add_runs, runs
from kibitz.runs.page import Page, plain, readable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: The words behind `kibitz`. None takes those of the process.

    Returns:
        The exit status: 0, or 1 after an error that was told, or where a file of a run is damaged.

    Example:
        >>> from kibitz.cli import main
        >>> main([])
        usage: kibitz [-h] [--version] {demo,runs,look,replay,bisect} ...
        <BLANKLINE>
        Trains JAX models with fit, evaluate and predict, and lets callbacks look on.
        <BLANKLINE>
        positional arguments:
          {demo,runs,look,replay,bisect}
            demo            train a classifier of handwritten digits while callbacks look on
            runs            durable runs, as fit(run=...) keeps them
            look            a run's life as a picture
            replay          look back at a stretch of a run
            bisect          the first step of a run after which something holds
        <BLANKLINE>
        options:
          -h, --help        show this help message and exit
          --version         show program's version number and exit
        0
    """
    parser = _parser()
    words, own = _apart(sys.argv[1:] if arguments is None else arguments)
    given = parser.parse_args(words)
    given.arguments = own
    if given.verb is None:
        parser.print_help()
        return 0
    try:
        return _demo(given.folder, lookback=given.lookback) if given.verb == "demo" else _runs(given)
    except KibitzError as error:
        # A name out of a file may hold codes that a terminal obeys.
        lines = (plain(line, most=2000) for line in f"kibitz: {error}".split("\n"))
        sys.stderr.write(readable(sys.stderr, "\n".join(lines)) + "\n")
        return 1


def _apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words for Kibitz, and those for a program that it runs, which stand behind `--`."""
    if "--" not in words or words[0] not in {"replay", "bisect"}:
        return list(words), []
    at = list(words).index("--")
    return list(words[:at]), list(words[at + 1 :])


def _parser() -> argparse.ArgumentParser:
    words = "Trains JAX models with fit, evaluate and predict, and lets callbacks look on."
    parser = argparse.ArgumentParser(prog="kibitz", description=words)
    parser.add_argument("--version", action="version", version=f"kibitz {kibitz.__version__}")
    verbs = parser.add_subparsers(dest="verb")
    text = "train a classifier of handwritten digits while callbacks look on"
    demo = verbs.add_parser("demo", help=text, description=text)
    demo.add_argument("--folder", type=Path, default=Path("demo"), help="where the picture goes (default: demo)")
    demo.add_argument("--lookback", action="store_true", help="find a bad batch in a run that has ended")
    add_runs(verbs)
    return parser


def _demo(folder: Path, *, lookback: bool) -> int:
    if lookback:
        from kibitz.demo.lookback import look_back

        look_back(folder, life=_life)
    else:
        from kibitz.demo.story import tell

        tell(folder)
    return 0


def _life(run: Path) -> str:
    from kibitz.runs.look import look

    page = Page.to(sys.stdout)
    look(page, str(run))
    return readable(sys.stdout, str(page))


def _runs(given: argparse.Namespace) -> int:
    page = Page.to(sys.stdout)
    runs(given, page)
    try:
        sys.stdout.write(readable(sys.stdout, str(page)) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough; Python would complain once more when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return page.status
