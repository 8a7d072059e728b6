"""Look up one hostname at configured resolvers: A and AAAA, over UDP and, if truncated, TCP.

Sends queries with dnspython (random ids and ports, matching replies), and follows the CNAME records
within a reply, up to a limit; a loop is an error.  Blocks, so it is called in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from failoverdns.model.application import why_no_target
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import MAX_ADDRESSES, Answer

TIMEOUT = 2.0
"""Seconds that a resolver has for one reply."""

ROUNDS = 2
"""How many times every resolver is asked before giving up."""

UDP_PAYLOAD = 1232

Where = tuple[str, int]
"""Address and port of a resolver."""


T = TypeVar("T")


class Unanswered(Exception):
    """Why there is no answer; `final` if another resolver would give the same reply."""

    def __init__(self, text: str, *, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


def resolve(
    resolvers: Sequence[Where],
    hostname: DomainName,
    stopped: Callable[[], bool],
    timeout: float,
) -> Answer:
    """Return the addresses of a hostname, asking one resolver after the other; never raises.

    `stopped` returns whether nobody waits for the answer any more; `timeout` is how many seconds
    a resolver has for one reply.
    """
    problems: list[str] = []
    ttls: list[int] = []

    def ask(rtype: dns.rdatatype.RdataType) -> tuple[IPv4Address | IPv6Address, ...] | None:
        try:
            addresses, ttl = ask_all(
                resolvers, hostname, rtype, stopped, timeout, lambda reply: _read(reply, rtype)
            )
        except Unanswered as problem:
            problems.append(f"{rtype.name}: {problem}")
            return None
        if addresses:
            ttls.append(ttl)
        return addresses

    v4, v6 = ask(dns.rdatatype.A), ask(dns.rdatatype.AAAA)
    if not problems and not ttls:
        problems.append("it has no addresses")
    return Answer(
        None if v4 is None else tuple(a for a in v4 if isinstance(a, IPv4Address)),
        None if v6 is None else tuple(a for a in v6 if isinstance(a, IPv6Address)),
        min(ttls, default=0),
        "; ".join(problems) or None,
    )


def ask_all(
    resolvers: Sequence[Where],
    hostname: DomainName,
    rtype: dns.rdatatype.RdataType,
    stopped: Callable[[], bool],
    timeout: float,
    read: Callable[[dns.message.Message], T],
) -> T:
    """Return what `read` makes of the reply of the first resolver for which it raises nothing.

    Raises Unanswered.
    """
    problem = Unanswered("no resolvers are configured")
    for address, port in [*resolvers] * ROUNDS:
        if stopped():
            break
        try:
            return read(_ask(address, port, hostname, rtype, timeout))
        except Unanswered as fault:
            problem = Unanswered(f"{address} port {port}: {fault}", final=fault.final)
        except (dns.exception.DNSException, OSError, EOFError, ValueError) as fault:
            text = str(fault) or type(fault).__name__
            problem = Unanswered(f"{address} port {port}: {text.rstrip('.')}")
        if problem.final:
            break
    raise problem


def _ask(
    address: str, port: int, hostname: DomainName, rtype: dns.rdatatype.RdataType, timeout: float
) -> dns.message.Message:
    name = dns.name.Name((*hostname.labels(), b""))
    query = dns.message.make_query(name, rtype, use_edns=0, payload=UDP_PAYLOAD)
    until = time.monotonic() + timeout
    try:
        return dns.query.udp(
            query,
            address,
            timeout=timeout,
            port=port,
            ignore_unexpected=True,
            raise_on_truncation=True,
            ignore_errors=True,
        )
    except dns.message.Truncated:
        left = max(0.5, until - time.monotonic())
        return dns.query.tcp(query, address, timeout=left, port=port)


def check(reply: dns.message.Message) -> None:
    """Raise Unanswered unless a reply is that of a resolver which found out what there is."""
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise Unanswered(dns.rcode.to_text(reply.rcode()))
    if not reply.flags & dns.flags.RA:
        raise Unanswered("not a resolver: it does not offer recursion")


def _read(
    reply: dns.message.Message, rtype: dns.rdatatype.RdataType
) -> tuple[tuple[IPv4Address | IPv6Address, ...], int]:
    rcode = reply.rcode()
    if rcode == dns.rcode.NXDOMAIN:
        raise Unanswered("there is no such name", final=True)
    check(reply)
    assert isinstance(reply, dns.message.QueryMessage)
    try:
        chain = reply.resolve_chaining()
    except dns.message.ChainTooLong:
        raise Unanswered("its chain of CNAME records is a loop or too long", final=True) from None
    if chain.answer is None:
        return (), 0
    addresses = {ip_address(rdata.address) for rdata in chain.answer}
    usable = sorted(address for address in addresses if why_no_target(address) is None)
    return tuple(usable[:MAX_ADDRESSES]), chain.minimum_ttl
