"""The account that a reply is counted by: its kind, and the bytes that distinguish it.

A flood must not get a new account with each query, whatever it varies: names that do not exist,
names below a wildcard or a zone cut, types that do not exist, classes, opcodes, EDNS versions.  So
what counts is what the server has, not what was asked for: the name and the type of the RRset that
is sent, the zone of an SOA record, the zone cut of a referral.

The fast path in C finds the same accounts (`note_account` in `failoverdns/native/answer.c`).
"""

from __future__ import annotations

from struct import pack
from typing import Final, NamedTuple

from failoverdns.answering.limiting import ReplyKind
from failoverdns.model.numbers import Rcode
from failoverdns.model.records import NS
from failoverdns.protocol.query import Query
from failoverdns.protocol.reply import Sections
from failoverdns.protocol.table.table import Table

_NXDOMAIN: Final = Rcode.NXDOMAIN.value


class ReplyAccount(NamedTuple):
    """The kind of a reply, and what distinguishes replies of this kind."""

    kind: ReplyKind
    name: bytes


ERRORS: Final = ReplyAccount(ReplyKind.ERROR, b"")
"""The account of refusals, of errors, and of replies without a question."""


def account_of_ready(reply: bytes) -> ReplyAccount:
    """Return the account of a ready answer: records of a name, or an SOA record."""
    end = 12
    while length := reply[end]:
        end += 1 + length
    end += 1
    record = end + 4  # which has a pointer into the question as its owner
    if reply[6:8] != b"\0\0":
        name, rtype = reply[12:end].lower(), reply[record + 2 : record + 4]
        return ReplyAccount(ReplyKind.ANSWER, name + rtype)
    at = int.from_bytes(reply[record : record + 2], "big") & 0x3FFF
    is_nxdomain = reply[3] & 0xF == _NXDOMAIN
    return ReplyAccount(
        ReplyKind.NXDOMAIN if is_nxdomain else ReplyKind.NODATA, reply[at:end].lower()
    )


def account_of(table: Table, query: Query, sections: Sections) -> ReplyAccount:
    """Return the account of a reply with these sections."""
    if sections.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return ERRORS
    authority = sections.authority[0] if sections.authority else None
    if sections.rcode == Rcode.NXDOMAIN:
        return ReplyAccount(ReplyKind.NXDOMAIN, authority[0] if authority else b"")
    if sections.answer:
        name, rtype = query.name.wire, sections.answer[0][1].rtype
        if table.find(name) is not None:
            return ReplyAccount(ReplyKind.ANSWER, name + pack(">H", rtype))
        zone = table.zone_of(name)
        return ReplyAccount(ReplyKind.ANSWER, zone.origin if zone is not None else b"")
    if authority is None:
        return ReplyAccount(ReplyKind.NODATA, b"")
    kind = ReplyKind.REFERRAL if authority[1].rtype == NS else ReplyKind.NODATA
    return ReplyAccount(kind, authority[0])
