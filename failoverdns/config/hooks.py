"""The section `hooks`: programs that run after events, or before a switch.

Whether a program exists is not checked: it may be installed later than the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator

from failoverdns.config import scalars as values
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.programs import warn_of_program
from failoverdns.config.section import Command, Section, text
from failoverdns.model.errors import Malformed
from failoverdns.model.event_kinds import HOOK_EVENTS
from failoverdns.model.names import CONFIGURED_NAME_FORM, is_configured_name
from failoverdns.model.settings import HookSettings

_EVENTS = (
    f"name at least one of {', '.join(HOOK_EVENTS)}, or write before_switch: required for a hook "
    "that switches wait for"
)


def hook_name(text: str) -> str:
    """Check that `text` can be the name of a hook."""
    if not is_configured_name(text):
        raise Malformed(f"use {CONFIGURED_NAME_FORM}")
    return text


def hook_event(text: str) -> str:
    """Check that `text` is a kind of event that hooks can run after."""
    return values.one_of(text, HOOK_EVENTS, "an event")


def required_word(value: object) -> bool:
    """Read the word `required`, which gives True."""
    if value == "required":
        return True
    raise Malformed(
        f"must be required, not {values.named(value)}; leave it out if a switch need not wait for "
        "this"
    )


_HOOK = HookSettings("", (), frozenset(), None)


class HookSection(Section):
    """The keys of one hook; `timeout` in seconds."""

    run: Command = []
    events: list[Annotated[str, text(hook_event)]] = []
    applications: list[Annotated[str, text(values.application)]] = []
    timeout: Annotated[int, Field(ge=1, le=3600)] = int(_HOOK.timeout)
    attempts: Annotated[int, Field(ge=1, le=20)] = _HOOK.attempts
    before_switch: Annotated[bool, PlainValidator(required_word)] = _HOOK.before_switch


def read_hooks(
    sections: Mapping[str, HookSection],
    folder: Path,
    usable: Node,
    written: Node,
    faults: FaultReport,
) -> tuple[HookSettings, ...]:
    """Return the hooks in the order of the file; report their errors in `faults`.

    `folder` completes the path of a program.
    `usable` is the document that the sections were made of; `written` also has the values that were
    refused.
    """
    for name, section in sections.items():
        node = written.get("hooks", name)
        _check(name, section, usable.get("hooks", name), node, faults)
        warn_of_program(values.command(section.run, folder), node, faults)
    return tuple(
        section.into(
            HookSettings,
            folder,
            name=name,
            run=values.command(section.run, folder),
            events=frozenset(section.events),
            applications=frozenset(section.applications) or None,
            timeout=float(section.timeout),
        )
        for name, section in sections.items()
    )


def _check(name: str, section: HookSection, node: Node, written: Node, faults: FaultReport) -> None:
    try:
        hook_name(name)
    except Malformed as error:
        faults.add(node.key, f"{quoted(name)} cannot be the name of a hook: {error}")
    program = written.at("run", 0)
    if program is not None and program.value == "":
        faults.add(program.place, "must be the path of a program")
    refuse_repeated(section.events, node.at("events"), "event", faults)
    refuse_repeated(section.applications, node.at("applications"), "application", faults)
    applications, events = written.at("applications"), written.at("events")
    if applications is not None and applications.value == []:
        remedy = "name at least one application, or leave it out for all"
        faults.add(applications.place, f"empty; {remedy}")
    if written.at("before_switch") is not None:
        return
    if events is None:
        faults.add(written.place.of_key("events"), f"missing; {_EVENTS}")
    elif events.value == []:
        faults.add(events.place, f"empty; {_EVENTS}")
