"""What fit, evaluate and predict may be fed with, and how it is cut into batches."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import hooks_of, recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import dense_weights, line, line_data, printed, raised, rows, stacked, two_inputs


@scenario("fit.x", "fit.y", "data.default_batch_size")
def batches_have_32_rows_unless_told_otherwise(ns, tmp):
    """Seventy rows are three steps, the last of six; a batch size over the whole is one step."""
    x, y = line_data(70)
    found = []
    for settings in ({}, {"batch_size": 100}):
        seen = recorder(ns, "on_train_batch_end", "on_test_batch_end", "on_predict_batch_end")
        model = line(ns)
        model.fit(x, y, shuffle=False, verbose=0, callbacks=[seen], **settings)
        model.evaluate(x, y, verbose=0, callbacks=[seen], **settings)
        outputs = model.predict(x, verbose=0, callbacks=[seen], **settings)
        found.append([hooks_of(seen.trace), seen.trace[0][3], outputs])
    return found


@scenario("data.endless_generator", "fit.steps_per_epoch")
def an_endless_generator_gives_consecutive_batches(ns, tmp):
    """Three steps an epoch: the batches 0-2, then 3-5, each once."""
    drawn = []

    def batches():
        index = 0
        while True:
            drawn.append(index)
            x = rows(4, 3, seed=index)
            yield x, x.sum(axis=1, keepdims=True) + index
            index += 1

    seen = recorder(ns)
    model = line(ns)
    model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights(), drawn[:6], seen.params]


@scenario("data.finite_generator")
def a_finite_generator_trains_one_epoch_to_its_end(ns, tmp):
    """Without steps_per_epoch the end of the data is the end of the epoch; the steps are not known before."""
    x, y = line_data(10)
    seen = recorder(ns, "on_train_begin", "on_train_batch_end", "on_epoch_end", "on_train_end")
    model = line(ns)
    history = model.fit(((x[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)), verbose=0, callbacks=[seen])
    return [seen.trace, history.history, model.get_weights(), seen.params["steps"]]


@scenario("data.generator_steps")
def a_generator_of_exactly_its_steps_is_enough(ns, tmp):
    """Two epochs of two steps and four batches: every batch once, every begin with its end."""
    x, y = line_data(12)
    seen = recorder(ns)
    model = line(ns)
    batches = ((x[i : i + 3], y[i : i + 3]) for i in (0, 3, 6, 9))
    model.fit(batches, steps_per_epoch=2, epochs=2, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights()]


@scenario("data.finite_generator.measured")
def a_finite_generator_is_measured_to_its_end(ns, tmp):
    """evaluate and predict without steps: all batches, the short one weighed by its rows."""
    x, y = line_data(10)
    model = line(ns)
    return [
        model.evaluate(((x[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)), verbose=0),
        model.predict(((x[i : i + 4],) for i in (0, 4, 8)), verbose=0),
        model.evaluate(x, y, verbose=0),
    ]


@scenario("fit.steps_per_epoch.share")
def steps_without_a_batch_size_share_the_rows_out(ns, tmp):
    """Ten rows in three steps: batches of four, four and two; the same in evaluate and predict."""
    x, y = line_data(10)
    seen = recorder(ns)
    model = line(ns)
    model.fit(x, y, steps_per_epoch=3, shuffle=False, verbose=0, callbacks=[seen])
    model.evaluate(x, y, steps=3, verbose=0, callbacks=[seen])
    return [seen.trace, model.predict(x, steps=3, verbose=0, callbacks=[seen])]


@scenario("data.temporal_weights")
def weights_may_be_given_for_every_step_of_a_sequence(ns, tmp):
    """Weights of shape (rows, steps) weigh the values one by one."""
    x = rows(6, 4, 3)
    y, weights = x.sum(axis=-1, keepdims=True), np.abs(rows(6, 4, seed=2))
    model = stacked(ns, (4, 3), ns.layers.Dense(1, name="out"), weighted_metrics=["mae"])
    history = model.fit(x, y, batch_size=4, sample_weight=weights, epochs=2, shuffle=False, verbose=0)
    return [history.history, model.evaluate(x, y, sample_weight=weights, verbose=0), model.get_weights()]


@scenario("data.generator_weights")
def a_generator_may_give_weights_with_its_batches(ns, tmp):
    """Three parts: data, targets, weights."""
    x, y = line_data(8)

    def batches():
        while True:
            yield x[:4], y[:4], np.array([1, 0, 2, 1], "float32")

    model = line(ns, weighted_metrics=["mse"])
    history = model.fit(batches(), steps_per_epoch=2, verbose=0).history
    return [history, model.evaluate(batches(), steps=2, verbose=0, return_dict=True)]


@scenario("data.dict", rtol=2e-5)
def several_inputs_go_by_name(ns, tmp):
    """A dict of arrays: each input by its key, in fit, evaluate and predict."""
    x = {"left": rows(6, 3), "right": rows(6, 3, seed=1)}
    y = x["left"].sum(axis=1, keepdims=True)
    model = two_inputs(ns)
    history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0, validation_data=(x, y))
    return [
        history.history,
        model.evaluate(x, y, batch_size=4, verbose=0),
        model.predict(x, batch_size=4, verbose=0),
        dense_weights(model, ns, "a", "b"),
    ]


@scenario("data.tuple", rtol=2e-5)
def several_inputs_go_by_position(ns, tmp):
    """A tuple of arrays is one input of two parts, not data and targets."""
    x = (rows(6, 3), rows(6, 3, seed=1))
    y = x[0].sum(axis=1, keepdims=True)
    model = two_inputs(ns, keys=None)
    history = model.fit(x, y, batch_size=3, shuffle=False, verbose=0)
    return [history.history, model.predict(x, verbose=0), model.train_on_batch(x, y, return_dict=True)]


@scenario("data.jax")
def jax_arrays_are_data(ns, tmp):
    """The same rows as JAX arrays: the same numbers, and predict still gives NumPy."""
    import jax.numpy as jnp

    x, y = (jnp.asarray(each) for each in line_data(6))
    model = line(ns)
    history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0, validation_split=0.5)
    outputs = model.predict(x, verbose=0)
    return [history.history, outputs, isinstance(outputs, np.ndarray)]


@scenario("data.dtypes")
def doubles_integers_and_booleans_are_data(ns, tmp):
    """float64, int64 and bool rows and targets are taken as the model's own type."""
    x = np.random.default_rng(0).integers(-3, 3, (6, 3))
    found = []
    for data, target in ((x, x[:, :1]), (x / 2.0, x[:, :1] / 2.0), (x > 0, x[:, :1] > 0)):
        model = line(ns, optimizer=ns.optimizers.SGD(0.01))
        found.append([model.fit(data, target, shuffle=False, verbose=0).history, model.predict(data, verbose=0)])
    return found


@scenario("data.flat_targets")
def targets_may_be_flat(ns, tmp):
    """Targets of shape (n,) for outputs of shape (n, 1) are the same as a column of them."""
    x, y = line_data(6)
    first, second = line(ns), line(ns)
    return [
        first.fit(x, y[:, 0], batch_size=4, shuffle=False, verbose=0).history,
        second.fit(x, y, batch_size=4, shuffle=False, verbose=0).history,
        first.get_weights(),
    ]


@scenario("fit.sample_weight")
def sample_weights_weigh_the_loss_and_not_the_metrics(ns, tmp):
    """The loss is the sum of weighted losses over the number of rows; mae stays plain."""
    x, y = line_data(6)
    model = line(ns)
    weights = np.array([1, 2, 0, 0.5, 1, 3], "float32")
    history = model.fit(x, y, batch_size=4, sample_weight=weights, epochs=2, shuffle=False, verbose=0)
    return [history.history, model.get_weights()]


@scenario("evaluate.sample_weight", "compile.weighted_metrics")
def weighted_metrics_are_weighted_in_evaluate(ns, tmp):
    """weighted_metrics see the weights, metrics do not; each under its own name."""
    x, y = line_data(6)
    model = line(ns, metrics=["mae"], weighted_metrics=["mse", "mae"])
    weights = np.array([1, 2, 0, 0.5, 1, 3], "float32")
    return [
        model.evaluate(x, y, sample_weight=weights, batch_size=4, verbose=0, return_dict=True),
        model.evaluate(x, y, verbose=0, return_dict=True),
    ]


@scenario("fit.class_weight")
def class_weights_weigh_by_the_target(ns, tmp):
    """A class that the dict lacks counts as one."""
    x = rows(9, 3)
    y = np.arange(9) % 3
    model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(3, activation="softmax")])
    model.compile(ns.optimizers.SGD(0.1), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    model.set_weights([rows(3, 3, seed=2), rows(1, 3, seed=3)[0]])
    history = model.fit(x, y, batch_size=4, class_weight={0: 2.0, 2: 0.5}, epochs=2, shuffle=False, verbose=0)
    return [history.history, model.get_weights()]


@scenario("data.both_weights")
def class_and_sample_weights_exclude_each_other(ns, tmp):
    """Both at once are a ValueError, in fit and in train_on_batch."""
    x, y = line_data(4)
    model, both = line(ns), {"class_weight": {0: 1.0}, "sample_weight": np.ones(4, "float32")}
    return [
        raised(lambda: model.fit(x, y, verbose=0, **both), ValueError),
        raised(lambda: model.train_on_batch(x, y, **both), ValueError),
    ]


@scenario("fit.shuffle")
def shuffling_shows_every_row_once_an_epoch_in_another_order(ns, tmp):
    """With batches of one: the same losses as unshuffled, in another order, and another again next epoch."""
    x, y = line_data(12)
    losses = []

    class Own(ns.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.total = logs["loss"] * (batch + 1)
            losses[-1].append(self.total - sum(losses[-1]))

        def on_epoch_begin(self, epoch, logs=None):
            losses.append([])

    for shuffle in (False, True):
        model = line(ns, optimizer=ns.optimizers.SGD(0.0))
        model.fit(x, y, batch_size=1, epochs=2, shuffle=shuffle, verbose=0, callbacks=[Own()])
    plain, again, mixed, other = losses
    return [
        np.array(plain).round(3),
        plain == again,
        [bool(np.allclose(sorted(each), sorted(plain), atol=1e-4)) for each in (mixed, other)],
        [np.allclose(mixed, plain), np.allclose(mixed, other)],
    ]


@scenario("data.shuffle_seed")
def a_seed_repeats_a_run(ns, tmp):
    """set_random_seed, then build and fit: twice the same weights; with another seed others."""
    x, y = line_data(12)

    def run(seed):
        ns.utils.set_random_seed(seed)
        model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(4, activation="relu"), ns.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(x, y, batch_size=4, verbose=0)
        return np.concatenate([each.ravel() for each in model.get_weights()])

    first, same, other = run(1), run(1), run(2)
    return [bool(np.array_equal(first, same)), bool(np.allclose(first, other)), first.shape]


@scenario("evaluate.x", "evaluate.y", "evaluate.batch_size", "evaluate.steps")
def evaluate_reads_as_many_batches_as_its_steps(ns, tmp):
    """Two steps of three rows are the first six rows, from arrays and from a generator."""
    x, y = line_data(10)
    model, seen = line(ns), recorder(ns)

    def batches():
        while True:
            yield x[:3], y[:3]
            yield x[3:6], y[3:6]

    return [
        model.evaluate(x, y, batch_size=3, steps=2, verbose=0, callbacks=[seen]),
        model.evaluate(batches(), steps=2, verbose=0, callbacks=[seen]),
        model.evaluate(x[:6], y[:6], verbose=0),
        seen.trace,
    ]


@scenario("predict.x", "predict.batch_size", "predict.steps")
def predict_gives_the_rows_of_its_steps(ns, tmp):
    """Outputs in order, the short last batch with them; steps bound them; a generator gives its batches."""
    x = rows(10, 3)
    model, seen = line(ns), recorder(ns)
    return [
        model.predict(x, batch_size=4, verbose=0),
        model.predict(x, batch_size=4, steps=2, verbose=0, callbacks=[seen]),
        model.predict(((x[i : i + 5],) for i in (0, 5)), steps=2, verbose=0),
        seen.trace,
    ]


@scenario("fit.steps_per_epoch.arrays")
def steps_per_epoch_may_name_the_whole_of_the_arrays(ns, tmp):
    """Three steps of four rows from twelve rows: as without it, and params say so."""
    x, y = line_data(12)
    found = []
    for steps in (None, 3):
        seen = recorder(ns, "on_train_batch_begin", "on_train_batch_end", "on_epoch_end")
        line(ns).fit(x, y, batch_size=4, epochs=2, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[seen])
        found.append([seen.trace, seen.params])
    return found


@scenario("data.images")
def rows_may_have_any_rank(ns, tmp):
    """Images of rank four, flattened by the model."""
    x = rows(6, 2, 3, 1)
    model = ns.Sequential([ns.Input((2, 3, 1)), ns.layers.Flatten(), ns.layers.Dense(2)])
    model.set_weights([rows(6, 2, seed=1), np.zeros(2, "float32")])
    model.compile(ns.optimizers.SGD(0.1), "mse")
    history = model.fit(x, x.reshape(6, 6)[:, :2], batch_size=4, shuffle=False, verbose=0)
    return [history.history, model.predict(x, verbose=0)]


@scenario("fit.verbose.silent")
def verbose_zero_prints_nothing(ns, tmp):
    """Not a character in fit, evaluate and predict."""
    x, y = line_data(4)
    model = line(ns)
    with printed() as text:
        model.fit(x, y, verbose=0, validation_data=(x, y))
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
    return text.getvalue()
