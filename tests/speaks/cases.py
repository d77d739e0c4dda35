"""The table of bad input: what is given, which exception answers, and the whole of its text."""

from __future__ import annotations

from tests.speaks import (
    bad_arguments,
    bad_callbacks,
    bad_callbacks_beyond,
    bad_compiling,
    bad_data,
    bad_extra_callbacks,
    bad_labels,
    bad_models,
    bad_streams,
)
from tests.speaks.case import Case

FAMILIES = {
    "arguments": bad_arguments.CASES,
    "compiling": bad_compiling.CASES,
    "data": bad_data.CASES,
    "streams": bad_streams.CASES,
    "labels": bad_labels.CASES,
    "callbacks": bad_callbacks.CASES,
    "callbacks beyond": bad_callbacks_beyond.CASES,
    "extra callbacks": bad_extra_callbacks.CASES,
    "models": bad_models.CASES,
}

CASES: dict[str, Case] = {f"{family}: {case.name}": case for family, cases in FAMILIES.items() for case in cases}
