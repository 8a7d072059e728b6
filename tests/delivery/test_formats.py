"""The shapes in which certificates are fetched."""

from __future__ import annotations

import json

import pytest

from failoverdns.delivery.formats import CADDY, PEM, TRAEFIK, write_body
from failoverdns.model.certificate import Bundle, Secret

BUNDLE = Bundle("id", "CHAIN\n", Secret("KEY\n"))
NAMES = ("*.shop.example", "shop.example")


def test_pem_is_chain_then_key() -> None:
    body = write_body(PEM, BUNDLE, NAMES)
    assert (body.media_type, body.text) == ("application/pem-certificate-chain", "CHAIN\nKEY\n")


def test_traefik_gets_contents_in_the_place_of_file_names() -> None:
    body = write_body(TRAEFIK, BUNDLE, NAMES)
    assert body.media_type == "application/json"
    assert json.loads(body.text or "") == {
        "tls": {"certificates": [{"certFile": "CHAIN\n", "keyFile": "KEY\n"}]}
    }


@pytest.mark.parametrize(
    ("server_name", "is_there"),
    [
        ("shop.example", True),
        ("WWW.Shop.Example.", True),
        ("a.www.shop.example", False),
        ("docs.example", False),
        ("", True),
        (None, True),
    ],
)
def test_caddy_gets_nothing_for_a_foreign_name(server_name: str | None, is_there: bool) -> None:
    assert (write_body(CADDY, BUNDLE, NAMES, server_name).text is not None) is is_there
