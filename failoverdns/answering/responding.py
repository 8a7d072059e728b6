"""The query corridor: from one packet to its reply.

    packet -> ready answer: the question's bytes, looked up in the table
           -> slow path (anything unusual): read -> look up -> write
           -> signed with a known key: handed over to the process that has it
    reply  -> over UDP, to a client that has not proven its address: rate limit

The first two give the same answer, which a property test verifies.  The content of replies to
well-formed queries is in `authoritative`.

Table, settings, client and time are arguments: nothing here has a socket or a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from failoverdns.answering.accounts import ERRORS, ReplyAccount, account_of, account_of_ready
from failoverdns.answering.authoritative import answer
from failoverdns.answering.limiting import Limiter, Treatment, packed
from failoverdns.answering.settings import AnswerSettings
from failoverdns.model.numbers import EdnsOption, Opcode, Rcode, RRClass
from failoverdns.protocol.cookies import SIZE, CookieSecrets, check_cookie
from failoverdns.protocol.options import (
    NO_OPTIONS,
    Options,
    keepalive_time,
    without_scope,
    write_option,
)
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
from failoverdns.protocol.reply import (
    PLAIN_UDP_PAYLOAD,
    TCP_PAYLOAD,
    UDP_PAYLOAD,
    Sections,
    udp_limit,
    write_fault,
    write_reply,
    write_unasked,
)
from failoverdns.protocol.table.table import Table

_OPT_START: Final = b"\0\0)"
_COOKIES: Final = {
    12: b"\0\x0c\0\x0a\0\x08",  # a client cookie alone
    28: b"\0\x1c\0\x0a\0\x18",  # client and server cookie
}
"""RDLENGTH and option header of an OPT record with nothing but a cookie, by their RDLENGTH."""

_COOKIE_SPACE: Final = 4 + SIZE
"""Bytes that a cookie adds to a reply."""

_COOKIE_OPTION: Final = b"\0\x0a\0\x18"
"""The beginning of a COOKIE option with a cookie that we may have made."""

_PROOFS: Final = 4
"""Places in a packet that are checked for a valid cookie before the packet is read."""


class Asker(NamedTuple):
    """The DNS client, transport and time of a query; a tuple, as one is made for every packet.

    `host` is the client's address as text, `now` is in seconds since 1970, `monotonic` in
    nanoseconds.
    """

    host: str
    udp: bool
    now: float
    monotonic: int


class Reply(NamedTuple):
    """The reply to a packet: a message, or None for no reply.

    `has_valid_cookie` means that the client has proven its address, so it is not rate-limited.
    A reply that is not a ready answer has its query and its sections, None without a question.
    A message that is handed over is `signed`, and has no reply here.
    """

    message: bytes | None
    has_valid_cookie: bool
    is_ready: bool = False
    query: Query | None = None
    sections: Sections | None = None
    signed: Signed | None = None


Answered = bytes | Signed | None
"""The reply to a packet, None for no reply, or what is handed over."""

Respond = Callable[[bytes, str], Answered]
"""Returns what a packet or message from an address (as text) is answered with."""


def respond(table: Table, packet: bytes, asker: Asker, settings: AnswerSettings) -> Answered:
    """Return the reply to a packet after rate limiting, None for no reply, or what is handed over.

    Never raises.  Rate limits count no message that is handed over: see `answering.forwarding`.
    """
    limiter = settings.limiter if asker.udp else None
    if (
        limiter is not None
        and _is_query(packet)
        and not _has_proof(packet, asker, settings)
        and limiter.refuses(packed(asker.host), asker.monotonic)
    ):
        return None
    ready = table.ready_answer(packet, udp=asker.udp)
    if ready is not None:
        reply = Reply(ready, False, is_ready=True)
    else:
        reply = unready_answer(table, packet, asker, settings)
    if reply.signed is not None:
        return reply.signed
    if limiter is None or reply.message is None or reply.has_valid_cookie:
        return reply.message
    return _limited(table, packet, reply, asker, settings, limiter)


def unready_answer(table: Table, packet: bytes, asker: Asker, settings: AnswerSettings) -> Reply:
    """Return the reply to a packet that has no ready answer."""
    if settings.cookies is not None:
        reply = _ready_with_cookie(table, packet, asker, settings.cookies)
        if reply.message is not None:
            return reply
    return slow_answer(table, packet, asker, settings)


def server_failure(packet: bytes) -> bytes | None:
    """Return SERVFAIL for a query, so that a resolver asks another server; None for a non-query."""
    if not _is_query(packet):
        return None
    try:
        query = read_query(packet)
    except Exception:  # it may be the defect
        query = None
    if isinstance(query, Query | Unasked):
        return write_fault(_faulty(query, Rcode.SERVFAIL, "a defect"))
    opcode = packet[2] >> 3 & 0xF
    return write_fault(
        Faulty(int.from_bytes(packet[:2], "big"), opcode, Rcode.SERVFAIL, "a defect")
    )


def signed_failure(signed: Signed, rcode: Rcode = Rcode.SERVFAIL) -> bytes:
    """Return a reply with an rcode to a message that is not handed over; it is not signed."""
    fault = Faulty(
        signed.id,
        signed.opcode,
        rcode,
        "nobody here has the key",
        signed.recursion_desired,
        signed.question,
        signed.edns,
    )
    return write_fault(fault)


def _is_query(packet: bytes) -> bool:
    """Return whether a packet is a query, so that it has a reply."""
    return len(packet) >= 12 and not packet[2] & 0x80


def _has_proof(packet: bytes, asker: Asker, settings: AnswerSettings) -> bool:
    """Return whether a packet may have a valid cookie: whether one is in it, wherever.

    It looks at the first few only, so that the work is bounded.
    """
    at = 0
    for _ in range(_PROOFS if settings.cookies is not None else 0):
        at = packet.find(_COOKIE_OPTION, at)
        if at < 0 or len(packet) - at < _COOKIE_SPACE:
            return False
        at += 4
        address, cookie = packed(asker.host), packet[at : at + SIZE]
        assert settings.cookies is not None
        if check_cookie(settings.cookies, cookie, address, asker.now)[0]:
            return True
    return False


def _ready_with_cookie(table: Table, packet: bytes, asker: Asker, secrets: CookieSecrets) -> Reply:
    """Return the ready answer to a query with a cookie, with the cookie for the reply added.

    Only for queries that end in an OPT record with nothing but a cookie: the reply is the ready
    answer to the same query without it, and a cookie.  The message is None if there is none.
    """
    for size, start in _COOKIES.items():
        at = len(packet) - size
        if packet[at - 2 : at + 4] == start and packet[at - 11 : at - 8] == _OPT_START:
            reply = table.ready_answer(packet[: at - 2] + b"\0\0", udp=asker.udp)
            if reply is None:
                break
            total = len(reply) + _COOKIE_SPACE
            if total > PLAIN_UDP_PAYLOAD:
                payload = int.from_bytes(packet[at - 8 : at - 6], "big")
                if total > (min(payload, UDP_PAYLOAD) if asker.udp else TCP_PAYLOAD):
                    break
            valid, cookie = check_cookie(secrets, packet[at + 4 :], packed(asker.host), asker.now)
            return Reply(reply[:-2] + _COOKIES[28] + cookie, valid, is_ready=True)
    return Reply(None, False)


def slow_answer(table: Table, packet: bytes, asker: Asker, settings: AnswerSettings) -> Reply:
    """Return the reply to a packet by the slow path, which parses the packet."""
    query = read_query(packet, settings.keys)
    match query:
        case Ignored():
            return Reply(None, False)
        case Signed():
            return Reply(None, False, signed=query)
        case Update():
            return _fault(_refused(table, query), asker, settings)
        case Faulty():
            return _fault(query, asker, settings)
        case Unasked():
            if settings.cookies is None:
                return _fault(_faulty(query, Rcode.FORMERR, "no question"), asker, settings)
            valid, options = _reply_options(query.edns, asker, settings)
            return Reply(write_unasked(query, options), valid)
    sections = answer(table, query, settings)
    if sections is None:
        fault = _faulty(query, Rcode.FORMERR, "a QTYPE that cannot be asked for")
        return _fault(fault, asker, settings)
    valid, options = _reply_options(query.edns, asker, settings)
    limit = udp_limit(query) if asker.udp else TCP_PAYLOAD
    return Reply(
        write_reply(query, sections, limit, options), valid, query=query, sections=sections
    )


def _refused(table: Table, update: Update) -> Faulty:
    """Return an update that nobody has signed: REFUSED, or NOTAUTH if the zone is not ours.

    RFC 2136 sections 3.1.1 and 3.3.
    """
    zone = table.zone_of(update.name.wire) if update.qclass == RRClass.IN else None
    is_ours = zone is not None and zone.origin == update.name.wire
    return Faulty(
        update.id,
        Opcode.UPDATE,
        Rcode.REFUSED if is_ours else Rcode.NOTAUTH,
        "an update that is not signed",
        update.recursion_desired,
        update.question,
        update.edns,
    )


def _faulty(query: Query | Unasked, rcode: Rcode, why: str) -> Faulty:
    """Return a message that was read as one that is answered with an rcode."""
    question = query.question if isinstance(query, Query) else b""
    return Faulty(query.id, 0, rcode, why, query.recursion_desired, question, query.edns)


def _fault(fault: Faulty, asker: Asker, settings: AnswerSettings) -> Reply:
    valid, options = _reply_options(fault.edns, asker, settings)
    message = write_fault(fault, options)
    if asker.udp and len(message) > udp_limit(fault):
        message = write_fault(fault)  # which is never too long
    return Reply(message, valid)


def _reply_options(edns: Edns | None, asker: Asker, settings: AnswerSettings) -> tuple[bool, bytes]:
    """Return whether a query has a valid cookie, and the EDNS options of the reply."""
    if edns is None or edns.options is NO_OPTIONS:
        return False, b""
    valid, written, options = False, b"", edns.options
    if options.cookie is not None and settings.cookies is not None:
        valid, cookie = check_cookie(
            settings.cookies, options.cookie, packed(asker.host), asker.now
        )
        written += write_option(EdnsOption.COOKIE, cookie)
    if options.nsid and settings.nsid is not None:
        written += write_option(EdnsOption.NSID, settings.nsid)
    if options.client_subnet is not None:
        written += write_option(EdnsOption.CLIENT_SUBNET, without_scope(options.client_subnet))
    if options.keepalive and not asker.udp:
        written += write_option(EdnsOption.KEEPALIVE, keepalive_time(settings.idle_timeout))
    return valid, written


def _limited(
    table: Table,
    packet: bytes,
    reply: Reply,
    asker: Asker,
    settings: AnswerSettings,
    limiter: Limiter,
) -> bytes | None:
    """Return a reply, or a truncated one or None if the client network gets too many."""
    account, can_truncate = _account(table, reply)
    treatment = limiter.treat(
        packed(asker.host),
        account.kind,
        account.name,
        asker.monotonic,
        can_truncate=can_truncate,
    )
    if treatment is Treatment.SEND:
        return reply.message
    if treatment is Treatment.DROP:
        return None
    query = reply.query or read_query(packet)
    assert isinstance(query, Query)
    rcode, options = Rcode.NOERROR, b""
    if query.edns is not None and query.edns.options.cookie is not None and settings.cookies:
        rcode = Rcode.BADCOOKIE  # with the cookie only, so that floods are not amplified
        cookie_only = replace(query.edns, options=Options(cookie=query.edns.options.cookie))
        _, options = _reply_options(cookie_only, asker, settings)
    sections = Sections(rcode, authoritative=False)
    return write_reply(query, sections, PLAIN_UDP_PAYLOAD if rcode else 0, options)


def _account(table: Table, reply: Reply) -> tuple[ReplyAccount, bool]:
    """Return the account of a reply, and whether the reply has a question and can be truncated."""
    if reply.is_ready:
        assert reply.message is not None
        return account_of_ready(reply.message), True
    if reply.query is None or reply.sections is None:
        return ERRORS, False
    return account_of(table, reply.query, reply.sections), True
