"""What the oracle's tests share: the two libraries, and Keras's traces, made once a session."""

from __future__ import annotations

import warnings

import pytest

from tests.oracle.scenario import load


@pytest.fixture(scope="session")
def keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    return keras


@pytest.fixture(scope="session")
def kibitz():
    import kibitz

    return kibitz


@pytest.fixture(scope="session")
def keras_trace(keras, tmp_path_factory):
    """A function from a scenario's name to Keras's trace of it. Keras's own warnings are its own affair."""
    traces = {}
    scenarios = load()

    def trace(name: str):
        if name not in traces:
            traces[name] = quietly(scenarios[name].trace, keras, tmp_path_factory.mktemp("keras"))
        return traces[name]

    return trace


def quietly(call, *args, only=Warning, **named):
    """Call, without the warnings (of one kind)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", only)
        return call(*args, **named)
