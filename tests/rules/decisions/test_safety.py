"""Safety rules: which switches they refuse, and how they are overridden."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples
import watched
from samples import carry_out, refusal
from watched import DOWN, UP

from failoverdns.changes.state import State
from failoverdns.model.change import Write
from failoverdns.model.commands.automation import SetFlag
from failoverdns.model.commands.groups import RenameGroup, Switch
from failoverdns.model.commands.server import Configure
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Health
from failoverdns.model.moment import Moment
from failoverdns.model.policy import (
    Assertion,
    Automation,
    Flag,
    Following,
    Gate,
    SafetyRule,
    Wait,
    is_about,
)
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.rules.decisions.automation import outlook

PRIMARY, BACKUP = Side.PRIMARY, Side.BACKUP
AUTO = Automation("auto")
ONE_AT_HOME = Assertion("one-at-home", ("shop", "blog"), 1)


def group(called: str = "shop", active: Side = PRIMARY, **fields: object) -> Group:
    """A group, with the policy `auto` by default."""
    return samples.group(called, active=active, **{"automation": AUTO, **fields})


def failing(view: State, *names: str, to: Side = BACKUP, now: float = 1000.0) -> list[str]:
    """The rules that refuse a switch, each with its group."""
    refused = refusal(view, Switch(names, to), now)
    assert refused.code == "refused"
    return [f"{failure.rule} {failure.group}" for failure in refused.rules]


def automatically_failing(view: State, now: float = 1000.0) -> list[str]:
    """The rules that refuse the switch that the policy of `shop` calls for."""
    look = outlook(view, watched.the_group(view), Moment(now, now))
    assert look.is_due
    return [failure.rule for failure in look.failures]


@pytest.mark.parametrize(
    ("patterns", "covered"),
    [
        (("shop",), True),
        (("sho",), False),
        (("sh*",), True),
        (("s?op",), True),
        (("Shop",), False),
        (("blog", "*"), True),
        (("blog", "wiki"), False),
        ((), False),
    ],
)
def test_a_safety_rule_applies_to_groups_by_name_or_pattern(
    patterns: tuple[str, ...], covered: bool
) -> None:
    for rule in (Wait("w", patterns, 1.0), Gate("g", patterns, flag="f")):
        assert is_about(rule, group().name) is covered


def test_an_assertion_refuses_a_switch_after_which_too_few_are_on_their_primary() -> None:
    view = watched.watched([group(), group("blog", BACKUP)], UP, UP, ONE_AT_HOME)
    refused = refusal(view, Switch(("shop",), BACKUP))
    (failure,) = refused.rules
    assert (failure.rule, failure.group) == ("one-at-home", "shop")
    assert failure.message == (
        "group 'shop': 0 of shop, blog would be on their primary, and at least 1 must be: "
        "switch another group back first"
    )


def test_an_assertion_permits_a_switch_after_which_enough_are_on_their_primary() -> None:
    view = watched.watched([group(), group("blog")], UP, UP, ONE_AT_HOME)
    carry_out(view, Switch(("shop",), BACKUP))
    assert failing(view, "blog") == ["one-at-home blog"]


def test_an_assertion_counts_all_groups_as_they_are_after_a_switch_of_several() -> None:
    """Two groups may change places; two may not leave together, although either may alone."""
    view = watched.watched([group(), group("blog")], UP, UP, ONE_AT_HOME)
    assert failing(view, "shop", "blog") == ["one-at-home shop", "one-at-home blog"]
    carry_out(view, Switch(("shop",), BACKUP))
    result = carry_out(view, Switch(("shop", "blog")))
    assert [report["to"] for report in result["groups"]] == ["primary", "backup"]


def test_an_assertion_that_is_broken_already_permits_a_switch_to_a_primary() -> None:
    two = Assertion("two", ("shop", "blog", "wiki"), 3)
    view = watched.watched([group(active=BACKUP), group("blog", BACKUP)], UP, UP, two)
    carry_out(view, Switch(("shop",), PRIMARY))


def test_a_safety_rule_does_not_apply_to_other_groups() -> None:
    """Not even if the rule is broken already."""
    rules = (ONE_AT_HOME, Wait("calm", ("b*",), 120.0), Gate("never", ("b*",), flag="never"))
    automation = Automation("auto", switched_at=999.0)
    wiki = group("wiki", automation=automation)
    view = watched.watched([group(active=BACKUP), group("blog", BACKUP), wiki], DOWN, UP, *rules)
    assert outlook(view, wiki, Moment(1000.0, 1000.0)).failures == ()
    carry_out(view, Switch(("wiki",), BACKUP), 1000.0)


def test_an_unknown_group_of_an_assertion_is_not_counted_and_is_named() -> None:
    view = watched.watched([group()], UP, UP, ONE_AT_HOME)
    (failure,) = refusal(view, Switch(("shop",), BACKUP)).rules
    assert "would be on their primary (there is no group blog)" in failure.message


def test_an_assertion_applies_to_automatic_switches_too() -> None:
    view = watched.watched([group(), group("blog", BACKUP)], DOWN, UP, ONE_AT_HOME)
    assert automatically_failing(view) == ["one-at-home"]


@pytest.mark.parametrize(
    ("switched_at", "now", "left"),
    [
        pytest.param(None, 1000.0, None, id="never switched"),
        pytest.param(900.0, 1019.9, "0 s", id="a moment too early"),
        pytest.param(900.0, 930.0, "1 min 30 s", id="too early"),
        pytest.param(900.0, 1020.0, None, id="just in time"),
        pytest.param(5000.0, 1000.0, "2 min", id="in the future, which counts as now"),
    ],
)
def test_a_wait_refuses_a_switch_too_soon_after_the_last_one(
    switched_at: float | None, now: float, left: str | None
) -> None:
    automation = Automation("auto", switched_at=switched_at)
    rule = Wait("calm", ("*",), 120.0)
    view = watched.watched([group(automation=automation)], DOWN, UP, rule, grace=0.0)
    if left is None:
        assert automatically_failing(view, now) == []
        carry_out(view, Switch(("shop",), BACKUP), now)
        return
    (failure,) = refusal(view, Switch(("shop",), BACKUP), now).rules
    assert failure.message == f"group 'shop': its last switch was less than 2 min ago: wait {left}"
    assert failure.rule == "calm"
    assert automatically_failing(view, now) == ["calm"]


def test_a_wait_counts_manual_switches() -> None:
    view = watched.shop(UP, UP, Wait("calm", ("shop",), 120.0))
    carry_out(view, Switch(("shop",), BACKUP), 1000.0)
    assert failing(view, "shop", to=PRIMARY, now=1119.0) == ["calm shop"]
    carry_out(view, Switch(("shop",), PRIMARY), 1120.0)


BY_FLAG = Gate("office-hours", ("*",), flag="office")
BY_GROUP = Gate("database-first", ("shop",), group="db")


@pytest.mark.parametrize("rule", [BY_FLAG, BY_GROUP])
def test_a_gate_applies_to_automatic_switches_only(rule: SafetyRule) -> None:
    view = watched.shop(DOWN, UP, rule)
    assert automatically_failing(view) == [rule.name]
    carry_out(view, Switch(("shop",), BACKUP))


def test_a_gate_is_open_while_its_flag_is_on() -> None:
    view = watched.shop(DOWN, UP, BY_FLAG)
    look = outlook(view, watched.the_group(view), Moment(1000.0, 1000.0))
    assert [failure.message for failure in look.failures] == [
        "group 'shop': the flag 'office' is off: `failoverdns flag on office` opens the gate"
    ]
    carry_out(view, SetFlag("office", True))
    assert automatically_failing(view) == []
    carry_out(view, SetFlag("office", False))
    assert automatically_failing(view) == ["office-hours"]


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ([group("db")], None),
        ([group("db", BACKUP)], "group 'db' is not on its primary, as it must be"),
        ([], "there is no group 'db', which must be on its primary"),
    ],
)
def test_a_gate_is_open_while_its_group_is_on_its_primary(
    database: list[Group], message: str | None
) -> None:
    view = watched.watched([group(), *database], DOWN, UP, BY_GROUP)
    look = outlook(view, watched.the_group(view), Moment(1000.0, 1000.0))
    found = [failure.message for failure in look.failures]
    assert found == ([f"group 'shop': {message}"] if message is not None else [])


def test_a_gate_does_not_apply_to_its_own_group() -> None:
    """A gate for all groups would otherwise keep its own group on the backup for ever."""
    view = watched.watched([group("db", BACKUP)], UP, UP, Gate("database-first", ("*",), "db"))
    look = outlook(view, watched.the_group(view, "db"), Moment(1000.0, 1000.0))
    assert (look.is_due, look.failures) == (True, ())


def test_frozen_automation_refuses_every_automatic_switch_and_no_manual_one() -> None:
    view = watched.shop(DOWN, UP)
    assert automatically_failing(view) == []
    carry_out(view, SetFlag("automation", False, "network works"))
    look = outlook(view, watched.the_group(view), Moment(1000.0, 1000.0))
    (failure,) = look.failures
    assert (failure.rule, failure.group) == ("automation", "shop")
    assert failure.message == (
        "automation is frozen: network works; `failoverdns automation thaw` resumes it"
    )
    carry_out(view, Switch(("shop",), BACKUP))
    assert view.flag("automation") == Flag("automation", False, 0.0, "network works")


def test_a_safety_rule_is_overridden_by_its_name_and_the_override_recorded() -> None:
    rules = (ONE_AT_HOME, Wait("calm", ("*",), 120.0))
    automation = Automation("auto", switched_at=999.0)
    view = watched.watched([group(automation=automation)], UP, UP, *rules)
    assert failing(view, "shop") == ["one-at-home shop", "calm shop"]
    half = refusal(view, Switch(("shop",), BACKUP, override=("calm",)), 1000.0)
    assert [failure.rule for failure in half.rules] == ["one-at-home"]
    names = ("calm", "one-at-home")
    result = carry_out(view, Switch(("shop",), BACKUP, override=names), 1000.0)
    assert result["groups"][0]["overridden"] == ["one-at-home", "calm"]


@pytest.mark.parametrize("name", ["flap-guard", "automation", "grace"])
def test_a_limit_of_automation_cannot_be_overridden(name: str) -> None:
    refused = refusal(watched.shop(), Switch(("shop",), override=(name,)))
    assert (refused.code, f"no rule {name!r} to override here" in refused.message) == (
        "invalid",
        True,
    )


def test_safety_rules_of_a_reloaded_configuration_apply_at_once() -> None:
    view = watched.watched([group(), group("blog", BACKUP)])
    carry_out(view, Configure(view.zones, watched.settings(ONE_AT_HOME)))
    assert failing(view, "shop") == ["one-at-home shop"]
    carry_out(view, Configure(view.zones, watched.settings()))
    carry_out(view, Switch(("shop",), BACKUP))


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        (ONE_AT_HOME, "shop"),
        (Gate("g", ("*",), group="shop"), "shop"),
        (Gate("g", ("shop",), flag="f"), None),
        (Wait("w", ("shop",), 5.0), None),
    ],
)
def test_a_group_that_a_safety_rule_names_cannot_be_renamed(
    rule: SafetyRule, named: str | None
) -> None:
    """After a rename the rule would name a group that does not exist."""
    view = watched.watched([group()], UP, UP, rule)
    if named is None:
        carry_out(view, RenameGroup("shop", "store"))
        return
    refused = refusal(view, RenameGroup("shop", "store"))
    assert refused.code == "in-use"
    assert f"names group 'shop' in the safety rule(s) {rule.name}" in refused.message


LATE = BehindSecondary("ns2", samples.name("failover.test"), 1000.0, "it does not answer")
FOLLOWING = Following("secondaries-behind", ("shop",))


def with_behind(groups: list[Group], primary: Health, late: BehindSecondary) -> State:
    """Return a state with a secondary that is behind, and the rule for the group `shop`."""
    view = watched.watched(groups, primary, UP, FOLLOWING)
    view.apply(view.revision, [Write(None, late)])
    return view


def test_a_secondary_that_is_behind_refuses_a_switch_of_the_groups_of_its_zone() -> None:
    view = with_behind([group()], UP, LATE)
    refused = refusal(view, Switch(("shop",), BACKUP))
    (failure,) = refused.rules
    assert (failure.rule, failure.group) == ("secondaries-behind", "shop")
    assert failure.message == (
        "group 'shop': its clients would get old answers from secondaries of failover.test "
        "(ns2 since 1970-01-01T00:16:40.000Z: it does not answer)"
    )
    carry_out(view, Switch(("shop",), BACKUP, override=("secondaries-behind",)))


def test_it_does_not_refuse_other_groups_nor_zones() -> None:
    elsewhere = replace(LATE, zone=samples.name("other.test"))
    carry_out(with_behind([group()], UP, elsewhere), Switch(("shop",)))
    others = [group("blog")]
    carry_out(with_behind(others, UP, LATE), Switch(("blog",)))


def test_a_secondary_that_is_behind_never_holds_back_an_automatic_switch() -> None:
    view = with_behind([group()], DOWN, LATE)
    assert automatically_failing(view) == []
