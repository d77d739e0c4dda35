"""TensorBoard: what its own reader finds in the files.

Keras's callback cannot be asked: it writes with TensorFlow, which is not here. What is expected are the tags, steps and
folders that its source (3.15) writes.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import threading
from collections import Counter
from pathlib import Path

import jax
import keras
import numpy as np
import pytest
from flax import nnx
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin, _read_tensor_tsv_file
from tensorboard.util.tensor_util import make_ndarray

import kibitz
from kibitz import layers
from kibitz.callbacks import CallbackList, LearningRateScheduler, TensorBoard, tensorboard
from kibitz.callbacks.board import event_file
from kibitz.callbacks.board.profile_range import ProfileRange
from kibitz.callbacks.board.summaries import buckets, histogram, picture
from kibitz.callbacks.overrides import overrides
from kibitz.errors import InvalidArgument, MissingExtra, UnknownName, UnusableFile, WrongType
from kibitz.testing import FakeModel, Recorder, drive

X = np.linspace(-1, 1, 48).reshape(12, 4).astype("float32")
Y = X.sum(axis=1, keepdims=True)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "logs"


def accumulated(folder):
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return found


def written(folder, kind="scalars"):
    """{tag: [(step, value), ...]} of a folder, of one plugin."""
    found = accumulated(folder)
    return {
        tag: [(each.step, make_ndarray(each.tensor_proto).tolist()) for each in found.Tensors(tag)]
        for tag in found.Tags()["tensors"]
        if found.SummaryMetadata(tag).plugin_data.plugin_name == kind
    }


def stack(*more):
    kibitz.utils.set_random_seed(1)
    model = kibitz.Sequential([kibitz.Input((4,), name="given"), *more, layers.Dense(1, name="last")], name="stack")
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def words():
    model = kibitz.Sequential([
        *(kibitz.Input((4,), dtype="int32"), layers.Embedding(5, 3, name="words"), layers.Flatten(), layers.Dense(1)),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    return model, np.arange(48).reshape(12, 4) % 5


# -- numbers -------------------------------------------------------------------------------------------------------


def test_epochs_are_written_training_and_validation_each_in_its_folder(folder):
    drive(TensorBoard(folder), epochs=[{"loss": 2.0, "val_loss": 3.0}, {"loss": 0.1, "val_loss": 1.5}])

    rate = np.float32(0.01).item()
    assert written(folder / "train") == {
        "epoch_loss": [(0, 2.0), (1, np.float32(0.1).item())],
        "epoch_learning_rate": [(0, rate), (1, rate)],
    }
    assert written(folder / "validation") == {
        "evaluation_loss_vs_iterations": [(1, 3.0), (2, 1.5)],
        "epoch_loss": [(0, 3.0), (1, 1.5)],
    }


@pytest.mark.parametrize(
    ("freq", "steps"), [("epoch", []), ("batch", [1, 2, 3, 4, 5, 6]), (1, [1, 2, 3, 4, 5, 6]), (np.int64(4), [4])]
)
def test_batches_are_written_every_so_many_steps_counted_from_1(folder, freq, steps):
    drive(TensorBoard(folder, update_freq=freq), epochs=[{"loss": 2.0}, {"loss": 1.0}], batches=3)

    loss = written(folder / "train").get("batch_loss", [])
    assert loss == [(step, 2.0 if step <= 3 else 1.0) for step in steps]


def test_epochs_and_evaluations_are_written_whatever_the_frequency_of_batches_is(folder):
    drive(TensorBoard(folder, update_freq=1000), epochs=[{"loss": 2.0, "val_loss": 3.0}], batches=3)

    assert set(written(folder / "train")) == {"epoch_loss", "epoch_learning_rate"}
    assert set(written(folder / "validation")) == {"epoch_loss", "evaluation_loss_vs_iterations"}


def test_speed_is_written_for_epochs_and_with_the_numbers_of_batches(folder):
    drive(TensorBoard(folder, write_steps_per_second=True, update_freq=2), epochs=[{"loss": 2.0}], batches=4)

    found = written(folder / "train")
    assert [step for step, _ in found["batch_steps_per_second"]] == [2, 4]
    ((epoch, speed),) = found["epoch_steps_per_second"]
    assert epoch == 0
    assert min(speed, *(value for _, value in found["batch_steps_per_second"])) > 0


def test_speed_of_epochs_alone_needs_no_look_at_batches(folder):
    board = TensorBoard(folder, write_steps_per_second=True)
    drive(board, epochs=[{"loss": 2.0}])

    assert not overrides(board, "on_train_batch_end")
    assert "batch_steps_per_second" not in written(folder / "train")


def test_the_logs_are_left_as_they_are(folder):
    record = Recorder()
    drive([TensorBoard(folder, update_freq=1, write_steps_per_second=True), record], epochs=[{"loss": 2.0}])

    assert record.logs("on_epoch_end") == [{"loss": 2.0}]
    assert record.logs("on_train_batch_end") == [{"loss": 2.0}]


def test_what_callbacks_add_is_written_words_too(folder):
    class Adds(kibitz.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(mood="fine", both=[1, 2])

    drive([Adds(), LearningRateScheduler(lambda epoch: 0.5), TensorBoard(folder)], epochs=[{"loss": 2.0}])

    assert written(folder / "train")["epoch_learning_rate"] == [(0, 0.5)]
    assert written(folder / "train", "text") == {"epoch_mood": [(0, b"fine")], "epoch_both": [(0, b"[1, 2]")]}


def test_numbers_that_are_not_finite_are_numbers(folder):
    drive(TensorBoard(folder), epochs=[{"loss": float("nan")}, {"loss": float("inf")}])

    (_, nan), (_, infinite) = written(folder / "train")["epoch_loss"]
    assert np.isnan(nan)
    assert infinite == float("inf")


def test_an_optimizer_without_a_learning_rate_to_read_has_none_written(folder):
    import optax

    model = stack()
    model.compile(optax.adam(1e-3), "mse")
    model.fit(X, Y, verbose=0, callbacks=[TensorBoard(folder)])

    assert set(written(folder / "train")) == {"epoch_loss", "epoch_mae"}


# -- steps, run after run ------------------------------------------------------------------------------------------


def test_D31_steps_go_on_in_the_next_fit(folder):
    board = TensorBoard(folder, update_freq=2)
    model = FakeModel()
    for _ in range(2):
        drive(board, epochs=[{"loss": 1.0}], batches=3, model=model)

    assert [step for step, _ in written(folder / "train")["batch_loss"]] == [2, 4, 6]
    assert board.train_step == 6


def test_D31_steps_go_on_from_the_optimizers_iterations_in_a_new_process(folder):
    model = FakeModel()
    model.optimizer.iterations.assign(100)

    drive(TensorBoard(folder, update_freq=1), epochs=[{"loss": 1.0}], batches=2, model=model)

    assert [step for step, _ in written(folder / "train")["batch_loss"]] == [101, 102]


def test_D31_tensorflow_is_not_needed(folder):
    stack().fit(X, Y, verbose=0, callbacks=[TensorBoard(folder, histogram_freq=1, write_images=True)])

    assert written(folder / "train", "images")
    assert "tensorflow" not in sys.modules


def test_it_works_in_evaluate_alone(folder):
    model = stack()
    model.fit(X, Y, batch_size=4, verbose=0)

    found = model.evaluate(X, Y, verbose=0, return_dict=True, callbacks=[TensorBoard(folder, update_freq=1)])

    scalars = written(folder / "validation")
    assert scalars == {f"evaluation_{key}_vs_iterations": [(3, np.float32(found[key]).item())] for key in found}
    assert accumulated(folder / "train").Graph() is not None


def test_it_works_in_predict_alone(folder):
    stack().predict(X, verbose=0, callbacks=[TensorBoard(folder)])

    assert accumulated(folder / "train").Graph() is not None
    assert not (folder / "validation").exists()


def test_it_works_in_a_loop_of_ones_own(folder):
    board = TensorBoard(folder, update_freq=1)
    callbacks = CallbackList(board, model=FakeModel())
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_train_batch_begin(0)
    callbacks.on_train_batch_end(0, {"loss": 2.0})
    callbacks.on_epoch_end(0, {"loss": 2.0})
    callbacks.on_train_end()

    assert written(folder / "train")["batch_loss"] == [(1, 2.0)]
    assert board._files == {}


@pytest.mark.parametrize("kind", ["test", "predict"])
def test_a_loop_of_ones_own_that_does_not_train_leaves_nothing_open(folder, kind):
    board = TensorBoard(folder)
    callbacks = CallbackList(board, model=stack())
    getattr(callbacks, f"on_{kind}_begin")()
    getattr(callbacks, f"on_{kind}_end")({"loss": 2.0} if kind == "test" else None)

    assert accumulated(folder / "train").Graph() is not None
    assert board._files == {}


# -- hooks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "watched"),
    [
        ({}, []),
        ({"histogram_freq": 1, "embeddings_freq": 1, "write_steps_per_second": True}, []),
        ({"update_freq": "batch"}, ["on_train_batch_end"]),
        ({"profile_batch": 2}, ["on_train_batch_begin", "on_train_batch_end"]),
    ],
)
def test_batches_are_watched_only_where_they_are_needed(folder, arguments, watched):
    board = TensorBoard(folder, **arguments)

    assert [hook for hook in dir(board) if "batch" in hook and hook[:3] == "on_" and overrides(board, hook)] == watched


@pytest.mark.parametrize("freq", ["epoch", 1])
def test_a_subclass_may_have_batch_hooks_of_its_own(folder, freq):
    seen = []

    class Mine(TensorBoard):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            super().on_train_batch_end(batch, logs=logs)

    drive(Mine(folder, update_freq=freq), epochs=[{"loss": 2.0}], batches=2)

    assert seen == [0, 1]
    assert len(written(folder / "train").get("batch_loss", [])) == (2 if freq == 1 else 0)


# -- weights -------------------------------------------------------------------------------------------------------


def test_histograms_hold_the_weights_as_they_are_at_the_epochs_that_are_due(folder):
    seen = []

    class See(kibitz.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append({weight.path: np.asarray(weight) for weight in self.model.weights})

    stack(layers.Dense(3, name="first")).fit(
        X, Y, epochs=4, verbose=0, callbacks=[See(), TensorBoard(folder, histogram_freq=2)]
    )

    found = written(folder / "train", "histograms")
    assert set(found) == {
        f"stack/{layer}/{name}/histogram" for layer in ("first", "last") for name in ("kernel", "bias")
    }
    for path in seen[0]:
        assert [step for step, _ in found[f"{path}/histogram"]] == [0, 2]
        for epoch, rows in found[f"{path}/histogram"]:
            assert np.array(rows)[:, 2].sum() == seen[epoch][path].size
            assert (rows[0][0], rows[-1][1]) == (seen[epoch][path].min(), seen[epoch][path].max())
    assert written(folder / "train", "images") == {}


@pytest.mark.parametrize(
    ("values", "counts", "ends"),
    [
        ([0.0, 0.0, 3.0], {0: 2, 29: 1}, (0.0, 3.0)),
        (np.arange(31), {**dict.fromkeys(range(29), 1), 29: 2}, (0.0, 30.0)),
        ([[7.0, 7.0]], {29: 2}, (7.0, 7.0)),
        ([], {}, (0.0, 0.0)),
        ([float("nan"), float("inf"), 0.0, 1.0], {0: 1, 29: 1}, (0.0, 1.0)),
        ([float("nan")], {}, (0.0, 0.0)),
    ],
)
def test_a_histogram_has_thirty_buckets_of_one_width(values, counts, ends):
    rows = make_ndarray(histogram("x", values).tensor)

    assert rows.shape == (30, 3)
    assert {place: count for place, count in enumerate(rows[:, 2]) if count} == counts
    assert (rows[0, 0], rows[-1, 1]) == ends
    np.testing.assert_allclose(np.diff(rows[:, :2], axis=1), (ends[1] - ends[0]) / 30, atol=1e-12)


def test_buckets_count_as_numpy_does():
    values = np.random.default_rng(0).normal(size=1000)

    counts, edges = np.histogram(values, 30)

    rows = buckets(values)
    assert rows[:, 2].tolist() == counts.tolist()
    np.testing.assert_allclose(rows[:, 0], edges[:-1])


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((5,), [(5, 1)]),
        ((3, 5), [(5, 3)]),
        ((5, 3), [(5, 3)]),
        ((1, 5, 1), [(5, 1)]),
        ((2, 4, 7), [(4, 2)] * 3),
        ((2, 4, 2), [(4, 2)] * 2),
        ((2, 4, 5, 3), [(5, 4)] * 2),
        ((2, 4, 5, 7), None),
        ((1, 1), None),
        ((), None),
        ((2, 2, 2, 2, 2), None),
    ],
)
def test_a_weight_is_a_picture_where_it_has_the_shape_of_one(shape, sizes):
    made = picture("x", np.ones(shape))

    if sizes is None:
        assert made is None
        return
    width, height, *encoded = make_ndarray(made.tensor).tolist()
    assert (int(width), int(height)) == sizes[0]
    assert [Image.open(io.BytesIO(each)).size for each in encoded] == sizes


def test_a_picture_shows_negative_weights_darker_than_zero(folder):
    (*_, encoded) = make_ndarray(picture("x", [[-0.02, 0.0, 0.01, 0.02, float("nan")]]).tensor).tolist()

    assert np.asarray(Image.open(io.BytesIO(encoded))).tolist() == [[0, 128, 191, 255, 128]]


def test_pictures_are_written_with_histograms(folder):
    stack().fit(X, Y, epochs=2, verbose=0, callbacks=[TensorBoard(folder, histogram_freq=1, write_images=True)])

    found = written(folder / "train", "images")
    assert {tag: [step for step, _ in pictures] for tag, pictures in found.items()} == {
        "stack/last/kernel/image": [0, 1]
    }


# -- the graph -----------------------------------------------------------------------------------------------------


def nodes(folder):
    return {node.name: (node.op, list(node.input)) for node in accumulated(folder).Graph().node}


def test_the_graph_of_a_stack_has_its_layers_one_after_the_other(folder):
    drive(TensorBoard(folder), epochs=[{"loss": 1.0}], model=stack(layers.Dropout(0.5, name="thin")))

    assert nodes(folder / "train") == {
        "input": ("Input", []),
        "thin": ("Dropout", ["input"]),
        "last/bias": ("Param", []),
        "last/kernel": ("Param", []),
        "last": ("Dense", ["last/bias", "last/kernel", "thin"]),
    }


def test_the_configuration_is_written_as_keras_does_for_the_conceptual_graph(folder):
    drive(TensorBoard(folder), epochs=[{"loss": 1.0}], model=stack(layers.Dense(2, name="first")))

    found = accumulated(folder / "train")
    assert found.SummaryMetadata("keras").plugin_data.content == b"1"
    ((step, told),) = written(folder / "train", "graph_keras_model")["keras"]
    assert step == 0
    drawn = keras_model_to_graph_def(json.loads(told))
    assert [(node.name, list(node.input)) for node in drawn.node] == [
        ("stack/given", []),
        ("stack/first", ["stack/given"]),
        ("stack/last", ["stack/first"]),
    ]


class Net(nnx.Module):
    def __init__(self, rngs):
        self.inner = nnx.List([nnx.Linear(4, 2, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)])
        self.scale = nnx.Param(np.ones(1, "float32"))

    def __call__(self, x):
        return self.inner[1](self.inner[0](x)) * self.scale


def test_the_graph_of_a_module_has_its_parts(folder):
    model = kibitz.Model(Net(nnx.Rngs(0)), name="net")
    drive(TensorBoard(folder), epochs=[{"loss": 1.0}], model=model)

    found = nodes(folder / "train")
    assert found["inner/0"] == ("Linear", ["inner/0/bias", "inner/0/kernel"])
    assert found["net"] == ("Net", ["scale"])
    assert "inner" not in found
    shape = {node.name: node for node in accumulated(folder / "train").Graph().node}["inner/0/kernel"]
    assert [each.size for each in shape.attr["_output_shapes"].list.shape[0].dim] == [4, 2]
    assert written(folder / "train", "graph_keras_model") == {}


def test_a_stack_whose_layer_has_no_configuration_has_a_graph_all_the_same(folder):
    model = kibitz.Sequential([kibitz.Input((4,)), nnx.Linear(4, 1, rngs=nnx.Rngs(0))])
    drive(TensorBoard(folder), epochs=[{"loss": 1.0}], model=model)

    assert nodes(folder / "train")["linear_0"] == ("Linear", ["linear_0/bias", "linear_0/kernel", "input"])


def test_no_graph_is_written_where_none_is_wanted(folder):
    stack().predict(X, verbose=0, callbacks=[TensorBoard(folder, write_graph=False)])

    assert not folder.exists()


# -- the profile ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ends"),
    [(0, (0, 0)), (2, (2, 2)), ((2, 5), (2, 5)), ([3, 3], (3, 3)), ("2,5", (2, 5)), ("4", (4, 4)), ((0, 0), (0, 0)),
     (np.int64(3), (3, 3))],
)  # fmt: skip
def test_a_range_of_batches_is_given_as_keras_takes_it(given, ends):
    found = ProfileRange(given)

    assert (found.first, found.last) == ends


class Profiler:
    """Takes the place of JAX's: says at which batch it was started and stopped."""

    def __init__(self, monkeypatch):
        self.told, self.batch = [], 0
        monkeypatch.setattr(jax.profiler, "start_trace", lambda folder: self.told.append(("start", folder, self.batch)))
        monkeypatch.setattr(jax.profiler, "stop_trace", lambda: self.told.append(("stop", self.batch)))

    def counts(self):
        def count(batch, logs):
            self.batch += 1

        return kibitz.callbacks.LambdaCallback(on_train_batch_begin=count)


@pytest.mark.parametrize(
    ("given", "first", "last"), [(1, 1, 1), (2, 2, 2), ((2, 4), 2, 4), ("3,5", 3, 5), ((5, 100), 5, 6)]
)
def test_the_profiler_is_on_while_the_batches_of_the_range_are_done(folder, monkeypatch, given, first, last):
    profiler = Profiler(monkeypatch)

    board = TensorBoard(folder, profile_batch=given)
    for _ in range(2):  # each fit counts from 1
        profiler.batch = 0
        drive([profiler.counts(), board], epochs=[{"loss": 1.0}] * 2, batches=3)

    assert profiler.told == [("start", str(folder / "train"), first), ("stop", last)] * 2


def test_the_trace_is_ended_however_the_run_ends(folder, monkeypatch):
    profiler = Profiler(monkeypatch)
    drive(TensorBoard(folder, profile_batch=(2, 5)), epochs=[{"loss": 1.0}], batches=6, raise_at=(0, 3))

    assert [what for what, *_ in profiler.told] == ["start", "stop"]


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_a_profiler_that_fails_is_told_and_training_goes_on(folder, monkeypatch, verb):
    def fail(*_):
        raise RuntimeError("Only one profile may be run at a time.")

    Profiler(monkeypatch)
    monkeypatch.setattr(jax.profiler, f"{verb}_trace", fail)

    with pytest.warns(UserWarning, match="training goes on: Only one profile"):
        ended = drive(TensorBoard(folder, profile_batch=1), epochs=[{"loss": 1.0}], batches=3)

    assert ended.kind == "completed"


def test_a_profile_holds_the_steps_of_its_batches_and_changes_no_bit(folder):
    def trained(*callbacks):
        model = stack()
        model.fit(np.tile(X, (20, 1)), np.tile(Y, (20, 1)), batch_size=4, verbose=0, callbacks=list(callbacks))
        return model.get_weights()

    profiled = trained(TensorBoard(folder, profile_batch=(30, 32)))

    (trace,) = folder.glob("train/plugins/profile/*/*.trace.json.gz")
    events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    steps = [int(each["args"]["step_num"]) for each in events if each.get("name", "").split("#")[0] == "train"]
    assert steps == [30, 31, 32]
    # The device has long done these batches, ahead of the hooks: it is made to do them again, in the trace.
    products = Counter(each["name"] for each in events if re.fullmatch(r"dot[.\d]*", each.get("name", "")))
    assert set(products.values()) == {3}
    assert [each.tolist() for each in profiled] == [each.tolist() for each in trained()]


# -- embeddings ----------------------------------------------------------------------------------------------------


def projector(folder):
    """What TensorBoard's projector finds in a folder: {name: (vectors, file of labels)}."""
    plugin = ProjectorPlugin(TBContext(logdir=str(folder)))
    plugin._update_configs()
    return {
        each.tensor_name: (_read_tensor_tsv_file(str(folder / each.tensor_path)), each.metadata_path)
        for each in plugin._configs["."].embeddings
    }


@pytest.mark.parametrize("metadata", [None, "labels.tsv", {"words": "labels.tsv"}, {"words": Path("labels.tsv")}])
def test_the_projector_reads_the_vectors_of_the_last_epoch_that_was_due(folder, metadata):
    model, x = words()
    seen = []
    see = kibitz.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(np.asarray(model.layers[0].weights[0]))
    )
    given = dict(metadata) if isinstance(metadata, dict) else metadata

    board = TensorBoard(folder, embeddings_freq=2, embeddings_metadata=metadata)
    model.fit(x, Y, epochs=4, verbose=0, callbacks=[board, see])

    ((name, (vectors, labels)),) = projector(folder).items()
    assert name == model.layers[0].weights[0].path
    assert vectors.tolist() == seen[2].tolist()
    assert labels == ("" if metadata is None else "labels.tsv")
    assert board.embeddings_metadata == given


def test_the_projector_reads_an_embedding_of_flax(folder):
    class Embedded(nnx.Module):
        def __init__(self, rngs):
            self.table = nnx.Embed(5, 3, rngs=rngs)

        def __call__(self, x):
            return self.table(x).mean(axis=(1, 2))[:, None]

    model = kibitz.Model(Embedded(nnx.Rngs(0)))
    model.compile("sgd", "mse")
    board = TensorBoard(folder, embeddings_freq=1, embeddings_metadata={"table": "labels.tsv"})
    model.fit(words()[1], Y, verbose=0, callbacks=[board])

    assert projector(folder)["table/embedding"][0].tolist() == np.asarray(model.get_weights()[0]).tolist()


def test_a_layer_that_is_not_there_is_refused_before_the_first_step(folder):
    model, x = words()
    record = Recorder()

    board = TensorBoard(folder, embeddings_freq=1, embeddings_metadata={"word": "labels.tsv"})
    with pytest.raises(UnknownName) as raised:
        model.fit(x, Y, verbose=0, callbacks=[board, record])

    assert (raised.value.given, raised.value.there_is, raised.value.nearest) == ("word", ["words"], "words")
    assert record.calls == []
    assert isinstance(raised.value, ValueError)  # as in Keras


@pytest.mark.parametrize("path", ["../labels.tsv", "/etc/labels.tsv"])
def test_labels_that_tensorboard_would_not_read_are_refused(folder, path):
    with pytest.raises(InvalidArgument, match="within its log_dir alone"):
        TensorBoard(folder, embeddings_freq=1, embeddings_metadata=path)


def test_a_model_without_embeddings_is_told(folder):
    with pytest.warns(UserWarning, match="the projector will be empty"):
        stack().fit(X, Y, verbose=0, callbacks=[TensorBoard(folder, embeddings_freq=1)])


# -- files ---------------------------------------------------------------------------------------------------------


def test_an_epochs_numbers_are_on_disk_at_its_end(folder):
    seen = []

    def look(epoch, logs):
        seen.append(written(folder / "train")["epoch_loss"])

    drive([TensorBoard(folder), kibitz.callbacks.LambdaCallback(on_epoch_end=look)], epochs=[{"loss": 1.0}] * 2)

    assert [len(each) for each in seen] == [1, 2]


@pytest.mark.parametrize("named", [{}, {"raise_at": (1, 0)}, {"raise_at": (1, 0), "error": RuntimeError("no")}])
def test_D15_nothing_stays_open_however_the_run_ends(folder, named):
    board, held, threads = TensorBoard(folder, update_freq=1), [], threading.active_count()

    def hold(epoch, logs):
        held.extend(file._file for file in board._files.values())

    epochs = [{"loss": 1.0, "val_loss": 1.0}] * 2
    drive([board, kibitz.callbacks.LambdaCallback(on_epoch_end=hold)], epochs=epochs, **named)

    assert len(held) >= 2
    assert all(file.closed for file in held)
    assert board._files == {}
    assert threading.active_count() == threads


def test_a_run_begun_anew_without_its_end_leaves_nothing_open(folder):
    board = TensorBoard(folder)
    drive(board, epochs=[{"loss": 1.0}] * 3, kill_after=1)
    drive(board, epochs=[{"loss": 1.0}])

    assert board._files == {}


def test_two_files_never_have_one_name(folder):
    files = [event_file.EventFile(folder, "0a") for _ in range(3)]
    for file in files:
        file.close()

    assert len(list(folder.iterdir())) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
def test_a_full_disk_speaks_and_nothing_stays_open(folder, monkeypatch):
    opened = []

    def full(*_):
        opened.append(Path("/dev/full").open("wb"))  # noqa: SIM115 - whether it is closed is what is asked
        return opened[-1]

    monkeypatch.setattr(event_file, "_new", full)
    with pytest.raises(UnusableFile) as raised:
        drive(TensorBoard(folder), epochs=[{"loss": 1.0}])

    assert raised.value.what == "TensorBoard's event file could not be written: No space left on device."
    assert raised.value.given == str(folder / "train")
    assert all(file.closed for file in opened)


def test_a_place_where_no_folder_can_be_is_refused_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("in the way")
    record = Recorder()

    with pytest.raises(UnusableFile):
        drive([TensorBoard(tmp_path / "file"), record], epochs=[{"loss": 1.0}])

    assert record.calls == []


# -- arguments -----------------------------------------------------------------------------------------------------


def test_without_the_package_the_cure_is_said(folder, monkeypatch):
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)

    with pytest.raises(MissingExtra) as raised:
        TensorBoard(folder)

    assert str(raised.value) == (
        "TensorBoard's files are written with the package tensorboard, and it is not installed.\n"
        "  given    kibitz.callbacks.TensorBoard(...)\n"
        "  wanted   tensorboard\n"
        '  cure     pip install "kibitz[tensorboard]"'
    )
    assert isinstance(raised.value, ImportError)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        *(({"histogram_freq": value}, InvalidArgument) for value in (-1, 1.5, True, "1", None)),
        *(({"embeddings_freq": value}, InvalidArgument) for value in (-1, False)),
        *(({"update_freq": value}, InvalidArgument) for value in (0, -1, 2.0, True, "batches", None)),
        *(({"profile_batch": value}, InvalidArgument) for value in (-1, True, 1.5, "a", "2,", "1,2,3", (5, 2), (0, 5),
                                                                    (1, 2, 3), (), None, {1, 2})),
        *(({name: 1}, WrongType) for name in ("write_graph", "write_images", "write_steps_per_second")),
        ({"log_dir": None}, WrongType),
        ({"log_dir": 3}, WrongType),
        ({"embeddings_metadata": 3, "embeddings_freq": 1}, WrongType),
        ({"embeddings_metadata": {"words": 3}, "embeddings_freq": 1}, WrongType),
    ],
)  # fmt: skip
def test_an_argument_that_cannot_be_is_refused_when_it_is_given(folder, arguments, kind):
    with pytest.raises(kind) as raised:
        TensorBoard(**{"log_dir": folder, **arguments})

    assert raised.value.cure
    assert raised.value.wanted


@pytest.mark.parametrize(
    "arguments", [{"write_images": True}, {"embeddings_metadata": "labels.tsv"}], ids=lambda each: next(iter(each))
)
def test_what_does_nothing_alone_is_told(folder, arguments):
    with pytest.warns(UserWarning, match="does nothing without"):
        TensorBoard(folder, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("logs", 1, False, True, True, "batch", 0, 2, "labels.tsv"),
        (Path("logs") / "a", 0, True, False, False, 10, 0, 1, {"words": "labels.tsv"}),
    ],
)
def test_the_attributes_are_keras(arguments):
    theirs = vars(keras.callbacks.TensorBoard(*arguments))
    public = {name: value for name, value in theirs.items() if not name.startswith("_") and name != "params"}

    ours = vars(TensorBoard(*arguments))

    assert {name: ours[name] for name in public} == public
