"""Tokens against the real server: curl with a token, its limits, its end, and its secret.

The tests share one server; each adds tokens of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from system.server import CONFIG, DEADLINE, Server, tool, wait_for

HTTP = 'http: {listen: ["127.0.0.1:0"]}\n'
"""The web process, whose port the tests read from its log."""

SET_UP = (
    "application add eu",
    "application add us",
    "head add eu lb --role load-balancer --address 192.0.2.1",
    "head add us lb --role load-balancer --address 192.0.2.2",
    "group add shop --label shop --primary eu --backup us",
    "group add blog --label blog --primary us",
)


@dataclass
class Site:
    """A server with two groups, and its web process."""

    server: Server
    url: str = ""

    def find_url(self) -> None:
        """Find the port of the web process in the log; wait until it serves."""

        def found() -> bool:
            ports = re.findall(r"HTTP on 127\.0\.0\.1:(\d+)", self.server.log.read_text())
            self.url = f"http://127.0.0.1:{ports[-1]}" if ports else ""
            return bool(ports) and curl(f"{self.url}/healthz").status == 200

        wait_for(found, self.server.log.read_text)

    def add(self, line: str) -> str:
        """Add a token; return its text as soon as the web process accepts it."""
        text = str(self.done(f"token add {line}")["token"])
        wait_for(lambda: self.post("whoami", text).status == 200, self.server.log.read_text)
        return text

    def done(self, line: str) -> Any:
        """Return the result of a command on the control socket."""
        return json.loads(self.server.ctl(*line.split(), "--json").stdout)["result"]

    def post(self, command: str, token: str, **fields: Any) -> Got:
        """Give a command over HTTP with a token."""
        header = f"Authorization: Bearer {token}"
        return curl(f"{self.url}/api/v1/{command}", "-H", header, "--json", json.dumps(fields))


@dataclass(frozen=True)
class Got:
    """A response: its status, and its body."""

    status: int
    body: Any

    @property
    def code(self) -> str | None:
        """The code of the error, if it is one."""
        return self.body["error"]["code"] if "error" in self.body else None


def curl(url: str, *options: str) -> Got:
    """Return what curl gets."""
    command = [tool("curl"), "-s", "--max-time", str(DEADLINE), "-w", "\n%{http_code}", *options]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    body, _, status = done.stdout.rpartition("\n")
    return Got(int(status), json.loads(body) if body.startswith("{") else body)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start the server that the tests share."""
    running = Server(tmp_path_factory.mktemp("tokens"), CONFIG + HTTP)
    try:
        found = Site(running.start())
        found.find_url()
        for line in SET_UP:
            running.ctl(*line.split())
        yield found
    finally:
        running.kill()


def test_a_token_gives_commands_and_the_history_names_it(site: Site) -> None:
    """With its name, its id and the address of the client."""
    token = site.add("bot --role operator")
    done = site.post("switch", token, groups=["shop"], reason="works")
    assert (done.status, done.body["ok"]) == (200, True)
    who = site.done("history --limit 1")["history"][0]["who"]
    assert who == {"address": "127.0.0.1", "principal": "token:bot", "token": token[5:15]}
    shown = site.server.ctl("history", "--limit", "1").stdout
    assert "switch shop --reason works [token:bot from 127.0.0.1]" in shown
    assert site.post("whoami", token).body["result"]["principal"] == "token:bot"
    assert site.post("token/list", token).code == "forbidden"


def test_a_limited_token_is_forbidden_as_a_whole(site: Site) -> None:
    """Nothing of the command is carried out."""
    token = site.add("shops --role operator --groups sh*")
    before = site.done("status")["revision"]
    done = site.post("switch", token, groups=["shop", "blog"])
    assert (done.status, done.code) == (403, "forbidden")
    assert "does not cover group blog; nothing was changed" in done.body["error"]["message"]
    assert site.done("status")["revision"] == before
    assert site.post("switch", token, groups=["shop"]).status == 200


def test_a_token_of_a_head_sets_its_addresses_only(site: Site) -> None:
    """And keeps its head when that is renamed."""
    token = site.add("agent --head us/lb")
    given = {"application": "us", "address": ["192.0.2.77"]}
    assert site.post("head/set", token, name="lb", **given).status == 200
    site.done("head rename us lb lb1")
    assert site.post("head/set", token, name="lb1", **given).status == 200
    assert site.post("head/set", token, name="lb", **given).code == "forbidden"
    for refused in (
        site.post("status", token),
        site.post("switch", token, groups=["shop"]),
        curl(f"{site.url}/api/v1/events", "-H", f"Authorization: Bearer {token}"),
    ):
        assert (refused.status, refused.code) == (403, "forbidden")
    site.done("head rename us lb1 lb")


def test_a_removed_token_counts_at_once(site: Site) -> None:
    """The reply to the removal comes first, and the next request is refused."""
    for number in range(5):
        token = site.add(f"gone{number} --role viewer")
        site.done(f"token remove gone{number}")
        assert site.post("status", token).status in (401, 403)
    assert site.post("status", token).status == 401


def test_an_expired_token_is_refused(site: Site) -> None:
    token = site.add("short --role viewer --expires 3s")
    wait_for(lambda: site.post("status", token).status == 401, site.server.log.read_text)
    (listed,) = (one for one in site.done("token list")["tokens"] if one["name"] == "short")
    assert (listed["expired"], listed["problem"]) == (True, "it has expired")


def test_a_secret_is_shown_once_and_is_in_no_file(site: Site) -> None:
    """Over HTTP too, where the retry with the same key gets everything but the secret."""
    admin = site.add("root --role admin")
    header = ("-H", f"Authorization: Bearer {admin}", "-H", "Idempotency-Key: once")
    fields = ("--json", json.dumps({"name": "made", "role": "viewer"}))
    first, again = (curl(f"{site.url}/api/v1/token/add", *header, *fields).body for _ in range(2))
    token = first["result"].pop("token")
    (warning,) = again["result"].pop("warnings")
    assert "is not kept" in warning
    assert again == first
    site.done(f"backup {site.server.folder / 'copy.db'}")
    files = [path for path in site.server.folder.rglob("*") if path.is_file()]
    assert {"state.db", "copy.db", "log"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        for text in (token, admin):
            assert text[16:].encode() not in content, path
    listed = site.server.ctl("token", "list").stdout + site.server.ctl("history").stdout
    assert token[16:] not in listed
    site.done("token remove made")


def last_used(site: Site, name: str) -> Any:
    """Return when and from where a token was last used."""
    tokens = site.done("token list")["tokens"]
    return next(one["last_used"] for one in tokens if one["name"] == name)


def test_the_last_use_is_kept_over_a_restart_and_in_a_backup(site: Site, tmp_path: Path) -> None:
    """Without a change in the history."""
    token = site.add("used --role viewer")
    before = site.done("status")["revision"]
    used = last_used(site, "used")
    assert used["address"] == "127.0.0.1"
    site.done(f"backup {tmp_path / 'copy.db'}")
    assert token[5:15].encode() in (tmp_path / "copy.db").read_bytes()
    site.server.ctl("restart")
    assert last_used(site, "used") == used
    wait_for(lambda: site.post("whoami", token).status == 200, site.server.log.read_text)
    again = last_used(site, "used")
    assert again["time"] > used["time"]
    assert site.server.stop() == 0
    site.server.start()
    site.find_url()
    assert last_used(site, "used") == again
    assert site.done("status")["revision"] == before
    copy = Server(tmp_path)
    (tmp_path / "copy.db").rename(tmp_path / "state.db")
    shutil.copy(site.server.folder / "state.db.key", tmp_path)
    try:
        assert last_used(Site(copy.start()), "used") == used
    finally:
        copy.kill()
