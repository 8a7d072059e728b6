"""Policies are read, and errors name the key and the policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from failoverdns.model.policy import (
    AllDown,
    AnswerOf,
    AutomationSettings,
    Mode,
    Policy,
    Unchecked,
)
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]
SECONDS = "must be a number of seconds, such as 30 or 0.5, not"


def policy(body: str) -> str:
    """A section with one policy, whose keys begin at line 7, column 19."""
    return f"policies: {{auto: {{{body}}}}}\n"


def test_a_policy_is_manual_by_default(load: Load, right: str) -> None:
    assert load(right + policy("")).automation == AutomationSettings(policies=(Policy("auto"),))
    assert Policy("auto").mode is Policy("auto").fail_back is Mode.MANUAL


def test_policies_are_read_in_the_order_of_the_file(load: Load, right: str) -> None:
    text = """\
policies:
  z:
    mode: automatic
    grace: 0
    fail_back: automatic
    hold: 604800
    cooldown: 0.5
    max_switches: 100
    window: 604800
    all_down: empty
    answer: healthy
    pre_ttl: 0
    unchecked: unknown
  a:
    all_down: primary
"""
    assert load(right + text).automation.policies == (
        Policy(
            "z",
            Mode.AUTOMATIC,
            0.0,
            Mode.AUTOMATIC,
            604800.0,
            0.5,
            100,
            604800.0,
            AllDown.EMPTY,
            AnswerOf.HEALTHY,
            0,
            Unchecked.UNKNOWN,
        ),
        Policy("a", all_down=AllDown.PRIMARY),
    )


def futile(place: str, most: int, cooldown: str, window: str) -> str:
    """Return the error for a guard that never holds anything back."""
    return (
        f"{place}: {most} switches with {cooldown} s after each take the whole window, {window} s: "
        "the guard would never hold anything back"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("mode: auto", ['25 policies.auto.mode: "auto" is not a mode; did you mean "automatic"?']),
        ("mode: on", ['25 policies.auto.mode: "on" is not a mode; write automatic or manual']),
        ("mode: true", ['25 policies.auto.mode: "true" is not a mode; write automatic or manual']),
        (
            "fail_back: maybe",
            ['30 policies.auto.fail_back: "maybe" is not a mode; write manual or automatic'],
        ),
        ("grace: -1", ["26 policies.auto.grace: must be from 0 to 86400 seconds, not -1"]),
        ("grace: 86401", ["26 policies.auto.grace: must be from 0 to 86400 seconds, not 86401"]),
        ("hold: x", [f'25 policies.auto.hold: {SECONDS} the text "x"']),
        ("window: 0", ["27 policies.auto.window: must be from 1 to 604800 seconds, not 0"]),
        ("max_switches: 0", ["33 policies.auto.max_switches: must be at least 1, not 0"]),
        ("max_switches: 12", [futile("33 policies.auto.max_switches", 12, "300", "3600")]),
        ("max_switches: 11", []),
        ("window: 900", [futile("27 policies.auto.window", 3, "300", "900")]),
        ("window: 901", []),
        ("cooldown: 4000", []),
        ("cooldown: x, window: 10", [f'29 policies.auto.cooldown: {SECONDS} the text "x"']),
        (
            "all_down: none",
            [
                '29 policies.auto.all_down: "none" is not an answer; write stay or primary or '
                "backup or empty"
            ],
        ),
        (
            "answer: some",
            ['27 policies.auto.answer: "some" is not an answer; write all or healthy'],
        ),
        ("pre_ttl: 86401", ["28 policies.auto.pre_ttl: must be at most 86400, not 86401"]),
        (
            "unchecked: down",
            ['30 policies.auto.unchecked: "down" is not a health; write up or unknown'],
        ),
        ("grase: 3", ['19 policies.auto.grase: unknown key; did you mean "grace"?']),
    ],
)
def test_an_error_in_a_policy_is_reported(
    shown: Shown, right: str, body: str, expected: list[str]
) -> None:
    assert shown(right + policy(body)) == [f"7:{line}" for line in expected]
