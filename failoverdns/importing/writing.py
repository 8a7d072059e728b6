"""The text of a plan: a configuration file, zone files, commands, and the lists for people.

Every text is a pure function of the plan, so that two imports of one source can be compared.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from failoverdns.importing.plan import (
    Plan,
    PlannedApplication,
    PlannedGroup,
    PlannedZone,
    Remark,
    Setting,
    Settings,
)
from failoverdns.model.change import Json
from failoverdns.protocol.zone_text import record_lines

CONFIGURATION: Final = "failoverdns.yaml"
COMMANDS: Final = "commands.sh"
"""The names of the files."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*", re.ASCII)
_WORDS: Final = frozenset(("true", "false", "null"))


def files_of(plan: Plan) -> dict[str, str]:
    """Return the text of each file, by its path in the folder of the configuration."""
    zones = {zone_file_name(zone): zone_file(zone) for zone in plan.zones if zone.records}
    scripts = {COMMANDS: script(plan)} if plan.groups else {}
    return {CONFIGURATION: configuration(plan), **zones, **scripts}


def zone_file_name(zone: PlannedZone) -> str:
    """Return the path of a zone's file, relative to the configuration."""
    return f"zones/{zone.origin.to_text().replace('/', '%2f')}.zone"


def configuration(plan: Plan) -> str:
    """Return the configuration as YAML."""
    lines = [
        f"# Made from {shown(plan.source)} by `failoverdns import {plan.maker}`.",
        "# Look at every line; then check the file: failoverdns check-config FILE",
        "",
        "zones:",
    ]
    for zone in plan.zones:
        lines += _zone(zone)
    lines += ["", f"listen: {_value(list(plan.listen))}"]
    if plan.needs_resolvers:
        lines += [
            "",
            "# Resolvers for hostnames that are answered as addresses: change these to yours.",
            'resolvers: ["127.0.0.53:53"]',
        ]
    lines += _section("checks", plan.checks) + _section("policies", plan.policies)
    return "\n".join(lines) + "\n"


def zone_file(zone: PlannedZone) -> str:
    """Return the static records of a zone as a zone file."""
    return "".join(record_lines(rrset.owner, rrset.records) for rrset in zone.records)


def commands(plan: Plan) -> list[list[str]]:
    """Return the commands that make applications and groups, each as a list of words."""
    return [
        *(words for application in plan.applications for words in _application(application)),
        *(_group(group) for group in plan.groups),
    ]


def script(plan: Plan) -> str:
    """Return the commands as a shell script that stops at the first refusal."""
    lines = [
        "#!/bin/sh",
        "# Give these commands to a new server that runs with the configuration beside this file.",
        "set -eu",
        *(shlex.join(["failoverdns", *words]) for words in commands(plan)),
    ]
    return "\n".join(lines) + "\n"


def remark_lines(remarks: Sequence[Remark]) -> list[str]:
    """Return remarks for people: one line with place, subject and reason, one with the advice."""
    lines = []
    for remark in remarks:
        lines.append(shown(f"{remark.place}: {remark.subject}: {remark.reason}."))
        if remark.advice:
            lines.append(shown(f"    {remark.advice}."))
    return lines


def summary(plan: Plan) -> str:
    """Return how much was taken, in one sentence."""
    counts = (
        (len(plan.zones), "zone"),
        (sum(len(rrset.data) for zone in plan.zones for rrset in zone.records), "static record"),
        (len(plan.checks), "check"),
        (len(plan.applications), "application"),
        (len(plan.groups), "group"),
    )
    taken = ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)
    return f"Taken: {taken}. Not taken: {len(plan.not_taken)}."


def result(plan: Plan, files: Mapping[str, str]) -> dict[str, Json]:
    """Return a plan and the texts of its files for programs."""
    return {
        "files": dict(files),
        "commands": [list(words) for words in commands(plan)],
        "different": [asdict(remark) for remark in plan.notes],
        "not_taken": [asdict(remark) for remark in plan.not_taken],
    }


def _zone(zone: PlannedZone) -> Iterator[str]:
    yield f"  {_text(zone.origin.to_text())}:"
    yield from (f"    # {shown(comment)}" for comment in zone.comments)
    yield "    nameservers:"
    for name, addresses in zone.nameservers.items():
        yield f"      {_text(name)}: {_value(list(addresses))}"
    if zone.contact is not None:
        yield f"    contact: {_text(zone.contact)}"
    if zone.negative_ttl is not None:
        yield f"    negative_ttl: {zone.negative_ttl}"
    if zone.soa is not None:
        yield "    soa:"
        yield from (f"      {key}: {value}" for key, value in asdict(zone.soa).items())
    if zone.alias is not None:
        yield f"    alias: {_text(zone.alias.to_text())}"
    if zone.records:
        yield f"    records_files: {_value([zone_file_name(zone)])}"


def _section(name: str, entries: Mapping[str, Settings]) -> list[str]:
    if not entries:
        return []
    lines = ["", f"{name}:"]
    for entry, settings in entries.items():
        lines.append(f"  {_text(entry)}:")
        lines += (f"    {key}: {_value(value)}" for key, value in settings.items())
    return lines


def _application(application: PlannedApplication) -> Iterator[list[str]]:
    yield ["application", "add", application.name]
    for head in application.heads:
        role = "web-server" if head.is_web_server else "load-balancer"
        words = ["head", "add", application.name, head.name, "--role", role]
        for address in head.addresses:
            words += ["--address", address]
        if head.hostname is not None:
            words += ["--hostname", head.hostname]
        yield words
    if application.checks:
        words = ["application", "set", application.name]
        for check in application.checks:
            words += ["--check", check]
        if application.require_heads is not None:
            words += ["--require-heads", str(application.require_heads)]
        yield words


def _group(group: PlannedGroup) -> list[str]:
    words = ["group", "add", group.name, "--zone", group.zone.to_text(), "--label", group.label]
    words += ["--primary", group.primary]
    if group.backup is not None:
        words += ["--backup", group.backup]
    words += ["--ttl", str(group.ttl)]
    if group.policy is not None:
        words += ["--policy", group.policy]
    if group.flatten:
        words.append("--flatten")
    return words


def _value(value: Setting | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    """Return a text as a YAML scalar, in double quotes unless it is surely read as text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_character, text)) + '"'


def _character(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def shown(text: str) -> str:
    """Return text of a source on one line, without what a terminal would carry out."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
