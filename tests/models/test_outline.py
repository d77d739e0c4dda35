"""model.outline: the loop as it will run, with everybody in their places, and what they may touch."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import re
from pathlib import Path
from unittest.mock import MagicMock

import keras
import numpy as np
import pytest

import kibitz
import kibitz.hooks
from kibitz.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    GradientClip,
    GradientNorms,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ProgbarLogger,
    Timer,
    WeightHistograms,
)
from kibitz.callbacks.dispatch import Dispatch
from kibitz.errors import InvalidArgument, KibitzError
from kibitz.models.outline_text import WIDTH
from tests.callbacks.table import HOW, NAMES, How

X, Y = np.ones((12, 1), "float32"), np.zeros((12, 1), "float32")


def model():
    made = kibitz.Sequential([kibitz.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def outline(callbacks=None, **given):
    return kibitz.Sequential([kibitz.layers.Dense(1)]).outline(callbacks, **{"verbose": 0, **given})


def marks(callback, **given):
    parts = outline([callback], **given).parts
    return next(part.touches.marks for part in parts if part.name != "History")


def note(shown, text):
    """What stands beside a line of the loop; of the first such line."""
    return next(row.note for row in shown.rows if row.text == text)


def noting(seen, kind, hook):
    real = getattr(kind, hook)

    @functools.wraps(real)
    def noted(self, *given, **named):
        seen.append((hook, type(self).__name__))
        return real(self, *given, **named)

    return noted


def recorder(name, seen, hooks=kibitz.hooks.HOOKS, **declared):
    """An instance of a class of this name that writes down when its hooks are called."""
    methods = {hook: noting(seen, Callback, hook) for hook in hooks}
    return type(name, (Callback,), {**methods, **declared})()


@pytest.fixture
def seen(monkeypatch):
    """(hook, name) for each call in a fit, also of those callbacks that fit adds."""
    calls = []
    for kind in (History, ProgbarLogger):
        for hook in set(kibitz.hooks.HOOKS) & vars(kind).keys():
            monkeypatch.setattr(kind, hook, noting(calls, kind, hook))
    return calls


CASES = {
    "plain": {},
    "a progress bar": {"verbose": 2},
    "validation": {"validation_data": (X, Y)},
    "validation at a step": {"validation_data": (X, Y), "validation_freq": "1 step"},
    "a part held back": {"validation_split": 0.5},
    "validation that is not due": {"validation_data": (X, Y), "validation_freq": 2},
}


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
def test_a_run_calls_whom_the_outline_says_in_the_order_that_it_says(given, seen):
    callbacks = [
        recorder("Last", seen, after=("First", "ProgbarLogger")),
        recorder("Some", seen, hooks=("on_epoch_begin", "on_test_batch_end", "on_train_end")),
        recorder("First", seen, before=("Some", "History")),
    ]
    shown = outline(callbacks, epochs=1, **given)
    # One epoch of one batch, validated with one: each line is passed once.
    model().fit(X, Y, batch_size=12, epochs=1, callbacks=callbacks, **{"verbose": 0, **given})
    drawn = [(row.hook, act.part.name) for row in shown.rows for act in row.acts]
    if given.get("validation_freq") == 2:
        drawn = [(hook, name) for hook, name in drawn if "test" not in hook]
    assert seen == drawn
    assert shown.parts[0].name == "First"


def test_each_set_of_validation_is_gone_through_in_its_order(seen):
    class Which(Callback):
        def on_test_begin(self, logs=None):
            order.append(self.run.validating)

    order = []
    sets = {"noisy": (X, Y), "clean": (X, Y)}
    model().fit(X, Y, epochs=1, verbose=0, validation_data=sets, callbacks=[Which()])
    shown = outline(validation_data=sets)
    assert note(shown, "for each set:") == ", then ".join(f'"{name}"' for name in order)
    assert shown.title.endswith('validation with "noisy" and "clean" after every epoch')


def test_every_line_is_one_of_the_drawing_in_hooks():
    drawn = set()
    waiting = list(kibitz.hooks.loops().values())
    while waiting:
        line = waiting.pop()
        drawn.add(line.text)
        waiting += line.below
    sets = {"a": (X, Y), "b": (X, Y)}
    for freq in (1, "1 step"):
        rows = outline([GradientClip(norm=1.0)], validation_data=sets, validation_freq=freq).rows
        assert {row.text for row in rows} - drawn == {"for each set:", "on_gradients"}


CADENCES = {
    "steps": ("3 steps", "on_train_batch_end", "every 3 steps", [3, 6, 9, 12]),
    "epochs": ("2 epochs", "on_epoch_end", "every 2 epochs", [8]),
    "a share of the run": ("25% of the run", "on_train_batch_end", "every 25% of the run, first after 3 steps",
                           [3, 6, 9, 12]),
    "a share of an epoch": ("0.5 epochs", "on_train_batch_end", "every 0.5 epochs, first after 2 steps",
                            [2, 4, 6, 8, 10, 12]),
}  # fmt: skip


@pytest.mark.parametrize(("every", "hook", "words", "steps"), CADENCES.values(), ids=CADENCES)
def test_a_cadence_stands_beside_the_hook_that_it_is_about_and_nowhere_else(every, hook, words, steps):
    acted = []

    def act(self, index, logs=None):
        acted.append(self.run.step)

    others = {"on_train_begin": lambda self, logs=None: None}
    seldom = type("Seldom", (Callback,), {"every": every, hook: act, **others})()
    shown = outline([seldom], epochs=3, steps_per_epoch=4)
    found = {row.hook: act.cadence for row in shown.rows for act in row.acts if act.part.name == "Seldom"}
    assert found == {"on_train_begin": "", hook: words}
    model().fit(X, Y, batch_size=3, epochs=3, verbose=0, callbacks=[seldom])
    assert acted == steps


def test_a_share_of_a_run_of_unknown_length_is_said_as_it_was_given():
    shown = outline([kibitz.every("5% of the run", LambdaCallback(on_train_batch_end=lambda batch, logs: None))])
    assert "LambdaCallback (every 5% of the run)" in str(shown)


FREQS = [
    (1, "after every epoch"),
    (2, "after every 2 epochs"),
    ([5, 1], "after epochs 1 and 5 (from 1)"),
    ("1 epoch", "after every epoch"),
    ("3 epochs", "every 3 epochs"),
    ("500 steps", "every 500 steps"),
    ("10 min", "every 10 min, by the clock: where it falls is not the same in two runs"),
]


@pytest.mark.parametrize(("freq", "words"), FREQS)
def test_when_validation_is_due_is_said_where_it_is(freq, words):
    shown = outline(validation_data=True, validation_freq=freq)
    (line,) = [row for row in shown.rows if row.text.startswith("if validation")]
    assert line.note == words
    assert (line.text == "if validation is due at this step:") == (
        freq in {"500 steps", "10 min"} if isinstance(freq, str) else False
    )


def test_without_validation_there_is_no_line_of_it():
    assert not any("test" in row.text or "validation" in row.text for row in outline().rows)
    assert outline().title.endswith("without validation")


WATCHERS = {
    "nobody": ([], "nobody looks on: they may pass many at a time"),
    "one each time": ([LambdaCallback(on_train_batch_begin=lambda batch, logs: None)],
                      "each looked at, by LambdaCallback"),
    "one seldom": ([kibitz.every("100 steps", LambdaCallback(on_train_batch_end=lambda batch, logs: None))],
                   "looked at every 100 steps; those between may pass many at a time"),
    "one by the clock": ([kibitz.every("1 h", LambdaCallback(on_train_batch_end=lambda batch, logs: None))],
                         "looked at every 1 h, by the clock; those between may pass many at a time"),
    "one at each step": ([kibitz.every("1 step", LambdaCallback(on_train_batch_end=lambda batch, logs: None))],
                         "each looked at"),
}  # fmt: skip


@pytest.mark.parametrize(("callbacks", "words"), WATCHERS.values(), ids=WATCHERS)
def test_which_batches_are_looked_at_is_what_the_run_goes_by(callbacks, words):
    assert note(outline(callbacks), "for each batch:") == words
    quiet = Dispatch(copy.copy(callbacks)).quiet("train")
    assert quiet == (0 if words.startswith("each") else 99 if "100" in words else math.inf)


def test_validation_within_epochs_is_one_who_looks_on():
    shown = outline(validation_data=True, validation_freq="50 steps")
    assert note(shown, "for each batch:") == "looked at every 50 steps; those between may pass many at a time"


def test_graph_hooks_stand_within_the_step_and_are_said_to_change_bits():
    histograms = WeightHistograms(every="10 steps")
    shown = outline([GradientClip(norm=1.0), histograms, GradientNorms(every="5 steps")])
    texts = [row.text for row in shown.rows]
    assert texts[texts.index("... one step: the weights move") + 1 :][:2] == ["on_gradients", "on_update"]
    assert shown.at("on_gradients") == ("GradientClip", "WeightHistograms", "GradientNorms")
    assert shown.at("on_update") == ("WeightHistograms",)
    assert all(part.touches.marks[-1] == "may change bits (within the step)" for part in shown.parts[:3])
    assert "GradientNorms (every 5 steps)" in str(shown)
    assert "even where it only looks" in " ".join(str(shown).split())
    assert "even where it only looks" not in " ".join(str(outline([EarlyStopping("loss")])).split())


def test_a_graph_hook_at_another_cadence_is_refused_as_by_fit():
    assert said_by(lambda: outline([GradientNorms(every="10 min")])) == said_by(
        lambda: model().fit(X, Y, verbose=0, callbacks=[GradientNorms(every="10 min")])
    )


def test_who_only_looks_at_a_cadence_by_time_changes_no_number_and_who_writes_is_marked(tmp_path):
    class Look(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.get_weights()

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    clock = "by the clock: where it falls is not the same in two runs"
    assert marks(kibitz.every("10 min", Look())) == ("reads the model", "by the clock, and changes no number")
    assert marks(Look()) == ("reads the model",)
    assert marks(kibitz.every("10 min", Stop())) == ("may stop", clock)
    assert marks(Stop()) == ("may stop",)
    assert clock in marks(ModelCheckpoint(tmp_path / "a.keras", "loss", save_freq="10 min"))
    assert clock not in marks(ModelCheckpoint(tmp_path / "a.keras", "loss", save_freq="10 steps"))
    assert clock in marks(Timer("1 h"))
    assert "(every 10 min, by the clock)" in str(outline([kibitz.every("10 min", Look())]))


TOUCHED = {
    "BackupAndRestore": ("reads the model", "may change weights", "writes files"),
    "CSVLogger": ("reads logs", "writes files"),
    "Callback": ("touches nothing of the run",),
    "CallbackList": ("reads logs", "writes files"),
    "DeviceStats": ("adds to the logs",),
    "EarlyStopping": ("reads logs", "reads the model", "may stop", "may change weights"),
    "FreezeUntil": ("touches nothing of the run",),
    "GradientClip": ("may change gradients or updates", "adds to the logs", "may change bits (within the step)"),
    "GradientNorms": ("adds to the logs", "may change bits (within the step)"),
    "History": ("reads logs",),
    "LambdaCallback": ("adds to the logs",),
    "LearningRateFinder": ("reads logs", "may stop", "may change weights", "may change the learning rate"),
    "LearningRateMonitor": ("reads the model", "adds to the logs"),
    "LearningRateScheduler": ("reads the model", "may change the learning rate", "adds to the logs"),
    "ModelCheckpoint": ("reads logs", "reads the model", "writes files"),
    "OrbaxCheckpoint": ("reads logs", "reads the model", "writes files"),
    "PredictionWriter": ("reads the model", "writes files"),
    "ProgbarLogger": ("reads logs",),
    "ReduceLROnPlateau": ("reads logs", "reads the model", "may change the learning rate", "adds to the logs"),
    "RemoteMonitor": ("reads logs", "sends numbers out"),
    "SampleViewer": ("reads the model", "writes files"),
    "SwapEMAWeights": ("reads the model", "may change weights"),
    "TensorBoard": ("reads logs", "reads the model", "writes files"),
    "TerminateOnNaN": ("reads logs", "may stop"),
    "ThroughputMonitor": ("reads the clock", "adds to the logs"),
    "Timer": ("reads the model", "may stop", "writes files",
              "by the clock: where it falls is not the same in two runs"),
    "WandbMetricsLogger": ("reads logs", "reads the model", "sends numbers out"),
    "WandbModelCheckpoint": ("reads logs", "reads the model", "writes files", "sends numbers out"),
    "WeightAveraging": ("reads the model", "may change weights"),
    "WeightHistograms": ("reads the model", "may change bits (within the step)"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_ours_may_touch_is_what_their_docstrings_say(name, tmp_path):
    how = HOW.get(name, How())
    with how.around(tmp_path):
        made = how.make(getattr(kibitz.callbacks, name), tmp_path / "made")
        parts = outline([made], verbose=0).parts
        assert parts[0].touches.marks == TOUCHED[name]


class Halve(Callback):
    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        optimizer.learning_rate = self.next(optimizer.learning_rate)

    def next(self, rate):
        if rate < 1e-4:
            self.run.stop("small enough")
        return rate / 2


class Duck:
    model = None

    def on_epoch_end(self, epoch, logs=None):
        for _, layer in enumerate(self.model.layers):
            layer.kernel.assign(0 * layer.kernel)
        logs["twice"] = 2 * epoch


class Writer(Callback):
    def on_epoch_end(self, epoch, logs=None):
        with open("numbers.txt", "a") as file:  # noqa: PTH123 - users do
            file.write(str(logs))


class Reader(Callback):
    def on_epoch_end(self, epoch, logs=None):
        with open("numbers.txt") as file, Path("more.txt").open("rb") as other:  # noqa: PTH123
            file.read(other.read())


class Asks(Callback):
    def on_train_batch_end(self, batch, logs=None):
        run = self.run
        run.evaluate("clean")
        run.save()


class Calls(Callback):
    def on_epoch_end(self, epoch, logs=None):
        return self.model(np.ones((1, 1)))


class HandsOn(Callback):
    def on_epoch_end(self, epoch, logs=None):
        look(self.model)


class HandsOnOptimizer(Callback):
    def on_epoch_end(self, epoch, logs=None):
        look(model=self.model.optimizer)


class Deeper(Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.walk(self.model.module)

    def walk(self, part):
        part.kernel.assign(0)
        self.walk(part.inner)


class OwnModel(Callback):
    def on_epoch_end(self, epoch, logs=None):
        model = [1, 2]
        model.append(epoch)


class Said(Callback):
    """What its class says is believed.

    Reads: nothing.
    Changes: the learning rate, now and then.
    """

    def on_epoch_end(self, epoch, logs=None):
        self.helper(self.model)


class Stopping(EarlyStopping):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate.assign(0.1)


def look(model): ...


@kibitz.on("epoch_end")
def save_it(epoch, model):
    model.save("a.keras")


CODE = {
    "a rate, and a stop in a method of its own": (Halve(), ("reads the model", "may stop",
                                                            "may change the learning rate")),
    "a duck": (Duck(), ("reads the model", "may change weights", "adds to the logs")),
    "a file": (Writer(), ("reads logs", "writes files")),
    "a path": (LambdaCallback(on_epoch_end=lambda epoch, logs: Path("x").write_text("y")), ("writes files",)),
    "a file that is read": (Reader(), ("touches nothing of the run",)),
    "requests": (Asks(), ("asks for validation", "asks for a save")),
    "the model called": (Calls(), ("reads the model",)),
    "the model handed on": (HandsOn(), ("hands the model on",)),
    "its optimizer handed on": (HandsOnOptimizer(), ("reads the model", "hands the model on")),
    "a method that calls itself": (Deeper(), ("reads the model", "may change weights")),
    "a name that is another thing": (OwnModel(), ("touches nothing of the run",)),
    "a class of one's own that says it": (Said(), ("may change the learning rate",)),
    "a subclass of one of ours": (Stopping("loss"), ("reads logs", "reads the model", "may stop",
                                                     "may change weights", "may change the learning rate")),
    "a function": (save_it, ("reads the model", "writes files")),
    "a lambda": (LambdaCallback(on_epoch_end=lambda epoch, logs: print(logs["loss"])), ("reads logs",)),
    "one of Keras's": (keras.callbacks.TerminateOnNaN(), ("reads logs", "may stop")),
    "another of Keras's": (keras.callbacks.EarlyStopping("loss"),
                           ("reads logs", "reads the model", "may stop", "may change weights")),
    "one that hands the optimizer to a method of its own": (
        keras.callbacks.ReduceLROnPlateau("loss"),
        ("reads logs", "reads the model", "may change the learning rate", "adds to the logs"),
    ),
    "a schedule of Keras's": (keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
                              ("reads logs", "reads the model", "may change the learning rate", "adds to the logs")),
    "a checkpoint of Keras's": (keras.callbacks.ModelCheckpoint("a.keras"),
                                ("reads logs", "reads the model", "writes files")),
}  # fmt: skip


@pytest.mark.parametrize(("callback", "found"), CODE.values(), ids=CODE)
def test_what_others_may_touch_is_seen_in_their_code(callback, found):
    assert marks(callback) == found


def test_what_was_seen_is_shown():
    text = " ".join(str(outline([Halve()])).split())
    assert "its code uses: model.optimizer.learning_rate = ..., model.optimizer.learning_rate, run.stop" in text


def test_what_cannot_be_read_is_said_to_be_unknown():
    namespace = {}
    exec(
        "class Typed:\n    def on_epoch_end(self, epoch, logs=None):\n        self.model.stop_training = True",
        namespace,
    )
    for callback in (MagicMock(), namespace["Typed"]()):
        assert marks(callback) == ("what it touches is not said",)
    assert marks(type("Half", (Halve,), {"on_epoch_begin": namespace["Typed"].on_epoch_end})()) == (
        "reads the model", "may stop", "may change the learning rate", "the rest is not said",
    )  # fmt: skip


def test_a_mock_is_called_where_a_fit_calls_it():
    mock = MagicMock()
    shown = outline([mock])
    model().fit(X, Y, epochs=1, verbose=0, callbacks=[mock])
    called = {name for name, _, _ in mock.method_calls if name in kibitz.hooks.HOOKS}
    assert called == {row.hook for row in shown.rows if "MagicMock" in shown.at(row.hook)}
    assert "on_train_batch_end" in called


def test_a_callback_list_is_unfolded_as_in_fit_and_one_within_a_list_passes_on(tmp_path):
    listed = CallbackList([EarlyStopping("loss"), CSVLogger(tmp_path / "a.csv")])
    assert outline(listed).at("on_epoch_end") == ("EarlyStopping", "CSVLogger", "History")
    within = outline([listed])
    assert within.at("on_epoch_end") == ("CallbackList", "History")
    assert "hands on to: EarlyStopping, CSVLogger" in str(within)


def test_a_callback_alone_is_taken_as_by_fit():
    assert outline(EarlyStopping("loss")).at("on_train_end") == ("EarlyStopping",)


def test_no_callbacks_no_epochs():
    shown = outline()
    assert [part.name for part in shown.parts] == ["History"]
    with pytest.warns(UserWarning, match="nothing to do"):
        none = outline(epochs=3, initial_epoch=3)
    assert none.title.startswith("fit: no epochs")
    assert note(outline(epochs=5, initial_epoch=3), "for each epoch:") == "2 epochs, numbered 3 to 4"


def test_what_fails_and_does_not_end_the_run_is_marked():
    @kibitz.on("epoch_end", on_error="detach")
    def notify(epoch): ...

    @kibitz.on("epoch_end", on_error="warn")
    def complain(epoch): ...

    text = str(outline([notify, complain]))
    assert "is let go if it fails" in text
    assert "its errors are warnings" in text


def test_nothing_is_built_read_or_told():
    class Quiet(Callback):
        def set_model(self, model):
            raise AssertionError("it was told")

        set_params = set_run = settle = on_train_begin = set_model

    def generator():
        raise AssertionError("it was read")
        yield

    plain = kibitz.Sequential([kibitz.layers.Dense(1)])
    callback = Quiet()
    before = dict(vars(callback))
    plain.outline([callback], validation_data=generator(), epochs=3, steps_per_epoch=10)
    assert not plain.built
    assert not plain.compiled
    assert plain.run_report() is None
    assert vars(callback) == before


def said_by(call):
    with pytest.raises(KibitzError) as raised:
        call()
    return type(raised.value), str(raised.value)


WRONG = {
    "a class": {"callbacks": [EarlyStopping]},
    "a function": {"callbacks": [print]},
    "no callback": {"callbacks": [object()]},
    "a cadence": {"callbacks": [type("Odd", (Callback,), {"every": "7 moons", "on_epoch_end": print})()]},
    "a circle": {"callbacks": [type("A", (Callback,), {"before": "B"})(),
                               type("B", (Callback,), {"before": "A"})()]},
    "epochs": {"epochs": 1.5},
    "verbose": {"verbose": "loud"},
    "validation_freq": {"validation_freq": 0},
    "a name of a set": {"validation_data": {"a b": (X, Y)}},
    "validation_split": {"validation_split": 1.0},
    "steps_per_epoch": {"steps_per_epoch": 0},
}  # fmt: skip


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_what_fit_refuses_is_refused_in_the_same_words(given):
    given = {"verbose": 0, **given}
    callbacks = given.pop("callbacks", None)
    assert said_by(lambda: model().outline(callbacks, **given)) == said_by(
        lambda: model().fit(X, Y, callbacks=callbacks, **given)
    )


def test_a_misspelt_argument_is_told():
    assert 'nearest  "epochs"' in said_by(lambda: outline(epoch=3))[1]


def many():
    names = [*(f"{letter}OfALongName" for letter in "ABCDEFGHI"), "JOfALongName" + 50 * "E"]
    kinds = [type(name, (Callback,), {"on_epoch_end": Halve.on_epoch_end}) for name in names]
    return [kind() for kind in kinds] + [
        kibitz.every("10 min", LambdaCallback(on_train_batch_end=lambda batch, logs: None))
    ]


@pytest.mark.parametrize("freq", [1, "100 steps"])
def test_the_text_is_no_wider_than_a_terminal_and_plain(freq):
    sets = {"clean": (X, Y), "noisy": (X, Y)}
    text = str(outline(many(), validation_data=sets, validation_freq=freq, verbose=1, epochs=3))
    lines = text.splitlines()
    assert max(map(len, lines)) <= WIDTH <= 100
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert not any(line.endswith(" ") for line in lines)
    assert re.search(r"^  10 JOfALongName", text, re.MULTILINE)
    assert not any(re.search(r"\d$", line) for line in lines if "OfALongName" in line)


def test_a_notebook_and_a_prompt_show_the_text():
    shown = outline()
    assert repr(shown) == str(shown)


def opened(picture):
    from matplotlib import image

    return image.imread(picture)


def test_the_picture_is_drawn_and_every_label_lies_within_it(tmp_path):
    from kibitz.models.outline_picture import _Picture

    sets = {"clean": (X, Y), "noisy": (X, Y)}
    shown = outline([*many(), GradientClip(norm=1.0), MagicMock()], validation_data=sets, validation_freq="9 steps")
    shown.save(tmp_path / "new" / "loop.png")
    pixels = opened(tmp_path / "new" / "loop.png")
    assert np.ptp(pixels[..., :3]) > 0.5  # something dark on something light
    laid = _Picture(shown)
    figure = laid.figure()
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= width
    assert min(box.y0 for box in boxes) >= 0
    assert max(box.y1 for box in boxes) <= height
    assert [pair for pair in itertools.combinations(boxes, 2) if pair[0].shrunk(0.98, 0.5).overlaps(pair[1])] == []


def test_a_picture_without_one_who_looks_on(tmp_path):
    outline().save(tmp_path / "loop.svg")
    assert "svg" in (tmp_path / "loop.svg").read_text(encoding="utf-8")


def test_a_path_that_is_no_picture_is_refused(tmp_path):
    with pytest.raises(InvalidArgument, match="outline draws a picture"):
        outline().save(tmp_path / "loop.txt")
