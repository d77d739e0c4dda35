"""Callbacks as people write them: those of the guides and the well-known ones, each asked for something new."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import plain, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import class_data, classifier, files, line, line_data, printed, rows, stacked, without_times


@scenario("wild.average")
def an_average_of_the_weights_is_swapped_in_for_validation(ns, tmp):
    """set_weights in on_test_begin, and the old ones back in on_test_end; training goes on as if nothing had been."""
    x, y = line_data(8)

    class Average(ns.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.average = [weight.numpy() for weight in self.model.weights]

        def on_train_batch_end(self, batch, logs=None):
            pairs = zip(self.average, self.model.weights, strict=True)
            self.average = [0.5 * old + 0.5 * new.numpy() for old, new in pairs]

        def on_test_begin(self, logs=None):
            self.kept = self.model.get_weights()
            self.model.set_weights(self.average)

        def on_test_end(self, logs=None):
            self.model.set_weights(self.kept)

    model = line(ns)
    history = model.fit(
        x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[Average()]
    )  # fmt: skip
    return [history.history, model.get_weights()]


@scenario("wild.finder")
def a_finder_of_rates_leaves_no_trace(ns, tmp):
    """The rate doubles at every batch until the loss explodes; weights and rate are put back at the end."""
    x, y = line_data(16)

    class Finder(ns.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.found, self.weights = [], self.model.get_weights()
            self.rate = float(self.model.optimizer.learning_rate)

        def on_train_batch_end(self, batch, logs=None):
            rate = float(np.asarray(self.model.optimizer.learning_rate))
            self.found.append((rate, logs["loss"]))
            if logs["loss"] > 2 * min(loss for _, loss in self.found):
                self.model.stop_training = True
            else:
                self.model.optimizer.learning_rate.assign(2 * rate)

        def on_train_end(self, logs=None):
            self.model.set_weights(self.weights)
            self.model.optimizer.learning_rate = self.rate

    finder, model = Finder(), line(ns)
    model.fit(x, y, batch_size=1, epochs=3, shuffle=False, verbose=0, callbacks=[finder])
    return [finder.found, model.get_weights(), float(model.optimizer.learning_rate)]


@scenario("wild.called")
def a_hook_calls_the_model_like_a_function(ns, tmp):
    """model(x) with the statistics of that very batch, and layers' moving means read beside it."""
    x, y = rows(12, 3), rows(12, 1, seed=1)

    def look(self, batch, logs):
        norm = self.model.layers[0]
        return [np.array(self.model(x[:2], training=False)), norm.moving_mean.numpy(), np.asarray(norm.gamma)]

    seen = recorder(ns, on_train_batch_end=look)
    model = stacked(ns, (3,), ns.layers.BatchNormalization(momentum=0.5), ns.layers.Dense(1))
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, callbacks=[seen])
    return seen.trace


@scenario("wild.rewritten")
def an_early_stopping_rewritten_from_keras_parts(ns, tmp):
    """A subclass with an on_epoch_end of its own uses monitor_op, _set_monitor_op and _is_improvement."""
    x, y = line_data(8)
    told = []

    class Own(ns.callbacks.EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            if self.monitor_op is None:
                self._set_monitor_op()
            current = self.get_monitor_value(logs)
            told.append([self.monitor_op.__name__, bool(self.monitor_op(1.0, 2.0))])
            if self._is_improvement(current, self.best):
                self.best, self.best_epoch, self.wait = current, epoch, 0
                return
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = epoch
                self.model.stop_training = True

    stop = Own("mae", patience=1, min_delta=0.02)
    history = line(ns).fit(x, y, epochs=20, shuffle=False, verbose=0, callbacks=[stop])
    return [told, len(history.epoch), stop.best, stop.best_epoch, stop.stopped_epoch]


@scenario("wild.added")
def a_number_of_ones_own_is_watched_saved_by_and_logged(ns, tmp):
    """A callback adds val_score; EarlyStopping, ModelCheckpoint and CSVLogger behind it take it for a metric."""
    x, labels = class_data(12)

    class Score(ns.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            right = np.argmax(self.model.predict(x, verbose=0), axis=1) == labels
            logs["val_score"] = [0.5, 0.75, 0.25, 0.5][epoch] + 0 * float(np.mean(right))

    stop = ns.callbacks.EarlyStopping("val_score", mode="max", patience=2)
    save = ns.callbacks.ModelCheckpoint(
        str(tmp / "{epoch}-{val_score:.2f}.weights.h5"), "val_score", save_best_only=True, save_weights_only=True,
        mode="max",
    )  # fmt: skip
    log = ns.callbacks.CSVLogger(str(tmp / "log.csv"))
    history = classifier(ns).fit(
        x, labels, epochs=4, shuffle=False, verbose=0, validation_split=0.5, callbacks=[Score(), stop, save, log]
    )  # fmt: skip
    head = (tmp / "log.csv").read_text().splitlines()[0]
    return [history.history, stop.best, stop.stopped_epoch, save.best, files(tmp), head]


@scenario("wild.subclasses")
def shipped_callbacks_are_extended(ns, tmp):
    """ReduceLROnPlateau, History and ProgbarLogger with a method of one's own around theirs, and what they remember."""
    x, y = line_data(8)
    told = []

    class Plateau(ns.callbacks.ReduceLROnPlateau):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            told.append([self.wait, self.best, self.cooldown_counter, self.in_cooldown(), logs["learning_rate"]])

    class Twice(ns.callbacks.History):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, {**logs, "twice": 2 * logs["loss"]})

    class Bar(ns.callbacks.ProgbarLogger):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            print(f"epoch {epoch} of {self.epochs}, {self.seen} of {self.target}")

    plateau, twice = Plateau("loss", factor=0.5, patience=1, min_delta=0.2, cooldown=1), Twice()
    with printed() as text:
        given = line(ns).fit(x, y, batch_size=4, epochs=5, shuffle=False, callbacks=[plateau, twice, Bar()])
    return [told, given is twice, twice.history, without_times(text.getvalue())]


@scenario("wild.nested.fit")
def another_model_is_trained_within_a_hook(ns, tmp):
    """A fit within a fit, and a batch by hand of the model itself; both go on where they stood."""
    x, y = line_data(8)
    inner = line(ns, metrics=None)

    class Inner(ns.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["inner"] = inner.fit(x, y, batch_size=4, shuffle=False, verbose=0).history["loss"][0]
            self.model.train_on_batch(x[:2], y[:2])

    model = line(ns)
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, callbacks=[Inner()])
    return [history.history, model.get_weights(), inner.get_weights()]


@scenario("wild.iterations")
def a_hook_moves_a_schedule_on(ns, tmp):
    """iterations.assign at an epoch's begin: the schedule and Adam's correction count from there."""
    x, y = line_data(8)

    class Jump(ns.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.iterations.assign(40 * epoch)

    rate = ns.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model = line(ns, optimizer=ns.optimizers.Adam(rate))
    history = model.fit(x, y, batch_size=2, epochs=3, shuffle=False, verbose=0, callbacks=[Jump()])
    return [history.history, int(model.optimizer.iterations), float(model.optimizer.learning_rate)]


@scenario("compile.stop_training")
def compiling_takes_a_stop_back(ns, tmp):
    """model.stop_training stays True after a fit that was stopped, until the next fit or compile."""
    x, y = line_data(4)
    stop = recorder(ns, "on_epoch_end", on_epoch_end=lambda self, *_: setattr(self.model, "stop_training", True))
    model = line(ns)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[stop])
    found = [model.stop_training]
    model.compile("sgd", "mse")
    return [*found, model.stop_training]


@scenario("seed.after_fit")
def training_takes_no_seed_from_what_is_made_afterwards(ns, tmp):
    """The weights of a second model are the same whether the first one was trained in between or not."""
    x, y = line_data(4)
    found = []
    ns.Sequential([ns.Input((3,)), ns.layers.Dense(1)])  # what Keras draws at its very first layer is not asked after
    for trained in (False, True):
        ns.utils.set_random_seed(5)
        model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(2), ns.layers.Dense(1)])
        model.compile("sgd", "mse")
        if trained:
            model.fit(x, y, verbose=0)
        found.append(ns.Sequential([ns.Input((3,)), ns.layers.Dense(2)]).get_weights())
    return found


@scenario("summary.text", "summary.positions")
def a_summary_is_the_same_word_for_word(ns, tmp):
    """Columns, breaks and counts: as it stands, with trainable, narrow, with other columns; and of no weights yet."""
    layers = [ns.layers.Dense(40, name="wide"), ns.layers.BatchNormalization(), ns.layers.Dropout(0.5)]
    model = ns.Sequential([ns.Input((60,)), *layers, ns.layers.Dense(2)], name="net")
    model.layers[0].trainable = False
    text = []
    for given in ({}, {"show_trainable": True}, {"line_length": 50}, {"positions": [0.3, 0.6, 1.0]}):
        model.summary(print_fn=lambda line, **_: text.append(line.rstrip()), **given)
    ns.Sequential([ns.layers.Dense(3), ns.layers.Dense(1)], name="bare").summary(
        print_fn=lambda line, **_: text.append(line.rstrip())
    )
    return text


@scenario("saving.registered")
def what_is_registered_is_found_when_a_model_is_loaded(ns, tmp):
    """A layer and an activation by decorator, and without one within a custom_object_scope; their names."""

    @ns.saving.register_keras_serializable(package="wild")
    def doubled(x):
        return 2 * x

    @ns.utils.register_keras_serializable(package="wild", name="Times")
    class Scaled(ns.layers.Layer):
        def __init__(self, by=1.0, **kwargs):
            super().__init__(**kwargs)
            self.by = by

        def call(self, x):
            return self.by * x

        def get_config(self):
            return {**super().get_config(), "by": self.by}

    class Bare(Scaled):
        pass

    saving, path = ns.saving, str(tmp / "model.keras")
    stacked(ns, (3,), ns.layers.Dense(2, activation=doubled), Scaled(3.0)).save(path)
    first = ns.models.load_model(path)
    stacked(ns, (3,), Bare(2.0)).save(path)
    with saving.custom_object_scope({"Bare": Bare}):
        second = ns.models.load_model(path)
    names = [saving.get_registered_name(each) for each in (doubled, Scaled, Bare)]
    known = [saving.get_registered_object("wild>Times") is Scaled, saving.get_registered_object("Nobody")]
    known.append(saving.get_custom_objects()["wild>doubled"] is doubled)
    return [names, known, first.layers[1].by, first.predict(rows(2, 3), verbose=0), second.layers[0].by]


@scenario("models.clone_model", "models.model_from_json")
def a_model_is_cloned_and_written_as_text(ns, tmp):
    """The same layers with new weights, one of them changed on the way; and a model from its text."""
    model = stacked(ns, (3,), ns.layers.Dense(2, name="a"), ns.layers.Dropout(0.5), ns.layers.Dense(1, name="b"))

    def gentler(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "rate": 0.1} if "rate" in config else config)

    found = []
    text = ns.models.model_from_json(model.to_json())
    for other in (ns.models.clone_model(model), ns.models.clone_model(model, clone_function=gentler), text):
        fresh = [np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True)]
        names = [each.name for each in other.layers]
        found.append([names, other.layers[1].rate, [each.shape for each in other.get_weights()], fresh[0]])
    return found


@scenario("ops")
def losses_are_written_in_ops(ns, tmp):
    """A loss and a metric of keras.ops, and what the commonest of its functions give."""
    x, y = line_data(8)
    ops = ns.ops

    def loss(y_true, y_pred):
        off = ops.abs(y_true - y_pred)
        return ops.mean(ops.where(off < 0.5, ops.square(off), off), axis=-1)

    def near(y_true, y_pred):
        return ops.mean(ops.cast(ops.less(ops.abs(y_true - y_pred), 0.5), "float32"), axis=-1)

    history = line(ns, loss=loss, metrics=[near]).fit(x, y, batch_size=4, shuffle=False, verbose=0)
    a = ops.convert_to_tensor(rows(2, 3))
    told = [ops.max(a, axis=1), ops.sum(a, axis=0, keepdims=True), ops.softmax(a), ops.clip(a, -0.5, 0.5)]
    told += [ops.argmax(a, axis=-1), ops.one_hot(np.array([2, 0]), 3), ops.concatenate([a, a], axis=-1)]
    told += [ops.top_k(a, 2)[0], ops.std(a), ops.norm(a), ops.transpose(a), ops.stop_gradient(a), ops.relu(a)]
    return [history.history, [np.array(each) for each in told], ops.convert_to_numpy(a), tuple(ops.shape(a))]


@scenario("names.functions")
def classes_are_known_by_the_names_of_functions(ns, tmp):
    """initializers.ones, regularizers.l1_l2, constraints.max_norm; and what the backend says of itself."""
    layer = ns.layers.Dense(
        2, kernel_initializer=ns.initializers.constant(0.5), bias_initializer=ns.initializers.ones(),
        kernel_regularizer=ns.regularizers.l1_l2(0.1, 0.2), kernel_constraint=ns.constraints.max_norm(0.25),
    )  # fmt: skip
    model = ns.Sequential([ns.Input((3,)), layer])
    model.compile("sgd", "mse")
    history = model.fit(rows(4, 3), rows(4, 2), shuffle=False, verbose=0).history
    ground = [ns.backend.backend(), ns.backend.floatx(), ns.backend.epsilon(), ns.config.image_data_format()]
    unit = ns.utils.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]), axis=1)
    return [history, model.get_weights(), ns.regularizers.l2(0.5).get_config(), ground, unit]


@scenario("layer.add_loss")
def a_layer_adds_to_the_loss(ns, tmp):
    """add_loss within call: in training, in evaluation, beside a regularizer, for each of several calls of a step."""
    x, y = line_data(8)

    class Small(ns.layers.Layer):
        def call(self, inputs):
            self.add_loss(0.1 * (inputs**2).mean())
            return inputs

    model = stacked(ns, (3,), Small(), ns.layers.Dense(2, kernel_regularizer="l2"), Small(), ns.layers.Dense(1))
    history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=(x, y))
    return [history.history, plain(model.evaluate(x, y, verbose=0)), model.get_weights()]


@scenario("wild.late")
def hooks_that_are_set_when_a_run_or_an_epoch_begins_are_heard(ns, tmp):
    """As a progress bar does that begins anew with each epoch: functions as attributes, replaced at each beginning."""
    x, y = line_data(6)
    heard = []

    class Late(ns.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.on_epoch_end = lambda epoch, logs=None: heard.append(["epoch", epoch, plain(logs)])

        def on_epoch_begin(self, epoch, logs=None):
            self.on_batch_end = lambda batch, logs=None: heard.append(["batch", epoch, batch, plain(logs)])
            self.on_train_batch_begin = lambda batch, logs=None: heard.append(["begin", epoch, batch])

        def on_test_begin(self, logs=None):
            self.on_test_batch_end = lambda batch, logs=None: heard.append(["test", batch, plain(logs)])

        def on_predict_begin(self, logs=None):
            self.on_predict_end = lambda logs=None: heard.append(["predicted"])

    model, late = line(ns), Late()
    model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0, callbacks=[late])
    model.evaluate(x, y, batch_size=3, verbose=0, callbacks=[late])
    model.predict(x, batch_size=3, verbose=0, callbacks=[late])
    # Keras has decided before that nobody hears batches, and calls these from other threads: their order is no promise.
    return sorted(heard, key=lambda entry: entry[:-1] if isinstance(entry[-1], dict) else entry)
