"""Generators that end, fail or go wrong on the way: the run ends with a word, and no batch is used twice."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kibitz
from kibitz.errors import BadData, ShapeMismatch, WrongType
from tests.speaks.case import LABELS, Scene, Stream, X, Y, put, stack

EIGHTS = [(X[start : start + 8], Y[start : start + 8]) for start in range(0, 32, 8)]
CLASSES = [(X[start : start + 8], LABELS[start : start + 8]) for start in range(0, 32, 8)]


class Ending(kibitz.callbacks.Callback):
    def on_run_end(self, outcome):
        self.outcome = outcome


@pytest.fixture(scope="module")
def models():
    return Scene()


@pytest.fixture
def scene(models):
    return models.reset()


@pytest.mark.parametrize(
    ("promised", "epochs", "words"),
    [
        ({"epochs": 3}, 1, "The data ended after 3 batches, and 3 epochs were promised"),
        (
            {"epochs": 2, "steps_per_epoch": 2},
            2,
            "The data ended after 3 batches, and 2 epochs of 2 batches (4 in all) were promised",
        ),
        (
            {"epochs": 1, "steps_per_epoch": 5},
            1,
            "The data ended after 3 batches, and 1 epoch of 5 batches (5 in all) were promised",
        ),
    ],
)
def test_a_generator_that_runs_dry_ends_the_run_with_both_counts(scene, promised, epochs, words):
    ending = Ending()
    with pytest.warns(UserWarning, match="The data ended") as told:
        history = scene.fit(iter(EIGHTS[:3]), None, callbacks=[ending], **promised)
    assert [str(each.message).partition(";")[0] for each in told] == [words]
    assert (ending.outcome.kind, ending.outcome.reason) == ("stopped", "the data ended")
    assert history.epoch == list(range(epochs))
    assert scene.record.hooks.count("on_train_batch_begin") == scene.record.hooks.count("on_train_batch_end") == 3
    assert scene.record.hooks[-2:] == ["on_train_end", "on_run_end"]


def test_a_model_whose_data_ran_dry_is_the_one_of_their_last_batch(scene):
    dry, whole = scene.line, scene.spare
    whole.set_weights(dry.get_weights())
    with pytest.warns(UserWarning, match="The data ended after 3 batches"):
        dry.fit(iter(EIGHTS[:3]), steps_per_epoch=2, epochs=2, verbose=0)
    for x, y in EIGHTS[:3]:
        whole.train_on_batch(x, y)
    assert int(dry.optimizer.iterations) == 3
    np.testing.assert_allclose(dry.get_weights()[0], whole.get_weights()[0], rtol=1e-6)
    assert np.isfinite(dry.evaluate(X, Y, verbose=0)).all()


def test_a_generator_of_exactly_what_was_promised_is_silent(scene):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene.fit(iter(EIGHTS), None, epochs=2, steps_per_epoch=2)
    assert scene.record.hooks.count("on_train_batch_end") == 4


@pytest.mark.parametrize("number", [2, 40])
def test_a_bad_label_on_the_way_is_told_at_its_batch(scene, number):
    ending = Ending()
    bad = [*CLASSES * 10, CLASSES[0]]
    bad[number] = CLASSES[0][0], put(CLASSES[0][1], 5, 3)
    with pytest.raises(BadData) as caught:
        scene.fit(iter(bad), None, scene.classes, callbacks=[ending])
    assert str(caught.value) == (
        f"y of batch {number} has a label outside the classes 0 to 2: 3, in row 5 (1 of 8 rows).\n"
        "  given    int32[8]\n"
        "  wanted   the classes 0 to 2\n"
        "  cure     a last layer of 4 units, or labels from 0 to 2"
    )
    assert caught.value.__notes__ == [f"while batch {number} of epoch 0 (from 0) was read"]
    assert scene.record.hooks.count("on_train_batch_end") == number
    assert int(scene.classes.optimizer.iterations) == number
    assert ending.outcome.kind == "failed"


def test_an_ignored_label_on_the_way_is_let_pass():
    loss = kibitz.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model = stack("ignoring", kibitz.layers.Dense(3), loss=loss)
    model.fit(iter([CLASSES[0], (CLASSES[1][0], put(CLASSES[1][1], 5, -1))]), verbose=0)
    assert int(model.optimizer.iterations) == 2


@pytest.mark.parametrize(
    ("batch", "kind", "words"),
    [
        ((X[:8, :3], Y[:8]), ShapeMismatch, "x of batch 1 does not have the shape that the model"),
        ((X[:8, None], Y[:8]), BadData, "Batch 1 of x is of another kind than the first."),
        ((X[:8], Y[:3]), ShapeMismatch, "The parts of batch 1 of x have different lengths."),
        ((X[:8], Y[:8], -np.ones(8)), BadData, "Batch 1 of x is of another kind than the first."),
        ((X[:8], Y[:8], Y[:8], Y[:8]), WrongType, "A generator yields x, (x, y) or (x, y, sample_weight), and batch 1"),
    ],
)
def test_a_batch_unlike_the_first_is_told_at_its_batch(scene, batch, kind, words):
    with pytest.raises(kind) as caught:
        scene.fit(iter([EIGHTS[0], batch]), None)
    assert str(caught.value).startswith(words)
    assert scene.record.hooks.count("on_train_batch_end") == 1


def test_a_negative_weight_on_the_way_is_told_at_its_batch(scene):
    weighted = [(*EIGHTS[0], np.ones(8)), (*EIGHTS[1], put(np.ones(8), 6, -1.0))]
    with pytest.raises(BadData, match="sample_weight of batch 1 has a value that is no weight, in row 6"):
        scene.fit(iter(weighted), None)
    assert scene.record.hooks.count("on_train_batch_end") == 1


def test_what_a_generator_raises_comes_out_with_its_place(scene):
    def broken():
        yield EIGHTS[0]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as caught:
        scene.fit(broken(), None)
    assert caught.value.__notes__ == ["while batch 1 of epoch 0 (from 0) was read"]
    assert scene.record.hooks.count("on_train_batch_end") == 1


def test_a_one_shot_validation_keeps_its_steps_and_uses_them_each_time(scene):
    taken = []
    model = scene.spare
    model.optimizer.learning_rate = 0.0

    def batches():
        for index, batch in enumerate(EIGHTS):
            taken.append(index)
            yield batch

    history = model.fit(X, Y, epochs=3, validation_data=batches(), validation_steps=2, verbose=0)
    assert taken == [0, 1]
    assert len(set(history.history["val_loss"])) == 1
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(X[:16], Y[:16], verbose=0)[0], rel=1e-5)


@pytest.mark.parametrize(
    ("more", "due"),
    [({"epochs": 1}, 1), ({"epochs": 3, "validation_freq": 3}, 1), ({"epochs": 3, "validation_freq": [2]}, 1),
     ({"epochs": 4, "initial_epoch": 3, "validation_freq": 2}, 1)],
)  # fmt: skip
def test_a_one_shot_validation_that_is_due_once_needs_no_steps(scene, more, due):
    history = scene.fit(validation_data=Stream(*EIGHTS), **more)
    assert len(history.history["val_loss"]) == due


@pytest.mark.parametrize("more", [{"epochs": 2}, {"epochs": 4, "initial_epoch": 1, "validation_freq": 2}])
def test_a_one_shot_validation_that_is_due_twice_is_refused_without_steps(scene, more):
    with pytest.raises(ValueError, match="2 validations"):
        scene.fit(validation_data=Stream(*EIGHTS), **more)
    assert scene.record.hooks == []


def test_batches_may_have_sizes_of_their_own_where_the_model_takes_them():
    model = kibitz.Sequential([kibitz.Input((None, 3)), kibitz.layers.Dense(2), kibitz.layers.GlobalAveragePooling1D()])
    model.compile("sgd", "mse")
    lengths = iter((np.ones((4, length, 3), "float32"), np.zeros((4, 2), "float32")) for length in (5, 7, 5))
    model.fit(lengths, verbose=0)
    assert int(model.optimizer.iterations) == 3
