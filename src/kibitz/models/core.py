"""What a model is made of: its module, its state, what it is trained towards, and the runs that go on."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from flax import nnx

from kibitz.data.source import Batch
from kibitz.engine.forward import Forward
from kibitz.engine.programs import Programs
from kibitz.engine.timeline import Timeline
from kibitz.errors import NotReady, code
from kibitz.models.objective import Objective
from kibitz.models.rehearsal import outputs_of, rehearse
from kibitz.optimizers.loss_scale import LossScaleOptimizer
from kibitz.optimizers.optax_optimizer import OptaxOptimizer
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
        self.runs: list[Run] = []
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
        self._timeline = Timeline(Forward(module))
        self.bind()

    def unbuild(self) -> None:
        """Forget the module: it is about to be another one."""
        self._timeline, self.programs = None, None

    def compile(self, optimizer: Any, objective: Objective, *, eager: bool) -> None:
        """Take what the model is trained with; a state that the optimizer had for this model begins anew."""
        self.optimizer, self.objective, self.eager = optimizer, objective, eager
        self.bind()

    def bind(self) -> None:
        """Bring module and optimizer together, as soon as there are both."""
        if self._timeline is None:
            return
        timeline = self._timeline
        if self.optimizer is not None:
            timeline.freeze(self.frozen())
            timeline.install(self.optimizer)
            order = self._order(timeline)
            counted = not isinstance(self.optimizer, LossScaleOptimizer | OptaxOptimizer)
            self.optimizer.bind(
                lambda: timeline.optimizer_state(counted=counted),
                timeline.write_optimizer,
                order=order,
                called={path: self.owner.shown_path("/".join(path)) for path in order},
                owner=self.owner,
            )
        most = self.owner.steps_per_execution
        self.programs = Programs(
            timeline.forward, self.objective, self.optimizer, eager=self.eager, most=most if most > 1 else None
        )

    def _order(self, timeline: Timeline) -> list[tuple[str, ...]]:
        names = {id(variable): name for name, variable in timeline.forward.variables.items()}
        listed = [names[id(variable)] for variable in self.owner.weight_variables() if id(variable) in names]
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
        if self.programs is None:
            self.bind()
        return self.programs or Programs(self.timeline.forward), objective

    @property
    def own_loss(self) -> bool:
        """Whether the model has a `compute_loss` of its own, so that nobody else knows what it means by y."""
        method = getattr(self.owner.compute_loss, "__func__", self.owner.compute_loss)
        return method is not type(self.owner).default_compute_loss

    @property
    def needs_targets(self) -> bool:
        """Whether a loss was compiled that compares outputs with targets."""
        return self.objective is not None and self.objective.given["loss"] is not None and not self.own_loss

    def rehearse(self, batch: Batch, *, training: bool) -> list[str]:
        """Run a step on shapes alone, as `rehearsal.rehearse` does."""
        return rehearse(self, batch, training=training)

    def outputs_of(self, x: Any) -> Any:
        """The shapes that the model gives for inputs of these shapes."""
        return outputs_of(self, x)

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

    def during(self, run: Run) -> During:
        """A context in which `run` goes on."""
        return During(self, run)


class During:
    """While a run goes on, it is the one that flags on the model mean."""

    def __init__(self, core: Core, run: Run):
        self._core, self._run = core, run

    def __enter__(self) -> Run:
        self._core.runs.append(self._run)
        return self._run

    def __exit__(self, *_: object) -> None:
        self._core.runs.pop()
        self._core.last[self._run.kind] = self._run
