"""The shapes of Cloud 66's API: UIDs, groups, stacks, lists, errors.

A UID of theirs is 32 hex digits, that of a group with `fg-` before them.  Here it is made from the
id of the group or application, which never changes and is never used again, so a UID stays the same
through renames, restarts and restored backups.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from failoverdns.model.change import Json
from failoverdns.web.exchange import JSON, WebReply
from failoverdns.web.problems import MEDIA_TYPE, Problem

PREFIX: Final = "fg-"
"""What the UID of a failover group begins with."""

CURRENT: Final = {"primary": 1, "backup": 2}
"""`current_stack` in replies, by the active side."""

_HEALTH: Final = {"unknown": 0, "up": 3, "down": 4}
_DEPLOYED: Final = 1
_WORDS: Final = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "time_out",
    409: "conflict",
    429: "throttled",
}
_UID: Final = re.compile(r"(?:fg-)?([0-9a-f]{32})", re.ASCII | re.IGNORECASE)


def uid_of(id_: str) -> str:
    """Return the 32 hex digits that stand for the id of a group or an application."""
    return sha256(f"failoverdns {id_}".encode()).hexdigest()[:32]


def group_uid(id_: str) -> str:
    """Return the UID of a failover group by its id."""
    return PREFIX + uid_of(id_)


def read_uid(text: str) -> str | None:
    """Return the 32 hex digits of a UID, in lower case, with or without `fg-`; None if it is none.

    What is not a UID is taken for a name.
    """
    found = _UID.fullmatch(text)
    return found[1].lower() if found is not None else None


def group_shape(group: Mapping[str, Any]) -> dict[str, Json]:
    """Return a failover group in their shape, from its report in a reply."""
    shape: dict[str, Json] = {
        "uid": group_uid(group["id"]),
        "address": group["hostname"],
        "current_stack": CURRENT[group["active"]],
    }
    for theirs, ours in (("primary", "primary"), ("secondary", "backup")):
        side = group.get(ours)
        shape[f"{theirs}_stack_uid"] = uid_of(side["id"]) if side is not None else None
        shape[f"{theirs}_stack_name"] = side["application"] if side is not None else None
    return {
        **shape,
        "busy_toggling": False,
        "readonly": False,
        "created_at": None,
        "updated_at": None,
        "name": group["name"],
    }


def stack_shape(application: Mapping[str, Any]) -> dict[str, Json]:
    """Return an application as a stack in their shape, from its report in a reply."""
    heads = application["heads"]
    return {
        "uid": uid_of(application["id"]),
        "name": application["name"],
        "status": _DEPLOYED,
        "health": _HEALTH[application["health"]["health"]],
        "has_loadbalancer": any(head["role"] == "load-balancer" for head in heads),
    }


def whole(response: Json, revision: int) -> WebReply:
    """Return a reply with one object, or the outcome of a command."""
    return _reply({"response": response}, revision)


def listed(items: list[Json], page: int, revision: int) -> WebReply:
    """Return a reply with a list, which is all on the first page; the others are empty."""
    pagination: dict[str, Json] = {
        "previous": page - 1 if page > 1 else None,
        "next": None,
        "current": page,
    }
    shown: list[Json] = items if page == 1 else []
    return _reply({"response": shown, "count": len(items), "pagination": pagination}, revision)


def failed(problem: Problem) -> WebReply:
    """Return a problem in their shape: `error`, `error_description` and `details` are texts.

    It is a problem document (RFC 9457) all the same, and has our `code` and `rules`.
    """
    error = problem.error
    rules: Any = error.get("rules") or []
    lines = [problem.document()["detail"], *(f"{r['rule']}: {r['message']}" for r in rules)]
    text = "; ".join(map(str, lines))
    shape: dict[str, Json] = {
        **problem.document(),
        "code": problem.code,
        "error": _WORDS.get(problem.status, problem.code),
        "error_description": problem.document()["detail"],
        "details": text,
    }
    if rules:
        shape["rules"] = rules
    body = (json.dumps(shape) + "\n").encode()
    return WebReply(problem.status, body, MEDIA_TYPE, problem.fields)


def _reply(shape: Mapping[str, Json], revision: int) -> WebReply:
    body = (json.dumps(shape) + "\n").encode()
    return WebReply(200, body, JSON, {"ETag": f'"{revision}"'})
