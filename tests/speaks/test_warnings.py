"""What may be meant, and probably is not, is told once, and the run goes on."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kibitz
from tests.speaks.case import LABELS, NAN, Scene, Stream, X, Y, put, stack

NOT_FINITE = "The loss is not finite, and"


@pytest.fixture(scope="module")
def models():
    return Scene()


@pytest.fixture
def scene(models):
    return models.reset()


def told(call, *args, **more):
    """The words of all warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args, **more)
    assert {each.category for each in caught} <= {UserWarning}
    return [str(each.message) for each in caught]


def test_a_class_without_a_weight_is_named_and_weighs_1(scene):
    assert told(scene.fit, X, LABELS, scene.classes, class_weight={0: 2.0}, epochs=0) == [
        "class_weight has no weight for the classes [1, 2]; they weigh 1."
    ]


def test_a_class_without_a_weight_trains_as_one_of_weight_1(scene):
    found = []
    for weights in ({0: 2.0, 1: 3.0}, {0: 2.0, 1: 3.0, 2: 1.0}):
        told(scene.reset().fit, X, LABELS, scene.classes, class_weight=weights, shuffle=False)
        found.append(scene.classes.get_weights())
    assert all(np.array_equal(*pair) for pair in zip(*found, strict=True))


def test_a_weight_for_a_class_that_never_comes_is_named(scene):
    weights = {0: 1.0, 1: 1.0, 2: 1.0, 7: 3.0}
    assert told(scene.fit, X, LABELS, scene.classes, class_weight=weights, epochs=0) == [
        "class_weight has weights for the classes [7], and no label is one of them."
    ]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_nan_in_x_is_found_when_the_loss_is_first_not_finite_and_told_with_its_rows(scene, shuffle):
    x = put(put(X, (3, 1), NAN), 17, np.inf)
    assert told(scene.fit, x, Y, batch_size=32, epochs=3, shuffle=shuffle) == [
        f"{NOT_FINITE} x holds NaN or infinity in 2 rows: 3, 17. Leave these rows out, or numpy.nan_to_num(x)."
    ]


def test_a_nan_is_looked_for_in_the_batch_concerned_and_no_other(scene):
    y = put(put(Y, 9, NAN), 30, NAN)
    assert told(scene.fit, X, y, batch_size=8, shuffle=False) == [
        f"{NOT_FINITE} y holds NaN or infinity in 1 row: 9. Leave these rows out, or numpy.nan_to_num(y)."
    ]


def test_a_nan_in_a_stream_is_told_by_its_place_in_the_batch(scene):
    batches = Stream((X[:8], Y[:8]), (put(X[8:16], 2, NAN), Y[8:16]))
    assert told(scene.fit, batches, None) == [
        f"{NOT_FINITE} x holds NaN or infinity in 1 row of the batch: 2. Leave these rows out, or numpy.nan_to_num(x)."
    ]


def test_many_rows_of_nan_are_counted_and_ten_are_shown(scene):
    (text,) = told(scene.fit, put(X, slice(4, 20), NAN), Y)
    assert "in 16 rows: 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, ..." in text


def test_a_finite_run_is_not_scanned(scene, monkeypatch):
    def scan(leaf):
        raise AssertionError("a finite run pays for nothing")

    monkeypatch.setattr("kibitz.data.nonfinite.bad_rows", scan)
    assert told(scene.fit, epochs=2, validation_split=0.25) == []
    with pytest.raises(AssertionError, match="pays for nothing"):
        scene.fit(put(X, 3, NAN))


def test_a_loss_that_explodes_on_finite_data_accuses_no_rows(scene):
    scene.line.optimizer.learning_rate = 1e3
    assert told(scene.fit, epochs=40) == []
    assert not np.isfinite(scene.line.get_weights()[0]).all()


def test_a_misspelt_hook_is_told_with_the_one_that_was_meant(scene):
    class Misspelt(kibitz.callbacks.Callback):
        def on_epoch_ends(self, epoch, logs=None):
            pass

    assert told(scene.fit, callbacks=[Misspelt()], epochs=0) == [
        "Misspelt.on_epoch_ends looks like a hook, and there is none of this name; did you mean on_epoch_end?"
    ]


def test_an_initial_epoch_beyond_the_last_leaves_nothing_to_do(scene):
    (text,) = told(scene.fit, initial_epoch=5, epochs=3)
    assert text.startswith("There is nothing to do: initial_epoch=5 is not below epochs=3")
    assert scene.record.hooks == ["on_train_begin", "on_train_end", "on_run_end"]


def test_no_epochs_are_what_was_asked_for(scene):
    assert told(scene.fit, epochs=0) == []


def test_one_row_to_validate_with_is_told(scene):
    assert told(scene.fit, validation_split=0.001, epochs=0) == [
        "validation_split=0.001 leaves one row to validate with."
    ]


def test_weights_that_are_all_0_are_told(scene):
    assert told(scene.fit, sample_weight=np.zeros(32), epochs=0) == [
        "All of sample_weight is 0: nothing will be learned."
    ]
    assert told(scene.fit, sample_weight=put(np.zeros(32), 5, 1.0), epochs=0) == []


def test_a_model_of_which_nothing_is_trainable_is_told(scene):
    layer = kibitz.layers.Dense(1, trainable=False)
    assert told(scene.fit, model=stack("frozen", layer), epochs=0) == [
        "The model has no trainable weights: nothing will be learned."
    ]


def test_more_steps_than_there_are_batches_are_told_with_both_counts(scene):
    assert told(scene.evaluate, batch_size=16, steps=5) == ["steps=5 batches were asked for, and the data have 2."]
    assert told(scene.fit, validation_data=(X, Y), validation_batch_size=16, validation_steps=3, epochs=2) == [
        "validation_steps=3 batches were asked for, and the data have 2."
    ]


def test_a_huge_learning_rate_is_told():
    assert told(kibitz.optimizers.SGD, 1e20) == [
        "learning_rate=1e+20 is huge: the weights will not stay finite for long."
    ]
