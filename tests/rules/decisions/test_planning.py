"""Planned switches: when the TTL is lowered, when the group is switched, and when it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import samples
import watched
from samples import HOSTNAME, answers, carry_out, node_table, refusal
from watched import DOWN, UP, the_group

from failoverdns.changes.state import State
from failoverdns.model.commands.applications import SetApplication
from failoverdns.model.commands.automation import AdvancePlan, CancelPlan, SetFlag
from failoverdns.model.commands.groups import SetGroup, Switch
from failoverdns.model.errors import RuleFailure
from failoverdns.model.group import Side
from failoverdns.model.policy import Assertion, Automation, Gate, Plan, Wait
from failoverdns.rules.decisions.planning import Next, Stage, next_stage
from failoverdns.rules.reports.plan_report import plan_report

PRIMARY, BACKUP = Side.PRIMARY, Side.BACKUP
EU, US = ["A 192.0.2.1"], ["A 198.51.100.1"]
T = 1_800_000_000.0
"""2027-01-15T08:00:00Z, the time of the planned switch; the group's TTL is 60 s."""


def planned(view: State, now: float = T - 1000, **more: Any) -> Any:
    """Plan the switch of `shop` for T."""
    result = carry_out(view, Switch(("shop",), at=T, **more), now)
    return result["planned"]


def advance(view: State, now: float, *objections: RuleFailure) -> Any:
    """Take the next step of the plan of `shop`."""
    return carry_out(view, AdvancePlan("grp-shop", objections), now)


def ttl(view: State) -> int:
    """The TTL of the answer for `shop`."""
    (records,) = node_table(view)[samples.name(HOSTNAME)].rrsets
    return records.ttl


def stage(view: State, now: float) -> Next | None:
    """The step that the plan of `shop` calls for."""
    return next_stage(the_group(view), now)


def test_a_planned_switch_lowers_the_ttl_switches_and_restores_it() -> None:
    view = watched.shop()
    planned(view)
    assert advance(view, T - 60.1) == {}
    assert ttl(view) == 60
    assert advance(view, T - 60) == {"group": "shop", "outcome": "ttl-lowered", "ttl": 10}
    assert (ttl(view), answers(view)) == (10, EU)
    assert advance(view, T - 0.1) == {}
    assert advance(view, T) == {"group": "shop", "to": "backup", "outcome": "switched"}
    assert (ttl(view), answers(view)) == (60, US)
    assert the_group(view).automation.plan is None
    assert advance(view, T + 1) == {}


def test_the_old_side_is_drained_one_lowered_ttl_after_the_switch() -> None:
    view = watched.shop()
    planned(view)
    advance(view, T - 60)
    advance(view, T)
    assert the_group(view).drained_at == T + 10


def test_the_old_side_is_drained_later_if_the_ttl_was_lowered_late() -> None:
    """A resolver that asked just before has the old answer for the old TTL."""
    view = watched.shop()
    planned(view, T - 20)
    advance(view, T - 20)
    advance(view, T)
    assert the_group(view).drained_at == T + 40


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (T - 1000, Next(Stage.WAIT, T - 60)),
        (T - 60.1, Next(Stage.WAIT, T - 60)),
        (T - 60, Next(Stage.LOWER, T - 60)),
        (T - 1, Next(Stage.LOWER, T - 1)),
        (T, Next(Stage.SWITCH, T)),
        (T + 60, Next(Stage.SWITCH, T + 60)),
        (T + 60.1, Next(Stage.MISSED, T + 60.1)),
    ],
)
def test_a_plan_calls_for_one_step_at_a_time(now: float, expected: Next) -> None:
    view = watched.shop()
    planned(view)
    assert stage(view, now) == expected


def test_a_lowered_ttl_is_not_lowered_again() -> None:
    view = watched.shop()
    planned(view)
    advance(view, T - 60)
    assert stage(view, T - 30) == Next(Stage.WAIT, T)
    assert advance(view, T - 30) == {}


@pytest.mark.parametrize(("pre_ttl", "lowers"), [(59, True), (60, False), (86400, False)])
def test_a_ttl_that_is_short_enough_is_not_lowered(pre_ttl: int, lowers: bool) -> None:
    view = watched.shop()
    planned(view, pre_ttl=pre_ttl)
    expected = Stage.LOWER if lowers else Stage.WAIT
    assert stage(view, T - 10) == Next(expected, T - 10 if lowers else T)


def test_the_ttl_before_a_planned_switch_comes_from_the_command_or_else_from_the_policy() -> None:
    view = watched.shop(pre_ttl=7)
    (report,) = planned(view)
    assert report["pre_ttl"] == 7
    carry_out(view, CancelPlan("shop"))
    (report,) = planned(view, pre_ttl=0)
    assert report["pre_ttl"] == 0
    advance(view, T - 60)
    assert ttl(view) == 0


def test_a_group_that_has_no_plan_or_is_removed_needs_no_step() -> None:
    view = watched.shop()
    assert stage(view, T) is None
    assert advance(view, T) == {}
    assert carry_out(view, AdvancePlan("grp-gone"), T) == {}
    assert plan_report(the_group(view)) is None


def test_a_new_plan_is_reported_with_its_times_and_the_rules_that_would_refuse_it() -> None:
    view = watched.shop(UP, DOWN)
    (report,) = planned(view, reason="works")
    assert report == {
        "group": "shop",
        "to": "backup",
        "at": "2027-01-15T08:00:00.000Z",
        "pre_ttl": 10,
        "ttl_lowered_at": None,
        "override": [],
        "reason": "works",
        "lower_at": "2027-01-15T07:59:00.000Z",
        "warnings": [
            "target-down would refuse it now: the backup of group 'shop' is down: "
            "lb1: refused, port 80: refused"
        ],
    }
    carry_out(view, CancelPlan("shop"))
    (report,) = planned(view, override=("target-down",))
    assert report["warnings"] == []


def test_a_plan_at_short_notice_warns_how_long_clients_keep_the_old_answer() -> None:
    view = watched.shop()
    (report,) = planned(view, T - 15)
    assert report["lower_at"] == "2027-01-15T07:59:45.000Z"
    assert report["warnings"] == [
        "the switch is sooner than the TTL of 60 s: some clients keep the old answer "
        "for up to 45 s after the switch"
    ]


def test_cancelling_a_plan_restores_the_ttl_at_once() -> None:
    view = watched.shop()
    planned(view)
    advance(view, T - 60)
    assert carry_out(view, CancelPlan("shop"), T - 30) == {"cancelled": "shop"}
    assert ttl(view) == 60
    assert advance(view, T) == {}
    assert answers(view) == EU
    refused = refusal(view, CancelPlan("shop"))
    assert (refused.code, refused.message) == (
        "not-found",
        "no switch of group 'shop' is planned",
    )


@pytest.mark.parametrize(("late", "outcome"), [(60.0, "switched"), (60.1, "missed")])
def test_a_planned_switch_is_missed_when_it_is_more_than_a_minute_late(
    late: float, outcome: str
) -> None:
    """A server that was down for less than a minute still makes the switch."""
    view = watched.shop()
    planned(view)
    advance(view, T - 60)
    assert advance(view, T + late)["outcome"] == outcome
    assert the_group(view).automation.plan is None
    assert ttl(view) == 60
    assert answers(view) == (US if outcome == "switched" else EU)


def test_a_planned_switch_that_rules_refuse_is_dropped() -> None:
    view = watched.shop(UP, UP, Wait("calm", ("*",), 60.0))
    planned(view)
    advance(view, T - 60)
    watched.learn(view, "us", DOWN, T - 30)
    result = advance(view, T)
    assert result["outcome"] == "refused"
    assert [rule["rule"] for rule in result["rules"]] == ["target-down"]
    assert the_group(view).automation.plan is None
    assert (answers(view), ttl(view)) == (EU, 60)
    watched.learn(view, "us", UP, T + 1)
    assert advance(view, T + 1) == {}, "it is not tried again"


@pytest.mark.parametrize("rule", ["target-down", "one-at-home", "before-switch"])
def test_a_rule_that_the_plan_overrides_may_fail_at_the_time_of_the_switch(rule: str) -> None:
    groups = [samples.group(automation=Automation("auto"))]
    at_home = Assertion("one-at-home", ("shop",), 1)
    view = watched.watched(groups, UP, DOWN, at_home)
    rules = {"target-down", "one-at-home", "before-switch"}
    objection = RuleFailure("before-switch", "no", "shop")
    planned(view, override=tuple(rules - {rule}))
    assert [r["rule"] for r in advance(view, T, objection)["rules"]] == [rule]
    planned(view, override=tuple(rules))
    result = advance(view, T, objection)
    assert result["outcome"] == "switched"
    assert answers(view) == US


def test_overridden_rules_are_recorded_with_the_planned_switch() -> None:
    view = watched.shop(UP, DOWN)
    planned(view, override=("target-down", "before-switch"), reason="works")
    result = advance(view, T, RuleFailure("before-switch", "no", "shop"))
    assert result["reason"] == "works"
    assert result["overridden"] == ["target-down", "before-switch"]


def test_a_planned_switch_counts_as_manual_so_gates_and_a_freeze_do_not_apply() -> None:
    view = watched.shop(UP, UP, Gate("never", ("*",), flag="never"))
    carry_out(view, SetFlag("automation", False))
    planned(view)
    assert advance(view, T)["outcome"] == "switched"
    automation = the_group(view).automation
    assert (automation.automatic, automation.switched_at) == ((), T)


def test_a_manual_switch_before_the_planned_time_removes_the_plan() -> None:
    view = watched.shop()
    planned(view)
    advance(view, T - 60)
    carry_out(view, Switch(("shop",), BACKUP), T - 30)
    assert the_group(view).automation.plan is None
    assert ttl(view) == 60
    assert the_group(view).drained_at == T


def test_a_plan_ends_without_a_switch_if_the_group_is_on_that_side_already() -> None:
    """Such a plan is refused, but a state may contain it."""
    plan = Plan(T, "primary", 10)
    view = watched.watched([samples.group(automation=Automation(plan=plan))])
    assert advance(view, T)["outcome"] == "was there already"
    assert the_group(view).automation.plan is None


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (
            Switch(("shop",), at=T),
            "exists",
            "a switch of group 'shop' is planned for 2027-01-15T08:00:00.000Z: cancel it first "
            "with `plan cancel shop`",
        ),
        (Switch(("blog",), PRIMARY, at=T), "invalid", "group 'blog' is on its primary already"),
        (
            Switch(("blog",), at=T - 1000),
            "invalid",
            "2027-01-15T07:43:20.000Z is past: it is 2027-01-15T07:43:20.000Z",
        ),
        (
            Switch(("blog",), at=T + 366 * 86400),
            "invalid",
            "2028-01-16T08:00:00.000Z is more than a year ahead",
        ),
        (
            Switch(("blog",), at=T, dry_run=True),
            "invalid",
            "--at plans a switch: it takes no --dry-run and no --if-revision",
        ),
        (
            Switch(("blog",), at=T, if_revision=3),
            "invalid",
            "--at plans a switch: it takes no --dry-run and no --if-revision",
        ),
        (Switch(("blog", "wiki"), at=T), "not-found", "no group 'wiki'; there is 'shop', 'blog'"),
    ],
)
def test_an_invalid_plan_is_refused_and_no_group_is_planned(
    command: Switch, code: str, message: str
) -> None:
    view = watched.watched([samples.group(), samples.group("blog")])
    planned(view)
    refused = refusal(view, command, T - 1000)
    assert (refused.code, refused.message) == (code, message)
    assert the_group(view, "blog").automation.plan is None


def test_a_plan_that_overrides_an_unknown_rule_is_refused() -> None:
    refused = refusal(watched.shop(), Switch(("shop",), at=T, override=("calm",)), T - 1000)
    assert "no rule 'calm' to override here" in refused.message


def test_several_groups_are_planned_in_one_step_each_to_its_other_side() -> None:
    view = watched.watched([samples.group(), samples.group("blog", active=BACKUP)])
    result = carry_out(view, Switch(("shop", "blog", "shop"), at=T), T - 1000)
    assert [plan["to"] for plan in result["planned"]] == ["backup", "primary"]
    assert view.revision == 11


def test_a_ttl_that_is_set_while_a_plan_waits_is_lowered_and_restored() -> None:
    view = watched.shop()
    planned(view)
    carry_out(view, SetGroup("shop", ttl=300), T - 900)
    assert stage(view, T - 800) == Next(Stage.WAIT, T - 300)
    advance(view, T - 300)
    assert ttl(view) == 10
    carry_out(view, SetGroup("shop", ttl=5), T - 100)
    assert ttl(view) == 5
    advance(view, T)
    assert ttl(view) == 5


def test_unrelated_changes_do_not_alter_a_plan() -> None:
    view = watched.shop()
    planned(view)
    advance(view, T - 60)
    plan = replace(the_group(view).automation.plan, lowered_at=T - 60)
    carry_out(view, SetApplication("us", ()), T - 50)
    carry_out(view, SetGroup("shop", policy=""), T - 50)
    carry_out(view, Switch(("shop",), PRIMARY), T - 50)
    assert the_group(view).automation.plan == plan


def test_a_clock_that_jumps_over_the_time_of_a_plan_misses_it() -> None:
    """Operators plan by the wall clock, and a jump of an hour must not cause a switch."""
    view = watched.shop()
    planned(view)
    assert carry_out(view, AdvancePlan("grp-shop"), T + 3600, T - 999)["outcome"] == "missed"
    assert answers(view) == EU


def test_the_history_has_every_step_of_a_plan() -> None:
    view = watched.shop()
    (made,) = samples.changed_by(view, Switch(("shop",), at=T), now=T - 1000)
    assert made["fields"] == {"plan": [None, "to backup at 2027-01-15T08:00:00.000Z"]}
    (lowered,) = samples.changed_by(view, AdvancePlan("grp-shop"), now=T - 60)
    assert lowered["fields"] == {"served_ttl": [None, 10]}
    (done,) = samples.changed_by(view, AdvancePlan("grp-shop"), now=T)
    assert done["fields"]["active"] == ["primary", "backup"]
    assert done["fields"]["plan"] == ["to backup at 2027-01-15T08:00:00.000Z", None]
