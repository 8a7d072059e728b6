"""The pull endpoint, request by request, over the real ledger and without sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from authority import Issued, make_authority
from driving import run
from OpenSSL.crypto import X509
from shops import Shop
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from failoverdns.delivery.one_request import REFUSAL_TIME, REPLY_TIME, REQUEST_TIME
from failoverdns.delivery.pull import MAX_WAIT, Endpoint
from failoverdns.model.commands.applications import (
    AddApplication,
    RemoveApplication,
    RenameApplication,
)
from failoverdns.model.commands.certificates import RemoveCertificate
from failoverdns.model.commands.groups import SetGroup

AUTHORITY = make_authority()
ISSUED = AUTHORITY.issue("shop.failover.test")
RENEWED = AUTHORITY.issue("shop.failover.test")
HEAD = AUTHORITY.issue_client("web1.eu.internal")
ANY = AUTHORITY.issue_client("monitor.internal")
OTHER = AUTHORITY.issue_client("web1.us.internal")
CLIENTS = {
    "web1.eu.internal": frozenset({"eu"}),
    "web1.us.internal": frozenset({"us"}),
    f"sha256:{ANY.fingerprint}": frozenset({"*"}),
}


class Secured(StringTransport):
    """A connection over TLS, whose client has presented a certificate."""

    def __init__(self, shown: Issued) -> None:
        super().__init__()
        self.shown = shown
        self.aborting = False

    def getPeerCertificate(self) -> X509:  # noqa: N802
        """Return the client's certificate."""
        return X509.from_cryptography(self.shown.certificate)

    def abortConnection(self) -> None:  # noqa: N802
        """Close at once."""
        self.aborting = self.disconnecting = True


class Connection:
    """A client of the endpoint, and the bytes that it received."""

    def __init__(self, house: House, shown: Issued) -> None:
        self.transport = Secured(shown)
        self.channel: Any = house.site.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> Connection:
        """Send bytes."""
        self.channel.dataReceived(data)
        return self

    def ask(self, path: str, *fields: str, method: str = "GET") -> Connection:
        """Send a request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *fields, "", ""]
        return self.send("\r\n".join(lines).encode("latin-1"))

    def leave(self) -> None:
        """Close the connection."""
        self.channel.connectionLost(Failure(ConnectionDone()))

    @property
    def sent(self) -> str:
        """All the bytes that were received."""
        return self.transport.value().decode()

    @property
    def status(self) -> int:
        """The status, 0 while there is none."""
        return int(self.sent.split()[1]) if self.sent else 0

    @property
    def body(self) -> str:
        """The response after its header."""
        return self.sent.partition("\r\n\r\n")[2]

    def field(self, name: str) -> str:
        """Return a field of the response's header."""
        header = self.sent.partition("\r\n\r\n")[0].split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in header)[name]


class House(Shop):
    """A shop whose web heads fetch certificates."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.endpoint = Endpoint(
            lambda: self.state, self.store, CLIENTS, self.clock, lambda: 1000.0
        )
        self.site = self.endpoint.site()
        self.announce = self.endpoint.announce

    def connect(self, shown: Issued = HEAD) -> Connection:
        """Connect with a client certificate."""
        return Connection(self, shown)

    def fetch(
        self, application: str, *fields: str, shown: Issued = HEAD, **more: Any
    ) -> Connection:
        """Request an application's certificate."""
        path = f"/v1/applications/{application}/certificate{more.pop('query', '')}"
        return self.connect(shown).ask(path, *fields, **more)

    def wait(self, application: str, *fields: str, shown: Issued = HEAD) -> Connection:
        """Request a certificate, ready to wait; no response must have come yet."""
        waiting = self.fetch(application, "Prefer: wait=60", *fields, shown=shown)
        assert waiting.sent == ""
        return waiting

    def fetches(self) -> int:
        """Count the recorded fetches."""
        applications = [self.state.application_named(name) for name in ("eu", "us")]
        return sum(len(run(self.store.fetches(a.id, 1000))) for a in applications if a)


@pytest.fixture
def house() -> House:
    """A shop where `eu` is active and has a certificate."""
    made = House()
    made.install("eu", ISSUED)
    return made


@pytest.fixture
def tag(house: House) -> str:
    """The entity tag of the certificate of `eu`."""
    return f"If-None-Match: {house.fetch('eu').field('ETag')}"


WHO = [
    (HEAD, "eu", 200),
    (HEAD, "EU", 200),
    (HEAD, "us", 403),
    (HEAD, "nobody", 403),
    (OTHER, "eu", 403),
    (OTHER, "us", 404),
    (ANY, "eu", 200),
    (ANY, "nobody", 404),
    (AUTHORITY.issue_client("web9.internal"), "eu", 403),
    (AUTHORITY.issue_client("web1.eu.internal.", "x.internal"), "eu", 200),
    (AUTHORITY.issue("10.0.0.1"), "eu", 403),
    (AUTHORITY.issue(common_name="web1.eu.internal"), "eu", 403),
]
"""Client certificates, the application whose certificate is requested, and the status."""


@pytest.mark.parametrize(("shown", "application", "status"), WHO)
def test_which_client_may_fetch_which_certificate(
    house: House, shown: Issued, application: str, status: int
) -> None:
    """By SAN or fingerprint, not by common name; other clients learn of no application."""
    got = house.fetch(application, shown=shown)
    assert got.status == status
    assert ("PRIVATE KEY" in got.sent) is (status == 200)
    assert house.fetches() == (status == 200)


ODD = [
    ("GET", "/v1/applications/%65u/certificate", 200),
    ("GET", "/v1/applications/e%2Fu/certificate", 404),
    ("GET", "/v1/applications/sh%C3%B6p/certificate", 404),
    ("GET", "/v1/applications/%FF%00/certificate", 404),
    ("GET", "/v1/applications//certificate", 404),
    ("GET", "/v1/applications/eu/certificate/", 404),
    ("GET", "//v1/applications/eu/certificate", 404),
    ("GET", "*", 405),
    ("OPTIONS", "*", 200),
    ("GET", "/v1/applications/eu/certificate?format=zip", 400),
    ("GET", "/v1/applications/eu/certificate?format=%FF", 400),
    ("GET", "/v1/applications/eu/certificate?format=pem&format=zip", 200),
    ("PUT", "/v1/applications/eu/certificate", 405),
    ("get", "/v1/applications/eu/certificate", 405),
    ("BREW", "/v1/applications/eu/certificate", 405),
]
"""Methods, paths, and the status for a client that may fetch everything."""


@pytest.mark.parametrize(("method", "path", "status"), ODD)
def test_unusual_requests_get_a_response(house: House, method: str, path: str, status: int) -> None:
    got = house.connect(ANY).ask(path, method=method)
    assert got.status == status
    assert got.transport.disconnecting


def test_a_head_request_gets_no_key_and_is_not_a_fetch(house: House) -> None:
    got = house.fetch("eu", method="HEAD")
    assert (got.status, got.body, house.fetches()) == (200, "", 0)
    assert got.field("ETag") == house.fetch("eu").field("ETag")
    assert int(got.field("Content-Length")) == len(ISSUED.chain + ISSUED.key)


def test_a_connection_serves_one_request(house: House) -> None:
    """Bytes that follow it, at once or while it waits, are not even read."""
    request = b"GET /v1/applications/eu/certificate HTTP/1.1\r\nHost: x\r\n\r\n"
    got = house.connect().send(request * 3)
    assert got.sent.count("HTTP/1.1 200") == 1
    assert got.field("Connection") == "close"
    assert got.transport.disconnecting
    got.send(request * 3)
    assert (got.sent.count("HTTP/1.1"), house.fetches()) == (1, 1)


def test_bytes_that_a_waiting_client_sends_are_not_kept(house: House, tag: str) -> None:
    """After a few packets nothing more is read."""
    waiting = house.wait("eu", tag)
    for _ in range(5):
        waiting.send(b"x" * 5000)
    assert waiting.transport.producerState == "paused"


UNFINISHED = [
    b"",
    b"GET /v1/applications/eu/certificate HTTP/1.1\r\nX: ",
    b"POST /v1/applications/eu/certificate HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\nx",
    b"POST /v1/applications/eu/certificate HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n",
]
"""Beginnings of requests that continue for ever."""


@pytest.mark.parametrize("begin", UNFINISHED)
def test_a_request_has_to_be_complete_in_time(house: House, begin: bytes) -> None:
    """However steadily bytes arrive: they do not extend the time."""
    client = house.connect().send(begin)
    for _ in range(REQUEST_TIME):
        assert not client.transport.disconnecting
        client.send(b"y")
        house.clock.advance(1)
    assert client.transport.aborting
    assert client.sent == ""


def test_the_body_of_a_request_is_not_kept(house: House) -> None:
    """A web head that uploads for thirty seconds uses no memory and no disk."""
    client = house.connect().ask("/", "Content-Length: 99999999", method="POST")
    for _ in range(100):
        client.send(b"x" * 65536)
    assert client.channel.requests[0].content.read() == b""


TOO_MUCH = [
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 600 + b"\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
    b"GET /" + b"y" * 20000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nno field\r\n\r\n",
    b"\x16\x03\x01\r\n\r\n",
]
"""Requests that are not read to their end."""


@pytest.mark.parametrize("data", TOO_MUCH)
def test_headers_without_end_are_refused_and_close_the_connection(
    house: House, data: bytes
) -> None:
    """Soon, also if the client keeps its end open: it would keep the place of another."""
    client = house.connect().send(data)
    assert client.transport.disconnecting
    assert client.status in (400, 431)
    house.clock.advance(REFUSAL_TIME)
    assert client.transport.aborting


@pytest.mark.parametrize("size", [20_000, 200_000])
@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX: "])
def test_a_line_that_is_too_long_gets_status_431(house: House, start: bytes, size: int) -> None:
    client = house.connect()
    for piece in range(0, size, 4096):
        client.send((start if piece == 0 else b"") + b"y" * 4096)
    assert client.sent.startswith("HTTP/1.1 431 ")
    assert client.sent.count("HTTP/1.1") == 1


def test_a_client_that_does_not_read_its_response_is_disconnected(house: House) -> None:
    """The connection is closed when the response was read, or after a while."""
    client = house.fetch("eu")
    assert not client.transport.aborting
    house.clock.advance(REPLY_TIME)
    assert client.transport.aborting


def test_a_transferred_certificate_is_delivered_at_once(house: House) -> None:
    """To the head of the newly active side, and to no other."""
    idle = house.wait("us", shown=OTHER)
    other = house.wait("eu", f"If-None-Match: {house.fetch('eu').field('ETag')}")
    house.switch()
    assert idle.body == ISSUED.chain + ISSUED.key
    assert idle.field("Preference-Applied") == "wait=60"
    assert other.sent == ""


def test_a_new_certificate_is_delivered_at_once(house: House, tag: str) -> None:
    waiting = house.wait("eu", tag)
    house.install("eu", RENEWED)
    assert waiting.body == RENEWED.chain + RENEWED.key


def test_other_changes_of_the_application_end_no_wait(house: House, tag: str) -> None:
    """The same certificate again, another head, another name: the client still waits."""
    waiting = house.wait("eu", tag)
    house.install("eu", ISSUED)
    house.do(RenameApplication("eu", "europe"))
    house.switch()
    assert waiting.sent == ""
    house.clock.advance(60)
    assert waiting.status == 304


def test_a_head_of_a_renamed_application_gets_the_certificate_that_it_waits_for(
    house: House, tag: str
) -> None:
    """Even if another application has the name now."""
    waiting = house.wait("eu", tag)
    house.do(RenameApplication("eu", "europe"), AddApplication("eu"))
    house.install("eu", AUTHORITY.issue("other.example"))
    assert waiting.sent == ""
    house.install("europe", RENEWED)
    assert waiting.body == RENEWED.chain + RENEWED.key


def test_a_removal_is_reported_at_once(house: House, tag: str) -> None:
    """Of the certificate, and of the application."""
    waiting = house.wait("eu", tag)
    house.do(RemoveCertificate("eu"))
    assert (waiting.status, "has no certificate" in waiting.body) == (404, True)
    waiting = house.wait("us", shown=OTHER)
    house.do(SetGroup("shop", backup=""), RemoveApplication("us"))
    assert (waiting.status, "no such application" in waiting.body) == (404, True)


def test_a_waiting_client_that_loses_its_permission_is_refused_at_once(
    house: House, tag: str
) -> None:
    """A client that was removed from the configuration gets no later certificate."""
    waiting, stays = house.wait("eu", tag), house.wait("us", shown=OTHER)
    house.endpoint.adopt({name: CLIENTS[name] for name in ("web1.us.internal",)})
    assert waiting.status == 403
    assert stays.sent == ""
    house.endpoint.adopt({"web1.us.internal": frozenset({"eu"})})
    assert stays.status == 403


def test_a_wait_ends_after_its_time(house: House, tag: str) -> None:
    """With the current certificate; never later than the longest permitted wait."""
    waiting = house.fetch("eu", tag, "Prefer: wait=99999")
    house.clock.advance(MAX_WAIT - 1)
    assert waiting.sent == ""
    house.clock.advance(1)
    assert (waiting.status, waiting.field("Preference-Applied")) == (304, f"wait={MAX_WAIT}")


def test_a_client_that_leaves_while_waiting_leaves_nothing_behind(house: House, tag: str) -> None:
    """No timer, no recorded fetch, no defect in the log."""
    timers, fetches = len(house.clock.getDelayedCalls()), house.fetches()
    with capturedLogs() as logs:
        waiting = house.wait("eu", tag)
        waiting.leave()
        assert not house.endpoint._waiting
        assert len(house.clock.getDelayedCalls()) == timers
        house.install("eu", RENEWED)
    assert house.fetches() == fetches
    assert [event for event in logs if event["log_level"].name in ("error", "critical")] == []


def test_all_waiting_clients_are_answered_when_the_server_stops(house: House, tag: str) -> None:
    waiting = house.wait("eu", tag)
    house.endpoint.close()
    assert waiting.status == 304


@pytest.fixture
def unreachable(house: House) -> Iterator[None]:
    """A store that cannot be read."""
    house.store.unreachable = True
    yield
    house.store.unreachable = False


@pytest.mark.usefixtures("unreachable")
def test_an_unreadable_store_is_reported(house: House) -> None:
    """And a certificate is not delivered if that cannot be recorded."""
    got = house.fetch("eu")
    assert got.status == 503
    assert "PRIVATE KEY" not in got.sent
    assert json.loads(got.body)["error"].startswith("the certificate cannot be read now")


def test_a_defect_of_the_server_gets_a_response_too(house: House) -> None:
    """So that no client waits for a response that never comes."""
    house.endpoint._store = None  # type: ignore[assignment]
    with capturedLogs() as logs:
        got = house.fetch("eu")
    assert got.status == 500
    assert any("a defect in failoverdns" in event["log_format"] for event in logs)


CADDY = [
    ("?format=caddy", "eu", 200),
    ("?format=caddy&server_name=shop.failover.test", "eu", 200),
    ("?format=caddy&server_name=other.example&signature_schemes=1027", "eu", 204),
    ("?format=caddy&server_name=shop.failover.test", "us", 204),
]
"""Caddy's requests: any status but 200 and 204 would fail the handshake in which it asks."""


@pytest.mark.parametrize(("query", "application", "status"), CADDY)
def test_caddy_always_gets_a_status_that_lets_it_continue(
    house: House, query: str, application: str, status: int
) -> None:
    assert house.fetch(application, query=query, shown=ANY).status == status
