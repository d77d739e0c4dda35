"""D and E: modules of which a step takes long, beside a jitted loop by hand over the same module and optimizer."""

from __future__ import annotations

from benchmarks.effort import Effort
from benchmarks.figures import Figures, contestants, ratio
from benchmarks.hand_module import HandModule
from benchmarks.modules import workload
from benchmarks.rounds import Contestant, timed


def contestant(name: str, kind: str, effort: Effort) -> Contestant:
    """Kibitz or the loop by hand, with a module of its own."""
    import kibitz

    given = workload(kind, effort)
    if name == "by hand":
        return HandModule(given).fit
    model = kibitz.Model(given.module)
    model.compile(given.optimizer, given.kibitz_loss)
    return lambda epochs: model.fit(given.x, given.y, batch_size=given.batch_size, epochs=epochs, verbose=0)


def measure(kind: str, effort: Effort) -> Figures:
    found = {name: contestant(name, kind, effort) for name in ("kibitz", "by hand")}
    seconds = timed(found, effort, effort.of(2, 2, 1))
    rows = [ratio("fit / a jitted loop by hand", seconds, "kibitz", "by hand", 1.02)]
    return {"contestants": contestants(seconds, "s"), "rows": rows}
