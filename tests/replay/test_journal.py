"""The journal says what was written into it, or that it was damaged; and it is small."""

from __future__ import annotations

import json
import math
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kibitz.errors import UnusableFile
from kibitz.hooks import HOOKS
from kibitz.replay.entry import MOST, Committed, EpochEnded, Lost, Validated, Wrote, packed
from kibitz.replay.journal import Journal, read
from kibitz.replay.logged import KINDS, Packed, Untold
from kibitz.replay.moment import Moment

counts = st.integers(0, MOST - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
seconds = st.integers(0, 10**9).map(lambda number: number / 1000)
numbers = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats()
logged = (
    numbers
    | texts
    | st.just("nan")
    | st.builds(Untold, texts)
    | st.builds(
        Packed,
        st.recursive(
            st.none() | st.integers(-9, 9) | texts,
            lambda some: st.lists(some, max_size=2) | st.dictionaries(texts, some, max_size=1),
        ),
    )
    | st.sampled_from(list(KINDS.values())).flatmap(
        lambda kind: st.integers(0, 100).map(lambda number: kind(number / 7)) | st.just(kind(1))
    )
)
names = st.builds("{}/{}".format, st.sampled_from(["params", "others", "optimizer", "metrics", "measured"]), texts)
special = st.fixed_dictionaries({}, optional={
    "@arrays": st.just(True) | st.lists(texts, max_size=3),
    "@stop": st.tuples(texts, st.booleans(), st.booleans(), st.booleans()).map(list),
    "@evaluate": st.lists(texts, max_size=3),
    "@taken": st.lists(texts, max_size=3),
    "@gone": st.lists(texts, max_size=3),
    "@own": st.dictionaries(texts | st.just("packed"), logged, max_size=3),
    "@logs": st.dictionaries(texts | st.just("float"), logged, max_size=3),
    "@moved": st.text("01", max_size=20),
    "@averages": st.booleans(),
    "@odd": texts,
})  # fmt: skip
moments = st.builds(Moment, counts, st.integers(0, 2), st.integers(0, 10**9 - 1), st.sampled_from(HOOKS),
                    st.integers(0, 10**9 - 1))  # fmt: skip
wrote = st.builds(lambda moment, by, some, more: Wrote(moment, by, {**some, **more}),
                  moments, texts, st.dictionaries(names, numbers, max_size=3), special)  # fmt: skip
entries = st.lists(
    wrote
    | st.builds(Committed, counts, counts, st.booleans(), seconds, texts)
    | st.builds(EpochEnded, counts, counts, seconds)
    | st.builds(Validated, counts)
    | st.builds(Lost, counts),
    max_size=6,
)
AT = Moment(12, 1, 0, "on_epoch_end", 0)
FEW = [
    Committed(0, 0, False, 0.25, "d1"),
    Wrote(AT, "ReduceLROnPlateau", {"optimizer/learning_rate": 0.05, "@logs": {"learning_rate": 0.1}}),
    EpochEnded(0, 12, 1.5),
    Committed(12, 1, False, 1.75, "d2"),
]


def written(path, *batches):
    journal = Journal(path)
    return [journal.append(batch) for batch in batches]


def lined(value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def alike(one, other):
    """Equal, and NaN is NaN."""
    return repr(one) == repr(other)


@given(entries)
@example([Wrote(AT, "A", {"@logs": {"float": math.nan}})])
@example([Wrote(AT, "A", {"@logs": {"float": "nan"}, "optimizer/learning_rate": -0.0})])
def test_what_is_read_is_what_was_written(tmp_path_factory, told):
    path = tmp_path_factory.mktemp("run") / "journal.jsonl"
    (length,) = written(path, told)
    assert alike(list(read(path)), told)
    assert alike(list(read(path, length)), told)


def test_each_flipped_bit_is_found(tmp_path):
    path = tmp_path / "journal.jsonl"
    known, length = written(path, FEW[:1], FEW[1:])
    whole = path.read_bytes()
    for at in (*range(8 * known), *range(8 * known, 8 * length, 7)):
        data = bytearray(whole)
        data[at // 8] ^= 1 << at % 8
        path.write_bytes(bytes(data))
        with pytest.raises(UnusableFile):
            list(read(path, length))


def test_a_last_line_that_was_torn_is_not_read_where_no_commit_knows_of_it(tmp_path):
    path = tmp_path / "journal.jsonl"
    known, whole = written(path, FEW[:3], FEW[3:])
    for length in range(known, whole):
        path.write_bytes(path.read_bytes()[:length] if length != known else path.read_bytes()[:known])
        assert list(read(path)) == FEW[:3]
        assert list(read(path, known)) == FEW[:3]
        written_again = Journal(path)
        assert written_again.cut(known)
        written_again.append(FEW[3:])
        assert list(read(path)) == FEW


def test_a_line_that_a_commit_knows_of_must_be_there(tmp_path):
    path = tmp_path / "journal.jsonl"
    known, whole = written(path, FEW[:3], FEW[3:])
    path.write_bytes(path.read_bytes()[: whole - 5])
    with pytest.raises(UnusableFile) as refused:
        list(read(path, whole))
    assert "Line 4" in str(refused.value)
    assert "cannot be looked back at" in refused.value.cure
    assert list(read(path, known)) == FEW[:3]


def test_what_a_process_wrote_behind_the_commit_stands_there_once(tmp_path):
    path = tmp_path / "journal.jsonl"
    known, _ = written(path, FEW[:2], [*FEW[2:], *FEW[2:]])
    again = Journal(path)
    assert again.cut(known)
    again.append(FEW[2:])
    assert list(read(path)) == FEW


@pytest.mark.parametrize("damage", ["gone", "short", "flipped", "long"])
def test_a_run_goes_on_behind_what_is_whole_and_says_so(tmp_path, damage):
    path = tmp_path / "journal.jsonl"
    known, whole = written(path, FEW[:2], FEW[2:])
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "short":
        path.write_bytes(data[: known + 3])
    elif damage == "flipped":
        path.write_bytes(data[:known] + b"x" + data[known + 1 :])
    journal = Journal(path)
    with pytest.warns(UserWarning, match="The run goes on"):
        assert not journal.cut(whole - 1 if damage == "long" else whole)
    before = journal.length
    journal.append([Lost(12)])
    assert before == {"gone": 0, "long": whole}.get(damage, known)
    assert list(read(path)) == [*({"gone": [], "long": FEW}.get(damage, FEW[:2])), Lost(12)]


@pytest.mark.parametrize("name", ["ReduceLROnPlateau", "LearningRateScheduler", "SwapEMAWeights", "MyOwnCallback"])
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_begin", "on_epoch_end"])
def test_a_number_that_a_hook_wrote_is_under_a_hundred_bytes(tmp_path, name, hook):
    entry = Wrote(Moment(1_000_000, 1, 0, hook, 0), name, {"optimizer/learning_rate": 0.00012345678})
    (length,) = written(tmp_path / "journal.jsonl", [entry])
    assert length < 100


def test_what_is_also_shown_in_the_logs_is_two_numbers(tmp_path):
    what = {"optimizer/learning_rate": 1.2345678e-05, "@logs": {"learning_rate": 1.2345678215089720e-05}}
    (length,) = written(tmp_path / "j", [Wrote(Moment(1_000_000, 1, 0, "on_epoch_end", 0), "ReduceLROnPlateau", what)])
    assert length < 200


HOSTILE = {
    "a huge line": b"[" + b"1," * 2**23 + b"1]",
    "no JSON": b"\x00\xff",
    "too deep": b"[" * 10**5 + b"]" * 10**5,
    "a number of many digits": b'["epoch",' + b"9" * 5000 + b",1,1.0]",
    "more steps than any run": ["epoch", 0, 10**15, 1.0],
    "a negative step": ["epoch", 0, -1, 1.0],
    "seconds that are none": ["epoch", 0, 1, -1.0],
    "NaN": b'["epoch",0,1,NaN]',
    "infinity": b'["epoch",0,1,1e999]',
    "a flag as a number": ["epoch", True, 1, 1.0],
    "an unknown entry": ["import", "os"],
    "a hook to import": ["1.0/os.system", "A", {"learning_rate": 1.0}],
    "another hook": ["1.0/nothing", "A", {"learning_rate": 1.0}],
    "another part": ["1.7/epoch_end", "A", {"learning_rate": 1.0}],
    "digits of another script": ["\u0663.0/epoch_end", "A", {"learning_rate": 1.0}],
    "steps of many digits": ["9" * 5000 + ".0/epoch_end", "A", {}],
    "a name that is no text": ["1.0/epoch_end", ["A"], {}],
    "a value that is no number": ["1.0/epoch_end", "A", {"learning_rate": {"__class__": "os.system"}}],
    "a float that is a list": ["1.0/epoch_end", "A", {"learning_rate": {"float": [1]}}],
    "a name that is special": ["1.0/epoch_end", "A", {"@import": "os"}],
    "the same twice": ["1.0/epoch_end", "A", {"learning_rate": 1.0, "optimizer/learning_rate": 2.0}],
    "stops of another kind": ["1.0/epoch_end", "A", {"@stop": ["", 1, 0, 0]}],
    "logs that are a list": ["1.0/epoch_end", "A", {"@logs": [1]}],
    "logs of no kind": ["1.0/epoch_end", "A", {"@logs": {"mine": {"pickled": "os.system"}}}],
    "a reason that is a number": ["1.0/epoch_end", "A", {"@logs": {"mine": {"untold": 7}}}],
    "a number of the state that is packed": ["1.0/epoch_end", "A", {"learning_rate": {"packed": 1}}],
    "arrays that are a number": ["1.0/epoch_end", "A", {"@arrays": 7}],
    "flags that are words": ["1.0/epoch_end", "A", {"@moved": "yes"}],
    "an empty list": [],
    "a dict": {"epoch": 1},
    "terminal escapes": ["\x1b[31mred", "\x1b]0;title\x07"],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_stranger_has_written_is_refused(tmp_path, name):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(lined(HOSTILE[name]))
    with pytest.raises(UnusableFile) as refused:
        list(read(path))
    told = str(refused.value)
    assert refused.value.cure
    assert all(each.isprintable() or each == "\n" for each in told), told
    assert len(told) < 2000


def test_a_name_that_a_terminal_would_obey_is_shown_as_what_it_is():
    assert Wrote(AT, "\x1b[31mred", {}).who == repr("\x1b[31mred")
    assert len(Wrote(AT, "A" * 10**6, {}).who) <= 80
    assert Wrote(AT, "EarlyStopping", {}).who == "EarlyStopping"


def test_the_optimizers_own_are_written_short():
    assert packed(FEW[1]) == ["12.1/epoch_end", "ReduceLROnPlateau", {"learning_rate": 0.05,
                                                                      "@logs": {"learning_rate": 0.1}}]  # fmt: skip
