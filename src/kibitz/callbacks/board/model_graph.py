"""A model as a graph: a stack as its layers one after the other, a module of one's own as the parts that it has."""

from __future__ import annotations

import json
from typing import Any

from kibitz.callbacks.board.event_file import EventFile
from kibitz.callbacks.board.proto import proto
from kibitz.callbacks.board.summaries import keras_model

TAG = "keras"
"""The name under which Keras writes a model's configuration."""


def write_graph(model: Any, file: EventFile) -> None:
    """Write what the page of graphs draws; of a model that can tell nothing of itself there is nothing to draw.

    The page opens with a graph of operations, and can tell no better of a file that has none than that it is
    malformed. So there is one always; what Keras writes is the page's conceptual graph.

    Args:
        model: The model.
        file: Where to.
    """
    if getattr(model, "module", None) is None:
        return
    file.write_graph(model_graph(model))
    told = configuration(model)
    if told is not None:
        file.write(0, [keras_model(TAG, told)])


def configuration(model: Any) -> str | None:
    """A stack's configuration as JSON, its input before its first layer; None where there is none to be had."""
    try:
        told = json.loads(model.to_json())
        config = told["config"]
        config["layers"] = [*_input(config), *config["layers"]]
    except Exception:  # noqa: BLE001 - a layer's own get_config may fail in any way, and its module can still be drawn
        return None
    return json.dumps(told)


def _input(config: dict[str, Any]) -> list[dict[str, Any]]:
    if config.get("build_input_shape") is None:
        return []
    name, dtype = config.get("input_name") or "input", config.get("input_dtype") or "float32"
    return [{"class_name": "InputLayer", "config": {"name": name, "dtype": dtype,
             "batch_shape": config["build_input_shape"]}}]  # fmt: skip


def model_graph(model: Any) -> Any:
    """The parts of a model as a GraphDef: boxes within boxes, and into each part lines from its own weights.

    Lines from layer to layer are drawn in a stack alone: of another module it is not known, without running it, what
    flows where.

    Args:
        model: The model, with weights.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.board.model_graph import model_graph
        >>> model = kibitz.Sequential([kibitz.Input((3,)), kibitz.layers.Dense(2, name="a"), kibitz.layers.ReLU()])
        >>> [(node.name, list(node.input)) for node in model_graph(model).node][:4]
        [('input', []), ('a/bias', []), ('a/kernel', []), ('a', ['a/bias', 'a/kernel', 'input'])]
    """
    graph = proto("graph").GraphDef()
    if not any(kind.__name__ == "Sequential" for kind in type(model).__mro__):
        _add(graph, model.module, [], model.name)
        return graph
    before = graph.node.add(name="input", op="Input").name
    for index, layer in enumerate(model.layers):
        name = getattr(layer, "name", None) or f"{type(layer).__name__.lower()}_{index}"
        _add(graph, layer, [name], name, before)
        before = name
    return graph


def _add(graph: Any, module: Any, scope: list[str], name: str, before: str | None = None) -> None:
    """Add a module and its parts: under a scope, or at the top, where the module itself is there for its own weights.

    Args:
        graph: The GraphDef.
        module: The module.
        scope: What stands before its parts' names.
        name: What it is called itself.
        before: What flows into it. None where nobody knows.
    """
    from flax import nnx

    weights: dict[tuple[Any, ...], list[str]] = {}
    boxes: set[tuple[Any, ...]] = set()
    for path, part in nnx.iter_graph(module):
        called = "/".join([*scope, *map(str, path)])
        if isinstance(part, nnx.Variable) and not isinstance(part, nnx.RngState):
            _weight(graph.node.add(name=called, op=type(part).__name__), part)
            weights.setdefault(path[:-1], []).append(called)
        elif isinstance(part, nnx.Module):
            inputs = [*weights.get(path, []), *([before] if before and not path else [])]
            if inputs or path not in boxes:  # what has parts is the box around them
                graph.node.add(name=called or name, op=type(part).__name__, input=inputs)
            boxes |= {path[:-1]}


def _weight(node: Any, variable: Any) -> None:
    from tensorboard.compat.tensorflow_stub import dtypes

    value = variable.get_raw_value()
    shape = node.attr["_output_shapes"].list.shape.add()
    for size in value.shape:
        shape.dim.add(size=size)
    node.attr["dtype"].type = dtypes.as_dtype(str(value.dtype)).as_datatype_enum
