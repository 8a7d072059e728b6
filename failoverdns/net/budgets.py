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

_MAX_NETWORKS = 4096
"""Networks whose arrivals are counted; beyond it, the one seen longest ago is forgotten."""


class TokenBucket:
    """A budget that fills at a rate up to a depth; it may be overdrawn by one charge."""

    def __init__(self, rate: float, depth: float) -> None:
        """Fill by `rate` a second, up to `depth`; the bucket is full at first."""
        self._rate = rate
        self._depth = depth
        self._level = depth
        self._at: float | None = None

    def level(self, now: float) -> float:
        """Return what is left, less than 0 if the budget is overdrawn."""
        if self._at is not None and now > self._at:
            self._level = min(self._depth, self._level + (now - self._at) * self._rate)
        self._at = now if self._at is None else max(now, self._at)
        return self._level

    def take(self, now: float) -> bool:
        """Take 1 if there is as much; return whether there was."""
        if self.level(now) < 1:
            return False
        self._level -= 1
        return True

    def charge(self, now: float, amount: float) -> None:
        """Take an amount, whether or not there is as much."""
        self._level = self.level(now) - amount

    def wait(self, now: float) -> float:
        """Return the seconds until something is left; 0 if something is."""
        level = self.level(now)
        return 0.0 if level > 0 else -level / self._rate + 1e-6


class ArrivalLimit:
    """How many new connections get a place, of a network and in all."""

    def __init__(self) -> None:
        """Prepare; no connection has arrived."""
        self._all = TokenBucket(ARRIVALS, ARRIVALS * _SAVED)
        self._known = TokenBucket(ARRIVALS_OF_ONE, ARRIVALS_OF_ONE * _SAVED)
        self._networks: OrderedDict[bytes, TokenBucket] = OrderedDict()

    def admits(self, network: bytes, now: float, *, is_known: bool) -> bool:
        """Count a new connection; return whether it gets a place."""
        if is_known and self._known.take(now):
            return True
        bucket = self._networks.get(network)
        if bucket is None:
            bucket = TokenBucket(ARRIVALS_OF_ONE, ARRIVALS_OF_ONE * _SAVED)
            self._networks[network] = bucket
            if len(self._networks) > _MAX_NETWORKS:
                self._networks.popitem(last=False)
        self._networks.move_to_end(network)
        return bucket.take(now) and self._all.take(now)


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
