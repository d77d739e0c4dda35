"""LearningRateFinder: which rates it tries, where it ends, what it suggests, and that it leaves no trace."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import Callback, LearningRateFinder
from kibitz.callbacks.state import Kept
from kibitz.errors import InvalidArgument, MissingExtra, NotReady, UnusableFile, WrongType
from kibitz.logs import Logs
from kibitz.testing import FakeModel, drive

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def model(optimizer=None):
    layers = kibitz.layers
    built = kibitz.Sequential(
        [kibitz.Input((4,)), layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.25), layers.Dense(1)]
    )
    built.compile(kibitz.optimizers.Adam(0.125) if optimizer is None else optimizer, "mse")
    return built


def swept(losses, steps=None, **arguments):
    """A finder that has seen these losses."""
    finder = LearningRateFinder(steps=steps or len(losses), **arguments)
    lent = FakeModel()
    lent.export_state, lent.import_state = dict, lambda state: None
    drive([Losses(losses), finder], epochs=[{"loss": 0.0}], batches=len(losses), model=lent)
    return finder


class Losses(Callback):
    """Puts a loss into the logs of each batch."""

    def __init__(self, losses):
        super().__init__()
        self.losses = losses

    def on_train_batch_end(self, batch, logs=None):
        logs.batch["loss"] = self.losses[batch]


def test_the_rates_grow_by_one_factor_from_the_first_to_the_last():
    finder = swept([1.0] * 13, start=1e-4, end=1e2)

    assert finder.rates[0] == 1e-4
    assert finder.rates[-1] == pytest.approx(1e2)
    assert np.diff(np.log10(finder.rates)) == pytest.approx([0.5] * 12)


def test_each_step_is_taken_with_its_rate():
    seen = []

    class Look(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(self.model.optimizer.learning_rate))

    finder = LearningRateFinder(start=1e-4, end=1e-1, steps=12)
    finder.find(model(), X, Y, batch_size=16, callbacks=[Look()])

    assert seen == pytest.approx(finder.rates)
    assert len(seen) == 12  # more than the data have batches


def test_the_losses_are_the_batches_own():
    lent, own = model(), []

    class Look(Callback):
        def on_train_batch_end(self, batch, logs=None):
            own.append(logs.batch["loss"])

    finder = LearningRateFinder(steps=10, end=1e-3)
    finder.find(lent, X, Y, batch_size=8, callbacks=Look())

    assert finder.losses == own


def test_the_average_is_corrected_for_its_beginning():
    finder = swept([3.0] * 10 + [5.0], smoothing=0.5)

    assert finder.smoothed[:10] == pytest.approx([3.0] * 10)
    assert 3.9 < finder.smoothed[10] < 4.1
    assert swept([3.0, 5.0] * 5, smoothing=0).smoothed == [3.0, 5.0] * 5


def test_it_ends_where_the_loss_has_grown_too_much():
    finder = swept([2.0] * 5 + [1.0, 3.9, 4.1, 1.0, 1.0], smoothing=0)

    assert finder.losses == [2.0] * 5 + [1.0, 3.9, 4.1]
    assert len(swept([2.0] * 5 + [1.0, 3.9, 4.1, 1.0, 1.0], smoothing=0, divergence=None).losses) == 10


def test_a_loss_below_nothing_does_not_end_it_by_getting_better():
    assert len(swept([-1.0 - step for step in range(12)], smoothing=0).losses) == 12
    assert len(swept([-1.0] * 10 + [2.1, 0, 0], smoothing=0).losses) == 11


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_it_ends_at_a_loss_that_is_not_finite_and_leaves_that_out(bad):
    finder = swept([1.0] * 11 + [bad, 1.0])

    assert len(finder.losses) == len(finder.rates) == len(finder.smoothed) == 11


def test_it_suggests_where_the_loss_fell_most_steeply():
    #         0    1    2    3    4    5    6    7    8    9   10   11
    losses = [5.0, 5.0, 4.9, 5.0, 4.5, 3.0, 1.5, 1.2, 1.0, 3.5, 3.9, 1.1]
    finder = swept(losses, smoothing=0)

    assert finder.suggestion() == finder.rates[5]  # what falls at 10 lies behind the lowest


def test_the_noise_of_one_batch_does_not_decide():
    level = np.concatenate([np.full(60, 4.0), np.linspace(4, 1, 30), np.full(10, 1.0)])
    noise = np.random.default_rng(0).normal(scale=0.3, size=100)
    finder = swept(list(level + noise))

    assert 60 < finder.rates.index(finder.suggestion()) < 90


def test_no_fall_no_suggestion():
    finder = swept([1.0 + step for step in range(12)], divergence=None)

    with pytest.raises(NotReady, match="the loss never fell"):
        finder.suggestion()


def everything(of):
    state = {name: value.tobytes() for name, value in of.export_state().items()}
    return state, {name: float(value) for name, value in of.get_metrics_result().items()}, of.history, of.stop_training


@pytest.mark.parametrize("way", ["find", "fit"])
def test_the_model_is_left_to_the_bit_as_it_was(way):
    lent = model()
    lent.fit(X, Y, batch_size=16, epochs=2, verbose=0)
    before = everything(lent)
    finder = LearningRateFinder(steps=16, start=1e-3)

    if way == "find":
        finder.find(lent, X, Y, batch_size=16)
        assert everything(lent) == before
    else:
        lent.fit(X, Y, batch_size=16, epochs=4, verbose=0, callbacks=[finder])
        assert everything(lent)[0] == before[0]
    assert len(finder.losses) > 10
    assert float(lent.optimizer.learning_rate) == 0.125


def test_the_training_that_follows_is_the_one_without_it():
    def train(finds):
        kibitz.utils.set_random_seed(2)
        lent = model()
        if finds:
            LearningRateFinder(steps=10).find(lent, X, Y, batch_size=16)
        history = lent.fit(X, Y, batch_size=16, epochs=2, verbose=0)
        return everything(lent)[0], history.history

    assert train(finds=True) == train(finds=False)


def test_the_model_is_left_as_it_was_by_an_exception_too():
    lent = model()
    before = everything(lent)[0]

    class Fail(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 5:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        lent.fit(X, Y, batch_size=4, verbose=0, callbacks=[LearningRateFinder(steps=10), Fail()])
    assert everything(lent)[0] == before


def test_a_sweep_that_is_gone_on_with_in_another_process_puts_back_what_the_first_one_would_have():
    whole, first, second = (LearningRateFinder(steps=16, start=1e-3) for _ in range(3))
    lent, held = model(), {}
    before = everything(lent)[0]

    class Cut(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 7:
                held.update(state=Kept(first).state(), model=lent.export_state())

    class Restore(Callback):
        def on_train_begin(self, logs=None):
            Kept(second).restore(held["state"])

    sweep = {"batch_size": 4, "shuffle": False, "verbose": 0}
    lent.fit(X, Y, **sweep, callbacks=[whole])
    lent.fit(X, Y, **sweep, callbacks=[first, Cut()])
    lent.import_state(held["model"])
    lent.fit(X[32:], Y[32:], epochs=2, **sweep, callbacks=[second, Restore()])

    assert (second.rates, second.losses[:12]) == (whole.rates, whole.losses[:12])
    assert everything(lent)[0] == before


def test_a_second_sweep_begins_anew():
    lent, finder = model(), LearningRateFinder(steps=10, end=1e-3)
    finder.find(lent, X, Y, batch_size=16)
    first = finder.rates
    finder.find(lent, X, Y, batch_size=16)

    assert finder.rates == first
    assert len(finder.losses) == 10


def test_it_draws(tmp_path):
    pytest.importorskip("matplotlib")
    finder = swept([5.0, 5.0, 5.0, 4.0, 2.0, 1.0, 1.5, 2.5, 3.5, 3.6], smoothing=0)

    finder.plot(tmp_path / "new" / "rates.png")
    swept([1.0] * 10).plot(tmp_path / "flat.svg")  # without a suggestion too

    assert (tmp_path / "new" / "rates.png").read_bytes()[:4] == b"\x89PNG"
    assert b"<svg" in (tmp_path / "flat.svg").read_bytes()
    with pytest.raises(InvalidArgument, match="this is the name of none"):
        finder.plot(tmp_path / "rates.txt")
    with pytest.raises(UnusableFile):
        finder.plot(tmp_path / "flat.svg" / "rates.png")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match="draws with matplotlib") as raised:
        swept([1.0] * 10).plot(tmp_path / "rates.png")
    assert raised.value.cure == 'pip install "kibitz[plot]"'


@pytest.mark.parametrize(
    "arguments",
    [{"start": 0}, {"start": 1, "end": 1}, {"end": -1}, {"start": "1e-7"}, {"steps": 9}, {"steps": 50.0},
     {"steps": True}, {"smoothing": 1}, {"smoothing": -0.5}, {"divergence": 0.5}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_when_it_is_given(arguments):
    with pytest.raises(InvalidArgument, match="LearningRateFinder"):
        LearningRateFinder(**arguments)


def test_before_a_sweep_there_is_nothing_to_suggest_or_draw(tmp_path):
    finder = LearningRateFinder()
    with pytest.raises(NotReady, match="has tried nothing yet"):
        finder.suggestion()
    with pytest.raises(NotReady, match="has tried nothing yet"):
        finder.plot(tmp_path / "rates.png")


def test_what_cannot_be_swept_is_refused_before_the_first_step():
    with pytest.raises(WrongType, match="LearningRateFinder sets the learning rate"):
        LearningRateFinder().find(model(kibitz.optimizers.SGD(lambda step: 0.1)), X, Y)
    with pytest.raises(InvalidArgument, match="this fit has fewer batches"):
        model().fit(X, Y, batch_size=16, verbose=0, callbacks=[LearningRateFinder()])
    with pytest.raises(InvalidArgument, match="one epoch of as many batches"):
        LearningRateFinder().find(model(), X, Y, epochs=3)
    unbuilt = kibitz.Sequential([kibitz.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(NotReady, match="cannot be given back"):
        LearningRateFinder().find(unbuilt, X, Y)


def test_logs_of_a_loop_of_ones_own_are_taken_too():
    finder = LearningRateFinder(steps=10)
    lent = FakeModel()
    lent.export_state, lent.import_state = dict, lambda state: None
    finder.set_model(lent)
    finder.on_train_begin()
    for batch in range(10):
        finder.on_train_batch_begin(batch)
        finder.on_train_batch_end(batch, {"loss": 1.0} if batch % 2 else Logs({"loss": 9.0}, batch={"loss": 1.0}))
    finder.on_run_end(None)

    assert finder.losses == [1.0] * 10
    assert lent.stop_training
    assert float(lent.optimizer.learning_rate) == np.float32(0.01)
