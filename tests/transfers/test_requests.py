"""Requests over UDP and TCP: signatures are checked, and replies signed."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import dns.message
import dns.name
import dns.rcode
import dns.rrset
import dns.tsig
import pytest
from transferred import ZONE, Names, operations
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from failoverdns.model.names import DomainName
from failoverdns.protocol.table.deltas import Put, ServedNames
from failoverdns.protocol.tsig import Algorithm, TSIGKey, Verified
from failoverdns.transfers.differences import at_once
from failoverdns.transfers.requests import Last, Requests, Sending
from failoverdns.transfers.serving import Client
from failoverdns.transfers.settings import TransferSettings, ZoneTerms
from failoverdns.transfers.transfer_log import TransferLog
from failoverdns.transfers.zones import Zones

T = TypeVar("T")

NAME = dns.name.from_text("xfr.failover.test")
SECRET = b"a secret of thirty-two bytes 123"
KEY = dns.tsig.Key(NAME, SECRET, "hmac-sha256")
WRONG = dns.tsig.Key(NAME, SECRET[::-1], "hmac-sha256")
HOST = "192.0.2.1"


class World:
    """A zone of 200 names at serial 2, one of which changed since serial 1."""

    def __init__(self, update: Callable[[], Deferred[bytes]] = lambda: succeed(b"")) -> None:
        self.clock = Clock()
        self.zones = Zones(lambda _: None)
        self.asked: list[bytes] = []
        self.answer = b""
        self.heard: list[tuple[bytes, str]] = []
        self.log = TransferLog(self.clock.seconds)
        self._update = update
        self.requests = Requests(
            self.zones, self, self.clock, time.time, lambda *one: self.heard.append(one), self.log
        )
        wire = DomainName.from_text("xfr.failover.test").wire
        key = TSIGKey(wire, Algorithm.HMAC_SHA256, SECRET)
        terms = (ZoneTerms(ZONE.wire, ("ns2",), frozenset((wire,)), 60),)
        self.requests.settings = TransferSettings(keys={wire: key}, zones=terms)
        self.zones.configure(self.requests.settings, None)
        self.change(1, {f"n{number}": ["60 A 192.0.2.1"] for number in range(200)})
        at_once(self.zones.filling())
        self.change(2, {"n7": ["60 A 192.0.2.2"]})

    def change(self, serial: int, names: Names) -> None:
        parts: list[bytes] = []
        for one in operations(serial, names):
            match one:
                case Put(origin, soa):
                    parts += (b"Z", origin, len(soa).to_bytes(4, "big"), soa)
                case ServedNames(owner, origin, ttl, rrsets):
                    head = bytes((len(origin),)) + ttl
                    parts += (b"N", owner, head, len(rrsets).to_bytes(4, "big"), rrsets)
        self.zones.take(b"".join(parts), is_part=False)

    def update(self, verified: Verified, host: str) -> Deferred[bytes]:
        return self._update()

    async def ask(self, packet: bytes, host: str) -> bytes:
        self.asked.append(packet)
        return self.answer

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine that yields to the clock to its end."""
        results: list[T] = []
        running = Deferred.fromCoroutine(coroutine)
        running.addCallback(results.append)
        for _ in range(100):
            self.clock.advance(0)
        (result,) = results
        return result

    def over_udp(self, query: dns.message.Message) -> bytes:
        return self.run(self.requests.over_udp(query.to_wire(), HOST, self.ask))

    def over_tcp(self, query: dns.message.Message, *, admit: bool = True) -> bytes | Sending | Last:
        return self.run(
            self.requests.over_tcp(query.to_wire(), Client(HOST), self.ask, lambda: admit)
        )


def query(
    kind: str, name: str = "failover.test.", serial: int | None = None, key: Any = KEY, **more: Any
) -> dns.message.Message:
    made = dns.message.make_query(name, kind, **more)
    if serial is not None:
        soa = dns.rrset.from_text(name, 0, "IN", "SOA", f". . {serial} 0 0 0 0")
        made.authority.append(soa)
    if key is not None:
        made.use_tsig(key)
    return made


def read(asked: dns.message.Message, reply: bytes) -> dns.message.Message:
    """Return a reply, whose signature is verified."""
    read = dns.message.from_wire(reply, keyring=KEY, request_mac=asked.mac)
    assert read.had_tsig
    return read


def records(asked: dns.message.Message, messages: Iterable[bytes]) -> list[str]:
    """Return the records of a transfer, each message of which is verified."""
    found: list[str] = []
    context = None
    for message in messages:
        reply = dns.message.from_wire(
            message,
            keyring=KEY,
            request_mac=asked.mac,
            tsig_ctx=context,
            multi=True,
            one_rr_per_rrset=True,
            xfr=True,
        )
        context = reply.tsig_ctx
        found += [rrset.to_text() for rrset in reply.answer]
    return found


def test_a_whole_zone_is_sent_in_signed_messages() -> None:
    world, asked = World(), query("AXFR")
    found = world.over_tcp(asked)
    assert isinstance(found, Sending)
    assert (found.kind, found.zone, found.serial) == ("axfr", "failover.test", 2)
    assert len(records(asked, found.messages)) == 202
    assert world.heard == []
    found.sent()
    assert world.heard == [(ZONE.wire, HOST)]


def test_what_changed_is_sent_over_tcp() -> None:
    world, asked = World(), query("IXFR", serial=1)
    found = world.over_tcp(asked)
    assert isinstance(found, Sending)
    assert found.kind == "ixfr"
    texts = records(asked, found.messages)
    changed = [text.split()[3:5] for text in (texts[2], texts[4])]
    assert changed == [["A", "192.0.2.1"], ["A", "192.0.2.2"]]


def test_a_serial_that_is_not_known_gets_the_whole_zone() -> None:
    found = World().over_tcp(query("IXFR", serial=0))
    assert isinstance(found, Sending)
    assert found.kind == "axfr"


def test_the_whole_zone_is_sent_where_it_is_shorter_than_what_changed() -> None:
    world = World()
    world.change(3, {f"n{number}": ["60 A 192.0.2.3"] for number in range(200)})
    found = world.over_tcp(query("IXFR", serial=1))
    assert isinstance(found, Sending)
    assert (found.kind, found.serial) == ("axfr", 3)


def test_what_changed_fits_into_a_packet() -> None:
    world, asked = World(), query("IXFR", serial=1, use_edns=0, payload=1232)
    texts = records(asked, [world.over_udp(asked)])
    assert [text.split()[3] for text in texts] == ["SOA", "SOA", "A", "SOA", "A", "SOA"]
    assert world.log.counts["ixfr"] == 1


def test_what_does_not_fit_into_a_packet_is_left_to_tcp() -> None:
    world, asked = World(), query("IXFR", serial=0, use_edns=0, payload=1232)
    (soa,) = read(asked, world.over_udp(asked)).answer
    assert soa[0].serial == 2
    assert world.log.counts["ixfr"] == 0


def test_an_ordinary_query_is_answered_from_the_table_and_signed() -> None:
    world, asked = World(), query("A", "www.failover.test.")
    plain = query("A", "www.failover.test.", key=None, id=asked.id)
    world.answer = dns.message.make_response(plain).to_wire()
    for reply in (world.over_udp(asked), world.over_tcp(asked)):
        assert isinstance(reply, bytes)
        assert read(asked, reply).rcode() == dns.rcode.NOERROR
    assert world.asked == [plain.to_wire()] * 2, "without the signature"


def test_a_long_answer_is_truncated_over_udp_and_whole_over_tcp() -> None:
    world, asked = World(), query("TXT", "www.failover.test.")
    long = dns.message.make_response(query("TXT", "www.failover.test.", key=None, id=asked.id))
    three = " ".join(["x" * 200] * 3)
    long.answer.append(dns.rrset.from_text("www.failover.test.", 60, "IN", "TXT", three))
    world.answer = long.to_wire()
    cut, whole = world.over_udp(asked), world.over_tcp(asked)
    assert read(asked, cut).flags & dns.flags.TC
    assert len(cut) <= 512
    assert isinstance(whole, bytes)
    assert read(asked, whole).answer


def test_a_wrong_signature_gets_badsig_and_the_connection_is_closed() -> None:
    world = World()
    asked = query("AXFR", key=WRONG)
    last = world.over_tcp(asked)
    assert isinstance(last, Last)
    assert last.message == world.over_udp(asked)
    reply = dns.message.from_wire(last.message, keyring=False)
    assert reply.rcode() == dns.rcode.NOTAUTH
    assert reply.tsig is not None
    assert reply.tsig[0].error == 16
    assert len(last.message) <= len(asked.to_wire())
    assert (world.log.counts["not_verified"], world.asked) == (2, [])


@pytest.mark.parametrize("wire", [b"", bytes(11), b"\0\1\x80" + bytes(9)])
def test_what_is_not_a_request_gets_no_reply(wire: bytes) -> None:
    world = World()
    assert world.run(world.requests.over_udp(wire, HOST, world.ask)) == b""


def test_a_message_that_cannot_be_read_is_an_error() -> None:
    world = World()
    wire = query("AXFR").to_wire()[:-3]
    reply = world.run(world.requests.over_udp(wire, HOST, world.ask))
    assert reply[3] & 0xF == dns.rcode.FORMERR


def test_an_unsigned_message_is_left_to_the_table() -> None:
    world = World()
    world.answer = b"answer"
    assert world.over_tcp(query("AXFR", key=None)) == b"answer"


def test_a_client_without_a_place_gets_nothing() -> None:
    world = World()
    assert world.over_tcp(query("AXFR"), admit=False) == Last(b"")


def test_an_update_that_fails_for_a_reason_of_ours_gets_servfail() -> None:
    world = World(lambda: fail(RuntimeError("a test of failures")))
    asked = dns.message.make_query("failover.test.", "SOA")
    asked.set_opcode(dns.opcode.UPDATE)
    asked.use_tsig(KEY)
    reply = read(asked, world.over_udp(asked))
    assert reply.rcode() == dns.rcode.SERVFAIL
    assert reply.opcode() == dns.opcode.UPDATE


def test_an_update_gets_its_signed_reply() -> None:
    asked = dns.message.make_query("failover.test.", "SOA")
    asked.set_opcode(dns.opcode.UPDATE)
    plain = asked.to_wire()
    asked.use_tsig(KEY)
    world = World(lambda: succeed(plain[:2] + b"\xa8\x05" + bytes(8)))
    reply = world.over_tcp(asked)
    assert isinstance(reply, bytes)
    assert read(asked, reply).rcode() == dns.rcode.REFUSED
