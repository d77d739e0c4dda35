"""The vectors of embeddings, in files that TensorBoard's projector reads without TensorFlow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kibitz.checkpoint.files import replacing
from kibitz.errors import InvalidArgument, UnknownName, WrongType

CONFIG, VECTORS = "projector_config.pbtxt", "embeddings"


class Vectors(NamedTuple):
    """An embedding: its layer's name, its weight's path, its vectors."""

    layer: str
    path: str
    weight: Any


class Projector:
    """Writes the vectors of all embeddings of a model, and the file that tells the projector where they are.

    Args:
        folder: Where the projector looks; it reads nothing outside of it.
        metadata: The file with a label for each vector, within the folder; a dict has one for each layer's name. None
            means that vectors have their numbers alone.

    Raises:
        WrongType: If `metadata` is neither.
        InvalidArgument: If such a file would lie outside the folder.
    """

    def __init__(self, folder: Path, metadata: Any = None):
        self.folder, self.metadata = folder, metadata
        by_layer = isinstance(metadata, Mapping)
        for path in metadata.values() if by_layer else [] if metadata is None else [metadata]:
            if not isinstance(path, str | os.PathLike):
                raise WrongType("TensorBoard finds the labels of embeddings in a file.", given=metadata,
                                wanted="a path, or a dict of paths by the names of layers",
                                cure='embeddings_metadata={"embedding": "labels.tsv"}')  # fmt: skip
            if not _inside(folder, path):
                raise InvalidArgument(
                    "TensorBoard reads the labels of embeddings within its log_dir alone.",
                    given=str(path),
                    wanted=f"a path within {folder}",
                    cure='copy the file there, and embeddings_metadata="labels.tsv"',
                )

    def check(self, model: Any) -> None:
        """Compare the names of layers with those that the model has.

        Raises:
            UnknownName: If the metadata name a layer that is no embedding.
        """
        names = [each.layer for each in embeddings(model)]
        if isinstance(self.metadata, Mapping):
            for name in self.metadata:
                if name not in names:
                    raise UnknownName(
                        "embeddings_metadata names a layer, and no embedding has this name.",
                        given=name,
                        there_is=names,
                        cure=f'embeddings_metadata={{"{names[0]}": "labels.tsv"}}' if names else "leave it out",
                    )
        if not names:
            warnings.warn(
                "TensorBoard was asked to write embeddings, and the model has none: the projector will be empty.",
                stacklevel=2,
            )

    def write(self, model: Any) -> None:
        """Write the vectors as they are now, in the place of the last ones."""
        from google.protobuf import text_format
        from tensorboard.plugins import projector

        config: Any = vars(projector)["ProjectorConfig"]()
        for each in embeddings(model):
            file = f"{VECTORS}/{each.layer.replace('/', '.')}.tsv"
            vectors = np.asarray(each.weight, "float32")
            with replacing(self.folder / file) as out:
                np.savetxt(out, vectors, fmt="%.9g", delimiter="\t")
            entry = config.embeddings.add(tensor_name=each.path, tensor_path=file, tensor_shape=vectors.shape)
            if labels := self._labels(each.layer):
                entry.metadata_path = labels
        with replacing(self.folder / CONFIG) as out:
            out.write(text_format.MessageToString(config).encode())

    def _labels(self, layer: str) -> str | None:
        found = self.metadata.get(layer) if isinstance(self.metadata, Mapping) else self.metadata
        return None if found is None else os.fspath(found)


def embeddings(model: Any) -> list[Vectors]:
    """The embeddings of a model: Kibitz's layers under their names, Flax's under their places."""
    from flax import nnx

    from kibitz.layers.embedding import Embedding

    found = []
    for path, part in nnx.iter_graph(getattr(model, "module", None)):
        place = "/".join(map(str, path))
        if isinstance(part, Embedding):
            found.append(Vectors(part.name, part.weights[0].path, part.weights[0]))
        elif isinstance(part, nnx.Embed):
            name = place or "embed"
            found.append(Vectors(name, f"{name}/embedding", part.embedding.get_value()))
    return found


def _inside(folder: Path, path: str | os.PathLike[str]) -> bool:
    home = folder.resolve()
    return (home / Path(path).expanduser()).resolve().is_relative_to(home)
