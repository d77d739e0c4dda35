"""B. The rehearsal of what a source gives: arrays are checked whole, the batches of a stream as they come by."""

from __future__ import annotations

from itertools import count
from typing import Any

import jax
import numpy as np

from kibitz.data.generators import GeneratorSource
from kibitz.data.source import Batch, Source
from kibitz.models.called import GIVEN, Called
from kibitz.models.core import Core
from kibitz.models.prepare import check_weight
from kibitz.models.rehearsal import check_targets, outputs_of, rehearse, require_separate


def rehearsed(core: Core, source: Source, *, training: bool, called: Called = GIVEN) -> list[str]:
    """Build the model if need be and run a step on shapes; the keys that the logs will have."""
    batch = source.first()
    if not isinstance(source, GeneratorSource):
        require_separate(core, batch, called)
        core.owner.build_for(batch.x, called.x)
        return rehearse(core, batch, training=training, called=called, whole=whole_of(source))
    numbers = count(1)
    here = called.of_batch(0)
    require_separate(core, batch, here)
    core.owner.build_for(batch.x, here.x)
    check_weight(batch.weight, here.weight)
    keys = rehearse(core, batch, training=training, called=here)
    outputs = {_sizes(batch.x): outputs_of(core, batch.x, here)}

    def examine(batch: Batch) -> None:
        here = called.of_batch(next(numbers))
        check_weight(batch.weight, here.weight)
        sizes = _sizes(batch.x)
        if sizes not in outputs:  # as padded sequences have it: asked once for each length
            core.owner.build_for(batch.x, here.x)
            outputs[sizes] = outputs_of(core, batch.x, here)
        check_targets(core, batch, outputs[sizes], here)

    source.examine = examine
    return keys


def _sizes(x: Any) -> tuple[tuple[int, ...], ...]:
    """The sizes of inputs, rows apart."""
    return tuple(np.shape(leaf)[1:] for leaf in jax.tree.leaves(x))


def whole_of(source: Any) -> Batch:
    """All rows of a source that has them in memory, as if they were one batch."""
    return Batch(source.x, source.y, source.weight)
