"""What a callback of your own is tested with: hooks without a model, a model without arithmetic, and a whole check."""

from __future__ import annotations

from kibitz.testing.checked import Check, Checked, check_callback
from kibitz.testing.driven import Driven, drive
from kibitz.testing.fake_model import FakeModel, FakeOptimizer
from kibitz.testing.recorder import Recorder

__all__ = ["Check", "Checked", "Driven", "FakeModel", "FakeOptimizer", "Recorder", "check_callback", "drive"]
