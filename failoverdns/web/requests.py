"""A request of HTTP becomes a request of the control socket, or a problem.

    POST /api/v1/head/add   {"application": "eu", ...}  ->  {"command": "head add", ...}
    GET  /api/v1/history?limit=5                        ->  {"command": "history", "limit": 5}
    Idempotency-Key: X                                  ->  "op_id": "X"
    If-Match: "42"                                      ->  only if the revision is 42

What is malformed or invalid gets the refusal that the control socket would give, from the same
code, so the control process sees valid requests only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from failoverdns.control.language.commands import find_row
from failoverdns.control.language.requests import (
    MAX_ID,
    MAX_LINE,
    TOO_LONG,
    Unreadable,
    read_object,
    read_request,
)
from failoverdns.control.language.rows import CommandRow, JsonType, Parameter, shown
from failoverdns.delivery.fields import entity_tags
from failoverdns.model.change import Json
from failoverdns.model.commands import Command, ReadCommand
from failoverdns.model.commands.applications import ListApplications
from failoverdns.model.commands.certificates import ListCertificates
from failoverdns.model.commands.groups import ListGroups
from failoverdns.model.commands.health import ShowHealth
from failoverdns.model.commands.history import History, VerifyHistory
from failoverdns.model.commands.records import ListRecords
from failoverdns.model.commands.secondaries import ListZones
from failoverdns.model.commands.server import ExportRecords, Stats, Status
from failoverdns.model.errors import Rejected
from failoverdns.web.exchange import JSON, WebRequest
from failoverdns.web.problems import Problem, of_http, of_refusal
from failoverdns.web.work import Work

LONG_HISTORY: Final = 1000
"""Changes of the history that take long to read."""

OF_REVISION: Final = frozenset(("flag list", "history"))
"""Commands whose reply is the same as long as the revision is; `304` is only for them."""

READS: Final = ("GET", "HEAD")
"""The methods that change nothing (RFC 9110 section 9.2.1)."""

_BOOLEANS: Final = {"true": True, "": True, "false": False}
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_TAG: Final = re.compile(r'"([^"]*)"')
_REVISION: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the control process is asked: the line, its newline removed, and what it is.

    `if_match` is the revision that the state must have; `has_match` is whether there was any such
    condition, also one in the body.  `known` has the entity tags that the client has already.
    """

    line: bytes
    work: Work
    id: Json = None
    if_match: int | None = None
    has_match: bool = False
    known: frozenset[str] = frozenset()


def words_of(path: str) -> str:
    """Return the words of a command from the end of a path: `head/add` is `head add`.

    Raises Problem, `unknown-command`, for what cannot be one.
    """
    if " " in path or not path:
        raise of_refusal(Rejected("unknown-command", "a command is written as in /api/v1/head/add"))
    return path.replace("/", " ")


def read_asked(request: WebRequest, words: str) -> Asked:
    """Return what a request for the command called `words` asks the control process.

    Raises Problem, with the refusal that the control socket would give.
    """
    try:
        row = find_row(words)
    except Rejected as refusal:
        raise of_refusal(refusal) from None
    if words == "watch":
        text = "events are read with GET /api/v1/events, as server-sent events"
        raise of_refusal(Rejected("refused", text))
    is_read = request.method in READS
    if is_read and not row.reads:
        text = f"`{words}` may change something: use POST"
        raise of_http(405, text, fields={"Allow": "POST, OPTIONS"})
    fields = _query_fields(request.query, row) if is_read else _body_fields(request)
    _check_command(fields.pop("command", None), words)
    key = _idempotency_key(request)
    if key is not None:
        if fields.get("op_id", key) != key:
            raise _invalid("op_id: differs from Idempotency-Key; give one of the two", fields)
        fields["op_id"] = key
    if_match, has_match = _if_match(request)
    if if_match is not None and words == "switch":
        if fields.get("if_revision", if_match) != if_match:
            raise _invalid("if_revision: differs from If-Match; give one of the two", fields)
        fields["if_revision"], if_match = if_match, None
    line = _line(words, fields)
    try:
        read = read_request(line)
    except Unreadable as fault:
        raise _too_large() if fault.refusal is TOO_LONG else _problem(fault) from None
    known = frozenset[str]()
    if is_read and words in OF_REVISION:
        known = entity_tags(request.field_lines("if-none-match"))
    return Asked(line, work_of(read.command), read.id, if_match, has_match, known)


def work_of(command: Command) -> Work:
    """Return what a command costs the control process: a long read reports on everything."""
    match command:
        case Status(None) | ShowHealth(None) | Stats() | ListApplications() | ListGroups():
            return Work.LONG_READS
        case ListZones() | ListRecords() | ListCertificates() | ExportRecords() | VerifyHistory():
            return Work.LONG_READS
        case History(limit=limit) if limit > LONG_HISTORY:
            return Work.LONG_READS
        case ReadCommand():
            return Work.READS
        case _:
            return Work.CHANGES


def check_match(asked: Asked, revision: int) -> None:
    """Raise Problem unless a reply of this revision is what a reading request is for."""
    if asked.work is not Work.CHANGES and asked.if_match is not None and asked.if_match != revision:
        text = f"the revision is {revision}, not {asked.if_match}"
        raise of_refusal(Rejected("conflict", text), id_=asked.id, with_match=True)


def tag_of(revision: int) -> str:
    """Return the entity tag of a reply: the revision of the state."""
    return f'"{revision}"'


def _too_large() -> Problem:
    return of_http(413, TOO_LONG.message)


def _problem(fault: Unreadable) -> Problem:
    return of_refusal(fault.refusal, id_=fault.id)


def _invalid(text: str, fields: Mapping[str, Json]) -> Problem:
    return of_refusal(Rejected("invalid", text), id_=_valid_id(fields.get("id")))


def _valid_id(value: Json) -> Json:
    """Return the id of a request, or None in place of one that the control socket refuses."""
    if isinstance(value, str):
        return value if len(value) <= MAX_ID else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _query_fields(query: tuple[tuple[str, str], ...], row: CommandRow) -> dict[str, Json]:
    """Return the fields of a request from parameters of a query, by the types of the command's."""
    known = {parameter.name: parameter for parameter in row.parameters}
    fields: dict[str, Json] = {}
    for name, text in query:
        parameter = known.get(name)
        value = _typed(text, parameter) if parameter is not None else text
        if parameter is not None and parameter.repeated:
            given = fields.setdefault(name, [])
            assert isinstance(given, list)
            given.append(value)
        elif name in fields:
            raise of_refusal(Rejected("malformed", f"{shown(name)}: is given twice"))
        else:
            fields[name] = value
    return fields


def _typed(text: str, parameter: Parameter[Any]) -> Json:
    """Return a value of the parameter's type; the text itself if it is none, for its refusal."""
    if parameter.type is JsonType.INTEGER and _INTEGER.fullmatch(text):
        return int(text)
    if parameter.type is JsonType.BOOLEAN:
        return _BOOLEANS.get(text, text)
    return text


_UNNAMED: Final = ("", "application/x-www-form-urlencoded")
"""What clients send as the type of a body that they do not know, such as `curl -d`."""


def _body_fields(request: WebRequest) -> dict[str, Json]:
    """Return the JSON object in the body; an empty body is an empty object."""
    if request.query:
        raise of_http(400, "a POST request has its fields in the body, and no query")
    if not request.body.strip():
        return {}
    coding = ", ".join(request.field_lines("content-encoding")).strip().lower()
    if coding not in ("", "identity"):
        text = "the body is not compressed: send it without Content-Encoding"
        raise of_http(415, text, fields={"Accept-Encoding": "identity"})
    kind = ", ".join(request.field_lines("content-type"))
    essence = kind.partition(";")[0].strip().lower()
    is_json = essence == JSON or essence.endswith("+json")
    if not is_json and not (essence in _UNNAMED and request.body.lstrip()[:1] == b"{"):
        raise of_http(415, f"the body is JSON: send `Content-Type: {JSON}`")
    if len(request.body) > MAX_LINE:
        raise _too_large()
    try:
        return read_object(request.body.decode("utf-8"))
    except UnicodeDecodeError as fault:
        text = f"a request is UTF-8; byte {fault.start + 1} is not"
        raise of_refusal(Rejected("malformed", text)) from None
    except Unreadable as fault:
        raise _problem(fault) from None


def _check_command(given: Json, words: str) -> None:
    is_same = isinstance(given, str) and " ".join(given[:200].split()) == words
    if given is not None and not is_same:
        text = f'command: must be left out, or be "{words}" as in the path'
        raise of_refusal(Rejected("invalid", text))


def _line(words: str, fields: Mapping[str, Json]) -> bytes:
    """Return a request as one line, as short as JSON allows."""
    request = {"command": words, **fields}
    try:
        return json.dumps(request, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write and UTF-8 cannot
        return json.dumps(request).encode("ascii")


def _idempotency_key(request: WebRequest) -> str | None:
    lines = request.field_lines("idempotency-key")
    if not lines:
        return None
    if len(lines) > 1:
        raise of_http(400, "Idempotency-Key is given twice")
    text = lines[0].strip()
    quoted = _TAG.fullmatch(text)
    return quoted[1] if quoted is not None else text


def _if_match(request: WebRequest) -> tuple[int | None, bool]:
    """Return the revision of `If-Match`, and whether there is a condition (RFC 9110 13.1.1)."""
    lines = request.field_lines("if-match")
    text = ", ".join(lines).strip()
    if not lines or text == "*":
        return None, False
    tag = _TAG.fullmatch(text)
    if tag is None:
        how = 'one revision in quotes, as ETag has it: If-Match: "42"'
        raise of_http(400, f"If-Match must be {how}")
    if not _REVISION.fullmatch(tag[1]):
        refusal = Rejected("conflict", f"no revision is called {shown(tag[1])!r}")
        raise of_refusal(refusal, with_match=True)
    return int(tag[1]), True
