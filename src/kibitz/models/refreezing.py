"""Taking up which layers are trainable: between fits and within one, the optimizer going on."""

from __future__ import annotations

from kibitz.engine.refitting import go_on_from, refitted
from kibitz.engine.state import TrainState
from kibitz.errors import KibitzError, Unbalanced, code
from kibitz.models.core import Core
from kibitz.models.trainability import Trainability
from kibitz.run import Run


def refreeze(core: Core, run: Run | None = None) -> None:
    """Take up which layers are trainable now; after an error they say what they said when they were last asked.

    Args:
        core: The parts of the model.
        run: The fit that asks. None: the innermost that goes on, if there is one.

    Raises:
        NotReady: If the model was not compiled, or has no weights.
        Unbalanced: If another fit goes on around the one that asks.
        Unsupported: If it cannot be told what the optimizer keeps for which parameter.
    """
    core.check_compiled("refreeze")
    asked = Trainability(core.owner)
    if asked == core.taken_up:
        return
    swapped = core.owner.averages_in_place
    core.owner.swap_out_averages()
    try:
        _refuse_within_another(core, run)
        trainable = core.timeline.forward.trainable(core.frozen())
        take(core, refitted(core.timeline, core.optimizer, core.hooks, trainable), asked)
    except KibitzError:
        if core.taken_up is not None:
            core.taken_up.put_back()
        raise
    finally:
        if swapped:
            core.owner.swap_in_averages()


def take(core: Core, state: TrainState, asked: Trainability | None) -> None:
    """Go on from a state in which other parameters are moved.

    Args:
        core: The parts of the model.
        state: The state.
        asked: What was trainable when the layers were asked. None: they have yet to be.
    """
    timeline, programs = core.timeline, core.programs_for_use()
    go_on_from(timeline, state)
    core.tie(timeline)
    core.taken_up = asked
    core.programs = programs.renewed(timeline.forward, timeline.here.with_(graph={}))
    if core.way is not None:
        core.hooks = core.hooks.again()
        made = core.programs.hooked(core.hooks)
        if core.hooks.hooks:
            made.rehearse_train(timeline.here, core.way.programs.rehearsed)
        core.way.renew(made)


def take_up(core: Core) -> None:
    """Ask the layers which are trainable, where a state was put in that was trained otherwise."""
    if core.taken_up is None and core.optimizer is not None:
        refreeze(core)


def outdated(core: Core) -> bool:
    """Whether the layers say something else of what is trainable than when they were last asked."""
    return core.taken_up is not None and core.taken_up != Trainability(core.owner)


def check_compilable(core: Core) -> None:
    """Whether the model may be compiled now: not while a fit still has steps to do.

    Raises:
        Unbalanced: If it may not.
    """
    if any(run.kind == "train" and not run.trained for run in core.runs):
        raise Unbalanced(
            "The model cannot be compiled in the midst of a fit: what runs was compiled before.",
            given=code("model.compile(...) in a hook"),
            wanted="a compile before fit, behind it, or in on_train_end",
            cure="model.refreeze() after layer.trainable = ...; optimizer.learning_rate = ...; "
            "or self.run.stop(...), compile and fit again",
        )


def _refuse_within_another(core: Core, run: Run | None) -> None:
    fits = [each for each in core.runs if each.kind == "train"]
    if any(each is not (run or fits[-1]) for each in fits):
        raise Unbalanced(
            "A fit within a hook of another fit cannot change which layers are trained: the outer one goes on.",
            given=code("layer.trainable = ..., in a fit within a fit"),
            wanted="layers that are frozen and unfrozen in the outer fit",
            cure="model.refreeze() in a hook of the outer fit, before the inner one begins",
        )
