"""Everything of Kibitz that reads a file, with real files that it reads, and with what may be wrong in them."""

from __future__ import annotations

import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import kibitz as keras
from kibitz.callbacks import CSVLogger, EarlyStopping
from kibitz.checkpoint.archive import CONFIG, METADATA, WEIGHTS, read_archive, read_archived_weights
from kibitz.checkpoint.document import PACKED, check_document
from kibitz.checkpoint.lock import holder
from kibitz.checkpoint.packed import unpack
from kibitz.checkpoint.run_folder import RunFolder, last_put_away
from kibitz.checkpoint.state_file import peek_state, read_state, write_state
from kibitz.checkpoint.store import peek_commit
from kibitz.checkpoint.store import read_commit as read_in_parts
from kibitz.checkpoint.strict_json import loads
from kibitz.checkpoint.weights_file import read_weights
from kibitz.models.places import places
from kibitz.runs.ls import ls
from kibitz.runs.page import Page
from kibitz.runs.show import show
from kibitz.runs.verify import verify
from kibitz.testing import drive
from tests.fuzz.in_parts import changed, damage, laid_out, reseal, retell
from tests.fuzz.in_parts import packed as one_file
from tests.fuzz.mutated import bytes_mutated, texts, tree_mutated

Mutated = Callable[[random.Random, list[bytes]], bytes]


@dataclass(frozen=True)
class Reader:
    """What reads.

    Args:
        name: The file's name, beside which nothing else lies.
        seeds: Files that it reads.
        read: Is given the file's path, and reads it in all ways that there are.
        ways: What may be wrong with the file, besides changes of its bytes.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], Any]
    ways: tuple[Mutated, ...] = field(default=())

    def mutated(self, drawn: random.Random, seeds: list[bytes]) -> bytes:
        return drawn.choice([bytes_mutated, *self.ways])(drawn, seeds)


@cache
def small() -> Any:
    model = keras.Sequential([
        keras.layers.Dense(3, input_shape=(2,), activation="relu", kernel_regularizer="l2"),
        keras.layers.Dropout(0.2), keras.layers.BatchNormalization(), keras.layers.Dense(1),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


@cache
def written() -> dict[str, list[bytes]]:
    """Real files of all kinds."""
    x = np.ones((8, 2), "float32")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        heard = [CSVLogger(folder / "log.csv"), EarlyStopping("loss", restore_best_weights=True)]
        small().fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0, callbacks=heard, run=folder / "run",
                    commit="1 steps")  # fmt: skip
        small().save(folder / "model.keras")
        small().save_weights(folder / "model.weights.h5")
        commits = sorted((folder / "run" / "commits").iterdir())
        return {
            "commit": [path.read_bytes() for path in (commits[0], commits[-1], folder / "run" / "final.safetensors")],
            "keras": [(folder / "model.keras").read_bytes()],
            "h5": [(folder / "model.weights.h5").read_bytes()],
            "csv": [(folder / "log.csv").read_bytes()],
        }


# -- a commit ----------------------------------------------------------------------------------------------------------


def read_commit(path: Path) -> None:
    """As `fit` and `kibitz runs` do; each speaks for itself."""
    folder = path.parent.parent
    own(lambda: peek_state(path, "document/"))
    own(lambda: _documented(*read_state(path), path))
    for look in (show, verify, ls):
        own(lambda look=look: look(Page(), str(folder)))
    own(RunFolder(folder).newest)
    own(lambda: last_put_away(RunFolder(folder)))


def _documented(arrays: Any, document: Any, path: Path) -> None:
    check_document(document, arrays, path)
    for name in PACKED:
        unpack(document[name], arrays)


def signed(drawn: random.Random, seeds: list[bytes]) -> bytes:
    """A commit with another document, other arrays, and a digest that is right."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "state")
        path.write_bytes(drawn.choice(seeds))
        arrays, document = read_state(path)
        if drawn.randrange(3) == 0:
            del arrays[drawn.choice(list(arrays))]
        document = tree_mutated(drawn, document)
        try:
            write_state(path, arrays, document if isinstance(document, dict) else {"step": document})
        except keras.errors.KibitzError:  # it cannot be written: half a character, for one
            return path.read_bytes()
        return path.read_bytes()


def headed(drawn: random.Random, seeds: list[bytes]) -> bytes:
    """A commit with another header of the right length."""
    data = drawn.choice(seeds)
    length = int.from_bytes(data[:8], "little")
    head = texts(drawn, [json.loads(data[8 : 8 + length])])
    return len(head).to_bytes(8, "little") + head + data[8 + length :]


@cache
def in_parts() -> bytes:
    """The folder of a run that Orbax has written, with two commits."""
    x = np.ones((8, 2), "float32")
    with tempfile.TemporaryDirectory() as name:
        small().fit(x, x[:, :1], batch_size=4, verbose=0, run=name, store="orbax")
        return one_file(Path(name))


def read_parts(path: Path) -> None:
    """As `fit` and `kibitz runs` do; what is left unfinished is cleared last."""
    folder = path.parent / "run"
    laid_out(path.read_bytes(), folder)
    for record in sorted((folder / "commits").glob("*.safetensors")):
        own(lambda record=record: peek_commit(record))
        own(lambda record=record: _documented(*read_in_parts(record), record))
    for look in (show, verify, ls):
        own(lambda look=look: look(Page(), str(folder)))
    for use in (RunFolder.newest, RunFolder.final, RunFolder.clear):
        own(lambda use=use: use(RunFolder(folder)))


# -- a model -----------------------------------------------------------------------------------------------------------


def read_model(path: Path) -> None:
    own(lambda: read_archive(path))
    own(lambda: read_archived_weights(path))
    own(lambda: keras.models.load_model(path))
    own(lambda: small().load_weights(path))


def packed(drawn: random.Random, seeds: list[bytes]) -> bytes:
    """A `.keras` file whose members are changed, and its zip is right."""
    with zipfile.ZipFile(io.BytesIO(drawn.choice(seeds))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    which = drawn.choice([METADATA, CONFIG, CONFIG, CONFIG, WEIGHTS])
    members[which] = (
        bytes_mutated(drawn, [members[which]]) if which == WEIGHTS else texts(drawn, [json.loads(members[which])])
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def read_h5(path: Path) -> None:
    own(lambda: small().load_weights(path))
    own(lambda: small().load_weights(path, skip_mismatch=True))
    with path.open("rb") as file:
        own(lambda: read_weights(file, [each.group for each in places(small())], "a file"))


# -- text --------------------------------------------------------------------------------------------------------------


def read_json(path: Path) -> None:
    data = path.read_bytes()
    own(lambda: loads(data, "a note"))
    own(lambda: keras.models.model_from_json(data.decode("utf-8", "surrogateescape")))


def read_configs(path: Path) -> None:
    """A configuration of any kind, for all that is made of one."""
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    for room in (keras.layers, keras.losses, keras.metrics, keras.optimizers, keras.regularizers, keras.initializers):
        own(lambda room=room: room.deserialize(config))


@cache
def configs() -> list[Any]:
    kinds = {
        keras.layers: [keras.layers.Conv2D(2, 3), keras.layers.Dense(2), keras.layers.Embedding(3, 2)],
        keras.losses: [keras.losses.Huber(), keras.losses.CategoricalCrossentropy()],
        keras.metrics: [keras.metrics.AUC(), keras.metrics.TopKCategoricalAccuracy()],
        keras.optimizers: [
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10)), keras.optimizers.SGD(0.1),
        ],
        keras.regularizers: [keras.regularizers.L1L2(0.1, 0.2)],
        keras.initializers: [keras.initializers.VarianceScaling(1.0)],
    }  # fmt: skip
    return [room.serialize(each) for room, made in kinds.items() for each in made]


def read_csv(path: Path) -> None:
    """A log that is gone on with, in which other keys are logged too."""
    own(lambda: drive(CSVLogger(path, append=True), epochs=[{"loss": 1.0}, {"loss": 0.5, "more": 1.0}]))


def own(call: Callable[[], Any]) -> None:
    """It returns, or raises an error of ours that has a cure."""
    try:
        call()
    except keras.errors.KibitzError as told:
        assert told.cure  # noqa: PT017 - either is right
        assert str(told)  # noqa: PT017


READERS = {
    "a commit": Reader("run/commits/step-000000000004.safetensors", lambda: written()["commit"], read_commit,
                       (signed, headed)),
    "a commit in parts": Reader("folder", lambda: [in_parts()], read_parts, (*map(changed, (damage, reseal, retell)),)),
    "a model": Reader("model.keras", lambda: written()["keras"], read_model, (packed,)),
    "weights": Reader("model.weights.h5", lambda: written()["h5"], read_h5),
    "a model as text": Reader("model.json", lambda: [small().to_json().encode()], read_json,
                              (lambda drawn, seeds: texts(drawn, [json.loads(each) for each in seeds]),)),
    "a configuration": Reader("config.json", lambda: [json.dumps(each).encode() for each in configs()], read_configs,
                              (lambda drawn, seeds: texts(drawn, [json.loads(each) for each in seeds]),)),
    "a log": Reader("log.csv", lambda: written()["csv"], read_csv),
    "a lock": Reader("lock", lambda: [b"4711", b""], lambda path: own(lambda: holder(path))),
}  # fmt: skip
