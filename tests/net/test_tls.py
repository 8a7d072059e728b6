"""The files of the TLS endpoint for web heads: they are read, checked, and replaced."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
from authority import Authority, make_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from doors import HEADS, SHOWN, Endpoint

from failoverdns.net.sockets import CannotListen
from failoverdns.net.tls import TlsContext


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    """Return a TLS endpoint."""
    return Endpoint(tmp_path)


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


def test_a_chain_is_trusted_as_long_as_its_ca_is_in_the_file(endpoint: Endpoint) -> None:
    """After a reload, open connections are checked with the new file."""
    chain = [SHOWN.certificate, HEADS.certificate]
    assert endpoint.context.trusts(chain)
    (endpoint.folder / "heads.pem").write_text(Authority("Others").pem)
    endpoint.context.adopt(TlsContext(endpoint.files()))
    assert not endpoint.context.trusts(chain)
    expired = HEADS.issue("web1.internal", starts=-7200, lasts=3600)
    (endpoint.folder / "heads.pem").write_text(HEADS.pem)
    endpoint.context.adopt(TlsContext(endpoint.files()))
    assert endpoint.context.trusts(chain)
    assert not endpoint.context.trusts([expired.certificate, HEADS.certificate])


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


@pytest.mark.parametrize(
    ("name", "setting"),
    [("endpoint.pem", "certificate"), ("endpoint.key", "key"), ("heads.pem", "client_ca")],
)
def test_a_pipe_is_refused_at_once(endpoint: Endpoint, name: str, setting: str) -> None:
    """Opening it would wait for somebody who writes to it."""
    file = endpoint.folder / name
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(CannotListen) as caught:
        TlsContext(endpoint.files())
    assert str(caught.value) == f"delivery.{setting}: {file}: not a regular file"


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
