"""Safety rules are read, and errors name the key and the rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from failoverdns.model.policy import (
    RULES_OF_OUR_OWN,
    Assertion,
    AutomationSettings,
    Following,
    Gate,
    SafetyRule,
    Wait,
)
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]


def rule(body: str) -> str:
    """A section with one safety rule, whose keys begin at line 7, column 20."""
    return f"safety_rules: {{r: {{{body}}}}}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("wait: 600", Wait("r", ("*",), 600.0)),
        ("wait: 1.5, groups: [shop, 'b*', '?']", Wait("r", ("shop", "b*", "?"), 1.5)),
        ("gate: {flag: office}", Gate("r", ("*",), flag="office")),
        ("gate: {group: db.1}, groups: [shop]", Gate("r", ("shop",), group="db.1")),
        ("assert: {groups: [shop, blog]}", Assertion("r", ("shop", "blog"), 1)),
        (
            "assert: {groups: [shop, blog], at_least: 2, on: primary}",
            Assertion("r", ("shop", "blog"), 2),
        ),
        ("secondaries: in-step", Following("r", ("*",))),
        ("secondaries: in-step, groups: [shop]", Following("r", ("shop",))),
    ],
)
def test_a_safety_rule_is_one_of_four_kinds(
    load: Load, right: str, body: str, expected: SafetyRule
) -> None:
    """All but assertions apply to all groups by default."""
    assert load(right + rule(body)).automation == AutomationSettings(safety_rules=(expected,))


ONE_OF = "must be exactly one of assert, gate, wait and secondaries,"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", [f"19 safety_rules.r: {ONE_OF} and none is given"]),
        ("groups: [shop]", [f"19 safety_rules.r: {ONE_OF} and none is given"]),
        ("wait: 5, gate: {flag: x}", [f"19 safety_rules.r: {ONE_OF} not gate and wait"]),
        ("wait: ", ["25 safety_rules.r.wait: empty; write the seconds, as in wait: 600"]),
        (
            "gate: ",
            ["25 safety_rules.r.gate: empty; write gate: {group: GROUP} or gate: {flag: FLAG}"],
        ),
        (
            "assert: ",
            ["27 safety_rules.r.assert: empty; write assert: {groups: [GROUP, ...], at_least: N}"],
        ),
        (
            "secondaries: ",
            ["32 safety_rules.r.secondaries: empty; write secondaries: in-step"],
        ),
        (
            "secondaries: behind",
            [
                '33 safety_rules.r.secondaries: "behind" is not a state that secondaries can be '
                "required to have; write in-step"
            ],
        ),
        ("wait: 0", ["26 safety_rules.r.wait: must be from 1 to 604800 seconds, not 0"]),
        (
            "wait: 5, groups: []",
            ['37 safety_rules.r.groups: empty; name a group, or write ["*"] for all'],
        ),
        (
            "wait: 5, groups: ['a b']",
            [
                '38 safety_rules.r.groups[0]: "a b" is not the name of a group, nor a pattern with '
                "* and ?"
            ],
        ),
        ("gate: {}", ["26 safety_rules.r.gate: must have exactly one of group and flag"]),
        ("gate: {flag: }", ["26 safety_rules.r.gate: must have exactly one of group and flag"]),
        (
            "gate: {flag: x, group: y}",
            ["26 safety_rules.r.gate: must have exactly one of group and flag"],
        ),
        (
            "gate: {flag: automation}",
            [
                "33 safety_rules.r.gate.flag: every automatic switch passes that gate anyway; "
                "choose another flag"
            ],
        ),
        (
            "gate: {flag: a b}",
            ["33 safety_rules.r.gate.flag: use 1 to 64 letters, digits, '-', '_' or '.'"],
        ),
        (
            "gate: {group: '*'}",
            ['34 safety_rules.r.gate.group: "*" cannot be the name of a group'],
        ),
        ("assert: {}", ["28 safety_rules.r.assert.groups: missing; name at least one group"]),
        (
            "assert: {groups: []}",
            ["37 safety_rules.r.assert.groups: empty; name at least one group"],
        ),
        (
            "assert: {groups: [shop, shop]}",
            ["44 safety_rules.r.assert.groups[1]: the group shop is given twice"],
        ),
        (
            "assert: {groups: ['*']}",
            ['38 safety_rules.r.assert.groups[0]: "*" cannot be the name of a group'],
        ),
        (
            "assert: {groups: [shop], at_least: 2}",
            [
                "55 safety_rules.r.assert.at_least: must be at most 1, the number of groups in "
                "it; otherwise none of them could ever be switched"
            ],
        ),
        (
            "assert: {groups: [shop], at_least: 0}",
            ["55 safety_rules.r.assert.at_least: must be at least 1, not 0"],
        ),
        (
            "assert: {groups: [shop], on: backup}",
            [
                '49 safety_rules.r.assert.on: "backup" is not a side that can be asserted; write '
                "primary"
            ],
        ),
        (
            "assert: {groups: [shop]}, groups: [shop]",
            [
                "46 safety_rules.r.groups: an assertion has its groups inside: assert: "
                "{groups: [...]}"
            ],
        ),
        ("wait: 5, group: x", ['29 safety_rules.r.group: unknown key; did you mean "groups"?']),
    ],
)
def test_an_error_in_a_safety_rule_is_reported(
    shown: Shown, right: str, body: str, expected: list[str]
) -> None:
    assert shown(right + rule(body)) == [f"7:{line}" for line in expected]


@pytest.mark.parametrize("name", sorted(RULES_OF_OUR_OWN))
def test_a_safety_rule_cannot_have_the_name_of_a_built_in_rule(
    shown: Shown, right: str, name: str
) -> None:
    assert shown(f"{right}safety_rules: {{{name}: {{wait: 5}}}}\n") == [
        f'7:16 safety_rules.{name}: "{name}" is a built-in rule; choose another name'
    ]
