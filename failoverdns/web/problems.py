"""What a client gets in place of a result: the status, and problem details (RFC 9457).

`STATUSES` is the table from the codes of the control socket to HTTP statuses.  A problem has the
members `ok`, `id` and `error` of the control socket's reply, too, so a client that knows the
socket reads it the same way.  What only HTTP can refuse has one of the same codes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from failoverdns.control.language.requests import write_refusal
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected

MEDIA_TYPE: Final = "application/problem+json"

STATUSES: Final[Mapping[str, int]] = {
    "malformed":       400,
    "forbidden":       403,
    "not-found":       404,
    "unknown-command": 404,
    "exists":          409,
    "in-use":          409,
    "conflict":        409,
    "refused":         409,
    "corrupt":         409,
    "invalid":         422,
    "busy":            503,
    "unavailable":     503,
    "unknown-outcome": 504,
}  # fmt: skip
"""The HTTP status of each code; `conflict` with `If-Match` is 412."""

TITLES: Final[Mapping[str, str]] = {
    "malformed": "The request cannot be read",
    "forbidden": "The token does not allow this command",
    "not-found": "There is no such thing",
    "unknown-command": "There is no such command",
    "exists": "The name is used already",
    "in-use": "Something else needs it",
    "conflict": "It has changed meanwhile",
    "refused": "Pre-flight rules refuse the command",
    "corrupt": "The history differs from what was committed",
    "invalid": "A value is missing or invalid",
    "busy": "Too much is under way; try again",
    "unavailable": "The state cannot be written or read at the moment",
    "unknown-outcome": "The command may or may not have been carried out",
}
"""What each code means, for people."""

TYPES: Final = "urn:failoverdns:error:"
"""What the type of a problem begins with; its code follows."""

RETRY_AFTER: Final[Mapping[str, str]] = {"busy": "1", "unavailable": "5"}
"""Seconds after which a request is worth another try (RFC 9110 section 10.2.3)."""

_NO_TYPE: Final = "about:blank"


class Problem(Exception):
    """A request that is not carried out; nothing was changed, but with `unknown-outcome`.

    `error` is that of the control socket's reply, `id` the one of the request, and `fields` are
    further header fields of the response.  A problem of HTTP itself has the title of its status.
    """

    def __init__(
        self,
        status: int,
        error: Mapping[str, Json],
        *,
        id_: Json = None,
        fields: Mapping[str, str] | None = None,
        is_of_http: bool = False,
    ) -> None:
        super().__init__(str(error.get("message")))
        self.status = status
        self.error = error
        self.id = id_
        self.fields: Mapping[str, str] = fields or {}
        self._is_of_http = is_of_http

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.error.get("code"))

    def document(self) -> dict[str, Json]:
        """Return the body of the response as a JSON object."""
        type_, title = TYPES + self.code, TITLES.get(self.code, "")
        if self._is_of_http or not title:
            type_, title = _NO_TYPE, HTTPStatus(self.status).phrase
        found: dict[str, Json] = {
            "type": type_,
            "title": title,
            "status": self.status,
            "detail": str(self.error.get("message")),
            "ok": False,
        }
        if self.id is not None:
            found["id"] = self.id
        return {**found, "error": dict(self.error)}

    def body(self) -> bytes:
        """Return the body of the response, its newline included."""
        return (json.dumps(self.document()) + "\n").encode()


def of_error(error: Mapping[str, Json], *, id_: Json = None, with_match: bool = False) -> Problem:
    """Return the problem for the error of a control socket's reply.

    `with_match` is whether the request had an `If-Match`, whose failure is a status of its own
    (RFC 9110 section 15.5.13).
    """
    code = str(error.get("code"))
    status = 412 if with_match and code == "conflict" else STATUSES.get(code, 503)
    again = RETRY_AFTER.get(code) if status == 503 else None
    return Problem(status, error, id_=id_, fields={"Retry-After": again} if again else None)


def of_reply(reply: Mapping[str, Json]) -> Problem:
    """Return the problem for a reply of the control process that has an error."""
    error = reply.get("error")
    return of_error(error if isinstance(error, dict) else {}, id_=reply.get("id"))


def of_refusal(refusal: Rejected, *, id_: Json = None, with_match: bool = False) -> Problem:
    """Return the problem for a refusal, with the same error as on the control socket."""
    reply = json.loads(write_refusal(None, refusal))
    return of_error(reply["error"], id_=id_, with_match=with_match)


def of_http(
    status: int, message: str, *, code: str = "malformed", fields: Mapping[str, str] | None = None
) -> Problem:
    """Return a problem that only HTTP has; `message` says what would be right."""
    error: dict[str, Json] = {"code": code, "message": message}
    return Problem(status, error, fields=fields, is_of_http=True)
