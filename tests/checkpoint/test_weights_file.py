"""`.weights.h5`: Keras's layout, numbers to the bit, and nothing believed that another may have written."""

from __future__ import annotations

import io
import random
import tracemalloc
from pathlib import Path

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from kibitz.checkpoint import weights_file
from kibitz.checkpoint.weights_file import Group, read_weights, write_weights
from kibitz.errors import Unsupported, UnusableFile
from tests.checkpoint.faults import attempt

KERNEL, BIAS = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([0.5, -0.0], np.float32)
DENSE = Group("layers/dense", "logits", [KERNEL, BIAS], ["kernel", "bias"])
COUNT = Group("optimizer", "adam", [np.array(7, np.int32), np.float32(0.1)])


def crafted(make) -> io.BytesIO:
    """A good file of one layer, in which `make` has put something else."""
    image = io.BytesIO(write_weights([DENSE]))
    with h5py.File(image, "r+") as file:
        make(file)
    return image


def read(image, *groups):
    return read_weights(image, groups or [DENSE], "a.weights.h5")


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "int64", "uint32", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 1, 3)])
def test_numbers_come_back_to_the_bit(dtype, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    group = Group("layers/a", "a", [array])
    (found,) = read(io.BytesIO(write_weights([group])), group).arrays["layers/a"]
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    assert found.tobytes() == array.tobytes()


def test_bfloat16_is_kept_as_keras_keeps_it():
    array = np.array([[1.5, np.nan, -0.0]], jnp.bfloat16)
    group = Group("layers/a", "a", [array])
    image = io.BytesIO(write_weights([group]))
    with h5py.File(image) as file:
        assert file["layers/a/vars/0"].dtype == "V2"
        assert file["layers/a/vars/0"].attrs["dtype"] == "bfloat16"
    (found,) = read(image, group).arrays["layers/a"]
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()


def test_the_layout_is_keras_s():
    with h5py.File(io.BytesIO(write_weights([Group("", "model"), DENSE, COUNT]))) as file:
        assert sorted(file) == ["layers", "optimizer", "vars"]
        assert sorted(file["layers/dense/vars"]) == ["0", "1"]
        assert file["layers/dense/vars"].attrs["name"] == "logits"
        assert file["optimizer/vars/0"].shape == ()


def test_the_same_weights_are_the_same_bytes():
    assert bytes(write_weights([DENSE, COUNT])) == bytes(write_weights([DENSE, COUNT]))


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.ones(1, jnp.float8_e4m3fn), np.array([None])])
def test_what_is_no_number_is_not_written(array):
    with pytest.raises(Unsupported, match=r"A weights file cannot hold this array \(a, array 0"):
        write_weights([Group("a", "a", [array])])


def test_floats_of_another_width_are_cast_and_other_kinds_are_not():
    def as_dtype(dtype):
        return io.BytesIO(write_weights([Group("layers/a", "a", [np.array([1, 2], dtype)])]))

    def wanted(dtype):
        return Group("layers/a", "a", [np.zeros(2, dtype)])

    assert read(as_dtype("float64"), wanted("float32")).arrays["layers/a"][0].dtype == np.float32
    assert read(as_dtype("int64"), wanted("int32")).arrays["layers/a"][0].dtype == np.int32
    assert read(as_dtype(jnp.bfloat16), wanted("float32")).arrays["layers/a"][0].tolist() == [1.0, 2.0]
    assert read(as_dtype("float32"), wanted(jnp.bfloat16)).arrays["layers/a"][0].dtype == jnp.bfloat16
    for there, here in (("int32", "float32"), ("float32", "int32"), ("bool", "float32")):
        with pytest.raises(UnusableFile, match=f"is {there} in the file, and its numbers are not that kind"):
            read(as_dtype(there), wanted(here))
    many = io.BytesIO(write_weights([Group("layers/a", "a", [np.array([1, 2**40])])]))
    with pytest.raises(UnusableFile, match="is int64 in the file"):
        read(many, wanted("int32"))


def test_what_differs_is_told_array_by_array_and_nothing_of_it_is_read():
    wider = Group("layers/dense", "logits", [np.zeros((4, 2), "f4"), BIAS, BIAS], ["kernel", "bias", "scale"])
    contents = read(io.BytesIO(write_weights([DENSE, COUNT])), wider, Group("layers/dense_1", "top", [BIAS]))
    assert contents.arrays == {}
    assert contents.differs["layers/dense"] == [
        "logits, kernel: float32[4, 2] is float32[3, 2] in the file",
        "logits, scale: float32[2] is missing",
    ]
    assert contents.differs["layers/dense_1"] == ["top, array 0: float32[2] is missing"]
    assert contents.unexpected == ["optimizer/vars/0", "optimizer/vars/1"]
    fewer = Group("layers/dense", "logits", [KERNEL])
    assert read(io.BytesIO(write_weights([DENSE])), fewer).differs["layers/dense"] == [
        "logits has no array 1, which is float32[2] in the file"
    ]


def replace(name, put):
    def make(file):
        del file[name]
        put(file, name)

    return make


def virtual(file, name):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (3, 2))
    file.create_virtual_dataset(name, layout)


def huge_pieces(file, name):
    file.create_dataset(name, (3, 2), "f4", chunks=(2**16, 2**13), maxshape=(None, None), compression="gzip")


def plugged_in(file, name):
    space = h5py.h5s.create_simple((3, 2))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((3, 2))
    properties.set_filter(31999, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_FLOAT, space, properties)


PLACE = "layers/dense/vars/0"
HOSTILE = {
    "a link to another file": replace(PLACE, lambda f, n: f.__setitem__(n, h5py.ExternalLink("secret.h5", "/x"))),
    "a link to another place": replace(PLACE, lambda f, n: f.__setitem__(n, h5py.SoftLink("/layers/dense/vars/1"))),
    "a link to nowhere": lambda f: f.__setitem__("odd", h5py.SoftLink("/nowhere")),
    "a folder that is a link": lambda f: f.__setitem__("layers/other", h5py.ExternalLink("secret.h5", "/")),
    "numbers in another file": replace(
        PLACE, lambda f, n: f.create_dataset(n, (3, 2), "f4", external=[("/etc/hostname", 0, 24)])),
    "numbers in another file, that nobody wants": lambda f: f.create_dataset(
        "odd", (3, 2), "f4", external=[("/etc/hostname", 0, 24)]),
    "a virtual array": replace(PLACE, virtual),
    "a virtual array that nobody wants": lambda f: virtual(f, "odd"),
    "strings": replace(PLACE, lambda f, n: f.create_dataset(n, (3, 2), h5py.string_dtype())),
    "fixed strings": replace(PLACE, lambda f, n: f.create_dataset(n, (3, 2), "S4")),
    "references": replace(PLACE, lambda f, n: f.create_dataset(n, (3, 2), h5py.ref_dtype)),
    "records": replace(PLACE, lambda f, n: f.create_dataset(n, (3, 2), [("a", "f4")])),
    "complex numbers": replace(PLACE, lambda f, n: f.create_dataset(n, (3, 2), "c8")),
    "bytes that are no bfloat16": replace(PLACE, lambda f, n: f.create_dataset(n, (3, 2), "V2")),
    "lists": replace(PLACE, lambda f, n: f.create_dataset(n, (3, 2), h5py.vlen_dtype("f4"))),
    "huge pieces": replace(PLACE, huge_pieces),
    "a plug-in": replace(PLACE, plugged_in),
    "a folder that holds itself": lambda f: f.__setitem__("layers/again", f["layers"]),
    "one array twice": lambda f: f.__setitem__("layers/dense/vars/2", f[PLACE]),
    "very deep folders": lambda f: f.create_group("/".join("a" * 40)),
    "a named type": lambda f: f.__setitem__("odd", np.dtype("f4")),
    "digests that are lists": lambda f: f[PLACE].attrs.create(
        "sha256", np.array([np.ones(2, "f4"), np.ones(3, "f4")], object), dtype=h5py.vlen_dtype("f4")),
    "a digest that is a number": lambda f: f[PLACE].attrs.create("sha256", 3),
    "digests, two of them": lambda f: f[PLACE].attrs.create("sha256", ["a", "b"]),
    "other numbers under the old digest": lambda f: f[PLACE].write_direct(np.zeros((3, 2), "f4")),
}  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_crafted_file_is_refused(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("secret.h5", "w") as file:
        file["x"] = np.ones((3, 2), "f4")
    with pytest.raises(UnusableFile, match=r"^This weights file is damaged or cannot be trusted: [\s\S]*cure"):
        read(crafted(make))


def bomb(file, name):
    file.create_dataset(name, (10**7, 10**5), "f8", chunks=(1000, 1000), compression="gzip", fillvalue=1.0)


@pytest.mark.parametrize("where", [PLACE, "optimizer/vars/0", "layers/other/vars/0"])
def test_a_huge_array_is_told_by_its_shape_and_never_allocated(where):
    image = crafted(lambda file: (file.__delitem__(where) if where in file else None, bomb(file, where)))
    tracemalloc.start()
    contents = read(image, DENSE, COUNT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    told = [line for lines in contents.differs.values() for line in lines] + contents.unexpected
    assert any("float64[10000000, 100000]" in line or line == where for line in told)
    assert peak < 4 * 2**20


def test_more_groups_than_any_model_has_are_refused(monkeypatch):
    monkeypatch.setattr(weights_file, "MOST_OBJECTS", 50)
    read(crafted(lambda file: None))
    with pytest.raises(UnusableFile, match="too many groups"):
        read(crafted(lambda file: [file.create_group(f"g{number}") for number in range(50)]))


def test_every_cut_is_told():
    data = bytes(write_weights([DENSE, COUNT]))
    for length in [*range(0, len(data), 61), len(data) - 1]:
        with pytest.raises(UnusableFile, match="cure"):
            read(io.BytesIO(data[:length]), DENSE, COUNT)


def test_a_flipped_bit_never_gives_other_weights():
    data = bytearray(write_weights([DENSE, COUNT]))
    good = read(io.BytesIO(data), DENSE, COUNT).arrays
    told = 0
    for place in random.Random(0).sample(range(len(data)), 250):
        data[place] ^= 1 << place % 8
        image = io.BytesIO(data)
        if attempt(lambda image=image: read(image, DENSE, COUNT)) is not None:
            told += 1
        else:
            for path, arrays in read(io.BytesIO(data), DENSE, COUNT).arrays.items():
                assert [each.tobytes() for each in arrays] == [each.tobytes() for each in good[path]], place
        data[place] ^= 1 << place % 8
    assert told > 10


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x04\x95N.", b"\x89HDF\r\n\x1a\n", bytes(range(256)) * 16])
def test_what_is_no_such_file_is_told(data):
    with pytest.raises(UnusableFile, match="HDF5 says"):
        read(io.BytesIO(data))


def test_a_file_without_digests_is_read(tmp_path):
    """Such as Keras writes."""
    path = Path(tmp_path / "k.weights.h5")
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"], file["layers/dense/vars/1"] = KERNEL.astype(">f4"), BIAS
    with path.open("rb") as opened:
        kernel, _ = read(opened).arrays["layers/dense"]
    assert kernel.dtype == np.float32
    assert np.array_equal(kernel, KERNEL)
