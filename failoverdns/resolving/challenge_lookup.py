"""Look up a DNS-01 challenge as a CA does, before the CA is asked to validate it.

    TXT at _acme-challenge.NAME -> is the value there?  If not: where do CNAME records lead?

The value is served when it is looked up, so it is seen however it is found: over CNAME records,
over a delegation, or flattened by the customer's servers.  What is not certain is `UNKNOWN`: the CA
may see more than the resolvers here.  Resolvers remember for an hour or so that a record was not
there, so the customer's own servers are asked whether it is there now.  Names of our own zones
are asked for only after the value is served there, so no resolver remembers that they do not exist.
Blocks, so it is called in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import takewhile

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from failoverdns.model.names import DomainName
from failoverdns.model.resolution import ChallengeSight, SeenChallenge
from failoverdns.resolving.client import TIMEOUT, Unanswered, Where, ask_all, check

DEADLINE = 20.0
"""Seconds in which no further name is looked up, for all names of an order together."""

MAX_CNAMES = 16
"""CNAME records that are followed."""

DNS_PORT = 53
"""The port of the customers' servers."""

_SERVERS = 3
"""Servers of a customer's zone that are asked."""

_LABELS = 8
"""Names above a challenge's at which its zone is looked for."""

_WILDCARDS = 2
"""Names above a challenge's at which a wildcard is looked for."""


def look_up(
    resolvers: Sequence[Where],
    challenges: Sequence[tuple[DomainName, Collection[str]]],
    targets: Callable[[DomainName], bool],
    stopped: Callable[[], bool],
    *,
    timeout: float = TIMEOUT,
    deadline: float = DEADLINE,
    port: int = DNS_PORT,
) -> list[SeenChallenge]:
    """Return what resolvers see of each challenge; never raises.

    `challenges` are names `_acme-challenge.NAME`, each with the values that the CA accepts there;
    `targets` returns whether a name is one where we serve the challenge.  `stopped` returns
    whether nobody waits any more; `timeout` is how many seconds a server has for one reply;
    `port` is that of the customers' servers.
    """
    until = time.monotonic() + deadline

    def is_over() -> bool:
        return stopped() or time.monotonic() > until

    def ask(name: DomainName, rtype: dns.rdatatype.RdataType) -> dns.message.Message:
        def read(reply: dns.message.Message) -> dns.message.Message:
            check(reply)
            return reply

        return ask_all(resolvers, name, rtype, is_over, timeout, read)

    found = []
    for owner, values in challenges:
        try:
            if is_over():
                raise Unanswered("the resolvers take too long")
            seen = _look(owner, values, targets, ask)
            if seen.sight in (ChallengeSight.MISSING, ChallengeSight.ELSEWHERE):
                servers = takewhile(lambda _: not is_over(), _servers(owner, ask))
                seen = _as_of_now(seen, owner, targets, servers, port, timeout)
            found.append(seen)
        except Unanswered as fault:
            found.append(SeenChallenge(ChallengeSight.UNKNOWN, str(fault)))
    return found


_Ask = Callable[[DomainName, dns.rdatatype.RdataType], dns.message.Message]


def _look(
    owner: DomainName, values: Collection[str], targets: Callable[[DomainName], bool], ask: _Ask
) -> SeenChallenge:
    """Return what is seen of one challenge. Raises Unanswered."""
    reply = ask(owner, dns.rdatatype.TXT)
    way = _way(reply, owner)
    if not _texts(reply, way[-1]).isdisjoint(values):
        return SeenChallenge(ChallengeSight.THERE, "the value is there")
    if any(map(targets, way)):
        return SeenChallenge(
            ChallengeSight.UNKNOWN, f"{way[-1]} is right, but the resolvers do not see the value"
        )
    if len(way) == 1:
        if _is_origin(ask(owner, dns.rdatatype.SOA), owner):
            return SeenChallenge(ChallengeSight.UNKNOWN, f"{owner} is a zone of other servers")
        return SeenChallenge(ChallengeSight.MISSING, "no CNAME record")
    return SeenChallenge(
        ChallengeSight.ELSEWHERE, "another CNAME record", way[-1], _wildcard(owner, way[1], ask)
    )


def _as_of_now(
    seen: SeenChallenge,
    owner: DomainName,
    targets: Callable[[DomainName], bool],
    servers: Iterator[str],
    port: int,
    timeout: float,
) -> SeenChallenge:
    """Return what is seen, unless the servers of the customer's zone have something newer."""
    query = dns.message.make_query(dns.name.Name((*owner.labels(), b"")), dns.rdatatype.CNAME)
    query.flags &= ~dns.flags.RD
    for server in servers:
        try:
            reply = dns.query.udp(query, server, timeout, port, ignore_errors=True)
        except (dns.exception.DNSException, OSError, EOFError, ValueError):
            continue
        if not reply.flags & dns.flags.AA or reply.rcode() != dns.rcode.NOERROR:
            continue
        rrset = _find(reply, owner, dns.rdatatype.CNAME)
        if rrset is not None and targets(DomainName(rrset[0].target.to_wire())):
            return SeenChallenge(
                ChallengeSight.UNKNOWN, f"{server} has the record, the resolvers have an older one"
            )
        break
    return seen


def _servers(owner: DomainName, ask: _Ask) -> Iterator[str]:
    """Yield addresses of some servers of the zone that a name is in, as the resolvers know them."""
    zone, names = owner, []
    for _ in range(_LABELS):
        zone = zone.parent()
        if zone.is_root:
            return
        try:
            rrset = _find(ask(zone, dns.rdatatype.NS), zone, dns.rdatatype.NS)
        except Unanswered:
            return
        if rrset is not None:
            names = [DomainName(rdata.target.to_wire()) for rdata in rrset]
            break
    for name in names[:_SERVERS]:
        for rtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            try:
                addresses = _find(ask(name, rtype), name, rtype)
            except Unanswered:
                continue
            if addresses is not None:
                yield addresses[0].address
                break


def _way(reply: dns.message.Message, owner: DomainName) -> list[DomainName]:
    """Return a name, and those that the CNAME records of a reply lead to from there."""
    way = [owner]
    while len(way) <= MAX_CNAMES:
        rrset = _find(reply, way[-1], dns.rdatatype.CNAME)
        if rrset is None:
            return way
        way.append(DomainName(rrset[0].target.to_wire()))
    raise Unanswered("its chain of CNAME records is a loop or too long")


def _texts(reply: dns.message.Message, name: DomainName) -> set[str]:
    rrset = _find(reply, name, dns.rdatatype.TXT)
    return {b"".join(rdata.strings).decode("latin-1") for rdata in rrset or ()}


def _is_origin(reply: dns.message.Message, name: DomainName) -> bool:
    """Return whether a reply says that a zone begins at a name."""
    return _find(reply, name, dns.rdatatype.SOA) is not None


def _wildcard(owner: DomainName, target: DomainName, ask: _Ask) -> DomainName | None:
    """Return the wildcard above a name that has the same CNAME record, or None."""
    above = owner
    for _ in range(_WILDCARDS):
        above = above.parent()
        wildcard = above.child("*")
        try:
            rrset = _find(ask(wildcard, dns.rdatatype.CNAME), wildcard, dns.rdatatype.CNAME)
        except Unanswered:
            return None
        if rrset is not None and DomainName(rrset[0].target.to_wire()) == target:
            return wildcard
    return None


def _find(
    reply: dns.message.Message, name: DomainName, rtype: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    wanted = dns.name.Name((*name.labels(), b""))
    return next((rs for rs in reply.answer if rs.name == wanted and rs.rdtype == rtype), None)
