"""The formats of a delivered certificate, read as the programs that fetch it read them."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
from authority import make_authority

from failoverdns.delivery.formats import write_body
from failoverdns.pki.certificates import read_bundle

ISSUED = make_authority().issue("www.shop.example", "*.shop.example")
BUNDLE, FACTS = read_bundle(ISSUED.chain, ISSUED.key)


def test_pem_is_the_chain_and_then_the_key(tmp_path: Path) -> None:
    """One file from which a TLS server takes both."""
    body = write_body("pem", BUNDLE, FACTS.names)
    assert body.text == ISSUED.chain + ISSUED.key
    (tmp_path / "pem").write_text(body.text)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "pem")


def test_traefik_gets_file_contents_instead_of_file_names() -> None:
    """In the dynamic configuration's `tls.certificates`."""
    body = write_body("traefik", BUNDLE, FACTS.names)
    assert body.text is not None
    pair = {"certFile": ISSUED.chain, "keyFile": ISSUED.key}
    assert json.loads(body.text) == {"tls": {"certificates": [pair]}}
    assert body.media_type == "application/json"


SERVER_NAMES = [
    (None, True),
    ("", True),
    ("www.shop.example", True),
    ("WWW.Shop.Example.", True),
    ("docs.shop.example", True),
    ("a.docs.shop.example", False),
    ("shop.example", False),
    ("other.example", False),
]
"""The server name that Caddy asks for, and whether the certificate covers it."""


@pytest.mark.parametrize(("server_name", "is_sent"), SERVER_NAMES)
def test_caddy_gets_nothing_for_a_name_that_is_not_covered(
    server_name: str | None, is_sent: bool
) -> None:
    """Then Caddy continues as it would without this endpoint."""
    body = write_body("caddy", BUNDLE, FACTS.names, server_name)
    assert body.text == (ISSUED.chain + ISSUED.key if is_sent else None)


def test_caddy_gets_nothing_for_a_wildcard_right_below_the_root() -> None:
    """No TLS client accepts `*.com` for `shop.com` (RFC 9525 section 6.3)."""
    assert write_body("caddy", BUNDLE, ("*.com",), "shop.com").text is None
