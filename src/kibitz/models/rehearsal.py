"""A step on shapes alone: what data, model and losses disagree about comes out here, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from kibitz.data.source import Batch
from kibitz.errors import InvalidArgument, KibitzError, ShapeMismatch, UnknownKey, WrongType, code, nearest_name
from kibitz.losses.labels import check_labels
from kibitz.models.called import GIVEN, Called
from kibitz.models.objective import require_target


def rehearse(
    core: Any, batch: Batch, *, training: bool, called: Called = GIVEN, whole: Batch | None = None
) -> list[str]:
    """Run a step on shapes alone; the names that the logs will have.

    Args:
        core: The parts of the model.
        batch: A batch like those that will come.
        training: Whether it is a step of training.
        called: What the user calls the parts of the batch.
        whole: All the data, where they are at hand; the targets are looked at there. None means that the batch is all.

    Raises:
        KibitzError: If the model cannot take the inputs, or a loss cannot take its outputs and the targets.
    """
    programs, objective = core.ready("fit" if training else "evaluate")
    y_pred = outputs_of(core, batch.x, called)
    specs = jax.tree.map(_spec, batch[:3])
    objective.settle(specs[1], y_pred, called)
    check_targets(core, batch if whole is None else whole, y_pred, called)
    if training:
        _require_loss(core, batch)
    core.timeline.refresh()
    state, metrics = core.timeline.here, objective.accumulators()
    try:
        if training:
            return programs.rehearse_train(state.with_(metrics=metrics, graph={}), (*specs, None))
        return programs.rehearse_test(
            state.variables(), metrics, (*specs, _count() if _ragged(batch, whole) and programs.pads("test") else None)
        )
    except KibitzError:
        raise
    except (TypeError, ValueError) as error:
        raise ShapeMismatch(
            f"Targets and outputs do not fit together: {_first_line(error)}",
            given=code(f"{called.y}: {_shown(batch.y)}, outputs: {_shown(y_pred)}"),
            wanted="targets of the shape that the loss compares with the outputs",
            cure="look at the last layer's size, and at the loss",
        ) from error


def rehearse_hooks(core: Any, programs: Any, batch: Batch) -> list[str]:
    """Run a step with graph hooks on shapes alone; the names that the logs will have.

    The step without them has been rehearsed: what is raised now is of the hooks, and is left as it is.

    Args:
        core: The parts of the model.
        programs: The programs with the hooks.
        batch: A batch like those that will come.
    """
    state = core.timeline.here.with_(metrics=core.objective.accumulators())
    return sorted(programs.rehearse_train(state, (*jax.tree.map(_spec, batch[:3]), None)))


def rehearse_prediction(core: Any, batch: Batch, whole: Batch | None) -> Any:
    """Run a prediction on shapes alone; the programs that will run it.

    Args:
        core: The parts of the model.
        batch: A batch like those that will come.
        whole: All the data, where they are at hand. None means that batches come one by one.

    Raises:
        KibitzError: If the model cannot take the inputs.
    """
    outputs_of(core, batch.x)
    programs = core.programs_for_use()
    count = _count() if _ragged(batch, whole) and programs.pads("predict") else None
    core.timeline.refresh()
    programs.rehearse_predict(core.timeline.here.variables(), (jax.tree.map(_spec, batch.x), None, None, count))
    return programs


def outputs_of(core: Any, x: Any, called: Called = GIVEN) -> Any:
    """The shapes that the model gives for inputs of these shapes.

    Args:
        core: The parts of the model.
        x: Inputs.
        called: What the user calls them.

    Raises:
        ShapeMismatch: If the model cannot take them.
        UnknownKey: If it asks for a part of a dict that is not there.
    """
    try:
        return core.programs_for_use().shapes(core.timeline.behind.variables(), jax.tree.map(_spec, x))
    except KibitzError:
        raise
    except KeyError as error:
        missing = error.args[0] if error.args else None
        if not isinstance(x, Mapping) or missing in x:
            raise
        raise UnknownKey(
            f"The model asks for {called.x}[{missing!r}], which is not there.",
            given=x,
            there_is=x,
            nearest=nearest_name(str(missing), x),
            cure=f"{called.x}={{{missing!r}: ...}}",
        ) from error
    except (TypeError, ValueError) as error:
        raise ShapeMismatch(
            f"The model cannot take {called.x}: {_first_line(error)}",
            given=code(f"{called.x}: {_shown(x)}"),
            wanted="inputs of the shape that the first layer was made for",
            cure=f"look at {called.x}.shape[1:], and at the first layer's input size",
        ) from error


def check_targets(core: Any, batch: Batch, y_pred: Any, called: Called = GIVEN) -> None:
    """Look at targets on the host: missing ones, labels outside the classes, widths that would be stretched in silence.

    Args:
        core: The parts of the model.
        batch: A batch, or all the data.
        y_pred: The shapes of the model's outputs.
        called: What the user calls the parts of the batch.

    Raises:
        WrongType: If there are no targets for a loss.
        ShapeMismatch: If the shape of the targets does not fit the output.
        BadData: If a label cannot be.
    """
    objective = core.objective
    if objective is None or objective.outputs is None or core.own_loss:
        return  # a loss of one's own may mean something else by y
    outputs = objective.outputs.of(y_pred)
    targets = objective.outputs.split(batch.y, called.y) if batch.y is not None else [None] * len(outputs)
    for term in objective.terms:
        target = targets[term.output]
        require_target(target, objective.outputs, term.output, batch.y, called)
        name = f"{called.y}[{term.name!r}]" if objective.outputs.names else called.y
        check_labels(term.loss, np.asarray(target), outputs[term.output].shape, name=name, first_row=called.row)


def require_separate(core: Any, batch: Batch, called: Called) -> None:
    """Refuse inputs and targets that were given as one: `fit((x, y))` is a model of two inputs without targets.

    Args:
        core: The parts of the model.
        batch: A batch, or all the data.
        called: What the user calls the parts of the batch.

    Raises:
        WrongType: If a loss needs targets, there are none, and x is several things.
    """
    if batch.y is None and core.needs_targets and isinstance(batch.x, list | tuple) and len(batch.x) in {2, 3}:
        raise WrongType(
            f"{called.x} is {len(batch.x)} arrays, and there are no targets.",
            given=batch.x,
            wanted="inputs and targets apart",
            cure=called.cure,
        )


def _require_loss(core: Any, batch: Batch) -> None:
    if core.objective.terms or core.own_loss:
        return
    forward, variables = core.timeline.forward, core.timeline.behind.variables()
    inputs = jax.tree.map(_spec, batch.x)
    if jax.eval_shape(lambda v, given: forward(v, given, training=True)[2], variables, inputs):
        return  # what regularizers add is a loss too
    raise InvalidArgument(
        "There is no loss, so nothing would be learned.",
        given=code("compile(loss=None)"),
        wanted="a loss, a compute_loss of your own, or a layer with a regularizer",
        cure='compile(loss="mse")',
    )


def _ragged(batch: Batch, whole: Batch | None) -> bool:
    """Whether the last batch is shorter than the others."""
    return whole is not None and len(jax.tree.leaves(whole.x)[0]) % len(jax.tree.leaves(batch.x)[0]) != 0


def _count() -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((), np.int32)


def _spec(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(leaf), jax.dtypes.canonicalize_dtype(leaf.dtype))


def _shown(tree: Any) -> str:
    def one(leaf: Any) -> str:
        return f"{leaf.dtype}[{', '.join(map(str, leaf.shape))}]"

    if isinstance(tree, Mapping):
        return "{" + ", ".join(f"{key!r}: {one(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list | tuple):
        return "(" + ", ".join(one(value) for value in tree) + ")"
    return "None" if tree is None else one(tree)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") + "."
