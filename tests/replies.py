"""Replies of the control socket, checked against the schemas that the OpenAPI document publishes.

The tests of many subjects pass the replies that they get through `check_reply`, so each command's
schema is tried on replies of servers in very different states.  A field that was added to a reply
and not to its schema makes some test fail.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema_rs import ValidationError, Validator, validator_for

from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.openapi import document, reply_name

COMPONENTS = document("0")["components"]


def check_reply(command: str, reply: dict[str, Any]) -> None:
    """Check that the reply to a command is what its schema says; raises AssertionError."""
    if reply.get("ok") is True and command in ROWS and command != "watch":
        check(reply_name(ROWS[command]), reply, command)
    elif reply.get("ok") is False:
        assert set(reply) - {"id"} == {"ok", "error"}, reply
        check("Error", reply["error"], command)


def check_event(event: dict[str, Any]) -> None:
    """Check that a line of `watch` is what its schema says; raises AssertionError."""
    is_store = event.get("event") == "store" and "writable" in event
    name = "UnrecordedEvent" if event.get("unrecorded") else "ChangeEvent"
    check("StoreEvent" if is_store else name, event, "watch")


def check(name: str, value: Any, about: str) -> None:
    """Check a value with a schema of the document by its name; raises AssertionError."""
    try:
        validator(name).validate(value)
    except ValidationError as fault:
        where = "/".join(map(str, fault.instance_path))
        raise AssertionError(f"{about}: {where}: {fault.message}") from None


@cache
def validator(name: str) -> Validator:
    """Return the validator of a schema of the document by its name."""
    return validator_for({"$ref": f"#/components/schemas/{name}", "components": COMPONENTS})
