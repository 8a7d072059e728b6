"""The dashboard in a real Chromium, and the server that it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright
from ports import free_port
from system.server import CONFIG, Server, tool, wait_for

PATIENCE = 30_000
"""Milliseconds that a page may take, which is enough for a slow machine."""

VIEWS = (
    "", "groups", "groups/shop", "applications", "applications/shop-eu", "certificates", "zones",
    "automation", "history", "server",
)  # fmt: skip

MANY = 300
"""Groups beside `shop`, for the search."""

SETTINGS = """\
checks:
  heartbeat: {type: push, ttl: 3600}
policies:
  automatic: {mode: automatic, grace: 3600}
safety_rules:
  at-home: {assert: {groups: [pinned], at_least: 1}}
"""

_EXPECTED = re.compile(r"status of (401|404|409|412|503|504)|ERR_|net::")
"""What Chromium writes to the console about replies that a test asks for."""


class Site:
    """A server with HTTP, some groups, and a token for each role."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        http = f'http: {{listen: ["127.0.0.1:{self.port}"]}}\n'
        self.server = Server(folder, CONFIG + SETTINGS + http).start()
        self.server.load_demo()
        self._fill()
        self.tokens = {role: self.add_token(role, role) for role in ("viewer", "operator", "admin")}
        self.wait_until_served()

    @property
    def address(self) -> str:
        """The address of the page, with the slash at its end."""
        return f"http://127.0.0.1:{self.port}/"

    def add_token(self, name: str, role: str) -> str:
        """Make a token; return its text."""
        token: str = self.server.do(command="token add", name=name, role=role)["token"]
        return token

    def wait_until_served(self) -> None:
        """Wait until the web process serves."""
        wait_for(self._is_served, self.server.log.read_text)

    def _is_served(self) -> bool:
        with suppress(OSError), urlopen(f"{self.address}readyz", timeout=5) as reply:
            return bool(reply.status == 200)
        return False

    def _fill(self) -> None:
        self.server.do(
            command="group add", name="pinned", label="pinned", primary="shop-eu", backup="shop-us"
        )
        requests = [
            {
                "command": "group add", "name": f"customer-{number}", "label": f"c{number}",
                "primary": "shop-us", "backup": "shop-eu", "policy": "automatic",
            }
            for number in range(MANY)
        ]  # fmt: skip
        with self.server.connect() as client:
            client.send(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
            for _ in requests:
                assert client.receive()["ok"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium, without a window."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=tool("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


class Visit:
    """A visit of the page: what went wrong in it, and which other hosts it asked."""

    def __init__(self, site: Site, page: Page) -> None:
        self.site = site
        self.page = page
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._request)

    def open(self, view: str = "", role: str = "operator") -> Page:
        """Sign in with the token of a role, and open a view."""
        self.page.goto(f"{self.site.address}#token={self.site.tokens[role]}")
        expect(self.page.locator(".tiles")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator(".live")).to_contain_text("live")
        if view:
            self.go(view)
        return self.page

    def go(self, view: str) -> None:
        """Open another view, and wait until it has what it asks for."""
        self.page.evaluate("hash => { location.hash = hash }", f"#/{view}")
        expect(self.page.locator("#main h1")).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator("#main")).not_to_contain_text("Loading")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _EXPECTED.search(message.text):
            self.faults.append(message.text)

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.site.address, "data:")):
            self.faults.append(f"a request to {request.url}")
