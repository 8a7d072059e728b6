"""Zones: their configured records, and serial numbers that never decrease."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.names import DomainName
from failoverdns.model.records import (
    AAAA,
    NS,
    SOA,
    A,
    Opaque,
    OwnedRRset,
    StartOfAuthority,
    Text,
)
from failoverdns.model.zone import APEX_TTL, NameServer, SOATimers, Zone, next_serial

SERIALS = st.integers(1, 2**32 - 1) | st.sampled_from([1, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1])
CLOCKS = st.floats(0, 2.0**33) | st.sampled_from([0.0, 1.0, 2.0**31, 2.0**32 - 1, 2.0**32])


def is_after(serial: int, previous: int) -> bool:
    """The comparison of RFC 1982 section 3.2, as the RFC writes it."""
    return (serial < previous and previous - serial > 2**31) or (
        serial > previous and serial - previous < 2**31
    )


@given(SERIALS, CLOCKS)
def test_a_serial_number_never_decreases_even_if_the_clock_does(previous: int, now: float) -> None:
    following = next_serial(previous, now)
    assert 0 < following < 2**32
    assert is_after(following, previous)


@pytest.mark.parametrize(
    ("previous", "now", "serial"),
    [
        pytest.param(None, 1_800_000_000.9, 1_800_000_000, id="the first is the Unix time"),
        pytest.param(None, 0.0, 1, id="the first is never zero"),
        pytest.param(5, 1_800_000_000.0, 1_800_000_000, id="it follows the clock"),
        pytest.param(7, 7.5, 8, id="a second change in a second is counted"),
        pytest.param(9, 7.0, 10, id="a clock that went back is not followed"),
        pytest.param(2**32 - 1, 0.0, 1, id="zero is left out when it wraps"),
        pytest.param(2**32 - 5, 2.0**32 + 3, 3, id="the clock may wrap"),
        pytest.param(1, 2.0**31 + 1, 2, id="serial numbers 2**31 apart have no order"),
        pytest.param(
            2**31 + 1, 0.0, 2**31 + 2, id="leaving out zero does not put them 2**31 apart"
        ),
    ],
)
def test_the_next_serial_number(previous: int | None, now: float, serial: int) -> None:
    assert next_serial(previous, now) == serial


def test_the_negative_ttl_is_the_ttl_and_the_minimum_of_the_soa_record() -> None:
    """RFC 2308 sections 3 and 4: resolvers take the lower of the two."""
    zone = samples.zone(negative_ttl=30)
    data = StartOfAuthority(
        samples.name("ns1.failover.test"),
        samples.name("hostmaster.failover.test"),
        7,
        14400,
        3600,
        1209600,
        30,
    )
    assert zone.start_of_authority(7) == OwnedRRset(zone.origin, SOA, 30, (data,))


def test_a_zone_has_its_ns_set_the_addresses_of_its_servers_and_its_static_records() -> None:
    inside, outside = samples.name("ns1.failover.test"), samples.name("ns2.example.net")
    static = samples.text_record("www.failover.test")
    both = samples.addresses("192.0.2.53", "2001:db8::53")
    zone = samples.zone(
        nameservers=(NameServer(inside, both), NameServer(outside)), records=(static,)
    )
    assert zone.configured_rrsets() == (
        OwnedRRset(zone.origin, NS, APEX_TTL, (inside, outside)),
        OwnedRRset(inside, A, APEX_TTL, both[:1]),
        OwnedRRset(inside, AAAA, APEX_TTL, both[1:]),
        static,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"ttl": 61},
        {"negative_ttl": 59},
        {"soa": SOATimers(refresh=300)},
        {"mailbox": samples.name("other.failover.test")},
        {"nameservers": (NameServer(samples.name("ns2.example.net")),)},
        {"records": (samples.text_record("www.failover.test"),)},
    ],
    ids=lambda fields: f"another {next(iter(fields))}",
)
def test_the_digest_of_a_zone_changes_with_everything_that_is_configured(
    fields: dict[str, object],
) -> None:
    zone = samples.zone()
    assert replace(zone, **fields).digest() != zone.digest()
    assert samples.zone().digest() == zone.digest()


def test_the_digest_of_a_zone_is_the_one_that_state_files_hold() -> None:
    """Otherwise every zone would get a new serial number when a new version starts.

    The zone has every kind of RDATA.  Another digest here is right only if the same configuration
    is served differently from then on, as it was when the timers of the SOA record changed.
    """
    origin = DomainName.from_text("failover.test")
    second = NameServer(DomainName.from_text("ns2.example"))
    contact = origin.child("hostmaster")
    first = NameServer(
        origin.child("ns1"), (IPv4Address("192.0.2.53"), IPv6Address("2001:db8::53"))
    )
    addresses = (IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2"))
    records = (
        OwnedRRset(origin, 16, 300, (Text((b'a "quoted" text', b"\x00\xff")),)),
        OwnedRRset(origin.child("www"), 5, 60, (origin.child("414-262-781"),)),
        OwnedRRset(origin.child("v6"), 28, 60, addresses),
        OwnedRRset(origin, 15, 3600, (Opaque(b"\x00\x0a\x00"),)),
    )
    alias = DomainName.from_text("lb.example")
    zone = Zone(origin, (first, second), contact, 60, 30, records, alias)
    assert zone.digest() == "3de50ee43f355ced743f2fd7149b586e"
