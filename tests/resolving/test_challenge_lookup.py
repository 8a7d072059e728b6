"""Only what a CA would certainly not find is reported as missing, or as leading elsewhere."""

from __future__ import annotations

import time
from contextlib import closing

import dns.rcode
import dns.rrset
import pytest
from nameserver import NameServer

from failoverdns.model.names import DomainName
from failoverdns.model.resolution import ChallengeSight, SeenChallenge
from failoverdns.resolving.challenge_lookup import look_up

OWNER = DomainName.from_text("_acme-challenge.www.shop.example")
TARGET = DomainName.from_text("www.shop.example._acme-challenge.failover.test")
HERE, THERE = f"{OWNER}.", f"{TARGET}."


def answers(resolver: NameServer, *records: str) -> None:
    """Answer the query for the challenge with these records."""
    rrsets = []
    for record in records:
        owner, rtype, data = record.split(maxsplit=2)
        rrsets.append(dns.rrset.from_text(owner, 60, "IN", rtype, data))
    resolver.zone[HERE, "TXT"] = lambda reply: reply.answer.extend(rrsets)


def look(*resolvers: NameServer, timeout: float = 0.3) -> SeenChallenge:
    """Look up the challenge."""
    where = [("127.0.0.1", resolver.port) for resolver in resolvers]
    (found,) = look_up(where, [(OWNER, {"v1", "v2"})], TARGET.__eq__, bool, timeout=timeout)
    return found


@pytest.mark.parametrize(
    ("records", "sight"),
    [
        ([f"{HERE} CNAME {THERE}", f"{THERE} TXT v1"], ChallengeSight.THERE),
        ([f"{HERE} CNAME a.example.", f"a.example. CNAME {THERE}"], ChallengeSight.UNKNOWN),
        ([f"{HERE} TXT v2"], ChallengeSight.THERE),
        ([f"{HERE} TXT old"], ChallengeSight.MISSING),
        ([f"{HERE} CNAME {THERE}"], ChallengeSight.UNKNOWN),
        ([f"{HERE} CNAME a.example.", "a.example. TXT old"], ChallengeSight.ELSEWHERE),
        ([f"{HERE} CNAME a.example.", f"a.example. CNAME {HERE}"], ChallengeSight.UNKNOWN),
        ([f"{HERE} CNAME a.example.", "a.example. TXT v1"], ChallengeSight.THERE),
        ([], ChallengeSight.MISSING),
    ],
)
def test_what_the_resolvers_see_is_told(
    resolver: NameServer, records: list[str], sight: ChallengeSight
) -> None:
    """The right CNAME without the value may be seen by resolvers that cannot reach this server."""
    answers(resolver, *records)
    assert look(resolver).sight is sight


def test_a_name_that_does_not_exist_has_no_record(resolver: NameServer) -> None:
    resolver.fails(HERE, "TXT", dns.rcode.NXDOMAIN)
    assert look(resolver).sight is ChallengeSight.MISSING


def test_a_name_that_is_delegated_is_not_certain(resolver: NameServer) -> None:
    """Other servers answer there, as acme-dns does, and may get the value in ways of their own."""
    resolver.has(HERE, "SOA", ". . 1 1 1 1 0")
    assert look(resolver).sight is ChallengeSight.UNKNOWN


def test_a_wildcard_that_takes_the_challenge_with_it_is_recognized(resolver: NameServer) -> None:
    answers(resolver, f"{HERE} CNAME shop.failover.test.")
    resolver.has("*.shop.example.", "CNAME", "shop.failover.test.")
    found = look(resolver)
    assert found.target == DomainName.from_text("shop.failover.test")
    assert found.wildcard == DomainName.from_text("*.shop.example")
    resolver.has("*.shop.example.", "CNAME", "other.failover.test.")
    assert look(resolver).wildcard is None


@pytest.mark.parametrize(
    ("target", "sight"),
    [
        (THERE, ChallengeSight.UNKNOWN),
        ("other.example.", ChallengeSight.MISSING),
        (None, ChallengeSight.MISSING),
    ],
)
def test_a_record_that_the_resolvers_do_not_know_yet_is_seen_at_its_servers(
    resolver: NameServer, target: str | None, sight: ChallengeSight
) -> None:
    """Resolvers remember that there was none, and the CA need not wait for that."""
    resolver.fails(HERE, "TXT", dns.rcode.NXDOMAIN)
    resolver.has("shop.example.", "NS", "ns.shop.example.")
    resolver.has("ns.shop.example.", "A", "127.0.0.1")
    with closing(NameServer()) as server:
        if target is not None:
            server.has(HERE, "CNAME", target)
        where = [("127.0.0.1", resolver.port)]
        challenges = [(OWNER, {"v1"})]
        (found,) = look_up(where, challenges, TARGET.__eq__, bool, timeout=0.5, port=server.port)
        assert server.asked == 1
    assert found.sight is sight


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_an_error_is_not_certain(resolver: NameServer, rcode: dns.rcode.Rcode) -> None:
    """Neither is a server that is no resolver, or no answer at all."""
    resolver.fails(HERE, "TXT", rcode)
    assert look(resolver).sight is ChallengeSight.UNKNOWN


def test_the_look_up_ends_in_time(resolver: NameServer) -> None:
    """However many names there are, and whatever the resolver does."""
    resolver.fails(HERE, "TXT", dns.rcode.REFUSED)  # no reply
    begin = time.monotonic()
    found = look_up(
        [("127.0.0.1", resolver.port)],
        [(OWNER, {"v"})] * 100,
        TARGET.__eq__,
        bool,
        timeout=0.1,
        deadline=0.3,
    )
    assert time.monotonic() - begin < 5
    assert {seen.sight for seen in found} == {ChallengeSight.UNKNOWN}
    assert len(found) == 100


def test_the_next_resolver_is_asked_when_one_fails(resolver: NameServer) -> None:
    broken = NameServer()
    broken.fails(HERE, "TXT", dns.rcode.SERVFAIL)
    try:
        assert look(broken, resolver).sight is ChallengeSight.MISSING
    finally:
        broken.close()
