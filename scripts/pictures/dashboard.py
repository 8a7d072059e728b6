"""Pictures of the dashboard: `scripts/draw-dashboard`.

Chromium takes them of a real server with a demo.
A picture keeps its 256 most important colours, so that the files stay small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from pictures import lively_demo

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"

DNS, SECONDARY, CLOSED, HTTP = 15300, 15301, 15399, 18053
"""Ports of loopback that the demo uses; nothing listens on the port CLOSED."""

PATIENCE = 90.0
"""Seconds that the server may take to start, which is enough for a slow machine."""

WIDE = (1360, 880)
TELEPHONE = (390, 800)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: the name of its file, the view, colours, size, and what is clicked before."""

    name: str
    view: str
    dark: bool = False
    size: tuple[int, int] = WIDE
    clicked: str | None = None


PICTURES = (
    Picture("dashboard-overview", ""),
    Picture("dashboard-overview-dark", "", dark=True),
    Picture("dashboard-groups-dark", "groups", dark=True),
    Picture("dashboard-switch", "groups/billing-eu", clicked="[data-do=switch]"),
    Picture("dashboard-phone", "groups", size=TELEPHONE),
)


def main(folder: Path) -> None:
    """Take all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        _demo(Path(scratch)) as token,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for picture in PICTURES:
            _take(browser, picture, token, folder / f"{picture.name}.png")
        browser.close()


@contextmanager
def _demo(folder: Path) -> Iterator[str]:
    """Run a server with the demo; yield the token of an operator."""
    config = lively_demo.write_configuration(folder, DNS, SECONDARY, CLOSED, HTTP)
    control = folder / "control.sock"
    command = [sys.executable, "-P", "-m", "failoverdns", "serve", "--config", str(config)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stderr=log, env={**os.environ})
    try:
        _wait_for_control(control)
        lively_demo.follow(SECONDARY, DNS)
        lively_demo.load(control, folder)
        lively_demo.live_a_little(control)
        request = {"command": "token add", "name": "alice", "role": "operator"}
        (added,) = lively_demo.ask(control, [request])
        _wait_for_automation(control)
        token: str = added["token"]
        yield token
    finally:
        server.terminate()
        server.wait(30)


def _wait_for_control(control: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError):
            lively_demo.ask(control, [{"command": "whoami"}])
            return
        time.sleep(0.2)
    raise TimeoutError("the server did not start")


def _wait_for_automation(control: Path) -> None:
    """Wait until the policies have done what they want, HTTP serves, and ns2 is in step."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        (status,) = lively_demo.ask(control, [{"command": "status"}])
        automation, http = status["server"]["automation"], status["server"]["http"]
        if automation["switches"] and len(automation["refused"]) > 1 and http["serving"]:
            return
        time.sleep(0.5)
    raise TimeoutError("the demo did not come to life")


def _take(browser: Browser, picture: Picture, token: str, path: Path) -> None:
    width, height = picture.size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if picture.dark else "light",
        reduced_motion="reduce",
        device_scale_factor=2 if picture.size == TELEPHONE else 1,
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{HTTP}/#token={token}")
    page.wait_for_selector(".tiles", timeout=60_000)
    page.evaluate("hash => { location.hash = hash }", f"#/{picture.view}")
    _settle(page)
    if picture.clicked is not None:
        page.locator(picture.clicked).first.click()
        page.wait_for_selector(".preview .switches")
        _settle(page)
    page.screenshot(path=path)
    context.close()
    with Image.open(path) as image:
        colours = image.convert("RGB").quantize(256, kmeans=4, dither=Image.Dither.NONE)
        colours.save(path, optimize=True)


def _settle(page: Page) -> None:
    page.locator("#main", has_text="Loading").wait_for(state="detached")
    page.wait_for_timeout(600)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
