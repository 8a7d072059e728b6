"""The content of an authoritative reply to a well-formed query (RFC 1034 section 4.3.2).

The result is the sections of a reply; `responding` reads the packet and writes the reply.
"""

from __future__ import annotations

from typing import Final

from failoverdns.answering.settings import AnswerSettings
from failoverdns.model.numbers import ExtendedError, Rcode, RRClass, RRType
from failoverdns.protocol.query import Query
from failoverdns.protocol.records import IN, CompiledRRset
from failoverdns.protocol.reply import Sections
from failoverdns.protocol.table.lookup import (
    Found,
    LookupResult,
    NoData,
    NoSuchName,
    NotOurs,
    Referral,
    look_up,
)
from failoverdns.protocol.table.table import Table

_CHAOS: Final = RRClass.CHAOS.value
_OPT: Final = RRType.OPT.value
_ANY: Final = RRType.ANY.value
_TRANSFERS: Final = (RRType.AXFR.value, RRType.IXFR.value)


def answer(table: Table, query: Query, settings: AnswerSettings) -> Sections | None:
    """Return the sections of the reply to a well-formed query; None if it gets FORMERR (QTYPE OPT).

    `table` holds the served names; `settings` the answers to CHAOS queries.
    """
    if query.edns is not None and query.edns.version > 0:
        return Sections(Rcode.BADVERS, authoritative=False)
    if query.qtype == _OPT:
        return None
    if query.qclass == _CHAOS and query.name.wire in settings.chaos:
        return _chaos(settings.chaos[query.name.wire], query)
    if query.qclass != IN:
        return Sections(Rcode.REFUSED, authoritative=False)
    if query.qtype in _TRANSFERS:
        return Sections(Rcode.REFUSED, authoritative=False)
    if (query.qtype >= 128 and query.qtype < _ANY) or query.qtype == 0:
        return Sections(Rcode.NOTIMP, authoritative=False)
    return _sections(look_up(table, query.name.wire, query.qtype))


def _sections(found: LookupResult) -> Sections:
    match found:
        case Found(answers):
            return Sections(Rcode.NOERROR, answer=answers)
        case NoData(answers, soa):
            return Sections(Rcode.NOERROR, answer=answers, authority=(soa,))
        case NoSuchName(answers, soa):
            return Sections(Rcode.NXDOMAIN, answer=answers, authority=(soa,))
        case Referral(answers, nameservers, glue):
            return Sections(
                Rcode.NOERROR,
                authoritative=bool(answers),
                answer=answers,
                authority=(nameservers,),
                additional=glue,
            )
        case NotOurs():
            return Sections(
                Rcode.REFUSED, authoritative=False, extended_error=ExtendedError.NOT_AUTHORITATIVE
            )


def _chaos(rrset: CompiledRRset, query: Query) -> Sections:
    """Answer a CHAOS query for the server's id or version (RFC 4892)."""
    if query.qtype in (rrset.rtype, _ANY):
        return Sections(Rcode.NOERROR, answer=((query.name.wire, rrset),))
    return Sections(Rcode.NOERROR)
