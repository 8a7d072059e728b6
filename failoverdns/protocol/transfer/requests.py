"""Requests for zone transfers, read in bounded time (RFC 5936 section 2.1, RFC 1995 section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from failoverdns.protocol.query import Edns


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
    raise NotImplementedError
