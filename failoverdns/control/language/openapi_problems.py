"""What the OpenAPI document says about errors: problem details (RFC 9457), one for each status."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, get_args

from failoverdns.control.language.json_schema import (
    INTEGER,
    TEXT,
    Schema,
    constant,
    described,
    list_of,
    named,
    one_of,
    record,
)
from failoverdns.model.errors import Code

MEDIA_TYPE: Final = "application/problem+json"

MEANINGS: Final[dict[int, str]] = {
    400: "`malformed`: the request cannot be read",
    401: "the token is missing, wrong, expired or removed",
    403: "`forbidden`: the role of the token is too low, or limited to something else",
    404: "`not-found`, or `unknown-command`",
    405: "the path has no such method; `Allow` lists those that it has",
    408: "the request did not arrive in time",
    409: "`exists`, `in-use`, `conflict`, `refused` (`rules` lists the rules that failed), or "
    "`corrupt`",
    411: "the length of the body is missing",
    412: "`conflict`: something has changed since the revision in `If-Match`",
    413: "the body is too long",
    414: "the address is too long",
    415: "the body is not JSON",
    421: "the name in `Host` is not one of this server",
    422: "`invalid`: a value is missing, unknown or invalid",
    429: "too many requests of this token or this address",
    431: "the header is too long",
    503: "`busy` or `unavailable`: nothing was changed; try again",
    504: "`unknown-outcome`: the command may or may not have been carried out",
}
"""What each status means that is not a success."""

_FIELDS: Final[dict[int, dict[str, Schema]]] = {
    401: {"WWW-Authenticate": TEXT},
    405: {"Allow": TEXT},
    429: {"Retry-After": TEXT},
    503: {"Retry-After": TEXT},
}
"""Header fields of responses, by status."""

RULE: Final = record({"rule": TEXT, "message": TEXT}, {"group": {"type": ["string", "null"]}})
"""A rule that a switch did not pass."""

PROBLEMS: Final[dict[str, Schema]] = {
    "Error": described(
        record(
            {"code": one_of(get_args(Code)), "message": TEXT},
            {"rules": described(list_of(RULE), "the rules that a switch did not pass")},
        ),
        "the error of the control socket's reply",
    ),
    "Problem": record(
        {
            "type": {"type": "string", "format": "uri-reference"},
            "title": TEXT,
            "status": INTEGER,
            "detail": TEXT,
            "ok": constant(False),
            "error": named("Error"),
        },
        {"id": {"type": ["string", "number"]}},
    ),
}
"""The schemas of problem details."""


def problem_responses() -> Schema:
    """Return the response of each status that is not a success, by the status."""
    return {str(status): _response(status) for status in MEANINGS}


def statuses(*found: int) -> dict[str, Any]:
    """Return references to the responses of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(found)}


def _response(status: int) -> Schema:
    fields = {name: {"schema": schema} for name, schema in _FIELDS.get(status, {}).items()}
    return {
        "description": f"{HTTPStatus(status).phrase}: {MEANINGS[status]}",
        **({"headers": fields} if fields else {}),
        "content": {MEDIA_TYPE: {"schema": named("Problem")}},
    }
