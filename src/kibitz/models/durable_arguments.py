"""What fit may be told about durability, checked before anything runs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from kibitz.checkpoint.files import local
from kibitz.clock import Cadence
from kibitz.errors import InvalidArgument, Unsupported, WrongType, code

RESUME = ("auto", "weights", "force")
KEEP = 10
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(kB|MB|GB|TB)\s*")
_UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


@dataclass(frozen=True)
class DurableArguments:
    """How a fit is made durable.

    Args:
        run: The folder of the run.
        commit: How often to commit. None means "auto": as often as costs less than 1 % of the time.
        resume: "auto", "weights" or "force".
        keep: How many commits to keep, or, as a float, how many bytes of them.
        store: "auto", "file" or "orbax": how commits are written.
    """

    run: str
    commit: Cadence | None
    resume: str
    keep: int | float
    store: str = "auto"

    @property
    def written(self) -> str:
        """How the user has said so, for messages."""
        return f'fit(..., run="{self.run}")'

    @property
    def by_fit(self) -> str:
        """What is to be written before `resume=`, for messages."""
        return ""


def durable_arguments(run: Any, commit: Any, resume: Any, keep: Any, store: Any = "auto") -> DurableArguments | None:
    """Check them; None if the fit is not to be durable.

    Raises:
        InvalidArgument: If one cannot be, or is given without `run`.
        WrongType: If `run` is no path.
        MissingExtra: If Orbax is asked for, and is not there.
        Unsupported: If this is one of several processes.
    """
    if run is None:
        for name, value, default in (
            ("commit", commit, "auto"), ("resume", resume, "auto"), ("keep", keep, KEEP), ("store", store, "auto"),
        ):  # fmt: skip
            if value != default:
                raise InvalidArgument(
                    f"{name} is about a durable run, and this one is not.",
                    given=code(f"{name}={value!r}, run=None"),
                    wanted="a folder for the run",
                    cure=f'fit(..., run="runs/digits", {name}={value!r})',
                )
        return None
    from kibitz.checkpoint.orbax_steps import orbax
    from kibitz.checkpoint.store import ORBAX, STORES

    local(run)
    if resume not in RESUME:
        raise InvalidArgument("A run is gone on with in three ways.", given=resume, there_is=RESUME,
                              cure='resume="auto"')  # fmt: skip
    if store not in STORES:
        raise InvalidArgument("A commit is one file, or is written by Orbax.", given=store, there_is=STORES,
                              cure='store="auto"')  # fmt: skip
    if store == ORBAX:
        orbax('store="orbax"')
    _refuse_several()
    every = None if commit == "auto" else Cadence.read(commit, "fit", "commit")
    return DurableArguments(os.fspath(run), every, resume, room(keep), store)


def _refuse_several() -> None:
    import jax

    if jax.process_count() > 1:
        raise Unsupported("A durable run is kept by one process, and this is one of several.",
                          given=code(f"jax.process_count() == {jax.process_count()}"), wanted="1",
                          cure="leave run= away, and save with a tool for several processes")  # fmt: skip


def room(keep: Any) -> int | float:
    """How many commits stay (an int), or how many bytes of them (a float).

    Args:
        keep: A whole number, 2 or more, or a size such as "1 GB".

    Raises:
        InvalidArgument: If it is no such number or size.
        WrongType: If it is neither a number nor a text.
    """
    if isinstance(keep, str) and (size := _SIZE.fullmatch(keep)):
        return float(size[1]) * _UNITS[size[2]]
    if isinstance(keep, bool) or not isinstance(keep, int | str):
        raise WrongType("keep says how many commits stay, or how much room they have.", given=keep,
                        wanted='a whole number, or a size such as "1 GB"', cure="keep=10")  # fmt: skip
    if isinstance(keep, str) or keep < 2:
        raise InvalidArgument("keep says how many commits stay, or how much room they have.", given=keep,
                              wanted='2 or more, or a size such as "1 GB"', cure="keep=10")  # fmt: skip
    return keep
