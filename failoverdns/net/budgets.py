"""What clients may use before they have shown a certificate: connections, and computing time.

`ArrivalLimit` limits new connections a second, of a network and in all.  `TimeBudget` limits the
time that their TLS handshakes take; networks that wait for it take turns (`Turns`).  Clients that
are known, because their address showed a valid certificate lately, have budgets of their own and
the first turn.  All of it counts with the time that it is given, in seconds of any clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from failoverdns.net.token_bucket import TokenBucket, TokenBuckets

One = TypeVar("One", bound=Hashable)

ARRIVALS: Final = 2500.0
"""New connections a second that get a place; those beyond it are closed at once."""

ARRIVALS_OF_ONE: Final = 1500.0
"""New connections a second of one network, and of all known addresses together."""

TIME_SHARE: Final = 0.4
"""The part of the time of the process that handshakes may take."""

KNOWN_TIME_SHARE: Final = 0.2
"""The part that is kept for handshakes of known addresses, in addition."""

_SAVED = 0.25
"""Seconds for which a budget that is not used is saved up."""


class ArrivalLimit:
    """How many new connections get a place, of a network and in all."""

    def __init__(self) -> None:
        """Prepare; no connection has arrived."""
        self._all = TokenBucket(ARRIVALS, ARRIVALS * _SAVED)
        self._known = TokenBucket(ARRIVALS_OF_ONE, ARRIVALS_OF_ONE * _SAVED)
        self._of_one: TokenBuckets[bytes] = TokenBuckets(ARRIVALS_OF_ONE, ARRIVALS_OF_ONE * _SAVED)

    def admits(self, network: bytes, now: float, *, is_known: bool) -> bool:
        """Count a new connection; return whether it gets a place."""
        if is_known and self._known.take(now):
            return True
        return self._of_one.take(network, now) and self._all.take(now)


class TimeBudget:
    """The time of the process that handshakes may take."""

    def __init__(self) -> None:
        """Prepare; nothing is used yet."""
        self._all = TokenBucket(TIME_SHARE, TIME_SHARE * _SAVED)
        self._known = TokenBucket(KNOWN_TIME_SHARE, KNOWN_TIME_SHARE * _SAVED)

    def wait(self, now: float, *, is_known: bool) -> float:
        """Return the seconds until a handshake may go on; 0 if it may now."""
        wait = self._all.wait(now)
        return min(wait, self._known.wait(now)) if is_known else wait

    def charge(self, now: float, seconds: float, *, is_known: bool) -> None:
        """Note that a handshake took `seconds`."""
        own = is_known and self._known.wait(now) == 0
        (self._known if own else self._all).charge(now, seconds)


@dataclass(frozen=True, slots=True)
class Turn(Generic[One]):
    """A connection whose turn it is, and whether its address is known."""

    one: One
    is_known: bool


class Turns(Generic[One]):
    """Connections that wait for their turn: known addresses first, then networks in turn.

    A network that begins to wait comes first, and so does the newest connection of a network: if
    not all can have a turn, some are served in time rather than all too late.
    """

    def __init__(self) -> None:
        """Prepare; nobody waits."""
        self._lines: dict[bool, OrderedDict[bytes, dict[One, None]]] = {
            is_known: OrderedDict() for is_known in (True, False)
        }
        self._waiting: dict[One, tuple[bool, bytes]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def has_known(self) -> bool:
        """Whether a connection of a known address waits."""
        return bool(self._lines[True])

    def enter(self, one: One, network: bytes, *, is_known: bool) -> None:
        """Let a connection wait for its turn."""
        line = self._lines[is_known]
        if network not in line:
            line[network] = {}
            line.move_to_end(network, last=False)
        line[network][one] = None
        self._waiting[one] = is_known, network

    def leave(self, one: One) -> None:
        """Let a connection wait no longer, if it does."""
        if one in self._waiting:
            is_known, network = self._waiting.pop(one)
            line = self._lines[is_known]
            del line[network][one]
            if not line[network]:
                del line[network]

    def next(self, *, only_known: bool = False) -> Turn[One] | None:
        """Return the connection whose turn it is, which waits no longer; None if nobody waits."""
        for is_known in (True,) if only_known else (True, False):
            line = self._lines[is_known]
            if line:
                network = next(iter(line))
                one = next(reversed(line[network]))
                line.move_to_end(network)
                self.leave(one)
                return Turn(one, is_known)
        return None
