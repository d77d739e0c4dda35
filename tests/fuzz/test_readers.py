"""A few mutated files for every reader, always the same; `make fuzz` is the long form."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.__main__ import NAMES
from tests.fuzz.child import Trial
from tests.fuzz.readers import READERS, Reader

FILES = {"a commit": 12, "a commit in parts": 12, "a model": 8, "weights": 20, "a model as text": 40}
MORE = 60
"""How many files; where a model is made of each, fewer."""

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="folders and links as POSIX has them"),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.mark.parametrize("name", READERS)
def test_whatever_is_wrong_with_a_file_is_told_in_our_words(name, tmp_path, capfd):
    reader, drawn = READERS[name], random.Random(1)
    trial, seeds = Trial(reader, tmp_path), reader.seeds()
    for _ in range(FILES.get(name, MORE)):
        trial(reader.mutated(drawn, seeds))
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err


def test_what_goes_wrong_is_told_once_and_its_file_is_kept(tmp_path, capsys):
    def read(path):
        if b"\xff" in path.read_bytes():
            raise ZeroDivisionError("by a file")

    trial = Trial(Reader("file", lambda: [b"good"], read), tmp_path)
    for data in (b"fine", b"\xff1", b"\xff2"):
        trial(data)
    assert capsys.readouterr().out == "WRONG ZeroDivisionError in no file of Kibitz: by a file\n"
    assert (tmp_path / "wrong-1").read_bytes() == b"\xff1"


def test_the_long_form_knows_all_readers():
    assert list(READERS) == NAMES
