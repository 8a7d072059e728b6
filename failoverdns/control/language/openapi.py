"""The OpenAPI 3.1 document of the HTTP API, made from the command table.

    a row of the table    ->  POST /api/v1/head/add, and GET for a command that reads
    its parameters        ->  fields of the JSON object, and parameters of the query
    `results`             ->  the schema of the reply

The document holds nothing secret, and it is the same for everybody: it is served without a token.
"""

from __future__ import annotations

from typing import Any, Final

from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.json_schema import COUNT, Schema, constant, named, record
from failoverdns.control.language.openapi_cloud66 import CLOUD66, CLOUD66_PATHS
from failoverdns.control.language.openapi_cloud66 import TAGS as CLOUD66_TAGS
from failoverdns.control.language.openapi_paths import OTHER_PATHS, TAGS
from failoverdns.control.language.openapi_problems import PROBLEMS, problem_responses, statuses
from failoverdns.control.language.parameter_schemas import parameter_schema, request_schema
from failoverdns.control.language.requests import MAX_OP_ID, MAX_VALUES
from failoverdns.control.language.results import RESULTS, SCHEMAS
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.control.language.words import read_words, split_words

WITHOUT_REPLY: Final = ("watch",)
"""Commands that have no single reply: over HTTP, `/api/v1/events` has their events."""

_TITLE: Final = "failoverdns"
_ABOUT: Final = (
    "Authoritative DNS with failover groups. Each command of the control socket is here, with the "
    "same names, replies and errors. A command is the JSON object of the control socket, without "
    "`command`; one that changes nothing can be asked by GET, too. The last line of each "
    "description is the role that the token needs."
)

_ANY: Final = (400, 401, 403, 404, 409, 414, 421, 422, 429, 431, 503, 504)
"""Statuses that any command may get, besides 200."""

_WITH_BODY: Final = (408, 411, 413, 415)
"""Statuses that a command by POST may get, too; a command that changes something also gets 412."""

_PARAMETERS: Final[Schema] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "makes a retry safe: the field `op_id` of the control socket",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_OP_ID},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "carry the command out only if nothing (for `switch`: none of its groups) "
        "has changed since this revision, which is quoted, as in the `ETag` of a reply",
        "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "the `ETag` of the reply that the client has",
        "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
    },
}
OF_REVISION: Final = frozenset(("flag list", "history"))
"""Commands whose reply is the same as long as the revision is."""

_ETAG: Final[Schema] = {
    "description": "the revision of the state, quoted",
    "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
}


def document(version: str) -> Schema:
    """Return the OpenAPI 3.1 document of a server of this version."""
    rows = [row for row in ROWS.values() if row.words not in WITHOUT_REPLY]
    paths: dict[str, Any] = {f"/api/v1/{row.path}": _path(row) for row in rows}
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": version, "description": _ABOUT},
        "servers": [{"url": "/", "description": "this server"}],
        "security": [{"token": []}],
        "tags": [
            {"name": name}
            for name in (*dict.fromkeys(_tag(row) for row in rows), *TAGS, *CLOUD66_TAGS)
        ],
        "paths": {**paths, **OTHER_PATHS, **CLOUD66_PATHS},
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "a token of `failoverdns token add`",
                }
            },
            "parameters": _PARAMETERS,
            "responses": problem_responses(),
            "schemas": {
                **{reply_name(row): _reply(row) for row in rows},
                **SCHEMAS,
                **PROBLEMS,
                **CLOUD66,
            },
        },
    }


def operation_id(row: CommandRow) -> str:
    """Return the name that generated clients give to the function of a command."""
    return row.words.replace(" ", "_").replace("-", "_")


def _path(row: CommandRow) -> Schema:
    item = {"post": _post(row)}
    return {**({"get": _get(row)} if row.reads else {}), **item}


def _post(row: CommandRow) -> Schema:
    headers = () if row.reads else ("IdempotencyKey", "IfMatch")
    content: Schema = {"schema": request_schema(row), **_example(row)}
    return {
        **_about(row, operation_id(row)),
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in headers],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses(row, _ANY + _WITH_BODY + (() if row.reads else (412,))),
    }


def _get(row: CommandRow) -> Schema:
    parameters = [_query_parameter(one) for one in row.parameters if not one.local]
    responses = _responses(row, _ANY)
    if row.words in OF_REVISION:
        parameters.append({"$ref": "#/components/parameters/IfNoneMatch"})
        responses["304"] = {"description": "the reply is the one that the client has"}
    return {
        **_about(row, f"get_{operation_id(row)}"),
        "parameters": parameters,
        "responses": responses,
    }


def _example(row: CommandRow) -> Schema:
    """Return the example of a row as the JSON object of a request, without paths of files."""
    if not row.example or any(one.file or one.local for one in row.parameters):
        return {}
    _, fields = read_words(split_words(row.example, MAX_VALUES))
    return {"example": fields}


def _about(row: CommandRow, name: str) -> Schema:
    example = f"\n\nOn the command line: `failoverdns {row.example}`" if row.example else ""
    return {
        "operationId": name,
        "tags": [_tag(row)],
        "summary": row.help.split(". ")[0].rstrip("."),
        "description": f"{row.help}{example}\n\nRole: {row.role.value}.",
        "x-role": row.role.value,
    }


def _tag(row: CommandRow) -> str:
    """Return the first word of a command, by which pages about the API sort it."""
    return row.words.partition(" ")[0]


def _query_parameter(parameter: Parameter[Any]) -> Schema:
    repeated = {"style": "form", "explode": True} if parameter.repeated else {}
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.help,
        "required": parameter.required,
        "schema": parameter_schema(parameter),
        **repeated,
    }


def _responses(row: CommandRow, failing: tuple[int, ...]) -> Schema:
    done: Schema = {
        "description": "the reply, as on the control socket",
        "headers": {"ETag": _ETAG},
        "content": {"application/json": {"schema": named(reply_name(row))}},
    }
    return {"200": done, **statuses(*failing)}


def reply_name(row: CommandRow) -> str:
    """Return the name of the component that describes the whole reply of a command."""
    return "".join(word.capitalize() for word in operation_id(row).split("_")) + "Reply"


def _reply(row: CommandRow) -> Schema:
    fields = {"ok": constant(True), "revision": COUNT, "result": RESULTS[row.words]}
    return record(fields, {"id": {"type": ["string", "number"]}})
