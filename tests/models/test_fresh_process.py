"""What only a fresh process shows: what it compiles, and what importing leaves behind."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import jax, numpy as np
import kibitz as keras
from jax._src import monitoring

missed = []
monitoring.register_event_listener(lambda event, **_: missed.append(event) if event.endswith("cache_misses") else None)
x, y = np.ones((10, 7), "float32"), np.ones((10, 2), "float32")
for turn in range(2):
    layers = [keras.layers.Dense(5), keras.layers.Dropout(0.5), *[keras.layers.Dense(2) for _ in range(9)]]
    model = keras.Sequential([keras.Input((7,)), *layers])
    model.compile("adam", "mse")
    model.fit(x, y, batch_size=4, verbose=0, validation_data=(x, y))
    print(len(missed), [layer.name for layer in model.layers][-1])
    missed.clear()
"""


def test_a_second_model_built_alike_compiles_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert int(first.split()[0]) > 0
    assert second == "0 dense_19"  # the names differ: dense_9 and dense_10 even change places in the alphabet


SEEDED = """
import random
import kibitz as keras

keras.utils.set_random_seed(3)
before = random.getstate()
keras.Sequential, keras.layers.Dense, keras.callbacks.EarlyStopping
keras.losses.MeanSquaredError, keras.optimizers.Adam
print(random.getstate() == before)
"""


def test_what_is_imported_on_first_use_draws_nothing_from_a_seed_that_was_set():
    done = subprocess.run([sys.executable, "-c", SEEDED], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
