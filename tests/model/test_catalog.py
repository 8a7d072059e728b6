"""The catalog zone: what each secondary finds in it, and when its content is another one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from samples import name, zone

from failoverdns.model.catalog import INVALID, Catalog, make_catalog, member_label
from failoverdns.model.names import DomainName
from failoverdns.model.records import NS, SOA, TXT, StartOfAuthority, Text
from failoverdns.model.settings import ListenAddress, SecondarySettings

CATALOG = name("catalog.test")
XFR, OTHER = name("xfr.test"), name("other.test")


def secondary(text: str, key: DomainName) -> SecondarySettings:
    """A name server with a key."""
    return SecondarySettings(text, ListenAddress(ip_address("192.0.2.1"), 53), key)


NS2, NS3, NS4 = secondary("ns2", XFR), secondary("ns3", OTHER), secondary("ns4", XFR)
A = replace(zone("a.test"), secondaries=("ns2", "ns3"))
B = replace(zone("b.test"), secondaries=("ns4",))
ALONE = zone("alone.test")


def made(*zones: object) -> Catalog:
    """The catalog of zones, for three secondaries."""
    return make_catalog(CATALOG, zones, [NS2, NS3, NS4])  # type: ignore[arg-type]


def test_a_key_finds_the_zones_of_all_secondaries_that_have_it() -> None:
    """A zone without secondaries is in no catalog."""
    catalog = made(B, A, ALONE)
    assert catalog.members_of(XFR) == (name("a.test"), name("b.test"))
    assert catalog.members_of(OTHER) == (name("a.test"),)
    assert catalog.members_of(name("update.test")) == ()
    assert catalog.keys == (XFR, OTHER)


def test_the_zone_has_what_rfc_9432_demands() -> None:
    """NS and version, and a PTR record for each member at a label of its own below `zones`."""
    found = [(str(r.owner), r.rtype, r.ttl, r.data) for r in made(A, B).rrsets(XFR)]
    assert found == [
        ("catalog.test", NS, 0, (INVALID,)),
        ("version.catalog.test", TXT, 0, (Text((b"2",)),)),
        (f"{member_label(name('a.test'))}.zones.catalog.test", 12, 0, (name("a.test"),)),
        (f"{member_label(name('b.test'))}.zones.catalog.test", 12, 0, (name("b.test"),)),
    ]
    assert len(made(A, B).rrsets(OTHER)) == 3


def test_the_soa_record_has_short_timers() -> None:
    rrset = made(A).start_of_authority(77)
    assert (rrset.owner, rrset.rtype, rrset.ttl) == (CATALOG, SOA, 0)
    assert rrset.data == (StartOfAuthority(INVALID, INVALID, 77, 300, 60, 1209600, 0),)


def test_the_label_of_a_member_stays_the_same() -> None:
    """Another label would make every secondary drop the zone and transfer it again."""
    assert member_label(name("failover.test")) == "91832e516d0ae8572cb02b286cc8c321"
    assert member_label(name("failover.test")) != member_label(name("failover.example"))


def test_the_digest_does_not_depend_on_the_order_of_the_configuration() -> None:
    assert made(A, B).digest() == made(B, A).digest()
    assert made(A, B) == made(B, A)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(made(A), id="a zone is gone"),
        pytest.param(made(A, B, replace(ALONE, secondaries=("ns3",))), id="a zone is added"),
        pytest.param(made(A, replace(B, secondaries=("ns3",))), id="a zone changes its secondary"),
        pytest.param(replace(made(A, B), origin=name("catalog.example")), id="another name"),
        pytest.param(
            make_catalog(CATALOG, [A, B], [NS2, replace(NS3, key=XFR), NS4]), id="another key"
        ),
    ],
)
def test_another_content_has_another_digest(changed: Catalog) -> None:
    assert changed.digest() != made(A, B).digest()
