"""The loop drawn in hooks.py is the loop that runs, and the table in outcome.py is how runs end."""

from __future__ import annotations

import contextlib
import functools
import re
from typing import Any

import numpy as np
import pytest

import kibitz
import kibitz.hooks
import kibitz.outcome
from kibitz.hooks import Line, loops

EPOCHS, BATCHES, BATCHES_OF_VALIDATION = 2, 3, 2
COUNTS = {"epoch": EPOCHS, "batch": BATCHES}


LOOPS = loops()
RUNS = ("fit", "evaluate", "predict")
DRAWN = {loop: {hook.text.partition("(")[0]: hook for hook in LOOPS[loop].hooks()} for loop in RUNS}


class Walk:
    """The drawing, run as a program: what it fires, each with its number if it has one.

    Args:
        loop: Which of the loops.
        due: Where validation is due: at the end of an "epoch", at every second "step", or nowhere.
        ask: The hook in which, at its first time, a callback asks for all that there is.
    """

    def __init__(self, loop: str, *, due: str = "", ask: str = "") -> None:
        self.loop, self.due, self.ask = loop, due, ask
        self.fired: list[tuple[str, int | None]] = []
        self.asked, self.steps = False, 0
        self.go(LOOPS[loop], {"epoch": 0, "batch": 0}, nested=False)

    def go(self, line: Line, at: dict[str, int], *, nested: bool) -> None:
        for each in line.below:
            self.do(each, at, nested=nested)

    def do(self, each: Line, at: dict[str, int], *, nested: bool) -> None:
        if each.text.startswith("on_"):
            hook, arguments = re.match(r"(\w+)\((.*)\)", each.text).groups()
            if not (nested and hook == "on_run_end"):
                self.fire(hook, at.get(arguments.split(", ")[0]))
        elif repeated := re.match(r"for each (epoch|batch):", each.text):
            batches = BATCHES_OF_VALIDATION if nested else BATCHES
            for number in range(EPOCHS if repeated[1] == "epoch" else batches):
                self.go(each, {**at, repeated[1]: number}, nested=nested)
        elif due := re.match(r"if validation is due at this (epoch|step):", each.text):
            if self.due == due[1] and (due[1] == "epoch" or self.steps % 2 == 0):
                self.go(each, at, nested=nested)
        elif each.text == "evaluate":
            if self.loop == "fit":
                self.go(LOOPS["evaluate"], at, nested=True)
        elif each.text == "requests":
            if self.asked and not nested:
                self.asked = False
                self.go(LOOPS["requests"], at, nested=False)
        elif each.text in {"save_now(logs)", "flush()"}:
            self.fire(each.text.partition("(")[0], None)
        elif re.match(r"if an? (evaluation|save|flush) was asked for:", each.text):
            self.go(each, at, nested=nested)
        elif each.text.startswith("... one step"):
            self.steps += 1
        else:
            known = each.text.startswith("...") or each.text == "if a stop was asked for:"
            assert known, f"the drawing in hooks.py has a line that means nothing: {each.text!r}"

    def fire(self, hook: str, number: int | None) -> None:
        self.fired.append((hook, number))
        if hook == self.ask:
            self.asked, self.ask = True, ""


class Recorder(kibitz.callbacks.Callback):
    """Writes down every hook, with its number and a copy of what it was given."""

    def __init__(self, *, at: str = "", do: Any = None) -> None:
        super().__init__()
        self.seen: list[tuple[str, int | None, Any]] = []
        self.at, self.do = at, do

    def note(self, hook: str, number: int | None, given: Any) -> None:
        self.seen.append((hook, number, dict(given) if isinstance(given, dict) else given))
        if hook == self.at:
            self.do(self)

    def save_now(self, logs: Any) -> None:
        self.note("save_now", None, logs)

    def flush(self) -> None:
        self.note("flush", None, None)

    @property
    def order(self) -> list[tuple[str, int | None]]:
        return [(hook, number) for hook, number, _ in self.seen]

    @property
    def names(self) -> list[str]:
        return [hook for hook, _, _ in self.seen]


def _recording(hook: str) -> Any:
    if "epoch" in hook or "batch" in hook:
        return lambda self, number, logs=None: self.note(hook, number, logs)
    return lambda self, given=None: self.note(hook, None, given)


for _hook in kibitz.hooks.HOOKS:
    setattr(Recorder, _hook, _recording(_hook))

X, Y = np.ones((6, 1), "float32"), np.zeros((6, 1), "float32")


@functools.cache
def model() -> Any:
    made = kibitz.Sequential([kibitz.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


DUE = {"": 100, "epoch": 1, "step": "2 steps"}


def recorded(loop: str, *, due: str = "", ask: str = "") -> Recorder:
    def everything(recorder: Recorder) -> None:
        recorder.at = ""
        recorder.run.flush()
        recorder.run.save()
        if loop == "fit":
            recorder.run.evaluate()

    recorder = Recorder(at=ask, do=everything)
    if loop == "fit":
        model().fit(X, Y, batch_size=2, epochs=EPOCHS, verbose=0, validation_data=(X[:3], Y[:3]),
                    validation_freq=DUE[due], callbacks=[recorder])  # fmt: skip
    elif loop == "evaluate":
        model().evaluate(X, Y, batch_size=2, verbose=0, callbacks=[recorder])
    else:
        model().predict(X, batch_size=2, verbose=0, callbacks=[recorder])
    return recorder


@pytest.mark.parametrize(
    ("loop", "due"),
    [("fit", ""), ("fit", "epoch"), ("fit", "step"), ("evaluate", ""), ("predict", "")],
    ids=["fit", "fit with validation", "fit with validation within", "evaluate", "predict"],
)
def test_a_run_fires_the_hooks_that_are_drawn_in_the_order_that_is_drawn(loop, due):
    assert recorded(loop, due=due).order == Walk(loop, due=due).fired


ASKS = [
    (loop, due, hook)
    for loop, dues in (("fit", ("epoch", "step")), ("evaluate", ("",)), ("predict", ("",)))
    for due in dues
    for hook in DRAWN[loop] | (DRAWN["evaluate"] if due else {})
    if hook != "on_run_end"
]


@pytest.mark.parametrize(("loop", "due", "ask"), ASKS)
def test_what_is_asked_for_in_a_hook_is_done_where_it_is_drawn(loop, due, ask):
    drawn = Walk(loop, due=due, ask=ask).fired
    assert recorded(loop, due=due, ask=ask).order == drawn
    assert ("save_now", None) in drawn


@pytest.mark.parametrize(("loop", "due"), [("fit", "epoch"), ("fit", "step"), ("evaluate", ""), ("predict", "")])
def test_hooks_are_given_what_the_drawing_says(loop, due):
    before = ""
    for hook, _, given in recorded(loop, due=due).seen:
        drawn = (DRAWN[loop] | DRAWN["evaluate"])[hook]
        if "{}" in drawn.comment:
            assert given == {}, hook
        elif "outputs" in drawn.comment:
            assert list(given) == ["outputs"], hook
        elif "val_* if just validated" in drawn.comment:
            assert list(given) == (["loss", "val_loss"] if before == "on_test_end" else ["loss"]), hook
        elif "val_*" in drawn.comment:
            assert list(given) == ["loss", "val_loss"], hook
        elif "(logs" in drawn.text or ", logs" in drawn.text:
            assert "loss" in given, hook
        before = hook


def test_the_drawing_has_every_hook_with_its_arguments():
    drawn = {name: hook.text for loop in DRAWN.values() for name, hook in loop.items()}
    assert set(drawn) == set(kibitz.hooks.HOOKS)
    for name, text in drawn.items():
        assert text == f"{name}({kibitz.hooks.arguments(name)})"


def endings() -> dict[str, list[bool]]:
    """The table in outcome.py: for each outcome whether on_epoch_end, on_train_end and on_run_end fire."""
    rows = re.findall(r"^    (\w+) {2,}(\S.*?) {2,}(\w+) {2,}(\w+)$", kibitz.outcome.__doc__ or "", re.MULTILINE)
    return {kind: [cell.startswith("yes") for cell in cells] for kind, *cells in rows}


def stop(recorder: Recorder) -> None:
    recorder.run.stop("seen enough")


def stop_now(recorder: Recorder) -> None:
    recorder.run.stop("seen enough", now=True)


def interrupt(recorder: Recorder) -> None:
    raise KeyboardInterrupt


def fail(recorder: Recorder) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("kind", "do", "raised"),
    [
        ("completed", lambda recorder: None, None),
        ("stopped", stop, None),
        ("interrupted", interrupt, KeyboardInterrupt),
        ("failed", fail, ZeroDivisionError),
    ],
)
def test_a_run_closes_as_the_table_in_outcome_says(kind, do, raised):
    assert list(endings()) == list(kibitz.outcome.KINDS)
    recorder = Recorder(at="on_train_batch_end", do=do)
    with pytest.raises(raised) if raised else contextlib.nullcontext():
        model().fit(X, Y, epochs=1, verbose=0, callbacks=[recorder])
    closing = ("on_epoch_end", "on_train_end", "on_run_end")
    assert [hook in recorder.names for hook in closing] == endings()[kind]
    assert recorder.seen[-1][0] == "on_run_end"
    assert recorder.seen[-1][2].kind == kind


def test_a_stop_at_once_skips_the_end_of_the_epoch():
    recorder = Recorder(at="on_train_batch_end", do=stop_now)
    model().fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[recorder])
    assert recorder.names[-3:] == ["on_train_batch_end", "on_train_end", "on_run_end"]
    assert (recorder.seen[-1][2].kind, recorder.seen[-1][2].by) == ("stopped", "Recorder")
