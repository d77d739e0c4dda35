"""Layers, models, weights and files that cannot be."""

from __future__ import annotations

import numpy as np

import kibitz
from kibitz.errors import (
    BadData,
    InvalidArgument,
    NotReady,
    ShapeMismatch,
    UnknownName,
    Unsupported,
    UnusableFile,
    WrongType,
)
from tests.speaks.case import Case, TwoInputs, X

CASES = [
    Case(
        "a module's class",
        lambda at: kibitz.Model(TwoInputs),
        WrongType,
        TypeError,
        """
        TwoInputs is a class, and a model is made from an instance.
          given    the class TwoInputs
          wanted   an instance of an nnx.Module
          cure     kibitz.Model(TwoInputs(..., rngs=nnx.Rngs(0)))
        """,
    ),
    Case(
        "an object that is no module",
        lambda at: kibitz.Model(np.zeros(3)),
        WrongType,
        TypeError,
        """
        A model is made from a Flax NNX module.
          given    float64[3]
          wanted   an instance of an nnx.Module
          cure     kibitz.Sequential([...]), or a Flax module:
                   class Net(nnx.Module):
                       def __init__(self, rngs):
                           self.hidden = nnx.Linear(784, 64, rngs=rngs)
                           self.out = nnx.Linear(64, 10, rngs=rngs)
                       def __call__(self, x):
                           return self.out(nnx.relu(self.hidden(x)))
                   model = kibitz.Model(Net(nnx.Rngs(0)))
        """,
    ),
    Case(
        "the functional form",
        lambda at: kibitz.Model(inputs=1, outputs=2),
        Unsupported,
        NotImplementedError,
        """
        A model is a stack of layers or a Flax module here; this is the functional form of Keras.
          given    Model(inputs, outputs)
          wanted   kibitz.Sequential, or an nnx.Module
          cure     kibitz.Sequential([...]), or a Flax module:
                   class Net(nnx.Module):
                       def __init__(self, rngs):
                           self.hidden = nnx.Linear(784, 64, rngs=rngs)
                           self.out = nnx.Linear(64, 10, rngs=rngs)
                       def __call__(self, x):
                           return self.out(nnx.relu(self.hidden(x)))
                   model = kibitz.Model(Net(nnx.Rngs(0)))
        """,
    ),
    Case(
        "a layer's class",
        lambda at: kibitz.Sequential([kibitz.layers.Dense]),
        WrongType,
        TypeError,
        """
        Dense is a class, and a stack holds layers.
          given    the class Dense
          wanted   an instance
          cure     Dense(...)
        """,
    ),
    Case(
        "a function as a layer",
        lambda at: kibitz.Sequential([np.tanh]),
        WrongType,
        TypeError,
        """
        A stack holds layers.
          given    <ufunc 'tanh'>
          wanted   a layer or an nnx.Module
          cure     kibitz.layers.Activation('relu') for a function
        """,
    ),
    Case(
        "a model as a layer",
        lambda at: kibitz.Sequential([at.line]),
        Unsupported,
        NotImplementedError,
        """
        A model inside a stack is not here yet.
          given    <Sequential name=line, built=True>
          wanted   layers
          cure     Sequential([*inner.layers, ...])
        """,
    ),
    Case(
        "two layers of one name",
        lambda at: kibitz.Sequential([kibitz.layers.Dense(1, name="a"), kibitz.layers.Dense(1, name="a")]),
        InvalidArgument,
        ValueError,
        """
        Two layers of a stack have one name.
          given    'a'
          wanted   a name of its own for each layer
          cure     name="a_2"
        """,
    ),
    Case(
        "an Input that is not the first",
        lambda at: kibitz.Sequential([kibitz.layers.Dense(1), kibitz.Input((4,))]),
        InvalidArgument,
        ValueError,
        """
        An Input stands first in a stack.
          given    float32[None, 4]
          wanted   the first place
          cure     Sequential([Input((784,)), Dense(10)])
        """,
    ),
    Case(
        "a layer that cannot take what comes before it",
        lambda at: kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Conv2D(3, 3, name="conv")]),
        ShapeMismatch,
        ValueError,
        """
        Layer "conv" cannot take inputs of this shape.
          given    (None, 4)
          wanted   4 dimensions: the batch, 2 to move along, and the channels
          cure     put a Reshape layer before "conv"
        """,
    ),
    Case(
        "weights before there are any",
        lambda at: kibitz.Sequential([kibitz.layers.Dense(1)], name="bare").get_weights(),
        NotReady,
        ValueError,
        """
        The model has no weights yet: nobody has said what its inputs look like.
          given    <Sequential name=bare, built=False>
          wanted   an input shape
          cure     Sequential([Input((784,)), ...]), or model.build((None, 784)), or fit first
        """,
    ),
    Case(
        "rows without columns for a model that is not built",
        lambda at: kibitz.Sequential([kibitz.layers.Dense(1, name="out")], name="bare").predict(X[:, 0]),
        ShapeMismatch,
        ValueError,
        """
        Layer "out" cannot take inputs of this shape.
          given    (None,)
          wanted   at least 2 dimensions, the batch first
          cure     give "out" such inputs, or put a Flatten or Reshape layer before it
        """,
    ),
    Case(
        "weights of another shape",
        lambda at: at.line.set_weights([np.zeros((3, 1)), np.zeros(1)]),
        ShapeMismatch,
        ValueError,
        """
        out/kernel has another shape.
          given    float64[3, 1]
          wanted   float32[4, 1]
          cure     give an array of the shape that is there
        """,
    ),
    Case(
        "too few weights",
        lambda at: at.line.set_weights([np.zeros((4, 1))]),
        ShapeMismatch,
        ValueError,
        """
        The model has 2 weights, and there is another number of arrays.
          given    1
          wanted   2: out/kernel, out/bias
          cure     model.set_weights(other.get_weights()) with a model of the same layers
        """,
    ),
    Case(
        "a layer that is not there",
        lambda at: at.line.get_layer("uot"),
        UnknownName,
        ValueError,
        """
        There is no layer of this name.
          given    'uot'
          there is out
          nearest  "out"
          cure     model.layers
        """,
    ),
    Case(
        "a layer beyond the last",
        lambda at: at.line.get_layer(index=7),
        InvalidArgument,
        ValueError,
        """
        There is no layer at this position.
          given    7
          wanted   0 to 0
          cure     model.get_layer(index=0)
        """,
    ),
    Case(
        "units of 0",
        lambda at: kibitz.layers.Dense(0),
        InvalidArgument,
        ValueError,
        """
        `units` must be a whole number.
          given    0
          wanted   a whole number, 1 or more
          cure     Dense(10)
        """,
    ),
    Case(
        "units of text",
        lambda at: kibitz.layers.Dense("3"),
        InvalidArgument,
        ValueError,
        """
        `units` must be a whole number.
          given    '3'
          wanted   a whole number, 1 or more
          cure     Dense(10)
        """,
    ),
    Case(
        "a misspelt argument of a layer",
        lambda at: kibitz.layers.Dense(3, activaton="relu"),
        UnknownName,
        ValueError,
        """
        Dense has no argument of this name.
          given    'activaton'
          there is units, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, lora_rank, lora_alpha, quantization_config, trainable, dtype, autocast, name, input_shape, input_dim
          nearest  "activation"
          cure     help(keras.layers.Dense)
        """,  # noqa: E501
    ),
    Case(
        "a misspelt activation",
        lambda at: kibitz.layers.Dense(3, activation="relo"),
        UnknownName,
        ValueError,
        """
        There is no activation of this name.
          given    'relo'
          there is celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold
          nearest  "relu"
          cure     activation="relu"
        """,  # noqa: E501
    ),
    Case(
        "a misspelt initializer",
        lambda at: kibitz.layers.Dense(3, kernel_initializer="glorot"),
        UnknownName,
        ValueError,
        """
        There is no initializer of this name.
          given    'glorot'
          there is constant, glorot_normal, glorot_uniform, he_normal, he_uniform, identity, lecun_normal, lecun_uniform, ones, orthogonal, random_normal, random_uniform, truncated_normal, variance_scaling, zeros
          nearest  "glorot_normal"
          cure     kernel_initializer="glorot_uniform"
        """,  # noqa: E501
    ),
    Case(
        "a misspelt regularizer",
        lambda at: kibitz.layers.Dense(3, kernel_regularizer="l3"),
        UnknownName,
        ValueError,
        """
        There is no regularizer of this name.
          given    'l3'
          there is l1, l1l2, l2, orthogonal_regularizer
          cure     kernel_regularizer="l2"
        """,
    ),
    Case(
        "a dropout rate of 1.5",
        lambda at: kibitz.layers.Dropout(1.5),
        InvalidArgument,
        ValueError,
        """
        `rate` must be a number in its range.
          given    1.5
          wanted   a finite number, 0 or more, 1 or less
          cure     Dropout(0.5)
        """,
    ),
    Case(
        "a misspelt padding",
        lambda at: kibitz.layers.Conv2D(3, 3, padding="smae"),
        InvalidArgument,
        ValueError,
        """
        There is no such `padding`.
          given    'smae'
          there is valid, same
          nearest  "same"
          cure     padding="same"
        """,
    ),
    Case(
        "a number as a shape",
        lambda at: kibitz.Input(4),
        InvalidArgument,
        ValueError,
        """
        A shape is a tuple of sizes.
          given    4
          wanted   a tuple, without the batch
          cure     Input(shape=(4,))
        """,
    ),
    Case(
        "a model file without its ending",
        lambda at: at.line.save("model"),
        InvalidArgument,
        ValueError,
        """
        Invalid filepath extension for saving. Please add a `.keras` extension.
          given    'model'
          wanted   a path that ends in ".keras"
          cure     model.save("model.keras"), or model.save_weights("model.weights.h5")
        """,
    ),
    Case(
        "a weights file without its ending",
        lambda at: at.line.save_weights("weights.npz"),
        InvalidArgument,
        ValueError,
        """
        The filename must end in `.weights.h5`.
          given    'weights.npz'
          wanted   a path that ends in ".weights.h5"
          cure     model.save_weights("model.weights.h5")
        """,
    ),
    Case(
        "a weights file that is not there",
        lambda at: at.line.load_weights("lost.weights.h5"),
        UnusableFile,
        OSError,
        """
        lost.weights.h5 could not be read: No such file or directory.
          given    'lost.weights.h5'
          cure     look for it elsewhere
        """,
    ),
    Case(
        "a negative seed",
        lambda at: kibitz.utils.set_random_seed(-1),
        InvalidArgument,
        ValueError,
        """
        A seed is a whole number that fits 32 bits.
          given    -1
          wanted   0 to 4294967295
          cure     set_random_seed(42)
        """,
    ),
    Case(
        "a seed beyond 32 bits",
        lambda at: kibitz.utils.set_random_seed(2**40),
        InvalidArgument,
        ValueError,
        """
        A seed is a whole number that fits 32 bits.
          given    1099511627776
          wanted   0 to 4294967295
          cure     set_random_seed(42)
        """,
    ),
    Case(
        "a seed of text",
        lambda at: kibitz.utils.set_random_seed("1"),
        InvalidArgument,
        ValueError,
        """
        A seed is a whole number that fits 32 bits.
          given    '1'
          wanted   0 to 4294967295
          cure     set_random_seed(42)
        """,
    ),
    Case(
        "a label beyond num_classes",
        lambda at: kibitz.utils.to_categorical([0, 3], 3),
        BadData,
        ValueError,
        """
        A label lies outside the classes.
          given    labels from 0 to 3
          wanted   0 to 2
          cure     num_classes=4, with labels that begin at 0
        """,
    ),
    Case(
        "a loss called with another shape",
        lambda at: kibitz.losses.CategoricalCrossentropy()(np.ones((2, 3)), np.ones((2, 4))),
        ShapeMismatch,
        ValueError,
        """
        categorical_crossentropy compares each prediction with one label, so the two shapes are the same.
          given    y_true of shape (2, 3), y_pred of shape (2, 4)
          wanted   y_true of shape (2, 4)
          cure     labels with one value for each output, or the sparse_ form of the loss for class numbers
        """,
    ),
]
