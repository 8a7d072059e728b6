"""What the OpenAPI document says about the paths that are not commands: events, metrics, health."""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language.json_schema import COUNT, TEXT, Schema
from failoverdns.control.language.openapi_problems import statuses
from failoverdns.control.language.values import MAX_REVISION

_REVISION: Final[Schema] = {**COUNT, "maximum": MAX_REVISION}
_ANYBODY: Final[list[Any]] = [{}]
"""The security of a path that needs no token."""

_OF_HTTP: Final = (400, 414, 421, 429, 431)
"""Statuses that every path may get, because the request itself is wrong, or one too many."""

_EVENTS: Final = {
    "operationId": "events",
    "tags": ["events"],
    "summary": "Follow all changes",
    "description": (
        "Server-sent events: each has the revision as its `id`, and as its data the line that "
        "`watch` prints, a `ChangeEvent`, `UnrecordedEvent` or `StoreEvent`. The event `reset` "
        "means that the changes after the given revision are not known any more: read `status` "
        "again. Comment lines keep the connection open.\n\nRole: viewer."
    ),
    "x-role": "viewer",
    "parameters": [
        {
            "name": "since",
            "in": "query",
            "description": "begin with the change after this revision; default: with the next one",
            "schema": _REVISION,
        },
        {
            "name": "Last-Event-ID",
            "in": "header",
            "description": "the same, as a browser sends it when it connects again",
            "schema": _REVISION,
        },
    ],
    "responses": {
        "200": {
            "description": "events, until the client closes the connection",
            "content": {"text/event-stream": {"schema": TEXT}},
        },
        **statuses(400, 401, 403, 404, 409, 414, 421, 422, 429, 431, 503, 504),
    },
}

_METRICS: Final = {
    "operationId": "metrics",
    "tags": ["monitoring"],
    "summary": "Metrics for Prometheus",
    "description": "It needs a token if the configuration says `metrics: token`.",
    "security": [{}, {"token": []}],
    "parameters": [
        {
            "name": "groups",
            "in": "query",
            "description": "metrics of the groups whose names match; can be repeated",
            "schema": {"type": "array", "items": TEXT},
            "style": "form",
            "explode": True,
        }
    ],
    "responses": {
        "200": {
            "description": "the text format of Prometheus, or of OpenMetrics if asked for",
            "content": {
                "text/plain": {"schema": TEXT},
                "application/openmetrics-text": {"schema": TEXT},
            },
        },
        **statuses(400, 401, 403, 409, 414, 421, 422, 429, 431, 503, 504),
    },
}


def _health(operation: str, summary: str, *, may_fail: bool) -> Schema:
    return {
        "get": {
            "operationId": operation,
            "tags": ["monitoring"],
            "summary": summary,
            "security": _ANYBODY,
            "responses": {
                "200": {"description": "yes", "content": {"text/plain": {"schema": TEXT}}},
                **statuses(*_OF_HTTP, *((503,) if may_fail else ())),
            },
        }
    }


_DOCUMENT: Final = {
    "operationId": "openapi",
    "tags": ["monitoring"],
    "summary": "This document",
    "security": _ANYBODY,
    "responses": {
        "200": {
            "description": "an OpenAPI 3.1 document",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        **statuses(*_OF_HTTP),
    },
}

OTHER_PATHS: Final[dict[str, Any]] = {
    "/api/v1/events": {"get": _EVENTS},
    "/api/openapi.json": {"get": _DOCUMENT},
    "/metrics": {"get": _METRICS},
    "/healthz": _health("healthz", "Whether the web process is alive", may_fail=False),
    "/readyz": _health(
        "readyz", "Whether the server answers DNS queries and commands", may_fail=True
    ),
}
"""The paths that are not commands."""

TAGS: Final = ("events", "monitoring")
"""The subjects of these paths."""
