"""The fields of a request in Cloud 66's shapes, read from its query, a form or a JSON object.

    null, or missing   leaves it as it is
    an empty text      detaches the application
    another text       is the UID of a stack, or the name of an application

Their clients send JSON (the one in Go) or forms (`curl -d`, the one in Ruby), and their documents
show parameters in the query, so a field may be in any of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from failoverdns.control.language.requests import Unreadable, read_object
from failoverdns.control.language.rows import did_you_mean, shown
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected
from failoverdns.web.exchange import JSON, WebRequest
from failoverdns.web.problems import of_http, of_refusal

FORM: Final = "application/x-www-form-urlencoded"

MAX_FIELDS: Final = 100
"""Fields in a form."""

SIDES: Final[Mapping[str, str]] = {
    "1": "primary",
    "primary": "primary",
    "2": "backup",
    "secondary": "backup",
    "backup": "backup",
}
"""Our side for each way to write `current_stack`."""

KNOWN: Final = (
    "primary_stack_uid", "secondary_stack_uid", "current_stack", "uid", "fg_uid", "name",
    "address", "override", "reason",
)  # fmt: skip
"""Fields that mean something."""

READ_ONLY: Final = frozenset(
    ("primary_stack_name", "secondary_stack_name", "busy_toggling", "readonly", "created_at",
     "updated_at")
)  # fmt: skip
"""Fields of their replies that a client may send back; they are ignored."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for; None leaves a thing as it is.

    `primary` and `secondary` are UIDs of stacks or names of applications, or empty to detach.
    `current` is our side.  `override` has the rules that may fail.
    """

    primary: str | None = None
    secondary: str | None = None
    current: str | None = None
    uid: str | None = None
    name: str | None = None
    address: str | None = None
    reason: str | None = None
    override: tuple[str, ...] = ()


def read_wanted(request: WebRequest) -> Wanted:
    """Return what a request asks for; raises Problem that says what would be right."""
    fields: dict[str, Json] = {}
    for name, value in (*request.query, *_body(request)):
        if name in READ_ONLY or value is None:
            continue
        if name not in KNOWN:
            hint = did_you_mean(name, KNOWN) or f"; known: {', '.join(KNOWN)}"
            raise _invalid(f"{shown(name)}: unknown field{hint}")
        if fields.setdefault(name, value) != value:
            raise _invalid(f"{name} is given twice, with different values")
    return Wanted(
        primary=_text(fields, "primary_stack_uid"),
        secondary=_text(fields, "secondary_stack_uid"),
        current=_current(fields.get("current_stack")),
        uid=_text(fields, "uid") or _text(fields, "fg_uid"),
        name=_text(fields, "name") or None,
        address=_text(fields, "address") or None,
        reason=_text(fields, "reason") or None,
        override=_rules(fields.get("override")),
    )


def read_page(request: WebRequest) -> int:
    """Return the number of the page that a request asks for; raises Problem."""
    text = dict(request.query).get("page") or "1"
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1):
        raise _invalid(f"page: {shown(text)!r} is not a number from 1 on")
    return int(text)


def _body(request: WebRequest) -> Iterator[tuple[str, Json]]:
    """Yield names and values of the body."""
    if not request.body.strip():
        return
    kind = ", ".join(request.field_lines("content-type")).partition(";")[0].strip().lower()
    is_object = request.body.lstrip().startswith(b"{")  # curl calls all that it sends a form
    if kind not in (JSON, FORM) and not is_object:
        raise of_http(415, f"the body is {JSON} or {FORM}: say which in Content-Type")
    try:
        text = request.body.decode("utf-8")
        if kind == FORM and not is_object:
            yield from parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        else:
            yield from read_object(text).items()
    except Unreadable as fault:
        raise of_refusal(fault.refusal) from None
    except ValueError as fault:
        raise of_http(400, f"the body cannot be read: {fault}") from None


def _text(fields: Mapping[str, Json], name: str) -> str | None:
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _invalid(f"{name}: must be a text, or null")


def _current(value: Json) -> str | None:
    if value is None or value == "":
        return None
    is_known = isinstance(value, str | int) and not isinstance(value, bool)
    side = SIDES.get(str(value).lower()[:20]) if is_known else None
    if side is None:
        raise _invalid("current_stack: must be 1 or primary, or 2 or secondary")
    return side


def _rules(value: Json) -> tuple[str, ...]:
    """Return the rules of a list, or of a text with commas."""
    listed: Any = value.split(",") if isinstance(value, str) else value or []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _invalid("override: must be a list of names of rules, or a text with commas")
    return tuple(dict.fromkeys(one.strip() for one in listed if one.strip()))


def _invalid(message: str) -> Exception:
    return of_refusal(Rejected("invalid", message))
