"""Progbar: the words and numbers, live beside Keras's; plain lines where nothing can be drawn."""

from __future__ import annotations

import contextlib
import io
import re
import time

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kibitz.callbacks.progbar import Progbar
from kibitz.callbacks.progress_words import count, pace, remaining, shown
from kibitz.errors import InvalidArgument
from tests.drawn import examples

CODES = re.compile(r"\x1b\[\d*m|\x08+|\r")


class Clock:
    """The time, moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


def play(module, clock, seconds, updates, **arguments):
    clock.now = 1000.0
    bar = module(**arguments)
    for current, values, finalize in updates:
        clock.now += seconds
        bar.update(current, values, finalize)


numbers = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1e-3, 1.0001e-3, -1e-3, 1e-9, float("nan"), float("inf")])


@examples(60)
@given(
    seconds=st.sampled_from([0.0, 2e-5, 0.003, 0.5, 1.5, 70.0]),
    target=st.integers(1, 120),
    numbers=st.lists(numbers, min_size=2, max_size=6),
    kind=st.sampled_from(["average", "as it is", "listed"]),
)
def test_verbose_2_prints_what_kerass_prints_byte_for_byte(seconds, target, numbers, kind):
    named = {"average": {}, "as it is": {"stateless_metrics": []}, "listed": {"stateful_metrics": ["loss"]}}[kind]
    values = [[("loss", each), ("mae", each / 3)] for each in numbers]
    updates = [(step + 1, each, False) for step, each in enumerate(values[:-1])] + [(target, values[-1], True)]
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(time, "time", clock)
        for module in (Progbar, keras.utils.Progbar):
            with captured() as out:
                play(module, clock, seconds, updates, target=target, verbose=2, **named)
            printed.append(out.getvalue())

    assert printed[0] == printed[1]
    assert printed[0].endswith("\n")


def captured():
    return contextlib.redirect_stdout(io.StringIO())


def test_what_keras_cannot_show_is_shown(capsys):
    Progbar(1, verbose=2).update(
        1, [("stage", "warming up"), ("each", np.array([1.0, 3.0])), ("none", None), ("d", {})]
    )

    line = capsys.readouterr().out
    assert line.endswith(" - stage: warming up - each: 2.0000 - none: None - d: {}\n")


@pytest.mark.parametrize(("updates", "mean"), [([1.0, 2.0], 1.5), ([3.0, 3.0, 0.0], 2.0)])
def test_numbers_are_averaged_over_the_steps_until_the_last_update(updates, mean, capsys, monkeypatch):
    drawn = []
    bar = Progbar(10, verbose=1)
    monkeypatch.setattr("kibitz.callbacks.screen.SECONDS_BETWEEN_LINES", 0)
    for step, value in enumerate(updates):
        bar.interval = 0
        bar.update(step + 1, [("loss", value)])
        drawn.append(capsys.readouterr().out)
    assert drawn[-1].endswith(f" - loss: {mean:.4f}\n")

    bar.update(10, [("loss", 7.0)])
    assert capsys.readouterr().out.endswith(" - loss: 7.0000\n")


def test_add_counts_on(capsys):
    bar = Progbar(3, verbose=2)
    bar.add(1, [("loss", 1.0)])
    bar.add(2, [("loss", 4.0)])

    assert capsys.readouterr().out.startswith("3/3 - 0s - ")


def test_verbose_0_is_silent(capsys):
    bar = Progbar(2, verbose=0)
    bar.update(1, [("loss", 1.0)])
    bar.update(2, [("loss", 1.0)], finalize=True)

    assert capsys.readouterr().out == ""


def test_verbose_2_without_a_target_is_silent_as_in_keras(capsys):
    for module in (Progbar, keras.utils.Progbar):
        module(None, verbose=2).update(2, [("loss", 1.0)], finalize=True)

    assert capsys.readouterr().out == ""


def test_in_a_pipe_there_is_one_plain_line_at_the_end(clock, capsys):
    play(Progbar, clock, 0.098, [(1, [("loss", 5.0)], None), (2, [("loss", -4.6892)], None)], target=2)

    assert capsys.readouterr().out == "2/2 - 0s - 98ms/step - loss: -4.6892\n"


def test_in_a_pipe_a_long_loop_says_something_every_ten_seconds(clock, capsys):
    play(Progbar, clock, 3.0, [(step, [("loss", 1.0)], None) for step in range(1, 11)], target=10)

    assert capsys.readouterr().out.splitlines() == [
        " 4/10 - ETA 18s - 3s/step - loss: 1.0000",
        " 8/10 - ETA 6s - 3s/step - loss: 1.0000",
        "10/10 - 30s - 3s/step - loss: 1.0000",
    ]


def test_an_unknown_length_is_called_so(clock, capsys):
    play(Progbar, clock, 11.0, [(1, [("loss", 1.0)], None), (2, [("loss", 1.0)], True)], target=None)

    assert capsys.readouterr().out == (
        "      1/Unknown - 11s - 11s/step - loss: 1.0000\n      2/Unknown - 22s - 11s/step - loss: 1.0000\n"
    )


def test_one_list_of_metrics_says_all():
    with pytest.raises(InvalidArgument) as raised:
        Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])

    assert raised.value.wanted == "one of the two"


def test_the_unit_is_named(capsys):
    Progbar(1, verbose=2, unit_name="sample").update(1)

    assert capsys.readouterr().out.endswith("s/sample\n")


@pytest.mark.parametrize("seconds", [0.0, 0.2, 59.9, 60.0, 60.5, 61.0, 3599.0, 3600.0, 3600.5, 3661.7, 90000.0])
@pytest.mark.parametrize("target", [7, 1000])
def test_counts_and_remaining_times_are_kerass(seconds, target, clock):
    with captured() as out:
        play(keras.utils.Progbar, clock, seconds / (target - 1), [(1, [], False)], target=target)
    written = CODES.sub("", out.getvalue()).strip("\n")

    assert written.startswith(count(1, target) + " ━")
    eta = re.search(r"━ (\S+) (\S+)$", written)
    step = seconds / (target - 1)
    assert (eta[1], eta[2]) == (remaining((clock.now - 1000.0) * (target - 1)), pace(clock.now - 1000.0, "step"))
    assert abs(step - (clock.now - 1000.0)) < 1e-9


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (1.0, True, "1.0000"),
        (1e-3, True, "1.0000e-03"),
        (-2.0, True, "-2.0000"),
        (-2.0, False, "-2.0000e+00"),
        (0.0, True, "0.0000e+00"),
        (float("nan"), True, "nan"),
        (np.float32(0.5), True, "0.5000"),
        (3, True, "3.0000"),
        (True, True, "1.0000"),
        ("3", True, "3"),
        (None, True, "None"),
        (np.array([[1.0, 2.0], [3.0, 6.0]]), True, "3.0000"),
    ],
)
def test_values_are_shown_in_four_digits(value, signed, text):
    assert shown(value, signed=signed) == text


def test_kibitz_utils_has_it_too():
    import kibitz

    assert kibitz.utils.Progbar is Progbar
