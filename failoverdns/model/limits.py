"""Limits of the rate of replies to DNS clients."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

ALL_FACTOR: Final = 10
"""The default of `all_per_second`, in multiples of `responses_per_second`."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Replies a second over UDP to one client network; 0 sets no limit.

    `responses_per_second` counts by name and type, `nodata_per_second` and `nxdomains_per_second`
    by zone, `referrals_per_second` by zone cut, `errors_per_second` and `all_per_second` by network
    only.
    `window` (seconds) bounds the debt of a client: at most the replies of that time.  Every
    `slip`-th reply over the limit is sent truncated (0: none); `max_table_size` in entries.
    """

    responses_per_second: int = 20
    nodata_per_second: int = 20
    nxdomains_per_second: int = 20
    referrals_per_second: int = 20
    errors_per_second: int = 20
    all_per_second: int = 20 * ALL_FACTOR
    window: int = 15
    slip: int = 2
    ipv4_prefix_length: int = 24
    ipv6_prefix_length: int = 56
    max_table_size: int = 100_000
    exempt_clients: tuple[IPv4Network | IPv6Network, ...] = ()
