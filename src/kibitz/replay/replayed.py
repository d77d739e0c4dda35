"""What came out of running a stretch of a run again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Replayed:
    """What a replay has done.

    Args:
        run: The folder of the run.
        steps: The steps that were looked at, over the whole run from 0.
        began: The step of the commit that it began at.
        steps_run: How many steps were run again.
        exact: The steps of the commits that came out to the bit.
        apart: How far others were apart, as a share, by their steps; infinity where it cannot be told.
    """

    run: str
    steps: range
    began: int
    steps_run: int = 0
    exact: list[int] = field(default_factory=list)
    apart: dict[int, float] = field(default_factory=dict)

    def __str__(self) -> str:
        looked = f"{self.run}: looked at steps {self.steps.start} to {self.steps.stop - 1}, from the commit after "
        looked += f"{self.began} steps; {self.steps_run} steps were run again"
        if self.apart:
            return looked + f", up to {max(self.apart.values()):.2g} apart from what the run was."
        if self.exact:
            return looked + f", exact at {len(set(self.exact))} commit{'s' * (len(set(self.exact)) != 1)}."
        return looked + ", and met no commit that could show whether they are exact."
