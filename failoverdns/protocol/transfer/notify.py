"""What a primary sends to its secondaries, NOTIFY and SOA queries, and their replies (RFC 1996).

NOTIFY says that a zone has changed; it has the new SOA record as a hint.  The serial number that a
secondary serves is found by an SOA query.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, pack
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import Opcode, RRClass, RRType
from failoverdns.protocol.compressed_names import read_name, skip_name
from failoverdns.protocol.reply import AA, QR

MOST_ANSWERS: Final = 32
"""Records in the answer section of a reply that are read."""

_HEADER: Final = Struct(">HHHHHH")
_QUESTION: Final = pack(">HH", RRType.SOA, RRClass.IN)
_RECORD: Final = Struct(">HHIH")


@dataclass(frozen=True, slots=True)
class SecondaryReply:
    """The reply of a secondary; `origin` is that of its question, None if it has none.

    `serial` is that of the SOA record of `origin` in the answer section, None if there is none.
    """

    id: int
    opcode: int
    rcode: int
    authoritative: bool
    origin: bytes | None
    serial: int | None


def notify(origin: bytes, soa: bytes, id_: int) -> bytes:
    """Return a NOTIFY request with the SOA record in the answer section (RFC 1996 section 3.7).

    `soa` is a record whose owner is a pointer to the question.
    """
    flags = Opcode.NOTIFY << 11 | AA
    return _HEADER.pack(id_, flags, 1, 1, 0, 0) + origin + _QUESTION + soa


def soa_query(origin: bytes, id_: int) -> bytes:
    """Return a query for the SOA record of a zone, without recursion."""
    return _HEADER.pack(id_, Opcode.QUERY << 11, 1, 0, 0, 0) + origin + _QUESTION


def read_reply(message: bytes) -> SecondaryReply:
    """Read the reply to NOTIFY or an SOA query, without TSIG.

    What follows the answer section is not read.  Raises Malformed.
    """
    if len(message) < 12:
        raise Malformed("shorter than a header")
    id_, flags, questions, answers, _, _ = _HEADER.unpack_from(message)
    if not flags & QR:
        raise Malformed("not a response")
    if questions > 1:
        raise Malformed(f"{questions} questions")
    origin, at = None, 12
    if questions:
        origin, at = read_name(message, 12)
        if message[at : at + 4] != _QUESTION:
            raise Malformed("a question for another type or class than SOA and IN")
        at += 4
    serial = _serial(message, at, min(answers, MOST_ANSWERS), origin)
    opcode, rcode = flags >> 11 & 0xF, flags & 0xF
    return SecondaryReply(id_, opcode, rcode, bool(flags & AA), origin, serial)


def _serial(message: bytes, at: int, answers: int, origin: bytes | None) -> int | None:
    """Return the serial number of the SOA record of a zone among the answers, None without one."""
    for _ in range(answers):
        owner, at = read_name(message, at)
        try:
            rtype, rclass, _, length = _RECORD.unpack_from(message, at)
        except StructError:
            raise Malformed("a record is cut short") from None
        at += _RECORD.size
        end = at + length
        if end > len(message):
            raise Malformed("a record is cut short")
        if rtype == RRType.SOA and rclass == RRClass.IN and owner == origin:
            numbers = skip_name(message, skip_name(message, at))
            if numbers + 20 != end:
                raise Malformed("an SOA record with data of another length")
            return int.from_bytes(message[numbers : numbers + 4], "big")
        at = end
    return None
