"""The messages of zone transfers, without TSIG: AXFR (RFC 5936) and IXFR (RFC 1995).

Every message has the question, because the owner names of all records point at it.  Only the first
one has an OPT record, if the request has one (RFC 5936 section 2.2.5).

    AXFR   SOA, all other records, SOA
    IXFR   new SOA, old SOA, deleted records, new SOA, added records, new SOA
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import pack
from typing import Final

from failoverdns.model.numbers import Rcode
from failoverdns.protocol.reply import (
    AA,
    OPT_DNSSEC_OK,
    OPT_PLAIN,
    PLAIN_UDP_PAYLOAD,
    QR,
    RD,
    TCP_PAYLOAD,
    UDP_PAYLOAD,
)
from failoverdns.protocol.transfer.contents import Difference, Snapshot, records_in
from failoverdns.protocol.transfer.requests import TransferRequest

MESSAGE: Final = 32 * 1024
"""Bytes of records in a message of a zone transfer, unless one record alone is longer."""

_PIECE: Final = 4 * 1024
"""Bytes of the pieces into which long runs of records are cut."""

_OPT_EXTENDED: Final = 5
"""Where an OPT record has the upper bits of the rcode (RFC 6891 section 6.1.3)."""

Piece = tuple[bytes, int]
"""Joined records, and their number."""


class RecordTooLong(Exception):
    """A record that fits into no message together with the question and the signature."""


def axfr_messages(
    request: TransferRequest, snapshot: Snapshot, tsig_size: int = 0
) -> Iterator[bytes]:
    """Yield the messages of a whole zone, each made when it is asked for (RFC 5936 section 2.2).

    They answer AXFR, and IXFR where no difference can (RFC 1995 section 4).  `tsig_size` is what a
    TSIG record will add to each, in bytes.  Raises RecordTooLong.
    """
    return _messages(request, _whole(snapshot), tsig_size)


def ixfr_messages(
    request: TransferRequest, difference: Difference, tsig_size: int = 0
) -> Iterator[bytes]:
    """Yield the messages of an incremental zone transfer (RFC 1995 section 4).

    Raises RecordTooLong.
    """
    return _messages(request, _incremental(difference), tsig_size)


def soa_message(request: TransferRequest, soa: bytes) -> bytes:
    """Return the reply with the SOA record alone.

    Over TCP it says that the client's serial number is current, over UDP also that the rest does
    not fit, so that the client asks again over TCP (RFC 1995 sections 2 and 4).
    """
    return _message(request, [soa], 1, with_opt=True)


def ixfr_over_udp(
    request: TransferRequest, soa: bytes, difference: Difference | None, tsig_size: int
) -> bytes:
    """Return the one message that answers IXFR over UDP (RFC 1995 section 2).

    `soa` is the present SOA record; `difference` leads to it, None if there is none; `tsig_size`
    is what the TSIG record will add, in bytes.  What does not fit becomes the SOA record alone.
    """
    edns = request.edns
    limit = PLAIN_UDP_PAYLOAD if edns is None else min(edns.payload, UDP_PAYLOAD)
    room = limit - tsig_size - 12 - len(request.question) - len(_opt(request))
    if difference is None or difference.size > room:
        return soa_message(request, soa)
    pieces = list(_incremental(difference))
    count = sum(records for _, records in pieces)
    return _message(request, [data for data, _ in pieces], count, with_opt=True)


def refusal(request: TransferRequest, rcode: Rcode) -> bytes:
    """Return the reply that has an rcode, the question and no records."""
    flags = QR | (RD if request.recursion_desired else 0) | rcode & 0xF
    opt = bytearray(_opt(request))
    if opt:
        opt[_OPT_EXTENDED] = rcode >> 4
    return pack(">HHHHHH", request.id, flags, 1, 0, 0, int(bool(opt))) + request.question + opt


def _whole(snapshot: Snapshot) -> Iterator[Piece]:
    yield snapshot.soa, 1
    for data, _, records in snapshot.chunks:
        if len(data) <= 2 * _PIECE:
            yield data, records
        else:
            yield from _pieces(data)
    yield snapshot.soa, 1


def _incremental(difference: Difference) -> Iterator[Piece]:
    yield difference.new_soa + difference.old_soa, 2
    yield from _pieces(difference.deleted)
    yield difference.new_soa, 1
    yield from _pieces(difference.added)
    yield difference.new_soa, 1


def _pieces(data: bytes) -> Iterator[Piece]:
    """Cut joined records into pieces of whole records."""
    start = at = records = 0
    size = len(data)
    while at < size:
        while (length := data[at]) < 0xC0:
            at += 1 + length
        at += 12 + (data[at + 10] << 8 | data[at + 11])
        records += 1
        if at - start >= _PIECE or at == size:
            if at - start > MESSAGE and records > 1:  # the last record of the piece is the long one
                yield from ((record, 1) for record in records_in(data[start:at]))
            else:
                yield data[start:at], records
            start, records = at, 0


def _messages(request: TransferRequest, pieces: Iterable[Piece], tsig_size: int) -> Iterator[bytes]:
    """Join pieces to messages."""
    most = TCP_PAYLOAD - tsig_size - 12 - len(request.question) - len(_opt(request))
    parts: list[bytes] = []
    size = count = 0
    is_first = True
    for data, records in pieces:
        if parts and size + len(data) > MESSAGE:
            yield _message(request, parts, count, with_opt=is_first)
            parts, size, count, is_first = [], 0, 0, False
        if len(data) > most:
            raise RecordTooLong(f"a record has {len(data)} bytes, and {most} fit into a message")
        parts.append(data)
        size += len(data)
        count += records
    yield _message(request, parts, count, with_opt=is_first)


def _message(
    request: TransferRequest, parts: list[bytes], records: int, *, with_opt: bool
) -> bytes:
    flags = QR | AA | (RD if request.recursion_desired else 0)
    opt = _opt(request) if with_opt else b""
    head = pack(">HHHHHH", request.id, flags, 1, records, 0, int(bool(opt)))
    return b"".join((head, request.question, *parts, opt))


def _opt(request: TransferRequest) -> bytes:
    if request.edns is None:
        return b""
    return OPT_DNSSEC_OK if request.edns.dnssec_ok else OPT_PLAIN
