"""Layers and models: the numbers they make, the two modes they have, and what they tell of themselves."""

from __future__ import annotations

import numpy as np

from tests.oracle.record import recorder
from tests.oracle.scenario import scenario
from tests.oracle.small import fix, line, line_data, printed, rows, stacked


def _shapes(model):
    return [list(np.shape(each)) for each in model.get_weights()]


@scenario("layer.BatchNormalization", rtol=1e-4)
def batch_norm_has_two_modes(ns, tmp):
    """Batch statistics in training, moving ones in evaluation; the moving ones move at every batch."""
    x, y = line_data(12)
    model = stacked(
        ns, (3,), ns.layers.Dense(4, activation="relu"), ns.layers.BatchNormalization(momentum=0.8), ns.layers.Dense(1)
    )
    seen = recorder(ns, "on_train_batch_end", on_train_batch_end=lambda self, *_: self.model.get_weights())
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, _shapes(model), model.evaluate(x, y, verbose=0), model.predict(x[:3], verbose=0)]


@scenario("layer.BatchNormalization.options", rtol=1e-4)
def batch_norm_may_lack_center_or_scale_and_may_be_frozen(ns, tmp):
    """Without gamma or beta there are fewer weights; frozen it uses and keeps its moving statistics."""
    x, y = line_data(8)
    plain = stacked(ns, (3,), ns.layers.BatchNormalization(center=False, epsilon=0.1), ns.layers.Dense(1))
    layer = ns.layers.BatchNormalization(scale=False, name="norm")
    frozen = ns.Sequential([ns.Input((3,)), layer, ns.layers.Dense(1)])
    fix(frozen)
    layer.trainable = False
    frozen.compile(ns.optimizers.SGD(0.1), "mse")
    found = []
    for model in (plain, frozen):
        history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        found.append([history.history, model.get_weights()])
    return found


@scenario("layer.Dropout")
def dropout_acts_in_training_only(ns, tmp):
    """Evaluation and prediction are deterministic and whole; training drops a share and scales the rest."""
    x = np.ones((50, 8), "float32")
    model = ns.Sequential([ns.Input((8,)), ns.layers.Dropout(0.5, seed=1)])
    model.compile("sgd", "mse")
    whole = [bool(np.all(model.predict(x, verbose=0) == 1)), model.evaluate(x, x, verbose=0)]
    again = np.asarray(model(x, training=True))
    other = np.asarray(model(x, training=True))
    share = float(np.mean(again == 0))
    return [whole, sorted({float(each) for each in again.ravel()}), 0.3 < share < 0.7, np.array_equal(again, other)]


@scenario("layer.Dropout.fit")
def dropout_changes_the_training_and_not_the_evaluation(ns, tmp):
    """With a learning rate of zero: training losses differ from epoch to epoch, validation losses do not."""
    x, y = line_data(16)
    model = stacked(
        ns, (3,), ns.layers.Dense(16), ns.layers.Dropout(0.5), ns.layers.Dense(1), optimizer=ns.optimizers.SGD(0.0)
    )
    history = model.fit(x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y)).history
    return [len(set(history["loss"])), history["val_loss"], model.evaluate(x, y, verbose=0), _shapes(model)]


@scenario("layer.Conv2D", "layer.MaxPooling2D", "layer.Flatten", rtol=1e-4)
def a_convolutional_classifier_trains(ns, tmp):
    """Conv2D, max pooling, flatten, dense, softmax: numbers on the way and after it."""
    la = ns.layers
    x, labels = rows(8, 8, 8, 1), np.arange(8) % 2
    model = stacked(
        ns, (8, 8, 1), la.Conv2D(3, (3, 3), activation="relu"), la.MaxPooling2D((2, 2)), la.Flatten(),
        la.Dense(2, activation="softmax"), loss="sparse_categorical_crossentropy", metrics=["accuracy"],
    )  # fmt: skip
    seen = recorder(ns, "on_train_batch_end", "on_epoch_end")
    model.fit(x, labels, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    return [seen.trace, model.get_weights(), model.predict(x, verbose=0)]


@scenario("layer.Conv2D.options", "layer.AveragePooling2D", "layer.GlobalAveragePooling2D", rtol=1e-4)
def convolutions_and_pools_pad_and_stride(ns, tmp):
    """padding, strides, dilation, groups, no bias; average and global pools: shapes and numbers."""
    la, x, found = ns.layers, rows(2, 7, 6, 2), []
    stacks = (
        [la.Conv2D(4, 3, strides=2, padding="same"), la.AveragePooling2D(2)],
        [la.Conv2D(4, (2, 3), dilation_rate=2, use_bias=False), la.GlobalAveragePooling2D()],
        [la.Conv2D(4, 3, padding="same", groups=2, activation="tanh"), la.MaxPooling2D(3, strides=2, padding="same")],
        [la.AveragePooling2D((2, 3), strides=1, padding="same"), la.Conv2D(2, 1)],
    )
    for layers in stacks:
        model = stacked(ns, (7, 6, 2), *layers)
        found.append([model.predict(x, verbose=0), _shapes(model)])
    return found


@scenario("layer.Embedding", "layer.Reshape", rtol=1e-4)
def an_embedding_learns_its_rows(ns, tmp):
    """Integers in, rows out, flattened into a dense layer; only the rows that were seen move."""
    words = np.array([[1, 2], [3, 1], [2, 2], [0, 3]])
    y = rows(4, 1)
    model = stacked(ns, (2,), ns.layers.Embedding(6, 3), ns.layers.Reshape((6,)), ns.layers.Dense(1))
    history = model.fit(words, y, epochs=2, shuffle=False, verbose=0)
    return [history.history, model.get_weights(), model.predict(words, verbose=0)]


@scenario("layer.LayerNormalization", "layer.Activation", rtol=1e-4)
def layer_norm_and_activations_have_keras_numbers(ns, tmp):
    """LayerNormalization over the last axis, and each activation by name."""
    x, y = line_data(6)
    model = stacked(ns, (3,), ns.layers.Dense(4), ns.layers.LayerNormalization(), ns.layers.Dense(1))
    history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    names = ["relu", "sigmoid", "tanh", "softmax", "elu", "selu", "softplus", "softsign", "gelu", "swish", "linear"]
    names += ["exponential", "hard_sigmoid", "leaky_relu", "relu6", "silu", "mish", "log_softmax"]
    outputs = {}
    for name in names:
        with_it = ns.Sequential([ns.Input((3,)), ns.layers.Activation(name)])
        outputs[name] = np.asarray(with_it(x))
    return [history.history, model.get_weights(), outputs]


@scenario("layer.initializers")
def initializers_go_by_name_and_have_keras_bounds(ns, tmp):
    """Defaults are glorot uniform and zeros; each name fills the range or has the moments that Keras's has."""
    found = {}
    settings = {"ones": None, "zeros": None, ns.initializers.Constant(0.25): "constant", "identity": None}
    for given, name in settings.items():
        model = ns.Sequential([ns.Input((4,)), ns.layers.Dense(4, kernel_initializer=given, bias_initializer="ones")])
        found[name or given] = model.get_weights()
    for name in ("glorot_uniform", "he_normal", "lecun_uniform", "random_normal", "truncated_normal", "he_uniform"):
        model = ns.Sequential([ns.Input((60,)), ns.layers.Dense(80, kernel_initializer=name)])
        kernel, bias = model.get_weights()
        bound = {"glorot_uniform": np.sqrt(6 / 140), "lecun_uniform": np.sqrt(3 / 60), "he_uniform": np.sqrt(6 / 60)}
        spread = {"he_normal": np.sqrt(2 / 60), "random_normal": 0.05, "truncated_normal": 0.05}
        inside = bool(np.abs(kernel).max() <= bound.get(name, 1.0))
        wide = {name: bool(0.9 < kernel.std() / spread[name] < 1.1)} if name == "random_normal" else None
        found[name] = [inside, wide, bool(np.all(bias == 0)), bool(abs(kernel.mean()) < 0.02)]
    return found


@scenario("model.input_dim", "model.input_shape")
def a_first_layer_may_name_its_input(ns, tmp):
    """input_dim and input_shape build the model at once, as an Input does."""
    found = []
    for layers in (
        [ns.layers.Dense(2, input_dim=5, name="a")],
        [ns.layers.Flatten(input_shape=(2, 3), name="a"), ns.layers.Dense(1, name="b")],
        [ns.Input(shape=(4,)), ns.layers.Dense(2, name="a")],
    ):
        model = ns.Sequential(layers)
        found.append([model.built, _shapes(model), model.count_params(), [layer.name for layer in model.layers]])
    grown = ns.Sequential(name="grown")
    grown.add(ns.layers.Dense(3, input_shape=(2,), name="first"))
    grown.add(ns.layers.Dense(1, name="second"))
    return [found, _shapes(grown), grown.name, grown.get_layer("second").count_params(), len(grown.layers)]


@scenario("model.weights")
def weights_have_keras_order_and_shapes(ns, tmp):
    """Layer by layer: kernel, bias; gamma, beta, moving mean, moving variance; set and get are inverse."""
    la = ns.layers
    model = stacked(ns, (4, 4, 1), la.Conv2D(2, 3), la.BatchNormalization(), la.Dropout(0.5), la.Flatten(), la.Dense(3))
    fresh = ns.Sequential([ns.Input((4,)), la.BatchNormalization(name="norm"), la.Dense(2, name="d")])
    layer = fresh.get_layer("norm")
    return [
        _shapes(model),
        model.get_weights(),
        model.count_params(),
        [each.name for each in fresh.weights],
        layer.get_weights(),
        [len(fresh.trainable_weights), len(fresh.non_trainable_weights), layer.count_params()],
        [list(each.shape) for each in fresh.trainable_variables],
    ]


@scenario("model.get_layer")
def layers_are_found_by_name_and_by_index(ns, tmp):
    """get_layer, layers, layer.output shapes in the summary, add and pop."""
    model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(2, name="a"), ns.layers.Dense(1, name="b")], name="pair")
    model.pop()
    model.add(ns.layers.Dense(4, name="c", use_bias=False))
    fix(model)
    return [
        model.get_layer(index=1) is model.layers[1],
        [layer.name for layer in model.layers],
        _shapes(model),
        model.predict(rows(2, 3), verbose=0),
        list(model.output_shape),
        list(model.input_shape),
    ]


SUMMARY = ("line_length", "print_fn", "expand_nested", "show_trainable", "layer_range")


@scenario(*(f"summary.{name}" for name in SUMMARY))
def a_summary_counts_parameters(ns, tmp):
    """The counts under the table, its layers, and where it is printed; each parameter is taken."""
    la = ns.layers
    model = ns.Sequential([ns.Input((4,)), la.Dense(3, name="first"), la.BatchNormalization(name="norm")], name="small")
    texts = []
    model.summary(print_fn=lambda text, **_: texts.append(text))
    with printed() as text:
        model.summary(line_length=90, expand_nested=True, show_trainable=True)
    ranged = []
    model.summary(layer_range=["norm", "norm"], print_fn=lambda text, **_: ranged.append(text))
    counts = [row.strip() for row in "\n".join(texts).split("\n") if "params" in row]
    whole = "\n".join(texts)
    return [
        counts,
        [word in whole for word in ("first", "norm", "small", "(None, 3)", "15", "12")],
        len(text.getvalue()) > 100,
        ["norm" in "".join(ranged), "first" in "".join(ranged)],
    ]


@scenario("utils.to_categorical")
def classes_become_one_hot_rows(ns, tmp):
    """utils.to_categorical, with the number of classes and without."""
    return [ns.utils.to_categorical([0, 2, 1]), ns.utils.to_categorical(np.array([[1], [0]]), num_classes=4)]


@scenario("layer.many_at_once", rtol=1e-4)
def a_deep_stack_trains_as_keras_trains_it(ns, tmp):
    """Dense, norms and activations together under Adam, with validation, for twelve steps."""
    la = ns.layers
    x, y = line_data(24)
    model = stacked(
        ns, (3,), la.Dense(8, activation="tanh"), la.LayerNormalization(), la.Dense(8), la.Activation("gelu"),
        la.BatchNormalization(), la.Dense(1), optimizer=ns.optimizers.Adam(0.02), metrics=["mae"],
    )  # fmt: skip
    history = model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0, validation_split=0.25)
    return [history.history, model.predict(x, verbose=0)]


@scenario("model.rebuilt_metrics")
def a_second_fit_goes_on_where_the_first_ended(ns, tmp):
    """Two fits of one epoch are one fit of two, save that History starts anew."""
    x, y = line_data(9)
    once, twice = (line(ns, optimizer=ns.optimizers.Adam(0.03)) for _ in range(2))
    whole = once.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    parts = [twice.fit(x, y, batch_size=4, shuffle=False, verbose=0).history for _ in range(2)]
    return [whole.history, parts, once.get_weights(), twice.get_weights()]
