"""A stretch is read as it is meant, or refused with what there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kibitz.errors import InvalidArgument, WrongType
from kibitz.replay.stretch import Stretch

ENDS = {2: (0, 40), 3: (40, 80), 4: (80, 120), 5: (120, 130)}  # a run that began with epoch 2, and was left in epoch 5


def read(*given, **named):
    stretch = Stretch.read(*given, **{"last": 130, "ends": ENDS, **named})
    return stretch.start, stretch.stop


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ("30:50", (30, 50)),
        (" 30 : 50 ", (30, 50)),
        ("30", (30, 31)),
        ("30:", (30, 130)),
        (":20", (0, 20)),
        ("-20:", (110, 130)),
        ("-20:-10", (110, 120)),
        ("-1", (129, 130)),
        ("all", (0, 130)),
        (" all ", (0, 130)),
        (":", (0, 130)),
        (None, (0, 130)),
        (30, (30, 31)),
        (-1, (129, 130)),
        (np.int64(30), (30, 31)),
        ((30, 50), (30, 50)),
        ([30, 50], (30, 50)),
        ((30, None), (30, 130)),
        ((None, 20), (0, 20)),
        (range(30, 50), (30, 50)),
        (range(20), (0, 20)),
        (slice(30, 50), (30, 50)),
        (slice(None), (0, 130)),
        ("0:130", (0, 130)),
    ],
)
def test_steps_are_read_as_python_reads_a_slice(steps, wanted):
    assert read(steps) == wanted


@pytest.mark.parametrize("written", ["8,300:8,320", "8_300:8_320", "8300:8320"])
def test_large_numbers_may_be_written_as_kibitz_writes_them(written):
    assert read(written, last=10_000) == (8300, 8320)


@pytest.mark.parametrize(
    ("epochs", "wanted"),
    [("3:5", (40, 120)), ("3", (40, 80)), (3, (40, 80)), ("5", (120, 130)), ("4:", (80, 130)), (":4", (0, 80)),
     ("-1", (120, 130)), ("-2:", (80, 130)), ("all", (0, 130)), (range(3, 5), (40, 120)), ((2, 6), (0, 130))],
)  # fmt: skip
def test_epochs_are_read_as_steps_are_and_are_the_steps_of_these_epochs(epochs, wanted):
    assert read(epochs=epochs) == wanted


@pytest.mark.parametrize("steps", ["130", "130:", "120:131", "-131", "-131:5", "200:300", 130, range(200)])
def test_beyond_the_run_is_refused_with_what_there_is(steps):
    with pytest.raises(InvalidArgument, match="The run has no such steps") as raised:
        read(steps)
    assert raised.value.there_is == ["steps 0 to 129, which are 130"]
    assert raised.value.cure == 'steps="110:130"'


@pytest.mark.parametrize("epochs", ["6", "1", "0:4", "5:7", "-5"])
def test_epochs_that_the_run_did_not_do_are_refused_with_those_that_it_did(epochs):
    with pytest.raises(InvalidArgument, match="no such epochs") as raised:
        read(epochs=epochs)
    assert raised.value.there_is == ["epochs 2 to 5, which are 4"]
    assert raised.value.cure == 'epochs="2:6"'


@pytest.mark.parametrize(
    ("steps", "cure"),
    [
        ("50:30", "30:50"),
        ("30:30", "30:31"),
        ("-5:-20", "110:125"),
        (range(7, 7), "7:8"),
        ((9, 2), "2:9"),
        (":0", "0:1"),
    ],
)
def test_a_stretch_without_a_step_is_refused_and_the_cure_can_be_read(steps, cure):
    with pytest.raises(InvalidArgument, match="holds none of the steps") as raised:
        read(steps)
    assert raised.value.cure == f'steps="{cure}"'
    read(cure)


@pytest.mark.parametrize(
    ("written", "cure"),
    [("", None), ("  ", None), ("a:b", None), ("30:50:2", None), ("3.5", None), ("1e3:", None), ("0x10", None),
     ("30-50", 'steps="30:50"'), ("30..50", 'steps="30:50"'), ("8,300 - 8,320", 'steps="8,300:8,320"'),
     ("30 50", 'steps="30:50"'), ("30 to 50", 'steps="30:50"'),
     ("--3", None), ("8,30:8,400", None), ("all:", None), ("ALL", None), ("\u0663:\u0665", None), ("9" * 5000, None)],
)  # fmt: skip
def test_a_text_that_is_no_stretch_is_refused(written, cure):
    with pytest.raises(InvalidArgument, match="names no steps of a run") as raised:
        read(written)
    assert '"8300:8320"' in raised.value.wanted
    assert raised.value.cure == (cure or 'steps="8300:8320"')


@pytest.mark.parametrize(
    "given",
    [3.5, True, {"a": 1}, {3, 4}, (3,), (3, 4, 5), (True, 3), ("3", "5"), range(0, 9, 2), slice(0, 9, 3), object],
)
@pytest.mark.parametrize("name", ["steps", "epochs"])
def test_what_is_no_stretch_at_all_is_refused_by_its_kind(name, given):
    with pytest.raises(WrongType) as raised:
        read(**{name: given})
    assert raised.value.cure == ('steps="8300:8320"' if name == "steps" else 'epochs="3:5"')


def test_steps_and_epochs_together_are_refused():
    with pytest.raises(InvalidArgument, match="these are both") as raised:
        read("3", "3")
    assert str(raised.value.given) == 'steps="3", epochs="3"'


@pytest.mark.parametrize("named", [{}, {"steps": "all"}, {"epochs": "all"}, {"steps": "5:9"}])
def test_a_run_without_a_step_has_no_stretch(named):
    with pytest.raises(InvalidArgument, match="did not do one step") as raised:
        Stretch.read(**named, last=0)
    name, written = next(iter(named.items()), ("steps", "all"))
    assert str(raised.value.given) == f'{name}="{written}"'


def test_what_there_is_is_told_of_one_too():
    with pytest.raises(InvalidArgument) as raised:
        Stretch.read("3", last=1)
    assert raised.value.there_is == ["step 0 alone"]


def test_where_nothing_is_known_of_epochs_there_are_none():
    with pytest.raises(InvalidArgument, match="has no epochs") as raised:
        Stretch.read(epochs="3", last=10)
    assert raised.value.there_is == []


def test_it_is_told_in_words():
    assert str(Stretch(8300, 8320)) == "steps 8,300 to 8,319"
    assert str(Stretch(8300, 8301)) == "step 8,300"


bounds = st.none() | st.integers(-40, 40)


@given(bounds, bounds, st.integers(1, 30))
def test_what_python_would_slice_is_what_is_meant(start, stop, last):
    """A stretch within the run is the slice; one that Python would cut short or leave empty is refused."""
    inside = all(bound is None or -last <= bound <= last for bound in (start, stop)) and start != last
    wanted = range(last)[start:stop]
    texts = "" if start is None else start, "" if stop is None else stop
    for written in ((start, stop), f"{texts[0]}:{texts[1]}", slice(start, stop)):
        if inside and wanted:
            stretch = Stretch.read(written, last=last)
            assert [step for step in range(last + 2) if step in stretch] == list(wanted)
            assert len(stretch) == len(wanted)
        else:
            with pytest.raises(InvalidArgument):
                Stretch.read(written, last=last)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=9), st.integers(0, 5), st.data())
def test_epochs_are_the_steps_that_they_had(lengths, first, data):
    ends, behind = {}, 0
    for number, length in enumerate(lengths, first):
        ends[number] = (behind, behind + length)
        behind += length
    start, stop = (data.draw(st.integers(first, first + len(lengths))) for _ in "ab")
    assume(start < stop)
    stretch = Stretch.read(epochs=(start, stop), ends=ends, last=behind)
    assert [*range(stretch.start, stretch.stop)] == [
        step for number in range(start, stop) for step in range(*ends[number])
    ]


@given(st.text("0123456789:-_, al", max_size=12) | st.text(max_size=8), st.integers(0, 200))
def test_any_text_is_a_stretch_of_the_run_or_refused(written, last):
    try:
        stretch = Stretch.read(written, last=last)
    except InvalidArgument:
        return
    assert 0 <= stretch.start < stretch.stop <= last
