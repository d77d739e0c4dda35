"""`kibitz runs prune`: lets old commits of a run go, as the run itself would."""

from __future__ import annotations

from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.store import remove_commit
from kibitz.checkpoint.thinning import kept, kept_within
from kibitz.errors import InvalidArgument, KibitzError, NotReady, UnusableFile
from kibitz.models.durable_arguments import room
from kibitz.runs.found import Found, run_at
from kibitz.runs.page import Page, size


def prune(page: Page, folder: str, keep: str, *, dry_run: bool = False) -> None:
    """Remove commits, and put on a page which; the first and the newest stay, and above all the newest that is whole.

    Args:
        page: The page.
        folder: The folder of a run.
        keep: How many commits stay, or how much room they have, such as "1 GB".
        dry_run: Say what would go, and remove nothing.

    Raises:
        InvalidArgument: If `keep` is neither, or the folder is no run's.
        NotReady: If a process is at work on the run.
        UnusableFile: If no commit is whole: there is nothing that could be told to be worth keeping.
    """
    bound, found = _bound(keep), run_at(folder)
    _refuse_held(found)
    if dry_run:
        _prune(page, found, bound, "would go")
        return
    lock = RunFolder(found.path).lock()
    try:
        _prune(page, Found(found.path), bound, "went")
    finally:
        lock.release()


def _prune(page: Page, found: Found, bound: float, verb: str) -> None:
    steps = list(found.sizes)
    stay = kept(steps, bound) if isinstance(bound, int) else kept_within(found.sizes, int(bound))
    go = [step for step in steps if step not in stay | {_newest_whole(found)}]
    page.title(str(found.path))
    if verb == "went":
        for step in go:
            remove_commit(found.folder.of(step))
    if go:
        page.table([[f"step {step:,}", size(found.sizes[step]), verb] for step in go], right="1", headed=False)
    freed, left = sum(found.sizes[step] for step in go), len(steps) - len(go)
    page.line(f"{len(go)} of {len(steps)} commits {verb} ({size(freed)}); {left} stay "
              f"({size(sum(found.sizes.values()) - freed)}).")  # fmt: skip


def _newest_whole(found: Found) -> int | None:
    """The newest commit that can be gone on with, every digest looked at; None if there are no commits."""
    for step in reversed(found.sizes):
        try:
            found.folder.read(step)
        except UnusableFile:
            continue
        return step
    if not found.sizes:
        return None
    raise UnusableFile("Every commit of this run is damaged; none is removed.", given=str(found.path),
                       wanted="at least one that is whole", cure=f"kibitz runs verify {found.path}")  # fmt: skip


def _refuse_held(found: Found) -> None:
    if (process := found.holder) is not None:
        raise NotReady("Another process is at work on this run.", given=str(found.path),
                       wanted=f"a run that nobody works on; process {process} does",
                       cure="wait until it ends; it thins out its commits itself")  # fmt: skip


def _bound(keep: str) -> float:
    """How many commits (an int), or how many bytes (a float)."""
    number = keep.strip()
    try:
        return room(int(number) if number.isdecimal() and len(number) < 10 else keep)
    except KibitzError as error:
        raise InvalidArgument(error.what, given=keep, wanted=error.wanted, cure="--keep 10") from None
