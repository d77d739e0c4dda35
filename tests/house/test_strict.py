"""One whole run of ours under each of JAX's strict settings.

They cannot be on in the whole session: Keras, which most tests ask, mixes dtypes and ranks itself.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

import kibitz

STRICT = {
    "no dtype is promoted in silence": lambda: jax.numpy_dtype_promotion("strict"),
    "no rank is promoted in silence": lambda: jax.numpy_rank_promotion("raise"),
    "no NaN is made on the way": lambda: jax.debug_nans(True),
}


@pytest.mark.parametrize("strict", STRICT.values(), ids=STRICT)
def test_a_run_keeps_to_the_strict_setting(strict):
    x, y = np.linspace(-1, 1, 60).astype("float32").reshape(10, 6), np.arange(10) % 3
    with strict():
        model = kibitz.Sequential(
            [
                kibitz.layers.Input((6,)),
                kibitz.layers.Dense(4, activation="relu"),
                kibitz.layers.BatchNormalization(),
                kibitz.layers.Dropout(0.5),
                kibitz.layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, batch_size=4, epochs=2, validation_data=(x, y), verbose=0)
        loss, accuracy = model.evaluate(x, y, batch_size=4, verbose=0)
        outputs = model.predict(x, batch_size=4, verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert loss == pytest.approx(history.history["val_loss"][-1])
    assert accuracy == history.history["val_accuracy"][-1]
    assert outputs.shape == (10, 3)
