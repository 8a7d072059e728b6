"""Schemas of the results of commands about automation and health."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    TEXT,
    TIME,
    Schema,
    list_of,
    named,
    nullable,
    one_of,
    record,
)
from failoverdns.control.language.results.shared import UNRECORDED
from failoverdns.control.language.values import UP_OR_DOWN

_FLAG: Final = record(
    {
        "name": TEXT,
        "on": BOOLEAN,
        "since": nullable(TIME),
        "reason": nullable(TEXT),
        "gates": list_of(TEXT),
    }
)

SCHEMAS: Final[dict[str, Schema]] = {"Flag": _FLAG}
"""The schemas that others refer to by name."""

RESULTS: Final[dict[str, Schema]] = {
    "maintenance": record(
        {
            "group": TEXT,
            "maintenance": BOOLEAN,
            "since": nullable(TIME),
            "reason": nullable(TEXT),
        }
    ),
    "plan cancel": record({"cancelled": TEXT}),
    "plan list": record({"plans": list_of(named("Plan"))}),
    "automation freeze": named("Flag"),
    "automation thaw": named("Flag"),
    "flag on": named("Flag"),
    "flag off": named("Flag"),
    "flag list": record({"flags": list_of(named("Flag"))}),
    "health show": record(
        {
            "applications": list_of(
                record(
                    {
                        "name": TEXT,
                        "health": named("ApplicationHealth"),
                        **UNRECORDED,
                        "heads": list_of(named("HeadHealth")),
                        "probes": list_of(named("Probe")),
                    }
                )
            ),
            "store": named("Store"),
        }
    ),
    "health force": record({"forced": nullable(one_of(UP_OR_DOWN)), "named": list_of(TEXT)}),
    "health report": record(
        {
            "application": TEXT,
            "heads": list_of(TEXT),
            "checks": list_of(TEXT),
            "state": one_of(UP_OR_DOWN),
            "until": TIME,
        }
    ),
}
"""The schema of each command's result."""
