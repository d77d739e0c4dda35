"""Pictures of what TensorBoard shows of a run with everything on: `make look`, and then look at build/look.

A test reads event files back; whether a page shows them, only eyes can tell.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tests.look.browser import Browser, chromium

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "look"

# All elements of a page, those within the shadows of its components and within its frames too.
ALL = "(function all(at) { return [...at.querySelectorAll('*')].flatMap(each => "
ALL += "[each, ...[each.shadowRoot, each.contentDocument].filter(Boolean).flatMap(all)]) })(document)"


def there(css: str, within: str | None = None) -> str:
    """Whether the page has such an element, in the shadow of such a component."""
    host = f" && each.getRootNode().host?.matches('{within}')" if within else ""
    return f"{ALL}.some(each => each.matches('{css}'){host})"


PAGES = {
    "scalars": there("canvas, svg path", within="vz-line-chart2, vz-line-chart") + " || " + there("line-chart canvas"),
    "timeseries": there("line-chart canvas, line-chart svg"),
    "images": there("img[src*=individualImage]"),
    "distributions": there("path", within="vz-distribution-chart"),
    "histograms": there("path", within="vz-histogram-timeseries"),
    "projector": there("canvas") + " && " + there(".numDataPoints"),
}
"""Each page, and how one sees that it has something to show."""

if find_spec("xprof"):  # the page of profiles is a package of its own
    PAGES["profile"] = f"{ALL}.some(each => each.textContent.includes('Average Step Time'))"


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
        logs / "stack", histogram_freq=1, write_images=True, write_steps_per_second=True, update_freq=5,
        profile_batch=(10, 12), embeddings_freq=1, embeddings_metadata="words.tsv",
    )  # fmt: skip
    (logs / "stack" / "words.tsv").write_text("\n".join(words) + "\n", encoding="utf-8")
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
    module.fit(x / 60, y, epochs=2, callbacks=[board], verbose=2)


def serve(logs: Path) -> str:
    """The address of a TensorBoard, which ends with this process."""
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", str(logs), "--port", "0", "--host", "localhost", "--load_fast", "false"])
    return server.launch()


def click(browser: Browser, css: str, text: str = "") -> None:
    """Click twice in a row, as a box wants to be, on all such elements with such a text in them."""
    script = f"{ALL}.filter(each => each.matches('{css}') && each.textContent.includes('{text}'))"
    browser.run(f"{script}.forEach(each => each.dispatchEvent(new MouseEvent('click', {{bubbles: true}})))")
    browser.run(f"{script}.forEach(each => each.dispatchEvent(new MouseEvent('dblclick', {{bubbles: true}})))")
    browser.wait("true")


def graphs(browser: Browser, stack: str, module: str) -> Iterator[str]:
    """Open graphs one after the other; each time the name of what is to be seen."""
    browser.open(f"{stack}#graphs", there("g.node"))
    yield "graph-of-a-stack"
    click(browser, "paper-item", "keras")
    click(browser, "paper-radio-button", "Conceptual graph")
    click(browser, "g.node.meta > g.nodeshape")
    yield "graph-of-a-stack-for-keras"
    browser.open(f"{module}#graphs", there("g.node"))
    for _ in range(2):  # boxes, then the boxes in them
        click(browser, "g.node.meta:not(.expanded) > g.nodeshape")
    yield "graph-of-a-module"


def save(browser: Browser, name: str) -> None:
    browser.photograph(PICTURES / f"{name}.png")
    print(f"build/look/{name}.png")


def main() -> None:
    chromium()
    shutil.rmtree(PICTURES, ignore_errors=True)
    logs = PICTURES / "logs"
    (logs / "stack").mkdir(parents=True)
    train(logs)
    stack, module = serve(logs / "stack"), serve(logs / "module")
    with Browser() as browser:
        for page, ready in PAGES.items():
            browser.open(f"{stack}#{page}", ready)
            save(browser, page)
        for name in graphs(browser, stack, module):
            save(browser, name)


if __name__ == "__main__":
    main()
