"""Response rate limiting, with an account for each client network, name and kind of reply.

    balance   starts at one second's worth of replies, which is also its maximum
              gains one second's worth each second, loses one with each reply
              may fall below zero by `window` seconds' worth
    below 0   replies are limited: every `slip`-th is sent truncated, the others are not sent

An account is one number: the time at which its balance is zero.  It is in the past while the
network may get replies, and in the future while it is in debt.  A reply moves it on by the interval
between two replies, so everything is integers, and the twin in C (`failoverdns/native/limiter.c`,
`compiled_limiting`) gives the same treatments.

The table of accounts has a fixed size.  A keyed hash selects the set of eight accounts in which an
account may be; a new account takes the place of the one with the least debt, which is the one that
was unused longest if all are used alike.  Time is an argument (`now`: monotonic, in nanoseconds).
"""

from __future__ import annotations

import enum
import os
import socket
from array import array
from typing import Final, NamedTuple, Protocol

from siphashc import siphash

from failoverdns.model.limits import RateLimits
from failoverdns.protocol.table.fast_path import fast_path

SECOND: Final = 1_000_000_000
"""Nanoseconds of a second."""

WAYS: Final = 8
"""Accounts of a set."""


class ReplyKind(enum.Enum):
    """The kind of a reply, which selects the rate that applies to it.

    The values are the numbers of the kinds in C.
    """

    ANSWER = 0
    """Counted by name and type of RRset, or by zone if the name is not in the table (wildcards)."""
    NODATA = 1
    """Counted by zone, so that a flood does not get around the limit with ever new types."""
    NXDOMAIN = 2
    """Counted by zone, so that random names do not get around the limit."""
    REFERRAL = 3
    """Counted by zone cut."""
    ERROR = 4
    """Counted by network only."""
    ALL = 5
    """Every reply, counted by network."""


class Treatment(enum.Enum):
    """What is done with a reply: send it, send it truncated, or drop it.

    The values are the numbers of the treatments in C.
    """

    SEND = 0
    SLIP = 1
    """Send it truncated, so that the client asks again over TCP."""
    DROP = 2


class Limiter(Protocol):
    """The accounts of all client networks, in Python or in C."""

    @property
    def limits(self) -> RateLimits:
        """The limits of this limiter."""

    @property
    def native(self) -> object | None:
        """The same accounts as an object for the fast path in C; None if they are in Python."""

    @property
    def truncated(self) -> int:
        """Number of replies that were sent truncated."""

    @property
    def dropped(self) -> int:
        """Number of replies that were not sent."""

    def __len__(self) -> int:
        """Return the number of accounts."""

    def treat(
        self, address: bytes, kind: ReplyKind, name: bytes, now: int, *, can_truncate: bool = True
    ) -> Treatment:
        """Count a reply to a client at `address` (4 or 16 bytes), and return its treatment.

        `name` distinguishes replies of the same kind; `now` is monotonic, in nanoseconds.
        A reply that cannot be truncated is dropped instead.
        """

    def refuses(self, address: bytes, now: int) -> bool:
        """Return whether any reply to a client would be dropped, and if so count one."""


class _Rate(NamedTuple):
    """A rate in nanoseconds: from one reply to the next, of a second's worth, of the most debt."""

    interval: int
    burst: int
    debt: int


class RateLimiter:
    """Implements `Limiter` in Python."""

    def __init__(self, limits: RateLimits, secret: bytes | None = None) -> None:
        """Begin without accounts; `secret` are the 16 bytes of the hash's key, else random ones."""
        self.limits = limits
        self.native = None
        self.truncated = 0
        self.dropped = 0
        self._rates = {kind: _rate(rate, limits.window) for kind, rate in rates_of(limits).items()}
        self._masks = {
            4: _mask(32, limits.ipv4_prefix_length),
            16: _mask(128, limits.ipv6_prefix_length),
        }
        self._exempt = tuple(
            (n.max_prefixlen // 8, int(n.netmask), int(n.network_address))
            for n in limits.exempt_clients
        )
        self._secret = os.urandom(16) if secret is None else secret
        self._ways = min(limits.max_table_size, WAYS)
        self._sets = limits.max_table_size // self._ways
        size = self._sets * self._ways
        self._tags = array("I", bytes(4 * size))
        self._limited = bytearray(size)
        self._zero_at = array("q", bytes(8 * size))
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def treat(
        self, address: bytes, kind: ReplyKind, name: bytes, now: int, *, can_truncate: bool = True
    ) -> Treatment:
        """Count a reply to a client, and return its treatment."""
        network = self._network(address)
        if network is None:
            return Treatment.SEND
        treatment = self._charge(ReplyKind.ALL, network, now, can_truncate)
        if treatment is Treatment.SEND:
            treatment = self._charge(kind, network + name, now, can_truncate)
        return treatment

    def refuses(self, address: bytes, now: int) -> bool:
        """Return whether any reply to a client would be dropped, and if so count one."""
        rate = self._rates[ReplyKind.ALL]
        network = self._network(address) if rate is not None else None
        if rate is None or network is None:
            return False
        at = self._find(*self._place(ReplyKind.ALL, network))
        if at is None:
            return False
        zero_at = _after_reply(rate, self._zero_at[at], now)
        slip = self.limits.slip
        limited = (self._limited[at] + 1) % slip if slip else 0
        if zero_at <= now or (slip and not limited):
            return False
        self._zero_at[at], self._limited[at] = zero_at, limited
        self.dropped += 1
        return True

    def _network(self, address: bytes) -> bytes | None:
        """Return the bytes that stand for the network of a client; None if it is exempt."""
        size, number = len(address), int.from_bytes(address, "big")
        if any(size == n and number & mask == net for n, mask, net in self._exempt):
            return None
        return bytes((size,)) + (number & self._masks[size]).to_bytes(size, "big")

    def _charge(
        self, kind: ReplyKind, counted_by: bytes, now: int, can_truncate: bool
    ) -> Treatment:
        """Count a reply by one account, and return its treatment by it."""
        rate = self._rates[kind]
        if rate is None:
            return Treatment.SEND
        first, tag = self._place(kind, counted_by)
        at = self._find(first, tag)
        if at is None:
            at = self._make_room(first)
            self._tags[at], self._limited[at] = tag, 0
            self._zero_at[at] = now - rate.burst
        zero_at = self._zero_at[at] = _after_reply(rate, self._zero_at[at], now)
        if zero_at <= now:
            return Treatment.SEND
        if self.limits.slip:
            limited = self._limited[at] = (self._limited[at] + 1) % self.limits.slip
            if limited == 0 and can_truncate:
                self.truncated += 1
                return Treatment.SLIP
        self.dropped += 1
        return Treatment.DROP

    def _place(self, kind: ReplyKind, counted_by: bytes) -> tuple[int, int]:
        """Return the first account of the set in which an account may be, and its tag."""
        number = siphash(self._secret, bytes((kind.value,)) + counted_by)
        return ((number >> 32) * self._sets >> 32) * self._ways, (number & 0xFFFFFFFF) or 1

    def _find(self, first: int, tag: int) -> int | None:
        """Return the account with a tag in a set, or None."""
        try:
            return self._tags.index(tag, first, first + self._ways)
        except ValueError:
            return None

    def _make_room(self, first: int) -> int:
        """Return an account of a set for a new key: an unused one, else that with least debt."""
        unused = self._find(first, 0)
        if unused is not None:
            self._used += 1
            return unused
        return min(range(first, first + self._ways), key=self._zero_at.__getitem__)


def make_limiter(limits: RateLimits) -> Limiter:
    """Return a limiter without accounts, in C if the fast path is compiled."""
    if fast_path() == "compiled":
        from failoverdns.answering.compiled_limiting import CompiledLimiter

        return CompiledLimiter(limits)
    return RateLimiter(limits)


def rates_of(limits: RateLimits) -> dict[ReplyKind, int]:
    """Return the rate of each kind of reply, in the order of their numbers."""
    return {
        ReplyKind.ANSWER: limits.responses_per_second,
        ReplyKind.NODATA: limits.nodata_per_second,
        ReplyKind.NXDOMAIN: limits.nxdomains_per_second,
        ReplyKind.REFERRAL: limits.referrals_per_second,
        ReplyKind.ERROR: limits.errors_per_second,
        ReplyKind.ALL: limits.all_per_second,
    }


def packed(host: str) -> bytes:
    """Return an address, given as text, in 4 or 16 bytes."""
    if ":" in host:
        return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return socket.inet_aton(host)


def _rate(per_second: int, window: int) -> _Rate | None:
    if not per_second:
        return None
    interval = -(-SECOND // per_second)
    return _Rate(interval, per_second * interval, window * per_second * interval)


def _after_reply(rate: _Rate, zero_at: int, now: int) -> int:
    """Return when the balance of an account is zero after one more reply."""
    if not now - rate.burst <= zero_at <= now + rate.debt + rate.burst:
        zero_at = now - rate.burst  # it has a second's worth again, or the clock went back
    return min(zero_at + rate.interval, now + rate.debt)


def _mask(bits: int, length: int) -> int:
    return (1 << bits) - (1 << (bits - length))
