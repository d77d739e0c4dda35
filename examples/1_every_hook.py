"""Page 1. Look on: what a callback is told, and when.

A callback is an object with hooks: methods that the loop calls at its turns. There are fourteen of them, and this page
writes down what each one finds in its `logs`: nothing at a beginning, the numbers so far at the end of a batch, the
whole of it at the end of an epoch, with `val_` before what was measured on the held out half.

    python examples/1_every_hook.py
"""

import numpy as np

import kibitz

random = np.random.default_rng(0)
x, y = random.random((1000, 784), dtype="float32"), random.integers(0, 10, 1000)


def keys(logs):
    return f"got log keys: {list(logs)}"


class Diary(kibitz.callbacks.Callback):
    """Writes one line at each hook."""

    def on_train_begin(self, logs=None):
        print(f"Starting training; {keys(logs)}")

    def on_train_end(self, logs=None):
        print(f"Stop training; {keys(logs)}")

    def on_epoch_begin(self, epoch, logs=None):
        print(f"Start epoch {epoch} of training; {keys(logs)}")

    def on_epoch_end(self, epoch, logs=None):
        print(f"End epoch {epoch} of training; {keys(logs)}")

    def on_train_batch_begin(self, batch, logs=None):
        print(f"...Training: start of batch {batch}; {keys(logs)}")

    def on_train_batch_end(self, batch, logs=None):
        print(f"...Training: end of batch {batch}; {keys(logs)}")

    def on_test_begin(self, logs=None):
        print(f"Start testing; {keys(logs)}")

    def on_test_end(self, logs=None):
        print(f"Stop testing; {keys(logs)}")

    def on_test_batch_begin(self, batch, logs=None):
        print(f"...Evaluating: start of batch {batch}; {keys(logs)}")

    def on_test_batch_end(self, batch, logs=None):
        print(f"...Evaluating: end of batch {batch}; {keys(logs)}")

    def on_predict_begin(self, logs=None):
        print(f"Start predicting; {keys(logs)}")

    def on_predict_end(self, logs=None):
        print(f"Stop predicting; {keys(logs)}")

    def on_predict_batch_begin(self, batch, logs=None):
        print(f"...Predicting: start of batch {batch}; {keys(logs)}")

    def on_predict_batch_end(self, batch, logs=None):
        print(f"...Predicting: end of batch {batch}; {keys(logs)}")


model = kibitz.Sequential([kibitz.Input((784,)), kibitz.layers.Dense(1)])
model.compile(kibitz.optimizers.RMSprop(0.1), "mean_squared_error", metrics=["mean_absolute_error"])

# Half of the rows are held out, so the test hooks fire within training too: for the same callback.
model.fit(x, y, batch_size=128, validation_split=0.5, verbose=0, callbacks=[Diary()])
model.evaluate(x, y, batch_size=128, verbose=0, callbacks=[Diary()])
model.predict(x, batch_size=128, verbose=0, callbacks=[Diary()])
