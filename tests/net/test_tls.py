"""TLS for web heads: the clients that are admitted, and the limits on their connections."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from authority import Authority, Issued, make_authority, make_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from failoverdns.net import tls
from failoverdns.net.descriptors import OTHER
from failoverdns.net.sockets import CannotListen
from failoverdns.net.tls import BoundedTls, TlsContext, TlsFiles
from failoverdns.reactions import ASKED_AT_ONCE, CALLS_AT_ONCE, PROGRAMS_AT_ONCE

HEADS = Authority("Web Heads")
SHOWN = HEADS.issue_client("web1.internal")


class Greeting(Protocol):
    """A protocol that greets every admitted client."""

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Send the bytes back."""
        self.transport.write(b"hello " + data)  # type: ignore[union-attr]


class Wire(StringTransport):
    """A TCP connection that records how it was closed."""

    def __init__(self) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 1))
        self.aborted = False

    def abortConnection(self) -> None:  # noqa: N802
        """Close the connection at once."""
        self.aborted = True


class Endpoint:
    """A TLS endpoint and its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.root = make_authority("Endpoint")
        assert self.root.parent is not None
        self.ca = self.root.parent.pem
        self.root.issue("endpoint.internal").save(folder, "endpoint")
        (folder / "heads.pem").write_text(HEADS.pem)
        self.context = TlsContext(self.files())
        self.tls = BoundedTls(self.context, Factory.forProtocol(Greeting), self.clock)

    def files(self) -> TlsFiles:
        """Return the paths of the files."""
        names = ("endpoint.pem", "endpoint.key", "heads.pem")
        return TlsFiles("delivery", *[self.folder / name for name in names])

    def connect(self) -> Connection | None:
        """Open a connection; return None if there is no room."""
        protocol = self.tls.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        return Connection(self, protocol) if protocol is not None else None

    def enter(self, shown: Issued | None = SHOWN, **more: Any) -> Connection:
        """Open a connection that is expected to be admitted, and complete the handshake."""
        connection = self.connect()
        assert connection is not None
        connection.shake_hands(shown, **more)
        return connection


class Connection:
    """A client that uses the TLS of the standard library."""

    def __init__(self, endpoint: Endpoint, protocol: Any) -> None:
        self.endpoint = endpoint
        self.wire = Wire()
        self.protocol = protocol
        protocol.makeConnection(self.wire)

    def shake_hands(
        self, shown: Issued | None = SHOWN, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> None:
        """Complete the handshake, and deliver its last part to the server."""
        context = ssl.create_default_context(cadata=self.endpoint.ca)
        context.maximum_version = newest
        if shown is not None:
            shown.save(self.endpoint.folder, "shown")
            folder = self.endpoint.folder
            context.load_cert_chain(folder / "shown.pem", folder / "shown.key")
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname="endpoint.internal")
        for _ in range(5):
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()
        self._exchange()

    def say(self, data: bytes) -> bytes:
        """Send bytes and return the reply."""
        self.tls.write(data)
        self._exchange()
        return self.tls.read(100)

    def leave(self) -> None:
        """Close the connection."""
        self.protocol.connectionLost(None)

    def _exchange(self) -> None:
        data = self._out.read()
        if data:
            self.protocol.dataReceived(data)
        self.endpoint.clock.advance(0)
        self._in.write(self.wire.value())
        self.wire.clear()


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    """Return a TLS endpoint."""
    return Endpoint(tmp_path)


def test_a_client_with_a_certificate_of_our_ca_is_admitted(endpoint: Endpoint) -> None:
    client = endpoint.enter()
    assert client.say(b"x") == b"hello x"
    assert client.tls.version() == "TLSv1.3"


STRANGERS: list[Issued | None] = [
    None,
    Authority("Somebody").issue_client("web1.internal"),
    HEADS.issue("web1.internal", starts=-7200, lasts=3600),
]
"""No certificate, one of another CA, and one that has expired."""


@pytest.mark.parametrize("shown", STRANGERS)
def test_a_client_without_a_valid_certificate_of_our_ca_is_refused(
    endpoint: Endpoint, shown: Issued | None
) -> None:
    client = endpoint.enter(shown)
    with pytest.raises(ssl.SSLError):
        client.say(b"x")


def test_tls_before_1_3_is_refused(endpoint: Endpoint) -> None:
    with pytest.raises(ssl.SSLError):
        endpoint.enter(newest=ssl.TLSVersion.TLSv1_2)


def test_a_new_connection_without_certificate_replaces_the_oldest_one(endpoint: Endpoint) -> None:
    """Clients that never finish the handshake cannot keep out clients with a certificate."""
    silent = [endpoint.connect() for _ in range(tls.MAX_STRANGERS)]
    clients = [endpoint.enter() for _ in range(20)]
    assert all(client.say(b"x") == b"hello x" for client in clients)
    late = [endpoint.connect() for _ in range(5)]
    gone = [connection.wire.aborted for connection in silent if connection]
    assert gone == [True] * 5 + [False] * (tls.MAX_STRANGERS - 5)
    assert not any(connection.wire.aborted for connection in late if connection)


def test_one_web_head_cannot_use_up_the_connections_of_others(endpoint: Endpoint) -> None:
    """Its connections beyond `MAX_OF_ONE` are closed."""
    clients = [endpoint.enter() for _ in range(tls.MAX_OF_ONE)]
    assert endpoint.enter().wire.aborted
    assert not any(client.wire.aborted for client in clients)
    assert endpoint.enter(HEADS.issue_client("web2.internal")).say(b"x") == b"hello x"
    for client in clients[:2]:
        client.leave()
    assert endpoint.enter().say(b"x") == b"hello x"


def test_the_number_of_connections_never_exceeds_the_limit(endpoint: Endpoint) -> None:
    """Connections that are being closed count, too: each still has a file descriptor."""
    connections = [endpoint.connect() for _ in range(tls.MAX_CONNECTIONS)]
    assert None not in connections
    assert endpoint.connect() is None
    assert connections[0] is not None
    connections[0].leave()
    assert endpoint.connect() is not None


def test_file_descriptors_are_enough_for_all_limits_together() -> None:
    """Delivery, pipes of programs, calls of a CA, beside what `net.descriptors` divides."""
    programs = 2 * (PROGRAMS_AT_ONCE + ASKED_AT_ONCE) + 2 * CALLS_AT_ONCE
    taken = tls.MAX_CONNECTIONS + programs
    assert taken <= OTHER - 100


def test_replaced_files_are_used_for_new_connections(endpoint: Endpoint) -> None:
    """A renewed certificate is used without a restart."""
    before = endpoint.enter()
    renewed = endpoint.root.issue("endpoint.internal")
    renewed.save(endpoint.folder, "endpoint")
    endpoint.context.adopt(TlsContext(endpoint.files()))
    assert before.say(b"x") == b"hello x"
    shown = endpoint.enter().tls.getpeercert(binary_form=True)
    assert shown is not None
    assert ssl.DER_cert_to_PEM_cert(shown) == renewed.leaf


LOCKED = (
    make_key("ec256")
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    .decode()
)
FAULTS = [
    ("endpoint.pem", None, "delivery.certificate: {file}: No such file or directory"),
    (
        "endpoint.pem",
        "text",
        "delivery.certificate: {file} does not contain a certificate chain in PEM",
    ),
    (
        "endpoint.key",
        "",
        "delivery.key: {file} does not contain a private key without a passphrase in PEM",
    ),
    (
        "heads.pem",
        "text",
        "delivery.client_ca: {file} does not contain the certificate of a CA in PEM",
    ),
    (
        "endpoint.key",
        LOCKED,
        "delivery.key: {file} does not contain a private key without a passphrase in PEM",
    ),
    ("endpoint.key", SHOWN.key, "delivery.key: {file} does not belong to"),
]
"""A file, its content, and the message."""


@pytest.mark.parametrize(("name", "text", "message"), FAULTS)
def test_files_that_cannot_be_used_are_named(
    endpoint: Endpoint, name: str, text: str | None, message: str
) -> None:
    """The message has the setting, the file and the fault."""
    file = endpoint.folder / name
    file.unlink()
    if text is not None:
        file.write_text(text)
        file.chmod(0o600)
    with pytest.raises(CannotListen) as caught:
        TlsContext(endpoint.files())
    assert str(caught.value).startswith(message.format(file=file))


def test_a_key_that_every_user_can_open_is_refused(endpoint: Endpoint) -> None:
    """Its group may read it, as with `ssl-cert`."""
    key = endpoint.folder / "endpoint.key"
    key.chmod(0o640)
    TlsContext(endpoint.files())
    key.chmod(0o644)
    with pytest.raises(CannotListen) as caught:
        TlsContext(endpoint.files())
    text = f"delivery.key: {key}: every user of the machine can open it; `chmod o= {key}`"
    assert str(caught.value) == text
