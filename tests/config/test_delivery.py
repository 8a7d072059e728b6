"""The settings of the delivery; clients are DNS names or fingerprints."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from failoverdns.config.delivery import application_or_all, client, fingerprint
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import (
    Config,
    DeliverySettings,
    ListenAddress,
)

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]
HEX = "0123456789abcdef" * 4
COLONS = ":".join(HEX[at : at + 2] for at in range(0, 64, 2))


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("web1.shop-eu.internal", "web1.shop-eu.internal"),
        ("Web_1.Internal.", "web_1.internal"),
        ("proxy", "proxy"),
        (f"sha256:{HEX}", f"sha256:{HEX}"),
        (f"SHA256:{COLONS.upper()}", f"sha256:{HEX}"),
    ],
)
def test_a_client_is_a_name_or_a_fingerprint(text: str, identity: str) -> None:
    assert client(text) == identity


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (".", "the root is not allowed here"),
        ("*.internal", "its part '[*]' cannot be a DNS label"),
        ("192.0.2.1", "an address cannot be a client; write a DNS name or a fingerprint"),
        ("2001:db8::1", "an address cannot be a client"),
        ("sha1:" + "0" * 40, "cannot be a DNS label"),
        *(
            (f"sha256:{digits}", "a fingerprint is sha256: and 64 hex digits")
            for digits in ("", HEX[1:], HEX + "00", COLONS[1:], COLONS + ":", "x" + HEX[1:])
        ),
        (f"sha256:{COLONS[:-3]}{COLONS[-2:]}", "a fingerprint is sha256: and 64 hex digits"),
        (f"sha256:{HEX[:62]}::", "a fingerprint is sha256: and 64 hex digits"),
        (f"sha256: {HEX}", "a fingerprint is sha256: and 64 hex digits"),
    ],
)
def test_text_that_cannot_identify_a_client_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        client(text)


@pytest.mark.parametrize(
    "text",
    [HEX, HEX.upper(), COLONS, COLONS.upper(), f"sha256:{HEX}", f"SHA256:{COLONS.upper()}"],
)
def test_a_fingerprint_has_digits_in_any_case_with_or_without_colons(text: str) -> None:
    assert fingerprint(text) == f"sha256:{HEX}"


@pytest.mark.parametrize(
    "text", ["", "web1.internal", HEX[1:], COLONS + ":", f"sha1:{HEX}", f"{HEX}\n"]
)
def test_text_that_is_not_a_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="a fingerprint is sha256: and 64 hex digits"):
        fingerprint(text)


def test_a_client_may_fetch_applications_by_name_or_all_of_them() -> None:
    assert application_or_all("Shop-EU") == "shop-eu"
    assert application_or_all("*") == "*"
    with pytest.raises(Malformed, match="cannot be a DNS label"):
        application_or_all("shop*")


def delivery(listen: str, clients: str = "{}") -> str:
    """The section `delivery`: addresses on line 8, at column 11, and clients on line 12."""
    return f"""\
delivery:
  listen: [{listen}]
  certificate: a.pem
  key: /etc/a.key
  client_ca: ../ca.pem
  clients: {clients}
"""


def test_the_settings_of_the_delivery_are_read(load: Load, right: str, tmp_path: Path) -> None:
    clients = f'{{Web1.Internal.: [shop-EU, blog], "sha256:{HEX.upper()}": ["*"]}}'
    assert load(right + delivery("'127.0.0.1:0', '[::1]:8443'", clients)).delivery == (
        DeliverySettings(
            listen=(
                ListenAddress(ip_address("127.0.0.1"), 0),
                ListenAddress(ip_address("::1"), 8443),
            ),
            certificate=tmp_path / "a.pem",
            key=Path("/etc/a.key"),
            client_ca=tmp_path.parent / "ca.pem",
            clients=(("web1.internal", ("shop-eu", "blog")), (f"sha256:{HEX}", ("*",))),
        )
    )


def test_what_is_revoked_is_read(load: Load, right: str, tmp_path: Path) -> None:
    """Without these keys nothing is."""
    section = right + delivery("'127.0.0.1:0'")
    settings = load(section).delivery
    assert settings is not None
    assert (settings.revoked, settings.client_crl) == ((), None)
    more = f'  revoked: ["{COLONS.upper()}"]\n  client_crl: clients.crl\n'
    settings = load(section + more).delivery
    assert settings is not None
    assert settings.revoked == (f"sha256:{HEX}",)
    assert settings.client_crl == tmp_path / "clients.crl"


def test_the_list_of_clients_may_be_empty(load: Load, right: str) -> None:
    """So that a reload can remove the last client."""
    settings = load(right + delivery("'127.0.0.1:0'")).delivery
    assert settings is not None
    assert settings.clients == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            delivery("'[::1]:1', '127.0.0.1:1', '[0::1]:1'"),
            ["8:38 delivery.listen[2]: the address [::1]:1 is given twice"],
        ),
        (
            delivery("5, '127.0.0.1:1', '127.0.0.1:5300'"),
            [
                '8:12 delivery.listen[0]: "5" is not an address with a port; write ADDRESS:PORT, '
                'such as "192.0.2.53:53" or "[2001:db8::53]:53"',
                "8:30 delivery.listen[2]: 127.0.0.1:5300 is taken by listen, "
                "as 127.0.0.1:5300 on line 6",
            ],
        ),
        (
            delivery("'0.0.0.0:5300'"),
            [
                "8:12 delivery.listen[0]: 0.0.0.0:5300 is taken by listen, "
                "as 127.0.0.1:5300 on line 6"
            ],
        ),
        (delivery("'[::]:5300', '127.0.0.2:5300', '127.0.0.1:5301'"), []),
        (
            delivery("'127.0.0.1:1'", "{a.test: [], b.test: [x, '*', X]}"),
            [
                "12:21 delivery.clients.a.test: empty; name at least one application, "
                'or "*" for every one',
                "12:42 delivery.clients.b.test[2]: the application x is given twice",
            ],
        ),
        (
            delivery("'127.0.0.1:1'", "{a.test: [x], '*.test': [x], A.Test.: [y]}"),
            [
                '12:26 delivery.clients.*.test: "*.test" cannot be a client: its part '
                "'*' cannot be a DNS label: use 1 to 63 letters, digits, '-' or '_', "
                "not beginning or ending with '-'",
                "12:41 delivery.clients.A.Test.: the client a.test is given twice; "
                "the first time on line 12",
            ],
        ),
        (
            delivery("'127.0.0.1:1'", f'{{"sha256:{HEX}": [x], "sha256:{HEX.upper()}": [x]}}'),
            [
                f"12:93 delivery.clients.sha256:{HEX.upper()}: the client sha256:{HEX} is given "
                "twice; the first time on line 12"
            ],
        ),
    ],
)
def test_an_error_in_the_delivery_is_reported(
    shown: Shown, right: str, text: str, expected: list[str]
) -> None:
    assert shown(right + text) == expected


def test_an_error_in_what_is_revoked_is_reported(shown: Shown, right: str) -> None:
    section = right + delivery("'127.0.0.1:0'")
    more = f'  revoked: ["{HEX}", x, "sha256:{COLONS.upper()}"]\n  client_crl: [a]\n'
    assert shown(section + more) == [
        "13:81 delivery.revoked[1]: a fingerprint is sha256: and 64 hex digits, with or without "
        "colons",
        f"13:84 delivery.revoked[2]: the fingerprint sha256:{HEX} is given twice",
        "14:15 delivery.client_crl: must be text, not a list",
    ]


def test_listening_on_a_wildcard_address_takes_every_address_of_its_family(
    shown: Shown, right: str
) -> None:
    text = right.replace('"127.0.0.1:5300"', '"[::1]:53", "0.0.0.0:5300", "[::]:0"')
    section = delivery("'127.0.0.1:5300', '[::1]:5300', '[::1]:0'")
    assert shown(text + section) == [
        "8:12 delivery.listen[0]: 127.0.0.1:5300 is taken by listen, as 0.0.0.0:5300 on line 6"
    ]


def test_a_refused_value_causes_no_second_error(shown: Shown, right: str) -> None:
    text = delivery("5", "{a.test: [5], b.test: *x}")
    assert [error.split(" ")[1] for error in shown(right + text)] == [
        "delivery.listen[0]:",
        "delivery.clients.a.test[0]:",
        "delivery.clients.b.test:",
    ]
