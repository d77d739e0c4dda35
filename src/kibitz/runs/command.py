"""The words of `kibitz runs` and `kibitz look` on the command line. What a verb needs is imported only for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from kibitz.errors import KibitzError, UnusableFile
from kibitz.runs.page import Page

ABOUT = "durable runs, as fit(run=...) keeps them: which there are, how they went, and whether they are whole"
VERBS = {
    "ls": "the runs below a folder, a line each",
    "show": "one run: its history, what it is made of, its commits",
    "verify": "read every commit with its digest; the exit status is 1 if one is damaged",
    "prune": "let old commits go: the first, the newest and some between stay",
}
LOOK = "a run's life as a picture: its curves, commits, what hooks wrote, and its ending, over its steps"


def add_runs(verbs: Any) -> None:
    """Add `runs` with its verbs, and `look`, to the verbs of a parser."""
    runs = verbs.add_parser("runs", help=ABOUT.partition(":")[0], description=f"Shows {ABOUT}.")
    own = runs.add_subparsers(dest="of_runs", required=True, metavar="{" + ",".join(VERBS) + "}")
    for name, text in VERBS.items():
        parser = own.add_parser(name, help=text, description=text)
        if name == "ls":
            parser.add_argument("folder", metavar="DIR", nargs="?", default=".", help="the folder (default: this one)")
        else:
            parser.add_argument("folder", metavar="DIR", help="the folder of a run")
        if name == "prune":
            parser.add_argument("--keep", required=True, metavar="N|SIZE",
                                help='how many commits stay, or how much room they have, such as "1 GB"')  # fmt: skip
            parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    look = verbs.add_parser("look", help=LOOK.partition(":")[0], description=LOOK)
    look.add_argument("folder", metavar="DIR", help="the folder of a run")


def runs(given: argparse.Namespace, page: Page) -> None:
    """Do what the words say, and put on a page what is to be told.

    Args:
        given: The words, parsed.
        page: The page.

    Raises:
        KibitzError: If the folder is not there, is no run's, is held by a process, or cannot be read.
        UnusableFile: If the disk refuses.
    """
    name = "look" if given.verb == "look" else given.of_runs
    try:
        if name == "prune":
            from kibitz.runs.prune import prune

            prune(page, given.folder, given.keep, dry_run=given.dry_run)
        else:
            _verb(name)(page, given.folder)
    except OSError as error:
        if isinstance(error, KibitzError):
            raise
        raise UnusableFile(
            f"The disk refuses: {error.strerror or error}.",
            given=str(error.filename or given.folder),
            wanted="a folder that may be read" + (" and written" if name == "prune" else ""),
            cure="try again if a run is at work there; or change who may read it",
        ) from error


def _verb(name: str) -> Callable[[Page, str], None]:
    if name == "ls":
        from kibitz.runs.ls import ls

        return ls
    if name == "look":
        from kibitz.runs.look import look

        return look
    if name == "show":
        from kibitz.runs.show import show

        return show
    from kibitz.runs.verify import verify

    return verify
