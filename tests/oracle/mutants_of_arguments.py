"""Mutants of single arguments of the shipped callbacks: each is not looked at, or taken for another."""

from __future__ import annotations

from kibitz import callbacks
from kibitz.callbacks.monitor import Monitor
from kibitz.callbacks.progbar_logger import ProgbarLogger
from kibitz.checkpoint.run_folder import RunFolder
from tests.oracle.mutant import mutant, nothing, wrap


def always(patch, kind, **given):
    """Give an argument a value of ours, whatever it was given."""
    wrap(patch, kind, "__init__", lambda old: lambda self, *args, **named: old(self, *args, **{**named, **given}))


@mutant("early_stopping_has_thresholds_when_*", "a_plateau_knows_*")
def min_delta_is_not_looked_at(patch):
    """The slightest change counts."""
    always(patch, Monitor, min_delta=0.0)


@mutant("a_plateau_knows_*", "checkpoints_have_a_value_*")
def more_is_never_better(patch):
    """Whatever the mode is, less is better."""

    def make(old):
        def better(self, value, best):
            self.direction = "min"
            return old(self, value, best)

        return better

    wrap(patch, Monitor, "better", make)


@mutant("checkpoints_have_a_value_*")
def there_is_no_value_to_beat(patch):
    """initial_value_threshold is not looked at."""
    always(patch, callbacks.ModelCheckpoint, initial_value_threshold=None)


@mutant("checkpoints_say_*")
def checkpoints_are_silent(patch):
    """ModelCheckpoint says nothing."""
    always(patch, callbacks.ModelCheckpoint, verbose=0)


@mutant("a_schedule_is_silent_*")
def schedules_speak(patch):
    """LearningRateScheduler says what it does, unasked."""
    always(patch, callbacks.LearningRateScheduler, verbose=1)


@mutant("a_loss_without_end_*")
def no_loss_is_an_error(patch):
    """raise_error is not looked at."""
    always(patch, callbacks.TerminateOnNaN, raise_error=False)


@mutant("each_function_serves_*")
def functions_stand_in_another_order(patch):
    """LambdaCallback's first two parameters are exchanged."""
    wrap(
        patch, callbacks.LambdaCallback, "__init__",
        lambda old: lambda self, first=None, second=None, *rest, **named: old(self, second, first, *rest, **named),
    )  # fmt: skip


@mutant("a_run_goes_on_from_its_backup_however_*")
def backups_are_never_taken(patch):
    """BackupAndRestore writes nothing."""
    patch.setattr(RunFolder, "write", nothing)


@mutant("a_callback_list_has_what_*")
def a_list_draws_no_bar(patch):
    """The progress bar of a CallbackList is silent."""
    patch.setattr(ProgbarLogger, "on_epoch_end", nothing)
