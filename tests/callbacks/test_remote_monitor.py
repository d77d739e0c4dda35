"""RemoteMonitor: what arrives at a real server, byte for byte what Keras sends, and what a bad server does not do."""

from __future__ import annotations

import json
import socket
import threading
import warnings
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import keras
import numpy as np
import pytest

from kibitz.callbacks import RemoteMonitor
from kibitz.errors import InvalidArgument, WrongType
from kibitz.testing import drive

NAN = float("nan")


@contextmanager
def server(status=200, headers=(), path=None):
    """A server on this machine, and the list of what it is sent: (method, path, headers, body)."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self):
            sent.append((self.command, self.path, {}, b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}", sent
        finally:
            running.shutdown()
            thread.join()


@contextmanager
def socket_that(does):
    """A server that takes a connection and then does something rude with it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held = []

        def serve():
            try:
                while True:
                    held.append(listening.accept()[0])
                    does(held[-1])
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for each in held:
                each.close()


def sends(monitor, *epochs):
    """Drive a monitor; what it warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        drive(monitor, epochs=list(epochs))
    return [str(each.message) for each in told if issubclass(each.category, UserWarning)]


EPOCHS = [{"accuracy": 0.5, "loss": 2.25, "word": 'a "b" & ü'}, {"loss": np.float32(1.5), "val_loss": np.asarray(3.0)}]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="a form"),
        pytest.param({"field": "näme&=", "path": "/a b/ü?run=7&x=%20#part"}, id="odd letters"),
        pytest.param({"send_as_json": True}, id="JSON"),
        pytest.param({"send_as_json": True, "headers": {"x-run": "7", "content-type": "text/plain"}}, id="headers"),
        pytest.param({"headers": {"Authorization": "Bearer abc"}}, id="a key"),
        pytest.param({"path": ""}, id="no path"),
    ],
)
def test_what_arrives_is_what_keras_sends(settings):
    arrived = []
    for kind in (keras.callbacks.RemoteMonitor, RemoteMonitor):
        with server() as (root, sent):
            assert sends(kind(root, **settings), *EPOCHS) == []
        wanted = ("content-type", "content-length", "accept", "x-run", "authorization")
        arrived.append([(way, path, {n: h.get(n) for n in wanted}, body) for way, path, h, body in sent])
    assert len(arrived[0]) == len(EPOCHS)
    assert arrived[1] == arrived[0]


def test_a_name_and_a_password_in_the_address_are_sent_as_keras_sends_them_and_never_told():
    arrived = []
    for kind in (keras.callbacks.RemoteMonitor, RemoteMonitor):
        with server() as (root, sent):
            sends(kind(root.replace("//", "//me:se%20cret@")), {"loss": 1.0})
        arrived.append(sent[0][2]["authorization"])
    assert arrived[0] == arrived[1]

    (told,) = sends(RemoteMonitor("http://me:secret@127.0.0.1:9", timeout=5), {"loss": 1.0})
    assert told == "Could not reach RemoteMonitor root server at http://127.0.0.1:9"


def test_a_server_that_is_not_there_is_warned_of_in_keras_s_words_and_training_goes_on():
    told = [
        sends(kind("http://127.0.0.1:9"), {"loss": 2.0}, {"loss": 1.0})
        for kind in (keras.callbacks.RemoteMonitor, RemoteMonitor)
    ]
    assert told[0] == told[1]
    assert len(told[1]) == 2


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf"), np.float32(NAN)])
def test_what_is_not_finite_is_sent_as_null(value, as_json):
    with server() as (root, sent):
        assert sends(RemoteMonitor(root, send_as_json=as_json), {"loss": value}) == []

    body = sent[0][3].decode()
    text = body if as_json else parse_qs(body)["data"][0]
    assert text == '{"epoch": 0, "loss": null}'


def test_whatever_the_logs_hold_is_sent():
    import jax.numpy as jnp

    logs = {"many": np.arange(3), "jax": jnp.float32(0.5), "none": None, "deep": {"a": [1.5, NAN]}, "odd": {1}}
    with server() as (root, sent):
        assert sends(RemoteMonitor(root, send_as_json=True), logs) == []

    assert json.loads(sent[0][3]) == {
        "epoch": 0, "many": [0, 1, 2], "jax": 0.5, "none": None, "deep": {"a": [1.5, None]}, "odd": "{1}",
    }  # fmt: skip


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_a_server_that_refuses_is_warned_of(status):
    with server(status) as (root, sent):
        (told,) = sends(RemoteMonitor(root), {"loss": 1.0})

    assert len(sent) == 1
    assert f"{root} did not take the epoch's numbers: {status}" in told


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_to_another_address(status):
    with (
        server() as (elsewhere, there),
        server(status, [("Location", elsewhere + "/other")]) as (root, sent),
    ):
        (told,) = sends(RemoteMonitor(root, headers={"Authorization": "Bearer secret"}), {"loss": 1.0})

    assert (len(sent), there) == (1, [])
    assert str(status) in told


@pytest.mark.parametrize(
    "does",
    [
        pytest.param(lambda connection: None, id="hangs"),
        pytest.param(lambda connection: connection.close(), id="closes at once"),
        pytest.param(lambda connection: (connection.sendall(b"nonsense\r\n\r\n"), connection.close()), id="nonsense"),
        pytest.param(lambda connection: (connection.sendall(b"HTTP/1.1 2"), connection.close()), id="breaks off"),
    ],
)
def test_a_rude_server_is_waited_for_no_longer_than_told(does):
    with socket_that(does) as root:
        told = sends(RemoteMonitor(root, timeout=0.3), {"loss": 2.0}, {"loss": 1.0})

    assert told == [f"Could not reach RemoteMonitor root server at {root}"] * 2


def test_an_answer_without_end_is_not_read():
    def endless(connection):
        try:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000)
        except OSError:
            pass

    with socket_that(endless) as root:
        assert sends(RemoteMonitor(root, timeout=30), {"loss": 2.0}) == []


@pytest.mark.parametrize(
    "root",
    ["localhost:9000", "ftp://localhost", "file:///etc/passwd", "http://", "", "http://host:port", "http://a b",
     "http://ü.org", "http://host:99999"],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_once(root):
    with pytest.raises(InvalidArgument, match="address of a server") as caught:
        RemoteMonitor(root)
    assert "cure" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (WrongType, {"root": None}),
        (WrongType, {"path": 3}),
        (WrongType, {"field": b"data"}),
        (WrongType, {"headers": "x: y"}),
        (WrongType, {"headers": {"X-Run": 7}}),
        (InvalidArgument, {"headers": {"X-Run": "7\r\nEvil: yes"}}),
        (InvalidArgument, {"headers": {"X Run": "7"}}),
        (InvalidArgument, {"headers": {"X-Run": "ü"}}),
        (InvalidArgument, {"timeout": 0}),
        (InvalidArgument, {"timeout": NAN}),
        (InvalidArgument, {"timeout": None}),
        (InvalidArgument, {"timeout": True}),
    ],
)
def test_what_cannot_be_is_refused_at_once(kind, settings):
    with pytest.raises(kind):
        RemoteMonitor(**settings)


def test_a_real_fit_is_seen_by_the_server():
    import kibitz

    model = kibitz.Sequential([kibitz.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2)), np.ones((4, 1))
    with server() as (root, sent):
        history = model.fit(
            x, y, epochs=2, verbose=0, validation_data=(x, y), callbacks=[RemoteMonitor(root, send_as_json=True)]
        )

    got = [json.loads(body) for _, _, _, body in sent]
    assert [each["epoch"] for each in got] == [0, 1]
    assert [each["val_loss"] for each in got] == history.history["val_loss"]
