"""What a request gets whose signature is right: the table in `transfers.serving`, row by row."""

from __future__ import annotations

import dns.message
import dns.rcode
import dns.rrset
import pytest
from transferred import ZONE, soa_record

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.transfers.differences import at_once
from failoverdns.transfers.serving import (
    Changes,
    Client,
    FromTable,
    Reply,
    Update,
    WholeZone,
    decide,
    failure,
    truncated,
)
from failoverdns.transfers.settings import TransferSettings, ZoneTerms
from failoverdns.transfers.zones import Zones

OURS, OTHERS = b"\4ours\0", b"\6others\0"
TCP, UDP = Client("192.0.2.1"), Client("192.0.2.1", is_udp=True)
ANOTHER = DomainName.from_text("another.test")


def soa_at(serial: int) -> bytes:
    """Return the delta that gives the zone a serial number."""
    soa = soa_record(serial)
    return b"Z" + ZONE.wire + len(soa).to_bytes(4, "big") + soa


def zones(*, whole: bool = True) -> Zones:
    """Return the zone at serial 7, which the key `ours` may transfer, and one of another key."""
    found = Zones(lambda _: None)
    terms = (
        ZoneTerms(ZONE.wire, ("ns2",), frozenset((OURS,)), 60),
        ZoneTerms(ANOTHER.wire, ("ns3",), frozenset((OTHERS,)), 60),
    )
    found.configure(TransferSettings(zones=terms), None)
    found.take(soa_at(7), is_part=False)
    if whole:
        at_once(found.filling())
    return found


def message(kind: str, name: str = "failover.test.", serial: int | None = None) -> bytes:
    query = dns.message.make_query(name, kind, use_edns=0)
    if serial is not None:
        soa = dns.rrset.from_text(name, 0, "IN", "SOA", f". . {serial} 0 0 0 0")
        query.authority.append(soa)
    return query.to_wire()


def decided(wire: bytes, key: bytes = OURS, client: Client = TCP, *, whole: bool = True) -> object:
    return decide(wire, key, client, zones(whole=whole), needs_certificate=False)


def rcode_of(found: object) -> Rcode:
    assert isinstance(found, Reply)
    assert found.refused
    return Rcode(dns.message.from_wire(found.message).rcode())


def test_a_key_of_the_zone_gets_the_whole_zone() -> None:
    found = decided(message("AXFR"))
    assert isinstance(found, WholeZone)
    assert found.zone.snapshot().serial == 7


@pytest.mark.parametrize("serial", [6, 0, 2**31 + 8])
def test_a_client_with_an_older_serial_gets_what_changed(serial: int) -> None:
    found = decided(message("IXFR", serial=serial))
    assert isinstance(found, Changes)
    assert found.serial == serial


@pytest.mark.parametrize("serial", [7, 8, 2**31 + 6])
def test_a_client_with_the_serial_or_a_newer_one_gets_the_soa_record_alone(serial: int) -> None:
    found = decided(message("IXFR", serial=serial))
    assert isinstance(found, Reply)
    (answer,) = dns.message.from_wire(found.message).answer
    assert answer[0].serial == 7


@pytest.mark.parametrize(
    ("wire", "rcode"),
    [
        pytest.param(message("AXFR", "another.test."), Rcode.REFUSED, id="AXFR, another key"),
        pytest.param(message("IXFR", "another.test.", 1), Rcode.REFUSED, id="IXFR, another key"),
        pytest.param(message("AXFR", "example.net."), Rcode.NOTAUTH, id="AXFR, not our zone"),
        pytest.param(message("IXFR", "a.failover.test.", 1), Rcode.NOTAUTH, id="IXFR, not a zone"),
        pytest.param(message("IXFR"), Rcode.FORMERR, id="IXFR without a serial"),
    ],
)
def test_other_requests_for_transfers_are_refused(wire: bytes, rcode: Rcode) -> None:
    assert rcode_of(decided(wire)) == rcode


@pytest.mark.parametrize(
    "wire",
    [message("AXFR"), message("IXFR", serial=1), message("SOA")],
    ids=["AXFR", "IXFR", "SOA"],
)
def test_while_the_image_is_filled_the_client_is_to_try_again(wire: bytes) -> None:
    assert rcode_of(decided(wire, whole=False)) == Rcode.SERVFAIL


def test_axfr_over_udp_is_an_error() -> None:
    assert rcode_of(decided(message("AXFR"), client=UDP)) == Rcode.FORMERR


def test_the_soa_record_comes_from_the_image() -> None:
    found = decided(message("SOA"), client=UDP)
    assert isinstance(found, Reply)
    reply = dns.message.from_wire(found.message)
    assert reply.answer[0][0].serial == 7
    assert reply.edns == 0


@pytest.mark.parametrize(
    ("wire", "key"),
    [
        (message("SOA"), OTHERS),
        (message("SOA", "www.failover.test."), OURS),
        (message("A"), OURS),
        (message("A", "example.net."), OURS),
        (b"\0\1\0\0\0\2" + bytes(6), OURS),
    ],
    ids=["a key of others", "a name in the zone", "another type", "elsewhere", "malformed"],
)
def test_everything_else_is_answered_from_the_table(wire: bytes, key: bytes) -> None:
    assert decided(wire, key) == FromTable()


def test_an_update_is_passed_on() -> None:
    assert decided(b"\0\1\x28\0" + bytes(8)) == Update()


@pytest.mark.parametrize(
    ("client", "is_refused"),
    [
        (Client("192.0.2.1"), False),
        (Client("192.0.2.1", is_tls=True), True),
        (Client("192.0.2.1", is_tls=True, has_certificate=True), False),
    ],
    ids=["TCP", "TLS", "TLS with a certificate"],
)
def test_over_tls_a_certificate_can_be_demanded(client: Client, *, is_refused: bool) -> None:
    found = decide(message("AXFR"), OURS, client, zones(), needs_certificate=True)
    assert isinstance(found, Reply) is is_refused
    if is_refused:
        assert rcode_of(found) == Rcode.REFUSED


def test_the_catalog_zone_differs_by_key() -> None:
    found = Zones(lambda _: None)
    delta = {}
    for key, serial in ((OURS, 3), (OTHERS, 4)):
        delta[key] = soa_at(serial)
    terms = (ZoneTerms(ZONE.wire, ("ns2",), frozenset((OURS, OTHERS)), 0),)
    settings = TransferSettings(zones=terms, catalog=ZONE.wire, catalogs=delta)
    found.configure(settings, None)
    for key, serial in ((OURS, 3), (OTHERS, 4)):
        decision = decide(message("AXFR"), key, TCP, found, needs_certificate=False)
        assert isinstance(decision, WholeZone)
        assert decision.zone.snapshot().serial == serial


def test_a_failure_has_the_id_and_opcode_of_the_request() -> None:
    reply = failure(b"\xab\xcd\x29\x80" + bytes(8), Rcode.SERVFAIL)
    assert reply == b"\xab\xcd\xa9\x02" + bytes(8)


def test_a_long_reply_is_truncated_for_udp_and_a_short_one_is_not() -> None:
    query = dns.message.make_query("www.failover.test.", "TXT")
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text("www.failover.test.", 60, "IN", "TXT", "x" * 200))
    wire = reply.to_wire()
    assert truncated(query.to_wire(), wire, len(wire)) == wire
    cut = dns.message.from_wire(truncated(query.to_wire(), wire, len(wire) - 1))
    assert cut.flags & dns.flags.TC
    assert cut.question == query.question
    assert cut.answer == []
