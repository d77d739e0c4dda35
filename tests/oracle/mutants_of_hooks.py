"""Mutants of the hooks: which are called, in which order, with what, and what becomes of their errors."""

from __future__ import annotations

from kibitz import callbacks
from kibitz.callbacks import dispatch
from kibitz.callbacks.dispatch import Dispatch
from kibitz.logs import Logs
from tests.oracle.mutant import fire, mutant, nothing, skipping, wrap


@mutant("fit_calls_the_hooks_in_order_*", "a_generator_validates_for_its_steps")
def validation_is_silent(patch):
    """The test hooks of validation inside fit are not fired."""

    def make(old):
        return lambda self, hook, *args: None if "test" in hook and self.run.kind == "train" else old(self, hook, *args)

    fire(patch, make)


@mutant("evaluate_calls_the_test_hooks_alone", "callbacks_may_be_one_a_list_*", "one_instance_serves_fit_*")
def evaluate_begins_in_silence(patch):
    """on_test_begin is not fired."""
    fire(patch, skipping("on_test_begin"))


@mutant("predict_calls_the_predict_hooks_alone", "several_outputs_come_back_by_name")
def a_batch_of_predict_ends_in_silence(patch):
    """on_predict_batch_end is not fired."""
    fire(patch, skipping("on_predict_batch_end"))


@mutant("a_fit_of_no_epoch_*", "a_callback_list_with_its_model_*", "compile_and_building_fire_nothing")
def training_ends_in_silence(patch):
    """on_train_end is not fired."""
    fire(patch, skipping("on_train_end"))


@mutant("a_callback_keeps_its_attributes_*", "a_progress_bar_of_ones_own_*")
def each_epoch_ends_twice(patch):
    """on_epoch_end is fired twice."""

    def make(old):
        def twice(self, hook, *args):
            old(self, hook, *args)
            if hook == "on_epoch_end":
                old(self, hook, *args)

        return twice

    fire(patch, make)


@mutant("validation_freq_counts_the_index_*", "validation_at_listed_epochs_*")
def epochs_count_from_one(patch):
    """Epoch hooks get the next epoch's number."""

    def make(old):
        def shifted(self, hook, *args):
            old(self, hook, *((args[0] + 1, *args[1:]) if "epoch" in hook else args))

        return shifted

    fire(patch, make)


@mutant("an_error_in_the_data_*", "the_old_batch_names_*")
def batches_count_from_one(patch):
    """Batch hooks get the next batch's number."""

    def make(old):
        def shifted(self, hook, *args):
            old(self, hook, *((args[0] + 1, *args[1:]) if "batch" in hook else args))

        return shifted

    fire(patch, make)


@mutant("beginnings_have_empty_logs_*")
def beginnings_have_no_logs(patch):
    """Begin hooks get None."""

    def make(old):
        return lambda self, hook, *args: old(self, hook, *args[:-1], None if hook.endswith("begin") else args[-1])

    fire(patch, make)


@mutant("batch_hooks_get_their_logs_by_keyword_*", "fit_calls_the_hooks_in_order_*")
def batch_logs_go_by_position(patch):
    """Batch hooks get their logs as a second argument."""

    def by_position(method):
        def call(batch, logs):
            method(batch, logs)

        return call

    patch.setattr(dispatch, "_batch", by_position)
    patch.setattr(dispatch, "_check_signature", nothing)  # it would see the wrong signature before the first batch


@mutant("the_old_batch_names_*")
def old_names_are_forgotten(patch):
    """on_batch_begin and on_batch_end are not called."""
    patch.setattr(dispatch, "ALIASES", {})


@mutant("callbacks_of_one_hook_*", "history_stands_after_*")
def callbacks_run_backwards(patch):
    """The last callback of the list comes first."""
    wrap(patch, Dispatch, "__init__", lambda old: lambda self, given, run=None: old(self, list(given)[::-1], run))


@mutant("one_dict_of_logs_*", "what_one_callback_writes_over_*")
def every_callback_has_logs_of_its_own(patch):
    """A key that one callback adds is not seen by the next."""
    wrap(
        patch, Dispatch, "_listeners",
        lambda old: lambda self, hook: [
            (name, lambda *args, method=method: method(*args[:-1], Logs(args[-1]) if args[-1:] else None))
            for name, method in old(self, hook)
        ],
    )  # fmt: skip


@mutant("one_dict_of_logs_*")
def what_is_added_at_a_batch_stays(patch):
    """The logs of a batch are the same dict as the one before."""
    kept = Logs()

    def make(old):
        def sticky(self, hook, *args):
            if hook == "on_train_batch_end":
                kept.update(args[1])
                args = (args[0], kept)
            old(self, hook, *args)

        return sticky

    fire(patch, make)


@mutant("what_a_hook_does_to_its_logs_*")
def a_batch_shares_its_logs_with_the_epoch(patch):
    """What a hook does to a batch's logs is done to the epoch's."""
    patch.setattr("kibitz.loops.epoch.Logs", lambda values=(), batch=None: values or Logs(values))


@mutant("params_tell_how_*")
def params_lack_the_steps(patch):
    """params has no "steps"."""

    def make(old):
        def lacking(self, model, params):
            old(self, model, {key: value for key, value in (params or {}).items() if key != "steps"})

        return lacking

    wrap(patch, Dispatch, "attach", make)


@mutant("the_model_is_set_before_*")
def the_model_comes_after_the_params(patch):
    """set_params is called before set_model."""

    def make(old):
        def swapped(self, model, params):
            for callback in self.callbacks:
                callback.set_params(params)
            old(self, model, params)

        return swapped

    wrap(patch, Dispatch, "attach", make)


@mutant("a_callback_that_forgets_*", "a_callback_without_hooks_*")
def callbacks_have_no_model(patch):
    """set_model is not called."""

    def make(old):
        def without(self, model, params):
            old(self, None, params)

        return without

    wrap(patch, Dispatch, "attach", make)


@mutant("any_object_with_the_hooks_*")
def only_our_own_are_callbacks(patch):
    """Objects of other classes are left out."""

    def make(old):
        def only(self, given, run=None):
            old(self, [each for each in given if isinstance(each, callbacks.Callback)], run)

        return only

    wrap(patch, Dispatch, "__init__", make)


@mutant("the_same_instance_twice_*")
def each_callback_once(patch):
    """A callback that stands twice in the list is called once."""
    wrap(patch, Dispatch, "__init__", _once)


@mutant("error_in_*", "a_model_trains_on_*")
def errors_of_callbacks_are_swallowed(patch):
    """An exception in a hook ends the hook, and nothing else."""

    def make(old):
        def swallowing(self, hook, *args):
            try:
                old(self, hook, *args)
            except BaseException:
                return

        return swallowing

    fire(patch, make)


@mutant("error_in_on_epoch_end", "ctrl_c_*")
def after_an_error_all_is_closed_as_usual(patch):
    """on_train_end, on_test_end or on_predict_end is fired after an exception too."""

    def make(old):
        def closing(self, hook, *args):
            try:
                old(self, hook, *args)
            except BaseException:
                old(self, f"on_{self.run.kind}_end", {})
                raise

        return closing

    fire(patch, make)


@mutant("ctrl_c_*")
def errors_have_another_type(patch):
    """What a callback raises comes out as a RuntimeError."""

    def make(old):
        def changing(self, hook, *args):
            try:
                old(self, hook, *args)
            except BaseException as error:
                raise RuntimeError("wrapped") from error

        return changing

    fire(patch, make)


def _once(old):
    def once(self, given, run=None):
        old(self, dict.fromkeys(given), run)

    return once


@mutant("hooks_that_are_set_when_*")
def who_overrides_what_is_asked_once(patch):
    """A hook that a callback sets in another hook is never heard."""
    patch.setattr(Dispatch, "_attributes", lambda self: [])
