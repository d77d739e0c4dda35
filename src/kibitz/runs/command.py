"""The words of `kibitz runs`, `look`, `replay` and `bisect`. What a verb needs is imported only for it."""

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


REPLAY = "look back at a stretch of a run: the program that trained it is run, and its fit is that stretch once more"
BISECT = "the first step of a run after which something holds: the program that trained it is run, and its fit searches"
ARGUMENTS = "What stands behind -- goes to the program."


def add_runs(verbs: Any) -> None:
    """Add `runs` with its verbs, `look`, `replay` and `bisect` to the verbs of a parser."""
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
    _add_replay(verbs)
    bisect = verbs.add_parser("bisect", help=BISECT.partition(":")[0], description=BISECT, epilog=ARGUMENTS)
    _about_a_program(bisect)
    bisect.add_argument("--when", required=True, metavar="CONDITION",
                        help='what is to hold of the logs, such as "loss > 10" or "isfinite(loss) == 0"')  # fmt: skip
    bisect.add_argument("--steps", metavar="A:B", help="look at all of these, one after the other (default: halve)")


def _add_replay(verbs: Any) -> None:
    replay = verbs.add_parser("replay", help=REPLAY.partition(":")[0], description=REPLAY, epilog=ARGUMENTS)
    _about_a_program(replay)
    which = replay.add_mutually_exclusive_group()
    which.add_argument("--steps", metavar="A:B", help="which steps, from 0, as in Python: 8300:8320 (default: all)")
    which.add_argument("--epochs", metavar="A:B", help="the same in epochs")
    replay.add_argument("--with", dest="watched", action="append", default=[], metavar="CALLBACK",
                        help="who looks on: GradientNorms, 'WeightHistograms(every=\"10 steps\")', or module:Class; "
                        "again for another")  # fmt: skip
    replay.add_argument("--with-original", action="store_true",
                        help="have the program's own callbacks take part, and write again what they wrote")  # fmt: skip
    replay.add_argument("--workers", type=int, default=1, metavar="N", help="how many processes, side by side")


def _about_a_program(parser: Any) -> None:
    parser.add_argument("folder", metavar="DIR", help="the folder of a run")
    parser.add_argument("script", metavar="SCRIPT", help="the program that trained it, such as train.py")
    parser.add_argument("--tolerance", type=float, metavar="SHARE",
                        help="how far from the run's state it may be at a commit (default: not at all)")  # fmt: skip


def runs(given: argparse.Namespace, page: Page) -> None:
    """Do what the words say, and put on a page what is to be told.

    Args:
        given: The words, parsed.
        page: The page.

    Raises:
        KibitzError: If the folder is not there, is no run's, is held by a process, or cannot be read.
        UnusableFile: If the disk refuses.
    """
    name = given.of_runs if given.verb == "runs" else given.verb
    try:
        if name in {"replay", "bisect"}:
            from kibitz.runs.replay import bisect, replay

            (replay if name == "replay" else bisect)(page, given)
        elif name == "prune":
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
