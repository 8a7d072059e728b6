"""The health of a group's sides, and which side its hostname answers with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples
import watched
from samples import HOSTNAME, answers, carried_out, carry_out
from watched import AUTO, DOWN, UNKNOWN, UP, condition, is_

from failoverdns.changes.state import State
from failoverdns.model.application import target_texts
from failoverdns.model.commands.groups import SetGroup
from failoverdns.model.commands.health import ForceHealth, LearnHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.policy import AllDown, AnswerOf, Automation, AutomationSettings, Mode
from failoverdns.rules.derived.active_side import NO_POLICY, answered, policy_of, side_condition
from failoverdns.rules.derived.targets import answer_of

EU, US = ["A 192.0.2.1"], ["A 198.51.100.1"]
PRIMARY, BACKUP = Side.PRIMARY, Side.BACKUP


def test_a_group_without_a_policy_is_switched_manually_only() -> None:
    view = samples.shop()
    assert policy_of(view, watched.the_group(view)) is NO_POLICY
    assert NO_POLICY.mode is Mode.MANUAL
    view = watched.shop()
    assert policy_of(view, watched.the_group(view)) == AUTO


def test_a_side_has_the_health_of_its_application_and_is_unknown_without_one() -> None:
    view = samples.state(
        watched.all_are(samples.us(), DOWN, 5.0),
        samples.group(primary=None),
        settings=watched.settings(),
    )
    group = watched.the_group(view)
    assert side_condition(view, group, BACKUP) == condition(DOWN, 5.0)
    assert side_condition(view, group, PRIMARY).health is UNKNOWN


ANSWERS = [
    # active   primary backup all_down           answer
    (PRIMARY, DOWN, DOWN, AllDown.STAY, EU),
    (BACKUP, DOWN, DOWN, AllDown.STAY, US),
    (PRIMARY, DOWN, DOWN, AllDown.PRIMARY, EU),
    (BACKUP, DOWN, DOWN, AllDown.PRIMARY, EU),
    (PRIMARY, DOWN, DOWN, AllDown.BACKUP, US),
    (BACKUP, DOWN, DOWN, AllDown.BACKUP, US),
    (PRIMARY, DOWN, DOWN, AllDown.EMPTY, []),
    (BACKUP, DOWN, DOWN, AllDown.EMPTY, []),
    (PRIMARY, DOWN, UP, AllDown.EMPTY, EU),
    (PRIMARY, DOWN, UNKNOWN, AllDown.BACKUP, EU),
    (PRIMARY, UNKNOWN, DOWN, AllDown.BACKUP, EU),
    (BACKUP, UP, UP, AllDown.EMPTY, US),
    (BACKUP, UNKNOWN, UNKNOWN, AllDown.PRIMARY, US),
]


@pytest.mark.parametrize(("active", "primary", "backup", "all_down", "expected"), ANSWERS)
def test_all_down_determines_the_answer_while_both_sides_are_down(
    active: Side, primary: Health, backup: Health, all_down: AllDown, expected: list[str]
) -> None:
    """This is about the hostname only: the names of the sides answer for their sides."""
    group = samples.group(active=active, automation=Automation("auto"))
    view = watched.watched([group], primary, backup, all_down=all_down)
    assert answers(view) == expected
    assert [f"A {text}" for text in target_texts(answer_of(view, group))] == expected
    assert answers(view, f"primary.{HOSTNAME}") == EU
    assert answers(view, f"backup.{HOSTNAME}") == US
    assert watched.the_group(view).active is active


def test_the_answer_follows_health_at_once_and_nothing_is_switched() -> None:
    view = watched.shop(DOWN, UP, all_down=AllDown.EMPTY)
    _, _, delta = carried_out(view, LearnHealth("app-us", (("lb1", watched.said(DOWN)),)))
    assert [node.owner.to_text() for node in delta.nodes] == [HOSTNAME]
    assert answers(view) == []
    watched.learn(view, "us", UP)
    assert answers(view) == EU
    watched.force(view, "us", DOWN)
    assert answers(view) == []
    assert answers(view, "_status.eu.failover.test") == ["TXT online"]


def test_all_down_of_a_manual_policy_determines_the_answer_too() -> None:
    view = watched.shop(DOWN, DOWN, mode=Mode.MANUAL, all_down=AllDown.BACKUP)
    assert answers(view) == US


def test_a_group_without_a_policy_answers_with_its_active_side_even_if_it_is_down() -> None:
    view = watched.watched([samples.group()], DOWN, DOWN, all_down=AllDown.EMPTY)
    assert answered(view, watched.the_group(view)) == (PRIMARY, False)
    assert answers(view) == EU


def two_servers(
    a: Health, b: Health, answer: AnswerOf = AnswerOf.HEALTHY, **policy: object
) -> State:
    """The group `shop`, whose primary is two web servers."""
    heads = (
        is_(samples.server("a", "192.0.2.1"), a),
        is_(samples.server("b", "192.0.2.2", "2001:db8::2"), b),
    )
    eu = samples.application("eu", *heads, checks=("web",))
    us = watched.all_are(samples.us(), DOWN)
    group = samples.group(automation=Automation("auto"))
    return samples.state(eu, us, group, settings=watched.settings(answer=answer, **policy))


A, B = ["A 192.0.2.1"], ["A 192.0.2.2", "AAAA 2001:db8::2"]
BOTH = ["A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::2"]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (UP, UP, BOTH),
        (UP, DOWN, A),
        (DOWN, UP, B),
        (UNKNOWN, DOWN, A),
        (UNKNOWN, UNKNOWN, BOTH),
        (DOWN, DOWN, BOTH),
    ],
)
def test_web_servers_that_are_down_are_left_out_unless_all_are(
    a: Health, b: Health, expected: list[str]
) -> None:
    view = two_servers(a, b)
    assert answers(view) == expected
    assert answers(view, f"primary.{HOSTNAME}") == BOTH
    assert answers(two_servers(a, b, AnswerOf.ALL)) == BOTH


def test_all_down_goes_before_healthy_web_servers_when_both_sides_are_down() -> None:
    assert answers(two_servers(DOWN, DOWN, all_down=AllDown.EMPTY)) == []
    assert answers(two_servers(DOWN, UP, all_down=AllDown.EMPTY)) == B


def test_a_web_server_that_is_forced_down_is_left_out() -> None:
    view = two_servers(UP, UP)
    carry_out(view, ForceHealth("eu", "a", DOWN))
    assert answers(view) == B
    carry_out(view, ForceHealth("eu", "a", UNKNOWN))
    assert answers(view) == BOTH


def test_a_changed_policy_changes_the_answer_at_once() -> None:
    """Changed in the configuration, or set for the group."""
    view = two_servers(UP, DOWN, AnswerOf.ALL)
    healthy = AutomationSettings(
        view.settings.checks, (*watched.settings(answer=AnswerOf.HEALTHY).policies,)
    )
    serial = view.serial(samples.name("failover.test"))
    carry_out(view, Configure(view.zones, healthy))
    assert answers(view) == A
    assert view.serial(samples.name("failover.test")) != serial, "the answers of the zone changed"
    carry_out(view, SetGroup("shop", policy=""))
    assert answers(view) == BOTH


def test_a_new_policy_that_changes_no_answer_does_not_change_the_serial_of_a_zone() -> None:
    view = watched.shop()
    serial = view.serial(samples.name("failover.test"))
    other = replace(AUTO, name="other", grace=1.0)
    settings = AutomationSettings(view.settings.checks, (*view.settings.policies, other))
    _, writes, _ = carried_out(view, Configure(view.zones, settings))
    assert writes == ()
    assert view.serial(samples.name("failover.test")) == serial
    assert view.settings == settings
