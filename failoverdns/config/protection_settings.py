"""What protects the server from strangers, as frozen values: TCP limits, cookies, query log.

Refuses to know YAML and how the values are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
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
class QueryLogSettings:
    """Where queries are logged when that is turned on: an absolute path, and bytes it may have."""

    file: Path
    max_size: int
