"""Page 3. Take a hand: stop at the least loss, and put the best weights back.

A hook may change the run that it looks on at. This one keeps the weights of the best epoch; when the loss has not
fallen for `patience` epochs it asks the run to stop, and puts them back. `model.get_weights()` in a hook gives the
weights of that very moment, and `model.set_weights()` holds from there on. (`kibitz.callbacks.EarlyStopping` does all
of this, and more; it is written with the same hooks.)

To have something to stop for, a second callback spoils the learning rate at the fifth epoch.

    python examples/3_take_a_hand.py
"""

import numpy as np

import kibitz

random = np.random.default_rng(0)
x = random.normal(size=(320, 8)).astype("float32")
y = x @ np.arange(8, dtype="float32")


class StopAtTheLeastLoss(kibitz.callbacks.Callback):
    """Stops when the loss has not fallen for `patience` epochs, and restores the weights of the best."""

    def __init__(self, patience=0):
        super().__init__()
        self.patience = patience

    def on_train_begin(self, logs=None):
        self.least, self.waited, self.kept = float("inf"), 0, None

    def on_epoch_end(self, epoch, logs=None):
        if logs["loss"] < self.least:
            self.least, self.waited, self.kept = logs["loss"], 0, self.model.get_weights()
            return
        self.waited += 1
        if self.waited > self.patience:
            print(f"Epoch {epoch + 1}: no better for {self.waited} epochs. Restoring the weights of the best.")
            self.model.stop_training = True
            self.model.set_weights(self.kept)


class Spoil(kibitz.callbacks.Callback):
    """Makes the learning rate far too large at the fifth epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 4:
            self.model.optimizer.learning_rate = 1.5


model = kibitz.Sequential([kibitz.Input((8,)), kibitz.layers.Dense(1, kernel_initializer="zeros")])
model.compile(kibitz.optimizers.SGD(0.1), "mean_squared_error")
history = model.fit(
    x, y, batch_size=64, epochs=30, shuffle=False, verbose=0, callbacks=[Spoil(), StopAtTheLeastLoss(patience=1)]
)

losses = history.history["loss"]
print("The losses rose at last:", " ".join(f"{loss:.2g}" for loss in losses))
print(f"{len(losses)} epochs of 30 were run, and the model has a loss of {model.evaluate(x, y, verbose=0):.2g} again.")
