"""Mutants of what hooks may do: ask for a stop, read the model, write it."""

from __future__ import annotations

import jax

from kibitz.engine.forward import Forward
from kibitz.engine.timeline import Timeline
from kibitz.models import running
from kibitz.models.flags import Flags
from kibitz.models.model import Model
from kibitz.models.weighted import Weighted
from kibitz.optimizers.base import Optimizer
from kibitz.run import Run
from tests.oracle.mutant import mutant, nothing, wrap


@mutant("a_stop_is_seen_*", "stop_training_from_*", "a_stop_at_a_certain_*", "the_flag_stays_*")
def nobody_can_stop(patch):
    """stop_training is not looked at."""
    patch.setattr(Run, "stop_requested", property(lambda self: False))
    patch.setattr(Run, "flag", nothing)


@mutant("stop_training_from_on_train_batch_end", "stop_training_from_on_epoch_begin")
def a_stop_is_at_once(patch):
    """A stop skips validation and the epoch's end."""
    wrap(patch, Run, "flag", lambda old: lambda self, wanted: (old(self, wanted), setattr(self, "stop_now", wanted)))


@mutant("a_later_callback_*")
def a_stop_cannot_be_taken_back(patch):
    """stop_training = False does nothing."""
    wrap(patch, Run, "flag", lambda old: lambda self, wanted: old(self, True) if wanted else None)


@mutant("the_flag_stays_*")
def a_stop_lasts(patch):
    """A stop of the last fit stops the next one."""
    stopped = []

    def make(old):
        def remembering(self, wanted):
            stopped.append(wanted)
            old(self, wanted)

        return remembering

    wrap(patch, Run, "flag", make)
    patch.setattr(Run, "stop_requested", property(lambda self: bool(stopped) and stopped[-1]))


@mutant("stop_evaluating_*", "stop_predicting_*")
def evaluations_and_predictions_cannot_be_stopped(patch):
    """stop_evaluating and stop_predicting are not looked at."""
    for name in ("stop_evaluating", "stop_predicting"):
        patch.setattr(Flags, name, property(lambda self: False, nothing))


@mutant("stop_training_does_not_end_*")
def a_stop_of_training_stops_everything(patch):
    """stop_training ends evaluations and predictions too."""
    for name in ("stop_evaluating", "stop_predicting"):
        patch.setattr(Run, name, property(lambda self: self._stop, nothing), raising=False)

    def make(old):
        def everywhere(self, value):
            for run in self.core.runs:
                run._stop = value

        return everywhere

    patch.setattr(Flags, "stop_training", property(lambda self: False, make(None)))


@mutant("weights_read_in_*")
def weights_are_read_late(patch):
    """get_weights gives what it gave when it was first called."""
    seen = {}
    wrap(patch, Weighted, "get_weights", lambda old: lambda self: seen.setdefault(id(self), (self, old(self)))[1])


@mutant("what_get_weights_gives_*")
def weights_are_not_copies(patch):
    """get_weights gives the arrays of the last call, filled anew."""
    seen = {}

    def make(old):
        def reused(self):
            now = old(self)
            kept = seen.setdefault(id(self), (self, now))[1]
            for array, value in zip(kept, now, strict=True):
                array[...] = value
            return kept

        return reused

    wrap(patch, Weighted, "get_weights", make)


@mutant("weights_written_in_*", "early_stopping_written_by_hand_*")
def written_weights_are_lost(patch):
    """set_weights within a run does nothing."""
    wrap(
        patch, Weighted, "set_weights",
        lambda old: lambda self, given: None if self.core.runs else old(self, given),
    )  # fmt: skip


@mutant("learning_rate_set_in_*", "a_learning_rate_reads_*", "a_schedule_sets_the_rate_*", "a_plateau_*rate")
def a_written_optimizer_is_lost(patch):
    """A learning rate that is set changes nothing."""
    patch.setattr(Timeline, "write_optimizer", nothing)


@mutant("a_layer_shows_*", "weights_are_saved_and_loaded_*")
def layers_write_into_nothing(patch):
    """What a hook writes into a layer's variables is not taken."""
    patch.setattr(Timeline, "push", nothing)
    patch.setattr(Timeline, "write_variables", nothing)


@mutant("iterations_count_*", "a_step_taken_by_hand_*", "a_step_taken_by_hand_within_*")
def steps_are_not_counted(patch):
    """optimizer.iterations stays where it is."""

    def make(old):
        def standing(self, grads, state=None, params=None):
            params, after = old(self, grads, state, params)
            return params, {**after, "iterations": state["iterations"]}

        return standing

    wrap(patch, Optimizer, "apply", make)


@mutant("evaluate_within_*", "predict_within_*")
def a_nested_call_takes_a_step(patch):
    """evaluate and predict within a hook write half the weights back."""

    def make(old):
        def writing(core, *args):
            found = old(core, *args)
            if core.runs:
                core.owner.set_weights([each / 2 for each in core.owner.get_weights()])
            return found

        return writing

    for name in ("run_evaluate", "run_predict"):
        wrap(patch, running, name, make)
        patch.setattr("kibitz.models.model." + name, getattr(running, name))


@mutant("predict_on_batch_serves_*")
def predictions_are_of_the_first_weights(patch):
    """predict and predict_on_batch use the weights that the model had at first."""
    first = {}

    def make(old):
        def early(self, variables, x, *, training):
            concrete = not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(variables))
            return old(self, first.setdefault(id(self), variables) if concrete else variables, x, training=training)

        return early

    wrap(patch, Forward, "__call__", make)
    wrap(patch, Model, "predict_on_batch", lambda old: lambda self, x: old(self, x) * 1.01)


@mutant("a_hook_may_compile_*")
def a_run_is_never_trained(patch):
    """compile is refused in all hooks of a fit, also where no step is to come."""
    patch.setattr(Run, "trained", property(lambda self: False, nothing), raising=False)
