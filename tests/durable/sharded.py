"""Programs on four devices, with a model that is spread over them: what a test starts as a process of its own.

`python -m tests.durable.sharded NAME FOLDER` calls the function of that name with the folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEVICES = "--xla_force_host_platform_device_count=4"


def on_four_devices(name: str, folder: Path) -> str:
    """Call a function of this file in a process with four devices; what it printed."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.durable.sharded", name, str(folder)],
        cwd=ROOT, env={**os.environ, "XLA_FLAGS": DEVICES}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def placed(value: Any, *axes: str | None) -> Any:
    """An array cut over four devices along the axes that are named; without a name a copy on each of them."""
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.array(jax.devices()), ("device",))
    return jax.device_put(value, NamedSharding(mesh, PartitionSpec(*axes)))


def spread_out(kind: str) -> Any:
    """A model with one kernel that is cut by columns and one that is cut by rows."""
    from flax import nnx

    import kibitz as keras
    from kibitz import layers

    if kind == "module":

        class Own(nnx.Module):
            def __init__(self, rngs: nnx.Rngs):
                self.one, self.two = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 1, rngs=rngs)

            def __call__(self, x: Any) -> Any:
                return self.two(nnx.tanh(self.one(x)))

        module = Own(nnx.Rngs(3))  # spread before Kibitz has seen it
        module.one.kernel.set_value(placed(module.one.kernel.get_value(), None, "device"))
        module.two.kernel.set_value(placed(module.two.kernel.get_value(), "device"))
        return keras.Model(module)
    noise = [layers.BatchNormalization(), layers.Dropout(0.3)] if kind == "noisy" else []
    model = keras.Sequential([layers.Dense(8, activation="tanh", input_shape=(6,)), *noise, layers.Dense(1)])
    first, last = model.layers[0], model.layers[-1]
    if kind == "in one place":
        return model
    axes = ((), ()) if kind == "copies" else ((None, "device"), ("device",))
    first.kernel.assign(placed(first.kernel.value, *axes[0]))
    last.kernel.assign(placed(last.kernel.value, *axes[1]))
    return model


def start(folder: Path | None, kind: str = "dense", **given: Any) -> Any:
    from tests.durable import program

    program.MODELS[kind] = lambda: spread_out(kind)
    return program.program(folder, kind=kind, **given)


def stops_at_every_commit(folder: Path) -> None:
    """A run on four devices is cut off after each of its commits, and ends each time with the same bits."""
    import shutil

    from kibitz.checkpoint.run_folder import RunFolder, reopen

    for kind, stops in (("dense", (0, 13, 26, 39, 44)), ("noisy", (26,)), ("module", (13,))):
        whole, once = start(None, kind), folder / kind
        assert start(once, kind, commit="13 steps") == whole
        assert RunFolder(once).steps() == [0, 13, 26, 39, 44]
        assert len(list(once.rglob("*.orbax-?"))) == 6  # with the end: all that is cut is Orbax's
        for step in stops:
            cut = folder / f"{kind}-{step}"
            shutil.copytree(once, cut)
            runs = RunFolder(cut)
            reopen(runs)
            for later in (each for each in runs.steps() if each > step):
                runs.of(later).unlink()
            assert start(cut, kind, commit="30 steps") == whole, (kind, step)
    print("the same bits")


def stays_where_it_was_put(folder: Path) -> None:
    """Weights, moments and what is restored lie where the user put the weights, before, during and after a fit."""
    import numpy as np

    import kibitz as keras
    from kibitz import callbacks
    from tests.durable.program import Death, Dies, X, Y

    seen = []

    def cut(model: Any) -> list[Any]:
        state = model.core.timeline.here
        kernels = [state.params[f"layers/{number}/kernel"] for number in (0, 1)]
        moments = [state.optimizer["momentum"][f"layers/{number}/kernel"] for number in (0, 1)]
        return [each.sharding.shard_shape(each.shape) for each in (*kernels, *moments)]

    class Looks(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(cut(self.model))
            if batch == 5:
                self.model.set_weights([2 * each for each in self.model.get_weights()])
                seen.append(cut(self.model))

    def heard() -> list[Any]:
        return [Looks()]

    for death in (Death(17), None):
        with contextlib.suppress(Dies):
            start(folder, heard=heard, death=death, commit="5 steps", validation_split=0.2)
    try:
        start(folder, "in one place", heard=heard, validation_split=0.2)
    except keras.errors.InvalidArgument as refused:
        assert "layers/0/kernel was float32[6, 8] in 1x4 parts and is float32[6, 8]" in str(refused)  # noqa: PT017
    else:
        raise AssertionError("it went on with another placement")
    assert seen
    assert all(each == [(6, 2), (2, 1), (6, 2), (2, 1)] for each in seen), seen
    model = spread_out("dense")
    model.compile("adam", "mse")
    before = model.get_weights()
    model.evaluate(X, Y, verbose=0)
    assert np.array_equal(model.predict(X[:5], verbose=0), model(X[:5]))
    model.save_weights(folder / "w.weights.h5")
    model.load_weights(folder / "w.weights.h5")
    assert all(map(np.array_equal, before, model.get_weights()))
    assert model.layers[0].kernel.value.sharding.shard_shape((6, 8)) == (6, 2)
    assert keras.ops.shape(model.layers[0].kernel.value) == (6, 8)
    print("where it was put")


def leaves_a_commit(folder: Path) -> None:
    """A run of one epoch, whose commits a process with one device reads."""
    start(folder / "cut", epochs=1, commit="1 epoch")
    start(folder / "copies", "copies", epochs=1, commit="1 epoch")
    start(folder / "forced", epochs=1, commit="1 epoch", store="file")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
