"""Pictures of what TensorBoard shows of a run with everything on: `make look`, and then look at build/look.

A test reads event files back; whether a page shows them, only eyes can tell. Chromium takes the pictures. CHROMIUM says
where it is, if it is not on the path under one of its names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "look"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--no-first-run", "--hide-scrollbars"),
    *("--disable-gpu", "--enable-unsafe-swiftshader"),  # the projector draws with WebGL, and there may be no GPU
    *("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--window-size=1500,1100", "--virtual-time-budget=30000"),
)
PAGES = {
    "scalars": "#scalars",
    "timeseries": "#timeseries",
    "images": "#images",
    "graphs": "#graphs&run=train",
    "graph-of-a-module": "#graphs&run=module%2Ftrain",
    "distributions": "#distributions",
    "histograms": "#histograms",
    "projector": "#projector",
}


def chromium() -> str:
    """The browser's path; without one, the end."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or shutil.which(found) is None:
        sys.exit(
            "There is no Chromium to take pictures with.\n"
            f"  given    CHROMIUM={os.environ.get('CHROMIUM', '')}\n"
            f"  wanted   one of {', '.join(NAMES)} on the path\n"
            "  cure     sudo apt-get install chromium, or CHROMIUM=/path/to/chrome make look"
        )
    return found


def train(logs: Path) -> None:
    """A small stack and a module of one's own, trained with everything on."""
    from flax import nnx

    import kibitz
    from kibitz import layers

    words = [f"word {number}" for number in range(60)]
    x = np.random.default_rng(0).integers(0, len(words), (960, 6))
    y = (x.sum(axis=1, keepdims=True) / 100).astype("float32")
    stack = kibitz.Sequential([
        *(kibitz.Input((6,), dtype="int32"), layers.Embedding(len(words), 8), layers.Reshape((6, 8, 1))),
        *(layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten()),
        *(layers.Dense(16, activation="relu"), layers.Dropout(0.1), layers.Dense(1)),
    ])  # fmt: skip
    stack.compile("adam", "mse", metrics=["mae"])
    board = kibitz.callbacks.TensorBoard(
        logs, histogram_freq=1, write_images=True, write_steps_per_second=True, update_freq=5, profile_batch=(10, 12),
        embeddings_freq=1, embeddings_metadata="words.tsv",
    )  # fmt: skip
    (logs / "words.tsv").write_text("\n".join(words) + "\n", encoding="utf-8")
    stack.fit(x, y, epochs=8, batch_size=32, validation_split=0.2, callbacks=[board], verbose=2)

    class Net(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            self.encoder = nnx.Sequential(nnx.Linear(6, 8, rngs=rngs), nnx.BatchNorm(8, rngs=rngs))
            self.head = nnx.Linear(8, 1, rngs=rngs)

        def __call__(self, x):
            return self.head(nnx.relu(self.encoder(x)))

    module = kibitz.Model(Net(nnx.Rngs(0)))
    module.compile("adam", "mse")
    board = kibitz.callbacks.TensorBoard(logs / "module")
    module.fit(x / 60, y, epochs=8, validation_split=0.2, callbacks=[board], verbose=2)


def photograph(browser: str, url: str, picture: Path) -> None:
    """Open a page and save what it looks like."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--screenshot={picture}", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if not picture.exists():
        sys.exit(f"{picture.name} was not taken:\n{done.stderr[-2000:]}")
    print(picture.relative_to(ROOT))


def main() -> None:
    browser = chromium()
    shutil.rmtree(PICTURES, ignore_errors=True)
    logs = PICTURES / "logs"
    logs.mkdir(parents=True)
    train(logs)
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", str(logs), "--port", "0", "--host", "localhost", "--load_fast", "false"])
    url = server.launch()  # in a thread that ends with this process
    for name, place in PAGES.items():
        photograph(browser, f"{url}{place}", PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
