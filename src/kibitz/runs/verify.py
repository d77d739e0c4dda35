"""`kibitz runs verify`: whether each commit is as it was written, and what the run will do where one is not."""

from __future__ import annotations

from pathlib import Path

from kibitz.checkpoint.store import commit_bytes, read_commit
from kibitz.errors import UnusableFile
from kibitz.runs.found import run_at
from kibitz.runs.page import Page, size

WHOLE = "whole"


def verify(page: Page, folder: str) -> None:
    """Read each commit with its digest, and put on a page what was found; the status is 1 if one is damaged.

    Args:
        page: The page.
        folder: The folder of a run.

    Raises:
        UnusableFile: If it is not there.
        InvalidArgument: If it is no run's.
    """
    found = run_at(folder)
    told = {step: _told(found.folder.of(step)) for step in found.sizes}
    commits = {step: text for step, text in told.items() if text is not None}
    end = _told(found.final)
    page.title(str(found.path))
    rows = [[f"step {step:,}", size(found.sizes[step]), text] for step, text in commits.items()]
    rows += [["the end", size(commit_bytes(found.final)), end]] if end is not None else []
    if rows:
        page.table(rows, right="1", headed=False)
    page.line()
    page.line(_will_do([step for step in commits if commits[step] == WHOLE], list(commits), end))
    damaged = sum(text != WHOLE for _, _, text in rows)
    page.line(f"{len(rows) - damaged} of {len(rows)} files are whole." if rows else "There is nothing to read.")
    page.status = 1 if damaged else 0


def _told(path: Path) -> str | None:
    """Whether a file is whole, or else what is wrong with it; None if it is not there, or not any more."""
    try:
        read_commit(path)
    except UnusableFile as error:
        return f"damaged: {error.what}" if path.exists() else None
    return WHOLE


def _will_do(good: list[int], steps: list[int], end: str | None) -> str:
    """What the next start of the program finds."""
    if not steps:
        return "There is no commit: the run begins anew."
    if not good:
        return "Every commit is damaged: the run does not go on, and fit will say so. Give it another folder."
    damaged = good[-1] != steps[-1]
    place = f"step {good[-1]:,}" + (", the newest commit that is whole" if damaged else "")
    if end == WHOLE:
        more = f" With more epochs it goes on from {place}." if damaged else ""
        return f"The run has ended; nothing is left to train.{more}"
    if end is not None:
        return f"The end of the run is made again from {place}."
    return f"The run goes on from {place}." + (" What it did since then is done again." if damaged else "")
