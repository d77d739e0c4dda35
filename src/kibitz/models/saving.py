"""A model in a file and back: `.keras` for all of it, `.weights.h5` for its weights and its optimizer."""

from __future__ import annotations

import importlib.metadata
import io
import os
import warnings
from typing import Any

from kibitz.checkpoint.archive import read_archive, read_archived_weights, write_archive
from kibitz.checkpoint.files import exists, local, reading, replacing
from kibitz.checkpoint.orbax_steps import has_steps
from kibitz.checkpoint.weights_file import Contents, read_weights, write_weights
from kibitz.errors import (
    InvalidArgument,
    KibitzError,
    NotReady,
    ShapeMismatch,
    UnknownName,
    Unsupported,
    UnusableFile,
    code,
)
from kibitz.models.from_steps import model_from_steps, weights_from_steps
from kibitz.models.places import OPTIMIZER, optimizer_group, places, put
from kibitz.registered import FAULTS, allowing, known

RANDOM_STATE = "seed_generator"
"""A part of some layers in files of Keras; no weight, here and there."""

FOR_METRICS = 2**26
"""Bytes that the metrics of a model in a file may take; a file says nothing of their numbers."""


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Save a whole model in one `.keras` file: its configuration, its weights and its optimizer.

    The file is written beside the old one and takes its place whole, so whatever fails, one good file is there.

    Args:
        model: A `Sequential`. A model of a module of your own has no configuration: keep its code, and `save_weights`.
        filepath: A path that ends in ".keras"; missing folders are made.
        overwrite: Whether a file that is there may be replaced.
        zipped: True, or None, which means True: one file.
        kwargs: Nothing: what Keras 2 took here is refused.

    Raises:
        InvalidArgument: For another ending, or if the file is there and `overwrite=False`.
        Unsupported: For a model of a module of your own, and for `zipped=False`.
        UnusableFile: If the disk refuses; what was there before is as it was.

    Unlike Keras: with `overwrite=False` a file that is there is an error, not a question at the terminal. The file is
    Kibitz's own: Keras cannot load the model from it, though it can load the weights.

    Example:
        >>> import os, tempfile, kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(2, input_shape=(3,))])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.keras")
        ...     model.save(path)
        ...     kibitz.models.load_model(path).count_params()
        8

    Source: https://keras.io/api/models/model_saving_apis/model_saving_and_loading/
    """
    from kibitz.models.sequential import Sequential

    _nothing_else("save", kwargs)
    _check_ending(
        filepath,
        (".keras",),
        "Invalid filepath extension for saving. Please add a `.keras` extension.",
        cure='model.save("model.keras"), or model.save_weights("model.weights.h5")',
    )
    if zipped not in (None, True):
        raise Unsupported(
            "A model is saved as one file.", given=code(f"zipped={zipped!r}"), wanted="one file", cure="zipped=True"
        )
    own = [] if isinstance(model, Sequential) else [model]
    own += [layer for layer in model.layers if not hasattr(layer, "get_config")]
    if own:
        raise Unsupported(
            "A module of your own has no configuration that could be saved: its code is where it is.",
            given=own[0],
            wanted="a Sequential of layers that have a get_config",
            cure='model.save_weights("model.weights.h5"), and later model.load_weights(...) on a model made anew',
        )
    _may_write(filepath, overwrite)
    if not model.built:
        warnings.warn(
            "You are saving a model that has not yet been built. It might not contain any weights yet. "
            "Consider building the model first by calling it on some data.",
            stacklevel=2,
        )
    config = {
        "class_name": type(model).__name__,
        "config": model.get_config(),
        "compile_config": model.get_compile_config(),
    }
    groups = [each.group for each in places(model)] + optimizer_group(model) if model.built else []
    write_archive(filepath, config, write_weights(groups), _version())


def load_model(
    filepath: Any, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """Load a model that `save` wrote: the same layers, weights and optimizer.

    Nothing in the file is run: it names classes of Kibitz, or those that you give.

    Args:
        filepath: The `.keras` file, or the folder of an `OrbaxCheckpoint`, of which the latest step is taken.
        custom_objects: Classes and functions of your own that the model uses, by name. None means none.
        compile: Whether to compile the model as it was, with the optimizer's state.
        safe_mode: True. Keras's False allows code in the file, and here there is none.

    Raises:
        InvalidArgument: If there is no such file, it has another ending, or it names a class that nobody knows.
        UnusableFile: If it is damaged, or was saved by Keras.
        Unsupported: For `safe_mode=False`.

    Example:
        >>> import os, tempfile, kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
        >>> model.compile("adam", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.keras")
        ...     model.save(path)
        ...     type(kibitz.models.load_model(path).optimizer).__name__
        'Adam'

    Source: https://keras.io/api/models/model_saving_apis/model_saving_and_loading/
    """
    if safe_mode is not True:
        raise Unsupported(
            "Code in a file is never run here.", given=code(f"safe_mode={safe_mode!r}"), cure="safe_mode=True"
        )
    if has_steps(filepath):
        return model_from_steps(filepath, lambda config: made(config, custom_objects, filepath, compile=compile))
    _check_ending(
        filepath,
        (".keras",),
        f"File format not supported: filepath={filepath}.",
        cure='load_model("model.keras"); model.load_weights("model.weights.h5") for weights',
    )
    if not exists(filepath):
        raise InvalidArgument(
            f"File not found: filepath={filepath}.",
            given=filepath,
            wanted="a file that save wrote",
            cure=f"look in {local(filepath).absolute().parent}",
        )
    config, weights = read_archive(filepath)
    with allowing(len(weights) + FOR_METRICS):
        model = made(config, custom_objects, filepath, compile=compile)
    if model.built:
        wanted = [each.group for each in places(model)] + optimizer_group(model)
        contents = read_weights(io.BytesIO(weights), wanted, str(filepath))
        if contents.differs:
            raise _unlike(contents, filepath)
        put(model, contents)
    return model


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Save the weights, and the optimizer's state if the model is compiled, in a `.weights.h5` file.

    The layout is Keras's: Keras loads the file into the same layers. The file takes the old one's place whole.

    Args:
        model: Any model that has weights.
        filepath: A path that ends in ".weights.h5"; missing folders are made.
        overwrite: Whether a file that is there may be replaced.
        max_shard_size: None: one file.
        kwargs: `objects_to_skip`: layers that are left out.

    Raises:
        InvalidArgument: For another ending, or if the file is there and `overwrite=False`.
        NotReady: If the model has no weights yet.
        Unsupported: If `max_shard_size` is given: the file is one.
        UnusableFile: If the disk refuses; what was there before is as it was.

    Unlike Keras: with `overwrite=False` a file that is there is an error, not a question at the terminal. Missing
    folders are made.

    Example:
        >>> import os, tempfile, kibitz
        >>> model = kibitz.Sequential([kibitz.layers.Dense(2, input_shape=(3,), kernel_initializer="ones")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.weights.h5")
        ...     model.save_weights(path)
        ...     model.layers[0].kernel.assign([[0.0] * 2] * 3)
        ...     model.load_weights(path)
        >>> float(model.get_weights()[0].sum())
        6.0

    Source: https://keras.io/api/models/model_saving_apis/weights_saving_and_loading/
    """
    skip = kwargs.pop("objects_to_skip", None)
    _nothing_else("save_weights", kwargs)
    if max_shard_size is not None:
        raise Unsupported(
            "Weights are saved in one file.", given=code(f"max_shard_size={max_shard_size!r}"), cure="leave it out"
        )
    _check_ending(
        filepath,
        (".weights.h5",),
        "The filename must end in `.weights.h5`.",
        cure='model.save_weights("model.weights.h5")',
    )
    _may_write(filepath, overwrite)
    _check_built(model, "save")
    data = write_weights([each.group for each in places(model, skip or ())] + optimizer_group(model))
    with replacing(filepath) as file:
        file.write(data)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Load weights that `save_weights` or `save` wrote, here or in Keras, into the same layers.

    All is compared before anything is written: a load that fails leaves the model as it was. A compiled model takes
    the optimizer's state too, if the file has one that fits.

    Args:
        model: A model that has weights.
        filepath: A `.weights.h5` file, a `.keras` file, or the folder of an `OrbaxCheckpoint` or of one of its steps.
        skip_mismatch: Whether to leave out, with a warning, layers that do not fit.
        kwargs: `objects_to_skip`: layers that are left as they are.

    Raises:
        ShapeMismatch: If layers are missing in the file, are too many, or have other shapes.
        NotReady: If the model has no weights yet.
        UnusableFile: If there is no such file, or it is damaged.
        InvalidArgument: For another ending.

    Unlike Keras: layers that only the file has are an error too, and a layer is loaded whole or not at all.

    Example:
        >>> import os, tempfile, kibitz
        >>> ones, zeros = (
        ...     kibitz.Sequential([kibitz.Input((3,)), kibitz.layers.Dense(1, kernel_initializer=name)])
        ...     for name in ("ones", "zeros")
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kibitz.saving.save_weights(ones, os.path.join(folder, "ones.weights.h5"))
        ...     kibitz.saving.load_weights(zeros, os.path.join(folder, "ones.weights.h5"))
        >>> float(zeros.get_weights()[0].sum())
        3.0

    Source: https://keras.io/api/models/model_saving_apis/weights_saving_and_loading/
    """
    skip = kwargs.pop("objects_to_skip", None)
    if kwargs.pop("by_name", None) is not None:
        raise InvalidArgument(
            "by_name is for Keras's old `.h5` files.",
            given=code("by_name=True"),
            wanted="a file in which layers stand in order",
            cure="skip_mismatch=True leaves out what does not fit",
        )
    _nothing_else("load_weights", kwargs)
    if has_steps(filepath):
        _check_built(model, "load")
        weights_from_steps(model, filepath, skip_mismatch=skip_mismatch, skip=skip)
        return
    ending = _check_ending(
        filepath,
        (".keras", ".weights.h5"),
        f"File format not supported: filepath={filepath}.",
        cure='model.load_weights("model.weights.h5")',
    )
    _check_built(model, "load")
    wanted = [each.group for each in places(model, skip or ())]
    optimizer = optimizer_group(model)
    if ending == ".keras":
        contents = read_weights(io.BytesIO(read_archived_weights(filepath)), wanted + optimizer, str(filepath))
    else:
        with reading(filepath) as file:
            contents = read_weights(file, wanted + optimizer, str(filepath))
    _forgive(contents, model, {each.group.path for each in places(model)})
    if contents.differs or contents.unexpected:
        if not skip_mismatch:
            raise _unlike(contents, filepath)
        warnings.warn(f"Some weights were not loaded: {_listed(contents)}", stacklevel=2)
    put(model, contents)


def _forgive(contents: Contents, model: Any, known: set[str]) -> None:
    """Take out of the differences what is none: random state, an optimizer that nobody asked for, layers to skip."""
    contents.unexpected = [
        path
        for path in contents.unexpected
        if not path.startswith(f"{OPTIMIZER}/")
        and RANDOM_STATE not in path.split("/")
        and path.rpartition("/vars/")[0] not in known
    ]
    if OPTIMIZER in contents.differs and (wanted := len(model.optimizer.variables)) != contents.counts[OPTIMIZER]:
        del contents.differs[OPTIMIZER]
        warnings.warn(
            f"Skipping variable loading for optimizer '{model.optimizer.name}', because it has {wanted} variables "
            f"whereas the saved optimizer has {contents.counts[OPTIMIZER]} variables.",
            stacklevel=3,
        )


def _unlike(contents: Contents, filepath: Any) -> ShapeMismatch:
    return ShapeMismatch(
        f"The weights in this file are those of another model: {_listed(contents)}",
        given=str(filepath),
        wanted="the weights of the same layers",
        cure="build the model as it was saved, or load_weights(..., skip_mismatch=True) for what fits",
    )


def _listed(contents: Contents) -> str:
    lines = [line for found in contents.differs.values() for line in found]
    lines += [f"{path} is in the file only" for path in contents.unexpected]
    return "; ".join(lines[:8]) + (f"; and {len(lines) - 8} more." if len(lines) > 8 else ".")


def _version() -> str:
    try:
        return importlib.metadata.version("kibitz")
    except importlib.metadata.PackageNotFoundError:  # run from its source
        return "unknown"


def made(config: dict[str, Any], custom_objects: dict[str, Any] | None, filepath: Any, *, compile: bool) -> Any:
    """The model that a configuration describes, compiled if wanted; its weights are not yet the saved ones."""
    kind = _class(config.get("class_name"), custom_objects)
    try:
        model = kind.from_config(config.get("config"), custom_objects=custom_objects)
        if compile and config.get("compile_config"):
            model.compile_from_config(config["compile_config"], custom_objects=custom_objects)
    except KibitzError:
        raise
    except FAULTS as error:
        raise UnusableFile(
            f"The configuration in this file makes no model: {type(error).__name__}: {error}.",
            given=os.fspath(filepath),
            wanted="a configuration that save wrote",
            cure="take another copy of the file; or build the model anew, then model.load_weights of this file",
        ) from error
    return model


def _class(name: Any, custom_objects: dict[str, Any] | None) -> Any:
    from kibitz.models.sequential import Sequential

    kinds = {"Sequential": Sequential, **known(custom_objects)}
    if not isinstance(name, str) or name not in kinds:
        raise UnknownName(
            "The file names a kind of model that nobody knows.",
            given=name,
            there_is=kinds,
            cure=f"load_model(..., custom_objects={{{name!r}: the class}})",
        )
    return kinds[name]


def _check_ending(filepath: Any, endings: tuple[str, ...], what: str, *, cure: str) -> str:
    text = str(local(filepath)) if not isinstance(filepath, str) else filepath
    for ending in endings:
        if text.endswith(ending):
            return ending
    raise InvalidArgument(
        what, given=text, wanted=" or ".join(f'a path that ends in "{ending}"' for ending in endings), cure=cure
    )


def _may_write(filepath: Any, overwrite: bool) -> None:
    if not overwrite and exists(filepath):
        raise InvalidArgument(
            "The file is there already, and overwrite=False.",
            given=os.fspath(filepath),
            wanted="a path where nothing is",
            cure="overwrite=True, or another path",
        )


def _check_built(model: Any, verb: str) -> None:
    if not model.built:
        raise NotReady(
            f"You are {'loading weights into' if verb == 'load' else 'saving'} a model that has not yet been built.",
            given=model,
            wanted="a model that has weights",
            cure="model.build((None, 784)), or an Input first, then again",
        )


def _nothing_else(method: str, kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise InvalidArgument(
            f"{method} takes no such argument.",
            given=code(", ".join(f"{name}={value!r}" for name, value in kwargs.items())),
            cure="leave it out",
        )
