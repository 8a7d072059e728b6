"""A command that waits until secondaries have the serials of its change.

Reads no clock and sets no timer: `following.following` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from failoverdns.following.standings import Pair
from failoverdns.model.names import DomainName
from failoverdns.protocol.transfer.contents import is_newer


@dataclass(frozen=True, slots=True)
class Served:
    """A secondary that serves the awaited serial of a zone, or a newer one, since a time."""

    pair: Pair
    serial: int
    at: float


@dataclass(slots=True)
class Wait:
    """Secondaries that are waited for, each with the serial that it must have.

    `end` is called once, when there is none left, or when somebody else ends the wait.
    """

    serials: Mapping[DomainName, int]
    remaining: set[Pair]
    end: Callable[[], None]
    served: list[Served] = field(default_factory=list)

    def note(self, pair: Pair, serial: int | None, at: float) -> None:
        """Note the serial that a secondary has, seen at `at` (seconds since 1970)."""
        if pair not in self.remaining or serial is None:
            return
        wanted = self.serials[pair[1]]
        if serial == wanted or is_newer(serial, wanted):
            self.remaining.discard(pair)
            self.served.append(Served(pair, serial, at))

    def left(self) -> Iterator[Pair]:
        """Return the pairs that are still waited for, in order."""
        return iter(sorted(self.remaining, key=lambda pair: (pair[1].to_text(), pair[0])))

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return not self.remaining
