"""How parameters move (`keras.optimizers`): Keras's names, arguments and arithmetic, as pure functions over trees."""

from typing import NoReturn

from kibitz.errors import MissingName
from kibitz.optimizers import schedules
from kibitz.optimizers.adam import Adam, AdamW
from kibitz.optimizers.adam_kin import Adamax, Lamb, Nadam
from kibitz.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.ftrl import Ftrl
from kibitz.optimizers.loss_scale import LossScaleOptimizer
from kibitz.optimizers.optax_optimizer import OptaxOptimizer
from kibitz.optimizers.registry import KERAS_ONLY, deserialize, get, serialize
from kibitz.optimizers.sgd import SGD, Lion

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "OptaxOptimizer",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


def __getattr__(name: str) -> NoReturn:
    raise MissingName(
        f"Keras has {name}, and Kibitz has not." if name in KERAS_ONLY else "There is no optimizer of this name.",
        given=name,
        there_is=__all__,
        cure=KERAS_ONLY.get(name, 'optimizer="adam"'),
    )
