"""Which answers are right while an operator switches, and counts of queries lost and late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from socket import inet_aton

import dns.message

GROUPS = [f"g{number}" for number in range(10)]
SIDES = ("primary", "backup")
ADDRESSES = ("192.0.2.10", "198.51.100.20")
_SIDE_OF = {inet_aton(address): side for side, address in enumerate(ADDRESSES)}
QUERIES = [
    dns.message.make_query(f"{group}.failover.test", "A", use_edns=-1).to_wire()[2:]
    for group in GROUPS
]
"""The query for each group, without the id."""

LATE = 0.1
NEVER = -1
"""The side of a switch that was refused."""


@dataclass(slots=True)
class Query:
    """A query that waits for its reply."""

    sent: float
    group: int
    since: int
    """The last acknowledged switch of the group when the query was sent."""
    open: bool = True


class Judge:
    """Knows every switch, and thereby the answers that a query may get."""

    def __init__(self) -> None:
        self.sides = [[0] for _ in GROUPS]
        """The sides that each group was switched to, in the order of the commands."""
        self.acknowledged = [0] * len(GROUPS)
        """The last switch of each group that was acknowledged."""
        self.wrong = 0
        self.examples: list[str] = []
        self._next = 0

    def draw(self, now: float) -> Query:
        """Return the next query; the groups take turns."""
        self._next = (self._next + 1) % len(GROUPS)
        return Query(now, self._next, self.acknowledged[self._next])

    def check(self, query: Query, reply: bytes, now: float) -> None:
        """Count a reply that is not the answer, or an answer from before a switch."""
        side = _SIDE_OF.get(reply[-4:]) if reply[3] & 15 == 0 and reply[7] == 1 else None
        if side is None or side not in self.sides[query.group][query.since :]:
            self.wrong += 1
            if len(self.examples) < 5:
                allowed = self.sides[query.group][query.since :]
                self.examples.append(
                    f"{GROUPS[query.group]} {(now - query.sent) * 1000:.0f} ms after the query: "
                    f"{reply.hex()}, side {side}, allowed {allowed}"
                )


@dataclass
class Tally:
    """Counts of one kind of exchange."""

    name: str
    sent: int = 0
    answered: int = 0
    lost: int = 0
    lost_with_connection: int = 0
    """The part of `lost` whose connection was closed or refused."""
    late: int = 0
    slowest: float = 0.0
    closed: int = 0
    """Connections that the server closed."""
    waiting: deque[Query] = field(default_factory=deque)

    def add(self, query: Query) -> None:
        """Count a query that is sent."""
        self.sent += 1
        self.waiting.append(query)

    def answer(self, query: Query, now: float) -> None:
        """Count a reply."""
        query.open = False
        self.answered += 1
        took = now - query.sent
        self.late += took > LATE
        self.slowest = max(self.slowest, took)

    def lose(self, query: Query, *, with_connection: bool = False) -> None:
        """Count a query that gets no reply, unless it had one."""
        if query.open:
            query.open = False
            self.lost += 1
            self.lost_with_connection += with_connection

    def expire(self, before: float) -> None:
        """Lose the queries that were sent before a time."""
        while self.waiting and self.waiting[0].sent < before:
            self.lose(self.waiting.popleft())

    def figures(self) -> dict[str, float]:
        """Return the counts."""
        return {
            "sent": self.sent,
            "answered": self.answered,
            "lost": self.lost,
            "lost_with_connection": self.lost_with_connection,
            "late": self.late,
            "slowest_ms": round(self.slowest * 1000, 1),
            "closed": self.closed,
        }
