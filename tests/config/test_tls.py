"""The settings of DNS over TLS."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from failoverdns.model.settings import Config, ListenAddress, TLSSettings

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]


def test_the_settings_of_tls_are_read(load: Load, right: str, tmp_path: Path) -> None:
    """Without the section there is no TLS; without a CA no client needs a certificate."""
    text = 'tls: {listen: ["[::]:853"], certificate: a.pem, key: /etc/a.key'
    expected = TLSSettings(
        (ListenAddress(ip_address("::"), 853),), tmp_path / "a.pem", Path("/etc/a.key"), None
    )
    assert load(f"{right}{text}}}\n").tls == expected
    assert load(f"{right}{text}, client_ca: null}}\n").tls == expected
    with_ca = load(f"{right}{text}, client_ca: ca.pem}}\n").tls
    assert with_ca is not None
    assert with_ca.client_ca == tmp_path / "ca.pem"
    assert load(right).tls is None


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "tls: {}",
            [
                "7:6 tls.certificate: missing; give the path of the server's own chain, PEM",
                "7:6 tls.key: missing; give the path of the server's own private key, PEM",
                '7:6 tls.listen: missing; give at least one address, such as "0.0.0.0:853"',
            ],
        ),
        (
            "tls: {listen: [], certificate: a, key: ''}",
            [
                '7:15 tls.listen: empty; give at least one address, such as "0.0.0.0:853"',
                "7:40 tls.key: must be the path of a file",
            ],
        ),
        (
            'tls: {listen: ["127.0.0.1:5300", "[::1]:1", "[0::1]:1"], certificate: a, key: b}',
            [
                "7:16 tls.listen[0]: 127.0.0.1:5300 is taken by listen, as 127.0.0.1:5300 on line "
                "6",
                "7:45 tls.listen[2]: the address [::1]:1 is given twice",
            ],
        ),
        (
            'tls: {listen: ["0.0.0.0:8443"], certificate: a, key: b}\n'
            'delivery: {listen: ["192.0.2.1:8443"], certificate: a, key: b, client_ca: c, '
            "clients: {}}",
            [
                "7:16 tls.listen[0]: 0.0.0.0:8443 is taken by delivery.listen, as 192.0.2.1:8443 "
                "on line 8"
            ],
        ),
        (
            'tls: {listen: ["192.0.2.1:853"], certificate: a, key: b, ca: c}',
            ["7:58 tls.ca: unknown key; the keys here are listen, certificate, key, client_ca"],
        ),
    ],
)
def test_a_fault_of_tls_is_reported(
    shown: Shown, right: str, section: str, expected: list[str]
) -> None:
    assert shown(f"{right}{section}\n") == expected
