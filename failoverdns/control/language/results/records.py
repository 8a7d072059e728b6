"""Schemas of the results of commands about stored records, zones and secondaries."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    COUNT,
    TEXT,
    Schema,
    constant,
    list_of,
    named,
    nullable,
    record,
)
from failoverdns.control.language.results.shared import DRY_RUN, WARNINGS

_CHANGED: Final = record(
    {
        "zone": TEXT,
        "changed": BOOLEAN,
        "records": list_of(named("StoredRecordSet")),
        "removed": list_of(record({"name": TEXT, "type": TEXT, "data": list_of(TEXT)})),
    },
    {**WARNINGS, **DRY_RUN},
)
_CATALOG: Final = record(
    {
        "name": TEXT,
        "catalog": constant(True),
        "serial": nullable(COUNT),
        "secondaries": list_of(named("ZoneAtSecondary")),
    }
)
_SECONDARY: Final = record(
    {
        "name": TEXT,
        "address": TEXT,
        "key": TEXT,
        "source": nullable(TEXT),
        "zones": list_of(named("ZoneAtSecondary")),
    }
)

RESULTS: Final[dict[str, Schema]] = {
    "record add": _CHANGED,
    "record remove": _CHANGED,
    "record list": record({"records": list_of(named("StoredRecordSet"))}),
    "zone list": record({"zones": list_of({"anyOf": [named("Zone"), _CATALOG]})}),
    "zone notify": record({"notified": list_of(TEXT)}),
    "secondary list": record({"secondaries": list_of(_SECONDARY)}),
}
"""The schema of each command's result."""
