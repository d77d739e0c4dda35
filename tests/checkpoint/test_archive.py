"""`.keras`: three members, stored; anything else in the file is a reason to refuse it."""

from __future__ import annotations

import io
import json
import random
import zipfile

import pytest

from kibitz.checkpoint.archive import read_archive, read_archived_weights, write_archive
from kibitz.errors import InvalidArgument, UnusableFile
from tests.checkpoint.faults import attempt, every_failure, names

CONFIG, WEIGHTS = {"class_name": "Sequential", "config": {"layers": []}}, b"\x89HDF" + bytes(range(256))
METADATA = {"kibitz_version": "1.0", "format": 1}


@pytest.fixture
def path(tmp_path):
    write_archive(tmp_path / "m.keras", CONFIG, WEIGHTS, "1.0")
    return tmp_path / "m.keras"


def crafted(path, members, pack=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", pack) as archive:
        for name, data in members:
            archive.writestr(name, data)


def members(metadata=METADATA, config=CONFIG, weights=WEIGHTS):
    said = [each if isinstance(each, str | bytes) else json.dumps(each) for each in (metadata, config)]
    return [("metadata.json", said[0]), ("config.json", said[1]), ("model.weights.h5", weights)]


def test_it_is_a_zip_of_three_members_that_are_stored(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert json.loads(archive.read("metadata.json")) == METADATA
        assert archive.testzip() is None
    assert read_archive(path) == (CONFIG, WEIGHTS)
    assert read_archived_weights(path) == WEIGHTS


def test_the_same_model_is_the_same_bytes(path, tmp_path):
    write_archive(tmp_path / "again.keras", CONFIG, memoryview(WEIGHTS), "1.0")
    assert (tmp_path / "again.keras").read_bytes() == path.read_bytes()


def test_what_keras_saved_is_refused_and_its_weights_are_read(path):
    crafted(path, members({"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}))
    with pytest.raises(UnusableFile, match=r"saved by Keras[\s\S]*model\.load_weights\("):
        read_archive(path)
    assert read_archived_weights(path) == WEIGHTS


@pytest.mark.parametrize("format", [2, 0, -1, "1", None, 1.0, True, [1]])
def test_another_format_is_refused_with_the_version_that_wrote_it(path, format):
    crafted(path, members({"kibitz_version": "9.9", "format": format}))
    with pytest.raises(UnusableFile, match=r"does not know[\s\S]*kibitz 9\.9"):
        read_archive(path)


def test_a_file_of_no_format_is_refused(path):
    crafted(path, members({}))
    with pytest.raises(UnusableFile, match="does not know"):
        read_archive(path)


HOSTILE = {
    "no metadata": members()[1:],
    "no configuration": members()[::2],
    "no weights": members()[:2],
    "metadata that are no table": members(b"[1]"),
    "a configuration that is no table": members(config=b"3"),
    "a configuration with NaN": members(config=b'{"class_name": NaN}'),
    "a configuration with a key twice": members(config=b'{"a": 1, "a": 2}'),
    "a deep configuration": members(config=b"[" * 100_000),
    "a large configuration": members(config=b'"' + b"x" * (17 * 2**20) + b'"'),
    "a pickle": members(config=b"\x80\x04\x95\x1d\x00\x00\x00"),
}


@pytest.mark.parametrize("found", HOSTILE.values(), ids=HOSTILE)
def test_a_crafted_file_is_refused(path, found):
    crafted(path, found)
    with pytest.raises(UnusableFile, match="cure"):
        read_archive(path)


def test_a_packed_bomb_is_refused_before_it_is_unpacked(path):
    crafted(path, members(weights=b"\0" * 2**26), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**18
    for read in (read_archive, read_archived_weights):
        with pytest.raises(UnusableFile, match="packed or locked"):
            read(path)


def test_two_members_of_one_name_are_refused(path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        crafted(path, [*members(), ("config.json", "{}")])
    with pytest.raises(UnusableFile, match="two members of one name"):
        read_archive(path)


def test_members_that_share_bytes_are_refused(path):
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x01\x02")  # the entry of the weights: say that they are as large as they like
    data[central + 20 : central + 28] = (2**31).to_bytes(4, "little") * 2
    path.write_bytes(data)
    with pytest.raises(UnusableFile, match="more than it does"):
        read_archive(path)


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "C:\\evil", "assets/x"])
def test_further_members_are_never_written_anywhere(path, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    crafted(path, [*members(), (name, b"x")])
    assert read_archive(path) == (CONFIG, WEIGHTS)
    assert names(tmp_path) == ["m.keras"]
    assert "evil" not in "".join(names(tmp_path.parent))


def test_every_cut_is_told(path):
    data = path.read_bytes()
    for length in [*range(0, len(data), 17), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(UnusableFile, match="cure"):
            read_archive(path)


def test_a_flipped_bit_never_gives_another_model(path):
    data = bytearray(path.read_bytes())
    told = 0
    for place in random.Random(1).sample(range(len(data)), len(data) // 2):
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        if attempt(lambda: read_archive(path)) is not None:
            told += 1
        else:
            assert read_archive(path) == (CONFIG, WEIGHTS), place
        data[place] ^= 1 << place % 8
    assert told > len(WEIGHTS) // 3


def test_whatever_fails_the_old_file_is_whole(path):
    before = path.read_bytes()
    tried = 0
    for failure in every_failure(
        lambda: write_archive(path, CONFIG, b"new", "1.0"), before=lambda: path.write_bytes(before)
    ):
        tried += 1
        assert names(path.parent) == ["m.keras"], failure
        assert (path.read_bytes() == before) == (failure not in {("open", 2), ("fsync", 2)}), failure
    assert tried > 10
    assert read_archive(path)[1] == b"new"


def test_a_configuration_that_is_no_json_is_told_and_the_old_file_is_whole(path):
    before = path.read_bytes()
    with pytest.raises(InvalidArgument, match="The model's configuration holds what JSON does not"):
        write_archive(path, {"rate": float("nan")}, WEIGHTS, "1.0")
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + b"\0" * 18, b"\x89HDF\r\n\x1a\n", b"\x80\x04N."])
def test_what_is_no_zip_is_told(path, data):
    path.write_bytes(data)
    with pytest.raises(UnusableFile, match="cure"):
        read_archive(path)


def test_a_member_under_a_password_is_refused(path):
    image = io.BytesIO(path.read_bytes())
    data = bytearray(image.getvalue())
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UnusableFile, match="packed or locked"):
        read_archive(path)
