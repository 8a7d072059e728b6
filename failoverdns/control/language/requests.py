"""Lines of the control socket: requests in, replies and events out.

A request is words, as on the command line, or a JSON object; a reply is one line of JSON.
This module has the limits of a line; `control.language.commands` has the commands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import Any, Final

from failoverdns.control.language.commands import find_row, parse_command
from failoverdns.control.language.rows import shown
from failoverdns.control.language.words import MAX_WORDS, read_words, split_words
from failoverdns.model.change import Json
from failoverdns.model.commands import Command
from failoverdns.model.errors import Rejected

MAX_LINE: Final = 1 << 20
"""Bytes in a request of JSON, its newline left out: enough for a certificate and its key."""

MAX_VALUES: Final = 5000
"""Values in a request: no other client waits for a longer list to be read."""

MAX_ID: Final = 1000
"""Characters of an id, which the reply repeats."""

MAX_OP_ID: Final = 200
_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True)
class Request:
    """A command and the other fields of its request.

    `given` is the request as the history records it, `id` is echoed in the reply, `op_id` makes a
    retry safe.  `expected` is the revision that the state must have when the command is decided,
    None for any; it is not part of the line.
    """

    command: Command
    given: Mapping[str, Json]
    id: Json = None
    op_id: str | None = None
    expected: int | None = None


class Unreadable(Exception):
    """A line that is not a valid request: the refusal to reply with, and the id to echo."""

    def __init__(self, refusal: Rejected, id_: Json = None) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.id = id_


TOO_LONG: Final = Rejected(
    "malformed",
    f"a request of words has at most {MAX_WORDS} bytes, one of JSON at most {MAX_LINE} bytes",
)
"""The refusal of a line that is too long."""

_TOO_MANY: Final = Rejected(
    "malformed", f"a request has at most {MAX_VALUES} values: send several requests"
)


@dataclass(frozen=True, slots=True)
class Streamed:
    """A part of a result that is too long to hold in memory: a list, or a text in pieces."""

    items: Iterable[Json | Pause]
    text: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Stands in a streamed list for work that made no item: others have their turn after it."""


PAUSE: Final = Pause()


@dataclass(frozen=True, slots=True)
class Late:
    """A part of a result that is known only after the parts before it were written."""

    value: Callable[[], Json]


Result = Mapping[str, "Json | Streamed | Late"]


def longest(line: bytes | bytearray) -> int:
    """Return how many bytes a line may have, its newline left out, from how it begins."""
    return MAX_LINE if line[:MAX_WORDS].lstrip()[:1] == b"{" else MAX_WORDS


def read_request(line: bytes) -> Request:
    """Read one line, its newline removed.

    Raises Unreadable if the request is malformed, unknown or invalid.
    """
    if len(line) > longest(line):
        raise Unreadable(TOO_LONG)
    try:
        text = line.decode("utf-8").strip()
    except UnicodeDecodeError as fault:
        message = f"a request is UTF-8; byte {fault.start + 1} is not"
        raise Unreadable(Rejected("malformed", message)) from None
    if text.startswith("{"):
        return _read_json(text)
    try:
        words = split_words(text, MAX_VALUES)
        if len(words) > MAX_VALUES:
            raise _TOO_MANY
        name, fields = read_words(words)
        return Request(parse_command(name, fields), _given(name, fields))
    except ValueError as fault:
        raise Unreadable(Rejected("malformed", f"the quoting is broken: {fault}")) from None
    except Rejected as refusal:
        raise Unreadable(refusal) from None


def read_object(text: str) -> dict[str, Json]:
    """Return the JSON object that a request is; raises Unreadable, `malformed`, for other text."""
    if text.count(",") > MAX_VALUES:  # to count them is cheap, to read them is not
        raise Unreadable(_TOO_MANY)
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError) as fault:
        raise Unreadable(Rejected("malformed", f"not JSON: {fault}")) from None
    if not isinstance(value, dict):
        raise Unreadable(Rejected("malformed", "a request is a JSON object"))
    return value


def write_reply(
    id_: Json, revision: int, result: Result, *, chunk: int = _CHUNK
) -> Iterator[bytes]:
    """Yield an `ok` reply, its newline included, in pieces of about `chunk` bytes."""
    head: dict[str, Json] = {"ok": True, "id": id_, "revision": revision}
    pieces = [_dumps({k: v for k, v in head.items() if k != "id" or v is not None})[:-1]]
    pieces.append(', "result": {')
    size = 0
    for piece in _result_pieces(result):
        if piece is None:
            yield "".join(pieces).encode()
            pieces, size = [], 0
            continue
        pieces.append(piece)
        size += len(piece)
        if size >= chunk:
            yield "".join(pieces).encode()
            pieces, size = [], 0
    pieces.append("}}\n")
    yield "".join(pieces).encode()


def write_refusal(id_: Json, refusal: Rejected) -> bytes:
    """Return the reply to a request that was not carried out, its newline included."""
    error: dict[str, Json] = {"code": refusal.code, "message": refusal.message}
    if refusal.rules:
        error["rules"] = [
            {"rule": rule.rule, "message": rule.message, "group": rule.group}
            for rule in refusal.rules
        ]
    reply: dict[str, Json] = {"ok": False, "id": id_, "error": error}
    if id_ is None:
        del reply["id"]
    return write_line(reply)


def write_line(value: Mapping[str, Json]) -> bytes:
    """Return a value as one line of JSON, its newline included."""
    return (_dumps(value) + "\n").encode()


def canonical(given: Mapping[str, Json]) -> str:
    """Return the same text for the same request, however it was written."""
    return json.dumps(given, sort_keys=True, separators=(",", ":"))


def _read_json(text: str) -> Request:
    value: dict[str, Any] = read_object(text)
    id_, op_id = value.pop("id", None), value.pop("op_id", None)
    name = value.pop("command", None)
    try:
        if isinstance(id_, dict | list | bool):
            id_ = None
            raise Rejected("invalid", "id: must be a string or a number")
        if isinstance(id_, str) and len(id_) > MAX_ID:
            id_ = None
            raise Rejected("invalid", f"id: has at most {MAX_ID} characters")
        if op_id is not None and not _is_op_id(op_id):
            raise Rejected(
                "invalid", f"op_id: must be a string of 1 to {MAX_OP_ID} printable characters"
            )
        if not isinstance(name, str):
            raise Rejected("invalid", 'command: must be a string, such as "switch"')
        name = " ".join(name.split()) if len(name) <= MAX_ID else ""
        command = parse_command(name, value)
    except Rejected as refusal:
        raise Unreadable(refusal, id_) from None
    return Request(command, _given(name, value), id_, op_id)


def _given(name: str, fields: Mapping[str, Json]) -> dict[str, Json]:
    """Return a request as the history records it; files become digests, as they may hold keys."""
    given: dict[str, Json] = {"command": name}
    for parameter in find_row(name).parameters:
        field = fields.get(parameter.name)
        if parameter.file and isinstance(field, str):
            field = "sha256:" + sha256(field.encode("utf-8", "surrogatepass")).hexdigest()
        if field is not None:
            given[parameter.name] = field
    return given


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field is given twice")
    return value


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    """Return a number; raises ValueError for one too large, as JSON cannot write infinity."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{shown(text)} is too large a number")
    return number


def _is_op_id(value: Json) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_OP_ID and value.isprintable()


def _result_pieces(result: Result) -> Iterator[str | None]:
    """Yield a result in pieces; None for a pause."""
    for index, (key, value) in enumerate(result.items()):
        yield ", " * (index > 0) + json.dumps(key) + ": "
        if isinstance(value, Late):
            yield _dumps(value.value())
        elif not isinstance(value, Streamed):
            yield _dumps(value)
        elif value.text:
            yield '"'
            for piece in value.items:
                yield _dumps(piece)[1:-1]
            yield '"'
        else:
            yield from _list_pieces(value.items)


def _list_pieces(items: Iterable[Json | Pause]) -> Iterator[str | None]:
    yield "["
    separator = ""
    for item in items:
        if isinstance(item, Pause):
            yield None
            continue
        yield separator + _dumps(item)
        separator = ", "
    yield "]"


def _dumps(value: object) -> str:
    """Return JSON in ASCII, so that no text can break a line or a terminal."""
    return json.dumps(value)
