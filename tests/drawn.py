"""How many examples Hypothesis draws: a few in every run of the tests, very many with `HYPOTHESIS_PROFILE=deep`."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

DEEPER = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 1


def examples(most: int, **more: Any) -> settings:
    """The settings of one property.

    Args:
        most: How many examples are enough for a run of the tests.
        more: Other settings.
    """
    return settings(max_examples=most * DEEPER, **more)
