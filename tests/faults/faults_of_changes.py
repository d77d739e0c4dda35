"""Programs that go on as something else, numbers at their end, and two at a time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kibitz as keras
from kibitz import callbacks, layers
from kibitz.checkpoint.packed import pack, unpack
from kibitz.checkpoint.run_folder import RunFolder
from kibitz.checkpoint.state_file import read_state, write_state
from kibitz.errors import InvalidArgument
from tests.durable.program import Death, Dies, X, Y
from tests.faults.faults_of_disks import ends_as_undisturbed, folder, program
from tests.faults.program import Program


def begun(place: Path, step: int = 5) -> None:
    """A run that died."""
    with pytest.raises(Dies):
        program().start(place, Death(step))


def rewritten(place: Path, step: int, change: Any) -> None:
    """Let the document of a commit say something else."""
    path = RunFolder(place).of(step)
    arrays, document = read_state(path)
    path.unlink()
    change(document, arrays)
    write_state(path, arrays, document)


def another_machine(every: int) -> Iterator[str]:
    """Another version, device, core count or flag: said by its name before the first step; taken if one insists."""
    with folder() as source:
        begun(source)
        machine = unpack(read_state(RunFolder(source).of(4))[1]["made_of"], read_state(RunFolder(source).of(4))[0])
    for name in list(machine["machine"])[::every]:
        with folder() as place:
            begun(place)

            def otherwise(document: dict[str, Any], arrays: Any, name: str = name) -> None:
                made_of = unpack(document["made_of"], arrays)
                made_of["machine"][name] = "another"
                document["made_of"] = pack(made_of, "machine", arrays)

            rewritten(place, 4, otherwise)
            record = keras.testing.Recorder()
            with pytest.raises(InvalidArgument, match=f"machine {name} was another and is") as told:
                program().start(place, record)
            assert 'resume="force"' in told.value.cure
            assert record.calls == []
            assert program().start(place, resume="force") == program().whole
        yield f"another {name}"
    with folder() as place, pytest.MonkeyPatch.context() as patch:
        begun(place)
        patch.setenv("NPROC", "3")
        with pytest.raises(InvalidArgument, match="machine NPROC was 1 and is 3"):
            program().start(place)
        patch.undo()
        ends_as_undisturbed(place)
    yield "another number of cores"


def other_models() -> dict[str, Any]:
    """Models that are nearly the one of the run, and what is said of them."""

    def first(units: int = 5, activation: Any = "tanh") -> Any:
        return layers.Dense(units, activation=activation, input_shape=(6,))

    return {
        "a width": ([first(7), layers.Dense(1)], "float32[6, 5] and is float32[6, 7]"),
        "a layer more": ([first(), layers.Dense(5), layers.Dense(1)], "model layers/2/"),
        "a layer less": ([layers.Dense(1, input_shape=(6,))], "is gone"),
        "an activation": ([first(activation=None), layers.Dense(1)], "activation was tanh and is linear"),
        "a dtype": ([first(), layers.Dense(1, dtype="bfloat16")], "bfloat16"),
    }


def another_model(every: int) -> Iterator[str]:
    """Another width, layer, activation or dtype, or one row of the data: refused by name, and the commits are whole."""
    with folder() as place:
        begun(place)
        for name, (listed, told) in list(other_models().items())[::every]:
            keras.utils.set_random_seed(1)
            model = keras.Sequential(listed)
            model.compile("adam", "mse", metrics=["mae"])
            with pytest.raises(InvalidArgument, match="begun with something else") as refused:
                model.fit(X[:24], Y[:24], batch_size=8, epochs=2, verbose=0, run=place)
            assert told in str(refused.value), (name, refused.value)
            yield name
        one_row = X[:24].copy()
        one_row[17, 3] += 1
        with pytest.raises(InvalidArgument, match="data x was"):
            program().start(place, data=(one_row, Y[:24]))
        yield "one row"
        ends_as_undisturbed(place)


def counters_at_their_end(count: int) -> Iterator[str]:
    """A run so long that its steps do not fit into 32 bits: they are counted on."""
    with folder() as place:
        begun(place)
        far = 2**31 - 2

        def further(document: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
            document["step"], document["seconds"] = far, 1e300

        rewritten(place, 4, further)
        RunFolder(place).of(4).rename(RunFolder(place).of(far))
        seen: list[int] = []

        class Steps(callbacks.Callback):
            adds = ()

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                seen.append(self.run.step)

        program().start(place, Steps())
        assert seen == [far + 1, far + 2]
        assert RunFolder(place).steps()[-1] == far + 2
    yield "more steps than 32 bits hold"


def threads(count: int) -> Iterator[str]:
    """Two models in two threads, each with a folder of its own: each ends as it does alone."""
    programs = [program(), Program()]

    def start(number: int, place: Path | None) -> Any:
        one = programs[number]
        one.model.import_state(one._fresh)
        one.model.core.fits = 0
        vars(one.model.core)["row_seed"] = 7 + number
        fit = {} if place is None else {"run": place, "commit": "1 steps"}
        one.model.fit(X[:24], Y[:24], batch_size=8, epochs=4, verbose=0, **fit)
        return one.model.export_state()

    alone = [start(number, None) for number in range(2)]
    for _ in range(3):
        with folder() as one, folder() as other:
            ended: list[Any] = [None, None]

            def work(number: int, place: Path, ended: list[Any] = ended) -> None:
                ended[number] = start(number, place)

            both = [threading.Thread(target=work, args=each) for each in enumerate((one, other))]
            for each in both:
                each.start()
            for each in both:
                each.join()
            for was, now in zip(alone, ended, strict=True):
                assert now is not None
                assert all(np.array_equal(was[name], now[name]) for name in was)
            assert RunFolder(one).steps()[-1] == RunFolder(other).steps()[-1] == 12
        yield "two models in two threads"


def a_fork_that_trains(count: int) -> Iterator[str]:
    """A forked child that would train is told that it cannot, and does not hang; its parent notices nothing."""
    if not hasattr(os, "fork"):
        return
    model = program().model
    for name, use in {
        "fit": lambda: model.fit(X[:8], Y[:8], verbose=0),
        "evaluate": lambda: model.evaluate(X[:8], Y[:8], verbose=0),
        "predict": lambda: model.predict(X[:8], verbose=0),
        "a new model": lambda: keras.Sequential([layers.Dense(1, input_shape=(2,))]),
    }.items():
        child = os.fork()
        if not child:
            try:
                use()
            except keras.errors.NotReady as told:
                os._exit(7 if "forked" in told.what and "spawn" in told.cure else 1)
            finally:
                os._exit(1)
        for _ in range(600):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                break
            time.sleep(0.05)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError(f"{name} hangs in a forked child")
        assert os.waitstatus_to_exitcode(status) == 7, name
        yield f"{name} in a forked child"
    with folder() as place:
        ends_as_undisturbed(place)


def written_while_it_changes(count: int) -> Iterator[str]:
    """A commit gets to the disk long after it was made, while steps go on and weights are set: it holds what was."""
    from kibitz.models.durable import Durable

    held, taken = threading.Event(), {}

    class Changes(callbacks.Callback):
        adds = ()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.run.step == 2:
                taken.update({name: value.copy() for name, value in self.model.export_state().items()})
            elif self.run.step == 3:
                self.model.set_weights([weight * 0 + 7 for weight in self.model.get_weights()])
                held.set()

    with folder() as place, pytest.MonkeyPatch.context() as patch:
        write = Durable._write

        def late(self: Any, step: int, *args: Any) -> None:
            if step == 2:
                assert held.wait(60)
            write(self, step, *args)

        patch.setattr(Durable, "_write", late)
        program().start(place, Changes(), keep=10)
        arrays = RunFolder(place).read(2).arrays
        same = [name for name in taken if name in arrays]
        assert len(same) > 4
        assert all(np.array_equal(arrays[name], taken[name]) for name in same)
    yield "weights are set while a commit is on its way"


def stops_and_raises(count: int) -> Iterator[str]:
    """A callback asks for a stop and raises, in one hook: the exception wins; the history of what was done stays."""

    class Both(callbacks.Callback):
        adds = ()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                self.model.stop_training = True
                raise ValueError("of a program")

        def on_run_end(self, outcome: Any) -> None:
            self._outcome = outcome.kind

    both, history = Both(), callbacks.History()
    with folder() as place:
        with pytest.raises(ValueError, match="of a program"):
            program().start(place, both, history)
        assert both._outcome == "failed"
        assert len(history.history["loss"]) == 1
        ends_as_undisturbed(place)
    yield "a stop and an exception in one hook"
