"""A model written down as text and made again, and a model like another one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kibitz.errors import Unsupported, WrongType, code
from kibitz.layers.registry import serialize as serialize_layer
from kibitz.models.sequential import Sequential
from kibitz.registered import made_again


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Sequential:
    """Make a model from what `to_json` gave; its weights are new, and it is not compiled.

    Args:
        json_string: The text.
        custom_objects: Classes and functions of your own, by name. None means none.

    Raises:
        WrongType: If it is no text of a Sequential.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(3)])
        >>> kibitz.models.model_from_json(model.to_json()).count_params()
        9

    Source: https://keras.io/api/models/model_saving_apis/model_config_serialization/
    """
    try:
        written = json.loads(json_string)
        config = written["config"] if written["class_name"] == "Sequential" else None
    except (TypeError, ValueError, LookupError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise WrongType("This text is no model.", given=json_string, wanted="what model.to_json() gave",
                        cure="model_from_json(model.to_json())")  # fmt: skip
    return made_again("model", lambda given: Sequential.from_config(given, custom_objects), config)


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Any = None,
    recursive: bool = False,  # noqa: ARG001 - there is nothing within
    **kwargs: Any,
) -> Sequential:
    """Make a model of the same layers, with new weights.

    Args:
        model: A `Sequential`.
        input_tensors: Not here: there are no symbolic tensors.
        clone_function: Makes a layer from a layer. None makes it from its configuration.
        call_function: Not here: there is no functional API.
        recursive: Nothing to do: a model has no models inside.
        **kwargs: Nothing.

    Raises:
        WrongType: If it is no Sequential.
        Unsupported: For symbolic tensors and functions that call layers on them.

    Example:
        >>> import kibitz
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(3)])
        >>> [weight.shape for weight in kibitz.models.clone_model(model).get_weights()]
        [(2, 3), (3,)]

    Source: https://keras.io/api/models/model_saving_apis/
    """
    if not isinstance(model, Sequential):
        raise WrongType("Only a stack of layers can be cloned.", given=model, wanted="a Sequential",
                        cure="the code that made the model, once more")  # fmt: skip
    if input_tensors is not None or call_function is not None or kwargs:
        raise Unsupported("A clone is made from layers alone.", given=code("clone_model(model, input_tensors=...)"),
                          wanted="the model, and perhaps a clone_function", cure="clone_model(model)")  # fmt: skip
    if clone_function is None:
        return Sequential.from_config(model.get_config())
    layers = [serialize_layer(clone_function(layer)) for layer in model.layers]
    return Sequential.from_config({**model.get_config(), "layers": layers})
