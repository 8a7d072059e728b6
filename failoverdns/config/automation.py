"""The checks, policies and safety rules of the configuration become `AutomationSettings`.

Knows which keys belong to which type of checks, and what a rule has to say.
Refuses to know single values (checked in `automation_values`), and whether groups that are named
are there: they come and go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from pathlib import Path

from failoverdns.config.automation_scalars import name as checked_name
from failoverdns.config.automation_sections import (
    CheckSection,
    PolicySection,
    SafetyRuleSection,
)
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.scalars import absolute
from failoverdns.config.sections import ConfigFile
from failoverdns.model.errors import Malformed
from failoverdns.model.health import Check, CheckKind, HttpExpectation, TlsExpectation
from failoverdns.model.policy import (
    RULES_OF_OUR_OWN,
    AllDown,
    AnswerOf,
    Assertion,
    AutomationSettings,
    Gate,
    Mode,
    Policy,
    SafetyRule,
    Wait,
)

_ALWAYS = ("type", "up_after", "down_after")
_TIMED = ("interval", "timeout", "jitter")
_SENT = ("port", "source")
_HTTP = ("method", "path", "host", "status", "body", "body_pattern", "redirects")
_TLS = ("verify", "server_name", "ca_file", "days_left")
_KEYS: Mapping[CheckKind, tuple[str, ...]] = {
    CheckKind.TCP: (*_ALWAYS, *_TIMED, *_SENT),
    CheckKind.HTTP: (*_ALWAYS, *_TIMED, *_SENT, *_HTTP),
    CheckKind.HTTPS: (*_ALWAYS, *_TIMED, *_SENT, *_HTTP, *_TLS),
    CheckKind.TLS: (*_ALWAYS, *_TIMED, *_SENT, *_TLS),
    CheckKind.EXEC: (*_ALWAYS, *_TIMED, "run"),
    CheckKind.PUSH: (*_ALWAYS, "ttl"),
}
"""Which keys a check of each type takes."""

_FORMS = {
    "assert": "write assert: {groups: [GROUP, ...], at_least: N}",
    "gate": "write gate: {group: GROUP} or gate: {flag: FLAG}",
    "wait": "write the seconds, as in wait: 600",
}

_PORTS = {CheckKind.HTTP: 80, CheckKind.HTTPS: 443, CheckKind.TLS: 443}


def read_terms(
    sections: ConfigFile, folder: Path, usable: Node, written: Node, report: FaultReport
) -> AutomationSettings:
    """Make terms of the sections; note everything that is wrong in `report`.

    `folder` completes the paths of programs and files.
    `usable` is the document that the sections are of, `written` the one with the refused values.
    """
    for key in ("checks", "policies", "safety_rules"):
        _check_names(key, usable, report)
    checks = [
        _check(name, section, folder, usable, _at(written, "checks", name), report)
        for name, section in sections.checks.items()
        if usable.at("checks", name, "type") is not None  # else that is noted already
    ]
    policies = [
        _policy(name, section, usable, written, report)
        for name, section in sections.policies.items()
    ]
    rules = [
        _rule(name, section, _at(written, "safety_rules", name), report)
        for name, section in sections.safety_rules.items()
    ]
    return AutomationSettings(
        tuple(checks), tuple(policies), tuple(rule for rule in rules if rule is not None)
    )


def _check(
    name: str, section: CheckSection, folder: Path, usable: Node, node: Node, report: FaultReport
) -> Check:
    kind = CheckKind(section.type)
    _check_keys(kind, node, report)
    port = section.port if section.port is not None else _PORTS.get(kind, 0)
    if kind is CheckKind.TCP and node.at("port") is None:
        report.add(node.place.of_key("port"), "missing; give the port that is to be open")
    if kind is CheckKind.EXEC and not section.run and _is_usable(node, "run"):
        report.add(node.place.of_key("run"), "missing; give the path of a program")
    program = node.at("run", 0)
    if program is not None and program.value == "":
        report.add(program.place, "must be the path of a program")
    refused = _refused(_at(usable, "checks", name), node, ("timeout", "interval"))
    if kind is not CheckKind.PUSH and section.timeout > section.interval and not refused:
        where = node.at("timeout") or node.at("interval") or node
        text = f"the timeout, {section.timeout:g}, must be at most the interval"
        report.add(where.place, f"{text}, {section.interval:g}: a probe ends before the next")
    families = [isinstance(address, IPv4Address) for address in section.source]
    source = node.at("source")
    if len(set(families)) != len(families) and source is not None:
        report.add(source.place, "give one IPv4 and one IPv6 address at most")
    ca_file = section.ca_file
    push = kind is CheckKind.PUSH
    return Check(
        name=name,
        kind=kind,
        port=port,
        interval=section.interval,
        timeout=section.timeout,
        jitter=section.jitter / 100,
        up_after=1 if push and node.at("up_after") is None else section.up_after,
        down_after=1 if push and node.at("down_after") is None else section.down_after,
        sources=tuple(section.source),
        http=HttpExpectation(
            section.method,
            section.path,
            section.host,
            tuple(section.status),
            section.body,
            section.body_pattern,
            section.redirects,
        ),
        tls=TlsExpectation(
            section.verify,
            section.server_name,
            str(absolute(ca_file, folder)) if ca_file is not None else None,
            section.days_left,
        ),
        run=(str(absolute(section.run[0], folder)), *section.run[1:]) if section.run else (),
        ttl=section.ttl,
    )


def _check_keys(kind: CheckKind, node: Node, report: FaultReport) -> None:
    """Note keys that say nothing for a check of this type."""
    if not isinstance(node.value, dict):
        return
    for key, entry in node.value.items():
        if key in CheckSection.model_fields and key not in _KEYS[kind]:
            kinds = [other.value for other, keys in _KEYS.items() if key in keys]
            report.add(entry.key, f"is for checks of the type {_or(kinds)}, not {kind.value}")


def _policy(
    name: str, section: PolicySection, usable: Node, written: Node, report: FaultReport
) -> Policy:
    usable, written = _at(usable, "policies", name), _at(written, "policies", name)
    refused = _refused(usable, written, ("max_switches", "cooldown", "window"))
    guard = usable.at("max_switches") or usable.at("window")
    futile = section.max_switches * section.cooldown >= section.window
    if futile and guard is not None and not refused:
        report.add(
            guard.place,
            f"{section.max_switches} switches with {section.cooldown:g} s after each take the "
            f"whole window, {section.window:g} s: the guard would never hold anything back",
        )
    return Policy(
        name=name,
        mode=Mode(section.mode),
        grace=section.grace,
        fail_back=Mode(section.fail_back),
        hold=section.hold,
        cooldown=section.cooldown,
        max_switches=section.max_switches,
        window=section.window,
        all_down=AllDown(section.all_down),
        answer=AnswerOf(section.answer),
        pre_ttl=section.pre_ttl,
    )


def _rule(
    name: str, section: SafetyRuleSection, node: Node, report: FaultReport
) -> SafetyRule | None:
    if name in RULES_OF_OUR_OWN:
        report.add(node.key, f"{quoted(name)} is a rule of the server's own; choose another name")
    kinds = [key for key in ("assert", "gate", "wait") if node.at(key) is not None]
    if len(kinds) != 1:
        given = f"not {' and '.join(kinds)}" if kinds else "and none is given"
        report.add(node.place, f"must be exactly one of assert, gate and wait, {given}")
        return None
    if (rule := node.at(kinds[0])) is not None and rule.value is None:
        report.add(rule.place, f"says nothing; {_FORMS[kinds[0]]}")
        return None
    groups = tuple(section.groups)
    if section.assert_ is not None:
        return _assertion(name, section, node, report)
    if not groups and node.at("groups") is None:
        groups = ("*",)
    elif not groups and _is_usable(node, "groups"):
        report.add((node.at("groups") or node).place, 'empty; name a group, or write ["*"] for all')
    if section.gate is not None:
        gate = section.gate
        if _says(node, "gate", "group") == _says(node, "gate", "flag"):
            where = node.at("gate") or node
            report.add(where.place, "must have exactly one of group and flag")
        return Gate(name, groups, gate.group, gate.flag)
    if section.wait is not None:
        return Wait(name, groups, section.wait)
    return None


def _assertion(
    name: str, section: SafetyRuleSection, node: Node, report: FaultReport
) -> Assertion | None:
    asserted = section.assert_
    assert asserted is not None
    if (groups := node.at("groups")) is not None:
        report.add(groups.key, "the groups of an assertion stand in it: assert: {groups: [...]}")
    refuse_repeated(asserted.groups, node.at("assert", "groups"), "group", report)
    at_least = node.at("assert", "at_least")
    if asserted.groups and asserted.at_least > len(asserted.groups) and at_least is not None:
        report.add(
            at_least.place,
            f"must be at most {len(asserted.groups)}, which is how many groups there are: "
            "or none could ever be switched",
        )
    return Assertion(name, tuple(asserted.groups), asserted.at_least)


def _check_names(key: str, usable: Node, report: FaultReport) -> None:
    node = usable.at(key)
    if node is None or not isinstance(node.value, dict):
        return
    for name, entry in node.value.items():
        try:
            checked_name(name)
        except Malformed as error:
            report.add(entry.key, f"{quoted(name)} cannot be a name: {error}")


def _at(document: Node, *location: str) -> Node:
    node = document.at(*location)
    assert node is not None
    return node


def _says(document: Node, *location: str) -> bool:
    """Tell whether anything is said there: right or wrong, but not nothing."""
    node = document.at(*location)
    return node is not None and node.value is not None


def _refused(usable: Node, written: Node, keys: Iterable[str]) -> bool:
    """Tell whether the value of one of these keys was refused: that is noted already."""
    return any(written.at(key) is not None and usable.at(key) is None for key in keys)


def _is_usable(node: Node, key: str) -> bool:
    """Tell whether nothing was said of a key yet: it is not there, or an empty list."""
    found = node.at(key)
    return found is None or found.value == []


def _or(words: Iterable[str]) -> str:
    *rest, last = words
    return f"{', '.join(rest)} or {last}" if rest else last
