"""A small file that describes a large model takes no memory: it is refused before anything is made."""

from __future__ import annotations

import json
import zipfile

import pytest

import kibitz as keras
from kibitz.errors import KibitzError, UnusableFile, WrongType

MOST = 2**31 - 1


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """What lies in a real file."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(2,))])
    model.compile("adam", "mse", metrics=[keras.metrics.AUC(), keras.metrics.MeanIoU(num_classes=2)])
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def load(members, path, change):
    """The model of a file whose configuration is another."""
    config = json.loads(members["config.json"])
    change(config)
    with zipfile.ZipFile(path / "odd.keras", "w", zipfile.ZIP_STORED) as archive:
        for name, data in {**members, "config.json": json.dumps(config)}.items():
            archive.writestr(name, data)
    return keras.models.load_model(path / "odd.keras")


def of_layer(config):
    return config["config"]["layers"][-1]["config"]


def of_metric(config, number):
    return config["compile_config"]["metrics"][number]["config"]


@pytest.mark.parametrize(
    "change",
    [
        lambda config: of_layer(config).update(units=MOST),
        lambda config: of_metric(config, 0).update(num_thresholds=MOST),
        lambda config: of_metric(config, 1).update(num_classes=100_000),
    ],
    ids=["a layer", "thresholds", "a table of classes"],
)
def test_what_is_much_larger_than_the_file_is_refused(members, tmp_path, change):
    with pytest.raises(UnusableFile, match="much larger than the file"):
        load(members, tmp_path, change)


def test_the_file_itself_is_read(members, tmp_path):
    assert load(members, tmp_path, lambda config: None).count_params() == 9


def test_many_thresholds_of_ones_own_program_are_its_own_affair():
    assert len(keras.metrics.AUC(num_thresholds=3 * 2**20).thresholds) == 3 * 2**20


NO_CONFIGS = [None, 3, "x" * 9, [], {}, {"units": 3, "more": 1}, {"activation": 3}]


@pytest.mark.parametrize("config", NO_CONFIGS, ids=repr)
@pytest.mark.parametrize(
    ("room", "name"),
    [
        (keras.layers, "Dense"), (keras.losses, "Huber"), (keras.metrics, "AUC"), (keras.optimizers, "Adam"),
        (keras.initializers, "GlorotUniform"), (keras.optimizers.schedules, "CosineDecay"),
    ],
)  # fmt: skip
def test_a_configuration_that_makes_nothing_is_told_in_our_words(room, name, config):
    try:
        room.deserialize({"class_name": name, "config": config})
    except keras.errors.KibitzError as told:
        assert told.cure  # noqa: PT017 - some of them make something, with all defaults


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{}",
        *(f'{{"class_name": "Sequential", "config": {config}}}' for config in ("{}", '{"layers": 3}')),
    ],
    ids=["deep", "empty", "no layers", "a number of layers"],
)
def test_a_text_that_makes_no_model_is_told_in_our_words(text):
    with pytest.raises(WrongType, match="model"):
        keras.models.model_from_json(text)


@pytest.mark.parametrize("count", [2**63 - 1, 10**15])
def test_more_thresholds_than_any_machine_holds_are_told_at_once(count):
    config = {**keras.metrics.serialize(keras.metrics.AUC())}
    config["config"] = {**config["config"], "num_thresholds": count}
    with pytest.raises(KibitzError, match="This configuration makes no metric"):
        keras.metrics.deserialize(config)
