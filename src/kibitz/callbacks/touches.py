"""What a callback may touch: from what its class says of itself, or else from what can be seen in its code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kibitz.callbacks.base import Callback
from kibitz.callbacks.callback_list import CallbackList
from kibitz.callbacks.declared import called, has
from kibitz.callbacks.on import FunctionCallback
from kibitz.callbacks.overrides import overrides
from kibitz.callbacks.seen_in_code import HANDED, SETTERS, Code, Use, seen_in
from kibitz.hooks import GRAPH_HOOKS, KNOWN

LOOKS = ("reads logs", "reads the model", "reads the clock")
HANDS = (
    "may stop",
    "may change weights",
    "may change the learning rate",
    "may change the optimizer",
    "may change the model",
    "may change gradients or updates",
    "adds to the logs",
    "asks for validation",
    "asks for a save",
    "hands the model on",
)
WRITES, SENDS = "writes files", "sends numbers out"
BITS = "may change bits (within the step)"
BY_THE_CLOCK = "by the clock: where it falls is not the same in two runs"
BY_THE_CLOCK_ALONE = "by the clock, and changes no number"
NOT_SAID = "what it touches is not said"

READING = {
    "reads logs": r"\blogs\b|\bthe loss\b",
    "reads the model": r"\bmodel\b|\bweights\b|\bparameters\b|\bstate\b|\boutputs\b|\boptimizer|\blearning rate\b",
    "reads the clock": r"\bthe clock\b",
}
CHANGING = {
    "may stop": r"\bto stop\b|\bstop_training\b",
    "may change weights": r"\bweights\b|\bwhole state\b",
    "may change the learning rate": r"\blearning rate\b",
    "adds to the logs": r"\binto the (epoch's )?logs\b|\blogs \"",
    "may change gradients or updates": r"^(gradients|updates)\b",
    WRITES: r"\bfiles?\b",
    SENDS: r"\bsends\b|\bartifacts\b|\bWeights & Biases\b",
}
"""What the lines "Reads:" and "Changes:" of a docstring say, in the words of the outline."""

KNOWN_ANYWAY = {"name", "built", "compiled", "history", "stop_training", "stop_evaluating", "stop_predicting"}
WEIGHTS = {"set_weights", "load_weights", "import_state", "fit", "train_on_batch", *SETTERS}
SAVES = {"save", "save_weights", "export", "save_model"}
ASKS = {"stop": "may stop", "evaluate": "asks for validation", "save": "asks for a save"}


@dataclass(frozen=True)
class Touches:
    """What a callback may touch.

    Args:
        marks: In a few words each, such as "reads the model" and "may stop".
        words: Where that is from: ("reads", ...) and ("changes", ...) as its class says, ("its code uses", ...).
    """

    marks: tuple[str, ...]
    words: tuple[tuple[str, str], ...] = ()

    @property
    def only_looks(self) -> bool:
        """Whether it neither takes a hand in the run nor writes, as far as is known."""
        return not {*HANDS, WRITES, SENDS, NOT_SAID}.intersection(self.marks)


def touches(callback: Any, *, timed: bool = False) -> Touches:
    """Say what a callback may touch.

    A class that has the lines "Reads:" and "Changes:" in its docstring is believed; of one that has not, the code of
    its hooks is read, as far as that can be done.

    Args:
        callback: Any callback.
        timed: Whether it acts at a cadence by time.

    Example:
        >>> import kibitz
        >>> from kibitz.callbacks.touches import touches
        >>> touches(kibitz.callbacks.TerminateOnNaN()).marks
        ('reads logs', 'may stop')
        >>> class Show(kibitz.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(self.model.get_weights())
        >>> touches(Show()).marks
        ('reads the model',)
    """
    if isinstance(callback, CallbackList):
        marks = dict.fromkeys(mark for each in callback.callbacks for mark in touches(each).marks)
        return Touches(tuple(marks), (("hands on to", ", ".join(map(called, callback.callbacks)) or "nobody"),))
    said, classes = _said(callback)
    words = {"reads": said.get("Reads", ""), "changes": said.get("Changes", "")}
    marks = _marked(words["reads"], READING) | _marked(words["changes"], CHANGING)
    code = seen_in(_hooks_of(callback, classes, all_of_them=not said), callback) if classes or not said else Code()
    marks |= {mark for use in code.uses for mark in _meaning(use)}
    graph = any(has(callback, name) for name in GRAPH_HOOKS)
    if graph and not said:
        marks.add("may change gradients or updates")
    if code.uses:
        used = list(dict.fromkeys(map(str, code.uses)))
        words["its code uses"] = ", ".join(
            each for each in used if not any(other.startswith(f"{each}.") for other in used)
        )
    listed = [mark for mark in (*LOOKS, *HANDS, WRITES, SENDS) if mark in marks]
    found = Touches(tuple(listed))
    if timed or {"reads the clock", "may stop"} <= marks:
        listed = [mark for mark in listed if mark != "reads the clock"]
        listed.append(BY_THE_CLOCK_ALONE if found.only_looks and not code.unread else BY_THE_CLOCK)
    if graph:
        listed.append(BITS)
    if not listed:
        listed = ["touches nothing of the run"] if said or not code.unread else [NOT_SAID]
    elif code.unread:
        listed.append("the rest is not said")
    return Touches(tuple(listed), tuple((key, value) for key, value in words.items() if value))


def _said(callback: Any) -> tuple[dict[str, str], list[type]]:
    """The lines of the first class that has them, and the classes before it, whose code must be read."""
    before: list[type] = []
    for kind in type(callback).__mro__:
        if kind in {Callback, object}:
            break
        said = _lines(vars(kind).get("__doc__"))
        if said and re.match(r"what(ever)? its ", said.get("Changes", "")):  # it is made of somebody's functions
            return {}, [*before, kind]
        if said:
            return said, [each for each in before if KNOWN & vars(each).keys()]
        before.append(kind)
    return {}, before


def _lines(doc: Any) -> dict[str, str]:
    if not isinstance(doc, str):
        return {}
    found = re.findall(r"^(Reads|Changes)\b[^:\n]*: (.*(?:\n[ \t]+.*)*)", inspect.cleandoc(doc), re.MULTILINE)
    return {key: " ".join(text.split()).removesuffix(".") for key, text in found}


def _marked(said: str, table: dict[str, str]) -> set[str]:
    said = re.sub(r"\b(never|nothing in) [^;,.:]*", "", said, flags=re.IGNORECASE)
    return {mark for mark, pattern in table.items() if re.search(pattern, said)}


def _hooks_of(callback: Any, classes: list[type], *, all_of_them: bool) -> Iterator[Any]:
    """The functions behind the hooks: those of the instance, and those of these classes."""
    if isinstance(callback, FunctionCallback):
        yield callback.function
        return
    own = getattr(callback, "__dict__", {})
    for hook in sorted(each for each in KNOWN if overrides(callback, each)):
        functions = [own[hook]] if hook in own else []
        functions += [vars(kind)[hook] for kind in classes if hook in vars(kind) and _is_written(kind)]
        if not functions and all_of_them and hasattr(callback, hook):
            functions.append(getattr(callback, hook))
        yield from functions


def _is_written(kind: type) -> bool:
    """Whether the code of a class does something, other than that of Keras's base, whose hooks are empty."""
    return kind.__module__ != "keras.src.callbacks.callback"


def _meaning(use: Use) -> Iterator[str]:
    """The marks of one use."""
    first = use.names[0] if use.names else ""
    if use.of == "logs":
        yield "adds to the logs" if use.put else "reads logs"
    elif use.of == "file":
        yield WRITES
    elif use.of == "server":
        yield SENDS
    elif use.of == "clock":
        yield "reads the clock"
    elif use.of == "run":
        if first in ASKS:
            yield ASKS[first]
    elif HANDED in use.names:
        yield "hands the model on"
    elif use.put and first.startswith("stop_"):
        yield "may stop"
    elif use.put or use.names[-1] in WEIGHTS or first in WEIGHTS:
        rate = {"learning_rate", "lr"} & set(use.names)
        weights = {"trainable_variables", "weights", "trainable_weights", "kernel", "bias", *WEIGHTS} & set(use.names)
        if rate or "optimizer" in use.names:
            yield "may change the learning rate" if rate else "may change the optimizer"
        else:
            yield "may change weights" if weights else "may change the model"
    elif first in SAVES:
        yield from ("reads the model", WRITES)
    elif first not in KNOWN_ANYWAY:
        yield "reads the model"
