"""Page 2. Comment: the loss at every batch, for next to nothing.

`logs` holds floats. The loss that a batch's end shows is the mean over the epoch so far, so it ends at the epoch's own
loss; `logs.batch["loss"]` beside it is the batch's alone, which jumps about more. Reading them costs next to nothing:
write to the screen at every batch if you like.

    python examples/2_loss_at_every_batch.py
"""

import numpy as np

import kibitz

random = np.random.default_rng(0)
x = random.normal(size=(256, 8)).astype("float32")
y = x @ np.arange(8, dtype="float32")


class Commentator(kibitz.callbacks.Callback):
    """Says after each batch how it goes, and after each epoch how it went."""

    def on_train_batch_end(self, batch, logs=None):
        print(f"batch {batch}: {logs['loss']:6.2f} so far, {logs.batch['loss']:6.2f} alone")

    def on_test_batch_end(self, batch, logs=None):
        print(f"test batch {batch}: {logs['loss']:6.2f}")

    def on_epoch_end(self, epoch, logs=None):
        print(
            f"epoch {epoch}: the mean loss is {logs['loss']:.2f}, off by {logs['mean_absolute_error']:.2f} on average"
        )


model = kibitz.Sequential([kibitz.Input((8,)), kibitz.layers.Dense(1, kernel_initializer="zeros")])
model.compile(kibitz.optimizers.SGD(0.05), "mean_squared_error", metrics=["mean_absolute_error"])
model.fit(x, y, batch_size=64, epochs=2, shuffle=False, verbose=0, callbacks=[Commentator()])
model.evaluate(x, y, batch_size=128, verbose=0, callbacks=[Commentator()])
