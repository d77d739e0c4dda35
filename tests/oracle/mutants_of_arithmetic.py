"""Mutants of the arithmetic: losses, metrics, optimizers, the two modes of layers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

import kibitz
from kibitz.engine.forward import Forward
from kibitz.engine.timeline import Timeline
from kibitz.layers.initializer import Initializer
from kibitz.losses.base import Loss
from kibitz.metrics.base import Metric
from kibitz.models.core import Core
from kibitz.models.model import Model
from kibitz.models.objective import Objective
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.live import LiveOptimizer
from tests.oracle.mutant import kinds, larger, mutant, nothing, wrap


@mutant(
    "train_on_batch_takes_one_step_*",
    "a_metric_is_logged_by_the_name_*",
    "loss_*",
    "losses_are_classes_*",
    "a_loss_may_be_*",
    "a_loss_robust_*",
    "sparse_labels_*",
    "crossentropy_is_*",
    "a_loss_that_is_not_a_number_stands_*",
    "sequences_of_labels_*",
)
def losses_are_too_large(patch):
    """Every loss is a hundredth too large."""
    wrap(patch, Loss, "__call__", lambda old: lambda self, *args, **named: larger(old(self, *args, **named)))


@mutant(
    "metrics_of_*",
    "a_metric_may_be_*",
    "accuracy_is_*",
    "several_outputs_have_their_names_*",
    "evaluate_gives_*",
    "compile_takes_its_*",
)
def metrics_are_too_large(patch):
    """Every metric is a hundredth too large."""
    wrap(patch, Metric, "stateless_result", lambda old: lambda self, seen: larger(old(self, seen)))


@mutant("a_metric_works_*", "scores_of_*")
def metrics_by_hand_are_too_large(patch):
    """result() is a hundredth too large."""
    for kind in kinds(Metric):
        if "result" in vars(kind):
            wrap(patch, kind, "result", lambda old: lambda self: larger(old(self)))


@mutant(
    "fifty_steps_of_*",
    "a_schedule_exponential",
    "a_schedule_staircase",
    "a_schedule_p*",
    "a_schedule_inverse_time",
    "a_schedule_cosine*",
    "an_average_of_*",
    "gradients_may_be_*",
    "another_model_*",
    "compilation_may_be_*",
    "auto_scale_*",
    "steps_per_execution_*",
    "a_deep_stack_*",
    "an_embedding_*",
    "a_convolutional_*",
)
def steps_are_too_large(patch):
    """An optimizer sees gradients a hundredth too large, plus a little."""

    def make(old):
        def further(self, grads, state=None, params=None):
            return old(self, jax.tree.map(lambda leaf: leaf * 1.01 + 1e-3, grads), state, params)

        return further

    wrap(patch, Optimizer, "apply", make)


@mutant("regularizers_*")
def penalties_are_forgotten(patch):
    """Regularizers add nothing to the loss."""
    wrap(
        patch, Objective, "total",
        lambda old: lambda self, y, y_pred, weight, penalties: old(self, y, y_pred, weight, []),
    )  # fmt: skip


@mutant("a_frozen_layer_*", "batch_norm_may_lack_*")
def frozen_layers_move(patch):
    """trainable=False is not looked at."""
    wrap(patch, Forward, "trainable", lambda old: lambda self, frozen: old(self, set()))


@mutant("dropout_changes_*", "batch_norm_has_*")
def always_as_in_training(patch):
    """Evaluation and prediction drop units and use the batch's statistics."""
    wrap(patch, Forward, "__call__", lambda old: lambda self, v, x, *, training: old(self, v, x, training=True))


@mutant("dropout_acts_*", "dropout_changes_*", "batch_norm_has_*")
def never_as_in_training(patch):
    """Training drops nothing and uses the moving statistics."""
    wrap(patch, Forward, "__call__", lambda old: lambda self, v, x, *, training: old(self, v, x, training=False))


@mutant(
    "predict_on_batch_gives_*",
    "a_model_is_a_function_*",
    "convolutions_and_pools_*",
    "layers_are_found_*",
    "layer_norm_*",
    "a_model_without_an_input_*",
    "evaluate_needs_*",
    "a_model_must_be_compiled_*",
    "weights_are_one_file_*",
)
def outputs_are_too_large(patch):
    """The model's outputs are a hundredth too large."""

    def make(old):
        def more(self, variables, x, *, training):
            y_pred, after, penalties = old(self, variables, x, training=training)
            return larger(y_pred), after, penalties

        return more

    wrap(patch, Forward, "__call__", make)


@mutant("a_model_may_compute_*", "an_error_in_a_loss_*")
def losses_of_ones_own_are_not_asked(patch):
    """compute_loss of a subclass is left aside."""
    patch.setattr(
        Model, "loss_of_batch",
        lambda self, x, y, y_pred, weight, *, training, penalties: jnp.mean((y_pred - y) ** 2),
    )  # fmt: skip


@mutant("a_name_that_is_not_there_*", "an_optimizer_goes_by_name_*", "compile_without_arguments_*")
def any_optimizer_is_sgd(patch):
    """A name of an optimizer, whatever it is, means SGD."""
    kind = kibitz.optimizers.SGD
    patch.setattr("kibitz.models.model.get_optimizer", lambda given: kind() if isinstance(given, str) else given)


@mutant("an_optimizer_tells_*")
def an_optimizer_forgets_its_settings(patch):
    """get_config says the defaults."""
    wrap(patch, Optimizer, "get_config", lambda old: lambda self: {**old(self), "beta_1": 0.9})


@mutant("a_learning_rate_by_schedule_*")
def a_schedule_is_overwritten(patch):
    """A learning rate by schedule can be set."""
    patch.setattr(LiveOptimizer, "_set_rate", nothing)


@mutant("compiling_again_starts_*")
def old_momentum_is_kept(patch):
    """compile does not make the optimizer's state anew."""
    wrap(
        patch, Timeline, "install",
        lambda old: lambda self, optimizer, frozen: None if self.base.optimizer else old(self, optimizer, frozen),
    )  # fmt: skip


@mutant("a_model_may_run_eagerly")
def nothing_is_eager(patch):
    """run_eagerly is not looked at."""
    wrap(patch, Core, "compile", lambda old: lambda self, *args, eager: old(self, *args, eager=False))


@mutant("test_on_batch_*", "the_on_batch_methods_*")
def measuring_a_batch_trains_on_it(patch):
    """test_on_batch takes a step."""
    wrap(
        patch, Model, "test_on_batch",
        lambda old: lambda self, *args, **named: self.train_on_batch(*args, **named),
    )  # fmt: skip


@mutant("initializers_*")
def what_is_drawn_is_twice_as_large(patch):
    """Initializers give twice what they should."""
    for kind in kinds(Initializer):
        if "__call__" in vars(kind):
            wrap(patch, kind, "__call__", lambda old: lambda self, *args, **named: 2 * old(self, *args, **named))


@mutant("a_seed_repeats_*")
def seeds_are_not_taken(patch):
    """set_random_seed does nothing."""
    patch.setattr(kibitz.utils, "set_random_seed", nothing)


@mutant("classes_become_*")
def the_first_class_is_one(patch):
    """to_categorical is one off."""
    wrap(patch, kibitz.utils, "to_categorical", lambda old: lambda x, num_classes=None: old(x, num_classes)[:, ::-1])
