"""The table: what is served, by name, ready to be sent.

Two tables do the same, byte for byte: `python_table`, and `compiled_table`, which is faster and
smaller; `fast_path` chooses.  A delta replaces the names that it touches and no others.
Knows which names exist: those with data, those reserved, origins of zones, and empty non-terminals
(RFC 4592 section 2.2.2), and where zones are cut (RFC 9499, "zone cut").
Refuses to know what is answered where it takes more than one name: `lookup`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from failoverdns.protocol.cookies import CookieSecrets
from failoverdns.protocol.records import Answers, CompiledRRset


@dataclass(slots=True)
class Authority:
    """A zone: its origin in wire form and its SOA record, of which the TTL may be replaced."""

    origin: bytes
    soa: CompiledRRset

    @property
    def negative_ttl(self) -> bytes:
        """The TTL of negative answers for names without one of their own."""
        return self.soa.tail[6:10]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is served at a name; without answers it is reserved or an empty non-terminal.

    `origin` is that of its zone; `negative_ttl` in wire form, None where the zone's holds.
    """

    origin: bytes
    answers: Answers
    negative_ttl: bytes | None


class Table(Protocol):
    """All names that are served; names are in wire form and lower case."""

    def apply(self, delta: bytes) -> None:
        """Take over a change (`protocol.table.deltas`), all of it at once.

        Raises Malformed; then nothing was changed.
        """

    def stage(self, part: bytes) -> None:
        """Take a part of a delta ahead of the rest, which `apply` gets, so that applying is short.

        Nothing is visible before.  Raises Malformed; then the table is of no use any more.
        """

    def ready_answer(self, packet: bytes, *, udp: bool) -> bytes | None:
        """Return the reply to a packet if it lies ready, else None."""

    def find(self, name: bytes) -> Entry | None:
        """Return what is served at a name, if it exists."""

    def zone_of(self, name: bytes) -> Authority | None:
        """Return the zone that a name is in."""

    def cut_above(self, name: bytes, origin: bytes) -> bytes | None:
        """Return the highest zone cut at or above `name` and below `origin`."""

    def __len__(self) -> int:
        """Return how many names exist."""


ServedBatch = tuple[int, list[tuple[bytes, bytes, bytes | None]]]
"""How many replies were not taken, and what is left: packet, `sockaddr`, control data."""

Batches = Callable[[int, CookieSecrets | None], ServedBatch]
"""Answers what waits at a UDP socket, by descriptor, in batches with a cap."""


@runtime_checkable
class ServesBatches(Protocol):
    """A table that reads from sockets by itself."""

    serve: Batches
