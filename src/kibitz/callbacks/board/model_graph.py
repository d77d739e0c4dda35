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

    Args:
        model: The model.
        file: Where to.
    """
    told = configuration(model)
    if told is not None:
        file.write(0, [keras_model(TAG, told)])
    elif getattr(model, "module", None) is not None:
        file.write_graph(module_graph(model.module, model.name))


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


def module_graph(module: Any, name: str) -> Any:
    """The parts of a module as a GraphDef: boxes within boxes, and into each part its own weights.

    What flows from part to part is not known without running it, so no line is drawn for it.

    Args:
        module: An NNX module.
        name: What the outermost box is called.

    Example:
        >>> from flax import nnx
        >>> from kibitz.callbacks.board.model_graph import module_graph
        >>> graph = module_graph(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), "model")
        >>> sorted(node.name for node in graph.node)
        ['model', 'model/bias', 'model/kernel']
    """
    from flax import nnx

    graph, weights = proto("graph").GraphDef(), {}
    for path, part in nnx.iter_graph(module):
        called = "/".join([name, *map(str, path)])
        if isinstance(part, nnx.Variable) and not isinstance(part, nnx.RngState):
            _weight(graph.node.add(name=called, op=type(part).__name__), part)
            weights.setdefault(called.rpartition("/")[0], []).append(called)
        elif isinstance(part, nnx.Module) and not isinstance(part, nnx.List | nnx.Dict | nnx.RngStream | nnx.Rngs):
            graph.node.add(name=called, op=type(part).__name__, input=weights.get(called, []))
    return graph


def _weight(node: Any, variable: Any) -> None:
    from tensorboard.compat.tensorflow_stub import dtypes

    value = variable.get_raw_value()
    shape = node.attr["_output_shapes"].list.shape.add()
    for size in value.shape:
        shape.dim.add(size=size)
    node.attr["dtype"].type = dtypes.as_dtype(str(value.dtype)).as_datatype_enum
