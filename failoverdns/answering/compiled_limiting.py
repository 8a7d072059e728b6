"""Response rate limiting in C (`failoverdns/native/limiter.c`), which the fast path uses, too.

Replies that C makes and replies that Python makes are counted by the same accounts.  This module
can be imported only where the extension is built: `limiting.make_limiter` checks that.
"""

from __future__ import annotations

import os

from failoverdns import _native
from failoverdns.answering.limiting import ReplyKind, Treatment, rates_of
from failoverdns.model.limits import RateLimits

_TREATMENTS = tuple(sorted(Treatment, key=lambda one: one.value))


class CompiledLimiter:
    """Implements `limiting.Limiter` in C."""

    def __init__(self, limits: RateLimits, secret: bytes | None = None) -> None:
        """Begin without accounts; `secret` are the 16 bytes of the hash's key, else random ones."""
        self.limits = limits
        rates = rates_of(limits)
        answer, nodata, nxdomain, referral, error, everything = (rates[kind] for kind in ReplyKind)
        self.native = _native.Limiter(
            os.urandom(16) if secret is None else secret,
            (answer, nodata, nxdomain, referral, error, everything),
            limits.window,
            limits.slip,
            limits.ipv4_prefix_length,
            limits.ipv6_prefix_length,
            limits.max_table_size,
            tuple((n.network_address.packed, n.prefixlen) for n in limits.exempt_clients),
        )

    def __len__(self) -> int:
        return len(self.native)

    @property
    def truncated(self) -> int:
        """Number of replies that were sent truncated."""
        return self.native.counts()[0]

    @property
    def dropped(self) -> int:
        """Number of replies that were not sent."""
        return self.native.counts()[1]

    def treat(
        self, address: bytes, kind: ReplyKind, name: bytes, now: int, *, can_truncate: bool = True
    ) -> Treatment:
        """Count a reply to a client, and return its treatment."""
        return _TREATMENTS[self.native.treat(address, kind.value, name, can_truncate, now)]

    def refuses(self, address: bytes, now: int) -> bool:
        """Return whether any reply to a client would be dropped, and if so count one."""
        return self.native.refuses(address, now)
