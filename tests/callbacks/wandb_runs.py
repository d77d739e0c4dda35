"""Runs of Weights & Biases without a network, and what their files hold."""

from __future__ import annotations

import json
import os
import struct
from contextlib import contextmanager
from pathlib import Path

OWN = str(Path(__file__).parents[2] / "build" / "wandb")
ALONE = {
    "WANDB_MODE": "offline",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_CACHE_DIR": OWN,
    "WANDB_CONFIG_DIR": OWN,
    "WANDB_DATA_DIR": OWN,
}
"""What keeps Weights & Biases from the network, from asking for an account, from the screen and the home folder."""

BLOCK, HEADER = 32768, 7


@contextmanager
def offline_run(folder):
    """A run whose file lies in a folder; its process is ended."""
    os.environ.update(ALONE)  # read when wandb is imported
    import wandb

    settings = wandb.Settings(
        disable_git=True, disable_code=True, x_disable_stats=True, x_disable_meta=True, x_disable_machine_info=True
    )
    try:
        with wandb.init(project="kibitz", mode="offline", dir=folder, settings=settings) as run:
            yield run
    finally:
        wandb.teardown()


def records(folder):
    """The records of the one run in a folder, in order."""
    from wandb.proto import wandb_internal_pb2 as written

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    raw, at, held = path.read_bytes(), HEADER, b""
    while at + HEADER <= len(raw):
        if BLOCK - at % BLOCK < HEADER:  # the end of a block is filled up
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack("<IHB", raw[at : at + HEADER])
        at += HEADER
        held += raw[at : at + size]
        at += size
        if kind in (1, 4):  # whole, or the last part
            record = written.Record()
            record.ParseFromString(held)
            held = b""
            yield record


def history(folder):
    """Each row that was logged, without what Weights & Biases adds to it."""
    rows = [each.history for each in records(folder) if each.WhichOneof("record_type") == "history"]
    items = [{item.nested_key[0] if item.nested_key else item.key: json.loads(item.value_json) for item in row.item}
             for row in rows]  # fmt: skip
    return [{key: value for key, value in row.items() if key[0] != "_"} for row in items]


def axes(folder):
    """Which numbers are drawn over which."""
    metrics = [each.metric for each in records(folder) if each.WhichOneof("record_type") == "metric"]
    return {each.name or each.glob_name: each.step_metric for each in metrics}


def artifacts(folder):
    """Each artifact: its name, its type, its aliases and the files in it."""
    found = [each.artifact for each in records(folder) if each.WhichOneof("record_type") == "artifact"]
    return [
        (each.name, each.type, sorted(each.aliases), [content.path for content in each.manifest.contents])
        for each in found
    ]
