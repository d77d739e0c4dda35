"""CSVLogger: what stands in the file, whatever happens; where Keras is right, byte for byte what Keras writes."""

from __future__ import annotations

import csv
import os
import stat
import tracemalloc

import keras
import numpy as np
import pytest

from kibitz.callbacks import CallbackList, CSVLogger, LearningRateScheduler
from kibitz.errors import InvalidArgument, Unbalanced, UnusableFile, WrongType, describe
from kibitz.testing import Recorder, drive


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.csv"


def log(path, *epochs, start=0, **arguments):
    drive(CSVLogger(path, **arguments), epochs=[{}] * start + list(epochs), start=start)
    return path.read_bytes().decode()


def rows(path, separator=","):
    with path.open(newline="") as file:
        return list(csv.reader(file, delimiter=separator))


@pytest.mark.parametrize(
    "epochs",
    [
        pytest.param([{"loss": 2.5, "val_loss": 1.0}, {"loss": 1 / 3, "val_loss": 1e-9}], id="floats"),
        pytest.param([{"val_loss": 1.0, "loss": 2.0, "accuracy": 0.5}], id="in alphabetical order"),
        pytest.param([{"loss": float("nan"), "val_loss": float("-inf")}], id="not finite"),
        pytest.param([{"loss": np.float32(0.1), "val_loss": np.asarray(3.0)}], id="NumPy's"),
        pytest.param([{"loss": np.array([1.0, 2.5]), "val_loss": [1, 2]}], id="several in a cell"),
        pytest.param([{"loss": "warming up", "val_loss": 'with "quotes", and commas'}], id="words"),
        pytest.param([{"loss": -1.5, "val_loss": None}], id="none"),
        pytest.param([{"loss": 2.0, "val_loss": 1.0}, {"loss": 1.0}], id="a key that is missing later"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_keras_writes_rightly_is_written_so(epochs, separator, path, tmp_path):
    theirs = tmp_path / "theirs.csv"
    drive(keras.callbacks.CSVLogger(theirs, separator=separator), epochs=epochs)

    assert log(path, *epochs, separator=separator) == theirs.read_bytes().decode()


def test_D10_no_column_is_invented(path):
    assert log(path, {"loss": 2.0}, {"loss": 1.0}) == "epoch,loss\r\n0,2.0\r\n1,1.0\r\n"


def test_D10_a_key_that_comes_later_gets_a_column(path):
    written = log(path, {"loss": 2.0}, {"loss": 1.0, "val_loss": 3.0, "accuracy": 0.5}, {"loss": 0.5})

    assert written == "epoch,loss,accuracy,val_loss\r\n0,2.0,NA,NA\r\n1,1.0,0.5,3.0\r\n2,0.5,NA,NA\r\n"


def test_the_file_is_replaced_whole_when_it_grows(path, monkeypatch):
    from kibitz.checkpoint import files

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(UnusableFile, match="No space left"):
        log(path, {"loss": 2.0}, {"loss": 1.0, "val_loss": 3.0})

    assert path.read_text() == "epoch,loss\n0,2.0\n"
    assert [each.name for each in path.parent.iterdir()] == ["log.csv"]


def test_a_link_stays_a_link_when_the_file_grows(path, tmp_path):
    target = tmp_path / "real.csv"
    path.symlink_to(target)

    log(path, {"loss": 2.0}, {"loss": 1.0, "val_loss": 3.0})

    assert path.is_symlink()
    assert len(rows(target)) == 3


def test_every_row_is_on_disk_at_once(path):
    logger = CSVLogger(path)
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 1.0})

    assert rows(path) == [["epoch", "loss"], ["0", "1.0"]]
    logger.on_train_end()


def test_a_second_fit_begins_the_file_anew(path):
    logger = CSVLogger(path)
    for _ in range(2):
        drive(logger, epochs=[{"loss": 1.0}])

    assert rows(path) == [["epoch", "loss"], ["0", "1.0"]]


def test_append_goes_on_under_the_old_header(path):
    log(path, {"loss": 3.0, "val_loss": 4.0})

    written = log(path, {"loss": 2.0}, {"loss": 1.0, "val_loss": 2.0}, start=1, append=True)

    assert written == "epoch,loss,val_loss\r\n0,3.0,4.0\r\n1,2.0,NA\r\n2,1.0,2.0\r\n"


def test_append_goes_on_in_a_file_of_keras_with_its_invented_columns(path):
    drive(keras.callbacks.CSVLogger(path), epochs=[{"loss": 3.0}])

    log(path, {"loss": 2.0}, start=1, append=True)

    assert rows(path) == [["epoch", "loss", "val_loss"], ["0", "3.0", "NA"], ["1", "2.0", "NA"]]


def test_D10_append_with_other_keys_gives_every_row_the_same_columns(path):
    log(path, {"loss": 3.0})

    log(path, {"loss": 2.0, "mae": 1.0}, start=1, append=True)

    assert rows(path) == [["epoch", "loss", "mae"], ["0", "3.0", "NA"], ["1", "2.0", "1.0"]]


@pytest.mark.parametrize("before", [None, ""])
def test_append_to_nothing_writes_a_header(path, before):
    if before is not None:
        path.write_text(before)

    assert log(path, {"loss": 2.0}, append=True) == "epoch,loss\r\n0,2.0\r\n"


def test_a_row_that_a_dying_process_left_unfinished_is_not_glued_to_the_next(path):
    path.write_bytes(b"epoch,loss\r\n0,2.0\r\n1,0.")

    log(path, {"loss": 0.5}, start=2, append=True)

    assert rows(path) == [["epoch", "loss"], ["0", "2.0"], ["1", "0."], ["2", "0.5"]]


@pytest.mark.parametrize("before", ["name,age\nAnn,3\n", "loss\n1.0\n", "epoch;loss\n0;1.0\n", "\x89PNG\r\n"])
def test_append_refuses_a_file_that_is_not_its_own_before_the_first_step(path, before):
    path.write_text(before, newline="")
    record = Recorder()

    with pytest.raises(UnusableFile) as raised:
        drive([CSVLogger(path, append=True), record], epochs=[{"loss": 1.0}])

    assert record.calls == []
    assert path.read_bytes().decode() == before
    assert str(raised.value) == (
        "CSVLogger cannot go on in this file: its first column is not the epoch.\n"
        f"  given    {describe(str(path))}\n"
        '  wanted   a header that begins with "epoch,"\n'
        "  cure     CSVLogger(filename, append=False), another filename, or the separator that the file has"
    )


def test_a_missing_folder_is_made_before_the_first_step(tmp_path):
    path = tmp_path / "runs" / "a" / "log.csv"

    assert log(path, {"loss": 1.0}) == "epoch,loss\r\n0,1.0\r\n"


@pytest.mark.parametrize("name", ["", "file/log.csv"])
def test_a_place_where_no_file_can_be_is_refused_before_the_first_step(tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    record = Recorder()

    with pytest.raises(UnusableFile) as raised:
        drive([CSVLogger(tmp_path / name), record], epochs=[{"loss": 1.0}])

    assert record.calls == []
    assert raised.value.what.startswith("CSVLogger cannot write its file: ")
    assert raised.value.wanted == "a file that can be written, in a folder that is there or can be made"
    assert isinstance(raised.value, OSError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_refused_before_the_first_step(path):
    path.write_text("")
    path.chmod(stat.S_IRUSR)

    with pytest.raises(UnusableFile, match="Permission denied"):
        CSVLogger(path).settle(None)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@A1", "'@A1"),
        ("\tx", "'\tx"),
        ("-1.5", "-1.5"),
        ("+2e3", "+2e3"),
        ("plain = text", "plain = text"),
        ("", ""),
    ],
)
def test_text_that_a_table_program_would_run_is_made_harmless(path, text, cell):
    log(path, {"note": text, "loss": -2.5})

    assert rows(path)[1] == ["0", "-2.5", cell]


def test_headers_are_made_harmless_and_found_again(path):
    log(path, {"=evil()": 1.0})
    log(path, {"=evil()": 2.0}, start=1, append=True)
    log(path, {"=evil()": 3.0, "-more": 4.0}, start=2, append=True)

    assert rows(path) == [["epoch", "'=evil()", "'-more"], ["0", "1.0", "NA"], ["1", "2.0", "NA"], ["2", "3.0", "4.0"]]


@pytest.mark.parametrize("named", [{}, {"raise_at": (1, 0)}, {"raise_at": (1, 0), "error": RuntimeError("no")}])
def test_D15_the_file_is_closed_however_the_run_ends(path, named):
    logger, file = CSVLogger(path), []

    class Hold(Recorder):
        def on_epoch_begin(self, epoch, logs=None):
            file.append(logger.csv_file)

    drive([logger, Hold()], epochs=[{"loss": 1.0}] * 2, **named)

    assert file[0].closed
    assert logger.csv_file is None
    assert len(rows(path)) == (2 if named else 3)


def test_it_sees_what_callbacks_before_it_add(path):
    drive([LearningRateScheduler(lambda epoch: 0.5), CSVLogger(path)], epochs=[{"loss": 1.0}])

    assert rows(path) == [["epoch", "learning_rate", "loss"], ["0", "0.5", "1.0"]]


def test_an_epochs_end_before_the_beginning_is_told(path):
    with pytest.raises(Unbalanced, match="CSVLogger has no open file"):
        CSVLogger(path).on_epoch_end(0, {"loss": 1.0})

    assert not path.exists()


def test_it_works_in_a_loop_of_ones_own(path):
    callbacks = CallbackList(CSVLogger(path))
    callbacks.on_train_begin()
    callbacks.on_epoch_end(0, {"loss": np.float32(0.5)})
    callbacks.on_train_end()

    assert rows(path) == [["epoch", "loss"], ["0", "0.5"]]


@pytest.mark.parametrize("separator", ["", ", ", '"', "\n", 1, None])
def test_a_separator_is_one_character(separator, path):
    with pytest.raises(InvalidArgument) as raised:
        CSVLogger(path, separator)

    assert raised.value.given == separator
    assert raised.value.cure == 'CSVLogger(filename, separator=",")'


@pytest.mark.parametrize("filename", [None, 3, ["log.csv"]])
def test_a_file_is_named_by_a_path(filename):
    with pytest.raises(WrongType):
        CSVLogger(filename)


# -- what lies in the file already -------------------------------------------------------------------------------------


def test_a_long_file_is_gone_on_with_by_its_header_and_its_last_byte(tmp_path):
    path = tmp_path / "long.csv"
    path.write_bytes(b"epoch,loss\r\n" + b"0,0.5\r\n" * 10**6)
    tracemalloc.start()
    drive(CSVLogger(path, append=True), epochs=[{"loss": 0.25}])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20
    assert path.read_bytes().endswith(b"0,0.5\r\n0,0.25\r\n")


def test_bytes_that_are_no_text_do_not_end_a_run(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_bytes(b"epoch,loss\r\n0,\xff\r\n")
    drive(CSVLogger(path, append=True), epochs=[{"loss": 0.5, "more": 1.0}])
    assert path.read_text(encoding="utf-8").splitlines() == ["epoch,loss,more", "0,\ufffd,NA", "0,0.5,1.0"]


def test_what_csv_cannot_read_is_told_in_our_words(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_bytes(b"epoch," + b"x" * 200_000 + b"\r\n")
    with pytest.raises(UnusableFile, match="what is in its file already"):
        drive(CSVLogger(path, append=True), epochs=[{"loss": 0.5}])
