"""Mutants of what callbacks in the wild lean on: weights swapped, models called, names looked up."""

from __future__ import annotations

import random

import kibitz
from kibitz.callbacks import CSVLogger, History
from kibitz.callbacks.watching import Watching
from kibitz.engine.timeline import Timeline
from kibitz.layers import lookup
from kibitz.layers.base import Layer
from kibitz.models import core, summary
from kibitz.models.by_batch import ByBatch
from kibitz.models.flags import Flags
from kibitz.models.sequential import Sequential
from kibitz.models.weighted import Weighted
from tests.oracle.mutant import larger, mutant, nothing, wrap


@mutant("an_average_of_the_weights_*", "a_finder_of_rates_*")
def weights_are_set_a_little_larger(patch):
    """set_weights puts another number than it was given."""
    wrap(patch, Weighted, "set_weights", lambda old: lambda self, given: old(self, [larger(each) for each in given]))


@mutant("a_hook_calls_the_model_*")
def a_call_gives_a_little_more(patch):
    """model(x) is wrong by a hundredth."""
    wrap(patch, ByBatch, "__call__", lambda old: lambda self, x, training=False: larger(old(self, x, training)))


@mutant("an_early_stopping_rewritten_*")
def anything_is_an_improvement(patch):
    """_is_improvement always says yes."""
    patch.setattr(Watching, "_is_improvement", lambda self, value, reference: True)


@mutant("a_number_of_ones_own_*")
def a_file_of_numbers_has_no_numbers_added(patch):
    """CSVLogger leaves out what callbacks added."""

    def make(old):
        def without(self, epoch, logs=None):
            old(self, epoch, {key: value for key, value in (logs or {}).items() if key != "val_score"})

        return without

    wrap(patch, CSVLogger, "on_epoch_end", make)


@mutant("shipped_callbacks_*")
def history_takes_no_more_keys(patch):
    """What a subclass adds is not kept."""

    def make(old):
        def without(self, epoch, logs=None):
            old(self, epoch, {key: value for key, value in (logs or {}).items() if key != "twice"})

        return without

    wrap(patch, History, "on_epoch_end", make)


@mutant("another_model_is_trained_*")
def a_batch_by_hand_trains_nothing(patch):
    """train_on_batch does nothing."""
    patch.setattr(ByBatch, "train_on_batch", nothing)


@mutant("a_hook_moves_a_schedule_*")
def iterations_cannot_be_moved(patch):
    """What is assigned to the optimizer's variables is lost."""
    patch.setattr(Timeline, "write_optimizer", nothing)


@mutant("compiling_takes_a_stop_back")
def a_stop_is_never_taken_back(patch):
    """stop_training = False does nothing."""
    old = Flags.stop_training
    patch.setattr(Flags, "stop_training", property(old.fget, lambda self, on: old.fset(self, True) if on else None))


@mutant("training_takes_no_seed_*")
def training_draws_a_seed(patch):
    """The order of rows takes a number that a layer would have had."""
    patch.setattr(core, "next_seed", lambda: random.randrange(2**31))


@mutant("a_summary_is_the_same_*")
def columns_find_their_own_places(patch):
    """The summary's columns are all of one width."""
    patch.setattr(summary, "_columns", lambda width, positions, show: [width // (3 + show)] * (3 + show))


@mutant("what_is_registered_*")
def nothing_is_registered(patch):
    """Only what is given by hand is known."""
    patch.setattr(lookup, "known", lambda given=None: dict(given or {}))


@mutant("a_model_is_cloned_*")
def a_configuration_has_no_names(patch):
    """Layers that are made anew have new names."""

    def make(old):
        def nameless(self):
            config = old(self)
            for layer in config["layers"]:
                layer["config"].pop("name")
            return config

        return nameless

    wrap(patch, Sequential, "get_config", make)


@mutant("losses_are_written_in_ops")
def an_op_is_another(patch):
    """ops.square gives a little more."""
    wrap(patch, kibitz.ops, "square", lambda old: lambda x: larger(old(x)))


@mutant("classes_are_known_by_*")
def a_name_of_a_function_means_another_class(patch):
    """initializers.ones are zeros."""
    patch.setattr(kibitz.initializers, "ones", kibitz.initializers.zeros)


@mutant("a_layer_adds_to_the_loss")
def added_losses_are_lost(patch):
    """add_loss does nothing."""
    patch.setattr(Layer, "add_loss", nothing)
