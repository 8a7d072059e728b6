"""What a request gets whose signature was verified: a pure decision.

| request          | zone           | key            | image | gets                        |
|------------------|----------------|----------------|-------|-----------------------------|
| AXFR, IXFR       | not of ours    |                |       | NOTAUTH                     |
|                  | ours           | not allowed    |       | REFUSED                     |
|                  | ours           | allowed        | whole | the zone, or what changed   |
|                  |                |                | not   | SERVFAIL                    |
| SOA              | its origin     | allowed        | whole | the SOA record of the image |
|                  |                |                | not   | SERVFAIL                    |
| UPDATE           |                |                |       | `transfers.updating`        |
| any other        |                |                |       | what the table answers      |

The SOA record comes from the image, so that a secondary never learns of a serial that it could not
transfer.  Over UDP, AXFR is FORMERR (RFC 5936 section 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import Opcode, Rcode, RRClass, RRType
from failoverdns.protocol.query import Query, read_query
from failoverdns.protocol.transfer.contents import is_newer
from failoverdns.protocol.transfer.messages import refusal, soa_message
from failoverdns.protocol.transfer.requests import (
    TransferKind,
    TransferRequest,
    read_transfer_request,
)
from failoverdns.transfers.served_zone import ServedZone
from failoverdns.transfers.zones import Zones

_QR, _OPCODE_AND_RD = 0x8000, 0x7900
_SOA: Final = RRType.SOA.value
_IN: Final = RRClass.IN.value
_KINDS: Final = frozenset(kind.value for kind in TransferKind)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and how; `is_tls` and `has_certificate` as in `answering.link`."""

    host: str
    is_udp: bool = False
    is_tls: bool = False
    has_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One message, which is not signed yet; `refused` says why a request is refused."""

    message: bytes
    refused: str = ""


@dataclass(frozen=True, slots=True)
class WholeZone:
    """All records of a zone."""

    request: TransferRequest
    zone: ServedZone


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in a zone since `serial`, or all its records where that is shorter."""

    request: TransferRequest
    zone: ServedZone
    serial: int


@dataclass(frozen=True, slots=True)
class FromTable:
    """What an answering process answers."""


@dataclass(frozen=True, slots=True)
class Update:
    """A dynamic update."""


Decision = Reply | WholeZone | Changes | FromTable | Update


def decide(
    message: bytes, key: bytes, client: Client, zones: Zones, *, needs_certificate: bool
) -> Decision:
    """Return what a message gets that was signed with `key`.

    With `needs_certificate` a zone transfer over TLS needs a client certificate.
    """
    opcode = message[2] >> 3 & 0xF
    if opcode == Opcode.UPDATE:
        return Update()
    query = read_query(message)
    if not isinstance(query, Query) or query.qclass != _IN:
        return FromTable()
    if query.qtype in _KINDS:
        return _transfer(message, key, client, zones, needs_certificate=needs_certificate)
    terms = zones.terms.get(query.name.wire)
    if query.qtype == _SOA and terms is not None and key in terms.keys:
        if query.edns is not None and query.edns.version:
            return FromTable()
        zone = zones.find(query.name.wire, key)
        request = _as_request(query)
        if zone is None:
            return Reply(refusal(request, Rcode.SERVFAIL), "its image is not whole yet")
        return Reply(soa_message(request, zone.soa))
    return FromTable()


def failure(message: bytes, rcode: Rcode) -> bytes:
    """Return a reply that has nothing but an rcode, to a message of any kind."""
    flags = int.from_bytes(message[2:4], "big")
    return message[:2] + pack(">5H", _QR | flags & _OPCODE_AND_RD | rcode, 0, 0, 0, 0)


def truncated(message: bytes, reply: bytes, limit: int) -> bytes:
    """Return a reply from the table, to be sent over UDP: with TC if it has more than `limit`."""
    if len(reply) <= limit:
        return reply
    query = read_query(message)
    question = query.question if isinstance(query, Query) else b""
    flags = int.from_bytes(reply[2:4], "big") | 0x0200
    return reply[:2] + pack(">5H", flags, int(bool(question)), 0, 0, 0) + question


def _transfer(
    message: bytes, key: bytes, client: Client, zones: Zones, *, needs_certificate: bool
) -> Decision:
    try:
        request = read_transfer_request(message)
    except Malformed as fault:
        return Reply(failure(message, Rcode.FORMERR), str(fault))
    if client.is_udp and request.kind is TransferKind.AXFR:
        return Reply(refusal(request, Rcode.FORMERR), "AXFR over UDP")
    terms = zones.terms.get(request.origin)
    if terms is None:
        return Reply(refusal(request, Rcode.NOTAUTH), "it is not a zone of this server")
    if key not in terms.keys:
        return Reply(refusal(request, Rcode.REFUSED), "the key may not transfer it")
    if client.is_tls and needs_certificate and not client.has_certificate:
        return Reply(refusal(request, Rcode.REFUSED), "the client has shown no certificate")
    zone = zones.find(request.origin, key)
    if zone is None:
        return Reply(refusal(request, Rcode.SERVFAIL), "its image is not whole yet")
    if request.serial is None:
        return WholeZone(request, zone)
    if not is_newer(zone.snapshot().serial, request.serial):
        return Reply(soa_message(request, zone.soa))
    return Changes(request, zone, request.serial)


def _as_request(query: Query) -> TransferRequest:
    """Return a query for the SOA record in the form of a request, for its reply."""
    return TransferRequest(
        id=query.id,
        recursion_desired=query.recursion_desired,
        question=query.question,
        origin=query.name.wire,
        kind=TransferKind.IXFR,
        serial=None,
        edns=query.edns,
    )
