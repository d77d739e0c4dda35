"""The numbers of every epoch, sent to a server."""

from __future__ import annotations

import base64
import json
import math
import re
import warnings
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from kibitz.callbacks.base import Callback, Numbers
from kibitz.callbacks.number import number
from kibitz.errors import InvalidArgument, WrongType

KEPT = "!#$%&'()*+,/:;=?@[]~"
"""What an address may hold as it is; everything else is written as %20 and the like."""

NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""What a header may be called."""

DEFAULTS = {"root": "http://localhost:9000", "path": "/publish/epoch/end/", "field": "data"}


class RemoteMonitor(Callback):
    """Send the numbers of every epoch to a server, as JSON in a POST request.

    A server that cannot be reached, or does not take what it was sent, is warned of, and training goes on.

    Args:
        root: Where the server is: "http://" or "https://", a host, a port.
        path: Where at the server; it is put behind `root` as it is.
        field: The name of the form's one field, whose value is the JSON; unused with `send_as_json`.
        headers: More headers, by name; these win over those that would be sent. None means none.
        send_as_json: Whether the body is the JSON itself ("application/json") and not a form.
        timeout: Seconds after which a server that does not take the connection, or does not answer, is given up on.

    Raises:
        WrongType: If `root`, `path` or `field` is no text, or `headers` is no dict of texts.
        InvalidArgument: If `root` is no address of a server, a header cannot be sent, or `timeout` is not more than 0.

    Reads: logs, once an epoch.
    Changes: nothing here; sends the numbers to a server.
    Keeps: nothing.
    Unlike Keras: needs no `requests`; it never waits longer than `timeout`; NaN and infinities are sent as null, since
        JSON has none; an answer that is an error, or sends on to another address, is warned of too; a wrong address is
        an error at once.

    Example:
        >>> import kibitz, warnings
        >>> nobody = kibitz.callbacks.RemoteMonitor("http://127.0.0.1:9", timeout=1.0)
        >>> with warnings.catch_warnings(record=True) as told:
        ...     warnings.simplefilter("always")
        ...     _ = kibitz.testing.drive(nobody, epochs=[{"loss": 2.0}])
        >>> str(told[0].message)
        'Could not reach RemoteMonitor root server at http://127.0.0.1:9'

    Source: https://keras.io/api/callbacks/remote_monitor/
    """

    adds = ()

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
        *,
        timeout: float = 10.0,
    ):
        super().__init__()
        for name, value in (("root", root), ("path", path), ("field", field)):
            if not isinstance(value, str):
                raise WrongType(
                    f"RemoteMonitor's {name} is text.",
                    given=value,
                    wanted="a string",
                    cure=f'RemoteMonitor({name}="{DEFAULTS[name]}")',
                )
        self.root, self.path, self.field = root, path, field
        self.headers = headers
        _check_headers(headers or {})
        self.send_as_json = send_as_json
        self.timeout = number("RemoteMonitor", "timeout", timeout, least=1e-3, such_as=10)
        _address(root + path)

    def on_epoch_end(self, epoch: int, logs: Numbers = None) -> None:
        """Send the epoch's number and its logs."""
        told = self._send({"epoch": epoch, **(logs or {})})
        if told:
            warnings.warn(told, stacklevel=2)

    def _send(self, numbers: dict[str, Any]) -> str:
        """What went wrong, in words; nothing if the server took it."""
        url, credentials = _address(self.root + self.path)
        shown = urlunsplit(_address(self.root)[0]) if credentials else self.root
        text = json.dumps(_plain(numbers), allow_nan=False)
        kind = "json" if self.send_as_json else "x-www-form-urlencoded"
        body = text if self.send_as_json else urlencode({self.field: text})
        request = Request(urlunsplit(url), body.encode(), method="POST")  # noqa: S310 - the scheme has been checked
        usual = {"Accept": "*/*", "User-Agent": "kibitz", "Content-Type": f"application/{kind}"}
        own = {name.title(): value for name, value in (self.headers or {}).items()}  # a name has no case
        for name, value in {**usual, **own, **credentials}.items():
            request.add_header(name, value)
        try:
            build_opener(_StayingHere).open(request, timeout=self.timeout).close()
        except HTTPError as error:
            error.close()
            return f"RemoteMonitor root server at {shown} did not take the epoch's numbers: {error.code} {error.reason}"
        except (OSError, HTTPException):
            return f"Could not reach RemoteMonitor root server at {shown}"
        return ""


class _StayingHere(HTTPRedirectHandler):
    """Follows nobody to another address: a POST sent on arrives there without what it carried, or with its secrets."""

    def redirect_request(self, *given: Any, **named: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - whatever the request was
        """Refuse: the answer is then an error like any other."""


def _address(text: str) -> tuple[Any, dict[str, str]]:
    """The parts of an address, ready to be sent, and a header with the name and password that stood in it."""
    try:
        parts = urlsplit(quote(text, safe=KEPT))
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in {"http", "https"} or not host or "%" in host:
        raise InvalidArgument(
            "This is not the address of a server.",
            given=text,
            wanted='"http://" or "https://", and a host in plain letters',
            cure='RemoteMonitor(root="http://localhost:9000")',
        )
    if parts.username is None:
        return parts, {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    where = f"[{host}]" if ":" in host else host
    where += f":{port}" if port else ""
    return parts._replace(netloc=where), {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _check_headers(headers: Any) -> None:
    cure = 'headers={"X-Run": "7"}'
    texts = isinstance(headers, Mapping) and all(isinstance(each, str) for pair in headers.items() for each in pair)
    if not texts:
        raise WrongType("Headers are texts by name.", given=headers, wanted="a dict of strings", cure=cure)
    for name, value in headers.items():
        if not NAME.fullmatch(name) or any(end in value for end in "\r\n") or not value.isascii():
            raise InvalidArgument(
                "This header cannot be sent.", given={name: value}, wanted="one line of plain letters", cure=cure
            )


def _plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)
