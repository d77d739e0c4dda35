"""An optimizer's arguments: checked where they are set, fixed once they are compiled, told by `get_config`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from kibitz.errors import InvalidArgument, UnknownName, Unsupported
from kibitz.optimizers.arguments import Check, flag, number, real, whole
from kibitz.optimizers.rate import Scheduled
from kibitz.optimizers.schedules.registry import deserialize, serialize

SHARED: dict[str, Check] = {
    "weight_decay": number("[0, inf)", cure=0.004, optional=True),
    "clipnorm": number("(0, inf)", cure=1.0, optional=True),
    "global_clipnorm": number("(0, inf)", cure=1.0, optional=True),
    "clipvalue": number("(0, inf)", cure=0.5, optional=True),
    "use_ema": flag,
    "ema_momentum": number("[0, 1]", cure=0.99),
    "ema_overwrite_frequency": whole(1, cure=100),
    "loss_scale_factor": number("(0, inf)", cure=1024.0, optional=True),
    "gradient_accumulation_steps": whole(2, cure=4),
}
"""The arguments of all optimizers but the learning rate, in the order of Keras's configurations."""


class Configured:
    """A thing with declared arguments, each with the check that it has to pass wherever it is set.

    It is a base of `Optimizer`; nobody makes one.

    Example:
        >>> from kibitz.optimizers import Adam
        >>> config = Adam(0.5, beta_1=0.75).get_config()
        >>> config["learning_rate"], config["beta_1"], config["clipnorm"]
        (0.5, 0.75, None)
    """

    hyperparameters: ClassVar[dict[str, Check]] = {}
    name: str
    built: bool
    _own: dict[str, Any]

    def __setattr__(self, name: str, value: Any) -> None:
        check = {**SHARED, **self.hyperparameters}.get(name)
        if check is not None:
            if self.built:
                raise Unsupported(
                    f"`{name}` is compiled into the optimizer's step, so it cannot change any more.",
                    given=value,
                    wanted="to be set before the optimizer is given to a model",
                    cure=f"model.compile(optimizer={type(self).__name__}({name}={value!r}), ...)",
                )
            value = check(name, value)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make this optimizer again: Keras's keys, in Keras's order.

        The learning rate is the present one, as the float32 that it is.
        """
        rate = self._rate_entry()
        return {
            "name": self.name,
            "learning_rate": serialize(rate.schedule) if isinstance(rate, Scheduled) else real(rate),
            **{name: getattr(self, name) for name in {**SHARED, **self.hyperparameters}},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Make an optimizer from what `get_config` gave.

        Args:
            config: The arguments by name.
            custom_objects: Schedules and functions of your own by name, where the learning rate is one.
        """
        arguments = dict(config)
        if isinstance(arguments.get("learning_rate"), Mapping):
            arguments["learning_rate"] = deserialize(arguments["learning_rate"], custom_objects)
        return cls(**arguments)

    def _rate_entry(self) -> Any:
        return self._own["learning_rate"]

    def _refuse(self, unknown: dict[str, Any]) -> None:
        """Raise for arguments that this optimizer does not have."""
        kind = type(self).__name__
        # Keras takes `decay` with a warning, and ignores it.
        if (decay := unknown.pop("decay", None)) is not None:
            raise InvalidArgument(
                "The argument `decay` is gone; a schedule does the same.",
                given=decay,
                wanted="a schedule as learning rate",
                cure=f"{kind}(learning_rate=schedules.InverseTimeDecay(0.01, 1, {decay}))",
            )
        for name in unknown:
            there_is = [each for each in inspect.signature(type(self)).parameters if each != "kwargs"]
            raise UnknownName(
                f"{kind} has no argument of this name.",
                given=name,
                there_is=there_is,
                nearest="learning_rate" if name == "lr" else None,
                cure=f"{kind}({'learning_rate' if name == 'lr' else there_is[0]}=...)",
            )
