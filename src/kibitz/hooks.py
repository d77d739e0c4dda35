"""The hooks, and the loop that fires them, drawn once.

Whoever writes a loop in Kibitz makes it read like this drawing; whoever writes a callback looks here for the moment at
which its hook is called. `loops` reads the drawing: a test compares it with what a real run does, and
`model.outline` shows it with callbacks in their places.

    fit:
        on_train_begin(logs)                        logs is {}
        requests
        for each epoch:
            on_epoch_begin(epoch, logs)             {}
            requests
            for each batch:
                on_train_batch_begin(batch, logs)   {}
                ... one step: the weights move
                if validation is due at this step:
                    evaluate
                on_train_batch_end(batch, logs)     running means since the epoch began, and val_* if just validated
                requests
            if validation is due at this epoch:
                evaluate
            on_epoch_end(epoch, logs)               the epoch's means, and val_* if there was a validation
            requests
        on_train_end(logs)                          the last epoch's logs
        requests
        on_run_end(outcome)                         always, however the run ended

    evaluate:
        on_test_begin(logs)                         {}
        requests                                    only when evaluate is a run of its own, as all of them here
        for each batch:
            on_test_batch_begin(batch, logs)        {}
            ... the loss and the metrics of one batch
            on_test_batch_end(batch, logs)          running means since the evaluation began
            requests
        on_test_end(logs)                           the evaluation's means
        requests
        on_run_end(outcome)                         only when evaluate is a run of its own

    predict:
        on_predict_begin(logs)                      {}
        requests
        for each batch:
            on_predict_batch_begin(batch, logs)     {}
            ... the outputs of one batch
            on_predict_batch_end(batch, logs)       {"outputs": the batch's outputs}, or several by their names
            requests
        on_predict_end(logs)                        {}
        requests
        on_run_end(outcome)

    requests:                                       what callbacks have asked `self.run` for since the last time
        if an evaluation was asked for:
            evaluate
        if a save was asked for:
            save_now(logs)                          of each callback that has it; with the numbers just measured
            ... a durable run is committed, as soon as it is between two steps
        if a flush was asked for:
            flush()                                 of each callback that has it
        if a stop was asked for:
            ... no other batch, and no other epoch

`on_batch_begin` and `on_batch_end` are older names of the two training batch hooks. Batch hooks are given `logs` by
keyword, the others by position. One dict goes to all callbacks of a moment, in list order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

RUNS = ("train", "test", "predict")
"""What a run can be in the names of hooks: fit is "train", evaluate is "test"."""

RUN_HOOKS = tuple(f"on_{run}_{side}" for run in RUNS for side in ("begin", "end"))
EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")
BATCH_HOOKS = tuple(f"on_{run}_batch_{side}" for run in RUNS for side in ("begin", "end"))
ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}
OUTCOME_HOOK = "on_run_end"

HOOKS = (*RUN_HOOKS, *EPOCH_HOOKS, *BATCH_HOOKS, OUTCOME_HOOK)
"""Every hook that is fired, by name."""

GRAPH_HOOKS = ("on_gradients", "on_update")
"""Functions of a callback that are traced into the training step; nobody calls them at a batch."""

KNOWN = frozenset((*HOOKS, *ALIASES.values()))
"""Every name beginning with `on_` that means something in a callback."""

CLOSING = frozenset(("on_train_end", "on_test_end", "on_predict_end", OUTCOME_HOOK))
"""Hooks that reach every callback even if one of them raises."""


def arguments(hook: str) -> str:
    """The arguments with which a hook is called, as a user would write them.

    Args:
        hook: The hook's name.

    Example:
        >>> from kibitz.hooks import arguments
        >>> arguments("on_epoch_end")
        'epoch, logs'
    """
    if hook == OUTCOME_HOOK:
        return "outcome"
    if hook in EPOCH_HOOKS:
        return "epoch, logs"
    return "batch, logs" if hook in BATCH_HOOKS or hook in ALIASES.values() else "logs"


@dataclass
class Line:
    """One line of the drawing above, with the lines that are indented below it.

    Args:
        text: What the line says, such as "for each epoch:" or "on_train_begin(logs)".
        comment: What stands beside it: of a hook, what it finds in its logs.
        below: The lines below it.

    Example:
        >>> from kibitz.hooks import loops
        >>> loops()["predict"].below[2].text
        'for each batch:'
    """

    text: str
    comment: str = ""
    below: list[Line] = field(default_factory=list)

    @property
    def hook(self) -> str:
        """The name of the hook that is fired here; "" if none is."""
        return self.text.partition("(")[0] if self.text.startswith("on_") else ""

    def hooks(self) -> list[Line]:
        """The lines of all hooks from here on down, in the order in which they are drawn."""
        return ([self] if self.hook else []) + [each for line in self.below for each in line.hooks()]


def loops() -> dict[str, Line]:
    """The loops of fit, evaluate and predict as they are drawn above, by name; empty under `python -OO`.

    Example:
        >>> from kibitz.hooks import loops
        >>> [line.text for line in loops()["evaluate"].below][:3]
        ['on_test_begin(logs)', 'requests', 'for each batch:']
    """
    drawn: dict[str, Line] = {}
    path: list[tuple[int, Line]] = []
    for raw in (__doc__ or "").splitlines():
        if not raw.startswith("    "):
            continue
        text, _, comment = raw.strip().partition("  ")
        depth, line = len(raw) - len(raw.lstrip()), Line(text, comment.strip())
        while path and path[-1][0] >= depth:
            path.pop()
        if path:
            path[-1][1].below.append(line)
        else:
            drawn[text.rstrip(":")] = line
        path.append((depth, line))
    return drawn
