"""Mutants of the data: batches, epochs, validation, weights by row and by class."""

from __future__ import annotations

import jax
import numpy as np

from kibitz.data import arrays, generators, weights
from kibitz.loops import validation
from kibitz.models import objective, prepare, running, validating
from tests.oracle.mutant import mutant, nothing, wrap


@mutant("validation_every_second_epoch_*", "validation_at_listed_epochs_*")
def validation_at_every_epoch(patch):
    """validation_freq is not looked at."""
    patch.setattr(validation.Validation, "due_at_epoch", lambda self: True)


@mutant(
    "validation_data_wins_*",
    "jax_arrays_are_data",
    "validation_has_a_batch_size_*",
    "the_training_means_are_read_*",
)
def validation_never(patch):
    """There is no validation."""
    patch.setattr(validation.Validation, "due_at_epoch", lambda self: False)


@mutant("a_split_takes_the_last_rows_*")
def a_split_takes_the_first_rows(patch):
    """validation_split validates with the first rows."""

    def make(old):
        def first(parts, share):
            kept, held = old(jax.tree.map(lambda leaf: leaf[::-1], parts), share)
            return kept, held

        return first

    wrap(patch, prepare, "split", make)


@mutant("a_split_divides_*", "jax_arrays_are_data")
def a_split_is_trained_on_too(patch):
    """All rows train, also those that validate."""
    wrap(patch, prepare, "split", lambda old: lambda parts, share: (parts, old(parts, share)[1]))


@mutant("validation_steps_bound_*", "predict_gives_the_rows_*")
def steps_of_evaluation_are_not_counted(patch):
    """steps and validation_steps are not looked at."""
    for room in (running, validating):
        wrap(patch, room, "OnePass", lambda old: lambda source, limit=None, name="steps": old(source, None, name))


@mutant(
    "batches_have_32_rows_*",
    "steps_without_a_batch_size_*",
    "targets_may_be_flat",
    "rows_may_have_any_rank",
    "several_inputs_go_by_*",
    "evaluate_reads_as_many_*",
    "steps_per_epoch_may_name_*",
)
def batches_have_sixteen_rows(patch):
    """The batch size is always 16."""
    wrap(patch, prepare, "array_source", lambda old: lambda parts, size, steps, **named: old(parts, 16, steps, **named))


@mutant("a_short_last_batch_*", "weighted_metrics_are_weighted_*")
def the_short_batch_is_dropped(patch):
    """Rows that fill no batch are left out."""

    def make(old):
        def whole(self, x, y=None, weight=None, *, batch_size, **named):
            rows = len(jax.tree.leaves(x)[0])
            kept = rows // batch_size * batch_size or rows
            old(self, *jax.tree.map(lambda leaf: leaf[:kept], (x, y, weight)), batch_size=batch_size, **named)

        return whole

    wrap(patch, arrays.ArraySource, "__init__", make)


@mutant("shuffling_shows_*")
def rows_are_never_shuffled(patch):
    """shuffle=True is not looked at."""
    shuffling(patch, always=False)


@mutant("validation_data_are_never_shuffled", "doubles_integers_*")
def rows_are_always_shuffled(patch):
    """shuffle=False is not looked at, nor that evaluation has an order."""
    shuffling(patch, always=True)


def shuffling(patch, *, always):
    def make(old):
        return lambda self, *args, shuffle=False, **named: old(self, *args, shuffle=always, **named)

    wrap(patch, arrays.ArraySource, "__init__", make)


@mutant("an_endless_generator_*", "a_finite_generator_*", "a_generator_of_exactly_*")
def a_generator_is_read_once_too_often(patch):
    """The first batch of a generator is lost."""

    def make(old):
        def late(self, given, *args, **named):
            next(given)
            old(self, given, *args, **named)

        return late

    wrap(patch, generators.GeneratorSource, "__init__", make)


@mutant("an_initial_epoch_*", "checkpoints_every_few_batches")
def the_initial_epoch_is_zero(patch):
    """initial_epoch is not looked at."""
    wrap(patch, running, "check_epochs", lambda old: lambda epochs, initial: (old(epochs, initial)[0], 0))


@mutant(
    "sample_weights_weigh_*",
    "weighted_metrics_are_*",
    "weights_may_be_given_*",
    "a_generator_may_give_*",
    "validation_weights_count_*",
    "a_split_divides_*",
    "several_outputs_may_have_weights_*",
)
def sample_weights_are_dropped(patch):
    """Weights by row weigh nothing."""
    patch.setattr(objective, "_weights", lambda outputs, weight: [None] * len(outputs))


@mutant("class_weights_*")
def class_weights_are_dropped(patch):
    """Weights by class weigh nothing."""
    for room in (prepare, generators):
        patch.setattr(room, "class_weights", lambda y, by_class: np.ones(len(y), "float32"))
    patch.setattr(weights, "class_weights", lambda y, by_class: np.ones(len(y), "float32"))


@mutant("class_and_sample_weights_*")
def both_kinds_of_weights_are_taken(patch):
    """class_weight and sample_weight together are no error."""
    for room in (prepare, running):
        patch.setattr(room, "check_both_weights", nothing, raising=False)


@mutant("arrays_of_other_lengths_*")
def lengths_are_not_compared(patch):
    """Arrays of other lengths are cut in silence."""

    def make(old):
        def cut(x, y, weight, *names):
            rows = min(len(each) for each in (x, y, weight) if each is not None)
            return old(*(None if each is None else each[:rows] for each in (x, y, weight)), *names)

        return cut

    wrap(patch, prepare, "arrays", make)
    patch.setattr(running, "arrays", prepare.arrays, raising=False)
