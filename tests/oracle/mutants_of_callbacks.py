"""Mutants of the callbacks that Kibitz ships."""

from __future__ import annotations

from kibitz import callbacks
from kibitz.callbacks.monitor import Monitor
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.logs import Logs
from tests.oracle.mutant import mutant, nothing, wrap


@mutant("early_stopping_waits_*", "early_stopping_knows_*", "a_plateau_says_*", "early_stopping_counts_validations_*")
def patience_is_one_longer(patch):
    """Patience of every callback is one epoch longer."""
    for kind in (callbacks.EarlyStopping, callbacks.ReduceLROnPlateau):
        wrap(patch, kind, "on_train_begin", lambda old: lambda self, logs=None: _patient(self, old, logs))


def _patient(self, old, logs):
    self.patience = max(self.patience, 1) + 1
    old(self, logs)


@mutant("checkpoints_of_the_best_alone", "early_stopping_knows_*")
def better_is_the_other_way_round(patch):
    """What is worse counts as better."""
    wrap(
        patch, Monitor, "better",
        lambda old: lambda self, value, best: best is None or not old(self, value, best),
    )  # fmt: skip


@mutant("early_stopping_has_thresholds")
def equal_is_better(patch):
    """min_delta is not looked at, and as good counts as better."""

    def make(old):
        def lenient(self, value, best):
            return old(self, value, best) or value == best or self.min_delta != 0

        return lenient

    wrap(patch, Monitor, "better", make)


@mutant("early_stopping_restores_*")
def nothing_is_restored(patch):
    """The best weights are not put back."""
    patch.setattr(callbacks.EarlyStopping, "restore", nothing)


@mutant("early_stopping_starts_anew_*")
def callbacks_are_not_begun_anew(patch):
    """EarlyStopping and the plateau go on from the last fit."""
    for kind in (callbacks.EarlyStopping, callbacks.ReduceLROnPlateau):
        patch.setattr(kind, "on_train_begin", nothing)


@mutant("a_schedule_sets_*", "a_schedule_must_give_*")
def a_schedule_comes_an_epoch_late(patch):
    """The scheduler is asked for the epoch before."""
    wrap(
        patch, callbacks.LearningRateScheduler, "on_epoch_begin",
        lambda old: lambda self, epoch, logs=None: old(self, max(epoch - 1, 0), logs) if epoch else None,
    )  # fmt: skip


@mutant("a_csv_file_*")
def a_row_is_lost(patch):
    """CSVLogger leaves out the first epoch."""
    wrap(
        patch, callbacks.CSVLogger, "on_epoch_end",
        lambda old: lambda self, epoch, logs=None: old(self, epoch, logs) if epoch else None,
    )  # fmt: skip


@mutant("checkpoints_are_named_*")
def files_are_numbered_from_zero(patch):
    """ModelCheckpoint's {epoch} is one too small."""
    wrap(patch, callbacks.ModelCheckpoint, "_save", lambda old: lambda self, epoch, logs: old(self, epoch - 1, logs))


@mutant("checkpoints_every_few_*")
def checkpoints_come_a_batch_late(patch):
    """An integer save_freq is one more."""
    wrap(
        patch, callbacks.ModelCheckpoint, "__init__",
        lambda old: lambda self, *args, save_freq="epoch", **named: old(
            self, *args, save_freq=save_freq + 1 if isinstance(save_freq, int) else save_freq, **named
        ),
    )  # fmt: skip


@mutant("functions_serve_*")
def functions_are_not_called(patch):
    """LambdaCallback calls nothing."""
    wrap(patch, callbacks.LambdaCallback, "__init__", lambda old: lambda self, *args, **named: old(self))


@mutant("a_loss_that_is_not_a_number_ends_*")
def a_nan_goes_unseen(patch):
    """TerminateOnNaN looks away."""
    patch.setattr(callbacks.TerminateOnNaN, "_look", nothing)


@mutant("a_run_goes_on_*")
def a_backup_is_not_found(patch):
    """BackupAndRestore begins anew."""
    patch.setattr(RunFolder, "newest", nothing)


@mutant("an_end_without_*")
def a_list_of_callbacks_does_not_count(patch):
    """A CallbackList takes ends without begins."""
    patch.setattr(callbacks.CallbackList, "_count", nothing)


@mutant("a_callback_list_serves_*", "a_callback_list_has_the_old_*")
def a_list_of_callbacks_is_deaf(patch):
    """A CallbackList passes no batch hooks on."""
    wrap(
        patch, callbacks.CallbackList, "_pass_on",
        lambda old: lambda self, hook, *given: None if "batch" in hook else old(self, hook, *given),
    )  # fmt: skip


@mutant("a_plateau_must_reduce")
def any_factor_is_taken(patch):
    """A plateau may raise the learning rate."""
    patch.setattr("kibitz.callbacks.reduce_lr_on_plateau.number", lambda owner, name, value, **_: value)


@mutant("a_callback_list_gives_floats_*")
def a_list_passes_logs_as_they_come(patch):
    """A CallbackList makes no floats and sorts no keys."""
    patch.setattr("kibitz.callbacks.callback_list._floats", lambda logs: Logs(logs or {}))
