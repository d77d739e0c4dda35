"""Callbacks that reach beyond the run, and could not: a server, averages of weights, checkpoints of Orbax."""

from __future__ import annotations

import kibitz
from kibitz.errors import InvalidArgument, UnknownMonitor, UnusableFile, WrongType
from tests.speaks.case import Case

callbacks = kibitz.callbacks

CASES = [
    Case(
        "a server without a scheme",
        lambda at: callbacks.RemoteMonitor("localhost:9000"),
        InvalidArgument,
        ValueError,
        """
        This is not the address of a server.
          given    'localhost:9000/publish/epoch/end/'
          wanted   "http://" or "https://", and a host in plain letters
          cure     RemoteMonitor(root="http://localhost:9000")
        """,
    ),
    Case(
        "headers that are no texts",
        lambda at: callbacks.RemoteMonitor(headers={"X-Run": 7}),
        WrongType,
        TypeError,
        """
        Headers are texts by name.
          given    {'X-Run': 7}
          wanted   a dict of strings
          cure     headers={"X-Run": "7"}
        """,
    ),
    Case(
        "averages that nobody keeps",
        lambda at: at.fit(callbacks=[callbacks.SwapEMAWeights()]),
        InvalidArgument,
        ValueError,
        """
        SwapEMAWeights must be used when `use_ema=True` is set on the optimizer.
          given    optimizer=SGD(use_ema=False)
          wanted   an optimizer that keeps averages of the weights
          cure     model.compile(optimizer=SGD(0.1, use_ema=True), ...)
        """,
    ),
    Case(
        "a best that Orbax cannot know",
        lambda at: at.fit(callbacks=[callbacks.OrbaxCheckpoint("runs", "los", save_best_only=True)]),
        UnknownMonitor,
        ValueError,
        """
        OrbaxCheckpoint has nothing to watch: there will be no "los".
          given    OrbaxCheckpoint(monitor="los")
          there is loss, mae
          nearest  "loss"
          cure     OrbaxCheckpoint(monitor="loss"); or name the metric so: compile(metrics=[...(name="los")])
        """,
    ),
    Case(
        "an Orbax folder on another machine",
        lambda at: callbacks.OrbaxCheckpoint("gs://bucket/runs"),
        UnusableFile,
        OSError,
        """
        Files are kept on this machine's disk, and this names another place.
          given    'gs://bucket/runs'
          wanted   a path
          cure     write to a path, then copy the file
        """,
    ),
    Case(
        "no checkpoint kept",
        lambda at: callbacks.OrbaxCheckpoint("runs", max_to_keep=0),
        InvalidArgument,
        ValueError,
        """
        OrbaxCheckpoint keeps some of the latest checkpoints, or all.
          given    0
          wanted   a whole number, 1 or more, or None for all
          cure     OrbaxCheckpoint(..., max_to_keep=3)
        """,
    ),
]
