"""What protects the server from strangers, as frozen values: TCP limits, cookies, rate limiting.

Refuses to know YAML and how the values are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TCPSettings:
    """What strangers may take up over TCP, on all addresses together.

    `idle_timeout` in seconds without a whole query; `max_buffered` in bytes of queries and
    replies that are kept for all connections.
    """

    idle_timeout: int = 10
    max_connections: int = 1000
    max_connections_per_prefix: int = 200
    max_buffered: int = 16 << 20


@dataclass(frozen=True, slots=True)
class CookieSettings:
    """DNS cookies (RFC 7873): whether they are given, and the absolute path of shared secrets.

    Without a file the server makes secrets of its own.
    """

    answer: bool = True
    secret_file: Path | None = None


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """Replies a second over UDP to one client prefix; 0 sets no limit.

    `responses_per_second` counts by name and type, `nxdomains_per_second` by zone,
    `errors_per_second` and `all_per_second` by prefix only.
    `window` in seconds that a client which goes on is remembered for; every `slip`-th reply
    over the limit is sent truncated (0: none); `max_table_size` in entries.
    """

    responses_per_second: int
    nxdomains_per_second: int
    errors_per_second: int
    all_per_second: int
    window: int
    slip: int
    ipv4_prefix_length: int
    ipv6_prefix_length: int
    max_table_size: int
    exempt_clients: tuple[IPv4Network | IPv6Network, ...]
