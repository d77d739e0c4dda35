"""What to write in the place of Keras's functional models and subclasses."""

from __future__ import annotations

from typing import Any

from kibitz.errors import Unsupported, WrongType, code

INSTEAD = """kibitz.Sequential([...]), or a Flax module:
           class Net(nnx.Module):
               def __init__(self, rngs):
                   self.hidden = nnx.Linear(784, 64, rngs=rngs)
                   self.out = nnx.Linear(64, 10, rngs=rngs)
               def __call__(self, x):
                   return self.out(nnx.relu(self.hidden(x)))
           model = kibitz.Model(Net(nnx.Rngs(0)))"""


def refuse(kind: type, base: type, module: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Refuse what no model can be made from, with the same model in a form that works.

    Args:
        kind: The class that was called.
        base: `Model` itself.
        module: What was given as the module.
        args: Further positional arguments.
        kwargs: Further arguments by name.

    Raises:
        Unsupported: For Keras's functional form and for subclasses.
        WrongType: For anything else that is not an NNX module.
    """
    if isinstance(module, type):
        raise WrongType(f"{module.__name__} is a class, and a model is made from an instance.", given=module,
                        wanted="an instance of an nnx.Module",
                        cure=f"kibitz.Model({module.__name__}(..., rngs=nnx.Rngs(0)))")  # fmt: skip
    subclassed = "call" in vars(kind) or kind is not base
    if (module is None and not kwargs) or args or {"inputs", "outputs"} & set(kwargs) or subclassed:
        form = "a subclass with a `call` method" if subclassed else "the functional form"
        raise Unsupported(f"A model is a stack of layers or a Flax module here; this is {form} of Keras.",
                          given=code(f"{kind.__name__}({', '.join([*map(_class_name, args), *kwargs])})"),
                          wanted="kibitz.Sequential, or an nnx.Module", cure=INSTEAD)  # fmt: skip
    raise WrongType("A model is made from a Flax NNX module.", given=module, wanted="an instance of an nnx.Module",
                    cure=INSTEAD)  # fmt: skip


def _class_name(value: Any) -> str:
    return type(value).__name__
