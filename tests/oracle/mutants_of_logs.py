"""Mutants of what is shown: numbers, their keys and order, History, files and printed lines."""

from __future__ import annotations

import numpy as np

import kibitz
from kibitz import callbacks
from kibitz.callbacks import progress_words
from kibitz.engine.step import LogRows
from kibitz.logs import Logs
from kibitz.metrics.base import Metric
from kibitz.models import running, saving
from kibitz.models.model import Model
from kibitz.models.objective import Objective
from kibitz.models.weighted import Weighted
from tests.oracle.mutant import mutant, nothing, wrap


@mutant("batch_logs_are_running_means_*", "a_short_last_batch_counts_*")
def logs_are_of_the_batch_alone(patch):
    """Batch logs are not running means."""
    wrap(patch, LogRows, "unpack", lambda old: lambda self, row: (old(self, row)[1],) * 2)


@mutant("log_values_are_python_floats_*")
def logs_hold_numpy_numbers(patch):
    """Values are NumPy scalars."""

    def make(old):
        def numpy(self, row):
            return tuple({key: np.float32(value) for key, value in part.items()} for part in old(self, row))

        return numpy

    wrap(patch, LogRows, "unpack", make)


@mutant("keys_are_sorted_*", "what_a_hook_does_to_its_logs_*")
def keys_run_backwards(patch):
    """Keys are in the opposite of alphabetical order."""
    wrap(patch, Objective, "results", lambda old: lambda self, seen: dict(reversed(old(self, seen).items())))


@mutant("validation_data_may_be_a_list", "a_split_divides_*")
def validation_leaves_no_numbers(patch):
    """No val_ keys."""
    wrap(patch, running, "evaluate", lambda old: lambda given, way, feed: _only_called(old, given, way, feed))


def _only_called(old, given, way, feed):
    logs = old(given, way, feed)
    return Logs() if given.run.kind == "train" else logs


@mutant("the_means_start_anew_*")
def numbers_run_on_over_epochs(patch):
    """The running means are not begun anew at an epoch."""
    wrap(patch, running, "FitPlan", lambda old: lambda **plan: old(**{**plan, "reset": nothing}))


@mutant("a_second_fit_goes_on_*", "history_is_returned_*")
def history_keeps_the_last_epoch_only(patch):
    """History's lists have one value."""

    def make(old):
        def last(self, epoch, logs=None):
            self.history.clear()
            old(self, epoch, logs)

        return last

    wrap(patch, callbacks.History, "on_epoch_end", make)


@mutant("a_history_of_ones_own_*")
def history_numbers_grow_on(patch):
    """The epochs of a History are not begun anew at a second fit."""
    patch.setattr(callbacks.History, "on_train_begin", nothing)


@mutant("a_metric_that_gives_a_dict_*")
def a_dict_of_results_stays_a_dict(patch):
    """A metric that gives several numbers shows one of them."""
    wrap(patch, Metric, "stateless_result", lambda old: lambda self, seen: _one(old(self, seen)))


def _one(result):
    return next(iter(result.values())) if isinstance(result, dict) else result


@mutant("verbose_two_*", "verbose_one_*", "evaluate_and_predict_print_*", "small_and_large_numbers_*")
def numbers_have_three_decimals(patch):
    """The progress lines round too early."""
    patch.setattr("kibitz.callbacks.progbar.shown", lambda value, signed=True: f"{np.mean(value):.3f}")
    patch.setattr(progress_words, "shown", lambda value, signed=True: f"{np.mean(value):.3f}")


@mutant("verbose_zero_*")
def something_is_always_printed(patch):
    """verbose=0 prints."""
    wrap(patch, running, "_completed", lambda old: lambda given, verbose: (print("fit"), old(given, verbose))[1])


@mutant(
    "weights_overwrite_*",
    "weights_go_to_a_file_*",
    "weights_that_do_not_fit_*",
    "a_whole_model_*",
    "a_loaded_model_*",
    "a_saved_momentum_*",
    "weights_are_saved_and_loaded_in_hooks",
    "checkpoints_of_the_whole_model",
    "a_model_saved_in_a_hook_*",
)
def nothing_is_loaded(patch):
    """load_weights and load_model leave the weights as they are."""
    patch.setattr(saving, "put", nothing)


@mutant("a_weights_file_must_have_*", "checkpoints_refuse_*")
def names_of_files_are_free(patch):
    """Any ending is taken."""
    patch.setattr(saving, "_check_ending", lambda filepath, *_, **__: str(filepath))
    patch.setattr(callbacks.ModelCheckpoint, "_check_ending", nothing)


@mutant("a_first_layer_may_name_*", "weights_have_keras_order_*", "a_summary_counts_*")
def parameters_are_counted_twice(patch):
    """The summary's numbers are too large."""
    patch.setattr("kibitz.models.summary._numbers", lambda module: 99)
    wrap(patch, Weighted, "count_params", lambda old: lambda self: 2 * old(self))


@mutant("a_file_that_is_not_there_*")
def missing_files_are_passed_over(patch):
    """Loading from nowhere does nothing."""
    patch.setattr(Model, "load_weights", nothing)
    patch.setattr(kibitz.models, "load_model", nothing)
