"""What a model is made of: its module, its state, what it is trained towards, and the runs that go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from flax import nnx

from kibitz.engine.compilations import compiled_meanwhile
from kibitz.engine.forked import FORKS
from kibitz.engine.forward import Forward
from kibitz.engine.graph_hooks import GraphHooks
from kibitz.engine.programs import Programs
from kibitz.engine.timeline import Known, Timeline
from kibitz.engine.ways import Training
from kibitz.errors import NotReady, code
from kibitz.models.objective import Objective
from kibitz.models.row_by_row import row_by_row
from kibitz.models.trainability import Trainability
from kibitz.optimizers.loss_scale import LossScaleOptimizer
from kibitz.optimizers.optax_optimizer import OptaxOptimizer
from kibitz.report import reporting
from kibitz.run import Run
from kibitz.seed import next_seed


class Core:
    """The parts of a model that the files of this folder share.

    Args:
        owner: The model.
    """

    def __init__(self, owner: Any):
        self.owner = owner
        self.fits = 0
        self.optimizer: Any = None
        self.objective: Objective | None = None
        self.programs: Programs | None = None
        self.eager = False
        self.hooks = GraphHooks((), str)  # those of the fit that goes on
        self.runs: list[Run] = []
        self.way: Training | None = None  # of the fit that goes on innermost
        self.taken_up: Trainability | None = None  # what was trainable when it was last asked; None: not asked yet
        self.latest: Run | None = None  # the run that ended last, of whatever kind
        self.last = {kind: Run(kind) for kind in ("train", "test", "predict")}
        self._timeline: Timeline | None = None

    @cached_property
    def row_seed(self) -> int:
        """What the order of rows is drawn from; looked up at the first fit, once, after all layers have theirs."""
        return next_seed()

    # -- building ----------------------------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether there are weights."""
        return self._timeline is not None

    @property
    def timeline(self) -> Timeline:
        """Where the state is.

        Raises:
            NotReady: If there is none yet.
        """
        FORKS.refuse()
        if self._timeline is None:
            raise NotReady(
                "The model has no weights yet: nobody has said what its inputs look like.",
                given=self.owner,
                wanted="an input shape",
                cure="Sequential([Input((784,)), ...]), or model.build((None, 784)), or fit first",
            )
        return self._timeline

    def build(self, module: nnx.Module) -> None:
        """Take a module whose variables exist."""
        FORKS.computing()
        self._timeline = Timeline(Forward(module), self.owner.shown)
        self.bind()

    def unbuild(self) -> None:
        """Forget the module: it is about to be another one."""
        self._timeline, self.programs = None, None

    def compile(self, optimizer: Any, objective: Objective, *, eager: bool) -> None:
        """Take what the model is trained with; a state that the optimizer had for this model begins anew."""
        if self.objective is not None:
            self.objective.accumulated.let_go()
        self.optimizer, self.objective, self.eager = optimizer, objective, eager
        self.bind()

    def bind(self) -> None:
        """Bring module and optimizer together, as soon as there are both."""
        if self._timeline is None:
            return
        timeline = self._timeline
        if self.optimizer is not None:
            timeline.install(self.optimizer, self.frozen())
            self.tie(timeline)
        self.taken_up = Trainability(self.owner)
        most = self.owner.steps_per_execution
        self.programs = Programs(
            timeline.forward, self.objective, self.optimizer, eager=self.eager, most=most if most > 1 else None,
            row_by_row=row_by_row(timeline.forward.module),
        )  # fmt: skip

    def tie(self, timeline: Timeline) -> None:
        """Let the optimizer read and write its state on the timeline."""
        counted = not isinstance(self.optimizer, LossScaleOptimizer | OptaxOptimizer)
        self.optimizer.bind(
            lambda: Known(timeline, counted=counted),
            timeline.write_optimizer,
            order=self._order(timeline),
            names={name: self.owner.shown_path(name) for name in timeline.behind.variables()},
            owner=self.owner,
        )

    def _order(self, timeline: Timeline) -> list[tuple[str, ...]]:
        listed = timeline.forward.weights
        params = timeline.behind.params
        return [
            tuple(name.split("/"))
            for name in (*(each for each in listed if each in params), *sorted(set(params) - set(listed)))
        ]

    def frozen(self) -> set[str]:
        """Names of the parameters of layers that are not trainable."""
        forward = self.timeline.forward
        if not self.owner.trainable:
            return set(forward.variables)
        names = {id(variable): name for name, variable in forward.variables.items()}
        found = {name for name, each in forward.variables.items() if each.get_metadata("trainable", True) is False}
        for _, part in nnx.iter_graph(forward.module):
            if getattr(part, "trainable", True) is False:
                inside = nnx.iter_graph(part)
                found |= {names[id(each)] for _, each in inside if isinstance(each, nnx.Variable) and id(each) in names}
        return found

    # -- before the first step ---------------------------------------------------------------------------------------

    def check_compiled(self, what: str) -> Objective:
        """What the model is trained towards.

        Raises:
            NotReady: If the model was not compiled.
        """
        if self.objective is None or self.optimizer is None:
            raise NotReady(
                f"The model must be compiled before it can {what}.",
                given=code(f"model.{what}(...)"),
                wanted="an optimizer and a loss",
                cure='model.compile(optimizer="adam", loss="mse") first',
            )
        return self.objective

    def ready(self, what: str) -> tuple[Programs, Objective]:
        """Programs and objective of a model that is compiled and has weights.

        Raises:
            NotReady: If one of these is missing.
        """
        objective = self.check_compiled(what)
        return self.programs_for_use(), objective

    def programs_for_use(self) -> Programs:
        """The compiled programs; before `compile` they can predict."""
        if self.programs is None:
            self.bind()
        return self.programs or Programs(self.timeline.forward)

    @property
    def own_loss(self) -> bool:
        """Whether the model has a `compute_loss` of its own, so that nobody else knows what it means by y."""
        method = getattr(self.owner.compute_loss, "__func__", self.owner.compute_loss)
        return method is not type(self.owner).default_compute_loss

    @property
    def needs_targets(self) -> bool:
        """Whether a loss was compiled that compares outputs with targets."""
        return self.objective is not None and self.objective.given["loss"] is not None and not self.own_loss

    # -- runs --------------------------------------------------------------------------------------------------------

    def innermost(self, kind: str | None = None) -> Run:
        """The run that goes on innermost (of a kind), or the last one that went on."""
        for run in reversed(self.runs):
            if kind is None or run.kind == kind:
                return run
        return self.last[kind or "train"]

    def innermost_measuring(self) -> Run:
        """The run whose evaluation goes on: a fit that validates, or an evaluate of its own."""
        return self.runs[-1] if self.runs else self.last["test"]

    @contextmanager
    def during(self, run: Run) -> Iterator[Run]:
        """While a run goes on, it is the one that flags on the model mean, and what is done counts for its report."""
        self.runs.append(run)
        try:
            with reporting(run.report), compiled_meanwhile(run.report.compilations):
                yield run
        finally:
            self.runs.pop()
            run.let_go()
            self.last[run.kind] = self.latest = run
