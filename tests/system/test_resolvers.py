"""Real resolvers in front of the server can resolve every name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dns.rcode
import dns.rrset
import dns.zone
import pytest
from ports import free_port
from resolvers import Resolver, knot_resolver, unbound
from system.server import CONFIG, Server, wait_for

ZONE = "failover.test"
RECORDS = """\
    records:
      - "@ 3600 IN MX 10 mail.example.net."
      - "@ 300 IN CAA 0 issue \\"ca.example\\""
      - "_sip._tcp 300 IN SRV 0 5 5060 sip.example.net."
      - "www 300 IN CNAME alias"
      - "alias 300 IN CNAME 414-262-781"
      - "*.wild 300 IN A 192.0.2.80"
      - "a.deep.name 300 IN TXT \\"below an empty non-terminal\\""
      - "many 300 IN TXT {long}"
      - "https 300 IN HTTPS 1 . alpn=h2"
""".format(long=" ".join([f'\\"{"x" * 200}\\"'] * 12))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with many kinds of names."""
    before, _, after = CONFIG.partition("    records:\n")
    config = before + RECORDS + after.partition("\n")[2]
    running = Server(tmp_path_factory.mktemp("served"), config)
    try:
        running.start().load_demo()
        running.do(
            command="head add",
            application="shop-us",
            name="lb2",
            role="load-balancer",
            address=["2001:db8::21", "198.51.100.21"],
        )
        running.do(command="group add", name="empty", label="empty")
        yield running
    finally:
        running.kill()


@pytest.fixture(params=[unbound, knot_resolver], ids=["unbound", "knot-resolver"])
def resolver(served: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Resolver]:
    """Start a resolver that queries the server."""
    make: Callable[..., Resolver] = request.param
    with make(tmp_path, free_port(), served.port, ZONE) as running:
        yield running


def rrsets(server: Server) -> list[dns.rrset.RRset]:
    """Return all served RRsets."""
    text = server.do(command="records")["text"]
    zone = dns.zone.from_text(text, origin=f"{ZONE}.", relativize=False)
    found = zone.iterate_rdatasets()
    return [dns.rrset.from_rdata_list(name, data.ttl, list(data)) for name, data in found]


def test_resolvers_resolve_every_name_and_type(served: Server, resolver: Resolver) -> None:
    """They use UDP, or TCP where the reply is too long."""
    found = rrsets(served)
    assert len(found) > 15
    for rrset in found:
        name, kind = rrset.name.to_text().replace("*", "any"), dns.rdatatype.to_text(rrset.rdtype)
        if kind in ("SOA", "NS") or (kind == "CNAME" and name != "www"):
            continue
        reply = resolver.ask(name, kind, tcp=len(rrset.to_text()) > 1000)
        assert reply.rcode() == dns.rcode.NOERROR, (name, kind, reply)
        answer = [set(map(str, a)) for a in reply.answer if a.rdtype == rrset.rdtype]
        assert answer == [set(map(str, rrset))], (name, kind, reply)


def test_resolvers_get_chains_wildcards_and_nothing(served: Server, resolver: Resolver) -> None:
    """Empty non-terminals and the reserved names of empty groups are NODATA."""
    reply = resolver.ask(f"www.{ZONE}", "A")
    assert [str(rdata) for rdata in reply.answer[-1]] == ["192.0.2.10"]
    assert len(reply.answer) == 3
    for name, rcode in {
        f"a.b.wild.{ZONE}": dns.rcode.NOERROR,
        f"deep.name.{ZONE}": dns.rcode.NOERROR,
        f"name.{ZONE}": dns.rcode.NOERROR,
        f"empty.{ZONE}": dns.rcode.NOERROR,
        f"primary.empty.{ZONE}": dns.rcode.NOERROR,
        f"nothing.{ZONE}": dns.rcode.NXDOMAIN,
        f"x.nothing.{ZONE}": dns.rcode.NXDOMAIN,
        f"x.414-262-781.{ZONE}": dns.rcode.NXDOMAIN,
    }.items():
        assert resolver.ask(name, "A").rcode() == rcode, name


def test_resolvers_see_a_switch_when_the_ttl_is_over(served: Server, resolver: Resolver) -> None:
    """A resolver caches an answer for the TTL and no longer."""
    served.do(command="group set", name="shop", ttl=1)
    active = served.do(command="status", group="shop")["groups"][0]
    name = f"414-262-781.{ZONE}"
    first = resolver.ask(name, "A")
    assert [str(rdata) for rdata in first.answer[0]] == [active["answers"][0]]
    served.do(command="switch", groups=["shop"])
    other = served.do(command="status", group="shop")["groups"][0]["answers"]
    wait_for(lambda: str(resolver.ask(name, "A").answer[0][0]) in other)
    served.do(command="switch", groups=["shop"])
    served.do(command="group set", name="shop", ttl=60)
