"""B. What a fit validates with: one set of data, or several by name, all checked before the first step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kibitz.clock import Cadence
from kibitz.data.feed import OnePass
from kibitz.data.standard import is_array
from kibitz.errors import InvalidArgument, WrongType, code
from kibitz.models.arguments import unpacked, whole
from kibitz.models.called import VALIDATION, VALIDATION_STREAM, Called
from kibitz.models.core import Core
from kibitz.models.prepare import Held, is_iterator, measuring_source
from kibitz.models.rehearse_source import rehearsed

Freq = int | Collection[int] | Cadence
"""When validation is due: after every how many epochs, after which epochs, or at a cadence."""


def validation_sets(core: Core, given: Any, held: Held | None, freq: Freq, planned: range) -> dict[str, OnePass]:
    """The feeds of validation inside fit, by their names; the only one is called "", and there may be none.

    Args:
        core: The parts of the model.
        given: What fit was given.
        held: Rows that were held back for validation, and what the user calls them. None if none were.
        freq: When validation is due.
        planned: The epochs.
    """
    data = given.validation_data
    if data is None:
        return {} if held is None else {"": _feed(core, given, held[0], held[1], freq, planned)}
    if not named(data):
        called = VALIDATION_STREAM if is_iterator(data) else VALIDATION
        if not isinstance(data, tuple | list):
            called = called._replace(x="validation_data") if not is_iterator(data) else called
        return {"": _feed(core, given, unpacked(data, "validation_data"), called, freq, planned)}
    return {name: _named_feed(core, given, name, part, freq, planned) for name, part in data.items()}


def named(data: Any) -> bool:
    """Whether this is several sets by name, and not the inputs of a model by theirs."""
    return isinstance(data, Mapping) and any(_is_set(each) for each in data.values())


def _is_set(part: Any) -> bool:
    """Whether this can only be a set of data, and no input: a generator, a tuple, or a list of more than numbers."""
    if isinstance(part, list):
        return any(is_array(each) or isinstance(each, Mapping) for each in part)
    return isinstance(part, tuple) or is_iterator(part)


def _named_feed(core: Core, given: Any, name: Any, part: Any, freq: Freq, planned: range) -> OnePass:
    check_set_name(name)
    whose = f'validation_data["{name}"]'
    called = Called(f"{whose}[0]", f"{whose}[1]", f"{whose}[2]", cure=f'validation_data={{"{name}": (x, y)}}')
    if not isinstance(part, tuple | list):
        called = called._replace(x=whose)
    return _feed(core, given, unpacked(part, whose), called, freq, planned)


def check_set_name(name: Any) -> None:
    """Refuse a name of a set that cannot stand in the keys of the logs."""
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidArgument(
            "A set of validation data has a name that can stand in the keys of the logs.",
            given=name,
            wanted='a name such as "clean": its numbers are val_clean_loss and so on',
            cure='validation_data={"clean": (x, y), "noisy": (x, y)}',
        )


def _feed(core: Core, given: Any, data: Any, called: Called, freq: Freq, planned: range) -> OnePass:
    steps = whole("validation_steps", given.validation_steps, optional=True, cure="validation_steps=None")
    size = whole("validation_batch_size", given.validation_batch_size, optional=True, cure="validation_batch_size=32")
    x, y, weight = data
    keep = None
    if is_iterator(x):
        keep = _kept(steps, freq, planned)
    elif y is None and core.needs_targets and (is_array(x) or isinstance(x, Mapping | list | tuple)):
        raise WrongType(f"{called.x.removesuffix('[0]')} has inputs and no targets.", given=given.validation_data,
                        wanted="(x, y) or (x, y, sample_weight)", cure=called.cure)  # fmt: skip
    if is_iterator(x):
        size = None  # the batches are its own
    elif size is None and not is_iterator(given.x):
        size = given.batch_size
    source = measuring_source(x, y, weight, size, steps, called, keep=keep)
    rehearsed(core, source, training=False, called=called)
    return OnePass(source, None if keep else steps, "validation_steps")


def _kept(steps: int | None, freq: Freq, planned: range) -> int | None:
    """How many batches of a generator are kept for validation after validation; it can be read but once."""
    if isinstance(freq, int):
        often = sum((epoch + 1) % freq == 0 for epoch in planned)
    else:
        often = 2 if isinstance(freq, Cadence) else sum(epoch + 1 in freq for epoch in planned)
    if steps is None and often > 1:
        times = f", {often} validations" if not isinstance(freq, Cadence) else f', validation_freq="{freq}"'
        raise InvalidArgument(
            "validation_data is a generator, which can be read once, and validation is due more often than that.",
            given=code(f"validation_data=<generator>{times}"),
            wanted="validation_steps, or arrays",
            cure="validation_steps=10: that many batches are read once, kept, and used each time",
        )
    return steps
