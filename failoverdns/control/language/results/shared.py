"""Schemas that the results of several commands share: of groups, applications, zones, records."""

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
    described,
    list_of,
    map_of,
    named,
    nullable,
    one_of,
    record,
)
from failoverdns.control.language.values import ROLES, SIDES
from failoverdns.model.application import ApplicationRole
from failoverdns.model.certificate import CertificateKind
from failoverdns.model.health import Cause, CheckKind, Health
from failoverdns.model.policy import Mode
from failoverdns.model.store_condition import Reserve

SIDE: Final = one_of(SIDES)
HEALTH: Final = one_of(health.value for health in Health)
CAUSE: Final = one_of(cause.value for cause in Cause)
ROLE: Final = one_of(role.value for role in ApplicationRole)
WARNINGS: Final = {"warnings": described(list_of(TEXT), "what the operator should know")}
"""A field of many results."""

DRY_RUN: Final = {"dry_run": described(BOOLEAN, "true if nothing was changed")}

_UNRECORDED: Final = described(
    nullable(record({"since": nullable(TIME), "why": TEXT})),
    "automatic steps that are served and not recorded yet; null without any",
)

UNRECORDED: Final = {"unrecorded": _UNRECORDED}
"""A field of groups and applications in results of reading commands."""

_FORCED: Final = nullable(
    record({"health": HEALTH, "since": nullable(TIME), "reason": nullable(TEXT)})
)
_QUORUM: Final[Schema] = {"anyOf": [one_of(("any", "all")), {"type": "integer", "minimum": 1}]}

_HEAD_HEALTH: Final = {
    "health": HEALTH,
    "since": nullable(TIME),
    "observed": HEALTH,
    "cause": nullable(CAUSE),
    "detail": nullable(TEXT),
    "forced": _FORCED,
}

_RESOLVED: Final = {
    "hostname": TEXT,
    "since": nullable(TIME),
    "checked_at": nullable(TIME),
    "ttl": nullable(COUNT),
    "problem": nullable(TEXT),
}

_AUTOMATION: Final = record(
    {
        "policy": nullable(TEXT),
        "mode": one_of(mode.value for mode in Mode),
        "health": record(dict.fromkeys(SIDES, HEALTH)),
        "maintenance": nullable(record({"since": nullable(TIME), "reason": nullable(TEXT)})),
        "held": nullable(record({"to": SIDE, "rules": list_of(TEXT), "since": nullable(TIME)})),
        "plan": {"anyOf": [named("Plan"), {"type": "null"}]},
        "warnings": list_of(TEXT),
        "guarded_until": nullable(TIME),
    }
)

_GROUP: Final = {
    "name": TEXT,
    "id": TEXT,
    "hostname": TEXT,
    "zone": TEXT,
    "ttl": COUNT,
    "active": SIDE,
    "revision": COUNT,
    "flatten": BOOLEAN,
    "answers": described(list_of(TEXT), "what a query for the hostname gets now"),
    "drained_at": nullable(TIME),
    "automation": named("Automation"),
}
_ATTACHED: Final = {side: named("AttachedApplication") for side in SIDES}

_HEAD: Final = record(
    {
        "name": TEXT,
        "role": one_of(ROLES),
        "active": BOOLEAN,
        "addresses": list_of(TEXT),
        "health": record(_HEAD_HEALTH),
    },
    {"hostname": TEXT},
)

_APPLICATION: Final = {
    "name": TEXT,
    "id": TEXT,
    "hostname_template": nullable(TEXT),
    "role": ROLE,
    "heads": list_of(named("Head")),
    "web_head": record({"heads": list_of(TEXT), "targets": list_of(TEXT)}),
    "health": record(
        {
            "health": HEALTH,
            "since": nullable(TIME),
            "observed": HEALTH,
            "forced": _FORCED,
            "checks": list_of(TEXT),
            "require_checks": _QUORUM,
            "require_heads": _QUORUM,
        }
    ),
    "certificate": nullable(
        record(
            {
                "kind": one_of(kind.value for kind in CertificateKind),
                "names": list_of(TEXT),
                "fingerprint": TEXT,
                "not_after": nullable(TIME),
                **WARNINGS,
            }
        )
    ),
}

GROUP_AFTER: Final = record(_GROUP, {**_ATTACHED, **WARNINGS})
"""A group in the reply to a command that changed it."""

APPLICATION_AFTER: Final = record(_APPLICATION, WARNINGS)
"""An application in the reply to a command that changed it."""

AT_SECONDARY: Final = record(
    {
        "secondary": TEXT,
        "zone": TEXT,
        "serial": nullable(COUNT),
        "in_step": nullable(BOOLEAN),
        "since": nullable(TIME),
        "problem": nullable(TEXT),
    }
)

_ZONE: Final = record(
    {
        "name": TEXT,
        "serial": nullable(COUNT),
        "nameservers": list_of(TEXT),
        "ttl": COUNT,
        "negative_ttl": COUNT,
        "soa": record({"refresh": COUNT, "retry": COUNT, "expire": COUNT}),
        "reveal": record({"sides": BOOLEAN, "status": BOOLEAN}),
        "stored_records": COUNT,
        "secondaries": list_of(named("ZoneAtSecondary")),
    },
    {"alias": record({**_RESOLVED, "group": nullable(TEXT)})},
)

_PROBE: Final = record(
    {
        "head": TEXT,
        "check": TEXT,
        "type": one_of(kind.value for kind in CheckKind),
        "address": nullable(TEXT),
        "health": HEALTH,
        "probed_every": nullable(NUMBER),
        "fast": BOOLEAN,
        "server_name": nullable(TEXT),
        "host": nullable(TEXT),
        "advice": nullable(TEXT),
        "result": nullable(one_of(("good", "bad", "unknown"))),
    },
    {
        "cause": nullable(CAUSE),
        "detail": TEXT,
        "in_a_row": INTEGER,
        "milliseconds": NUMBER,
        "at": TIME,
    },
)

_WHO: Final[Schema] = {
    "description": "the process, DNS client or HTTP client that gave the command",
    "anyOf": [
        record({"uid": COUNT, "pid": COUNT, "command": TEXT}, {"principal": TEXT}),
        record({"address": TEXT, "principal": TEXT}, {"token": TEXT}),
    ],
}

CHANGED: Final = list_of(named("ChangedEntity"))
"""What a change did to groups, applications and everything else that is stored."""

SCHEMAS: Final[dict[str, Schema]] = {
    "Group": record(_GROUP, {**_ATTACHED, **UNRECORDED, **WARNINGS}),
    "Automation": described(_AUTOMATION, "automatic switching of a group"),
    "AttachedApplication": described(
        record(
            {"application": TEXT, "id": TEXT, "targets": list_of(TEXT)},
            {"resolved": record(_RESOLVED)},
        ),
        "the application on a side of a group, and what it is answered with",
    ),
    "Application": record(_APPLICATION, {**UNRECORDED, **WARNINGS}),
    "Head": _HEAD,
    "HeadHealth": record({"name": TEXT, **_HEAD_HEALTH}),
    "ApplicationHealth": _APPLICATION["health"],
    "Zone": _ZONE,
    "ZoneAtSecondary": AT_SECONDARY,
    "Plan": described(
        record(
            {
                "group": TEXT,
                "to": SIDE,
                "at": nullable(TIME),
                "pre_ttl": COUNT,
                "ttl_lowered_at": nullable(TIME),
                "override": list_of(TEXT),
                "reason": nullable(TEXT),
            }
        ),
        "a planned switch",
    ),
    "Probe": described(_PROBE, "the last result of a check of a head"),
    "Rule": described(
        record({"rule": TEXT, "message": TEXT}), "a rule that a switch does not pass, and why"
    ),
    "Store": record(
        {
            "writable": BOOLEAN,
            "fault": nullable(TEXT),
            "since": nullable(TIME),
            "read_only": nullable(BOOLEAN),
            "reserve": one_of(reserve.value for reserve in Reserve),
            "free": nullable(COUNT),
            "unrecorded": COUNT,
        }
    ),
    "StoredRecordSet": record(
        {
            "zone": TEXT,
            "name": TEXT,
            "type": TEXT,
            "ttl": COUNT,
            "data": list_of(TEXT),
            "hidden": nullable(TEXT),
        }
    ),
    "Change": record(
        {
            "revision": COUNT,
            "time": nullable(TIME),
            "who": _WHO,
            "command": described(map_of({}), "the command and its fields, as it was given"),
            "changed": CHANGED,
        }
    ),
    "ChangedEntity": record(
        {
            "kind": TEXT,
            "name": TEXT,
            "done": one_of(("created", "changed", "removed")),
            "fields": described(
                map_of({"type": "array", "minItems": 2, "maxItems": 2}),
                "the value before and the value after, by the name of the field",
            ),
        },
        {"id": TEXT},
    ),
}
"""The schemas that others refer to by name."""
