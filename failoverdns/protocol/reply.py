"""Replies, written to bytes: sections of compiled RRsets, OPT, name compression, truncation.

A reply never exceeds its size limit: if its records do not fit, all are left out and TC is set
(RFC 1035 section 4, RFC 2181 section 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

from failoverdns.model.numbers import EdnsOption, ExtendedError, Rcode, RRType
from failoverdns.protocol.options import write_option
from failoverdns.protocol.query import Edns, Faulty, Query, Unasked
from failoverdns.protocol.records import CompiledRRset

Owned = tuple[bytes, CompiledRRset]
"""An owner name in wire form, and its RRset."""

UDP_PAYLOAD = 1232
"""The payload size that we advertise and never exceed over UDP, in bytes (RFC 9715)."""

PLAIN_UDP_PAYLOAD = 512
"""The largest UDP message for a client without EDNS, in bytes (RFC 1035 section 4.2.1)."""

TCP_PAYLOAD = 65535

QR, AA, TC, RD = 0x8000, 0x0400, 0x0200, 0x0100

_OPT = RRType.OPT.value

OPT_PLAIN = pack(">BHHIH", 0, _OPT, UDP_PAYLOAD, 0, 0)
OPT_DNSSEC_OK = pack(">BHHIH", 0, _OPT, UDP_PAYLOAD, 0x8000, 0)


@dataclass(frozen=True, slots=True)
class Sections:
    """The content of a reply beside its question: rcode, AA, and three sections of RRsets."""

    rcode: Rcode
    authoritative: bool = True
    answer: Sequence[Owned] = ()
    authority: Sequence[Owned] = ()
    additional: Sequence[Owned] = ()
    extended_error: ExtendedError | None = None


def write_fault(fault: Faulty, options: bytes = b"") -> bytes:
    """Return the reply to a faulty message: its question and OPT as far as they were read.

    Of a message that could not be read at all, that is a header: id, QR, opcode and rcode
    (RFC 8906 section 3.1).  `options` are EDNS options for OPT.
    """
    flags = QR | (RD if fault.recursion_desired else 0) | fault.opcode << 11 | fault.rcode & 0xF
    opt = _opt(fault.edns, fault.rcode, options)
    counts = (int(bool(fault.question)), 0, 0, int(bool(opt)) + int(bool(fault.tsig)))
    return pack(">HHHHHH", fault.id, flags, *counts) + fault.question + opt + fault.tsig


def udp_limit(query: Query | Faulty) -> int:
    """Return the largest UDP reply to `query`, in bytes (RFC 6891 section 6.2.5, RFC 9715)."""
    return PLAIN_UDP_PAYLOAD if query.edns is None else min(query.edns.payload, UDP_PAYLOAD)


def write_unasked(query: Unasked, options: bytes) -> bytes:
    """Return the reply to a query without a question: an OPT record with `options`, the cookie."""
    flags = QR | (RD if query.recursion_desired else 0)
    head = pack(">HHHHHH", query.id, flags | Rcode.NOERROR, 0, 0, 0, 1)
    return head + _opt(query.edns, Rcode.NOERROR, options)


def write_reply(query: Query, sections: Sections, limit: int, options: bytes = b"") -> bytes:
    """Return the reply to `query` in at most `limit` bytes; `options` are EDNS options for OPT.

    If the records do not fit, all of them are left out and TC is set.  That includes additional
    records: ours are glue, which is not optional in a referral (RFC 9471 section 2).
    """
    if sections.extended_error is not None:
        options += write_option(EdnsOption.EXTENDED_ERROR, pack(">H", sections.extended_error))
    opt = _opt(query.edns, sections.rcode, options)
    flags = QR | (RD if query.recursion_desired else 0) | (AA if sections.authoritative else 0)
    message = bytearray(12) + query.question
    counts = _write_sections(message, query.name.wire, sections, limit - len(opt))
    if counts is None:
        del message[12 + len(query.question) :]
        flags |= TC
    answers, authorities, additionals = counts or (0, 0, 0)
    message[:12] = pack(
        ">HHHHHH",
        query.id,
        flags | sections.rcode & 0xF,
        1,
        answers,
        authorities,
        additionals + bool(opt),
    )
    return bytes(message + opt)


def _write_sections(
    message: bytearray, question: bytes, sections: Sections, limit: int
) -> tuple[int, ...] | None:
    """Append the sections and return the record count of each; None if they do not fit."""
    parts = (sections.answer, sections.authority, sections.additional)
    if sum(len(rrset.tail) for part in parts for _, rrset in part) > limit:
        return None  # not even with every owner name a pointer
    names: dict[bytes, int] = {}
    _note_name(names, question, 12)
    counts = tuple(sum(_write_rrset(message, names, *owned) for owned in part) for part in parts)
    return counts if len(message) <= limit else None


def _write_rrset(
    message: bytearray, names: dict[bytes, int], owner: bytes, rrset: CompiledRRset
) -> int:
    """Write an RRset and return its record count."""
    count = 0
    for count, record in enumerate(rrset.records(), 1):  # noqa: B007
        _write_name(message, names, owner)
        message += record
    return count


def _write_name(message: bytearray, names: dict[bytes, int], name: bytes) -> None:
    """Write an owner name; a suffix that is already in the message becomes a pointer.

    RFC 1035 section 4.1.4.
    """
    start = len(message)
    rest = name
    while len(rest) > 1 and rest not in names:
        rest = rest[1 + rest[0] :]
    message += name[: len(name) - len(rest)]
    message += pack(">H", 0xC000 | names[rest]) if len(rest) > 1 else b"\0"
    _note_name(names, name, start)


def _note_name(names: dict[bytes, int], name: bytes, at: int) -> None:
    """Note the offsets of a name and its suffixes, as far as a pointer can reach."""
    while len(name) > 1 and name not in names and at < 0x4000:
        names[name] = at
        at += 1 + name[0]
        name = name[1 + name[0] :]


def _opt(edns: Edns | None, rcode: Rcode, options: bytes) -> bytes:
    """Return the OPT record of a reply: DO copied, with `options` (RFC 6891 section 6.1)."""
    if edns is None:
        return b""
    flags = (rcode >> 4) << 24 | (0x8000 if edns.dnssec_ok else 0)
    return pack(">BHHIH", 0, _OPT, UDP_PAYLOAD, flags, len(options)) + options
