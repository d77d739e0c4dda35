"""History: what is kept, over one fit and over several."""

from __future__ import annotations

import keras
import pytest

from kibitz.callbacks import History
from kibitz.testing import FakeModel, drive

EPOCHS = [{"loss": 3.0}, {"loss": 2.0, "val_loss": 4.0}, {"loss": 1.0, "note": "text"}]


@pytest.mark.parametrize("fits", [1, 2])
def test_it_keeps_what_kerass_keeps(fits):
    kept = []
    for history in (History(), keras.callbacks.History()):
        model = FakeModel()
        for _ in range(fits):
            drive(history, epochs=EPOCHS, model=model, start=1)
        assert model.history is history
        kept.append((history.history, history.epoch, history.params))

    assert kept[0] == kept[1]
    assert kept[0][1] == [1, 2]
    assert len(kept[0][0]["loss"]) == 2 * fits


def test_it_is_the_models_history_before_the_first_epoch():
    seen, history = [], History()

    class Looks(History):
        def set_model(self, model):
            self.looked_at = model

        def on_train_begin(self, logs=None):
            seen.append(self.looked_at.history)

    drive([Looks(), history], epochs=[])

    assert seen == [history]


def test_D9_rows_say_what_belongs_to_which_epoch():
    history = History()
    drive(history, epochs=EPOCHS)

    assert history.history["val_loss"] == [4.0]
    assert history.rows() == [
        {"epoch": 0, "loss": 3.0, "val_loss": None, "note": None},
        {"epoch": 1, "loss": 2.0, "val_loss": 4.0, "note": None},
        {"epoch": 2, "loss": 1.0, "val_loss": None, "note": "text"},
    ]


def test_D24_reset_forgets_earlier_fits():
    history = History()
    drive(history, epochs=EPOCHS)

    history.reset()
    drive(history, epochs=EPOCHS[:1])

    assert (history.history, history.epoch, history.rows()) == ({"loss": [3.0]}, [0], [{"epoch": 0, "loss": 3.0}])


def test_a_row_is_not_changed_by_a_callback_behind_it():
    history = History()

    class Adds(History):
        def on_epoch_end(self, epoch, logs=None):
            logs["loss"] = 99.0

    drive([history, Adds()], epochs=[{"loss": 1.0}])

    assert history.rows() == [{"epoch": 0, "loss": 1.0}]


def test_it_can_do_without_a_model_and_without_logs():
    history = History()
    history.on_train_begin()
    history.on_epoch_end(0)

    assert (history.epoch, history.history) == ([0], {})
