"""Schemas of the results of `history`, and of the events of `watch`."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    COUNT,
    TEXT,
    TIME,
    Schema,
    constant,
    extended,
    list_of,
    named,
    nullable,
    record,
)
from failoverdns.control.language.results.shared import SCHEMAS as SHARED

_TRIMMED: Final = {"trimmed": COUNT}
_EVENT: Final = {"event": nullable(TEXT)}

SCHEMAS: Final[dict[str, Schema]] = {
    "ChangeEvent": extended(SHARED["Change"], _EVENT),
    "UnrecordedEvent": extended(
        SHARED["Change"], {**_EVENT, "revision": {"type": "null"}, "unrecorded": constant(True)}
    ),
    "StoreEvent": record(
        {
            "event": constant("store"),
            "writable": BOOLEAN,
            "fault": nullable(TEXT),
            "since": nullable(TIME),
            "recorded": COUNT,
        }
    ),
}
"""The schemas that others refer to by name."""

RESULTS: Final[dict[str, Schema]] = {
    "history": {
        "description": "`history`; or `export` and `more`; or, if it was verified, its last hash",
        "anyOf": [
            record({"history": list_of(named("Change"))}, _TRIMMED),
            record(
                {
                    "export": list_of(
                        extended(
                            SHARED["Change"], {"previous": TEXT, "hash": TEXT, "document": TEXT}
                        )
                    ),
                    "more": BOOLEAN,
                },
                _TRIMMED,
            ),
            record(
                {
                    "verified": constant(True),
                    "changes": COUNT,
                    "first": COUNT,
                    "last": COUNT,
                    "hash": TEXT,
                },
                _TRIMMED,
            ),
        ],
    },
}
"""The schema of each command's result."""
