"""A browser without a window, led by its debugging protocol over two pipes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--no-first-run", "--hide-scrollbars", "--window-size=1500,1100"),
    *("--disable-gpu", "--enable-unsafe-swiftshader"),  # some pages draw with WebGL, and there may be no GPU
    *("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# The browser reads from its third file and writes to its fourth.
LAUNCH = "import os, sys; os.dup2(int(sys.argv[1]), 51); os.dup2(int(sys.argv[2]), 52); os.dup2(51, 3); os.dup2(52, 4)"
LAUNCH += "; os.execv(sys.argv[3], sys.argv[3:])"


def chromium() -> str:
    """The browser's path. CHROMIUM says it; without one this is the end, with words."""
    given = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [given] if given else NAMES)), None)
    if found is None:
        sys.exit(
            "There is no Chromium to take pictures with.\n"
            f"  given    CHROMIUM={given or ''}\n"
            f"  wanted   one of {', '.join(NAMES)} on the path\n"
            "  cure     apt-get install chromium, or make look CHROMIUM=/path/to/chrome"
        )
    return found


class Browser:
    """One page of a new browser; leaving the `with` ends it."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        theirs, ours = os.pipe(), os.pipe()
        command = [sys.executable, "-c", LAUNCH, str(theirs[0]), str(ours[1]), chromium(), *FLAGS]
        command += ["--remote-debugging-pipe", f"--user-data-dir={self._folder.name}"]
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(command, pass_fds=(theirs[0], ours[1]), stdout=self._log, stderr=self._log)
        os.close(theirs[0])
        os.close(ours[1])
        self._in, self._out = os.fdopen(theirs[1], "wb"), os.fdopen(ours[0], "rb")
        self._number, self._session, self._read = 0, None, b""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return self

    def __exit__(self, *_):
        self._in.close()
        self._out.close()
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()
        shutil.rmtree(self._folder.name, ignore_errors=True)
        self._folder.cleanup()

    def ask(self, method, **params):
        """Send a message, and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._in.write(json.dumps(message).encode() + b"\0")
        self._in.flush()
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, url: str, ready: str, seconds: float = 60.0) -> None:
        """Go to a page, and wait until an expression in its own language is true."""
        self.ask("Page.navigate", url="about:blank")  # another place of one page would not be loaded anew
        self.ask("Page.navigate", url=url)
        self.wait(ready, seconds)

    def wait(self, ready: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.run(ready):
            if time.monotonic() > end:
                sys.exit(f"After {seconds:g} seconds this is not true of the page: {ready}")
            time.sleep(0.3)
        time.sleep(1.5)  # things move into their places

    def run(self, script: str):
        """Evaluate an expression; what fails, as on a page that is not there yet, is None."""
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return result["result"].get("value")

    def photograph(self, picture: Path) -> None:
        """Save what the page looks like."""
        picture.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def _message(self):
        while b"\0" not in self._read:
            part = os.read(self._out.fileno(), 65536)
            if not part:
                self._log.seek(0)
                sys.exit(f"The browser has ended:\n{self._log.read().decode(errors='replace')[-2000:]}")
            self._read += part
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)
