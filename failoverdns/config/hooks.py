"""The hooks of the configuration: programs that are told of events, or asked before a switch.

Knows which of a hook's keys want or exclude each other.
Refuses to know single values (checked in `values`), and whether a program is there: it may be
installed later than the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.scalars import HOOK_EVENTS, absolute, hook_name
from failoverdns.config.sections import HookSection
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import HookSettings

_EVENTS = (
    f"name at least one of {', '.join(HOOK_EVENTS)}, or write before_switch: required for a hook "
    "that switches wait for"
)


def read_hooks(
    sections: Mapping[str, HookSection],
    folder: Path,
    usable: Node,
    written: Node,
    report: FaultReport,
) -> tuple[HookSettings, ...]:
    """Make hooks of the sections, in the order of the file; note what is wrong in `report`.

    `folder` completes the path of a program.
    `usable` is the document that the sections are of, `written` the one with the refused values.
    """
    hooks: list[HookSettings] = []
    for name, section in sections.items():
        node, original = usable.at("hooks", name), written.at("hooks", name)
        assert node is not None
        assert original is not None
        _check(name, section, node, original, report)
        hooks.append(
            HookSettings(
                name=name,
                run=_command(section.run, folder),
                events=frozenset(section.events),
                applications=frozenset(section.applications) or None,
                timeout=float(section.timeout),
                attempts=section.attempts,
                before_switch=section.before_switch,
            )
        )
    return tuple(hooks)


def _check(name: str, section: HookSection, node: Node, written: Node, report: FaultReport) -> None:
    try:
        hook_name(name)
    except Malformed as error:
        report.add(node.key, f"{quoted(name)} cannot be the name of a hook: {error}")
    program = written.at("run", 0)
    if program is not None and program.value == "":
        report.add(program.place, "must be the path of a program")
    refuse_repeated(section.events, node.at("events"), "event", report)
    refuse_repeated(section.applications, node.at("applications"), "application", report)
    applications, events = written.at("applications"), written.at("events")
    if applications is not None and applications.value == []:
        remedy = "name at least one application, or leave it out for all"
        report.add(applications.place, f"empty; {remedy}")
    if written.at("before_switch") is not None:
        return
    if events is None:
        report.add(written.place.of_key("events"), f"missing; {_EVENTS}")
    elif events.value == []:
        report.add(events.place, f"empty; {_EVENTS}")


def _command(words: list[str], folder: Path) -> tuple[str, ...]:
    return (str(absolute(words[0], folder)), *words[1:]) if words else ()
