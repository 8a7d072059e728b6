"""A result of `stats` for tests: some groups, and a number for most metrics."""

from __future__ import annotations

from typing import Any


def stats(groups: int) -> dict[str, Any]:
    """Return a result with N groups."""
    return {
        "time": 1_800_000_000.0,
        "revision": 7,
        "build": {"version": "0.1.0", "python": "3.11.2", "fast_path": "compiled"},
        "queries": {"udp": {"NOERROR": 12, "NXDOMAIN": 0}, "tcp": {"NOERROR": 1}},
        "lost": 0,
        "tls": None,
        "commands": {"switch": {"ok": 3, "refused": 1}},
        "command_seconds": {
            "switch": {"buckets": {"0.001": 1, "0.01": 3}, "count": 4, "sum": 0.25}
        },
        "groups_total": groups,
        "groups": [
            {
                "group": f"g{number}",
                "active": {"primary": 1, "backup": 0},
                "health": {"primary": 1, "backup": None},
                "maintenance": 0,
                "switches": {"primary": {"manual": number}} if number else {},
            }
            for number in range(groups)
        ],
        "certificates": [{"application": 'odd "name"\\', "not_after": 1.8e9}],
        "store": {"writable": 1, "last_contact": 1_800_000_000.0, "free": None},
    }


STATS = stats(3)
