"""What a commit says besides the state, gathered from all who take part in a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kibitz.callbacks.dispatch import Dispatch
from kibitz.callbacks.state import Kept
from kibitz.checkpoint.document import FORMAT, PACKED
from kibitz.checkpoint.packed import pack
from kibitz.checkpoint.strict_json import dumps
from kibitz.engine.state import TrainState, bare
from kibitz.engine.timeline import named
from kibitz.errors import KibitzError
from kibitz.loops.validation import Validation
from kibitz.models.core import Core


def document_of(
    core: Core,
    trainable: str,
    dispatch: Dispatch,
    kept: list[Kept],
    said: Any,
    validation: Validation | None,
    logs: Mapping[str, Any],
    epoch: int,
    *,
    begun: bool,
) -> dict[str, Any]:
    """What is known of a run as it stands now.

    Args:
        core: The parts of the model.
        trainable: What is said of its parts, as `Trainability` writes it.
        dispatch: The callbacks.
        kept: The same, one each, as they are kept.
        said: The means of what graph hooks log.
        validation: The validations; None if there are none.
        logs: The numbers as they stand.
        epoch: The epoch that has begun, or the next one.
        begun: Whether it has begun.
    """
    run, clock = dispatch.run, dispatch.run.clock
    callbacks = [
        (seat.name, each.state(), 0.0 if seat.beat is None else seat.beat.waited())
        for each, seat in zip(kept, dispatch.seats, strict=True)
    ]
    return {
        "format": FORMAT, "step": clock.step, "epoch": epoch, "batch": clock.batch if begun else 0, "begun": begun,
        "stop": [run.reason, run.by, run.stop_now] if run.stop_requested else None, "outcome": None, "asked": run.asked,
        "row_seed": core.row_seed, "logs": dict(logs), "own": dict(getattr(logs, "batch", {})),
        "trainable": trainable, "callbacks": callbacks,
        "said": said.get_state(), "latest": {} if validation is None else validation.get_state(),
        "hooked": [hook.name for hook in core.hooks.hooks], "aside": core.owner.set_aside(),
    }  # fmt: skip


def packed_commit(state: TrainState, document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays, where they lie, and document as a file has them.

    Args:
        state: The state.
        document: What is said besides it.
    """
    arrays: dict[str, Any] = dict(named(state))
    arrays |= {f"aside/{name}": bare(value) for name, value in document.pop("aside").items()}
    packed: dict[str, Any] = {}
    held: dict[str, Any] = {}
    for name, value in document.items():
        packed[name] = pack(value, f"document/{name}", held) if name in PACKED else value
    return {**arrays, **held}, packed


def program_of(core: Core) -> dict[str, Any] | None:
    """What makes the model anew, as a `.keras` file has it; None where that is code of the user's own."""
    owner = core.owner
    try:
        told = {"class_name": type(owner).__name__, "config": owner.get_config(),
                "compile_config": owner.get_compile_config()}  # fmt: skip
        dumps(told, "the model's configuration")
    except (KibitzError, AttributeError, TypeError):
        return None
    return told
