"""Schema of the result of `stats`: numbers, by the labels that metrics have."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    COUNT,
    NUMBER,
    TEXT,
    Schema,
    list_of,
    map_of,
    nullable,
    record,
)

_COUNTS: Final = map_of(COUNT)
_BY_TWO: Final = map_of(_COUNTS)
_HISTOGRAM: Final = record({"buckets": _COUNTS, "count": COUNT, "sum": NUMBER})
_NULLABLE_COUNT: Final = nullable(COUNT)
_GROUP: Final = record(
    {
        "group": TEXT,
        "active": _COUNTS,
        "health": map_of(_NULLABLE_COUNT),
        "maintenance": COUNT,
        "switches": _BY_TWO,
    }
)
_PROCESS: Final = record(
    {
        "pid": COUNT,
        "cpu": NUMBER,
        "memory": COUNT,
        "started": NUMBER,
        "open_files": _NULLABLE_COUNT,
    }
)
_STORE: Final = record(
    {
        "writable": COUNT,
        "last_contact": NUMBER,
        "free": _NULLABLE_COUNT,
        "reserve_held": COUNT,
        "outages": COUNT,
        "unrecorded": COUNT,
        "unrecorded_total": COUNT,
    }
)
_PROBES: Final = record(
    {
        "results": _BY_TWO,
        "targets": COUNT,
        "running": COUNT,
        "waiting": COUNT,
        "late": NUMBER,
    }
)
_SERVING: Final = {"serving": COUNT, "connections": _NULLABLE_COUNT}

RESULTS: Final[dict[str, Schema]] = {
    "stats": record(
        {
            "time": NUMBER,
            "revision": COUNT,
            "started": NUMBER,
            "build": map_of(TEXT),
            "processes": map_of(_PROCESS),
            "open_files": _COUNTS,
            "queries": _BY_TWO,
            "truncated": _COUNTS,
            "ignored": _COUNTS,
            "limited": _COUNTS,
            "accepted": _COUNTS,
            "evicted": _COUNTS,
            "unsent": _COUNTS,
            "signed": _COUNTS,
            "lost": COUNT,
            "rate_limit": nullable(_COUNTS),
            "tcp": nullable(_COUNTS),
            "tls": nullable(_COUNTS),
            "workers": _COUNTS,
            "clients": _COUNTS,
            "switches": _BY_TWO,
            "events": _COUNTS,
            "acme": _COUNTS,
            "automation": _COUNTS,
            "automatic_refusals": _COUNTS,
            "probes": _PROBES,
            "hooks": list_of(record({"name": TEXT, "waiting": COUNT})),
            "hook_runs": _BY_TWO,
            "deliveries": _COUNTS,
            "transfers": nullable(record(_SERVING)),
            "transfer_requests": _COUNTS,
            "notifies": _COUNTS,
            "http": nullable(record({**_SERVING, "streams": _NULLABLE_COUNT})),
            "http_requests": _COUNTS,
            "http_counts": _COUNTS,
            "commands": _BY_TWO,
            "command_seconds": map_of(_HISTOGRAM),
            "refused": _COUNTS,
            "forbidden": COUNT,
            "commits": _COUNTS,
            "commit_seconds": _HISTOGRAM,
            "changes": COUNT,
            "behind": COUNT,
            "store": _STORE,
            "zones": COUNT,
            "secondaries": list_of(record({"secondary": TEXT, "zone": TEXT, "lag": NUMBER})),
            "secondaries_omitted": COUNT,
            "orders": _COUNTS,
            "certificates": list_of(record({"application": TEXT, "not_after": NUMBER})),
            "certificates_total": COUNT,
            "certificates_omitted": COUNT,
            "groups": list_of(_GROUP),
            "groups_total": COUNT,
            "groups_omitted": COUNT,
            "groups_active": _COUNTS,
            "groups_without_healthy_side": COUNT,
            "groups_in_maintenance": COUNT,
            "groups_held": COUNT,
            "groups_planned": COUNT,
        }
    ),
}
"""The schema of the command's result; the numbers are 1 and 0 for yes and no."""
