"""Secondaries are notified and asked over real sockets; their replies are verified and reported."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_address
from typing import Any

import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import pytest
from twisted.internet.epollreactor import EPollReactor

from failoverdns.model.change import Json
from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress, SecondarySettings
from failoverdns.protocol.tsig import Algorithm, TSIGKey
from failoverdns.transfers.in_step import InStep
from failoverdns.transfers.settings import TransferSettings, ZoneTerms

ORIGIN = DomainName.from_text("failover.test").wire
KEY = DomainName.from_text("xfr.failover.test")
SECRET = b"0123456789abcdef0123456789abcdef"
Rows = list[dict[str, Json]]


def soa(serial: int) -> bytes:
    """Return the SOA record of the zone, whose owner is a pointer to the question."""
    data = b"\x03ns1\x00\x00" + serial.to_bytes(4, "big") + (300).to_bytes(4, "big") * 4
    return b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c" + len(data).to_bytes(2, "big") + data


@dataclass(eq=False)
class Secondary:
    """A name server of a few lines, with dnspython as its codec."""

    reactor: Any
    serial: int = 17
    follows: bool = True
    rcode: int = 0
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        self.port = self.socket.getsockname()[1]
        self.socket.setblocking(False)
        self.reactor.addReader(self)

    def settings(self, name: str = "ns2") -> SecondarySettings:
        return SecondarySettings(name, ListenAddress(ip_address("127.0.0.1"), self.port), KEY)

    def fileno(self) -> int:
        return self.socket.fileno()

    def logPrefix(self) -> str:  # noqa: N802
        return "secondary"

    def connectionLost(self, reason: object) -> None:  # noqa: N802
        """Nothing is left to do."""

    def doRead(self) -> None:  # noqa: N802
        packet, peer = self.socket.recvfrom(65535)
        ring = {dns.name.from_text("xfr.failover.test"): SECRET}
        query = dns.message.from_wire(packet, keyring=ring)
        self.asked.append(dns.opcode.to_text(query.opcode()))
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.Rcode(self.rcode))
        if query.opcode() == dns.opcode.NOTIFY:
            if self.follows:
                self.serial = query.answer[0][0].serial
        elif not self.rcode:
            text = f"ns1. host. {self.serial} 300 60 1209600 60"
            reply.answer = [dns.rrset.from_text("failover.test.", 60, "IN", "SOA", text)]
        self.socket.sendto(reply.to_wire(), peer)

    def close(self) -> None:
        self.reactor.removeReader(self)
        self.socket.close()


@pytest.fixture
def reactor() -> Iterator[EPollReactor]:
    """A reactor of its own, which tests turn by themselves."""
    made = EPollReactor()  # type: ignore[no-untyped-call]
    yield made
    made.removeAll()  # type: ignore[no-untyped-call]


def turn(reactor: Any, condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Turn the reactor until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it took too long"
        reactor.iterate(0.01)


def settings(*secondaries: SecondarySettings, catalog: bytes | None = None) -> TransferSettings:
    """Return settings in which each secondary has the zone."""
    names = tuple(one.name for one in secondaries)
    return TransferSettings(
        keys={KEY.wire: TSIGKey(KEY.wire, Algorithm.HMAC_SHA256, SECRET)},
        secondaries=secondaries,
        zones=(ZoneTerms(ORIGIN, names, frozenset((KEY.wire,)), 60),),
        catalog=catalog,
    )


def in_step(reactor: Any, rows: Rows, *secondaries: SecondarySettings) -> InStep:
    """Return what follows the secondaries, with the zone at serial 17."""
    following = InStep(reactor, time.time, rows.extend)
    following.configure(settings(*secondaries))
    following.serial(ORIGIN, 17, soa(17))
    return following


def test_a_secondary_is_asked_notified_and_reported_in_step(reactor: Any) -> None:
    rows: Rows = []
    secondary = Secondary(reactor)
    following = in_step(reactor, rows, secondary.settings())
    turn(reactor, lambda: rows)
    assert rows[0]["serial"] == rows[0]["ours"] == 17
    assert secondary.asked == ["QUERY"]
    following.serial(ORIGIN, 18, soa(18))
    turn(reactor, lambda: len(rows) == 2)
    assert (rows[1]["secondary"], rows[1]["zone"], rows[1]["serial"]) == (
        "ns2",
        "failover.test",
        18,
    )
    assert rows[1]["problem"] is None
    assert secondary.asked[1] == "NOTIFY"
    following.stop()
    secondary.close()


def test_one_that_hangs_delays_no_other(reactor: Any) -> None:
    rows: Rows = []
    hanging = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hanging.bind(("127.0.0.1", 0))
    address = ListenAddress(ip_address("127.0.0.1"), hanging.getsockname()[1])
    good = Secondary(reactor)
    following = in_step(reactor, rows, SecondarySettings("ns3", address, KEY), good.settings())
    turn(reactor, lambda: rows)
    for serial in range(18, 68):
        began = time.monotonic()
        following.serial(ORIGIN, serial, soa(serial))
        turn(reactor, partial(_has, rows, serial))
        assert time.monotonic() - began < 0.4
    turn(reactor, lambda: any(row["silent_since"] for row in rows))
    assert {row["secondary"] for row in rows if row["silent_since"]} == {"ns3"}
    following.stop()
    good.close()
    hanging.close()


def _has(rows: Rows, serial: int) -> bool:
    return rows[-1]["serial"] == serial


def test_a_secondary_that_is_down_is_followed_again_when_it_comes_back(reactor: Any) -> None:
    """At a closed port the kernel reports an error, with which the socket goes, too."""
    rows: Rows = []
    closed = Secondary(reactor)
    port = closed.port
    closed.close()
    following = in_step(reactor, rows, closed_settings(port))
    turn(reactor, lambda: rows)
    assert rows[0]["silent_since"] is not None
    back = Secondary(reactor, serial=16, port=port)
    turn(reactor, lambda: rows[-1]["serial"] == 17, 9.0)
    assert "NOTIFY" in back.asked
    following.stop()
    back.close()


def closed_settings(port: int) -> SecondarySettings:
    """Return the settings of a secondary at a port of this host."""
    return SecondarySettings("ns2", ListenAddress(ip_address("127.0.0.1"), port), KEY)


def test_a_refusal_is_reported_with_what_it_means(reactor: Any) -> None:
    rows: Rows = []
    secondary = Secondary(reactor, rcode=dns.rcode.NOTAUTH)
    following = in_step(reactor, rows, secondary.settings())
    turn(reactor, lambda: rows)
    assert "answers NOTAUTH to SOA: it does not know the zone" in str(rows[0]["problem"])
    following.stop()
    secondary.close()


def test_a_reload_adds_and_removes_secondaries(reactor: Any) -> None:
    rows: Rows = []
    first, second = Secondary(reactor), Secondary(reactor)
    following = in_step(reactor, rows, first.settings())
    turn(reactor, lambda: rows)
    following.configure(settings(first.settings(), second.settings("ns3")))
    turn(reactor, lambda: len(rows) == 2)
    assert rows[1]["secondary"] == "ns3"
    following.configure(settings(second.settings("ns3")))
    assert [row["secondary"] for row in following.report()] == ["ns3"]
    following.serial(ORIGIN, 18, soa(18))
    turn(reactor, lambda: len(rows) == 3)
    assert "NOTIFY" not in first.asked
    following.stop()
    first.close()
    second.close()


def test_a_zone_that_a_secondary_does_not_have_any_more_is_not_followed(reactor: Any) -> None:
    rows: Rows = []
    secondary = Secondary(reactor)
    following = in_step(reactor, rows, secondary.settings())
    turn(reactor, lambda: rows)
    following.configure(replace(settings(secondary.settings()), zones=()))
    following.serial(ORIGIN, 18, soa(18))
    assert following.report() == []
    following.stop()
    secondary.close()


def test_a_catalog_zone_is_in_step_when_its_notify_was_accepted(reactor: Any) -> None:
    rows: Rows = []
    secondary = Secondary(reactor)
    following = InStep(reactor, time.time, rows.extend)
    following.configure(settings(secondary.settings(), catalog=ORIGIN))
    following.serial(ORIGIN, 17, soa(17))
    turn(reactor, lambda: rows)
    assert rows[0]["serial"] == 17
    assert secondary.asked == ["NOTIFY"]
    following.stop()
    secondary.close()


def test_zone_notify_notifies_a_secondary_that_is_in_step(reactor: Any) -> None:
    rows: Rows = []
    secondary = Secondary(reactor)
    following = in_step(reactor, rows, secondary.settings())
    turn(reactor, lambda: rows)
    following.notify(None)
    turn(reactor, lambda: "NOTIFY" in secondary.asked)
    following.stop()
    secondary.close()
