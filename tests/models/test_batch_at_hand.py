"""`self.batch`: what the step is trained on that a hook is about, with the numbers of its rows."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz
from kibitz import callbacks

X = np.arange(40, dtype="float32").reshape(20, 2)
Y = X[:, :1].copy()


def compiled(units: int = 1) -> kibitz.Sequential:
    model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(units), kibitz.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Asks(callbacks.Callback):
    """Asks for the batch at both its hooks."""

    adds = ()

    def __init__(self):
        super().__init__()
        self.begun, self.ended = [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(self.batch)

    def on_train_batch_end(self, batch, logs=None):
        self.ended.append(self.batch)


@pytest.mark.parametrize("units", [1, 5_000])  # of a large state a step is given its state to keep, and none is ahead
def test_it_is_the_batch_to_come_at_its_begin_and_the_one_that_was_at_its_end(units):
    asks = Asks()
    compiled(units).fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[asks], sample_weight=np.arange(20.0))
    for batches in (asks.begun, asks.ended):
        for batch in batches:
            np.testing.assert_array_equal(batch.x, X[batch.rows])
            np.testing.assert_array_equal(batch.y, Y[batch.rows])
            np.testing.assert_array_equal(batch.weight, batch.rows)
    rows = [batch.rows.tolist() for batch in asks.ended]
    assert rows == [batch.rows.tolist() for batch in asks.begun]
    assert [len(each) for each in rows] == [8, 8, 4] * 2
    for epoch in (rows[:3], rows[3:]):
        assert sorted(row for batch in epoch for row in batch) == list(range(20))


def test_asking_for_it_changes_no_bit():
    kibitz.utils.set_random_seed(1)
    plain = compiled()
    plain.fit(X / 40, Y / 40, batch_size=8, epochs=2, verbose=0)
    kibitz.utils.set_random_seed(1)
    asked = compiled()
    asked.fit(X / 40, Y / 40, batch_size=8, epochs=2, verbose=0, callbacks=[Asks()])
    for one, other in zip(plain.get_weights(), asked.get_weights(), strict=True):
        assert one.tobytes() == other.tobytes()


def test_where_nobody_looks_at_batches_the_end_of_an_epoch_has_the_last_one():
    class Epochs(callbacks.Callback):
        adds = ()

        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.batch.rows)

    seen = []
    compiled().fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=[Epochs()])
    assert [rows.tolist() for rows in seen] == [[16, 17, 18, 19]] * 2


def test_of_a_generator_it_is_what_was_yielded_and_rows_have_no_numbers():
    asks = Asks()
    compiled().fit(iter([(X[:4], Y[:4]), (X[4:8], Y[4:8])]), verbose=0, callbacks=[asks])
    assert [batch.x[0, 0] for batch in asks.ended] == [0.0, 8.0]
    assert asks.ended[0].rows is None


def test_there_is_none_where_nothing_is_trained_and_a_callback_may_have_its_own():
    class Own(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch, logs=None):
            self.batch = batch

    asks, own, model = Asks(), Own(), compiled()
    assert asks.batch is None
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[own, asks])
    assert own.batch == 2
    assert asks.batch is None  # the run is over
    found = []
    measures = callbacks.LambdaCallback()
    measures.on_test_batch_end = lambda batch, logs=None: found.append(asks.batch)
    model.evaluate(X, Y, verbose=0, callbacks=[measures])
    assert found == [None]
