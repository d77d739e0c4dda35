"""Names that mean something to a browser, a terminal, a table program or a formatter, wherever Kibitz writes names."""

from __future__ import annotations

import csv
import io
import json
import sys
from html.parser import HTMLParser

import pytest

import kibitz as keras
from kibitz import callbacks
from kibitz.cli import main
from kibitz.errors import InvalidArgument
from tests.durable.program import X, Y

PRINTABLE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "{0.__class__}",
    "%n%s%s",
    "=1+1",
    "@SUM(A1)",
    '"><b',
    "[red]x[/red]",
    "${x}",
    "../../etc/passwd",
]
STEERING = [
    "\x1b[2J",
    "\x1b]8;;http://evil\x07x",
    "a\nb",
    "a\rb",
    "a\tb",
    "\u202egpj.exe",
    "\u2028",
    "\x00",
    "\x9b2J",
    "x" * 5000,
]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Adds(callbacks.Callback):
    """Puts numbers under these names into the logs, as a data supplier's column names may get there."""

    def __init__(self, names: list[str]):
        super().__init__()
        self.names = self.adds = tuple(names)

    def on_epoch_end(self, epoch, logs=None):
        logs.update(dict.fromkeys(self.names, 1.5))


def fit(names: list[str], tmp_path, *more, **given) -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(6,))])
    metrics = [keras.metrics.MeanSquaredError(name=name) for name in names if name in PRINTABLE]
    model.compile("sgd", "mse", metrics=metrics)
    listed = [Adds([name for name in names if name not in PRINTABLE]), *more]
    model.fit(X[:16], Y[:16], batch_size=8, callbacks=listed, **{"epochs": 1, "verbose": 0, **given})


@pytest.mark.parametrize("name", STEERING)
def test_a_metric_cannot_be_called_so(name):
    with pytest.raises(InvalidArgument, match="printable characters"):
        keras.metrics.Mean(name=name)


@pytest.mark.parametrize("terminal", [Terminal, io.StringIO])
def test_no_name_steers_the_terminal(terminal, tmp_path, monkeypatch):
    def steers(names: list[str]) -> set[str]:
        out = terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            fit(names, tmp_path, epochs=1, verbose=1)
        text = out.getvalue()
        for name in names:
            assert (name if name.isprintable() else name.encode("unicode_escape").decode()[:8]) in text or len(
                name
            ) > 80
        return {each for each in text if not each.isprintable()}

    own = steers([])
    assert steers([*PRINTABLE, *STEERING[:-1]]) <= own
    assert "\x1b]8" not in "".join(own)


def test_a_table_has_them_as_text(tmp_path):
    fit([*PRINTABLE, *STEERING], tmp_path, callbacks.CSVLogger(tmp_path / "log.csv"))
    with (tmp_path / "log.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert len(header) == len(row)
    assert not [cell for cell in header if cell.startswith(("=", "@", "+", "-"))]
    assert {cell.removeprefix("'") for cell in header} >= {name for name in (*PRINTABLE, *STEERING) if "\r" not in name}


def test_json_has_them_as_text(tmp_path, monkeypatch):
    posted: list[bytes] = []

    class Opener:
        def open(self, request, timeout=None):
            posted.append(request.data)
            raise OSError("nobody")

    monkeypatch.setattr("kibitz.callbacks.remote_monitor.build_opener", lambda *_: Opener())
    with pytest.warns(UserWarning, match="RemoteMonitor"):
        fit([*PRINTABLE, *STEERING], tmp_path, callbacks.RemoteMonitor(send_as_json=True))
    assert set(json.loads(posted[0])) >= {*PRINTABLE, *STEERING}


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


def test_event_files_and_what_lies_beside_them_have_them_as_text(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    pytest.importorskip("tensorboard")
    before = {each.name for each in tmp_path.iterdir()}
    fit(PRINTABLE, tmp_path, callbacks.TensorBoard(tmp_path / "board"))
    assert {each.name for each in tmp_path.iterdir()} - before == {"board"}
    events = EventAccumulator(str(tmp_path / "board" / "train"))
    events.Reload()
    assert {f"epoch_{name}" for name in PRINTABLE} <= set(events.Tags()["tensors"])
    # There is no page of Kibitz's own: whatever it writes besides events is no HTML.
    for path in (tmp_path / "board").rglob("*"):
        if path.is_file() and ".tfevents." not in path.name:
            elements = Elements()
            elements.feed(path.read_text(encoding="utf-8", errors="replace"))
            assert elements.found == []


def test_a_run_that_is_shown_has_them_as_text(tmp_path, capsys):
    fit([*PRINTABLE, *STEERING[:-1]], tmp_path, run=tmp_path / "run")
    assert main(["runs", "show", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert {each for each in out if not each.isprintable()} <= {"\n"}
    assert "<img src=x onerror=alert(1)>" in out


@pytest.mark.parametrize("name", ["<img src=x>", "{0.__class__}", "%n"])  # the others a program would have to write
def test_a_class_of_any_name_is_noted_as_it_is_called(name, tmp_path):
    def raises(self, epoch, logs=None):
        raise ValueError("of a program")

    odd = type(name, (callbacks.Callback,), {"on_epoch_end": raises, "adds": ()})()
    with pytest.raises(ValueError, match="of a program") as raised:
        fit([], tmp_path, odd)
    assert any(".on_epoch_end" in each for each in raised.value.__notes__)
    assert all(each.isprintable() for each in raised.value.__notes__)
