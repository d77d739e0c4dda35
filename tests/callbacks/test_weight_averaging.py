"""WeightAveraging: what is averaged, who sees the average when, that training never does, and batch normalization."""

from __future__ import annotations

import numpy as np
import pytest
from flax import nnx

import kibitz
from kibitz.callbacks import Callback, ModelCheckpoint, WeightAveraging
from kibitz.callbacks.moving_statistics import estimated_anew, has_statistics
from kibitz.errors import EmptyData, InvalidArgument, WrongType
from kibitz.testing import FakeModel, Recorder, drive

EPOCH, VALIDATED = {"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}
X = np.random.default_rng(0).normal(2, 3, size=(40, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Look(Callback):
    """Notes the one weight of a FakeModel at some hooks."""

    def __init__(self, *hooks):
        super().__init__()
        self.seen = []
        for hook in hooks:
            setattr(self, hook, self.note)

    def note(self, *_, **__):
        self.seen.append(self.model.get_weights()[0].item())


def run(averaging, *hooks, epochs=3, batches=2, logs=EPOCH, behind=True, others=(), **drive_arguments):
    """What a callback behind (or before) it saw, and the weight in the end; the weight counts the steps."""
    look, model = Look(*hooks), FakeModel()
    callbacks = [*others, averaging, look] if behind else [*others, look, averaging]
    drive(callbacks, epochs=[logs] * epochs, batches=batches, model=model, **drive_arguments)
    return look.seen, model.get_weights()[0].item()


def test_swa_is_the_mean_of_the_ends_of_epochs_from_start_on():
    averaging = WeightAveraging("swa", start=1)

    assert run(averaging, epochs=4)[1] == (4 + 6 + 8) / 3
    assert averaging.readings == 3


def test_ema_moves_by_its_momentum_at_each_reading():
    averaging = WeightAveraging("ema", momentum=0.75, every="2 steps")

    _, last = run(averaging, epochs=1, batches=7)

    average = 2.0
    for weight in (4, 6):
        average = 0.75 * average + 0.25 * weight
    assert last == average
    assert (averaging.readings, averaging.batches) == (3, 7)


def test_batches_are_counted_over_epochs_and_before_start_none_is_read():
    averaging = WeightAveraging("swa", every="3 steps", start=1)

    assert run(averaging, epochs=3)[1] == (3 + 6) / 2


def test_validation_sees_the_average_and_training_never_does():
    # After epochs of two steps: 2, 4, 6, with the means 2, 3, 4.
    seen, last = run(WeightAveraging("swa"), "on_test_batch_begin", logs=VALIDATED)
    assert (seen, last) == ([2, 3, 4], 4)

    for hook in ("on_epoch_begin", "on_train_batch_begin"):
        assert run(WeightAveraging("swa"), hook, logs=VALIDATED, batches=1)[0] == [0, 1, 2]
    assert run(WeightAveraging("swa"), "on_train_batch_end", logs=VALIDATED)[0] == [1, 2, 3, 4, 5, 6]


def test_at_the_end_of_an_epoch_those_before_it_see_the_average_and_those_behind_it_the_training():
    assert run(WeightAveraging("swa"), "on_epoch_end", logs=VALIDATED, behind=False)[0] == [2, 3, 4]
    assert run(WeightAveraging("swa"), "on_epoch_end", logs=VALIDATED)[0] == [2, 4, 6]


def test_before_the_first_reading_nothing_is_swapped():
    seen, last = run(WeightAveraging("swa", start=2), "on_test_begin", logs=VALIDATED)

    assert (seen, last) == ([2, 4, 6], 6)


def test_a_validation_in_the_midst_of_an_epoch_is_over_with_the_next_batch():
    class Evaluate(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                averaging.on_test_begin({})

    averaging = WeightAveraging("ema", every="1 steps", momentum=0.5)
    model = FakeModel()
    drive([averaging, Evaluate()], epochs=[EPOCH], batches=3, model=model)

    assert averaging.averaged[0].item() == ((1 + 2) / 2 + 3) / 2


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()], ids=repr)
def test_after_an_exception_in_validation_the_model_has_its_own_weights(error):
    class Fail(Callback):
        def on_test_batch_end(self, batch, logs=None):
            if self.run.epoch == 1:
                raise error

    averaging, model = WeightAveraging("swa"), FakeModel()
    with pytest.raises(type(error)):
        drive([averaging, Fail()], epochs=[VALIDATED] * 3, model=model)

    assert model.get_weights()[0].item() == 2
    averaging.apply()
    assert model.get_weights()[0].item() == 1.5


def test_a_stopped_training_ends_with_the_average_too():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert run(WeightAveraging("swa"), epochs=9, others=[Stop()])[1] == 3


def test_a_second_fit_begins_anew():
    averaging, model = WeightAveraging("swa"), FakeModel()
    for _ in range(2):
        drive(averaging, epochs=[EPOCH] * 2, model=model)

    assert averaging.readings == 2
    assert model.get_weights()[0].item() == (2.5 + 3.5) / 2


def test_an_evaluation_of_its_own_measures_the_model_as_it_is():
    averaging, model = WeightAveraging("swa"), FakeModel()
    drive(averaging, epochs=[EPOCH] * 2, model=model)
    model.set_weights([np.array([7.0])])
    averaging.on_test_begin({})

    assert model.get_weights()[0].item() == 7


def test_what_it_keeps_is_public_and_plain():
    averaging = WeightAveraging("swa")
    run(averaging, logs=VALIDATED)

    assert isinstance(averaging.averaged, list)
    assert isinstance(averaging.averaged[0], np.ndarray)


def test_narrow_weights_are_averaged_in_float32():
    averaging, model = WeightAveraging("swa"), FakeModel()
    averaging.set_model(model)
    averaging.on_train_begin()
    for weight in (1.0, 1.0009765625):
        model._weights = [np.array([weight], "float16")]
        averaging._read()

    assert averaging.averaged[0].dtype == "float32"
    assert averaging.averaged[0].item() == pytest.approx(1.00048828125, abs=1e-7)


@pytest.mark.parametrize(
    "arguments",
    [{"kind": "mean"}, {"momentum": 1}, {"momentum": -0.5}, {"start": -1}, {"every": "0 steps"}, {"every": 2.5},
     {"every": True}, {"every": "fortnight"}, {"batch_size": 0}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_when_it_is_given(arguments):
    with pytest.raises(InvalidArgument, match="WeightAveraging"):
        WeightAveraging(**arguments)


def test_data_that_cannot_be_is_refused_when_it_is_given():
    with pytest.raises(WrongType, match="takes data as arrays"):
        WeightAveraging("swa", data=iter([X]))
    with pytest.raises(EmptyData, match="no inputs to estimate from"):
        WeightAveraging("swa", data=X[:0])


def normalized(seed=1):
    kibitz.utils.set_random_seed(seed)
    layers = kibitz.layers
    model = kibitz.Sequential(
        [kibitz.Input((3,)), layers.Dropout(0.25), layers.Dense(4), layers.BatchNormalization(momentum=0.9),
         layers.Dense(1)]
    )  # fmt: skip
    model.compile(kibitz.optimizers.Adam(0.125), "mse")
    return model


def test_what_will_not_work_is_refused_before_the_first_step():
    record = Recorder()
    with pytest.raises(InvalidArgument, match="would average nothing"):
        drive([WeightAveraging("swa", start=3), record], epochs=[EPOCH] * 3)
    with pytest.raises(InvalidArgument, match="nobody knows the statistics of batch normalization"):
        normalized().fit(X, Y, verbose=0, callbacks=[WeightAveraging("swa"), record])
    assert record.calls == []
    normalized().fit(X, Y, verbose=0, callbacks=[WeightAveraging("ema")])


def test_statistics_estimated_anew_are_those_of_the_batches_and_nothing_is_left_of_the_old_ones():
    model = kibitz.Sequential([kibitz.Input((3,)), kibitz.layers.BatchNormalization(momentum=0.99)])
    before = {name: value.tobytes() for name, value in model.export_state().items()}
    weights = model.get_weights()
    weights[2] = weights[2] + 1000

    found = estimated_anew(model, weights, X, batch_size=16)

    parts = [X[:16], X[16:32], X[32:]]
    shares = np.array([16, 16, 8])[:, None] / 40
    np.testing.assert_allclose(found[2], (shares * [part.mean(axis=0) for part in parts]).sum(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found[3], (shares * [part.var(axis=0) for part in parts]).sum(axis=0), rtol=1e-4)
    assert [one.tobytes() for one in found[:2]] == [one.tobytes() for one in weights[:2]]
    assert {name: value.tobytes() for name, value in model.export_state().items()} == before


class Own(nnx.Module):
    """Flax's own batch normalization, a frozen weight, and something that moves in a manner of its own."""

    def __init__(self):
        rngs = nnx.Rngs(0)
        self.norm = nnx.BatchNorm(3, momentum=0.9, rngs=rngs)
        self.linear = nnx.Linear(3, 1, rngs=rngs)
        self.calls = nnx.BatchStat(np.ones(2, "float32"))

    def __call__(self, x):
        self.calls[...] = self.calls[...] ** 2 + 1
        return self.linear(self.norm(x))


def test_it_holds_for_modules_of_anybodys_making():
    model = kibitz.Model(Own())
    names = [weight.path.rsplit("/")[-1] for weight in model.weights]
    found = dict(zip(names, estimated_anew(model, model.get_weights(), X, batch_size=40), strict=True))

    assert has_statistics(model)
    np.testing.assert_allclose(found["mean"], X.mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(found["var"], X.var(axis=0), rtol=1e-3)
    assert found["calls"].tolist() == [1, 1]  # left alone


@pytest.mark.parametrize(
    "averaging",
    [lambda: WeightAveraging("swa", data=X, batch_size=8), lambda: WeightAveraging("ema", every="2 steps"),
     lambda: WeightAveraging("ema", data=X, batch_size=8)],
    ids=["swa", "ema", "ema with data"],
)  # fmt: skip
def test_what_is_trained_is_the_same_to_the_bit(averaging):
    def train(*callbacks):
        model, weights = normalized(), []

        class Note(Callback):
            def on_epoch_end(self, epoch, logs=None):
                weights.append([weight.tobytes() for weight in self.model.get_weights()])

        history = model.fit(
            X, Y, batch_size=8, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[*callbacks, Note()]
        )
        return weights, history.history["loss"], history.history["val_loss"]

    with_it, without = train(averaging()), train()

    assert with_it[:2] == without[:2]
    assert with_it[2] != without[2]


def test_what_validation_measures_is_what_a_checkpoint_before_it_saves_and_what_is_left_in_the_end(tmp_path):
    model = normalized()
    save = ModelCheckpoint(tmp_path / "last.weights.h5", save_weights_only=True)
    averaging = WeightAveraging("swa", start=1, data=X, batch_size=8)
    history = model.fit(X, Y, batch_size=8, epochs=4, verbose=0, validation_data=(X, Y), callbacks=[save, averaging])

    last = history.history["val_loss"][-1]
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(last, rel=1e-5)
    again = normalized(seed=2)
    again.load_weights(tmp_path / "last.weights.h5")
    assert again.evaluate(X, Y, verbose=0) == pytest.approx(last, rel=1e-5)
    assert averaging.readings == 3
