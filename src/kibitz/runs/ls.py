"""`kibitz runs ls`: one line for each run below a folder."""

from __future__ import annotations

from datetime import UTC, datetime

from kibitz.runs.found import Found, runs_below
from kibitz.runs.page import Page, size

HEAD = ["run", "outcome", "epochs", "steps", "commits", "size", "last commit", "process"]


def ls(page: Page, folder: str) -> None:
    """Put all runs below a folder on a page: how far each is, how it ended, and who is at work on it.

    Args:
        page: The page.
        folder: The folder; a run's own will do.

    Raises:
        UnusableFile: If it is not there.
    """
    rows = [_row(found) for found in runs_below(folder)]
    if rows:
        page.table([HEAD, *rows], right="2345", indent=0)
    else:
        page.line(f"There is no run below {folder}.")


def written(found: Found, step: int) -> str:
    """When a commit was written, by this machine's clock."""
    try:
        moment = datetime.fromtimestamp(found.folder.of(step).stat().st_mtime, tz=UTC).astimezone()
    except (OSError, ValueError, OverflowError):
        return "-"
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _row(found: Found) -> list[str]:
    record, steps = found.record, list(found.sizes)
    return [
        str(found.path),
        found.outcome().partition(": ")[0],
        "-" if record is None else f"{record.epoch:,} of {record.epochs:,}",
        "-" if record is None else f"{record.step:,}",
        f"{len(steps):,}",
        size(found.size),
        written(found, steps[-1]) if steps else "-",
        found.holder or "-",
    ]
