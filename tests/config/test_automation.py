"""Checks, policies and safety rules become settings, and invalid ones are reported."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from config.test_checks import check
from config.test_policies import policy
from config.test_safety_rules import rule

from failoverdns.config import ConfigErrors
from failoverdns.model.policy import (
    NO_AUTOMATION_SETTINGS,
)
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]


@pytest.mark.parametrize("text", ["", "checks:\npolicies:\nsafety_rules:\n", "checks: {}\n"])
def test_by_default_nothing_is_checked_and_nothing_is_automatic(
    load: Load, right: str, text: str
) -> None:
    assert load(right + text).automation == NO_AUTOMATION_SETTINGS


NAME = "cannot be a name: use 1 to 64 letters, digits, '-', '_' or '.'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("checks: {web: }\n", ["14 checks.web: must be a mapping of keys to values, not nothing"]),
        ("checks: [x]\n", ["9 checks: must be a mapping of keys to values, not a list"]),
        ("checks: {a b: {type: http}}\n", [f'10 checks."a b": "a b" {NAME}']),
        ("policies: {'': {}}\n", [f'12 policies."": "" {NAME}']),
        ("safety_rules: {a/b: {wait: 5}}\n", [f'16 safety_rules.a/b: "a/b" {NAME}']),
        (
            "policies: {a: {}, a: {}}\n",
            ['19 policies.a: the key "a" is given twice; the first time on line 7'],
        ),
    ],
)
def test_an_invalid_name_or_section_is_reported(
    shown: Shown, right: str, text: str, expected: list[str]
) -> None:
    assert shown(right + text) == [f"7:{line}" for line in expected]


def test_all_errors_are_reported_at_once(shown: Shown, right: str) -> None:
    text = check("type: tcp, interval: x") + policy("grace: x") + rule("wait: x")
    assert [line.partition(" ")[0] for line in shown(right + text)] == [
        "7:15",
        "7:37",
        "8:26",
        "9:26",
    ]


@pytest.mark.parametrize(
    "text",
    [
        check("type: *x"),
        check("type: exec, run: *x"),
        check("type: exec, run: [5, '']"),
        check("type: tcp, port: x"),
        check("type: http, source: *x"),
        check("type: http, timeout: x, interval: 2"),
        policy("max_switches: x, window: 10"),
        policy("window: *x"),
        rule("gate: *x"),
        rule("gate: {flag: 5}"),
        rule("gate: {flag: *x}"),
        rule("wait: x"),
        rule("wait: 5, groups: *x"),
        rule("assert: {groups: [5]}"),
        rule("assert: {groups: *x, at_least: 9}"),
        rule("assert: {groups: [shop], at_least: x}"),
    ],
)
def test_a_refused_value_causes_no_second_error(shown: Shown, right: str, text: str) -> None:
    assert len(shown(right + text)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "checks: {web: {type: http, interval: 2, timeout: 1}}\n"
            "policies: {a: {mode: automatic, grace: 2}}\n",
            ["policies.a.grace: the grace, 2 s, is not above the interval of check web, 2 s"],
        ),
        (
            "checks: {slow: {type: http, interval: 90}, web: {type: http}}\n"
            "policies: {a: {mode: automatic, grace: 30}}\n",
            ["policies.a.grace: the grace, 30 s, is not above the interval of check slow, 90 s"],
        ),
        (
            "checks: {slow: {type: http, interval: 3600}}\npolicies: {a: {mode: automatic}}\n",
            ["policies.a: the grace, "],
        ),
        ("checks: {slow: {type: http, interval: 90}}\npolicies: {a: {mode: manual}}\n", []),
        ("checks: {web: {type: http}}\npolicies: {a: {mode: automatic}}\n", []),
        ("checks: {p: {type: push}}\npolicies: {a: {mode: automatic, grace: 0}}\n", []),
        (
            "policies: {a: {fail_back: automatic}}\n",
            ["policies.a.mode: missing, and it is manual by default: groups with this policy"],
        ),
        ("policies: {a: {mode: manual, fail_back: automatic}}\n", []),
        ("policies: {a: {}, b: {answer: healthy, pre_ttl: 5}}\n", []),
    ],
)
def test_a_policy_that_acts_too_early_or_never_is_warned_of(
    load: Load, right: str, text: str, expected: list[str]
) -> None:
    """The configuration is right all the same."""
    warnings = load(right + text).warnings
    assert len(warnings) == len(expected)
    for line, part in zip(warnings, expected, strict=True):
        assert f" warning: {part}" in line


def test_a_mode_that_is_refused_is_not_missing(right: str, load: Load) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(right + "policies: {a: {mode: auto, grace: 30}}\n")
    (line,) = caught.value.lines
    assert "policies.a.mode: " in line
    assert "missing" not in line
