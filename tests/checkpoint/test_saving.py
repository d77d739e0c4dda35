"""save, load_model, save_weights, load_weights: with real models, with Keras, and with what goes wrong."""

from __future__ import annotations

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from flax import nnx

import kibitz
from kibitz.errors import InvalidArgument, NotReady, ShapeMismatch, UnknownName, Unsupported, UnusableFile, WrongType
from tests.checkpoint.faults import every_failure, names
from tests.checkpoint.pairs import X, convolutional, dense, same, state, train

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


# -- Keras reads ours, and we read Keras's --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def images():
    """The same convolutional model in both."""
    ours, theirs = convolutional(kibitz), convolutional(keras)
    theirs.set_weights([np.abs(np.cos(np.arange(w.size))).reshape(w.shape) for w in theirs.get_weights()])
    return {"kibitz": ours, "keras": theirs}


def test_we_load_keras_s_weights_into_the_same_layers_and_predict_the_same(tmp_path, images):
    ours, theirs = images["kibitz"], images["keras"]
    theirs.save_weights(tmp_path / "k.weights.h5")
    ours.load_weights(tmp_path / "k.weights.h5")
    assert same(ours.get_weights(), theirs.get_weights())
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_keras_loads_our_weights_into_the_same_layers(tmp_path, images):
    ours, theirs = images["kibitz"], images["keras"]
    ours.set_weights([weight + 1 for weight in ours.get_weights()])
    ours.save_weights(tmp_path / "m.weights.h5")
    theirs.load_weights(tmp_path / "m.weights.h5")
    assert same(ours.get_weights(), theirs.get_weights())


def test_the_files_have_the_same_groups_and_names(tmp_path, images):
    def places(path):
        found = {}
        with h5py.File(path) as file:
            file.visititems(lambda name, item: found.update({name: getattr(item, "shape", item.attrs.get("name", ""))}))
        return {place: what for place, what in found.items() if place.startswith("layers")}

    for k, model in images.items():
        model.save_weights(tmp_path / f"{k}.weights.h5")
    ours, theirs = places(tmp_path / "kibitz.weights.h5"), places(tmp_path / "keras.weights.h5")
    assert list(ours) == list(theirs)
    given = ("layers/conv2d/vars", "layers/dense_1/vars")
    assert [ours[place] for place in given] == ["eyes", "out"] == [theirs[place] for place in given]
    assert {p: w for p, w in ours.items() if isinstance(w, tuple)} == {
        p: w for p, w in theirs.items() if isinstance(w, tuple)
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda k: k.optimizers.Adam(0.01),
        lambda k: k.optimizers.SGD(0.1, momentum=0.9),
        lambda k: k.optimizers.RMSprop(0.01),
    ],
    ids=["Adam", "SGD with momentum", "RMSprop"],
)
def test_the_optimizer_travels_both_ways(tmp_path, make):
    theirs, ours = dense(keras, compiled=make(keras)), dense(kibitz, compiled=make(kibitz))
    train(theirs)
    theirs.save_weights(tmp_path / "k.weights.h5")
    ours.load_weights(tmp_path / "k.weights.h5")
    assert same(state(ours), state(theirs))
    assert ours.optimizer.iterations.numpy() == 6
    train(ours)
    ours.save_weights(tmp_path / "m.weights.h5")
    theirs.load_weights(tmp_path / "m.weights.h5")
    assert same(state(ours), state(theirs))
    train(theirs)
    train(ours)
    for here, there in zip(state(ours), state(theirs), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-6)


def test_weights_are_taken_from_a_model_that_keras_saved_and_the_model_is_not(tmp_path):
    theirs, ours = dense(keras), dense(kibitz)
    theirs.optimizer.build(theirs.trainable_variables)
    theirs.save(tmp_path / "k.keras")
    with pytest.raises(UnusableFile, match=r"This model was saved by Keras[\s\S]*model\.load_weights\("):
        kibitz.models.load_model(tmp_path / "k.keras")
    ours.load_weights(tmp_path / "k.keras")
    assert same(state(ours), state(theirs))


def test_keras_takes_the_weights_out_of_our_model_file(tmp_path):
    ours, theirs = dense(kibitz), dense(keras, compiled=None)
    ours.save(tmp_path / "m.keras")
    theirs.load_weights(tmp_path / "m.keras")
    assert same(ours.get_weights(), theirs.get_weights())


def moved(model):
    """A model whose weights and optimizer are others than they were."""
    model.set_weights([weight + 1 for weight in model.get_weights()])
    model.optimizer.iterations.assign(7)


# -- ours and ours --------------------------------------------------------------------------------------------------


def test_training_goes_on_from_a_saved_model_as_if_nothing_had_been(tmp_path):
    model = dense(kibitz)
    train(model, 2)
    model.optimizer.learning_rate = 0.0123
    model.save(tmp_path / "m.keras")
    loaded = kibitz.models.load_model(tmp_path / "m.keras")
    assert same(state(loaded), state(model))
    assert loaded.optimizer.iterations.numpy() == 12
    assert loaded.optimizer.iterations.dtype == "int32"
    assert float(loaded.optimizer.learning_rate) == np.float32(0.0123)
    train(model, 2)
    train(loaded, 2)
    assert same(state(loaded), state(model))


def test_a_saved_model_is_the_same_layers_by_name(tmp_path):
    model = convolutional(kibitz)
    model.save(tmp_path / "m.keras")
    loaded = kibitz.models.load_model(str(tmp_path / "m.keras"))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert loaded.name == model.name
    assert loaded.optimizer is None
    assert same([model.predict(X, verbose=0)], [loaded.predict(X, verbose=0)])


def test_compile_false_leaves_the_optimizer_aside(tmp_path):
    model = dense(kibitz)
    model.save(tmp_path / "m.keras")
    loaded = kibitz.models.load_model(tmp_path / "m.keras", compile=False)
    assert not loaded.compiled
    assert same(loaded.get_weights(), model.get_weights())


def test_a_model_without_weights_yet_is_saved_with_a_warning(tmp_path):
    model = kibitz.Sequential([kibitz.layers.Dense(2)])
    with pytest.warns(UserWarning, match="not yet been built"):
        model.save(tmp_path / "m.keras")
    assert not kibitz.models.load_model(tmp_path / "m.keras").built


def test_the_same_model_is_the_same_bytes(tmp_path):
    model = dense(kibitz)
    for name in ("a", "b"):
        model.save(tmp_path / f"{name}.keras")
        model.save_weights(tmp_path / f"{name}.weights.h5")
    for ending in (".keras", ".weights.h5"):
        assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


class Net(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(4, 3, rngs=rngs)
        self.norm = nnx.BatchNorm(3, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.parts = nnx.List([nnx.Linear(3, 3, rngs=rngs), nnx.Linear(3, 1, rngs=rngs)])
        self.scale = nnx.Param(np.float32(2.0))

    def __call__(self, x):
        x = self.drop(self.norm(self.hidden(x)))
        for part in self.parts:
            x = part(x)
        return x * self.scale.get_value()


def test_a_module_of_ones_own_keeps_its_weights_by_its_parts(tmp_path):
    model, other = kibitz.Model(Net(nnx.Rngs(0))), kibitz.Model(Net(nnx.Rngs(1)))
    model.compile("adam", "mse")
    other.compile("adam", "mse")
    moved(model)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert sorted(file) == ["hidden", "norm", "optimizer", "parts", "vars"]
        assert file["parts/1/vars/0"].shape == (3, 1)
        assert file["norm/vars"].keys() == {"0", "1", "2", "3"}
    other.load_weights(tmp_path / "m.weights.h5")
    assert same(state(other), state(model))
    assert same([np.asarray(other.module.hidden.kernel.get_value())], [model.get_weights()[1]])


def test_a_module_of_ones_own_is_not_saved_whole_and_the_cure_is_told(tmp_path):
    with pytest.raises(Unsupported, match=r"save_weights[\s\S]*load_weights"):
        kibitz.Model(Net(nnx.Rngs(0))).save(tmp_path / "m.keras")
    assert names(tmp_path) == []


def test_what_was_written_into_the_module_is_saved(tmp_path):
    model = kibitz.Model(Net(nnx.Rngs(0)))
    model.module.hidden.bias.set_value(np.float32([7, 8, 9]))
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert file["hidden/vars/1"][()].tolist() == [7, 8, 9]


def test_a_part_whose_name_the_file_needs_is_told(tmp_path):
    class Odd(nnx.Module):
        def __init__(self, rngs):
            self.optimizer = nnx.Linear(2, 2, rngs=rngs)

        def __call__(self, x):
            return self.optimizer(x)

    with pytest.raises(Unsupported, match="name the attribute otherwise"):
        kibitz.Model(Odd(nnx.Rngs(0))).save_weights(tmp_path / "m.weights.h5")


# -- a failed load leaves the model as it was -----------------------------------------------------------------------


def test_layers_that_differ_are_all_told_and_nothing_is_loaded(tmp_path):
    dense(kibitz, units=5).save_weights(tmp_path / "m.weights.h5")
    model = dense(kibitz)
    before = state(model)
    with pytest.raises(ShapeMismatch) as caught:
        model.load_weights(tmp_path / "m.weights.h5")
    for part in ("a, kernel: float32[4, 3] is float32[4, 5] in the file", "b, kernel: float32[3, 1] is float32[5, 1]"):
        assert part in str(caught.value)
    assert "skip_mismatch=True" in caught.value.cure
    assert same(state(model), before)


def test_layers_that_only_one_side_has_are_told(tmp_path):
    longer = kibitz.Sequential([kibitz.Input((4,)), *[kibitz.layers.Dense(3) for _ in range(3)]])
    shorter = kibitz.Sequential([kibitz.Input((4,)), *[kibitz.layers.Dense(3) for _ in range(2)]])
    longer.save_weights(tmp_path / "long.weights.h5")
    shorter.save_weights(tmp_path / "short.weights.h5")
    with pytest.raises(ShapeMismatch, match="layers/dense_2/vars/0 is in the file only"):
        shorter.load_weights(tmp_path / "long.weights.h5")
    with pytest.raises(ShapeMismatch, match=r"kernel: float32\[3, 3\] is missing"):
        longer.load_weights(tmp_path / "short.weights.h5")


def test_skip_mismatch_loads_the_layers_that_fit_whole_and_warns_of_the_others(tmp_path):
    saved = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dense(3), kibitz.layers.Dense(2)])
    saved.save_weights(tmp_path / "m.weights.h5")
    model = kibitz.Sequential(
        [kibitz.Input((4,)), kibitz.layers.Dense(3), kibitz.layers.Dense(5, bias_initializer="ones")]
    )
    before = model.get_weights()
    with pytest.warns(UserWarning, match=r"kernel: float32\[3, 5\] is float32\[3, 2\] in the file"):
        model.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    assert same(model.get_weights(), [*saved.get_weights()[:2], *before[2:]])


def test_layers_can_be_left_out_of_saving_and_of_loading(tmp_path):
    saved, model = dense(kibitz, compiled=None), dense(kibitz, compiled=None)
    before = model.get_weights()
    saved.save_weights(tmp_path / "m.weights.h5")
    model.load_weights(tmp_path / "m.weights.h5", objects_to_skip=[model.layers[1]])
    assert same(model.get_weights(), [*saved.get_weights()[:2], *before[2:]])
    saved.save_weights(tmp_path / "part.weights.h5", objects_to_skip=[saved.layers[0]])
    with h5py.File(tmp_path / "part.weights.h5") as file:
        assert sorted(file["layers"]) == ["dense_1"]


def test_another_optimizer_s_state_is_left_aside_with_keras_s_warning(tmp_path):
    model, other = dense(kibitz), dense(kibitz, compiled="sgd")
    other.save_weights(tmp_path / "m.weights.h5")
    optimizer = state(model)[4:]
    told = r"Skipping variable loading for optimizer 'adam.*', because it has 10 variables whereas the saved"
    with pytest.warns(UserWarning, match=told):
        model.load_weights(tmp_path / "m.weights.h5")
    assert same(state(model), [*other.get_weights(), *optimizer])


def test_an_uncompiled_model_takes_the_weights_of_a_compiled_one_without_a_word(tmp_path):
    model, bare = dense(kibitz), dense(kibitz, compiled=None)
    model.save_weights(tmp_path / "m.weights.h5")
    bare.load_weights(tmp_path / "m.weights.h5")
    assert same(bare.get_weights(), model.get_weights())


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[::-1]])
@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_a_damaged_file_leaves_the_model_as_it_was(tmp_path, damage, ending):
    model = dense(kibitz)
    path = tmp_path / f"m{ending}"
    model.save(path) if ending == ".keras" else model.save_weights(path)
    path.write_bytes(damage(path.read_bytes()))
    moved(model)
    before = state(model)
    with pytest.raises(UnusableFile, match="cure"):
        model.load_weights(path)
    assert same(state(model), before)


def test_one_flipped_bit_in_the_numbers_is_found(tmp_path):
    model = dense(kibitz)
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    data = bytearray(path.read_bytes())
    data[data.index(model.get_weights()[0].tobytes()) + 5] ^= 4
    path.write_bytes(data)
    with pytest.raises(UnusableFile, match=r"a, kernel: .* are not those that were written"):
        model.load_weights(path)


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_whatever_the_disk_refuses_the_old_file_is_whole(tmp_path, ending):
    model = dense(kibitz)
    path = tmp_path / f"m{ending}"
    save = lambda: model.save(path) if ending == ".keras" else model.save_weights(path)  # noqa: E731
    save()
    before = path.read_bytes()
    moved(model)
    for failure in every_failure(save, before=lambda: path.write_bytes(before)):
        assert names(tmp_path) == [path.name]
        assert (path.read_bytes() == before) == (failure not in {("open", 2), ("fsync", 2)}), failure
    assert path.read_bytes() != before


# -- arguments ------------------------------------------------------------------------------------------------------


def test_endings_are_keras_s_and_checked_first(tmp_path):
    model, unbuilt = dense(kibitz), kibitz.Sequential([kibitz.layers.Dense(2)])
    for bad in ("m.h6", "m.h5", "m", "m.weights.json", "m.keras.zip"):
        with pytest.raises(InvalidArgument, match=r"The filename must end in `\.weights\.h5`"):
            unbuilt.save_weights(tmp_path / bad)
        with pytest.raises(InvalidArgument, match="Invalid filepath extension for saving"):
            model.save(tmp_path / bad)
        with pytest.raises(InvalidArgument, match=r"File format not supported: filepath=.*m"):
            model.load_weights(str(tmp_path / bad))
        with pytest.raises(InvalidArgument, match="File format not supported"):
            kibitz.models.load_model(tmp_path / bad)
    with pytest.raises(InvalidArgument, match=r"must end in `\.weights\.h5`"):
        model.save_weights(tmp_path / "m.keras")
    assert names(tmp_path) == []


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UnusableFile, match="No such file"):
        dense(kibitz).load_weights(tmp_path / "m.weights.h5")
    with pytest.raises(InvalidArgument, match="File not found"):
        kibitz.models.load_model(tmp_path / "m.keras")


def test_overwrite_false_never_replaces_a_file(tmp_path):
    model = dense(kibitz)
    for save, path in ((model.save, tmp_path / "m.keras"), (model.save_weights, tmp_path / "m.weights.h5")):
        save(path, overwrite=False)
        before = path.read_bytes()
        with pytest.raises(InvalidArgument, match=r"there already[\s\S]*overwrite=True"):
            save(path, overwrite=False)
        save(path, overwrite=True)
        assert path.read_bytes() == before


def test_missing_folders_are_made(tmp_path):
    dense(kibitz).save_weights(tmp_path / "a" / "b" / "m.weights.h5")
    dense(kibitz).save(tmp_path / "c" / "m.keras")
    assert names(tmp_path) == ["a", "c"]


def test_a_model_without_weights_is_told_so(tmp_path):
    model = kibitz.Sequential([kibitz.layers.Dense(2)])
    with pytest.raises(NotReady, match="You are saving a model that has not yet been built"):
        model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(NotReady, match="You are loading weights into a model that has not yet been built"):
        model.load_weights(tmp_path / "m.weights.h5")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m: m.save("m.keras", zipped=False), Unsupported),
        (lambda m: m.save("m.keras", include_optimizer=False), InvalidArgument),
        (lambda m: m.save("m.keras", save_format="h5"), InvalidArgument),
        (lambda m: m.save(io.BytesIO()), WrongType),
        (lambda m: m.save(None), WrongType),
        (lambda m: m.save("gs://bucket/m.keras"), UnusableFile),
        (lambda m: m.save("hf://me/m.keras"), UnusableFile),
        (lambda m: m.save_weights("m.weights.h5", max_shard_size=1), Unsupported),
        (lambda m: m.save_weights("m.weights.h5", save_format="tf"), InvalidArgument),
        (lambda m: m.load_weights("m.weights.h5", by_name=True), InvalidArgument),
        (lambda m: m.load_weights("m.weights.h5", strict=False), InvalidArgument),
        (lambda m: kibitz.models.load_model("m.keras", safe_mode=False), Unsupported),
        (lambda m: kibitz.models.load_model(3), WrongType),
    ],
)
def test_every_parameter_works_or_raises(tmp_path, monkeypatch, call, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match="cure"):
        call(dense(kibitz))
    assert names(tmp_path) == []


# -- what a file may name -------------------------------------------------------------------------------------------


def rewritten(path, change):
    """The same archive with another configuration."""
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(found["config.json"])
    found["config.json"] = json.dumps(change(config) or config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in found.items():
            archive.writestr(name, data)


def first_layer(**entries):
    return lambda config: config["config"]["layers"][0].update(entries)


NAMED = {
    "a model": lambda config: config.update(class_name="os.system"),
    "no model": lambda config: config.pop("class_name") and None,
    "a model that is a list": lambda config: config.update(class_name=["Sequential"]),
    "a layer": first_layer(class_name="system", module="os"),
    "a lambda": first_layer(class_name="Lambda", config={"function": ["4wEAAAA", None, None]}),
    "a function": first_layer(class_name="function", config="system"),
    "a private thing": first_layer(class_name="__import__"),
    "a keras gadget": first_layer(class_name="function", module="keras.utils", config="get_file"),
    "an activation": lambda config: config["config"]["layers"][0]["config"].update(activation="os.system"),
    "an initializer": lambda config: config["config"]["layers"][0]["config"].update(
        kernel_initializer={"class_name": "system", "module": "os", "config": {"command": "id"}}),
    "a loss": lambda config: config["compile_config"].update(loss="os.system"),
    "no layers": lambda config: config["config"].pop("layers") and None,
    "no configuration": lambda config: config.update(config=None),
    "a list as configuration": lambda config: config.update(config=[1]),
    "an argument that is none": lambda config: config["config"]["layers"][0]["config"].update(odd=3),
    "units that are none": lambda config: config["config"]["layers"][0]["config"].update(units=-3),
}  # fmt: skip


@pytest.mark.parametrize("change", NAMED.values(), ids=NAMED)
def test_a_file_that_names_what_nobody_knows_is_refused_and_nothing_is_imported(tmp_path, change, monkeypatch):
    import importlib
    import sys

    dense(kibitz).save(tmp_path / "m.keras")
    kibitz.models.load_model(tmp_path / "m.keras")
    rewritten(tmp_path / "m.keras", change)
    monkeypatch.setattr(importlib, "import_module", None)
    before = set(sys.modules)
    with pytest.raises(kibitz.errors.KibitzError, match="cure"):
        kibitz.models.load_model(tmp_path / "m.keras")
    assert set(sys.modules) == before


def test_a_layer_of_ones_own_is_loaded_through_custom_objects_alone(tmp_path):
    class Twice(kibitz.layers.Layer):
        def build(self, input_shape):
            self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")

        def call(self, x):
            return 2.0 * x * self.gain

    model = kibitz.Sequential([kibitz.Input((4,)), Twice(), kibitz.layers.Dense(1)])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnknownName, match="Twice"):
        kibitz.models.load_model(tmp_path / "m.keras")
    loaded = kibitz.models.load_model(tmp_path / "m.keras", custom_objects={"Twice": Twice})
    assert same(loaded.get_weights(), model.get_weights())
