"""The section `safety_rules`: conditions that an automatic switch must not violate.

Groups that a rule names need not exist: commands add and delete groups.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator

from failoverdns.config import numbers
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.section import Section, one_of, text
from failoverdns.model.errors import Malformed
from failoverdns.model.names import (
    CONFIGURED_NAME_FORM,
    is_configured_name,
    is_group_name,
    is_group_pattern,
)
from failoverdns.model.policy import (
    AUTOMATION_FLAG,
    RULES_OF_OUR_OWN,
    Assertion,
    Following,
    Gate,
    SafetyRule,
    Wait,
)

_FORMS = {
    "assert": "write assert: {groups: [GROUP, ...], at_least: N}",
    "gate": "write gate: {group: GROUP} or gate: {flag: FLAG}",
    "wait": "write the seconds, as in wait: 600",
    "secondaries": "write secondaries: in-step",
}


def flag_name(text: str) -> str:
    """Check that `text` can be the name of a flag."""
    if text == AUTOMATION_FLAG:
        raise Malformed("every automatic switch passes that gate anyway; choose another flag")
    if not is_configured_name(text):
        raise Malformed(f"use {CONFIGURED_NAME_FORM}")
    return text


def group_name(text: str) -> str:
    """Check that `text` can be the name of a group."""
    if not is_group_name(text):
        raise Malformed(f"{quoted(text)} cannot be the name of a group")
    return text


def group_pattern(text: str) -> str:
    """Check that `text` is the name of a group, or a pattern of names with `*` and `?`."""
    if not is_group_pattern(text):
        raise Malformed(f"{quoted(text)} is not the name of a group, nor a pattern with * and ?")
    return text


_ASSERTION = Assertion("", ())

GroupName = Annotated[str, text(group_name)]


class AssertSection(Section):
    """The keys of `assert` in a safety rule."""

    groups: list[GroupName] = []
    at_least: Annotated[int, Field(ge=1, le=100_000)] = _ASSERTION.at_least
    on: Annotated[str, one_of("a side that can be asserted", "primary")] = "primary"


class GateSection(Section):
    """The keys of `gate` in a safety rule."""

    group: GroupName | None = None
    flag: Annotated[str, text(flag_name)] | None = None


class SafetyRuleSection(Section):
    """The keys of one safety rule: `groups`, and exactly one of the others."""

    assert_: AssertSection | None = Field(default=None, alias="assert")
    gate: GateSection | None = None
    wait: Annotated[float, PlainValidator(numbers.seconds(1, 604800))] | None = None
    secondaries: (
        Annotated[str, one_of("a state that secondaries can be required to have", "in-step")] | None
    ) = None
    groups: list[Annotated[str, text(group_pattern)]] = []


def read_safety_rule(
    name: str, section: SafetyRuleSection, node: Node, faults: FaultReport
) -> SafetyRule | None:
    """Return the safety rule `name`, or None if it is invalid; report its errors in `faults`.

    `node` is the rule in the file, refused values included.
    """
    if name in RULES_OF_OUR_OWN:
        faults.add(node.key, f"{quoted(name)} is a built-in rule; choose another name")
    kinds = [key for key in _FORMS if node.at(key) is not None]
    if len(kinds) != 1:
        given = f"not {' and '.join(kinds)}" if kinds else "and none is given"
        faults.add(
            node.place, f"must be exactly one of assert, gate, wait and secondaries, {given}"
        )
        return None
    if (rule := node.at(kinds[0])) is not None and rule.value is None:
        faults.add(rule.place, f"empty; {_FORMS[kinds[0]]}")
        return None
    if section.assert_ is not None:
        return _assertion(name, section.assert_, node, faults)
    groups = tuple(section.groups)
    written = node.at("groups")
    if not groups and written is None:
        groups = ("*",)
    elif not groups and written is not None and written.value == []:
        faults.add(written.place, 'empty; name a group, or write ["*"] for all')
    if section.gate is not None:
        if _is_given(node, "gate", "group") == _is_given(node, "gate", "flag"):
            where = node.at("gate") or node
            faults.add(where.place, "must have exactly one of group and flag")
        return section.gate.into(Gate, name=name, groups=groups)
    if section.wait is not None:
        return Wait(name, groups, section.wait)
    if section.secondaries is not None:
        return Following(name, groups)
    return None


def _assertion(
    name: str, asserted: AssertSection, node: Node, faults: FaultReport
) -> Assertion | None:
    if (groups := node.at("groups")) is not None:
        faults.add(groups.key, "an assertion has its groups inside: assert: {groups: [...]}")
    refuse_repeated(asserted.groups, node.at("assert", "groups"), "group", faults)
    at_least = node.at("assert", "at_least")
    if asserted.groups and asserted.at_least > len(asserted.groups) and at_least is not None:
        faults.add(
            at_least.place,
            f"must be at most {len(asserted.groups)}, the number of groups in it; "
            "otherwise none of them could ever be switched",
        )
    return asserted.into(Assertion, name=name)


def _is_given(document: Node, *location: str) -> bool:
    """Return whether there is a value at `location`, valid or not."""
    node = document.at(*location)
    return node is not None and node.value is not None
