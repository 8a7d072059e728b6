"""Whatever a resolver sends, the client returns an answer, with a reason if it fails, in time."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address

import dns.rcode
import dns.rrset
import pytest
from nameserver import NameServer

from failoverdns.model.names import DomainName
from failoverdns.model.resolution import MAX_ADDRESSES, Answer
from failoverdns.resolving import client
from failoverdns.resolving.client import resolve

HOST = "lb.cloud.example."
NAME = DomainName.from_text("lb.cloud.example")


def ask(*resolvers: NameServer, timeout: float = client.TIMEOUT) -> Answer:
    """Ask these resolvers for the hostname."""
    where = [("127.0.0.1", resolver.port) for resolver in resolvers]
    return resolve(where, NAME, lambda: False, timeout)


def test_addresses_of_both_families_come_with_the_smallest_ttl_of_the_chain(
    resolver: NameServer,
) -> None:
    """In order, so that a resolver that rotates them does not look like a change."""
    resolver.has(HOST, "A", "192.0.2.8", "192.0.2.7", ttl=50)
    resolver.has(HOST, "AAAA", "2001:db8::7", ttl=40)
    v4 = (IPv4Address("192.0.2.7"), IPv4Address("192.0.2.8"))
    assert ask(resolver) == Answer(v4, (IPv6Address("2001:db8::7"),), 40)


def test_a_missing_address_family_is_not_a_problem(resolver: NameServer) -> None:
    resolver.has(HOST, "A", "192.0.2.7", ttl=50)
    assert ask(resolver) == Answer((IPv4Address("192.0.2.7"),), (), 50)


def _loop(resolver: NameServer) -> None:
    texts = [(HOST, "b.example."), ("b.example.", HOST)]
    loop = [dns.rrset.from_text(name, 60, "IN", "CNAME", target) for name, target in texts]
    resolver.zone[HOST, "CNAME"] = lambda reply: reply.answer.extend(loop)


def _unrelated(resolver: NameServer) -> None:
    other = dns.rrset.from_text("other.example.", 60, "IN", "A", "192.0.2.66")
    for rtype in ("A", "AAAA"):
        resolver.zone[HOST, rtype] = lambda reply: reply.answer.append(other)


def _fails(rcode: dns.rcode.Rcode):
    def prepare(resolver: NameServer) -> None:
        for rtype in ("A", "AAAA"):
            resolver.fails(HOST, rtype, rcode)

    return prepare


@pytest.mark.parametrize(
    ("prepare", "problem"),
    [
        pytest.param(_fails(dns.rcode.SERVFAIL), "SERVFAIL", id="SERVFAIL"),
        pytest.param(_fails(dns.rcode.NXDOMAIN), "there is no such name", id="NXDOMAIN"),
        pytest.param(lambda resolver: None, "it has no addresses", id="empty"),
        pytest.param(_loop, "its chain of CNAME records is a loop or too long", id="a CNAME loop"),
        pytest.param(_unrelated, "it has no addresses", id="records of another name"),
        pytest.param(
            lambda resolver: resolver.has(HOST, "A", "0.0.0.0", "224.0.0.1", "255.255.255.255"),
            "it has no addresses",
            id="addresses that nobody has",
        ),
    ],
)
def test_a_resolver_that_fails_or_sends_nonsense_gives_no_address(
    resolver: NameServer, prepare, problem: str
) -> None:
    """And the reason is reported."""
    prepare(resolver)
    answer = ask(resolver)
    assert not answer.is_good
    assert problem in (answer.problem or "")


def test_a_huge_answer_is_truncated(resolver: NameServer) -> None:
    """To the same part each time."""
    many = [f"10.0.{n // 200}.{n % 200 + 1}" for n in range(900)]
    resolver.has(HOST, "A", *many)
    answer = ask(resolver)
    assert answer.ipv4 == tuple(map(IPv4Address, many[:MAX_ADDRESSES]))


def test_the_next_resolver_is_asked_when_one_is_unreachable_or_fails(resolver: NameServer) -> None:
    failing, dead = NameServer(), NameServer()
    dead.close()
    try:
        _fails(dns.rcode.SERVFAIL)(failing)
        resolver.has(HOST, "A", "192.0.2.7", ttl=50)
        assert ask(dead, failing, resolver, timeout=0.5).ipv4 == (IPv4Address("192.0.2.7"),)
    finally:
        failing.close()


def test_a_silent_resolver_costs_a_bounded_time(resolver: NameServer) -> None:
    _fails(dns.rcode.REFUSED)(resolver)
    began = time.monotonic()
    where = [("127.0.0.1", resolver.port)]
    found = resolve(where, NAME, lambda: time.monotonic() > began + 0.1, timeout=0.5)
    assert time.monotonic() - began < client.TIMEOUT
    assert found.problem is not None
    assert resolver.asked == 1
    assert "timed out" in found.problem
    assert client.TIMEOUT * client.ROUNDS <= 4


def test_without_resolvers_there_is_no_answer() -> None:
    assert "no resolvers" in (resolve([], NAME, lambda: False, 0.5).problem or "")
