"""Mutants of the callbacks that reach beyond the run: a server, averages of weights, checkpoints of Orbax."""

from __future__ import annotations

from kibitz import callbacks
from kibitz.checkpoint.orbax_steps import OrbaxSteps
from kibitz.models.averaged import Averaged
from tests.oracle.mutant import mutant, nothing, wrap


@mutant("the_numbers_of_each_epoch_arrive_*")
def epochs_are_sent_one_too_large(patch):
    """RemoteMonitor counts epochs from 1."""
    wrap(
        patch, callbacks.RemoteMonitor, "on_epoch_end",
        lambda old: lambda self, epoch, logs=None: old(self, epoch + 1, logs),
    )  # fmt: skip


@mutant("the_numbers_of_each_epoch_arrive_*", "a_server_that_is_not_there_*")
def nothing_is_sent(patch):
    """RemoteMonitor sends nothing, so that nothing can fail."""
    patch.setattr(callbacks.RemoteMonitor, "_send", lambda self, numbers: "")


@mutant("validation_is_done_with_*", "averaged_weights_are_there_*", "an_evaluation_of_its_own_is_done_with_*")
def averages_are_never_swapped_in(patch):
    """SwapEMAWeights leaves the weights where they are."""
    patch.setattr(Averaged, "swap_in_averages", lambda self: False)


@mutant("validation_is_done_with_*", "an_evaluation_of_its_own_is_done_with_*")
def averages_are_never_swapped_out(patch):
    """SwapEMAWeights leaves the averages where they are."""
    patch.setattr(Averaged, "swap_out_averages", Averaged.keep_averages)


@mutant("averaged_weights_are_there_*")
def epochs_end_without_averages(patch):
    """swap_on_epoch is not looked at."""
    patch.setattr(callbacks.SwapEMAWeights, "on_epoch_end", nothing)


@mutant("weights_that_nobody_averages_*")
def nobody_asks_whether_there_are_averages(patch):
    """An optimizer without averages is taken in silence."""
    patch.setattr(callbacks.SwapEMAWeights, "_check", nothing)
    patch.setattr(Averaged, "swap_in_averages", lambda self: False)


@mutant("orbax_keeps_*", "orbax_saves_*", "orbax_gives_*", "orbax_can_save_*", "orbax_is_silent_*")
def orbax_saves_nothing(patch):
    """OrbaxCheckpoint never saves."""
    patch.setattr(callbacks.OrbaxCheckpoint, "_save", nothing)


@mutant("orbax_keeps_the_latest_*", "orbax_saves_*", "orbax_keeps_the_best_*")
def orbax_steps_are_numbered_one_too_large(patch):
    """Folders count from 1, or a batch too late."""
    wrap(patch, OrbaxSteps, "save", lambda old: lambda self, step, *rest: old(self, step + 1, *rest))


@mutant("orbax_can_save_*")
def weights_alone_are_never_saved(patch):
    """save_weights_only is not looked at."""
    _always(patch, save_weights_only=False)


@mutant("orbax_is_silent_*")
def orbax_speaks_unasked(patch):
    """verbose is 1 whatever is given."""
    _always(patch, verbose=1)


def _always(patch, **given):
    wrap(
        patch, callbacks.OrbaxCheckpoint, "__init__",
        lambda old: lambda self, *args, **named: old(self, *args, **{**named, **given}),
    )  # fmt: skip


@mutant("orbax_refuses_*")
def any_frequency_is_taken(patch):
    """OrbaxCheckpoint takes any save_freq."""
    patch.setattr("kibitz.callbacks.orbax_checkpoint.every_batches", lambda owner, given: given)
