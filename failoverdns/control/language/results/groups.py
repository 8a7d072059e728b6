"""Schemas of the results of commands about groups."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    COUNT,
    TEXT,
    TIME,
    Schema,
    extended,
    list_of,
    named,
    nullable,
    one_of,
    record,
)
from failoverdns.control.language.results.shared import (
    CHANGED,
    DRY_RUN,
    GROUP_AFTER,
    SIDE,
    UNRECORDED,
    WARNINGS,
)
from failoverdns.control.language.values import SIDES
from failoverdns.model.certificate import CertificateKind

_RULES: Final = list_of(named("Rule"))
_CERTIFICATE: Final = nullable(
    record(
        {
            "outcome": one_of(("nothing", "transferred", "present", "kept", "names-differ")),
            "names": list_of(TEXT),
            "kind": one_of(kind.value for kind in CertificateKind),
            "fingerprint": TEXT,
            "not_after": nullable(TIME),
        },
        {"warning": TEXT},
    )
)
_WAITED_FOR: Final = record(
    {
        "secondary": TEXT,
        "zone": TEXT,
        "serial": nullable(COUNT),
        "in_step": BOOLEAN,
        "served_at": nullable(TIME),
        "problem": nullable(TEXT),
    }
)
"""A secondary that a switch waited for, and when it served the new answer."""

_SWITCHED: Final = record(
    {
        "name": TEXT,
        "hostname": TEXT,
        "from": SIDE,
        "to": SIDE,
        "changed": BOOLEAN,
        "targets": list_of(TEXT),
        "drained_at": nullable(TIME),
        "overridden": list_of(TEXT),
        "certificate": _CERTIFICATE,
    }
)
_PLANNED: Final = record(
    {
        "group": TEXT,
        "to": SIDE,
        "at": TIME,
        "pre_ttl": COUNT,
        "ttl_lowered_at": nullable(TIME),
        "override": list_of(TEXT),
        "reason": nullable(TEXT),
        "lower_at": nullable(TIME),
        **WARNINGS,
    }
)
_REHEARSED: Final = record(
    {
        "group": TEXT,
        "to": SIDE,
        "would_succeed": BOOLEAN,
        "rules": _RULES,
        "changed": CHANGED,
        "records": list_of(TEXT),
        "events": list_of(TEXT),
    },
    {
        "answers": {"type": "array", "items": list_of(TEXT), "minItems": 2, "maxItems": 2},
        "certificate": _CERTIFICATE,
        "drained_at": nullable(TIME),
        "names": COUNT,
        "zones": list_of(TEXT),
    },
)

SCHEMAS: Final[dict[str, Schema]] = {"SwitchedGroup": _SWITCHED, "PlannedSwitch": _PLANNED}
"""The schemas that others refer to by name."""

RESULTS: Final[dict[str, Schema]] = {
    "switch": {
        "description": "`groups` for a switch now, `planned` for one with `at`",
        "anyOf": [
            record(
                {"groups": list_of(named("SwitchedGroup"))},
                {**DRY_RUN, **WARNINGS, "secondaries": list_of(_WAITED_FOR)},
            ),
            record({"planned": list_of(named("PlannedSwitch"))}),
        ],
    },
    "preflight": record(
        {
            "group": TEXT,
            "to": SIDE,
            "changed": BOOLEAN,
            "passed": BOOLEAN,
            "checks": list_of(
                record(
                    {
                        "check": TEXT,
                        "result": one_of(("ok", "warning", "failed")),
                        "message": TEXT,
                    }
                )
            ),
        }
    ),
    "group add": GROUP_AFTER,
    "group set": extended(GROUP_AFTER, {"overridden": list_of(TEXT)}, DRY_RUN),
    "group rename": GROUP_AFTER,
    "group remove": record(
        {"removed": TEXT, "retired": nullable(TEXT)}, {"hostname": TEXT, **WARNINGS}
    ),
    "group list": record({"groups": list_of(named("Group"))}),
    "explain": record(
        {
            "group": TEXT,
            "hostname": TEXT,
            "active": SIDE,
            "answers": list_of(TEXT),
            "sentences": list_of(TEXT),
            "automation": named("Automation"),
            "switches_at": nullable(TIME),
            "rules": _RULES,
            "probes": record({}, {side: list_of(named("Probe")) for side in SIDES}),
            **UNRECORDED,
            "store": named("Store"),
        }
    ),
    "rehearse": _REHEARSED,
}
"""The schema of each command's result."""
