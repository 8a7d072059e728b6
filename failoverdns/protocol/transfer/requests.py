"""Requests for zone transfers, read in bounded time (RFC 5936 section 2.1, RFC 1995 section 3).

A request is an ordinary query of type AXFR or IXFR; IXFR has the SOA record that the client has in
its authority section.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import RRClass, RRType
from failoverdns.protocol.compressed_names import read_name, skip_name
from failoverdns.protocol.query import (
    Edns,
    Faulty,
    Ignored,
    Query,
    Signed,
    Unasked,
    Update,
    read_query,
)

_COUNTS: Final = Struct(">HHH")
_RECORD: Final = Struct(">HHIH")
_SOA_NUMBERS: Final = 20
"""Bytes of an SOA record after its two names; the serial number comes first."""


class TransferKind(Enum):
    """The kinds of zone transfer, by their QTYPE."""

    AXFR = 252
    IXFR = 251


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """A request for a zone transfer.

    `question` has the bytes of the question as received, `origin` the name of the zone in wire
    form and lower case.  `serial` is the serial number that the client has, None for AXFR.
    """

    id: int
    recursion_desired: bool
    question: bytes
    origin: bytes
    kind: TransferKind
    serial: int | None
    edns: Edns | None


def read_transfer_request(message: bytes) -> TransferRequest:
    """Read a request for AXFR or IXFR of class IN, without TSIG.

    Raises Malformed: the reply is FORMERR.
    """
    query = _read(message)
    if query.qclass != RRClass.IN:
        raise Malformed("a zone transfer of another class than IN")
    try:
        kind = TransferKind(query.qtype)
    except ValueError:
        raise Malformed("not a request for a zone transfer") from None
    origin = query.name.wire
    serial = None
    if kind is TransferKind.IXFR:
        serial = _serial(message, 12 + len(query.question), origin)
    rd = query.recursion_desired
    return TransferRequest(query.id, rd, query.question, origin, kind, serial, query.edns)


def _read(message: bytes) -> Query:
    match read_query(message):
        case Query() as query:
            return query
        case Faulty(why=why) | Ignored(why=why):
            raise Malformed(why)
        case Unasked():
            raise Malformed("no question")
        case Update() | Signed():
            raise Malformed("not a query")


def _serial(message: bytes, at: int, origin: bytes) -> int:
    """Return the serial number of the SOA record in the authority section of IXFR.

    `read_query` has found that the message consists of whole records.
    """
    answers, authorities, _ = _COUNTS.unpack_from(message, 6)
    if answers or authorities != 1:
        raise Malformed("IXFR without exactly one SOA record in its authority section")
    owner, at = read_name(message, at)
    rtype, rclass, _, length = _RECORD.unpack_from(message, at)
    at += _RECORD.size
    end = at + length
    if rtype != RRType.SOA or rclass != RRClass.IN or owner != origin:
        raise Malformed("IXFR whose authority section does not have the SOA record of the zone")
    numbers = skip_name(message, skip_name(message, at))
    if numbers + _SOA_NUMBERS != end:
        raise Malformed("an SOA record with data of another length")
    return int.from_bytes(message[numbers : numbers + 4], "big")
