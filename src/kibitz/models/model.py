"""A. The model: what a user calls. Each method checks what it was given and hands it to the room where the work is."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from flax import nnx

from kibitz.callbacks.history import History
from kibitz.errors import Unsupported, WrongType
from kibitz.models.arguments import check_flags, whole
from kibitz.models.borrowed import Borrowed
from kibitz.models.by_batch import ByBatch
from kibitz.models.compile_config import read, written
from kibitz.models.core import Core
from kibitz.models.durable_arguments import durable_arguments
from kibitz.models.flags import Flags
from kibitz.models.freezable import Freezable
from kibitz.models.instead import refuse
from kibitz.models.looking_back import LookingBack
from kibitz.models.measured import Measured
from kibitz.models.objective import Objective
from kibitz.models.outlined import Outlined
from kibitz.models.refreezing import check_compilable
from kibitz.models.reported import Reported
from kibitz.models.running import FitArguments, run_evaluate, run_fit, run_predict
from kibitz.models.saving import load_weights, save_model, save_weights
from kibitz.models.spelling import spelled
from kibitz.models.summary import summary
from kibitz.models.weighted import Weighted, find_layer
from kibitz.naming import auto_name
from kibitz.optimizers.registry import get as get_optimizer


class Model(Weighted, ByBatch, Measured, Flags, Freezable, Reported, Outlined, Borrowed, LookingBack):
    """Train, evaluate and use a Flax NNX module with `compile`, `fit`, `evaluate` and `predict`.

    Take `Sequential` for a stack of layers; take this for a module of your own. The module stays yours: it is brought
    up to date before every hook at the ends of epochs, at the end of a run, and whenever it is reached as
    `model.module`.

    Args:
        module: An instance of an `nnx.Module`, called with the inputs. If its `__call__` takes `training`, `train` or
            `deterministic`, it is told; its `train()` and `eval()` modes are set as well.
        name: The model's name. None makes one.

    Raises:
        Unsupported: For Keras's functional form (`inputs=`, `outputs=`) and for subclasses without a module.
        WrongType: If `module` is not an instance of an NNX module.

    Example:
        >>> import kibitz, numpy as np
        >>> from flax import nnx
        >>> model = kibitz.Model(nnx.Linear(2, 1, rngs=nnx.Rngs(0)))
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=0)
        >>> len(history.history["loss"])
        3

    Source: https://keras.io/api/models/model/
    """

    def __init__(self, module: Any = None, *args: Any, name: str | None = None, **kwargs: Any):
        if args or kwargs or not isinstance(module, nnx.Module):
            refuse(type(self), Model, module, args, kwargs)
        self._setup(name)
        self._module = module
        self.core.build(module)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def _setup(self, name: str | None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self.core = Core(self)
        self.history: History | None = None
        self.losses: list[Any] = []
        self.loss: Any = None
        self.steps_per_execution = 1
        self.run_eagerly, self.jit_compile = False, True

    # -- compile -----------------------------------------------------------------------------------------------------

    @spelled
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say what the model is trained with: an optimizer, a loss, metrics.

        Which layers are trainable is read here; compile again after changing it, or `refreeze()` to keep what the
        optimizer has learned of the gradients. In a hook of a fit that goes on, only `refreeze()` will do.

        Args:
            optimizer: A name, a Kibitz optimizer or any Optax transformation.
            loss: A name, a `Loss`, a function of (y_true, y_pred), or a dict or list of these, one for each output.
                None keeps that of the last compile; if there is none, `compute_loss` of your own, or the layers'
                penalties, are the loss.
            loss_weights: A factor for each output's loss. None means 1.
            metrics: Names, `Metric`s or functions; a dict or a list of lists for several outputs. None for both kinds
                of metrics keeps those of the last compile, if there was one; [] means none.
            weighted_metrics: The same, but weighted by sample and class weights.
            run_eagerly: Run every step operation by operation, for a debugger.
            steps_per_execution: The most steps that the engine may run at once; hooks fire for every batch anyway.
            jit_compile: False runs operation by operation as well; "auto" and True compile.
            auto_scale_loss: Nothing to do: scaling is for "mixed_float16", which is refused.

        Raises:
            UnknownName: If a string names no optimizer, loss or metric.
            WrongType: If something is of the wrong kind.
            Unbalanced: In the midst of a fit; once its last step is done, in `on_epoch_end` and later, it is allowed.

        Unlike Keras: the state of an optimizer that was in use is made anew, also without being told.

        Source: https://keras.io/api/models/model_training_apis/#compile-method
        """
        check_compilable(self.core)
        check_flags(run_eagerly, jit_compile, auto_scale_loss)
        self.steps_per_execution = whole("steps_per_execution", steps_per_execution) or 1
        objective = Objective(self, loss, loss_weights, metrics, weighted_metrics, former=self.core.objective)
        made = get_optimizer(optimizer)
        self.run_eagerly, self.jit_compile = run_eagerly, jit_compile is not False and not run_eagerly
        self._compile_config = {
            "optimizer": made, "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution, "jit_compile": jit_compile,
        }  # fmt: skip
        self.loss, self.stop_training = objective.given["loss"], False
        self.core.compile(made, objective, eager=not self.jit_compile)

    def get_config(self) -> dict[str, Any]:
        """Not here: a module of one's own is code, and a configuration holds none.

        Raises:
            Unsupported: Always; a `Sequential` has one.
        """
        raise Unsupported(
            "A model of a module of your own cannot be written down: its class is code.",
            given=self._module,
            wanted="a Sequential",
            cure='model.save_weights("model.weights.h5"), and later model.load_weights(...) on a model made anew',
        )

    def get_compile_config(self) -> dict[str, Any] | None:
        """What compile was given, as plain data; None before compile."""
        return written(self._compile_config) if self.compiled else None

    def compile_from_config(self, config: dict[str, Any], *, custom_objects: dict[str, Any] | None = None) -> None:
        """Compile with what `get_compile_config` gave.

        Args:
            config: Plain data.
            custom_objects: Classes and functions of your own, by name. None means none.
        """
        self.compile(**read(config, custom_objects))

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self.core.objective is not None

    @property
    def optimizer(self) -> Any:
        """The optimizer; None before compile."""
        return self.core.optimizer

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002 - for those who override it
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,  # noqa: ARG002 - for those who override it
    ) -> Any:
        """The loss of a batch, as a scalar; override it for a loss of your own.

        It is traced into the compiled step, so use `jax.numpy` in it. `self.losses` has the layers' penalties.

        Args:
            x: The inputs.
            y: The targets; None if there are none.
            y_pred: The outputs.
            sample_weight: The weights; None if there are none.
            training: Whether the batch is trained on.

        Source: https://keras.io/api/models/model_training_apis/
        """
        if self.core.objective is None:
            self.core.ready("compute a loss")
        return self.core.objective.total(y, y_pred, sample_weight, self.losses)  # pyright: ignore[reportOptionalMemberAccess] - ready has raised

    default_compute_loss = compute_loss

    def loss_of_batch(self, x: Any, y: Any, y_pred: Any, weight: Any, *, training: bool, penalties: list[Any]) -> Any:
        """What the compiled step calls: `compute_loss`, with the penalties of the batch in `self.losses`."""
        self.losses = penalties
        try:
            if "training" in inspect.signature(self.compute_loss).parameters:
                loss = self.compute_loss(x, y, y_pred, weight, training=training)
            else:
                loss = self.compute_loss(x, y, y_pred, weight)
        finally:
            self.losses = []
        if loss is None or np.ndim(loss) != 0:
            raise WrongType(
                "compute_loss gives the loss of a batch as one number.", given=loss, wanted="a scalar",
                cure="return jax.numpy.mean(values)",
            )  # fmt: skip
        return loss

    # -- fit, evaluate, predict --------------------------------------------------------------------------------------

    @spelled
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        *,
        run: Any = None,
        commit: str = "auto",
        resume: str = "auto",
        keep: Any = 10,
        store: str = "auto",
    ) -> History:
        """Train the model, with callbacks looking on.

        Ctrl-C ends it after the batch that is under way: hooks are not cut through, all is closed, the model is that of
        this batch, and KeyboardInterrupt reaches the caller. Pressed again it raises at once, wherever that is.

        Args:
            x: Inputs: an array, a dict, list or tuple of arrays, or a generator of batches.
            y: Targets of the same length. None with a generator.
            batch_size: Rows in a batch; the last one may be shorter. None means 32.
            epochs: The number that the last epoch's number stays below: with `initial_epoch=3`, `epochs=5` trains two.
            verbose: 0 prints nothing, 1 a bar, 2 a line an epoch; "auto" means 1.
            callbacks: Callbacks in the order in which they are called. None means none.
            validation_split: The share of the rows, from the end, that is not trained on but validated with.
            validation_data: (x, y), (x, y, sample_weight) or a generator, or several of these by name: with
                {"clean": ..., "noisy": ...} the numbers are val_clean_loss and so on. None means none.
            shuffle: Whether rows are trained on in a new order in each epoch.
            class_weight: A weight for each class, by its number. None means 1 for all.
            sample_weight: A weight for each row. None means 1 for all.
            initial_epoch: The number of the first epoch.
            steps_per_epoch: Batches in an epoch; the next epoch goes on where it stopped. None means all the data.
            validation_steps: The most batches of one validation. None means all.
            validation_batch_size: Rows in a batch of validation. None means as in training.
            validation_freq: After every how many epochs, or after which (from 1), validation is due; or a cadence such
                as "500 steps" or "10 min", within epochs too.
            run: A folder that makes the run durable: the same program, started again, goes on from the last commit.
                None means that it is not; docs/durable-runs.md tells all of it, and of the next four.
            commit: "500 steps", "1 epoch", "2 min", or "auto": as often as costs less than 1 % of the time.
            resume: "auto" refuses to go on with something else; "force" does; "weights" begins anew with the weights.
            keep: How many commits stay, or how much room they have, such as "1 GB".
            store: "file", "orbax", or "auto": one file, but Orbax where the state is sharded or more than 256 MB.

        Returns:
            The `History`: its `history` has a list of numbers for each key of the epochs' logs.

        Raises:
            KibitzError: Before the first step, for everything that can be known to be wrong before it.

        Source: https://keras.io/api/models/model_training_apis/#fit-method
        """
        given = FitArguments(
            x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle, class_weight,
            sample_weight, initial_epoch, steps_per_epoch, validation_steps, validation_batch_size, validation_freq,
            durable_arguments(run, commit, resume, keep, store),
        )  # fmt: skip
        return run_fit(self.core, given)

    @spelled
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Measure the model: the loss and the metrics over all rows.

        Args:
            x: Inputs, as in `fit`.
            y: Targets.
            batch_size: Rows in a batch. None means 32.
            verbose: As in `fit`.
            sample_weight: A weight for each row. None means 1 for all.
            steps: The most batches. None means all.
            callbacks: Callbacks; their test hooks are called.
            return_dict: Whether to give a dict by name in place of a list.

        Returns:
            The loss alone, a list in the order of `metrics_names`, or a dict.

        Raises:
            KibitzError: Before the first batch, for everything that can be known to be wrong before it.

        Source: https://keras.io/api/models/model_training_apis/#evaluate-method
        """
        return run_evaluate(self.core, x, y, batch_size, verbose, sample_weight, steps, callbacks, return_dict)

    @spelled
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Run the model on inputs, batch by batch.

        Args:
            x: Inputs, as in `fit`; no rows give an output of no rows.
            batch_size: Rows in a batch. None means 32.
            verbose: As in `fit`.
            steps: The most batches. None means all.
            callbacks: Callbacks; their predict hooks are called.

        Returns:
            The outputs as NumPy arrays, in the structure that the model gives.

        Raises:
            KibitzError: Before the first batch, for everything that can be known to be wrong before it.

        Source: https://keras.io/api/models/model_training_apis/#predict-method
        """
        return run_predict(self.core, x, batch_size, verbose, steps, callbacks)

    # -- the module and its layers -----------------------------------------------------------------------------------

    @property
    def module(self) -> nnx.Module:
        """The NNX module, brought up to date; what is written into its variables is taken over at the next step."""
        self.core.timeline.pull()
        return self.core.timeline.forward.module

    @property
    def built(self) -> bool:
        """Whether the model has weights."""
        return self.core.built

    def build(self, input_shape: Any = None) -> None:
        """Nothing to do here: a module that is given to `Model` has its weights."""

    def build_for(self, x: Any, called: str = "x") -> None:
        """Make the weights for inputs like these, if there are none yet; `called` is what the user calls them."""

    @property
    def layers(self) -> list[Any]:
        """The parts of the module, in the order in which they were made."""
        module = self.core.timeline.forward.module
        return [value for value in vars(module).values() if isinstance(value, nnx.Module)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """One layer, by its name or by its position.

        Args:
            name: The layer's name. None means that `index` says which.
            index: Its position in `layers`. None means that `name` says which.

        Raises:
            UnknownName: If there is no such layer.
            InvalidArgument: If both are given, or neither.
        """
        return find_layer(self.layers, name, index)

    # -- files and summaries: models/saving.py and models/summary.py document the arguments --------------------------

    save, save_weights, load_weights, summary = save_model, save_weights, load_weights, summary
