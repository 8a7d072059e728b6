"""Plans, flags and maintenance as printed for people."""

from __future__ import annotations

from console import Console

from failoverdns.model.commands.automation import AdvancePlan

AT = "2027-01-15T08:00:00.000Z"
TOMORROW = "2027-01-16T00:00:00.000Z"
PLAN = f"switch shop --at {TOMORROW} --pre-ttl 5 --reason rack"


def test_flags_are_shown_with_the_gates_that_they_open(console: Console) -> None:
    """A gate that depends on a group in place of a flag is not listed."""
    assert console.table("flag list") == [
        ["automation", "on", "-", "all"],
        ["office-hours", "off", "-", "office,", "late"],
    ]
    console.do("flag on office-hours --reason monday")
    assert console.table("flag list")[1] == [
        *("office-hours", "on", AT, "monday", "office,", "late"),
    ]


def test_a_flag_is_confirmed_with_the_state_of_its_gates(console: Console) -> None:
    assert console.shown("flag on office-hours --reason monday") == (
        "office-hours is on (monday)\n  gate office is open\n  gate late is open\n"
    )
    assert console.shown("flag off office-hours") == (
        "office-hours is off\n  gate office is closed\n  gate late is closed\n"
    )


def test_freezing_automation_is_confirmed_with_its_effect(console: Console) -> None:
    assert console.shown("automation freeze --reason 'network works'") == (
        "automation is frozen (network works): nothing switches by itself\n"
    )
    assert console.shown("automation thaw") == (
        "automation is on: groups act as their policies say\n"
    )
    assert console.table("flag list")[0] == ["automation", "on", AT, "all"]


def test_plans_are_shown_with_the_time_when_the_ttl_was_lowered(console: Console) -> None:
    console.do(PLAN)
    assert console.table("plan list") == [["shop", "backup", TOMORROW, "5", "-", "rack"]]
    console.corridor.now += 16 * 3600 - 60
    console.corridor.do(AdvancePlan(console.corridor.ledger.state.group_named("shop").id))  # type: ignore[union-attr]
    lowered = "2027-01-15T23:59:00.000Z"
    assert console.table("plan list") == [["shop", "backup", TOMORROW, "5", lowered, "rack"]]


def test_without_plans_the_list_names_the_command_that_makes_one(console: Console) -> None:
    assert console.shown("plan list") == (
        "nothing is planned: `failoverdns switch GROUP --at TIME`\n"
    )


def test_a_plan_and_its_cancellation_are_confirmed(console: Console) -> None:
    assert console.shown(PLAN) == (
        f"shop: a switch to the backup is planned for {TOMORROW}\n"
        "  the TTL is 5 s from 2027-01-15T23:59:00.000Z until then\n"
    )
    assert console.shown("plan cancel shop") == "shop: the planned switch is cancelled\n"


def test_a_plan_for_a_group_with_a_low_ttl_does_not_lower_it(console: Console) -> None:
    console.do("group set shop --ttl 5")
    assert "the TTL is" not in console.shown(PLAN)


def test_a_plan_that_would_be_refused_now_is_confirmed_with_a_warning(
    console: Console,
) -> None:
    console.do("head remove us lb --override target-empty")
    assert "\n  warning: target-empty would refuse it now: " in console.shown(PLAN)


def test_maintenance_is_confirmed(console: Console) -> None:
    does = "automation leaves it alone"
    assert console.shown("maintenance shop on") == f"shop: in maintenance: {does}\n"
    assert console.shown("maintenance shop on --reason 'disk swap'") == (
        f"shop: in maintenance (disk swap): {does}\n"
    )
    assert console.shown("maintenance shop off") == "shop: not in maintenance\n"
