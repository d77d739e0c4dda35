"""A file name takes numbers, and nothing else; it cannot wander."""

from __future__ import annotations

import numpy as np
import pytest

from kibitz.checkpoint.template import Template
from kibitz.errors import InvalidArgument, UnknownKey, WrongType

VALUES = {"epoch": 3, "batch": 40, "loss": 0.123456, "val_loss": 12.5, "lr": 1e-3, "top-5": 0.25}
LIKE_PYTHON = [
    "model.keras", "{epoch}.keras", "{epoch:02d}-{val_loss:.2f}.keras", "{epoch:03}_{batch:05d}.keras", "{loss}.keras",
    "{lr:e}.keras", "{lr:.1e}.keras", "{loss:g}.keras", "{loss:.1%}.keras", "{loss:+.3f}.keras", "{epoch:>4}.keras",
    "{epoch:x}.keras", "a{{b}}-{epoch}.keras", "{epoch}{epoch}.keras", "../runs/{epoch}.keras", "~/runs/{epoch}.keras",
    "/tmp/../tmp/{epoch}/{batch}.keras", "{top-5:.2f}.keras", "{epoch:=5d}.keras", "{loss:G}-{loss:E}-{loss:F}.keras",
]  # fmt: skip


@pytest.mark.parametrize("text", LIKE_PYTHON)
def test_it_is_filled_as_python_fills_it(text):
    template = Template(text)
    template.check(VALUES)
    assert template.fill(VALUES) == text.format(**VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "{epoch.__class__}.keras", "{epoch.real}.keras", "{logs[loss]}.keras", "{epoch[0]}.keras", "{0}.keras",
        "{}.keras", "{:d}.keras", "{epoch!r}.keras", "{epoch!s}.keras", "{epoch:>999999999}.keras",
        "{epoch:0999999999d}.keras", "{loss:.999999999f}.keras", "{loss:.99f}.keras", "{epoch:{batch}}.keras",
        "{epoch:/>9}.keras", "{epoch:.>9}.keras", "{epoch:,}.keras", "{epoch:c}.keras", "{epoch:s}.keras",
        "{epoch:n}.keras", "{epoch:%Y}.keras", "{epoch.keras", "epoch}.keras", "{epoch}/../../x.keras",
        "{epoch}/../x.keras", "runs/{epoch}/../{batch}.keras", "{ep{och}}.keras",
    ],
)  # fmt: skip
def test_anything_but_a_name_and_a_numbers_format_is_refused_at_once(text):
    with pytest.raises(InvalidArgument, match=r"^ModelCheckpoint cannot use this filepath: [\s\S]*cure"):
        Template(text)


@pytest.mark.parametrize("value", ["../../etc", "a/b", b"x", None, [1.0], np.zeros(2), {"a": 1}, object()])
def test_what_fills_it_is_a_number(value):
    template = Template("{epoch}-{note}.keras")
    with pytest.raises(WrongType, match='"note" cannot be written so'):
        template.fill({"epoch": 1, "note": value})


@pytest.mark.parametrize("value", [1, 2.5, np.float32(0.5), np.array(0.5), np.int64(7), float("nan"), True])
def test_any_number_fills_it(value):
    assert Template("{v:.2f}").fill({"v": value}) == f"{value:.2f}"


def test_a_name_that_will_not_be_there_is_told_with_those_that_will():
    with pytest.raises(UnknownKey) as caught:
        Template("{epoch}-{val_acc:.2f}.keras").check(["epoch", "loss", "val_loss", "val_accuracy"])
    assert str(caught.value).splitlines()[1:4] == [
        "  given    'val_acc'",
        "  there is epoch, loss, val_accuracy, val_loss",
        '  nearest  "val_accuracy"',
    ]
    with pytest.raises(UnknownKey, match="validation_split"):
        Template("{val_loss}.keras").check(["epoch", "loss"])
    with pytest.raises(UnknownKey, match="save_freq=100"):
        Template("{batch}.keras").check(["epoch", "loss"])


def test_a_name_that_somebody_may_yet_add_is_let_pass_until_it_is_needed():
    template = Template("{mine:.2f}.keras")
    template.check(["epoch"], open=True)
    with pytest.raises(KeyError, match='asks for "mine"'):
        template.fill({"epoch": 1})


def test_a_float_that_shall_be_written_as_a_whole_number_is_told_at_once():
    with pytest.raises(InvalidArgument, match=r"\{loss:.2f\}"):
        Template("{loss:d}.keras").check(["epoch", "loss"])
    Template("{epoch:d}-{batch:x}.keras").check(["epoch", "batch"])
