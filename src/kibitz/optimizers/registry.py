"""Optimizers by name, by configuration, or as they are: what `compile(optimizer=...)` takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import optax
from flax import nnx

from kibitz.errors import UnknownName, Unsupported, WrongType, code
from kibitz.optimizers.adam import Adam, AdamW
from kibitz.optimizers.adam_kin import Adamax, Lamb, Nadam
from kibitz.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from kibitz.optimizers.base import Optimizer
from kibitz.optimizers.ftrl import Ftrl
from kibitz.optimizers.loss_scale import LossScaleOptimizer
from kibitz.optimizers.optax_optimizer import OptaxOptimizer
from kibitz.optimizers.sgd import SGD, Lion
from kibitz.registered import known, made_again

OPTIMIZERS: dict[str, type[Optimizer]] = {
    each.__name__.lower(): each
    for each in (SGD, RMSprop, Adam, AdamW, Nadam, Adamax, Adagrad, Adadelta, Ftrl, Lion, Lamb, LossScaleOptimizer)
}
KERAS_ONLY = {
    "Adafactor": "optimizer=optax.adafactor(1e-3)",
    "Muon": "optimizer=optax.contrib.muon(1e-3)",
    "MultiOptimizer": "optimizer=optax.multi_transform({...}, labels)",
    "OptimizerMap": "optimizer=optax.multi_transform({...}, labels)",
    "ScheduleFreeAdamW": "optimizer=optax.contrib.schedule_free_adamw(1e-3)",
}
"""What Keras exports and Kibitz has not, with Optax's way to the same."""


def get(identifier: Any) -> Optimizer | None:
    """Give the optimizer that something means.

    Args:
        identifier: A name such as "adam" (in any case), a configuration, an optimizer, or an Optax transformation,
            which is wrapped in an `OptaxOptimizer`. None gives None.

    Raises:
        UnknownName: If there is no optimizer of this name.
        Unsupported: If Keras has one of this name and Kibitz has not.
        WrongType: If it is none of these: the message says how to make it one.

    Example:
        >>> from kibitz import optimizers
        >>> optimizers.get("RMSprop").rho
        0.9
        >>> optimizers.get("addam")
        Traceback (most recent call last):
        kibitz.errors.UnknownName: There is no optimizer of this name.
          given    'addam'
          there is sgd, rmsprop, adam, adamw, nadam, adamax, adagrad, adadelta, ftrl, lion, lamb, lossscaleoptimizer
          nearest  "adam"
          cure     optimizer="adam"

    Source: https://keras.io/api/optimizers/
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return _named(identifier)({})
    if isinstance(identifier, optax.GradientTransformation):
        return OptaxOptimizer(identifier)
    raise WrongType(
        "This is no optimizer.",
        given=_shown(identifier),
        wanted="a name, an optimizer, a configuration, or an Optax transformation",
        cure=_cure(identifier),
    )


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Write an optimizer's configuration as a dict that JSON can hold, and that Keras reads as well.

    Args:
        optimizer: The optimizer.

    Raises:
        Unsupported: If it wraps an Optax transformation, which is functions.

    Example:
        >>> from kibitz import optimizers
        >>> written = optimizers.serialize(optimizers.SGD(0.5, momentum=0.75))
        >>> written["class_name"], optimizers.deserialize(written).momentum
        ('SGD', 0.75)
    """
    if isinstance(optimizer, OptaxOptimizer):
        raise Unsupported(
            "An Optax transformation is functions, and cannot be written down.",
            given=optimizer,
            wanted="one of the optimizers here",
            cure="optimizers.serialize(optimizers.Adam())",
        )
    kind = type(optimizer)
    ours = OPTIMIZERS.get(kind.__name__.lower()) is kind
    return {
        "module": "keras.optimizers" if ours else kind.__module__,
        "class_name": kind.__name__,
        "config": optimizer.get_config(),
        "registered_name": None if ours else kind.__name__,
    }


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """Make an optimizer from what `serialize` gave. Nothing is imported: a name is looked up, and that is all.

    Args:
        config: The dict.
        custom_objects: Optimizers and schedules of your own, by name.

    Raises:
        WrongType: If `config` is not such a dict.
        UnknownName: If it names an optimizer that is neither here nor in `custom_objects`.

    Example:
        >>> from kibitz import optimizers
        >>> optimizers.deserialize({"class_name": "Adam", "config": {"beta_1": 0.5}}).beta_1
        0.5
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("class_name"), str):
        raise WrongType(
            "This is not an optimizer's configuration.",
            given=config,
            wanted='a dict with "class_name" and "config"',
            cure="optimizers.deserialize(optimizers.serialize(optimizer))",
        )
    return made_again("optimizer", _named(config["class_name"], custom_objects), config.get("config", {}))


def _named(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Find an optimizer's class, and give what makes one from a configuration."""
    own = known(custom_objects)
    if name in own:
        return lambda config: own[name].from_config(config, custom_objects)
    if name.lower() in OPTIMIZERS:
        return lambda config: OPTIMIZERS[name.lower()].from_config(config, custom_objects)
    for missing, cure in KERAS_ONLY.items():
        if name.lower() == missing.lower():
            raise Unsupported(
                f"Keras has {missing}, and Kibitz has not.",
                given=name,
                wanted="one of those here, or Optax's",
                cure=cure,
            )
    raise UnknownName(
        "There is no optimizer of this name.", given=name, there_is=[*OPTIMIZERS, *own], cure='optimizer="adam"'
    )


def _shown(given: Any) -> Any:
    """Show an object that has no words for itself by its class, and not by its address."""
    kind = type(given)
    return code(f"an instance of {kind.__module__}.{kind.__name__}") if kind.__repr__ is object.__repr__ else given


def _cure(given: Any) -> str:
    """Say how a thing that looks like an optimizer becomes one."""
    if inspect.isclass(given) and issubclass(given, Optimizer):
        return f"optimizer={given.__name__}()"
    if isinstance(given, nnx.Optimizer):
        return "optimizer=nnx_optimizer.tx"
    if type(given).__module__.startswith("keras."):
        return "optimizer=kibitz.optimizers.deserialize(keras.optimizers.serialize(optimizer))"
    if inspect.isroutine(given):
        return f"optimizer={given.__name__}(1e-3)"
    return 'optimizer="adam"'
