"""A report as tables: on the screen, and in `docs/benchmarks.md`: `python -m benchmarks.table` writes the page anew."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report import Report, read
from benchmarks.stamp import ROOT

PEERS = ROOT / "benchmarks" / "results"
RESULTS = ROOT / "benchmarks" / "results" / "full.json"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by `python -m benchmarks.table` -->\n", "<!-- to here -->\n"


def aims(report: Report) -> list[list[str]]:
    """A line for each row: what was measured, the aim, met or not."""
    lines = [["", "what", "measured", "in single rounds", "aim", "", "note"]]
    for name, part in report.items():
        for row in part["rows"]:
            between = " to ".join(_number(each, row["unit"]) for each in row["between"])
            aim = "" if row["aim"] is None else f"at most {_number(row['aim'], row['unit'])}"
            met = {None: "shown", True: "met", False: "not met"}[row["met"]]
            lines.append([name, row["what"], _number(row["measured"], row["unit"]), between, aim, met, row["note"]])
    return lines


def contestants(report: Report) -> list[list[str]]:
    """A line for each contestant: its median, its least and most, and how often it was measured."""
    lines = [["", "contestant", "median", "least", "most", "unit", "times"]]
    for name, part in report.items():
        for who, each in part["contestants"].items():
            numbers = [f"{each[key]:.4g}" for key in ("median", "min", "max")]
            lines.append([name, who, *numbers, each["unit"], str(each["n"])])
    return lines


def stamps(report: Report) -> list[list[str]]:
    """A line for each part: when, from what commit, how much of it, where, and how busy the machine was."""
    lines = [["", "date", "commit", "effort", "machine", "cores", "load before", "versions"]]
    for name, part in report.items():
        stamp = part["stamp"]
        versions = ", ".join(f"{each} {number}" for each, number in stamp["versions"].items())
        lines.append([name, stamp["date"], stamp["commit"], stamp["effort"], stamp["machine"], str(stamp["cores"]),
                      str(stamp["load"]), f"Python {stamp['python']}, {versions}"])  # fmt: skip
    return lines


def peers(found: dict[str, Any]) -> list[list[str]]:
    """A line for each workload and contestant of `make peers`: microseconds of a step, and Kibitz as a share of it."""
    lines = [["", "contestant", "microseconds a step", "Kibitz / it", "of the processor", "Kibitz / it"]]
    for kind, each in found["microseconds a step"].items():
        ours = each["kibitz"]
        for who, one in each.items():
            lines.append([kind, who, f"{one['wall']:.0f}", f"{ours['wall'] / one['wall']:.2f}",
                          f"{one['processor']:.0f}", f"{ours['processor'] / one['processor']:.2f}"])  # fmt: skip
    return lines


def peers_stamp(found: dict[str, Any]) -> str:
    """What they were measured with."""
    versions = ", ".join(f"{each} {number}" for each, number in found["versions"].items())
    fits = "; ".join(f"{kind}: {found['epochs'][kind]} epochs of {rows:,} rows" for kind, rows in found["rows"].items())
    return (f"Whole fits, medians of {found['rounds']} rounds ({fits}), {found['cores']} cores, Python "
            f"{found['python']}, {versions}.\n")  # fmt: skip


def plain(lines: list[list[str]]) -> str:
    """Columns for a screen."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown(lines: list[list[str]]) -> str:
    """The same as a table of Markdown."""
    head, *rest = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rest]) + "\n"


def written(report: Report) -> str:
    """What stands between the marks of the page."""
    tables = [markdown(lines(report)) for lines in (aims, contestants, stamps)]
    for path in sorted(PEERS.glob("peers-*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        tables += [peers_stamp(found), markdown(peers(found))]
    return "\n".join(tables)


def page(text: str, report: Report) -> str:
    """The page with the tables of a report between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{written(report)}\n{END}{after}"


def _number(value: Any, unit: str) -> str:
    return f"{value:.0f}" if unit == "count" else f"{value:.3f}"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), read(given.results)), encoding="utf-8")


if __name__ == "__main__":
    main()
