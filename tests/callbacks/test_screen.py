"""Drawing in a terminal and in a notebook: what a person sees, and that what others print does not break it."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pty
import re
import sys
import types

import pytest

from kibitz.callbacks import screen as screen_file
from kibitz.callbacks.progbar import Progbar
from kibitz.callbacks.screen import Above, Lines, Screen, screen


class Terminal:
    """A real terminal in place of standard output, and what stands on it."""

    def __init__(self, columns):
        import fcntl
        import struct
        import termios

        self.reader, writer = pty.openpty()
        fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.columns, self.raw = columns, b""
        self.file = os.fdopen(writer, "w", encoding="utf-8")

    def take(self):
        self.file.flush()
        os.set_blocking(self.reader, False)
        while True:
            try:
                chunk = os.read(self.reader, 65536)
            except (BlockingIOError, OSError):
                return self.raw.decode()
            self.raw += chunk

    def seen(self):
        """The lines on the screen: as much of a terminal as is used here."""
        lines, row, column = [""], 0, 0
        for code, char in re.findall(r"\x1b\[([0-9;]*[A-Za-z])|(.)", self.take(), re.DOTALL):
            if code == "K":
                lines[row] = lines[row][:column]
            elif code.endswith("m") or (not code and char == ""):
                continue
            elif code:
                raise AssertionError(f"an unknown code: {code!r}")
            elif char == "\n":
                row, lines = row + 1, [*lines, ""]
            elif char == "\r":
                column = 0
            else:
                line = lines[row].ljust(column)
                lines[row] = line[:column] + char + line[column + 1 :]
                column += 1
        return [line.rstrip() for line in lines]

    def close(self):
        self.file.close()
        os.close(self.reader)


@pytest.fixture
def environment(monkeypatch):
    for name in ("CI", "NO_COLOR", "COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def terminal(environment, request):
    made = Terminal(columns=getattr(request, "param", 80))
    yield made
    made.close()


def in_terminal(test):
    """Run a test with its terminal as standard output: pytest takes that for itself whenever a test begins."""

    @functools.wraps(test)
    def run(**fixtures):
        with contextlib.redirect_stdout(fixtures["terminal"].file):
            try:
                test(**fixtures)
            finally:
                if Screen.drawn is not None:
                    Screen.drawn.close()

    return run


def drawn(bar, current, loss=1.0, **named):
    bar.interval = 0
    bar.update(current, [("loss", loss)], **named)


@in_terminal
def test_one_line_is_drawn_over_itself_and_the_last_stays(terminal):
    bar = Progbar(4, stateless_metrics=[])
    for step in range(1, 5):
        drawn(bar, step, 1.0 / step)
        if step == 2:
            (line,) = terminal.seen()
            assert re.fullmatch(r"2/4 ━{20} 0s \d+[mu]s/step - loss: 0\.5000", line)

    last, empty = terminal.seen()
    assert re.fullmatch(r"4/4 ━{20} 0s \d+[mu]s/step - loss: 0\.2500", last)
    assert empty == ""


@in_terminal
def test_what_is_done_has_another_colour_than_what_is_not(terminal):
    drawn(Progbar(4), 1)

    assert "\x1b[32m━━━━━\x1b[0m\x1b[90m" + "━" * 15 in terminal.take()
    assert "\x1b[1m1/4\x1b[0m" in terminal.take()


@in_terminal
def test_nothing_is_cleared_before_it_is_drawn_anew(terminal):
    bar = Progbar(4)
    drawn(bar, 1)
    drawn(bar, 2)

    # A line that is cleared first flickers: it is written over, and only what is left of the old one is cleared.
    assert "\x1b[2K" not in terminal.take()
    assert re.search(r"\r\x1b\[1m2/4.*\x1b\[K$", terminal.take())


@in_terminal
def test_it_is_drawn_at_most_every_so_many_seconds(terminal):
    bar = Progbar(1000, interval=60)
    for step in range(1, 1000):
        bar.update(step, [("loss", 1.0)])

    assert terminal.take().count("\r") == 1


@in_terminal
def test_what_is_printed_meanwhile_appears_above(terminal):
    bar = Progbar(4, stateless_metrics=[])
    drawn(bar, 1)
    print("hello [bold]world[/bold]")
    print("two", "lines", sep="\n")
    drawn(bar, 4)

    lines = terminal.seen()
    assert lines[:3] == ["hello [bold]world[/bold]", "two", "lines"]
    assert lines[3].startswith("4/4 ━")
    assert len(lines) == 5


@in_terminal
def test_a_long_printed_line_is_not_broken(terminal):
    drawn(Progbar(4), 1)
    print("x" * 200)

    assert "x" * 200 in terminal.take()


@in_terminal
def test_a_line_that_is_printed_in_parts_is_whole(terminal):
    bar = Progbar(4)
    drawn(bar, 1)
    print("a ", end="")
    print("b ", end="")
    drawn(bar, 2)
    print("c")

    assert terminal.seen()[0] == "a b c"


@in_terminal
def test_a_question_is_seen_before_its_answer(terminal):
    bar = Progbar(4)
    drawn(bar, 1)
    print("go on? ", end="", flush=True)
    assert terminal.seen() == ["go on?"]
    drawn(bar, 2)

    assert terminal.seen()[0] == "go on?"
    assert terminal.seen()[1].startswith("2/4 ━")


@in_terminal
def test_the_rest_of_a_line_follows_its_beginning(terminal):
    drawn(Progbar(4), 1)
    print("go on? ", end="", flush=True)
    print("yes")

    assert terminal.seen() == ["go on? yes", ""]


@in_terminal
def test_what_was_begun_and_not_ended_is_not_lost(terminal):
    bar = Progbar(4)
    drawn(bar, 1)
    print("half a line", end="")
    drawn(bar, 4)

    assert "half a line" in "".join(terminal.seen())


@in_terminal
def test_warnings_appear_above_too(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal.file)
    drawn(Progbar(4), 1)
    print("careful", file=sys.stderr)

    lines = terminal.seen()
    assert lines[0] == "careful"
    assert lines[1].startswith("1/4 ━")


@in_terminal
def test_an_error_stream_that_goes_elsewhere_is_left_alone(terminal, monkeypatch):
    elsewhere = io.StringIO()
    monkeypatch.setattr(sys, "stderr", elsewhere)
    drawn(Progbar(4), 1)
    print("careful", file=sys.stderr)

    assert elsewhere.getvalue() == "careful\n"


@in_terminal
def test_standard_output_is_given_back_at_the_end(terminal):
    bar = Progbar(2)
    drawn(bar, 1)
    stand_in = sys.stdout
    assert isinstance(stand_in, Above)
    assert (stand_in.isatty(), stand_in.encoding, stand_in.fileno()) == (True, "utf-8", terminal.file.fileno())
    drawn(bar, 2)

    assert sys.stdout is terminal.file
    print("kept too long", file=stand_in)
    assert terminal.seen()[-2:] == ["kept too long", ""]


@in_terminal
def test_close_leaves_the_bar_as_it_stands(terminal):
    bar = Progbar(4)
    drawn(bar, 2)
    bar.close()
    bar.close()
    print("after")

    lines = terminal.seen()
    assert lines[0].startswith("2/4 ━")
    assert lines[1:] == ["after", ""]
    assert sys.stdout is terminal.file


@in_terminal
@pytest.mark.parametrize(("arguments", "loss"), [({}, 3.0), ({"stateless_metrics": []}, 5.0)])
def test_close_shows_how_far_it_came_since_it_was_last_drawn(terminal, arguments, loss):
    bar = Progbar(10, interval=60, **arguments)
    for step in range(1, 6):
        bar.update(step, [("loss", float(step))])
    bar.close()

    line, _ = terminal.seen()
    assert line.startswith("5/10".rjust(5) + " ━")
    assert line.endswith(f" - loss: {loss:.4f}")


@in_terminal
def test_a_bar_within_a_bar_takes_its_place_until_it_is_done(terminal):
    outer, inner = Progbar(4), Progbar(2)
    drawn(outer, 1)
    drawn(inner, 1)
    drawn(inner, 2)
    drawn(outer, 2)
    drawn(outer, 4)

    lines = terminal.seen()
    assert [line[:5] for line in lines] == ["2/2 ━", "4/4 ━", ""]
    assert sys.stdout is terminal.file


@pytest.mark.parametrize("terminal", [40], indirect=True)
@in_terminal
def test_in_a_narrow_terminal_a_line_is_cut_while_it_moves_and_whole_at_the_end(terminal):
    bar = Progbar(2, stateless_metrics=[])
    values = [("loss", 1.0), ("accuracy", 0.5)]
    bar.update(1, values)
    (line,) = terminal.seen()
    assert len(line) == 39
    assert line.endswith("…")
    bar.update(2, values)

    assert terminal.seen()[0].endswith(" - loss: 1.0000 - accuracy: 0.5000")


@in_terminal
def test_an_unknown_length_is_called_so_and_the_time_that_went_by_is_shown(terminal):
    drawn(Progbar(None), 3)

    assert re.fullmatch(r"      3/Unknown 0s \d+[mu]s/step - loss: 1\.0000", terminal.seen()[0])


def test_an_alphabet_without_blocks_has_others(environment, monkeypatch):
    class Ascii(io.StringIO):
        encoding = "ascii"

        def isatty(self):
            return True

    with contextlib.redirect_stdout(Ascii()) as out:
        drawn(Progbar(2), 2)

    assert "=" * 20 in out.getvalue()


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("NO_COLOR", "1"), ("TERM", "dumb")])
@in_terminal
def test_where_control_codes_are_unwelcome_there_are_lines(terminal, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    bar = Progbar(2)
    drawn(bar, 1)
    drawn(bar, 2)

    assert re.fullmatch(r"2/2 - 0s - \d+[mu]s/step - loss: 1\.0000\r\n", terminal.take())


def test_without_standard_output_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    bar = Progbar(2)
    drawn(bar, 2)

    assert isinstance(screen(0.0), Lines)


class Notebook:
    kernel = object()


def test_in_a_notebook_one_line_of_text_is_drawn_over_itself(environment, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=Notebook))
    bar = Progbar(2, stateless_metrics=[])
    drawn(bar, 1, 1e-9)
    print("hello")
    drawn(bar, 2, 0.5)

    written = out.getvalue()
    assert "\x1b" not in written
    assert written.endswith("\n")
    shown = [line.split("\r")[-1].rstrip() for line in written.split("\n")]
    assert shown[0] == "hello"
    assert re.fullmatch(r"2/2 ━{20} 0s \d+[mu]s/step - loss: 0\.5000", shown[1])


def test_a_shorter_line_in_a_notebook_leaves_nothing_of_the_longer():
    out = io.StringIO()
    place = Screen(out, styled=False)
    place.draw([("a long line", "")])
    place.draw([("short", "")])
    place.close()

    assert out.getvalue() == "\ra long line\rshort      \n"


def test_an_ipython_shell_without_a_kernel_is_no_notebook(environment, monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=object))
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert isinstance(screen(0.0), Lines)


def test_rich_is_not_loaded_where_nothing_is_drawn():
    import subprocess

    code = (
        "import sys; from kibitz.callbacks.progbar import Progbar; Progbar(1).update(1); "
        "sys.exit('rich' in sys.modules or 'jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0


@in_terminal
def test_a_bar_that_nobody_closed_gives_the_terminal_back_at_exit(terminal, monkeypatch):
    left = []
    monkeypatch.setattr(screen_file.atexit, "register", left.append)
    drawn(Progbar(4), 1)

    left[0]()

    assert (Screen.drawn, sys.stdout) == (None, terminal.file)
