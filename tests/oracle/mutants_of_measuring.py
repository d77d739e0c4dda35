"""Mutants of what can be asked of metrics in hooks, and of the names of things."""

from __future__ import annotations

from kibitz.callbacks import dispatch
from kibitz.metrics.state import MetricVariable
from kibitz.models import objective, sequential
from kibitz.models.accumulated import Accumulated
from kibitz.models.measured import Measured
from kibitz.models.weighted import Weighted
from kibitz.optimizers import rate
from tests.oracle.mutant import larger, mutant, nothing, wrap


@mutant("the_metrics_tell_*")
def metrics_tell_what_the_last_run_left(patch):
    """Nobody follows the run that goes on."""
    patch.setattr(Accumulated, "move", nothing)


@mutant("metrics_reset_in_a_hook_*")
def nothing_is_reset(patch):
    """reset_metrics does nothing."""
    patch.setattr(Measured, "reset_metrics", nothing)


@mutant("a_metric_object_is_live_*")
def metric_objects_stand_still_in_a_run(patch):
    """They are told their numbers at the end alone."""
    patch.setattr(MetricVariable, "bind", nothing)


@mutant("compiling_again_keeps_*")
def compile_forgets_what_is_not_given(patch):
    """A second compile knows nothing of the first."""

    def make(old):
        def forgetful(self, *given, former=None):
            old(self, *given)

        return forgetful

    wrap(patch, objective.Objective, "__init__", make)


@mutant("variables_have_the_models_name_*")
def paths_lack_the_model(patch):
    """The model's name stands in no path."""
    patch.setattr(sequential.Sequential, "shown_path", Weighted.shown_path)


@mutant("inputs_may_come_in_a_dict_*")
def inputs_have_no_name(patch):
    """A dict of inputs is taken by its first entry, whatever its name is."""
    patch.setattr(sequential, "_alone", lambda x, name: next(iter(x.values())) if isinstance(x, dict) else x)


@mutant("a_mock_is_a_callback")
def mocks_are_told_of_the_outcome(patch):
    """What answers to a name has it."""
    patch.setattr(dispatch, "has", hasattr)


@mutant("a_learning_rate_may_be_a_function_*")
def a_rate_of_no_step_is_misread(patch):
    """What a function without arguments gives is taken for a hundredth more."""
    patch.setattr(rate.Scheduled, "at", lambda self, step: larger(self.schedule()))


@mutant("what_is_no_list_of_metrics_*")
def a_wrong_kind_is_a_type_error_alone(patch):
    """`except ValueError` does not catch it."""

    def refuse(*_):
        raise TypeError("no list")

    patch.setattr(objective, "_check_given", refuse)
