"""The settings of the web process: made of the configuration, and as JSON."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from failoverdns.model.settings import HTTPSettings, ListenAddress
from failoverdns.web.settings import (
    WebSettings,
    make_web_settings,
    read_settings,
    write_settings,
)

LISTEN = (ListenAddress(ip_address("127.0.0.1"), 8053),)


def test_settings_survive_the_way_to_the_process() -> None:
    networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    settings = WebSettings(("dns.shop.example", "*.shop.example"), True, networks, True)
    assert read_settings(write_settings(settings)) == settings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(HTTPSettings(LISTEN), WebSettings(("cert.test",)), id="without TLS"),
        pytest.param(
            HTTPSettings(LISTEN, Path("/a.pem"), Path("/a.key"), metrics_public=True),
            WebSettings(("cert.test",), True, tls=True),
            id="with files",
        ),
        pytest.param(
            HTTPSettings(LISTEN, application="shop", hosts=("a.test", "cert.test")),
            WebSettings(("a.test", "cert.test"), tls=True),
            id="with the certificate of an application",
        ),
    ],
)
def test_names_of_the_certificate_are_names_of_the_server(
    settings: HTTPSettings, expected: WebSettings
) -> None:
    assert make_web_settings(settings, ["Cert.test"]) == expected
