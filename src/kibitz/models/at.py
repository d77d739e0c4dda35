"""A model as it was after a step of a run, made anew from what the folder says; imported when it is called."""

from __future__ import annotations

from typing import Any


def at(
    run: Any,
    step: int | None = None,
    x: Any = None,
    y: Any = None,
    *,
    custom_objects: dict[str, Any] | None = None,
    **data: Any,
) -> Any:
    """A model as it was after a step of a run.

    Nothing in the folder is run: it names classes of Kibitz, or those that you give. Take `model.load_step` for a model
    of a module of your own, whose code no folder holds.

    Args:
        run: The folder of the run.
        step: The step, counted over the whole run from 0; -1 is what the run began with. None means the last one.
        x: The inputs that `fit` was given; needed where no commit was kept right behind the step.
        y: The targets.
        custom_objects: Classes and functions of your own that the model uses, by name. None means none.
        **data: `validation_data`, `class_weight`, `sample_weight`, `callbacks` and `tolerance`, as in `load_step`.

    Raises:
        NotReady: If there is no such run, or the data are needed.
        InvalidArgument: If there is no such step.
        UnknownName: If a class or function is named that nobody knows.
        UnusableFile: If what the folder says makes no model.
        Unsupported: If the model was one of a module of your own.

    Example:
        >>> import kibitz, numpy as np, tempfile
        >>> x, y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")
        >>> model = kibitz.Sequential([kibitz.Input((2,)), kibitz.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> with tempfile.TemporaryDirectory() as run:
        ...     _ = model.fit(x, y, batch_size=8, epochs=3, verbose=0, run=run)
        ...     early = kibitz.at(run, 9, x, y)
        >>> int(early.optimizer.iterations)
        10
    """
    from kibitz.checkpoint.run_folder import RunFolder
    from kibitz.errors import UnknownName, Unsupported
    from kibitz.models.putting import program_in
    from kibitz.models.saving import made
    from kibitz.replay.past import past_of

    folder = RunFolder(run, writes=False)
    program = program_in(folder)
    if folder.steps() and program is None:
        raise Unsupported(
            "The model of this run cannot be made anew: its code is not in the folder.",
            given=str(folder.path),
            wanted="a run of a Sequential",
            cure=f"the model from its code, and then model.load_step({str(folder.path)!r}, {step})",
        )
    if program is None:
        past_of(folder)  # says that there is no run
    try:
        model = made(program or {}, custom_objects, folder.path, compile=True)
    except UnknownName as error:
        raise UnknownName(
            f"The model of this run has something that nobody knows: {error.what}",
            given=error.given,
            there_is=error.there_is,
            cure=f"kibitz.at({str(folder.path)!r}, ..., custom_objects={{{error.given!r}: the class or function}})",
        ) from error
    model.load_step(run, step, x, y, **data)
    return model
