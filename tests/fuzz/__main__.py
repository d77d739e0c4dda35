"""`make fuzz`: every reader of files is given files that are wrong, for ten minutes in all.

`python -m tests.fuzz [SECONDS] [NAME ...]`. Each reader gets its share, in processes of its own: half of it from
our own mutator of real files, the other half from Atheris where it is installed. Then come the properties of
tests/security/test_fuzz.py, drawn by Hypothesis. A file that is read with an error which is not ours, that
kills the process, that takes too long or too much memory, is kept in build/fuzz, and what became of it is told.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "fuzz"
NAMES = ["a commit", "a commit in parts", "a model", "weights", "a model as text", "a configuration", "a log", "a lock"]
START = 120
"""Seconds that a process may take beyond its share: it loads JAX, and makes real files."""


def fuzzed(name: str, way: str, seconds: float) -> tuple[int, set[str]]:
    """How many files one reader has read, and what was wrong, each thing once."""
    count, found, ends, seed = 0, set[str](), time.monotonic() + seconds, 0
    while (left := ends - time.monotonic()) > 0:
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "tests.fuzz.child", name, way, f"{left:.1f}", str(seed), folder]
            with tempfile.TemporaryFile("w+", errors="replace") as out:
                try:
                    code = subprocess.run(words, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False,
                                          timeout=left + START).returncode  # fmt: skip
                except subprocess.TimeoutExpired:
                    code = None
                out.seek(0)
                text = out.read()
            wrong = set(re.findall(r"^WRONG (.*)$", text, re.MULTILINE))
            if code == 0 and "Traceback" in text:
                wrong.add(f"somebody else told of an error: {_last(text.partition('Traceback')[2][:3000])}")
            if code != 0:
                wrong.add(f"the process ended with {code}: {_last(text)}")
            if wrong:
                _keep(folder, f"{name} {way} {seed}", text)
        count, found, seed = count + _count(text), found | wrong, seed + 1
        if code in {0, None}:
            break
    return count, found


def _count(text: str) -> int:
    """The files that a process says it has read."""
    said = re.findall(r"^(\d+) files|^stat::number_of_executed_units: (\d+)|^#(\d+)", text, re.MULTILINE)
    return max((int(number) for each in said for number in each if number), default=0)


def _last(text: str) -> str:
    """Where in Kibitz a process was when it ended, or else the last that it said."""
    lines = text.strip().splitlines() or ["nothing"]
    ours = [line.strip() for line in lines if "/kibitz/" in line and "File" in line]
    return f"{lines[-1][:160]} {ours[0] if ours else ''}"


def _keep(folder: str, name: str, text: str) -> None:
    """Keep the files that did it."""
    place = KEPT / name.replace(" ", "-")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("corpus"))
    (place / "told.txt").write_text(text, encoding="utf-8")


def drawn_by_hypothesis(seconds: float) -> tuple[int, set[str]]:
    """The properties, again and again with other seeds; how often, and what was wrong."""
    ends, count = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        words = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider",
                 f"--hypothesis-seed={count}", "tests/security/test_fuzz.py"]  # fmt: skip
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False,
                              env={**os.environ, "HYPOTHESIS_PROFILE": "deep"})  # fmt: skip
        if done.returncode:
            return count, {done.stdout[-3000:]}
        count += 1
    return count, set()


def main(words: list[str]) -> int:
    seconds = float(words.pop(0)) if words and words[0].replace(".", "").isdigit() else 600.0
    names = [name for name in NAMES if not words or any(word in name for word in words)]
    ways = ["ours", *(["atheris"] if importlib.util.find_spec("atheris") else [])]
    if len(ways) == 1:
        print("Atheris is not installed: files come from our own mutator alone.")
    share = seconds / (len(names) * len(ways) + 2)
    wrong = 0
    for name in names:
        for way in ways:
            count, found = fuzzed(name, way, share)
            print(f"{name:<20}{way:<12}{count:>9} files, {len(found)} wrong", flush=True)
            for each in sorted(found):
                print(f"    {each}", flush=True)
            wrong += len(found)
    if not words:
        count, found = drawn_by_hypothesis(2 * share)
        print(f"{'properties':<20}{'hypothesis':<12}{count:>9} times, {len(found)} wrong", *found, sep="\n    ")
        wrong += len(found)
    print(f"{wrong} wrong" + (f"; the files are in {KEPT.relative_to(ROOT)}" if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
