"""SampleViewer: what is drawn of what, where, and what is refused before the first step."""

from __future__ import annotations

import numpy as np
import pytest

import kibitz
from kibitz.callbacks import Callback, SampleViewer
from kibitz.callbacks.sample_panels import Panels
from kibitz.errors import EmptyData, InvalidArgument, MissingExtra, ShapeMismatch, UnknownKey, UnusableFile, WrongType
from kibitz.testing import FakeModel, Recorder, drive

matplotlib = pytest.importorskip("matplotlib")
IMAGES, COLOURS, VECTORS = np.zeros((3, 8, 8)), np.zeros((3, 8, 8, 3)), np.zeros((3, 4))


class Model(FakeModel):
    """Its outputs are given."""

    def __init__(self, *outputs):
        super().__init__()
        self.outputs, self.asked = list(outputs), []

    def predict(self, x, batch_size=None, verbose="auto"):
        self.asked.append((x, batch_size, verbose))
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs.pop(0)


def drawn(x, y, outputs):
    """The axes of a picture."""
    from kibitz.callbacks.figure import new_figure

    panels = Panels(np.asarray(x), None if y is None else np.asarray(y), np.asarray(outputs))
    figure = new_figure(*panels.size)
    panels.draw(figure)
    return panels, figure.axes


def view(path, x=VECTORS, y=None, model=None, epochs=({"loss": 1.0},), others=()):
    model = model or Model(VECTORS)
    drive([*others, SampleViewer(x, y, path=path)], epochs=list(epochs), model=model)
    return model


def test_one_file_an_epoch_by_the_template(tmp_path):
    view(tmp_path / "new" / "{epoch:02d}-{loss:.1f}.png", epochs=[{"loss": 2.0}, {"loss": 1.0}])

    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == ["01-2.0.png", "02-1.0.png"]
    assert all(each.read_bytes()[:4] == b"\x89PNG" for each in (tmp_path / "new").iterdir())


def test_without_a_number_the_one_file_is_replaced(tmp_path):
    first, second = [], VECTORS + 1

    class Look(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                first.append((tmp_path / "now.svg").read_bytes())

    view(tmp_path / "now.svg", model=Model(VECTORS, VECTORS, second), epochs=[{"loss": 1.0}] * 2, others=[Look()])

    assert [each.name for each in tmp_path.iterdir()] == ["now.svg"]
    assert first[0] != (tmp_path / "now.svg").read_bytes()


def test_the_same_samples_are_asked_each_time_whatever_becomes_of_the_array(tmp_path):
    x = VECTORS.copy()

    class Spoil(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            x[:] = 9

    model = view(tmp_path / "now.png", x, epochs=[{"loss": 1.0}] * 2, others=[Spoil()])

    assert len(model.asked) == 3  # once before the first step
    assert all((asked == 0).all() and batch == 3 and verbose == 0 for asked, batch, verbose in model.asked)


@pytest.mark.parametrize(
    ("x", "y", "outputs", "parts", "images"),
    [
        (IMAGES, None, IMAGES, ["input", "output"], 6),
        (COLOURS, IMAGES, IMAGES[..., None], ["input", "output", "target"], 9),
        (IMAGES, np.arange(3), VECTORS, ["input", "output"], 3),
        (VECTORS, VECTORS, VECTORS, ["output", "target"], 0),
        (VECTORS, np.arange(3.0), VECTORS[:, :1], ["output", "target"], 0),
        (VECTORS, np.arange(3), VECTORS[:, :1], ["output", "target"], 0),
        (VECTORS, None, np.zeros((3, 100)), ["output"], 0),
        (VECTORS, None, np.zeros(3), ["output"], 0),
        (np.zeros((3, 8, 8, 5)), None, np.zeros((3, 2, 3, 4, 5)), ["output"], 0),
    ],
)
def test_each_part_is_drawn_as_what_it_is(x, y, outputs, parts, images):
    panels, axes = drawn(x, y, outputs)

    assert list(panels.parts) == parts
    assert len(axes) == 3 * len(parts)
    assert sum(len(each.images) for each in axes) == images


def test_the_true_class_has_a_colour_of_its_own_and_both_are_named():
    _, axes = drawn(VECTORS, [2, 0, 1], [[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]])

    titles = [each.get_title() for each in axes]
    assert titles == ["2, said 2", "0, said 3", "1, said 1"]
    colours = [bar.get_facecolor() for bar in axes[1].patches]
    assert len(set(colours)) == 2
    assert colours.count(colours[0]) == 1


def test_images_of_all_epochs_are_on_the_scale_of_the_targets():
    target = np.linspace(-1, 3, 3 * 64).reshape(3, 8, 8)
    _, axes = drawn(IMAGES + 100, target, np.full((3, 8, 8), 1.0))

    assert np.asarray(axes[3].images[0].get_array()) == pytest.approx(0.5)
    assert np.asarray(axes[0].images[0].get_array()) == pytest.approx(1)  # beyond it


def test_a_constant_image_is_drawn_too(tmp_path):
    view(tmp_path / "flat.png", IMAGES, model=Model(IMAGES))

    assert (tmp_path / "flat.png").exists()


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        ([[1, 2]], None, WrongType, "takes x as an array"),
        (np.float32(1), None, WrongType, "takes x as an array"),
        (VECTORS, [1, 2, 3], WrongType, "takes y as an array"),
        (VECTORS[:0], None, EmptyData, "nothing to show"),
        (np.zeros((25, 2)), None, InvalidArgument, "shows a few samples"),
        (VECTORS, np.zeros(2), ShapeMismatch, "a target beside each sample"),
    ],
)
def test_samples_that_cannot_be_are_refused_when_they_are_given(x, y, error, words):
    with pytest.raises(error, match=words):
        SampleViewer(x, y, path="now.png")


def test_what_cannot_be_drawn_or_written_is_refused_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    record = Recorder()
    for path, model, error in (
        (tmp_path / "{accuracy}.png", Model(VECTORS), UnknownKey),
        (tmp_path / "file" / "now.png", Model(VECTORS), UnusableFile),
        (tmp_path / "now.png", Model({"one": VECTORS, "two": VECTORS}), WrongType),
        (tmp_path / "now.png", Model((VECTORS, VECTORS)), WrongType),
    ):
        with pytest.raises(error):
            view(path, model=model, others=[record])
    assert record.calls == []
    with pytest.raises(InvalidArgument, match="this is the name of none"):
        SampleViewer(VECTORS, path="now.txt")


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match="SampleViewer draws with matplotlib"):
        SampleViewer(VECTORS, path="now.png")


def test_in_a_fit_it_changes_no_bit_and_a_wrong_sample_is_refused_before_the_first_step(tmp_path):
    def train(*callbacks):
        kibitz.utils.set_random_seed(1)
        model = kibitz.Sequential([kibitz.Input((4,)), kibitz.layers.Dropout(0.5), kibitz.layers.Dense(2)])
        model.compile("adam", "mse")
        x = np.arange(40, dtype="float32").reshape(10, 4) / 40
        history = model.fit(x, x[:, :2], batch_size=4, epochs=2, verbose=0, callbacks=list(callbacks))
        return model.get_weights()[0].tobytes(), history.history

    viewer = SampleViewer(VECTORS.astype("float32"), VECTORS[:, :2], path=tmp_path / "{epoch}.png")
    assert train(viewer) == train()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["1.png", "2.png"]

    record = Recorder()
    with pytest.raises(ShapeMismatch):
        train(SampleViewer(np.zeros((2, 5)), path=tmp_path / "no.png"), record)
    assert record.calls == []
