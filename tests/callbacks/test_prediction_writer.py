"""PredictionWriter: what stands in which file when, and that nothing half written is ever left."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from flax import nnx

import kibitz
from kibitz.callbacks import Callback, PredictionWriter
from kibitz.callbacks.spool import Spool
from kibitz.callbacks.state import Kept
from kibitz.errors import InvalidArgument, ShapeMismatch, UnknownKey, UnusableFile, WrongType
from kibitz.testing import FakeModel, Recorder, drive

X = np.arange(20, dtype="float32").reshape(10, 2)


class Model(FakeModel):
    """Predicts its weight, which counts the steps, times the inputs."""

    def predict(self, x, batch_size=None, verbose="auto"):
        return x * self.get_weights()[0]


def model():
    built = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(3)])
    built.compile("sgd", "mse")
    return built


def loaded(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def train(writer, epochs=2, others=()):
    return drive([*others, writer], epochs=[{"loss": float(epoch)} for epoch in range(epochs)], model=Model())


def test_one_file_an_epoch_by_the_template(tmp_path):
    train(PredictionWriter(tmp_path / "new" / "{epoch}-{loss:.0f}.npz", X))

    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == ["1-0.npz", "2-1.npz"]
    np.testing.assert_array_equal(loaded(tmp_path / "new" / "2-1.npz")["outputs"], 2 * X)


def test_without_a_number_the_one_file_is_replaced(tmp_path):
    train(PredictionWriter(tmp_path / "now.npz", X))

    assert [each.name for each in tmp_path.iterdir()] == ["now.npz"]
    np.testing.assert_array_equal(loaded(tmp_path / "now.npz")["outputs"], 2 * X)


def test_one_instance_serves_fit_after_fit(tmp_path):
    writer = PredictionWriter(tmp_path / "{epoch}.npz", X, at="end")
    train(writer, epochs=2)
    train(writer, epochs=3)

    assert sorted(each.name for each in tmp_path.iterdir()) == ["2.npz", "3.npz"]


def test_the_name_at_the_end_is_that_of_the_last_epoch_in_another_process_too(tmp_path):
    first, second = (PredictionWriter(tmp_path / "{epoch}.npz", X, at="end") for _ in range(2))
    kept = Kept(first)
    drive(first, epochs=[{"loss": 1.0}] * 3, model=Model(), kill_after=3)

    class Restore(Callback):
        def on_train_begin(self, logs=None):
            Kept(second).restore(kept.state())

    drive([second, Restore()], epochs=[{"loss": 1.0}] * 3, model=Model(), start=3)

    assert [each.name for each in tmp_path.iterdir()] == ["3.npz"]


def test_once_at_the_end_if_that_is_asked(tmp_path):
    record = []

    class Look(Callback):
        def on_train_end(self, logs=None):
            record.extend(tmp_path.iterdir())

    train(PredictionWriter(tmp_path / "{epoch}.npz", X, at="end"), epochs=3, others=[Look()])

    assert record == []
    assert [each.name for each in tmp_path.iterdir()] == ["3.npz"]


@pytest.mark.parametrize("rows", [0, 1, 10])
def test_a_predict_is_written_to_the_bit_in_the_order_of_the_rows(rows, tmp_path):
    lent = model()
    writer = PredictionWriter(tmp_path / "out.npz")
    if rows:
        outputs = lent.predict(X[:rows], batch_size=4, verbose=0, callbacks=[writer])
        np.testing.assert_array_equal(loaded(tmp_path / "out.npz")["outputs"], outputs)
    else:
        spool = Spool(tmp_path / "out.npz", "it")
        spool.add({"outputs": np.zeros((0, 3), "float32")})
        spool.write()
        assert loaded(tmp_path / "out.npz")["outputs"].shape == (0, 3)


def test_a_csv_has_a_line_for_each_row_and_numbers_that_give_themselves_again(tmp_path):
    outputs = model().predict(X, batch_size=4, verbose=0, callbacks=[PredictionWriter(tmp_path / "out.csv")])

    with (tmp_path / "out.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["row", "outputs_0", "outputs_1", "outputs_2"]
    assert [int(row[0]) for row in rows] == list(range(10))
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], "float32"), outputs)


class Two(nnx.Module):
    """Two outputs, by name or by place."""

    def __init__(self, by_name):
        self.linear, self.by_name = nnx.Linear(2, 3, rngs=nnx.Rngs(0)), by_name

    def __call__(self, x):
        y = self.linear(x)
        return {"mean": y, "size": y[:, 0]} if self.by_name else (y, y[:, 0])


@pytest.mark.parametrize(("by_name", "names"), [(True, ["mean", "size"]), (False, ["outputs_0", "outputs_1"])])
def test_several_outputs_have_their_names(by_name, names, tmp_path):
    lent = kibitz.Model(Two(by_name))
    outputs = lent.predict(X, batch_size=4, verbose=0, callbacks=[PredictionWriter(tmp_path / "out.npz")])

    found = loaded(tmp_path / "out.npz")
    assert list(found) == names
    for value, each in zip(found.values(), outputs.values() if by_name else outputs, strict=True):
        np.testing.assert_array_equal(value, each)

    lent.predict(X, verbose=0, callbacks=[PredictionWriter(tmp_path / "out.csv")])
    assert (tmp_path / "out.csv").read_text().startswith(f"row,{names[0]}_0,{names[0]}_1,{names[0]}_2,{names[1]}\n")


def test_a_predict_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    (tmp_path / "out.npz").write_bytes(b"old")

    class Fail(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            if batch == 1:
                raise RuntimeError

    lent = model()
    with pytest.raises(RuntimeError):
        lent.predict(X, batch_size=4, verbose=0, callbacks=[PredictionWriter(tmp_path / "out.npz"), Fail()])
    assert [each.name for each in tmp_path.iterdir()] == ["out.npz"]
    assert (tmp_path / "out.npz").read_bytes() == b"old"


def test_a_predict_that_is_stopped_is_written_as_far_as_it_came(tmp_path):
    class Stop(Callback):
        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    model().predict(X, batch_size=4, verbose=0, callbacks=[PredictionWriter(tmp_path / "out.npz"), Stop()])

    assert len(loaded(tmp_path / "out.npz")["outputs"]) == 8


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    lent = model()
    for name in ("one.npz", "two.npz"):
        lent.predict(X, batch_size=4, verbose=0, callbacks=[PredictionWriter(tmp_path / name)])

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_the_writer_keeps_no_row_in_memory(tmp_path):
    spool = Spool(tmp_path / "out.npz", "it")
    for _ in range(3):
        spool.add({"outputs": np.zeros((5, 2))})

    held = [value for value in vars(spool).values() if isinstance(value, np.ndarray | list)]
    assert (held, spool.rows) == ([], 15)
    assert list(tmp_path.iterdir()) == []  # what lies on the disk has no name yet
    spool.drop()


def test_bfloat16_is_written_as_float32(tmp_path):
    import jax.numpy as jnp

    spool = Spool(tmp_path / "out.npz", "it")
    spool.add({"outputs": np.asarray(jnp.ones((2, 1), "bfloat16"))})
    spool.write()

    assert loaded(tmp_path / "out.npz")["outputs"].dtype == "float32"


def test_batches_that_do_not_go_together_are_told(tmp_path):
    spool = Spool(tmp_path / "out.npz", "PredictionWriter")
    spool.add({"outputs": np.zeros((2, 3))})
    with pytest.raises(ShapeMismatch, match="unlike those before"):
        spool.add({"outputs": np.zeros((2, 4))})
    spool.drop()
    with pytest.raises(WrongType, match="more axes than that") as raised:
        Spool(tmp_path / "out.csv", "PredictionWriter").add({"outputs": np.zeros((2, 3, 4))})
    assert raised.value.cure.endswith('out.npz"')


def test_what_cannot_be_is_refused_when_it_is_given(tmp_path):
    with pytest.raises(InvalidArgument, match="the file's ending says which"):
        PredictionWriter("out.txt")
    with pytest.raises(InvalidArgument, match="has no epochs and no logs"):
        PredictionWriter("{epoch}.npz")
    with pytest.raises(InvalidArgument, match="writes at other moments"):
        PredictionWriter("out.npz", X, at="batch")


def test_what_can_be_known_before_the_first_step_is_said_there(tmp_path):
    record = Recorder()
    (tmp_path / "file").write_text("")
    for writer, error in (
        (PredictionWriter(tmp_path / "out.npz"), InvalidArgument),
        (PredictionWriter(tmp_path / "{accuracy}.npz", X), UnknownKey),
        (PredictionWriter(tmp_path / "file" / "out.npz", X), UnusableFile),
    ):
        with pytest.raises(error):
            train(writer, others=[record])
    for writer, error in (
        (PredictionWriter(tmp_path / "out.npz", np.zeros((2, 5))), ShapeMismatch),
        (PredictionWriter(tmp_path / "out.npz", iter([X])), WrongType),
    ):
        with pytest.raises(error):
            model().fit(X, X[:, :1].repeat(3, axis=1), verbose=0, callbacks=[writer, record])
    with pytest.raises(WrongType, match="more axes than that"):
        train(PredictionWriter(tmp_path / "out.csv", X.reshape(2, 5, 2)), others=[record])
    assert record.calls == []
    with pytest.raises(InvalidArgument, match="predict has others"):
        model().predict(X, verbose=0, callbacks=[PredictionWriter(tmp_path / "out.npz", X)])
    with pytest.raises(UnusableFile):
        model().predict(X, verbose=0, callbacks=[PredictionWriter(tmp_path / "file" / "out.npz")])


def test_in_a_fit_it_changes_no_bit(tmp_path):
    def fit(*callbacks):
        kibitz.utils.set_random_seed(1)
        lent = model()
        lent.fit(X, X[:, :1].repeat(3, axis=1), batch_size=4, epochs=2, verbose=0, callbacks=list(callbacks))
        return lent.get_weights()[0].tobytes(), lent

    weights, lent = fit(PredictionWriter(tmp_path / "out.npz", X))

    assert weights == fit()[0]
    np.testing.assert_array_equal(loaded(tmp_path / "out.npz")["outputs"], lent.predict(X, verbose=0))
