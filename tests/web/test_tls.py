"""TLS for HTTP clients: versions, ALPN, and certificates that are replaced while it runs."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from authority import Authority, Issued
from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM, load_certificate

from failoverdns.model.errors import Malformed
from failoverdns.net.tls_material import TLSMaterial
from failoverdns.web.tls import WebContext

AUTHORITY = Authority()
ISSUED = AUTHORITY.issue("dns.example")
RENEWED = AUTHORITY.issue("dns.example")


def material(issued: Issued) -> TLSMaterial:
    return TLSMaterial(issued.chain.encode(), issued.key.encode())


def connected(
    context: WebContext, client: ssl.SSLContext | None = None
) -> tuple[ssl.SSLObject, SSL.Connection]:
    """Return both ends of a connection after the handshake; raises ssl.SSLError or SSL.Error."""
    if client is None:
        client = ssl.create_default_context(cadata=AUTHORITY.pem)
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(received, sent, server_hostname="dns.example")
    theirs = SSL.Connection(context.getContext(), None)
    theirs.set_accept_state()
    for _ in range(6):
        with contextlib.suppress(ssl.SSLWantReadError):
            ours.do_handshake()
        if data := sent.read():
            theirs.bio_write(data)
        with contextlib.suppress(SSL.WantReadError):
            theirs.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            received.write(theirs.bio_read(1 << 16))
    return ours, theirs


def serial(end: ssl.SSLObject) -> int:
    shown = end.getpeercert(binary_form=True)
    assert shown is not None
    pem = ssl.DER_cert_to_PEM_cert(shown).encode()
    return load_certificate(FILETYPE_PEM, pem).get_serial_number()


@pytest.fixture
def context() -> WebContext:
    made = WebContext()
    made.adopt(material(ISSUED))
    return made


def test_there_is_no_tls_before_there_is_a_certificate() -> None:
    made = WebContext()
    assert not made.is_ready
    made.adopt(material(ISSUED))
    assert made.is_ready
    made.adopt(None)
    assert not made.is_ready


@pytest.mark.parametrize(
    ("version", "name"),
    [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")],
    ids=["1.2", "1.3"],
)
def test_tls_1_2_and_1_3_are_spoken_with_forward_secrecy(
    context: WebContext, version: ssl.TLSVersion, name: str
) -> None:
    client = ssl.create_default_context(cadata=AUTHORITY.pem)
    client.minimum_version = client.maximum_version = version
    ours, _ = connected(context, client)
    assert ours.version() == name
    cipher = ours.cipher()
    assert cipher is not None
    assert name == "TLSv1.3" or cipher[0].startswith("ECDHE-")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None), ([], None)],
)
def test_http_1_1_is_chosen(context: WebContext, offered: list[str], chosen: str | None) -> None:
    client = ssl.create_default_context(cadata=AUTHORITY.pem)
    if offered:
        client.set_alpn_protocols(offered)
    ours, _ = connected(context, client)
    assert ours.selected_alpn_protocol() == chosen


def test_a_new_certificate_is_for_new_connections_and_open_ones_go_on(context: WebContext) -> None:
    ours, theirs = connected(context)
    context.adopt(material(RENEWED))
    theirs.send(b"still here")
    other, _ = connected(context)
    assert serial(ours) == ISSUED.certificate.serial_number
    assert serial(other) == RENEWED.certificate.serial_number


@pytest.mark.parametrize(
    "other",
    [
        TLSMaterial(b"nonsense", ISSUED.key.encode()),
        TLSMaterial(ISSUED.chain.encode(), b"nonsense"),
        TLSMaterial(ISSUED.chain.encode(), RENEWED.key.encode()),
    ],
    ids=["certificate", "key", "key of another"],
)
def test_what_tls_cannot_be_spoken_with_changes_nothing(
    context: WebContext, other: TLSMaterial
) -> None:
    with pytest.raises(Malformed):
        context.adopt(other)
    ours, _ = connected(context)
    assert serial(ours) == ISSUED.certificate.serial_number
