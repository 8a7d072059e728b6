"""A CNAME record that a customer's name needs is named before the CA is asked to validate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import dns.message
import dns.rcode
import dns.rrset
import pytest
from nameserver import NameServer
from renewals import HOSTNAME, World

from failoverdns.model.commands.certificates import RequestCertificate
from failoverdns.rules.derived.renewing import RETRIES

NAME = "www.customer.example"
OWNER = f"_acme-challenge.{NAME}."
TARGET = f"{NAME}._acme-challenge.failover.test."
LINE = f"`{OWNER} IN CNAME {TARGET}`"


@pytest.fixture
def resolver(world: World) -> Iterator[NameServer]:
    """Return the resolver that is configured."""
    running = NameServer()
    world.resolvers = [("127.0.0.1", running.port)]
    try:
        yield running
    finally:
        running.close()


def problem(world: World, *names: str) -> str:
    """Request a certificate for a customer's name; return why the order failed, if it did."""
    world.do(RequestCertificate("eu", names or (NAME, HOSTNAME)))
    order = world.order("eu")
    return (order.problem or "") if order is not None else ""


def leads(resolver: NameServer, world: World) -> None:
    """Let the customer's CNAME record lead to the challenge, as it is served."""

    def answer(reply: dns.message.Message) -> None:
        reply.answer.append(dns.rrset.from_text(OWNER, 60, "IN", "CNAME", TARGET))
        values = {c.value for o in world.state.orders() for c in o.challenges}
        reply.answer.append(dns.rrset.from_text(TARGET, 0, "IN", "TXT", *values))

    resolver.zone[OWNER, "TXT"] = answer


def test_a_missing_record_is_named_and_costs_no_validation(
    world: World, resolver: NameServer
) -> None:
    """As soon as it is there, the order continues by itself."""
    assert problem(world) == (
        "the CA was not asked, because the resolvers see: _acme-challenge.www.customer.example "
        f"has no CNAME record: add {LINE}"
    )
    assert world.asked("POST /challenge") == 0
    assert [challenge for order in world.state.orders() for challenge in order.challenges] == []
    leads(resolver, world)
    world.tick(RETRIES[0] * 1.1)
    assert (world.issued, world.asked("POST /orders")) == (1, 1)


def test_a_wildcard_in_its_place_is_named(world: World, resolver: NameServer) -> None:
    resolver.has(OWNER, "CNAME", f"{HOSTNAME}.")
    resolver.has("*.customer.example.", "CNAME", f"{HOSTNAME}.")
    found = problem(world, f"*.{NAME}")
    assert f"the wildcard *.customer.example leads {OWNER[:-1]} to {HOSTNAME}: add {LINE}" in found
    assert world.asked("POST /challenge") == 0


def test_another_record_in_its_place_is_named(world: World, resolver: NameServer) -> None:
    resolver.has(OWNER, "CNAME", "acme.elsewhere.example.")
    assert f"leads to acme.elsewhere.example: put {LINE} in its place" in problem(world)


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_resolvers_that_fail_stop_no_order(
    world: World, resolver: NameServer, rcode: dns.rcode.Rcode
) -> None:
    resolver.fails(OWNER, "TXT", rcode)
    assert problem(world) == ""
    assert world.issued == 1


def test_without_resolvers_the_ca_is_asked_and_that_is_said(world: World) -> None:
    """If it does not find the challenge, the record is named; not for names of our own zones."""
    with closing(NameServer()) as empty:
        world.local.dns = empty.port
        found = problem(world)
    assert any("`resolvers` is not set" in line for line in world.logged)
    assert found.startswith("the CA says: ")
    assert found.endswith(
        f"; names of other zones need a CNAME record: {LINE}; set `resolvers`, and it is looked up "
        "before the CA is asked"
    )


def test_names_of_our_own_zones_are_not_looked_up(world: World, resolver: NameServer) -> None:
    assert problem(world, HOSTNAME) == ""
    assert (world.issued, resolver.asked) == (1, 0)


def test_after_some_attempts_the_ca_is_asked_all_the_same(
    world: World, resolver: NameServer
) -> None:
    """The resolvers may see another DNS than the CA, which must not end renewals."""
    problem(world)
    for wait in RETRIES[:3]:
        world.tick(wait * 1.1)
        assert world.asked("POST /challenge") == 0
    world.tick(RETRIES[3] * 1.1)
    assert world.issued == 1
