"""What a run did, and where its time went: told when it is asked for, and not before."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

SHARE = 0.05  # of a run's time, which a callback may take without being named at its end
WORTH = 1.0  # seconds that it must have taken besides
_under_way: ContextVar[RunReport | None] = ContextVar("kibitz_run_report", default=None)


@dataclass
class RunReport:
    """What a run did, and where its time went; `print` it, or read its fields.

    Args:
        steps: Batches that were trained on so far, as the hooks have seen them; in a run of evaluate or predict, that
            were evaluated or predicted.
        spans: Programs that were sent to the device, of validation too; each does one step or many.
        samples: The rows of these steps, without those that fill up a short batch.
        validated: Batches of the validations of a fit.
        rewinds: How often steps were run a second time, by the callback that looked at the model in the midst of a
            span.
        rerun: How many steps that were, by callback.
        compilations: What was compiled during the run: names and seconds.
        seconds: Time by part: "device" (waiting for it), "data", "files"; those of files are among the hooks' too.
        hooks: Seconds in hooks, by callback.
        total: Seconds of the whole run; 0 while it goes on.

    Example:
        >>> from kibitz.report import RunReport
        >>> report = RunReport(steps=1000, spans=12, samples=32000, total=2.0)
        >>> report.hooks["Slow"] = 0.5
        >>> print(report)
        1000 steps of 32,000 samples in 12 spans, 2.000 s: 2000.0 us a step
          compiling      0.000 s    0.0 %   nothing
          device         0.000 s    0.0 %   waiting for it
          data           0.000 s    0.0 %   reading it and bringing it to the device
          files          0.000 s    0.0 %   written by callbacks
          hooks          0.500 s   25.0 %   Slow 0.500 s
          rest           1.500 s   75.0 %
          rewinds   none
    """

    steps: int = 0
    spans: int = 0
    samples: int = 0
    validated: int = 0
    rewinds: Counter[str] = field(default_factory=Counter)
    rerun: Counter[str] = field(default_factory=Counter)
    compilations: list[tuple[str, float]] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    hooks: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    total: float = 0.0

    def passed(self, steps: int, samples: int) -> None:
        """Note that so many steps more were done, on so many rows."""
        self.steps += steps
        self.samples += samples

    def rewound(self, by: str, steps: int) -> None:
        """Note that somebody had so many steps run a second time."""
        self.rewinds[by or "the loop"] += 1
        self.rerun[by or "the loop"] += steps

    def costly(self) -> str | None:
        """What is to be told at the end: the callbacks that took more than 5 % of the run, and the cure."""
        found = [(name, spent) for name, spent in _most(self.hooks) if spent > max(SHARE * self.total, WORTH)]
        if not found:
            return None
        named = ", ".join(f"{name} {spent:.1f} s ({spent / self.total:.0%})" for name, spent in found)
        return (
            f"Of {self.total:.1f} s of this run, callbacks took: {named}. To spend less, let them act less often, "
            "such as at every hundredth batch (if batch % 100 == 0); model.run_report() says more."
        )

    def __str__(self) -> str:
        total, compiling = self.total or 1e-9, sum(spent for _, spent in self.compilations)
        each = f": {1e6 * max(self.total - compiling, 0) / self.steps:.1f} us a step" if self.steps else ""
        compiled = ", ".join(f"{name} {spent:.2f} s" for name, spent in self.compilations) or "nothing"
        hooks = sum(self.hooks.values())
        names = ", ".join(f"{name} {spent:.3f} s" for name, spent in _most(self.hooks)[:5])
        rest = max(0.0, self.total - hooks - self.seconds["device"] - self.seconds["data"] - compiling)
        rows = [
            ("compiling", compiling, compiled),
            ("device", self.seconds["device"], "waiting for it"),
            ("data", self.seconds["data"], "reading it and bringing it to the device"),
            ("files", self.seconds["files"], "written by callbacks"),
            ("hooks", hooks, names),
            ("rest", rest, ""),
        ]
        validated = f", {self.validated} batches of validation" if self.validated else ""
        rewinds = ", ".join(f"{name} {times} ({self.rerun[name]} steps)" for name, times in self.rewinds.most_common())
        done = f"{self.steps} steps of {self.samples:,} samples{validated}"
        return "\n".join([
            f"{done} in {self.spans} spans, {self.total:.3f} s{each}",
            *(f"  {name:<10}{part:10.3f} s{100 * part / total:7.1f} %   {said}".rstrip() for name, part, said in rows),
            f"  rewinds   {rewinds or 'none'}",
        ])  # fmt: skip


def _most(spent: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(spent.items(), key=lambda item: -item[1])


@contextmanager
def reporting(report: RunReport) -> Iterator[RunReport]:
    """While this lasts, time that is spent counts for this report; of runs within one another, for the innermost."""
    token, began = _under_way.set(report), time.perf_counter()
    try:
        yield report
    finally:
        report.total += time.perf_counter() - began
        _under_way.reset(token)


@contextmanager
def spent_on(part: str) -> Iterator[None]:
    """Count the time of the block for a part of the run that goes on; without one, nothing is counted."""
    report = _under_way.get()
    if report is None:
        yield
        return
    began = time.perf_counter()
    try:
        yield
    finally:
        report.seconds[part] += time.perf_counter() - began
