"""The interface of the table: all served names, with answers that are ready to be sent.

There are two implementations, which give the same answers byte for byte: `python_table`, and
`compiled_table`, which is faster and smaller; `fast_path` chooses one.  A delta replaces the names
that it contains and no others.

The names that exist are those with data, those that are reserved, the origins of zones, and empty
non-terminals (RFC 4592 section 2.2.2).  Answers that depend on several names are found by `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from failoverdns.protocol.cookies import CookieSecrets
from failoverdns.protocol.records import Answers, CompiledRRset


@dataclass(slots=True)
class Authority:
    """A zone: its origin in wire form and its SOA record, whose TTL a negative answer replaces."""

    origin: bytes
    soa: CompiledRRset

    @property
    def negative_ttl(self) -> bytes:
        """The TTL of negative answers for names without one of their own, in wire form."""
        return self.soa.tail[6:10]


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything that is served at a name; without answers it is an empty non-terminal or reserved.

    `origin` is that of its zone; `negative_ttl` is in wire form, None for that of the zone.
    """

    origin: bytes
    answers: Answers
    negative_ttl: bytes | None


class Table(Protocol):
    """A table of all served names; names are in wire form and lower case."""

    def apply(self, delta: bytes) -> None:
        """Apply a delta (`protocol.table.deltas`) as a whole.

        Raises Malformed; then nothing was changed.
        """

    def stage(self, part: bytes) -> None:
        """Take a part of a delta before the rest, so that the following `apply` is short.

        Nothing is visible before `apply`.  Raises Malformed; then the table must not be used again.
        """

    def ready_answer(self, packet: bytes, *, udp: bool) -> bytes | None:
        """Return the reply to a packet if there is a ready answer, else None."""

    def find(self, name: bytes) -> Entry | None:
        """Return the entry of a name, or None if the name does not exist."""

    def zone_of(self, name: bytes) -> Authority | None:
        """Return the zone of a name, or None."""

    def cut_above(self, name: bytes, origin: bytes) -> bytes | None:
        """Return the highest zone cut at or above `name` and below `origin`."""

    def __len__(self) -> int:
        """Return the number of names that exist."""


ServedBatch = tuple[int, list[tuple[bytes, bytes, bytes | None]]]
"""The number of unsent replies, and the unanswered packets: packet, `sockaddr`, control data."""

Batches = Callable[[int, CookieSecrets | None, object | None], ServedBatch]
"""Answers packets that wait at a UDP socket, given by descriptor, in a few batches.

The third argument has the accounts of rate limiting; None if every reply is sent.
"""


@runtime_checkable
class ServesBatches(Protocol):
    """A table that reads from sockets itself, and counts what it answers."""

    serve: Batches

    def counts(self) -> tuple[tuple[int, ...], int, int]:
        """Return counts since the creation: replies by RCODE, truncated ones, ignored packets.

        BADCOOKIE, which has more than four bits, counts as 7.
        """
