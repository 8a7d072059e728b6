"""The control socket and HTTP answer the same: every command, when it succeeds and when it fails.

The session of `system.every_command` runs twice on one server, over the control socket and over
HTTP.  It begins and ends with an empty server, so both have the same replies but for times, numbers
that only grow, and who asks.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from authority import make_authority
from directories import LocalDirectory
from replies import check, check_reply
from system import every_command
from system.every_command import SESSION, filled
from system.server import DEADLINE, Server, wait_for
from system.web import HTTP, add_token, port, serving

from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.openapi import document
from failoverdns.control.language.words import read_words
from failoverdns.web.problems import STATUSES

pytestmark = pytest.mark.system

PAGES_AND_METHODS = document("0")["paths"]
PAGES = set(PAGES_AND_METHODS)


class Site:
    """A server with its control socket and HTTP, and an admin's token."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.token = add_token(server)
        self._http: HTTPConnection | None = None
        self.port = port(server)

    def over_socket(self, words: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Give a command over the control socket."""
        return self.server.ask(command=words, **fields)

    def over_http(
        self, method: str, path: str, fields: dict[str, Any] | bytes, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Give a command over HTTP; return the status and the body."""
        bearer = {"Authorization": f"Bearer {self.token}", **headers}
        if method == "GET":
            assert isinstance(fields, dict)
            query = urlencode({key: _in_query(value) for key, value in fields.items()}, doseq=True)
            status, kind, body = self.send(method, f"{path}?{query}", b"", bearer)
        else:
            sent = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
            bearer["Content-Type"] = "application/json"
            status, kind, body = self.send(method, path, sent, bearer)
        reply: dict[str, Any] = json.loads(body)
        assert kind == ("application/json" if status == 200 else "application/problem+json")
        return status, reply

    def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, str, bytes]:
        """Send a request; once more on a new connection, if the server closed the one before."""
        for again in (True, False):
            if self._http is None:
                self._http = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
            try:
                self._http.request(method, path, body, headers)
                response = self._http.getresponse()
                return response.status, response.headers.get_content_type(), response.read()
            except (HTTPException, OSError):
                self._http.close()
                self._http = None
                if not again:
                    raise
        raise AssertionError


def _in_query(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start a server with HTTP, a CA, and what the session needs."""
    folder = tmp_path_factory.mktemp("contract")
    with LocalDirectory(folder) as ca:
        acme = {"directory": ca.url, "accept_terms": True, "ca_file": str(ca.ca_file)}
        running = Server(folder, f"{HTTP}{every_command.CONFIG}acme: {json.dumps(acme)}\n")
        try:
            running.start()
            serving(running)
            yield Site(running)
        finally:
            running.kill()


def requests_of_session(folder: Path, label: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield the words and the JSON fields of each line, and whether it fails."""
    chain, key = make_authority().issue("www.shop.example").save(folder, label)
    later = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT00:00:00.000Z")
    for typed in SESSION:
        line = filled(typed.line, label=label, chain="CHAIN", key="KEY", later=later)
        words = [word for word in shlex.split(line) if word != "--wait"]
        name, fields = read_words(words)
        for parameter in ROWS[name].parameters:
            if parameter.file:
                path = {"CHAIN": chain, "KEY": key}[str(fields[parameter.name])]
                fields[parameter.name] = path.read_text()
            elif parameter.local:
                del fields[parameter.name]
        yield name, fields, typed.status != 0 and name != "preflight"


def issued(site: Site, fields: dict[str, Any]) -> None:
    """Wait until an application has the certificate that was requested."""
    wait_for(
        lambda: "kind" in site.server.do(command="certificate show", **fields),
        site.server.log.read_text,
    )


_TEXTS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min|h|d)\b"), "DURATION"),
    (re.compile(r"\bover-(socket|http)\b"), "LABEL"),
    (re.compile(r"\b\d{6,}\b"), "NUMBER"),
    (re.compile(r"revision \d+|it is \d+ now"), "REVISION"),
)
_NUMBERS = {
    "revision", "serial", "pid", "bytes", "seconds", "free", "milliseconds", "document", "changes",
    "last", "in_a_row", "rotated", "server", "id",
}  # fmt: skip
"""Fields whose values differ between two runs; they must be of the same type."""
_WHO = {"who", "principal", "grants", "token"}
"""Fields that tell who asks."""
_ONCE = {"token", "last_used", "since"}
"""Fields that one of two runs may not have, or have as null."""


def neutral(value: Any) -> Any:
    """Return a reply without what differs between two runs."""
    match value:
        case dict():
            return {
                key: type(part).__name__ if key in _NUMBERS | _WHO else neutral(part)
                for key, part in value.items()
                if key not in _ONCE
            }
        case list():
            return [neutral(part) for part in value]
        case str():
            for pattern, word in _TEXTS:
                value = pattern.sub(word, value)
    return value


def test_every_command_has_the_same_reply_over_the_socket_and_over_http(site: Site) -> None:
    """The session also proves that a command over HTTP has its effect: later lines rely on it."""
    over_socket, over_http = [], []
    for words, fields, fails in requests_of_session(site.server.folder, "over-socket"):
        reply = site.over_socket(words, fields)
        over_socket.append((words, 200 if reply["ok"] else STATUSES[reply["error"]["code"]], reply))
        assert reply["ok"] != fails or words == "backup", (words, reply)
        if words == "certificate request":
            issued(site, fields)
    for words, fields, _ in requests_of_session(site.server.folder, "over-http"):
        status, reply = site.over_http("POST", f"/api/v1/{ROWS[words].path}", fields)
        over_http.append((words, status, reply))
        if words == "certificate request":
            issued(site, fields)
        if words == "restart":
            serving(site.server)
    assert {words for words, _, _ in over_http} == set(ROWS) - {"watch"}
    differing = []
    for (words, status, ours), (_, found, theirs) in zip(over_socket, over_http, strict=True):
        assert found == status, (words, theirs)
        if found == 200:
            check_reply(words, theirs)
        else:
            check("Problem", theirs, words)
            assert (theirs["status"], theirs["detail"]) == (found, theirs["error"]["message"])
            theirs = {key: theirs[key] for key in ("ok", "error")}
        if words != "stats" and neutral(theirs) != neutral(ours):  # others change its counts
            differing.append((words, neutral(theirs), neutral(ours)))
    assert differing == []


READS: dict[str, dict[str, Any]] = {
    "group list": {},
    "application list": {},
    "status": {"group": "shop"},
    "history": {"group": "shop", "limit": 3},
    "records": {"zone": "failover.test"},
    "preflight": {"group": "shop", "to": "backup"},
    "explain": {"group": "shop"},
    "rehearse": {"group": "shop", "override": ["target-empty", "target-down"]},
    "health show": {"application": "shop-eu"},
    "plan list": {},
    "flag list": {},
    "certificate list": {},
    "certificate show": {"application": "shop-eu"},
    "certificate challenge-name": {"name": "www.shop.example"},
    "querylog status": {},
    "record list": {"zone": "failover.test"},
    "zone list": {},
    "secondary list": {},
    "token list": {},
    "whoami": {},
    "stats": {},
}
"""A request for each command that reads."""

_LIVE = ("whoami", "stats", "token list")
"""Commands whose replies tell who asks and how often, so that only their form is compared."""


@pytest.fixture(scope="module")
def shop(site: Site) -> Site:
    """Add the group `shop`, which other tests only read."""
    site.server.load_demo()
    return site


def test_a_reading_command_has_the_same_reply_by_get_by_post_and_over_the_socket(
    shop: Site,
) -> None:
    assert set(READS) == {words for words, row in ROWS.items() if row.reads}
    for words, fields in READS.items():
        path = f"/api/v1/{ROWS[words].path}"
        ours = shop.over_socket(words, fields)
        by_get, got = shop.over_http("GET", path, fields)
        by_post, posted = shop.over_http("POST", path, fields)
        assert by_get == by_post == (200 if ours["ok"] else STATUSES[ours["error"]["code"]]), words
        if not ours["ok"]:
            assert got == posted, words
            assert (got["ok"], got["error"]) == (False, ours["error"]), words
        elif words in _LIVE:
            check_reply(words, got)
            assert set(got) == set(posted) == set(ours), words
        else:
            assert neutral(got) == neutral(posted) == neutral(ours), words


BAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("switch", {}),
    ("switch", {"groups": []}),
    ("switch", {"groups": "shop"}),
    ("switch", {"groups": ["shop"], "to": "left", "id": 5}),
    ("switch", {"groups": ["shop"], "too": "backup", "id": "seven"}),
    ("switch", {"groups": ["nothing"], "op_id": "a"}),
    ("switch", {"groups": ["shop"], "if_revision": 10**15}),
    ("switch", {"groups": ["shop"], "if_revision": -1}),
    ("switch", {"groups": ["shop"], "pre_ttl": 3}),
    ("switch", {"groups": ["shop"], "override": ["no-such-rule"]}),
    ("group add", {"name": "shop"}),
    ("group add", {"name": "two words"}),
    ("group add", {"name": "new", "primary": "nothing"}),
    ("group remove", {"name": "shop"}),
    ("group set", {"name": "shop", "primary": ""}),
    ("group set", {"name": "shop", "ttl": True}),
    ("group set", {"name": "shop", "ttl": 86401}),
    ("application remove", {"name": "shop-eu"}),
    ("head add", {"application": "shop-eu", "name": "x", "role": "web-server", "address": ["x"]}),
    ("certificate install", {"application": "shop-eu", "chain": "x", "key": "y"}),
    ("certificate show", {"application": "shop-eu"}),
    ("flag on", {"name": "unknown"}),
    ("health report", {"target": "shop-eu/lb1", "state": "up"}),
    ("history", {"group": "nothing"}),
    ("history", {"export": True, "verify": True}),
    ("record add", {"zone": "failover.test", "records": ["broken"]}),
    ("record add", {"zone": "elsewhere.test", "records": ["a 60 IN A 192.0.2.1"]}),
    ("status", {"group": "nothing", "id": True}),
    ("status", {"group": "nothing", "id": "x" * 1001}),
    ("token add", {"name": "x"}),
    ("token remove", {"name": "nobody"}),
    ("zone notify", {"zone": "failover.test"}),
    ("plan cancel", {"group": "shop"}),
    ("querylog on", {"sample": 0}),
    ("backup", {}),
    ("backup", {"file": "/tmp/x"}),
    ("no such command", {}),
    ("group ad", {}),
    ("status", {"op_id": ""}),
)  # fmt: skip
"""Requests that are refused."""


def test_a_refusal_is_the_same_over_the_socket_and_over_http(shop: Site) -> None:
    for words, fields in BAD:
        ours = shop.over_socket(words, fields)
        assert not ours["ok"], (words, fields)
        status, theirs = shop.over_http("POST", f"/api/v1/{words.replace(' ', '/')}", fields)
        assert status == STATUSES[ours["error"]["code"]], (words, fields, theirs)
        check("Problem", theirs, words)
        assert {key: theirs[key] for key in ("ok", "id", "error") if key in theirs} == ours


@pytest.mark.parametrize(
    "sent",
    [b"{", b"[]", b'{"a": 1, "a": 2}', b'{"id": NaN}', b"\xff{}", b'{"group": 1e999}'],
    ids=["cut", "a list", "a field twice", "not a number", "not UTF-8", "infinity"],
)
def test_a_malformed_request_gets_the_message_of_the_socket(shop: Site, sent: bytes) -> None:
    status, theirs = shop.over_http("POST", "/api/v1/status", sent)
    assert (status, theirs["error"]["code"]) == (400, "malformed")
    if sent.startswith(b"{"):
        with shop.server.connect() as client:
            client.send(sent + b"\n")
            assert client.receive()["error"] == theirs["error"]


def test_every_path_of_the_document_is_answered_and_no_other(shop: Site) -> None:
    """A path that the document does not have is not found, whoever asks."""
    for path in sorted(PAGES - {"/api/v1/events", "/api/v1/restart"}):
        asked = path.replace("{uid}", "shop")
        bearer = {"Authorization": f"Bearer {shop.token}"}
        status, _, _ = shop.send("OPTIONS", asked, b"", bearer)
        assert status == 204, path
    for path in ("/api/v1/", "/api/v2/status", "/api", "/api/v1/status/shop"):
        status, _, body = shop.send("GET", path, b"", {"Authorization": f"Bearer {shop.token}"})
        assert (status, json.loads(body)["error"]["code"][:3]) in ((404, "not"), (404, "unk")), path


def test_no_command_is_carried_out_without_a_token(shop: Site) -> None:
    before = shop.server.do(command="status")["revision"]
    for path in sorted(path for path in PAGES if path.startswith(("/api/v1", "/api/cloud66"))):
        for method in PAGES_AND_METHODS[path]:
            status, kind, body = shop.send(method.upper(), path.replace("{uid}", "shop"), b"{}", {})
            assert (status, kind) == (401, "application/problem+json"), (method, path)
            assert json.loads(body)["ok"] is False
    assert shop.server.do(command="status")["revision"] == before


def test_a_method_that_a_path_does_not_have_gets_405_and_those_that_it_has(shop: Site) -> None:
    bearer = {"Authorization": f"Bearer {shop.token}"}
    for path, item in PAGES_AND_METHODS.items():
        asked = path.replace("{uid}", "shop")
        for method in {"get", "put", "delete", "patch", "trace"} - set(item):
            status, _, body = shop.send(method.upper(), asked, b"", bearer)
            assert status == 405, (method, path, body)
