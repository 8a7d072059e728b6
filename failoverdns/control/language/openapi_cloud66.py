"""What the OpenAPI document says about the paths in the shapes of Cloud 66's API.

`web.cloud66` answers them.  Each path is there with `.json` at its end, too.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from failoverdns.control.language.json_schema import (
    BOOLEAN,
    COUNT,
    INTEGER,
    NOTHING,
    TEXT,
    Schema,
    constant,
    extended,
    list_of,
    named,
    nullable,
    one_of,
    record,
)
from failoverdns.control.language.openapi_problems import MEDIA_TYPE, RULE
from failoverdns.model.errors import Code

_UID: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_GROUP_UID: Final[Schema] = {"type": "string", "pattern": "^fg-[0-9a-f]{32}$"}
_GROUP: Final = record(
    {
        "uid": _GROUP_UID,
        "address": TEXT,
        "current_stack": {"type": "integer", "enum": [1, 2]},
        "primary_stack_uid": nullable(_UID),
        "primary_stack_name": nullable(TEXT),
        "secondary_stack_uid": nullable(_UID),
        "secondary_stack_name": nullable(TEXT),
        "busy_toggling": BOOLEAN,
        "readonly": BOOLEAN,
        "created_at": NOTHING,
        "updated_at": NOTHING,
        "name": TEXT,
    }
)
_STACK: Final = record(
    {
        "uid": _UID,
        "name": TEXT,
        "status": INTEGER,
        "health": INTEGER,
        "has_loadbalancer": BOOLEAN,
    }
)
_DONE: Final = {"ok": constant(True), "message": TEXT}
_PAGINATION: Final = record(
    {"previous": nullable(COUNT), "next": nullable(COUNT), "current": COUNT}
)
_PROBLEM: Final = record(
    {
        "type": {"type": "string", "format": "uri-reference"},
        "title": TEXT,
        "status": INTEGER,
        "detail": TEXT,
        "ok": constant(False),
        "error": TEXT,
        "code": one_of(get_args(Code)),
        "error_description": TEXT,
        "details": TEXT,
    },
    {"rules": list_of(RULE), "id": {"type": ["string", "number"]}},
)
_STACK_UID: Final[Schema] = {
    "description": "the UID of a stack, or the name of an application; empty detaches it",
    "type": ["string", "null"],
    "maxLength": 63,
}
_WANTED: Final[dict[str, Schema]] = {
    "primary_stack_uid": _STACK_UID,
    "secondary_stack_uid": _STACK_UID,
    "current_stack": {
        "description": "1 or `primary`, 2 or `secondary`",
        "enum": [1, 2, "1", "2", "primary", "secondary", None],
    },
    "name": {"description": "not in Cloud 66's API: the group's name", "type": ["string", "null"]},
    "address": {
        "description": "not in Cloud 66's API: the group's hostname",
        "type": ["string", "null"],
    },
}
_UPDATE: Final = record(
    {},
    {
        **_WANTED,
        "override": {
            "description": "not in Cloud 66's API: rules that may fail",
            "type": ["array", "null"],
            "items": TEXT,
        },
        "reason": {"description": "not in Cloud 66's API: why", "type": ["string", "null"]},
    },
)

CLOUD66: Final[dict[str, Schema]] = {
    "FailoverGroup": _GROUP,
    "FailoverGroupDone": extended(_GROUP, _DONE),
    "Stack": _STACK,
    "Cloud66Problem": _PROBLEM,
    "Cloud66Pagination": _PAGINATION,
}
"""The schemas that others refer to by name."""

_UID_PARAMETER: Final = {
    "name": "uid",
    "in": "path",
    "required": True,
    "description": "a UID, with or without `fg-`, or a name",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
}
_UID_FIELD: Final = {
    "uid": {"description": "which group, if the path does not say it", **TEXT},
}
_UID_QUERY: Final = {**_UID_PARAMETER, "in": "query", "name": "fg_uid"}
_PAGE: Final = {
    "name": "page",
    "in": "query",
    "description": "everything is on the first page",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999999999},
}
_ABOUT: Final = "In the shape of Cloud 66's API; each path is there with `.json`, too."


def _operation(
    name: str, summary: str, response: Schema, *parameters: Schema, body: Schema | None = None
) -> Schema:
    sent = {} if body is None else {"requestBody": {"required": False, "content": _contents(body)}}
    return {
        "operationId": name,
        "tags": TAGS,
        "summary": summary,
        "description": _ABOUT,
        "parameters": [*parameters],
        **sent,
        "responses": {
            "200": {
                "description": "done",
                "content": {"application/json": {"schema": response}},
            },
            **dict.fromkeys(_STATUSES, _FAILED),
        },
    }


def _contents(body: Schema) -> Schema:
    return {
        "application/json": {"schema": body},
        "application/x-www-form-urlencoded": {"schema": body},
    }


def _wrapped(schema: Schema) -> Schema:
    return record({"response": schema})


def _listed(name: str) -> Schema:
    return record(
        {
            "response": list_of(named(name)),
            "count": COUNT,
            "pagination": named("Cloud66Pagination"),
        }
    )


_FAILED: Final = {
    "description": "an error in their shape",
    "content": {MEDIA_TYPE: {"schema": named("Cloud66Problem")}},
}
_STATUSES: Final = (
    "400", "401", "403", "404", "405", "408", "409", "411", "412", "413", "414", "415", "421",
    "422", "429", "431", "503", "504",
)  # fmt: skip

TAGS: Final = ["cloud66"]
"""The subject of these paths."""

_CHANGED: Final = _wrapped(named("FailoverGroupDone"))

CLOUD66_PATHS: Final[dict[str, Any]] = {
    "/api/cloud66/failover_groups": {
        "get": _operation(
            "cloud66_failover_groups", "List failover groups", _listed("FailoverGroup"), _PAGE
        ),
        "post": _operation(
            "cloud66_create", "Create a failover group", _CHANGED, body=record({}, _WANTED)
        ),
        "put": _operation(
            "cloud66_update_by_field",
            "Update a failover group",
            _CHANGED,
            body=extended(_UPDATE, _UID_FIELD),
        ),
        "patch": _operation(
            "cloud66_patch_by_field",
            "Update a failover group",
            _CHANGED,
            body=extended(_UPDATE, _UID_FIELD),
        ),
        "delete": _operation(
            "cloud66_delete_by_field",
            "Delete a failover group",
            _wrapped(record(_DONE)),
            _UID_QUERY,
        ),
    },
    "/api/cloud66/failover_groups/{uid}": {
        "get": _operation(
            "cloud66_failover_group",
            "Show a failover group",
            _wrapped(named("FailoverGroup")),
            _UID_PARAMETER,
        ),
        "put": _operation(
            "cloud66_update", "Update a failover group", _CHANGED, _UID_PARAMETER, body=_UPDATE
        ),
        "patch": _operation(
            "cloud66_patch", "Update a failover group", _CHANGED, _UID_PARAMETER, body=_UPDATE
        ),
        "delete": _operation(
            "cloud66_delete", "Delete a failover group", _wrapped(record(_DONE)), _UID_PARAMETER
        ),
    },
    "/api/cloud66/stacks": {
        "get": _operation("cloud66_stacks", "List applications as stacks", _listed("Stack"), _PAGE),
    },
    "/api/cloud66/stacks/{uid}": {
        "get": _operation(
            "cloud66_stack",
            "Show an application as a stack",
            _wrapped(named("Stack")),
            _UID_PARAMETER,
        ),
    },
}
"""The paths of failover groups and stacks."""
