"""A model, or its weights, from a folder of steps that `OrbaxCheckpoint` wrote, here or in Keras."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from kibitz.checkpoint.orbax_steps import flat, latest, read_step
from kibitz.errors import InvalidArgument, ShapeMismatch, Unsupported, UnusableFile, code
from kibitz.models.state_tree import OPTIMIZER, TRAINABLE, differences, variables_of

RANDOM_STATE = {"seed_generator", "seed_generator_state", "stream"}
"""Parts of a path that are random state and no weight, in Keras and here."""


def model_from_steps(path: Any, made: Callable[[dict[str, Any]], Any]) -> Any:
    """The model of the latest step, its weights and its optimizer as they were.

    Args:
        path: The folder.
        made: Makes a model of its configuration.

    Raises:
        InvalidArgument: If it has no configuration.
        UnusableFile: If it is damaged, or was saved by Keras.
    """
    folder = latest(path)
    tree, document = read_step(folder)
    cure = f"build and compile the model as it was, then model.load_weights({str(path)!r})"
    if document is None:
        raise UnusableFile(
            "This checkpoint was saved by Keras, and what rebuilds the model there means nothing here.",
            given=str(folder),
            wanted="a checkpoint that was saved in Kibitz",
            cure=cure,
        )
    config = document.get("config")
    if not isinstance(config, dict):
        raise InvalidArgument(
            "Checkpoint does not contain model configuration.",
            given=str(folder),
            wanted="a checkpoint of a Sequential, saved with save_weights_only=False",
            cure=cure,
        )
    model = made(config)
    put(model, tree, folder)
    return model


def weights_from_steps(model: Any, path: Any, *, skip_mismatch: bool = False, skip: Any = None) -> None:
    """Put the weights of a step, and what it has of the optimizer, into a model of the same layers.

    Args:
        model: A model that has weights.
        path: The folder of a step, or a folder of steps, of which the latest is taken.
        skip_mismatch: Whether to leave out, with a warning, what does not fit.
        skip: None: layers are left as they are only by `skip_mismatch`.

    Raises:
        Unsupported: If layers are to be skipped by name.
        ShapeMismatch: If it is of another model.
        UnusableFile: If it is damaged, or there is no step.
    """
    if skip is not None:
        raise Unsupported(
            "A checkpoint of Orbax is loaded whole.",
            given=code("objects_to_skip"),
            wanted="a .weights.h5 file, of which layers can be left out",
            cure="model.save_weights(...), then load_weights(..., objects_to_skip=...)",
        )
    folder = latest(path)
    put(model, read_step(folder)[0], folder, skip_mismatch=skip_mismatch)


def put(model: Any, tree: Mapping[str, Any], folder: Any, *, skip_mismatch: bool = False) -> None:
    """Put a step's arrays into a model, all or none, whatever model and optimizer were called when it was saved."""
    now, saved = model.get_state_tree(), variables_of(tree)
    there_are = variables_of(now)
    old, new = _renaming(model, saved, there_are)
    given = {new + path.removeprefix(old): value for path, value in saved.items()}
    given = {path: value for path, value in given.items() if path in there_are or not _random(path)}
    odd = differences(given, there_are)
    odd += [f"{path} is not in it" for path in there_are if path not in given and not _random(path)]
    if odd and not skip_mismatch:
        raise ShapeMismatch(
            f"The weights in this checkpoint are those of another model: {'; '.join(odd[:6])}.",
            given=str(folder),
            wanted="the weights of the same layers",
            cure="build and compile the model as it was saved, or load_weights(..., skip_mismatch=True) for what fits",
        )
    if odd:
        warnings.warn(f"Some weights were not loaded: {'; '.join(odd[:6])}.", stacklevel=5)
        given = {path: value for path, value in given.items() if not differences({path: value}, there_are)}
    moved = _optimizer(model, flat(tree.get(OPTIMIZER, {})), flat(now[OPTIMIZER]), old, new)
    model.set_state_tree({TRAINABLE: given, OPTIMIZER: moved})


def _renaming(model: Any, saved: Mapping[str, Any], there_are: Mapping[str, Any]) -> tuple[str, str]:
    """What paths begin with in the step, and what with here: a model's own name, or nothing."""
    wanted = {path for path in there_are if not _random(path)}
    paths = [path for path in saved if not _random(path)]
    own = f"{model.name}/"
    begins = ["", *dict.fromkeys(f"{path.split('/')[0]}/" for path in paths)]
    for old, new in ((old, new) for old in begins for new in ("", own)):
        if {new + path.removeprefix(old) for path in paths} == wanted:
            return old, new
    return "", ""


def _optimizer(
    model: Any, saved: dict[str, Any], there_are: dict[str, Any], old: str, new: str
) -> dict[str, Any]:  # fmt: skip
    """The optimizer's variables by the paths that they have here; none if it is another optimizer."""
    if model.optimizer is None or not saved:
        return {}
    begins, begin = old.replace("/", "_"), new.replace("/", "_")
    given = {}
    for path, value in saved.items():
        name = path.partition("/")[2]  # it holds the path of the weight that it belongs to
        here = f"{model.optimizer.name}/{name}"
        given[here if here in there_are else f"{model.optimizer.name}/{begin}{name.removeprefix(begins)}"] = value
    if set(given) == set(there_are) and not differences(given, there_are):
        return given
    warnings.warn(
        f"Skipping variable loading for optimizer '{model.optimizer.name}', because it has {len(there_are)} variables "
        f"whereas the saved optimizer has {len(given)} variables.",
        stacklevel=6,
    )
    return {}


def _random(path: str) -> bool:
    return not RANDOM_STATE.isdisjoint(path.split("/"))
