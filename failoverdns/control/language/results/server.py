"""Schemas of the results of commands about the server as a whole."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    COUNT,
    INTEGER,
    NUMBER,
    TEXT,
    TIME,
    Schema,
    list_of,
    map_of,
    named,
    nullable,
    one_of,
    record,
)
from failoverdns.model.roles import ROLE_WORDS

_COUNTS: Final = map_of(INTEGER)
_CONFINEMENT: Final = nullable(map_of({"type": ["integer", "boolean", "string", "null"]}))
_WORKER: Final = record(
    {
        "pid": COUNT,
        "place": INTEGER,
        "answering": BOOLEAN,
        "rendezvous": nullable({"type": ["string", "boolean"]}),
        "fast_path": nullable(TEXT),
        "version": nullable(TEXT),
        "confinement": _CONFINEMENT,
    }
)
_PROBES: Final = record(
    {
        "targets": COUNT,
        "started": COUNT,
        "good": COUNT,
        "bad": _COUNTS,
        "unknown": COUNT,
        "lacking": list_of(record({"what": TEXT, "targets": COUNT})),
        "unnamed": list_of(record({"application": TEXT, "check": TEXT, "advice": TEXT})),
        "running": COUNT,
        "waiting": COUNT,
        "late": NUMBER,
        "fast": COUNT,
    }
)
_TRANSFERS: Final = record(
    {"serving": BOOLEAN},
    {
        "pid": COUNT,
        "version": TEXT,
        "confinement": _CONFINEMENT,
        "zones": COUNT,
        "names": COUNT,
        "history_bytes": COUNT,
        "links": COUNT,
        "connections": COUNT,
        "max_connections": COUNT,
        "requests": _COUNTS,
        "notifies": _COUNTS,
    },
)
_HTTP: Final = record(
    {"serving": BOOLEAN, "addresses": list_of(TEXT), "tls": BOOLEAN, "certificate": BOOLEAN},
    {
        "pid": COUNT,
        "version": TEXT,
        "confinement": _CONFINEMENT,
        "connections": COUNT,
        "streams": COUNT,
        "requests": _COUNTS,
        "refused_tokens": COUNT,
        "limited": COUNT,
        "dropped": COUNT,
    },
)
_SERVER: Final = record(
    {
        "behind": BOOLEAN,
        "udp": _COUNTS,
        "tcp": _COUNTS,
        "rate_limit": nullable(_COUNTS),
        "signed": nullable(_COUNTS),
        "tls": nullable(_COUNTS),
        "transfers": nullable(_TRANSFERS),
        "http": nullable(_HTTP),
        "control": _COUNTS,
        "open_files": _COUNTS,
        "automation": record(
            {
                "frozen": nullable(TEXT),
                "groups": COUNT,
                "switches": COUNT,
                "refused": _COUNTS,
                "probes": _PROBES,
            }
        ),
    },
    {"workers": list_of(_WORKER), "fast_path": TEXT},
)
_HOOK: Final = record(
    {
        "name": TEXT,
        "state": TEXT,
        "waiting": COUNT,
        "revision": COUNT,
        "last_run": nullable(TIME),
        "problem": nullable(TEXT),
        "output": nullable(TEXT),
    }
)
_QUERY_LOG: Final = record(
    {
        "on": BOOLEAN,
        "file": nullable(TEXT),
        "sample": nullable(COUNT),
        "written": COUNT,
        "lost": COUNT,
    }
)

SCHEMAS: Final[dict[str, Schema]] = {"Server": _SERVER, "Hook": _HOOK, "QueryLog": _QUERY_LOG}
"""The schemas that others refer to by name."""

_STATUS: Final = {
    "revision": COUNT,
    "zones": list_of(named("Zone")),
    "applications": list_of(named("Application")),
    "groups": list_of(named("Group")),
    "store": named("Store"),
}

RESULTS: Final[dict[str, Schema]] = {
    "status": record(_STATUS, {"hooks": list_of(named("Hook")), "server": named("Server")}),
    "whoami": record(
        {
            "principal": TEXT,
            "role": nullable(one_of(ROLE_WORDS)),
            "grants": list_of(
                record(
                    {
                        "role": one_of(ROLE_WORDS),
                        "groups": nullable(list_of(TEXT)),
                        "applications": nullable(list_of(TEXT)),
                    }
                )
            ),
        },
        {"token": named("Token")},
    ),
    "records": record({"text": TEXT}),
    "backup": record({"revision": COUNT, "hash": TEXT, "bytes": COUNT}),
    "querylog on": named("QueryLog"),
    "querylog off": named("QueryLog"),
    "querylog status": named("QueryLog"),
    "restart": record({"version": TEXT, "pid": COUNT, "seconds": NUMBER}),
}
"""The schema of each command's result."""
