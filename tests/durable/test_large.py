"""A state so large that each step destroys the last one: what is being committed is not destroyed with it."""

from __future__ import annotations

import pytest

from kibitz import callbacks
from kibitz.engine import rule
from kibitz.engine.timeline import exported
from tests.durable.program import Death, Dies, program


@pytest.fixture
def large(monkeypatch):
    """Everything is large."""
    monkeypatch.setattr(rule, "ROOMY", 10)


def test_what_is_kept_stays_whole_while_steps_destroy_what_they_are_given(large):
    kept = []

    def found(state):
        return {name: array.tobytes() for name, array in exported(state).items()}

    class Keeps(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            state = self.model.core.timeline.kept
            kept.append((state, found(state)))

    program(None, kind="noisy", epochs=1, heard=lambda: [Keeps(), callbacks.GradientNorms(every="3 steps")])
    assert len(kept) == 11
    assert all(found(state) == told for state, told in kept)
    assert len({told[".metrics[0][0]"] for _, told in kept}) == 11


@pytest.mark.parametrize("store", ["file", "orbax"])
def test_a_run_of_a_large_state_ends_with_the_same_bits(tmp_path, large, store):
    with pytest.raises(Dies):
        program(tmp_path, kind="noisy", death=Death(17), commit="4 steps", store=store)
    assert program(tmp_path, kind="noisy", commit="9 steps", store=store) == program(None, kind="noisy")
