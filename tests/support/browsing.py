"""A browser with the page of `otogura serve` in it, and sound to give to it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
RATE_HZ = 22050
TONE_HZ = 440
WAIT_MS = 10_000  # for what a busy machine does late
OBSERVED = """
window.sentSounds = [];
window.firstAnswer = new Promise((resolve) => {
  const { send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.send = function (body) {
    window.sentSounds.push(body);
    this.addEventListener("load", () => resolve(JSON.parse(this.responseText)));
    send.call(this, body);
  };
});
"""


@contextmanager
def launched() -> Iterator["Browser"]:
    """Start the browser of this machine, or else Playwright's own; skip the tests where there is neither."""
    reason = "needs a browser: pip install 'otogura[browser]', and chromium or `playwright install chromium`"
    sync_api = pytest.importorskip("playwright.sync_api", reason=reason)
    executable = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    with sync_api.sync_playwright() as playwright:
        if executable is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(reason)
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: "Browser", url: str, **context: Any) -> Iterator["Page"]:
    """Open the page; afterwards nothing may have gone elsewhere, and no script may have failed.

    A status that a test asks for is a message of the console as well, and is passed over.
    """
    faults: list[str] = []
    with browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | context) as made:
        made.set_default_timeout(WAIT_MS)
        made.on("request", lambda request: faults.append(request.url) if leaves(request.url, url) else None)
        made.add_init_script(OBSERVED)
        page = made.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
        yield page
    assert not faults


def leaves(address: str, url: str) -> bool:
    return not address.startswith((url, "blob:", "data:"))


def is_fault(message: Any) -> bool:
    return message.type in ("error", "warning") and not message.text.startswith("Failed to load resource")


def sound_file(path: Path, duration_s: float = 2.0) -> Path:
    """Write a tone; its form is that of the ending."""
    times_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * TONE_HZ * times_s), RATE_HZ)
    return path


def silent_file(path: Path, duration_s: float = 2.0) -> Path:
    """Write silence, whose windows are of one class."""
    soundfile.write(path, np.zeros(int(duration_s * RATE_HZ)), RATE_HZ)
    return path


def noise_file(path: Path, duration_s: float = 4.0) -> Path:
    """Write noise, whose windows are of several classes."""
    soundfile.write(path, 0.2 * np.random.default_rng(0).normal(size=int(duration_s * RATE_HZ)), RATE_HZ)
    return path
