"""Secondaries, the zones that they get, and the catalog zone."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from samples import name

from failoverdns.config.secondaries import MAX_SECONDARIES, server_address
from failoverdns.model.catalog import catalog_of
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import Config, ListenAddress, SecondarySettings
from failoverdns.model.zone import SOATimers

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]

BASE = """\
zones:
  a.test: {nameservers: {ns.example.net: []}%s}
  b.test: {nameservers: {ns.example.net: []}%s}
listen: ["192.0.2.53:53", "[::]:5353"]
tsig_keys:
  xfr.test: {secret_file: xfr.key}
  other.test: {secret_file: other.key}
"""
TWO = """\
secondaries:
  ns2: {address: "198.51.100.53", key: xfr.test}
  ns3: {address: "[2001:db8::3]:5300", key: Other.test., source: "2001:db8::53"}
"""
PLAIN = BASE % ("", "")
"""Secondaries begin on line 8."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("198.51.100.53:53", "198.51.100.53:53"),
        ("198.51.100.53:5300", "198.51.100.53:5300"),
        ("198.51.100.53", "198.51.100.53:53"),
        ("[2001:db8::53]:53", "[2001:db8::53]:53"),
        ("[2001:db8::53]", "[2001:db8::53]:53"),
        ("127.0.0.1:1", "127.0.0.1:1"),
    ],
)
def test_an_address_may_have_a_port(text: str, shown: str) -> None:
    """Without one it is that of DNS."""
    assert str(server_address(text)) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2001:db8::3", '"2001:db8::3" is not an address with a port; write "[2001:db8::3]:53"'),
        ("[192.0.2.1]", '"[192.0.2.1]" is not an address with a port; write "192.0.2.1:53"'),
        (
            "192.0.2.1@5300",
            '"192.0.2.1@5300" is not an address with a port; write "192.0.2.1:5300"',
        ),
        ("2001:db8::1@53", 'write "[2001:db8::1]:53"'),
        ("192.0.2.1#53", 'write "192.0.2.1:53"'),
        ("192.0.2.1 port 53", 'write "192.0.2.1:53"'),
        ("ns2.example.net", '"ns2.example.net" is not an address with a port; write ADDRESS:PORT'),
        ("ns2.example.net:53", "(host names are not allowed)"),
        ("192.0.2.1:65536", "the port must be from 0 to 65535, not 65536"),
        ("192.0.2.1:0", '"192.0.2.1:0" cannot be the address of a name server; write one such as'),
        ("0.0.0.0:53", "cannot be the address of a name server"),
        ("[::]", "cannot be the address of a name server"),
        ("224.0.0.1", "cannot be the address of a name server"),
        ("fe80::1%eth0", "is not an address with a port"),
        ("", '"" is not an address with a port'),
        ("[]", "is not an address with a port"),
    ],
)
def test_another_address_is_refused_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(Malformed) as refusal:
        server_address(text)
    assert message in str(refusal.value)


def test_secondaries_are_read_in_the_order_of_the_file(load: Load) -> None:
    """A zone that names none of them is transferred by all."""
    config = load(PLAIN + TWO)
    assert config.secondaries == (
        SecondarySettings(
            "ns2", ListenAddress(ip_address("198.51.100.53"), 53), name("xfr.test"), None
        ),
        SecondarySettings(
            "ns3",
            ListenAddress(ip_address("2001:db8::3"), 5300),
            name("other.test"),
            ip_address("2001:db8::53"),
        ),
    )
    assert [zone.secondaries for zone in config.zones] == [("ns2", "ns3")] * 2
    assert config.warnings == ()


def test_a_zone_names_some_of_them_or_none(load: Load) -> None:
    config = load(BASE % (", secondaries: [ns3]", ", secondaries: []") + TWO)
    assert [zone.secondaries for zone in config.zones] == [("ns3",), ()]
    (warning,) = config.warnings
    assert warning.endswith(
        "9:3: warning: secondaries.ns2: no zone has the secondary ns2, so it gets nothing"
    )


def test_without_secondaries_nothing_is_transferred(load: Load) -> None:
    config = load(PLAIN)
    assert config.secondaries == ()
    assert config.zones[0].secondaries == ()
    assert config.catalog is None


def test_a_zone_with_secondaries_has_short_timers(load: Load) -> None:
    """They help when a NOTIFY message is lost; each can be set."""
    config = load(BASE % ("", ", secondaries: []") + TWO)
    assert [zone.soa for zone in config.zones] == [SOATimers(300, 60, 1209600), SOATimers()]
    config = load(BASE % (", soa: {retry: 90}", ", soa: {refresh: 900, expire: 604800}") + TWO)
    assert [zone.soa for zone in config.zones] == [
        SOATimers(300, 90, 1209600),
        SOATimers(900, 60, 604800),
    ]
    assert config.warnings == ()


def test_a_short_expire_is_a_warning_where_there_are_secondaries(load: Load) -> None:
    soa = ", soa: {expire: 3600}"
    (warning,) = load(BASE % (soa, f"{soa}, secondaries: []") + TWO).warnings[:1]
    assert ":2:61: warning: zones.a.test.soa.expire: expire is 3600: secondaries that cannot" in (
        warning
    )
    assert warning.endswith("answer no more; write at least 86400, a day")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            'secondaries: {ns2: {address: "198.51.100.1:53", key: xfr.tst}}',
            ['8:54 secondaries.ns2.key: "xfr.tst" is not a key of tsig_keys; did you mean "xfr.'],
        ),
        (
            'secondaries: {ns2: {address: "198.51.100.1:53", key: acme}}',
            [
                '8:54 secondaries.ns2.key: "acme" is not a key of tsig_keys; tsig_keys has '
                "other.test, xfr.test"
            ],
        ),
        (
            "secondaries: {ns2: {}}",
            [
                "8:20 secondaries.ns2.address: missing; give the address of the name server, such",
                "8:20 secondaries.ns2.key: missing; name one of tsig_keys",
            ],
        ),
        (
            'secondaries: {"n s": {address: "198.51.100.1", key: xfr.test}}',
            ['8:15 secondaries."n s": "n s" cannot be the name of a secondary: use 1 to 64 lett'],
        ),
        (
            'secondaries: {ns2: {address: "192.0.2.53", key: xfr.test}}',
            [
                "8:30 secondaries.ns2.address: 192.0.2.53:53 is this server's own address, "
                "192.0.2.53:53 in listen; write that of the secondary"
            ],
        ),
        (
            'secondaries: {ns2: {address: "[::1]:5353", key: xfr.test}}',
            ["8:30 secondaries.ns2.address: [::1]:5353 is this server's own address, [::]:5353 in"],
        ),
        (
            'secondaries: {ns2: {address: "[::1]:53", key: xfr.test}}',
            [],
        ),
        (
            "secondaries:\n"
            '  ns2: {address: "198.51.100.1", key: xfr.test}\n'
            '  ns3: {address: "198.51.100.1:53", key: XFR.test}\n'
            '  ns4: {address: "198.51.100.1", key: other.test}',
            [
                "10:18 secondaries.ns3.address: 198.51.100.1:53 with this key is ns2 already, on "
                "line 9"
            ],
        ),
        (
            'secondaries: {ns2: {address: "198.51.100.1", key: xfr.test, source: "::1"}}',
            [
                "8:69 secondaries.ns2.source: ::1 is of another family than the address, "
                "198.51.100.1"
            ],
        ),
        (
            'secondaries: {ns2: {address: "198.51.100.1", key: xfr.test, source: 0.0.0.0}}',
            ["8:69 secondaries.ns2.source: 0.0.0.0 cannot be a source; leave it out for any"],
        ),
        (
            "secondaries: [ns2]",
            ["8:14 secondaries: must be a mapping of keys to values, not a list"],
        ),
    ],
)
def test_a_fault_of_a_secondary_is_reported_once(
    shown: Shown, section: str, expected: list[str]
) -> None:
    found = shown(f"{PLAIN}{section}\n")
    assert len(found) == len(expected), found
    for fault, start in zip(found, expected, strict=True):
        assert fault.startswith(start)


@pytest.mark.parametrize(("count", "end"), [(4, "other.test"), (5, "k4.test, ...")])
def test_some_of_many_keys_are_named(shown: Shown, count: int, end: str) -> None:
    """Not all of them, where there may be a thousand."""
    keys = "".join(f"  k{number}.test: {{secret_file: a}}\n" for number in range(count))
    text = PLAIN.replace("  xfr.test: {secret_file: xfr.key}\n", keys)
    (found,) = shown(f"{text}secondaries: {{ns2: {{address: 192.0.2.2, key: zzzzzzzzz}}}}\n")
    assert found.endswith(f"tsig_keys has k0.test, k1.test, k2.test, k3.test, {end}")


def test_a_wrong_key_is_not_reported_where_it_is_used(shown: Shown) -> None:
    """A fault is reported at its cause, once."""
    text = PLAIN.replace("{secret_file: xfr.key}", "{secret_file: 5}")
    (found,) = shown(text + TWO)
    assert found.startswith("6:27 tsig_keys.xfr.test.secret_file: must be text")


@pytest.mark.parametrize(
    ("names", "secondaries", "expected"),
    [
        (
            "[ns2, ns4, ns2]",
            TWO,
            [
                '2:66 zones.a.test.secondaries[1]: "ns4" is not a name server of secondaries; did '
                'you mean "ns3"?',
                "2:71 zones.a.test.secondaries[2]: the secondary ns2 is given twice",
            ],
        ),
        (
            "[ns2]",
            "",
            [
                '2:61 zones.a.test.secondaries[0]: "ns2" is not a name server of secondaries; '
                "there are none; name it in `secondaries`"
            ],
        ),
        ("ns2", TWO, ["2:60 zones.a.test.secondaries: must be a list, [..., ...], not the text"]),
    ],
)
def test_a_fault_of_the_secondaries_of_a_zone_is_reported(
    shown: Shown, names: str, secondaries: str, expected: list[str]
) -> None:
    found = shown(BASE % (f", secondaries: {names}", "") + secondaries)
    assert len(found) == len(expected), found
    for fault, start in zip(found, expected, strict=True):
        assert fault.startswith(start)


def test_there_is_a_limit_on_secondaries(shown: Shown) -> None:
    lines = [
        f'  n{number}: {{address: "198.51.100.1:{number}", key: xfr.test}}\n'
        for number in range(1, MAX_SECONDARIES + 2)
    ]
    assert shown(f"{PLAIN}secondaries:\n{''.join(lines[1:])}") == []
    assert shown(f"{PLAIN}secondaries:\n{''.join(lines)}") == [
        "9:3 secondaries: has 101 name servers; at most 100 are allowed"
    ]


def test_the_catalog_is_a_name_beside_the_zones(load: Load) -> None:
    """It may be below a zone, as is usual."""
    longest = "x." + ".".join(["a" * 59] * 3)
    for text in ("catalog.a.test", "Catalog.example.", longest):
        config = load(f"{PLAIN}{TWO}catalog: {text}\n")
        assert config.catalog == name(text.lower().removesuffix("."))
        made = catalog_of(config)
        assert made is not None
        assert made.members_of(name("xfr.test")) == (name("a.test"), name("b.test"))
    assert catalog_of(load(PLAIN + TWO)) is None


@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        ("a.test", "a.test is a zone of this file; give the catalog another name, such as catalog"),
        ("test", "test is above the zone a.test; give the catalog a name of its own, such as cata"),
        ("www.b.test", "www.b.test has records in the zone b.test, which secondaries would not an"),
        ("a..b", '"a..b" cannot be a catalog zone: it has an empty label'),
        (".", '"." cannot be a catalog zone: the root is not allowed here'),
        ("5", "must be text, not the number 5; put it in quotes"),
        ("x." + ".".join(["a" * 60] * 3), "is 186 bytes long; at most 183 leave room for its m"),
    ],
)
def test_another_catalog_is_refused(shown: Shown, catalog: str, expected: str) -> None:
    found = shown(BASE % ("", ', records: ["www A 192.0.2.1"]') + TWO + f"catalog: {catalog}\n")
    assert found[0].startswith(f"11:10 catalog: {expected}")


def test_a_catalog_needs_secondaries(shown: Shown) -> None:
    assert shown(f"{PLAIN}catalog: catalog.a.test\n") == [
        "8:10 catalog: needs name servers that read it; name them in `secondaries`, or leave the "
        "catalog out"
    ]
