"""Whole runs written down: every hook in its order, for each of the four endings, with what was asked for in between.

Two epochs of three batches; validation, of two batches, is due every two steps. At step 4, where it is due, a callback
asks for an evaluation, a save and a flush besides, in the wrong order.
"""

from __future__ import annotations

import contextlib
import textwrap

import pytest

from kibitz.callbacks import Callback
from kibitz.testing import Recorder
from tests.runs.small import X, Y, fit


class Transcript(Recorder):
    """Hooks as text, one line a hook, and the numbers as the names that they have."""

    def save_now(self, logs):
        self._note("save", logs)

    def flush(self):
        self._note("flush")

    @property
    def text(self):
        return "\n".join(self._line(*call) for call in self.calls)

    @staticmethod
    def _line(hook, *given):
        shown = [" ".join(each) or "-" if isinstance(each, dict) else str(each) for each in given]
        inner = "        " if "test" in hook or hook in {"save", "flush"} else "    " if "batch" in hook else ""
        return f"{inner}{hook.removeprefix('on_')} {' '.join(shown)}".rstrip()


class Hand(Callback):
    """Asks for all there is at step 4, and then does what ends the run there, or lets it go on."""

    def __init__(self, end):
        super().__init__()
        self.end = end

    def on_train_batch_end(self, batch, logs=None):
        if self.run.step == 4:
            self.run.flush()
            self.run.save()
            self.run.evaluate()
            self.end(self)


def transcript(end, raised=None):
    record = Transcript()
    with pytest.raises(raised) if raised else contextlib.nullcontext():
        fit(Hand(end), record, x=X[:12], y=Y[:12], validation_data=(X[:8], Y[:8]), validation_batch_size=4,
            validation_freq="2 steps")  # fmt: skip
    return record.text


def written(text):
    return textwrap.dedent(text).strip()


FIRST = """
    train_begin -
    epoch_begin 0 -
        train_batch_begin 0 -
        train_batch_end 0 loss mae
        train_batch_begin 1 -
            test_begin -
            test_batch_begin 0 -
            test_batch_end 0 loss mae
            test_batch_begin 1 -
            test_batch_end 1 loss mae
            test_end loss mae
        train_batch_end 1 loss mae val_loss val_mae
        train_batch_begin 2 -
        train_batch_end 2 loss mae
    epoch_end 0 loss mae val_loss val_mae
    epoch_begin 1 -
        train_batch_begin 0 -
            test_begin -
            test_batch_begin 0 -
            test_batch_end 0 loss mae
            test_batch_begin 1 -
            test_batch_end 1 loss mae
            test_end loss mae
        train_batch_end 0 loss mae val_loss val_mae
"""
"""Up to the end of step 4, as everybody sees it."""

ASKED = """
            test_begin -
            test_batch_begin 0 -
            test_batch_end 0 loss mae
            test_batch_begin 1 -
            test_batch_end 1 loss mae
            test_end loss mae
            save loss mae val_loss val_mae
            flush
"""


def parts(*texts):
    return written("\n".join(text.strip("\n") for text in texts))


def test_a_completed_run():
    assert transcript(lambda hand: None) == parts(FIRST, ASKED, """
        train_batch_begin 1 -
        train_batch_end 1 loss mae
        train_batch_begin 2 -
            test_begin -
            test_batch_begin 0 -
            test_batch_end 0 loss mae
            test_batch_begin 1 -
            test_batch_end 1 loss mae
            test_end loss mae
        train_batch_end 2 loss mae val_loss val_mae
    epoch_end 1 loss mae val_loss val_mae
    train_end loss mae val_loss val_mae
    run_end completed
    """)  # fmt: skip


def test_a_run_that_is_stopped():
    assert transcript(lambda hand: hand.run.stop("seen enough")) == parts(FIRST, ASKED, """
    epoch_end 1 loss mae val_loss val_mae
    train_end loss mae val_loss val_mae
    run_end stopped by Hand: seen enough
    """)  # fmt: skip


def test_a_run_that_is_stopped_at_once():
    assert transcript(lambda hand: hand.run.stop("seen enough", now=True)) == parts(FIRST, ASKED, """
    train_end loss mae
    run_end stopped by Hand: seen enough
    """)  # fmt: skip


def raises(error):
    def end(hand):
        raise error

    return end


REACHED = FIRST.rstrip().removesuffix("train_batch_end 0 loss mae val_loss val_mae").rstrip()
"""Up to step 4, where the hand stands before whoever writes this down."""


def test_a_run_that_is_interrupted():
    assert transcript(raises(KeyboardInterrupt()), KeyboardInterrupt) == parts(REACHED, """
    run_end interrupted by Hand: KeyboardInterrupt
    """)  # fmt: skip


def test_a_run_that_fails():
    assert transcript(raises(ZeroDivisionError("no")), ZeroDivisionError) == parts(REACHED, """
    run_end failed by Hand: ZeroDivisionError: no
    """)  # fmt: skip
