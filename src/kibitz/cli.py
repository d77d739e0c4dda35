"""The command line: `kibitz demo`, and more verbs as they come."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import kibitz
from kibitz.errors import KibitzError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: The words behind `kibitz`. None takes those of the process.

    Returns:
        The exit status: 0, or 1 after an error that was told.

    Example:
        >>> from kibitz.cli import main
        >>> main([])
        usage: kibitz [-h] [--version] {demo} ...
        <BLANKLINE>
        Trains JAX models with fit, evaluate and predict, and lets callbacks look on.
        <BLANKLINE>
        positional arguments:
          {demo}
            demo      train a classifier of handwritten digits while callbacks look on
        <BLANKLINE>
        options:
          -h, --help  show this help message and exit
          --version   show program's version number and exit
        0
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.verb is None:
        parser.print_help()
        return 0
    try:
        _demo(given.folder)
    except KibitzError as error:
        sys.stderr.write(f"kibitz: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    words = "Trains JAX models with fit, evaluate and predict, and lets callbacks look on."
    parser = argparse.ArgumentParser(prog="kibitz", description=words)
    parser.add_argument("--version", action="version", version=f"kibitz {kibitz.__version__}")
    verbs = parser.add_subparsers(dest="verb")
    text = "train a classifier of handwritten digits while callbacks look on"
    demo = verbs.add_parser("demo", help=text, description=text)
    demo.add_argument("--folder", type=Path, default=Path("demo"), help="where the picture goes (default: demo)")
    return parser


def _demo(folder: Path) -> None:
    from kibitz.demo.story import tell

    tell(folder)
