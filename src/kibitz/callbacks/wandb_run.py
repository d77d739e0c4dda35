"""The run of Weights & Biases that its callbacks log into."""

from __future__ import annotations

from typing import Any

from kibitz.absent import bring
from kibitz.errors import NotReady, code


def wandb_with_a_run(owner: str) -> Any:
    """The package wandb, once a run is under way in it.

    Args:
        owner: The callback's name.

    Raises:
        MissingExtra: If wandb is not installed.
        NotReady: If no run is under way.
    """
    wandb = bring("wandb", extra="wandb", owner=owner)
    if wandb.run is None:
        raise NotReady(
            f"{owner} logs into a run of Weights & Biases, and none is under way.",
            given=code(f"{owner}(...)"),
            wanted="a run that was begun before",
            cure=f'wandb.init(project="..."), then {owner}(...)',
        )
    return wandb
