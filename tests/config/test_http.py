"""The settings of HTTP: the API, the dashboard and the metrics."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from failoverdns.model.settings import Config, HTTPSettings, ListenAddress

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]

LOCAL = ListenAddress(ip_address("127.0.0.1"), 8053)
ANY = ListenAddress(ip_address("::"), 443)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        pytest.param(
            'listen: ["127.0.0.1:8053"]',
            HTTPSettings((LOCAL,), metrics_public=True),
            id="loopback needs no certificate, and metrics are public there",
        ),
        pytest.param(
            'listen: ["127.0.0.1:8053"], metrics: token, certificate: null, key: null',
            HTTPSettings((LOCAL,)),
            id="metrics may need a token",
        ),
        pytest.param(
            'listen: ["[::]:443"], certificate: a.pem, key: /etc/a.key',
            HTTPSettings((ANY,), Path("FOLDER/a.pem"), Path("/etc/a.key")),
            id="with a certificate others may connect, and metrics need a token",
        ),
        pytest.param(
            'listen: ["[::]:443"], certificate: "application:Dashboard", metrics: public',
            HTTPSettings((ANY,), application="dashboard", metrics_public=True),
            id="the certificate may be that of an application",
        ),
        pytest.param(
            'listen: ["[::]:443"], plaintext: true, trusted_proxies: [10.0.0.0/8, "::1"], '
            "hosts: [DNS.shop.example, shop.test.]",
            HTTPSettings(
                (ANY,),
                plaintext=True,
                trusted_proxies=(ip_network("10.0.0.0/8"), ip_network("::1")),
                hosts=("dns.shop.example", "shop.test"),
            ),
            id="behind a proxy that speaks HTTPS",
        ),
    ],
)
def test_the_settings_of_http_are_read(
    load: Load, right: str, tmp_path: Path, section: str, expected: HTTPSettings
) -> None:
    found = load(f"{right}http: {{{section}}}\n").http
    assert repr(found) == repr(expected).replace("FOLDER", str(tmp_path))


def test_without_the_section_there_is_no_http(load: Load, right: str) -> None:
    assert load(right).http is None


PLAIN = (
    "and tokens would travel in plain text; give certificate and key, or write plaintext: true if "
    "a proxy in front of this address speaks HTTPS"
)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "http: {}",
            ['7:7 http.listen: missing; give at least one address, such as "127.0.0.1:8053"'],
        ),
        (
            'http: {listen: ["127.0.0.1:1", "192.0.2.1:8053", "[::]:8053"]}',
            [
                f"7:32 http.listen[1]: others can reach 192.0.2.1:8053, {PLAIN}",
                f"7:50 http.listen[2]: others can reach [::]:8053, {PLAIN}",
            ],
        ),
        (
            'http: {listen: ["0.0.0.0:1"], certificate: a.pem}',
            ["7:7 http.key: missing; give the path of the private key of `certificate`, PEM"],
        ),
        (
            'http: {listen: ["0.0.0.0:1"], key: a.key}',
            ["7:7 http.certificate: missing; give the path of the server's own chain, PEM"],
        ),
        (
            'http: {listen: ["0.0.0.0:1"], certificate: "application:shop", key: a.key}',
            [
                "7:69 http.key: must be left out: the key of the application's certificate is in "
                "the vault"
            ],
        ),
        (
            'http: {listen: ["0.0.0.0:1"], certificate: "application:a b"}',
            [
                "7:44 http.certificate: application 'a b' cannot be a DNS label: use 1 to 63 "
                "letters, digits, '-' or '_', not beginning or ending with '-'"
            ],
        ),
        (
            'http: {listen: ["0.0.0.0:1"], certificate: a, key: b, plaintext: true}',
            [
                "7:66 http.plaintext: with a certificate only HTTPS is spoken; leave this out, or "
                "the certificate"
            ],
        ),
        (
            'http: {listen: ["0.0.0.0:1"], plaintext: yes}',
            ['7:42 http.plaintext: must be true or false, not the text "yes"; write true'],
        ),
        (
            'http: {listen: ["127.0.0.1:5300", "[::1]:1", "[0::1]:1"]}',
            [
                "7:17 http.listen[0]: 127.0.0.1:5300 is taken by listen, as 127.0.0.1:5300 on line "
                "6",
                "7:46 http.listen[2]: the address [::1]:1 is given twice",
            ],
        ),
        (
            'http: {listen: ["127.0.0.1:853"]}\n'
            'tls: {listen: ["0.0.0.0:853"], certificate: a, key: b}',
            ["7:17 http.listen[0]: 127.0.0.1:853 is taken by tls.listen, as 0.0.0.0:853 on line 8"],
        ),
        (
            'http: {listen: ["127.0.0.1:1"], metrics: off}',
            ['7:42 http.metrics: "off" is not who may read metrics; write public or token'],
        ),
        (
            'http: {listen: ["127.0.0.1:1"], trusted_proxies: [here]}',
            [
                '7:51 http.trusted_proxies[0]: "here" is not a network; write one such as '
                "192.0.2.0/24, 2001:db8::/32 or 192.0.2.53"
            ],
        ),
        (
            'http: {listen: ["127.0.0.1:1"], hosts: ["192.0.2.1", "a.test:80", a.test, A.test]}',
            [
                '7:41 http.hosts[0]: "192.0.2.1" is an address, which is always allowed; leave it '
                "out",
                '7:54 http.hosts[1]: "a.test:80" must be a name without a port',
                "7:75 http.hosts[3]: the name a.test is given twice",
            ],
        ),
        (
            'http: {listen: ["127.0.0.1:1"], port: 8053}',
            [
                "7:33 http.port: unknown key; a port stands beside its address, in `listen`",
            ],
        ),
    ],
)
def test_a_fault_of_http_is_reported(
    shown: Shown, right: str, section: str, expected: list[str]
) -> None:
    assert shown(f"{right}{section}\n") == expected
