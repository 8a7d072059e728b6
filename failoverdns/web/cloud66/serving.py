"""Requests in Cloud 66's shapes, answered by commands of the control socket.

`serve` is given what asks the control process, and does nothing else to the world, so a test
answers for the control process with a few lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from failoverdns.delivery.fields import entity_tags
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected
from failoverdns.web.cloud66.fields import Wanted, read_page, read_wanted
from failoverdns.web.cloud66.shapes import (
    failed,
    group_shape,
    group_uid,
    listed,
    read_uid,
    stack_shape,
    uid_of,
    whole,
)
from failoverdns.web.cloud66.updating import Update, plan_update
from failoverdns.web.exchange import Ask, WebReply, WebRequest
from failoverdns.web.problems import Problem, of_error, of_http, of_refusal

VERSION: Final = "api/3/"
"""What their clients put before each path, if `CLOUD66_API_URL` is our address."""

GROUPS, STACKS = "failover_groups", "stacks"

ATTEMPTS: Final = 5
"""Names that a new group is given a chance with."""

_METHODS: Final = {
    (GROUPS, False): ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
    (GROUPS, True): ("GET", "HEAD", "PUT", "PATCH", "DELETE"),
    (STACKS, False): ("GET", "HEAD"),
    (STACKS, True): ("GET", "HEAD"),
}
"""The methods of each resource: of its list, and of one thing."""

_DONE: Final = {"POST": "created", "PUT": "updated", "PATCH": "updated", "DELETE": "deleted"}


async def serve(request: WebRequest, rest: str, ask: Ask) -> WebReply:
    """Answer a request for the path `rest` below `/api/cloud66/`; errors have their shape, too."""
    try:
        return await _serve(request, rest, ask)
    except Problem as problem:
        return failed(problem)


async def _serve(request: WebRequest, rest: str, ask: Ask) -> WebReply:
    resource, uid = _read_path(rest)
    methods = _METHODS.get((resource, uid is not None))
    if methods is None:
        known = f"{GROUPS}, {GROUPS}/UID, {STACKS} and {STACKS}/UID"
        raise of_http(404, f"there is no such thing; there are {known}", code="not-found")
    allow = {"Allow": ", ".join((*methods, "OPTIONS"))}
    if request.method == "OPTIONS":
        return WebReply(204, fields=allow)
    if request.method not in methods:
        raise of_http(405, f"the methods of this path are {allow['Allow']}", fields=allow)
    if resource == STACKS:
        return await _stacks(request, uid, ask)
    if request.method in ("GET", "HEAD"):
        return await _groups(request, uid, ask)
    wanted = read_wanted(request)
    if request.method == "POST":
        return await _create(request, wanted, ask)
    if uid is None and wanted.uid is None:
        text = f"which group? use {request.method} {GROUPS}/UID, or give its uid"
        raise of_refusal(Rejected("invalid", text))
    if uid is not None and wanted.uid not in (None, uid):
        raise of_refusal(Rejected("invalid", "uid: is not that of the path"))
    group, _ = await _group(uid or wanted.uid or "", ask)
    _check_match(request, group)
    if request.method == "DELETE":
        reply = await _do(ask, {"command": "group remove", "name": group["name"]})
        return whole(_outcome("DELETE"), reply["revision"])
    return await _update(request.method, group, wanted, ask)


def _read_path(rest: str) -> tuple[str, str | None]:
    """Return the resource of a path, and the UID or name in it, without `.json`."""
    path = rest.removeprefix(VERSION).removesuffix("/").removesuffix(".json")
    resource, slash, uid = path.partition("/")
    return resource, uid if slash else None


async def _groups(request: WebRequest, uid: str | None, ask: Ask) -> WebReply:
    if uid is not None:
        group, revision = await _group(uid, ask)
        return whole(group_shape(group), revision)
    page = read_page(request)
    reply = await _do(ask, {"command": "group list"})
    shapes: list[Json] = [group_shape(group) for group in reply["result"]["groups"]]
    return listed(shapes, page, reply["revision"])


async def _stacks(request: WebRequest, uid: str | None, ask: Ask) -> WebReply:
    page = read_page(request)
    reply = await _do(ask, {"command": "application list"})
    applications, revision = reply["result"]["applications"], reply["revision"]
    if uid is None:
        return listed([stack_shape(one) for one in applications], page, revision)
    return whole(stack_shape(_by_uid(applications, uid, "stack")), revision)


async def _create(request: WebRequest, wanted: Wanted, ask: Ask) -> WebReply:
    """Create a group; without a name it gets one, without an address nine random digits."""
    if wanted.uid or wanted.override or wanted.reason:
        text = "uid, override and reason are for an update of a group, not for a new one"
        raise of_refusal(Rejected("invalid", text))
    key = ", ".join(request.field_lines("idempotency-key")).strip().strip('"')
    attach = await _attachments(wanted, ask)
    command: dict[str, Json] = {
        "command": "group add",
        **attach,
        **_place(wanted.address),
        **({"active": wanted.current} if wanted.current is not None else {}),
        **({"op_id": key} if key else {}),
    }
    for attempt in range(ATTEMPTS):
        name = wanted.name or await _new_name(key, attempt, ask)
        reply = await _asked(ask, {**command, "name": name})
        is_taken = not reply["ok"] and reply["error"]["code"] == "exists"
        if wanted.name or wanted.address or key or not is_taken or attempt == ATTEMPTS - 1:
            break
    _check(reply)
    return whole({**_outcome("POST"), **group_shape(reply["result"])}, reply["revision"])


async def _new_name(key: str, attempt: int, ask: Ask) -> str:
    """Return the name of a group that was given none: of its `op_id`, or of a next revision."""
    if key:
        return f"group-{sha256(key.encode()).hexdigest()[:12]}"
    reply = await _do(ask, {"command": "whoami"})
    return f"group-{reply['revision'] + 1 + attempt}"


def _place(address: str | None) -> dict[str, Json]:
    """Return the label and the zone of an address."""
    if address is None:
        return {}
    label, dot, zone = address.partition(".")
    if not (label and dot and zone.strip(".")):
        text = "address: must be a label and the name of a zone, as 414-262-781.failover.example"
        raise of_refusal(Rejected("invalid", text))
    return {"label": label, "zone": zone}


async def _update(method: str, group: Mapping[str, Any], wanted: Wanted, ask: Ask) -> WebReply:
    """Change the applications of a group, and switch it, as `updating` describes."""
    if wanted.address is not None and wanted.address.rstrip(".").lower() != group["hostname"]:
        text = f"address: the address of a group never changes; it is {group['hostname']}"
        raise of_refusal(Rejected("invalid", text))
    if wanted.name is not None and wanted.name != group["name"]:
        text = f"name: is {group['name']}; `group rename` gives a group another name"
        raise of_refusal(Rejected("invalid", text))
    attach = await _attachments(wanted, ask)
    try:
        update = plan_update(group, attach, wanted.current, wanted.override, wanted.reason)
    except Rejected as refusal:
        raise of_refusal(refusal) from None
    revision = await _carry_out(update, ask)
    after, now = await _group_named(group["name"], ask)
    return whole({**_outcome(method), **group_shape(after)}, max(revision, now))


async def _carry_out(update: Update, ask: Ask) -> int:
    """Carry out the commands of an update; return the last revision, 0 if there is no command.

    Raises Problem: nothing was changed, or its message says what was.
    """
    revision = 0
    if update.trial is not None:
        await _do(ask, update.trial)
    switch = update.switch
    if update.before is not None:
        done = await _do(ask, update.before)
        revision = done["revision"]
        if switch is not None:
            switch = {**switch, "if_revision": done["result"]["revision"]}
    if switch is not None:
        reply = await _asked(ask, switch)
        if not reply["ok"]:
            raise await _undone(reply["error"], update, ask)
        revision = reply["revision"]
    if update.after is not None:
        reply = await _asked(ask, update.after)
        if not reply["ok"]:
            also = "; the group was switched, and its applications are as they were"
            raise _amended(reply["error"], also if switch is not None else "")
        revision = reply["revision"]
    return revision


async def _undone(error: Mapping[str, Any], update: Update, ask: Ask) -> Problem:
    """Take back what came before a switch that was refused; return the problem to report.

    If the outcome of the switch is not known, nothing is taken back.
    """
    if update.undo is None or error["code"] == "unknown-outcome":
        return of_error(error)
    reply = await _asked(ask, update.undo)
    if reply["ok"]:
        return of_error(error)
    text = f"; the application is attached, and could not be detached again: {_message(reply)}"
    return _amended(error, text)


async def _attachments(wanted: Wanted, ask: Ask) -> dict[str, str]:
    """Return the names of applications by our side, an empty text for what is detached."""
    found = {"primary": wanted.primary, "backup": wanted.secondary}
    given = {side: text for side, text in found.items() if text is not None}
    if not any(read_uid(text) for text in given.values()):
        return given
    applications = (await _do(ask, {"command": "application list"}))["result"]["applications"]
    return {
        side: _by_uid(applications, text, "stack")["name"] if read_uid(text) else text
        for side, text in given.items()
    }


async def _group(text: str, ask: Ask) -> tuple[Mapping[str, Any], int]:
    """Return the report of a group by its UID or its name, and the revision; raises Problem."""
    uid = read_uid(text)
    if uid is None:
        return await _group_named(text, ask)
    reply = await _do(ask, {"command": "group list"})
    for group in reply["result"]["groups"]:
        if group_uid(group["id"]).endswith(uid) or group["name"] == text:
            return group, reply["revision"]
    raise of_http(404, f"there is no failover group {text!r}", code="not-found")


async def _group_named(name: str, ask: Ask) -> tuple[Mapping[str, Any], int]:
    reply = await _do(ask, {"command": "status", "group": name})
    return reply["result"]["groups"][0], reply["revision"]


def _by_uid(found: list[dict[str, Any]], text: str, what: str) -> dict[str, Any]:
    """Return the application with a UID or, if there is none, a name; raises Problem."""
    uid = read_uid(text)
    for one in found:
        if uid_of(one["id"]) == uid:
            return one
    for one in found:
        if one["name"] == text.lower():
            return one
    raise of_http(404, f"there is no {what} {text[:200]!r}", code="not-found")


def _check_match(request: WebRequest, group: Mapping[str, Any]) -> None:
    """Raise Problem if the group has changed since the revision in `If-Match`."""
    tags = entity_tags(request.field_lines("if-match"))
    if not tags or "*" in tags:
        return
    known = [int(tag[1:-1]) for tag in tags if tag[1:-1].isdigit() and len(tag) < 22]
    if not known or group["revision"] > max(known):
        text = f"the group has changed: its revision is {group['revision']}"
        raise of_refusal(Rejected("conflict", text), with_match=True)


async def _asked(ask: Ask, command: Mapping[str, Json]) -> dict[str, Any]:
    """Return the reply to a command, also one with an error."""
    return await ask(command)


async def _do(ask: Ask, command: Mapping[str, Json]) -> dict[str, Any]:
    """Return the reply to a command; raises Problem if it is refused."""
    reply = await _asked(ask, command)
    _check(reply)
    return reply


def _check(reply: Mapping[str, Any]) -> None:
    if not reply["ok"]:
        raise of_error(reply["error"])


def _amended(error: Mapping[str, Any], text: str) -> Problem:
    return of_error({**error, "message": f"{error['message']}{text}"})


def _message(reply: Mapping[str, Any]) -> str:
    return str(reply["error"]["message"])


def _outcome(method: str) -> dict[str, Json]:
    return {"ok": True, "message": f"Failover Group {_DONE[method]}"}
