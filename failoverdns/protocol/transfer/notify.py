"""What a primary sends to its secondaries, NOTIFY and SOA queries, and their replies (RFC 1996)."""

from __future__ import annotations

from dataclasses import dataclass


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
    raise NotImplementedError


def soa_query(origin: bytes, id_: int) -> bytes:
    """Return a query for the SOA record of a zone."""
    raise NotImplementedError


def read_reply(message: bytes) -> SecondaryReply:
    """Read the reply to NOTIFY or an SOA query, without TSIG. Raises Malformed."""
    raise NotImplementedError
