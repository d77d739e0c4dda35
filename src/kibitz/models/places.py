"""Where each weight of a model stands in its file: a group a layer, in Keras's places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from flax import nnx

from kibitz.checkpoint.weights_file import Contents, Group
from kibitz.errors import Unsupported
from kibitz.layers.ordered import ordered
from kibitz.naming import to_snake_case

OPTIMIZER = "optimizer"


class Place(NamedTuple):
    """A group of the file, and the variables of the model that it stands for."""

    group: Group
    variables: list[nnx.Variable[Any]]


def places(model: Any, skip: Iterable[Any] = ()) -> list[Place]:
    """The groups of a model's file, with the weights as they are now.

    The layers of a stack stand under the names of their classes, counted; the parts of a module of one's own under the
    paths of their attributes.

    Args:
        model: A model that has weights.
        skip: Layers, or parts of the module, to leave out.

    Raises:
        Unsupported: If a part of the module has a name that the file needs for itself.

    Example:
        >>> import kibitz
        >>> from kibitz.models.places import places
        >>> layers = [kibitz.layers.Dense(3, name="a"), kibitz.layers.Dense(2, name="b")]
        >>> model = kibitz.Sequential([kibitz.Input((4,)), *layers])
        >>> [(place.group.path, place.group.name) for place in places(model)[1:]]
        [('layers/dense', 'a'), ('layers/dense_1', 'b')]
    """
    from kibitz.models.sequential import Sequential

    model.core.timeline.pull()
    if isinstance(model, Sequential):
        root = Place(Group("", model.name), [])
        return [root, *_stacked(model.layers, {id(each) for each in skip})]
    left = {id(variable) for part in skip for _, variable in ordered(part)}
    pairs = [pair for pair in ordered(model.core.timeline.forward.module) if id(pair[1]) not in left]
    return _by_path(model.name, pairs)


def optimizer_group(model: Any) -> list[Group]:
    """The group of the optimizer's state; none if the model is not compiled."""
    if model.optimizer is None:
        return []
    variables = model.optimizer.variables
    values, labels = [each.value for each in variables], [each.name for each in variables]
    return [Group(OPTIMIZER, model.optimizer.name, values, labels)]


def put(model: Any, contents: Contents) -> None:
    """Write what was read from a file into the model; every check has been made."""
    timeline = model.core.timeline
    names = {id(variable): name for name, variable in timeline.forward.variables.items()}
    edits = {}
    for place in places(model):
        if place.group.path in contents.arrays:
            arrays = contents.arrays[place.group.path]
            edits |= {names[id(variable)]: array for variable, array in zip(place.variables, arrays, strict=True)}
    timeline.write_variables(edits)
    if OPTIMIZER in contents.arrays:
        for variable, array in zip(model.optimizer.variables, contents.arrays[OPTIMIZER], strict=True):
            variable.assign(array)


def _stacked(layers: Sequence[Any], skipped: set[int]) -> list[Place]:
    used: Counter[str] = Counter()
    found = []
    for layer in layers:
        kind = to_snake_case(type(layer).__name__)
        path = f"layers/{kind}_{used[kind]}" if used[kind] else f"layers/{kind}"
        used[kind] += 1
        if id(layer) not in skipped:
            found.append(_place(path, getattr(layer, "name", kind), ordered(layer)))
    return found


def _by_path(name: str, pairs: Iterable[tuple[tuple[Any, ...], Any]]) -> list[Place]:
    folders: dict[str, list[Any]] = {"": []}
    for path, variable in pairs:
        folders.setdefault("/".join(map(str, path[:-1])), []).append((path[-1:], variable))
    for path in folders:
        if path.split("/")[0] == OPTIMIZER or "vars" in path.split("/"):
            raise Unsupported(
                "A part of the module has a name that the file needs for itself.",
                given=path,
                wanted=f'any name but "{OPTIMIZER}" and "vars"',
                cure="name the attribute otherwise",
            )
    return [_place(path, path.rsplit("/", 1)[-1] or name, found) for path, found in folders.items()]


def _place(path: str, name: str, pairs: Sequence[tuple[tuple[Any, ...], Any]]) -> Place:
    labels = ["/".join(map(str, path)) for path, _ in pairs]
    variables = [variable for _, variable in pairs]
    return Place(Group(path, name, [variable.get_value() for variable in variables], labels), variables)
