"""The loop drawn in hooks.py is the loop that runs, and the table in outcome.py is how runs end."""

from __future__ import annotations

import contextlib
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
DRAWN = {loop: {each.hook: each for each in line.hooks()} for loop, line in LOOPS.items()}


def walk(
    line: Line, *, validates: str, batches: int, epoch: int = 0, batch: int = 0, nested: bool = False
) -> list[Any]:
    """Run the drawing as a program: the hooks that it fires, each with its number if it has one.

    It validates at ends of epochs ("epoch"), after every second step ("2 steps"), or not at all ("").
    """
    fired: list[Any] = []
    for each in line.below:
        at = {"validates": validates, "batches": batches, "epoch": epoch, "batch": batch, "nested": nested}
        if each.text.startswith("on_"):
            hook, arguments = re.match(r"(\w+)\((.*)\)", each.text).groups()
            if not (nested and hook == "on_run_end"):
                fired.append((hook, {"epoch": epoch, "batch": batch}.get(arguments.split(", ")[0])))
        elif repeated := re.match(r"for each (epoch|batch):", each.text):
            count = EPOCHS if repeated[1] == "epoch" else batches
            for number in range(count):
                fired += walk(each, **{**at, repeated[1]: number})
        elif each.text == "if validation is due:":
            fired += walk(each, **at) if validates == "epoch" else []
        elif each.text == "if validation is due at this step:":
            step = epoch * batches + batch + 1
            fired += walk(each, **at) if validates == "2 steps" and step % 2 == 0 else []
        elif each.text == "evaluate":
            inner = {"validates": "", "batches": BATCHES_OF_VALIDATION, "nested": True}
            fired += walk(LOOPS["evaluate"], **inner)
        else:
            assert each.text.startswith("..."), f"the drawing in hooks.py has a line that means nothing: {each.text!r}"
    return fired


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


def model() -> Any:
    made = kibitz.Sequential([kibitz.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def recorded(loop: str, *, validates: str = "") -> Recorder:
    recorder = Recorder()
    if loop == "fit":
        held = (X[:3], Y[:3]) if validates else None
        freq = 1 if validates == "epoch" else validates or 1
        model().fit(
            X, Y, batch_size=2, epochs=EPOCHS, verbose=0, validation_data=held, validation_freq=freq,
            callbacks=[recorder],
        )  # fmt: skip
    elif loop == "evaluate":
        model().evaluate(X, Y, batch_size=2, verbose=0, callbacks=[recorder])
    else:
        model().predict(X, batch_size=2, verbose=0, callbacks=[recorder])
    return recorder


@pytest.mark.parametrize(
    ("loop", "validates"),
    [("fit", ""), ("fit", "epoch"), ("fit", "2 steps"), ("evaluate", ""), ("predict", "")],
    ids=["fit", "fit with validation", "fit with validation by steps", "evaluate", "predict"],
)
def test_a_run_fires_the_hooks_that_are_drawn_in_the_order_that_is_drawn(loop, validates):
    assert recorded(loop, validates=validates).order == walk(LOOPS[loop], validates=validates, batches=BATCHES)


@pytest.mark.parametrize("loop", LOOPS)
def test_hooks_are_given_what_the_drawing_says(loop):
    for hook, _, given in recorded(loop, validates="epoch").seen:
        drawn = (DRAWN[loop] | DRAWN["evaluate"])[hook]
        if "{}" in drawn.comment:
            assert given == {}, hook
        elif "outputs" in drawn.comment:
            assert list(given) == ["outputs"], hook
        elif "val_*" in drawn.comment:
            assert list(given) == ["loss", "val_loss"], hook
        elif "(logs" in drawn.text or ", logs" in drawn.text:
            assert "loss" in given, hook


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
