"""The report: one JSON file, in which each part stands with its own stamp, so that parts may be measured apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Report = dict[str, Any]
"""The parts by name, each with its stamp, its contestants and its rows."""


def read(path: Path) -> Report:
    """What the file holds; nothing if there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def merge(path: Path, name: str, part: dict[str, Any], order: list[str]) -> None:
    """Put a part in the place of the one that was there; the others stay, and say themselves how old they are."""
    parts = {**read(path), name: part}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.tmp")
    whole = {each: parts[each] for each in order if each in parts}
    beside.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
