"""Response rate limiting, with an account for each client network, name and kind of reply.

    balance   starts at one second's worth of replies, which is also its maximum
              gains one second's worth each second, loses one with each reply
              may fall below zero by `window` seconds' worth
    below 0   replies are limited: every `slip`-th is sent truncated, the others are not sent

There are at most `max_table_size` accounts; a new one replaces the one that was unused longest.
Time is an argument (`now`: monotonic, in seconds).
"""

from __future__ import annotations

import enum
import socket
from collections import OrderedDict
from dataclasses import dataclass

from failoverdns.model.limits import RateLimits


class ReplyKind(enum.Enum):
    """The kind of a reply, which selects the rate that applies to it."""

    ANSWER = "answer"
    """Counted by name and type, or by zone if the name is not in the table (wildcards)."""
    NXDOMAIN = "nxdomain"
    """Counted by zone, so that random names do not get around the limit."""
    ERROR = "error"
    """Counted by network only."""
    ALL = "all"
    """Every reply, counted by network."""


class Treatment(enum.Enum):
    """What is done with a reply: send it, send it truncated, or drop it."""

    SEND = "send"
    SLIP = "slip"
    """Send it truncated, so that the client asks again over TCP."""
    DROP = "drop"


@dataclass(slots=True)
class _Account:
    balance: float
    counted_at: float
    limited: int = 0


class RateLimiter:
    """The accounts of all client networks."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self.truncated = 0
        """Number of replies that were sent truncated."""
        self.dropped = 0
        """Number of replies that were not sent."""
        self._rates = {
            ReplyKind.ANSWER: limits.responses_per_second,
            ReplyKind.NXDOMAIN: limits.nxdomains_per_second,
            ReplyKind.ERROR: limits.errors_per_second,
            ReplyKind.ALL: limits.all_per_second,
        }
        self._masks = {
            4: _mask(32, limits.ipv4_prefix_length),
            16: _mask(128, limits.ipv6_prefix_length),
        }
        self._exempt = tuple(
            (n.max_prefixlen // 8, int(n.netmask), int(n.network_address))
            for n in limits.exempt_clients
        )
        self._accounts: OrderedDict[int, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def treat(self, address: bytes, kind: ReplyKind, name: bytes, now: float) -> Treatment:
        """Count a reply to a client at `address` (4 or 16 bytes), and return its treatment.

        `name` distinguishes replies of the same kind; `now` is monotonic, in seconds.
        """
        size, number = len(address), int.from_bytes(address, "big")
        if any(size == n and number & mask == net for n, mask, net in self._exempt):
            return Treatment.SEND
        network = number & self._masks[size]
        owing = self._count((size, network, kind, name), self._rates[kind], now)
        everything = self._count(
            (size, network, ReplyKind.ALL, b""), self._rates[ReplyKind.ALL], now
        )
        account = owing or everything
        if account is None:
            return Treatment.SEND
        account.limited += 1
        if self.limits.slip and account.limited % self.limits.slip == 0:
            self.truncated += 1
            return Treatment.SLIP
        self.dropped += 1
        return Treatment.DROP

    def _count(self, what: tuple[object, ...], rate: int, now: float) -> _Account | None:
        """Take one reply from an account; return the account if its balance is below zero."""
        if not rate:
            return None
        key = hash(what)  # 64 bits, with a random key in each process
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= self.limits.max_table_size:
                self._accounts.popitem(last=False)
            account = self._accounts[key] = _Account(rate, now)
        else:
            self._accounts.move_to_end(key)
            gained = max(0.0, now - account.counted_at) * rate
            account.balance = min(rate, account.balance + gained)
            account.counted_at = now
        account.balance = max(account.balance - 1, -rate * self.limits.window)
        return account if account.balance < 0 else None


def packed(host: str) -> bytes:
    """Return an address, given as text, in 4 or 16 bytes."""
    if ":" in host:
        return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return socket.inet_aton(host)


def _mask(bits: int, length: int) -> int:
    return (1 << bits) - (1 << (bits - length))
