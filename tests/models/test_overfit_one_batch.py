"""overfit_one_batch: a model that can learn, one that cannot, and that it is left as it was."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz
from kibitz.errors import InvalidArgument, NotFinite, WrongType
from kibitz.testing import Recorder

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def model(rate=0.1, loss="mse", **layer):
    kibitz.utils.set_random_seed(1)
    built = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(1, **layer)])
    built.compile(kibitz.optimizers.SGD(rate), loss)
    return built


def test_a_model_that_can_learn_learns_the_batch_and_is_left_as_it_was():
    lent = model()
    before = {name: value.tobytes() for name, value in lent.export_state().items()}

    result = kibitz.overfit_one_batch(lent, X, Y, batch_size=8)

    assert result
    assert result.learned
    assert result.target == result.losses[0] / 100
    assert result.losses[-1] <= result.target < result.losses[-2]
    assert str(result).startswith(f"The batch was learned: in {len(result.losses)} steps the loss went from ")
    assert {name: value.tobytes() for name, value in lent.export_state().items()} == before


def test_one_that_cannot_is_told():
    # All that it says is above 0, and the targets are not.
    result = kibitz.overfit_one_batch(model(activation="sigmoid"), X, Y - 10, steps=20)

    assert not result
    assert len(result.losses) == 20
    assert "should have come to" in str(result)


def test_it_is_one_batch_that_is_trained_on():
    class Look(kibitz.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.steps = self.params["steps"]

    look, record = Look(), Recorder()
    kibitz.overfit_one_batch(model(0.0), X, Y, batch_size=8, steps=5, callbacks=[look, record])

    expected = model(0.0).evaluate(X[:8], Y[:8], verbose=0)
    assert look.steps == 5
    assert [logs["loss"] for logs in record.logs("on_train_batch_end")] == pytest.approx([expected] * 5)


def test_it_keeps_what_it_learned_if_that_is_asked():
    lent = model()
    result = kibitz.overfit_one_batch(lent, X, Y, batch_size=8, keep=True)

    assert lent.evaluate(X[:8], Y[:8], verbose=0) < result.target


def test_a_target_may_be_given():
    result = kibitz.overfit_one_batch(model(), X, Y, target=1.0)
    assert result
    assert result.target == 1.0
    assert result.losses[-1] <= 1.0


def test_weights_of_rows_are_cut_as_the_rows_are():
    weight = np.where(np.arange(64) < 4, 1.0, 0.0)

    assert kibitz.overfit_one_batch(model(), X, Y, batch_size=8, sample_weight=weight)


def test_a_loss_that_is_lost_ends_it():
    result = kibitz.overfit_one_batch(model(1e4), X, Y, steps=300)

    assert not result
    assert not np.isfinite(result.losses[-1])
    assert len(result.losses) < 300


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(NotFinite, match="The first loss is not a finite number"), pytest.warns(UserWarning, match="x"):
        kibitz.overfit_one_batch(model(), X * np.nan, Y)
    with pytest.raises(InvalidArgument, match="begins at 0 or below"):
        kibitz.overfit_one_batch(model(loss=lambda y, y_pred: (y_pred - y) ** 2 - 1000), X, Y)
    with pytest.raises(WrongType, match="takes one batch from x"):
        kibitz.overfit_one_batch(model(), iter([(X, Y)]))
    with pytest.raises(InvalidArgument):
        kibitz.overfit_one_batch(model(), X, Y, steps=0)
    with pytest.raises(InvalidArgument, match="step after step"):
        kibitz.overfit_one_batch(model(), X, Y, epochs=3)
    with pytest.raises(InvalidArgument, match="cannot work with this target"):
        kibitz.overfit_one_batch(model(), X, Y, target="low")


def test_a_model_without_weights_and_several_inputs_are_taken():
    unbuilt = kibitz.Sequential([kibitz.layers.Dense(1)])
    unbuilt.compile(kibitz.optimizers.SGD(0.1), "mse")

    assert kibitz.overfit_one_batch(unbuilt, [X], Y, batch_size=8)
