"""The shipped callbacks that reach beyond the run: a server, averages of weights, checkpoints of Orbax."""

from __future__ import annotations

import json
import socket
import threading
import warnings
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import numpy as np

from tests.oracle.record import recorder
from tests.oracle.scenario import scenario
from tests.oracle.scenarios_shipped import follows
from tests.oracle.small import files, fix, line, line_data, raised


@contextmanager
def listening():
    """A server on this machine, and what it is sent."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            kind = self.headers["Content-Type"]
            form = {} if kind == "application/json" else parse_qs(body)
            numbers = [json.loads(text) for text in ([body] if not form else [text for (text,) in form.values()])]
            sent.append([self.command, self.path, kind, self.headers.get("X-Run"), list(form), numbers])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", sent
        finally:
            server.shutdown()
            thread.join()


@scenario(*(f"RemoteMonitor.{name}" for name in ("root", "path", "field", "headers", "send_as_json")))
def the_numbers_of_each_epoch_arrive_at_a_server(ns, tmp):
    """As a form by default, under another field, as JSON, at another path, with headers of one's own."""
    x, y = line_data(6)
    with listening() as (root, sent):
        for settings in (
            {},
            {"field": "numbers", "path": "/runs/7?a=b c"},
            {"send_as_json": True, "headers": {"X-Run": "7"}},
            {"headers": {"X-Run": "8", "Content-Type": "text/plain"}},
        ):
            monitor = ns.callbacks.RemoteMonitor(root, **settings)
            line(ns).fit(x, y, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[monitor])
    return sent


@scenario("RemoteMonitor.unreachable")
def a_server_that_is_not_there_is_warned_of(ns, tmp):
    """Each epoch warns, word for word, and training goes on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        root = f"http://127.0.0.1:{free.getsockname()[1]}"
    x, y = line_data(4)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        history = line(ns).fit(x, y, epochs=3, verbose=0, callbacks=[ns.callbacks.RemoteMonitor(root)])
    words = [str(each.message).replace(root, "ROOT") for each in told if issubclass(each.category, UserWarning)]
    return [[each for each in words if "RemoteMonitor" in each], history.epoch]


def averaging(ns, **settings):
    """A line whose optimizer keeps averages of its weights."""
    return line(ns, optimizer=ns.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.75, **settings))


def weights_at(ns, *hooks):
    """A callback that keeps the weights at some hooks."""
    return recorder(ns, *hooks, **{hook: lambda self, *_: self.model.get_weights() for hook in hooks})


@scenario("SwapEMAWeights")
def validation_is_done_with_the_averaged_weights(ns, tmp):
    """The averages stand in the model from on_test_begin to on_test_end, and training goes on with the weights."""
    x, y = line_data(8)
    found = []
    for settings in ({}, {"ema_overwrite_frequency": 3}):
        model = averaging(ns, **settings)
        seen = weights_at(ns, "on_train_batch_end", "on_test_batch_end", "on_epoch_end", "on_train_end")
        callbacks = [ns.callbacks.SwapEMAWeights(), seen]
        history = model.fit(
            x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=callbacks
        )
        found.append([history.history, seen.trace, model.get_weights()])
    return found


@scenario("SwapEMAWeights.swap_on_epoch")
def averaged_weights_are_there_for_what_stands_behind(ns, tmp):
    """swap_on_epoch: a checkpoint behind it has the averages, one before it the weights; the end has the averages."""
    x, y = line_data(8)
    model = averaging(ns)
    kept = [
        ns.callbacks.ModelCheckpoint(str(tmp / (name + "{epoch}.weights.h5")), save_weights_only=True) for name in "ab"
    ]
    callbacks = [kept[0], ns.callbacks.SwapEMAWeights(swap_on_epoch=True), kept[1]]
    model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=callbacks)
    found = [model.get_weights()]
    for name in files(tmp):
        other = line(ns)
        other.load_weights(tmp / name, skip_mismatch=True)
        found.append([name, other.get_weights()])
    return found


@scenario("SwapEMAWeights.evaluate")
def an_evaluation_of_its_own_is_done_with_the_averaged_weights(ns, tmp):
    """The number is the averages', and the weights are back afterwards; the next fit swaps again."""
    x, y = line_data(8)
    model = averaging(ns)
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    fix(model, seed=20)
    swap = ns.callbacks.SwapEMAWeights()
    found = [model.evaluate(x, y, verbose=0, callbacks=[swap]), model.get_weights()]
    seen = weights_at(ns, "on_test_end")
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[swap, seen])
    return [*found, seen.trace, model.get_weights()]


@scenario("SwapEMAWeights.without")
def weights_that_nobody_averages_cannot_be_swapped(ns, tmp):
    """An optimizer without use_ema is a ValueError."""
    x, y = line_data(4)
    swap = ns.callbacks.SwapEMAWeights()
    return raised(lambda: line(ns).fit(x, y, verbose=0, validation_data=(x, y), callbacks=[swap]), ValueError)


def named_line(ns):
    """One dense layer under names that do not change, so that Keras finds its variables again."""
    if ns.__name__ == "keras":
        given = ns.Input((3,))
        model = ns.Model(given, ns.layers.Dense(1, name="out")(given), name="line")
    else:
        model = ns.Sequential([ns.Input((3,)), ns.layers.Dense(1, name="out")], name="line")
    fix(model)
    model.compile(ns.optimizers.Adam(0.05, name="moves"), "mse", metrics=["mae"])
    return model


def orbax(ns, tmp, name, **settings):
    """A checkpoint callback in a folder of its own."""
    return ns.callbacks.OrbaxCheckpoint(str(tmp / name), **settings)


@scenario(*(f"OrbaxCheckpoint.{name}" for name in ("directory", "max_to_keep", "save_on_background")))
def orbax_keeps_the_latest_states(ns, tmp):
    """A folder a number, counted from 0; the latest are kept; the latest comes back with its optimizer."""
    x, y = line_data(6)
    found = []
    for name, settings in (
        ("a", {}),
        ("b", {"max_to_keep": 2}),
        ("c", {"max_to_keep": None, "save_on_background": False}),
    ):
        model = named_line(ns)
        seen = weights_at(ns, "on_epoch_end")
        keeper = orbax(ns, tmp, name, **settings)
        model.fit(x, y, epochs=3, initial_epoch=len(found), shuffle=False, verbose=0, callbacks=[keeper, seen])
        fix(model, seed=30)
        model.load_weights(str(tmp / name))
        found.append([files(tmp / name), model.get_weights(), int(model.optimizer.iterations), seen.trace])
    return found


@scenario("OrbaxCheckpoint.load_model")
def orbax_gives_a_whole_model_back(ns, tmp):
    """saving.load_model of the folder: weights and optimizer, and training goes on with the same numbers."""
    x, y = line_data(6)
    model = named_line(ns)
    model.fit(x, y, epochs=2, shuffle=False, verbose=0, callbacks=[orbax(ns, tmp, "a")])
    again = ns.saving.load_model(str(tmp / "a"))
    history = again.fit(x, y, epochs=1, shuffle=False, verbose=0)
    return [again.name, again.get_weights(), int(again.optimizer.iterations), history.history]


@scenario("OrbaxCheckpoint.save_weights_only")
def orbax_can_save_weights_alone(ns, tmp):
    """The optimizer is then left as it is, and there is nothing that a model could be made of."""
    x, y = line_data(6)
    model = named_line(ns)
    model.fit(x, y, shuffle=False, verbose=0, callbacks=[orbax(ns, tmp, "a", save_weights_only=True)])
    other = named_line(ns)
    fix(other, seed=30)
    other.load_weights(str(tmp / "a"))
    refused = raised(lambda: ns.saving.load_model(str(tmp / "a")), ValueError)
    return [other.get_weights(), int(other.optimizer.iterations), refused]


@scenario("OrbaxCheckpoint.save_freq")
def orbax_saves_every_few_batches(ns, tmp):
    """An integer counts batches over the epochs and on into the next fit of another instance."""
    x, y = line_data(8)
    model = named_line(ns)
    for name in ("a", "b"):
        keeper = orbax(ns, tmp, name, save_freq=3, max_to_keep=None)
        model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=[keeper])
    model.load_weights(str(tmp / "a"))
    return [files(tmp / "a"), files(tmp / "b"), model.get_weights(), int(model.optimizer.iterations)]


@scenario(*(f"OrbaxCheckpoint.{name}" for name in ("save_best_only", "monitor", "mode", "initial_value_threshold")))
def orbax_keeps_the_best_alone(ns, tmp):
    """Only what is better is saved: less, more, by the metric's own way, than a threshold."""
    found = []
    for number, settings in enumerate(
        ({"mode": "min"}, {"mode": "max"}, {"mode": "min", "initial_value_threshold": 2.5})
    ):
        keeper = orbax(ns, tmp, str(number), monitor="seen", save_best_only=True, max_to_keep=None, **settings)
        follows(ns, [3.0, 2.0, 4.0, 1.5, 5.0], lambda keeper=keeper: keeper, model=named_line(ns))
        found.append([files(tmp / str(number)), float(keeper.best)])
    x, y = line_data(6)
    keeper = orbax(ns, tmp, "auto", save_best_only=True)
    history = named_line(ns).fit(x, y, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=[keeper])
    return [found, files(tmp / "auto"), float(keeper.best), min(history.history["val_loss"])]


@scenario("OrbaxCheckpoint.verbose")
def orbax_is_silent_unless_told(ns, tmp):
    """verbose=0 prints nothing; what it has besides: waiting, and which process it is."""
    keeper = orbax(ns, tmp, "a", verbose=0)
    _, text, *_ = follows(ns, [1.0, 2.0], lambda: keeper, model=named_line(ns))
    keeper.wait_until_finished()
    return [text, keeper.is_multihost_enabled(), keeper.is_primary_host(), files(tmp / "a")]


@scenario("OrbaxCheckpoint.errors")
def orbax_refuses_what_it_cannot_do(ns, tmp):
    """A frequency that is none, a direction that nobody knows, a folder without checkpoints."""
    (tmp / "empty").mkdir()
    model, x = named_line(ns), np.ones((2, 3))
    model.predict(x, verbose=0)
    unknown = orbax(ns, tmp, "a", monitor="seen", save_best_only=True)
    return [
        raised(lambda: orbax(ns, tmp, "b", save_freq="batch"), ValueError),
        raised(lambda: follows(ns, [1.0], lambda: unknown, model=named_line(ns)), ValueError),
        raised(lambda: ns.saving.load_model(str(tmp / "empty")), ValueError),
        raised(lambda: model.load_weights(str(tmp / "empty")), ValueError),
    ]
