"""What people read about health and automation, of replies as the server makes them."""

from __future__ import annotations

import pytest
from console import Console

from failoverdns.model.commands.automation import AdvancePlan, Automate
from failoverdns.model.health import Cause, ProbeResult

REFUSED = ProbeResult(Cause.REFUSED, "port 80: refused", 0.0)
CONNECTED = ProbeResult(None, "connected", 0.0125)
AT = "2027-01-15T08:00:00.000Z"
TOMORROW = "2027-01-16T00:00:00.000Z"
PLAN = f"switch shop --at {TOMORROW} --pre-ttl 5 --reason rack"


@pytest.fixture
def checked(console: Console) -> Console:
    """`eu` is checked in two ways and refuses connections; `us` is checked and up."""
    console.do("application set eu --check web --check beat", "application set us --check web")
    console.see("eu", "web", REFUSED)
    console.see("us", "web", CONNECTED)
    return console


def test_an_explanation_is_its_sentences_and_then_what_each_probe_saw(checked: Console) -> None:
    lines = checked.shown("explain shop").splitlines()
    assert lines[0] == (
        "shop.failover.test answers 192.0.2.1: the primary side is active, and application eu is "
        "on it."
    )
    assert lines[-3:] == [
        "  primary: lb 192.0.2.1, web (tcp): bad, 3 in a row (refused, port 80: refused) at " + AT,
        "  primary: lb, beat (push): nothing yet",
        "  backup: lb 198.51.100.1, web (tcp): good, 3 in a row (connected, 12.5 ms) at " + AT,
    ]


def test_a_rehearsal_shows_answers_events_and_records(console: Console) -> None:
    assert console.shown("rehearse shop") == (
        "shop: a switch to the backup would go well; nothing was changed\n"
        "  answers: 192.0.2.1 -> 198.51.100.1, everywhere at 2027-01-15T08:01:00.000Z\n"
        "  event: switch shop\n"
        "  event: role eu\n"
        "  event: role us\n"
        '  record: _status.eu.failover.test. 60 IN TXT "offline"\n'
        '  record: _status.us.failover.test. 60 IN TXT "online"\n'
        "  record: shop.failover.test. 60 IN A 198.51.100.1\n"
    )


def test_a_rehearsal_to_the_active_side_shows_that_nothing_would_change(console: Console) -> None:
    assert console.shown("rehearse shop --to primary") == (
        "shop: a switch to the primary would go well; nothing was changed\n  it is there already\n"
    )


def test_a_rehearsal_that_is_refused_shows_the_rules_and_what_overriding_them_would_do(
    console: Console,
) -> None:
    console.do("head remove us lb")
    lines = console.shown("rehearse shop").splitlines()
    assert lines[0] == "shop: a switch to the backup would be refused; nothing was changed"
    assert lines[1].startswith("  target-empty: the backup of group 'shop' resolves to nothing")
    assert lines[2] == "  with these rules overridden:"
    assert lines[3].startswith("  answers: 192.0.2.1 -> NODATA, ")


def test_health_shows_applications_and_below_them_heads_with_their_probes(
    checked: Console,
) -> None:
    web = f"web: bad, 3 in a row (refused, port 80: refused) at {AT}"
    assert checked.table("health show") == [
        ["eu", "down", AT, "down", "checks:", "web,", "beat"],
        ["lb", "down", AT, "down", "(refused)", *web.split()[:-1]],
        [AT],
        ["beat:", "nothing", "yet"],
        ["us", "up", AT, "up", "checks:", "web"],
        ["lb", "up", AT, "up", *f"web: good, 3 in a row (connected, 12.5 ms) at {AT}".split()],
    ]


def test_health_shows_the_cause_of_a_failure_and_what_is_forced_with_its_reason(
    console: Console,
) -> None:
    console.do(
        "application set eu --check web",
        "health force eu/lb up --reason 'I looked'",
        "health force us down",
    )
    console.see("eu", "web", REFUSED)
    eu, lb, _, us, _ = console.table("health show")
    assert eu[:4] == ["eu", "up", AT, "down"]
    assert lb[:8] == ["lb", "up", AT, "down", "(refused)", "up", "(I", "looked)"]
    assert us == ["us", "down", AT, "unknown", "down", "checks:", "none"]


def test_nothing_that_is_checked_is_shown_with_what_to_do(console: Console) -> None:
    assert console.shown("health show") == (
        "nothing is checked: `failoverdns application set APP --check CHECK`\n"
    )


def test_what_is_forced_is_confirmed_and_so_is_the_end_of_it(console: Console) -> None:
    assert console.shown("health force eu/lb up") == "forced up: eu/lb\n"
    assert console.shown("health force * down") == "forced down: eu, us\n"
    assert console.shown("health force us none") == "no longer forced: us\n"


def test_a_report_is_confirmed_with_the_time_until_which_it_counts(checked: Console) -> None:
    shown = checked.shown("health report eu down --ttl 60")
    assert shown == "eu/lb: reported down, which counts until 2027-01-15T08:01:00.000Z\n"


def test_flags_are_shown_with_the_gates_that_they_open(console: Console) -> None:
    """Also where a gate has a group in place of a flag: that one is no flag's."""
    assert console.table("flag list") == [
        ["automation", "on", "-", "all"],
        ["office-hours", "off", "-", "office,", "late"],
    ]
    console.do("flag on office-hours --reason monday")
    assert console.table("flag list")[1] == [
        *("office-hours", "on", AT, "monday", "office,", "late"),
    ]


def test_a_flag_is_confirmed_with_what_becomes_of_its_gates(console: Console) -> None:
    assert console.shown("flag on office-hours --reason monday") == (
        "office-hours is on (monday)\n  gate office is open\n  gate late is open\n"
    )
    assert console.shown("flag off office-hours") == (
        "office-hours is off\n  gate office is closed\n  gate late is closed\n"
    )


def test_freezing_is_confirmed_with_what_it_does(console: Console) -> None:
    assert console.shown("automation freeze --reason 'network works'") == (
        "automation is frozen (network works): nothing acts by itself\n"
    )
    assert console.shown("automation thaw") == (
        "automation is on: groups act as their policies say\n"
    )
    assert console.table("flag list")[0] == ["automation", "on", AT, "all"]


def test_plans_are_shown_with_the_time_at_which_the_ttl_was_lowered(console: Console) -> None:
    console.do(PLAN)
    assert console.table("plan list") == [["shop", "backup", TOMORROW, "5", "-", "rack"]]
    console.corridor.now += 16 * 3600 - 60
    console.corridor.do(AdvancePlan(console.corridor.ledger.state.group_named("shop").id))  # type: ignore[union-attr]
    lowered = "2027-01-15T23:59:00.000Z"
    assert console.table("plan list") == [["shop", "backup", TOMORROW, "5", lowered, "rack"]]


def test_no_plans_are_shown_with_what_to_do(console: Console) -> None:
    assert console.shown("plan list") == (
        "nothing is planned: `failoverdns switch GROUP --at TIME`\n"
    )


def test_a_plan_is_confirmed_with_the_lowered_ttl_and_cancelled(console: Console) -> None:
    assert console.shown(PLAN) == (
        f"shop: a switch to the backup is planned for {TOMORROW}\n"
        "  the TTL is 5 s from 2027-01-15T23:59:00.000Z until then\n"
    )
    assert console.shown("plan cancel shop") == "shop: the planned switch is cancelled\n"


def test_a_plan_whose_ttl_is_low_already_lowers_nothing(console: Console) -> None:
    console.do("group set shop --ttl 5")
    assert "the TTL is" not in console.shown(PLAN)


def test_a_plan_that_would_be_refused_as_things_are_is_confirmed_with_a_warning(
    console: Console,
) -> None:
    console.do("head remove us lb")
    assert "\n  warning: target-empty would refuse it as things are: " in console.shown(PLAN)


def test_maintenance_is_confirmed(console: Console) -> None:
    does = "automation keeps its hands off"
    assert console.shown("maintenance shop on") == f"shop: in maintenance: {does}\n"
    assert console.shown("maintenance shop on --reason 'disk swap'") == (
        f"shop: in maintenance (disk swap): {does}\n"
    )
    assert console.shown("maintenance shop off") == "shop: not in maintenance\n"


def test_groups_are_shown_with_what_they_do_by_themselves(checked: Console) -> None:
    """A policy, maintenance, the rules that hold a switch back, and a plan: a line each."""
    assert checked.table("group list")[0][-1] == "-"
    checked.do("group set shop --policy auto", "maintenance shop on")
    assert [row[-1] for row in checked.table("group list")] == ["auto", "maintenance"]
    checked.do("maintenance shop off", "application set eu --check web")
    checked.see("eu", "web", REFUSED)
    checked.corridor.now += 31
    checked.corridor.do(Automate(checked.corridor.ledger.state.group_named("shop").id))  # type: ignore[union-attr]
    assert "held: office, late" in checked.shown("group list")
    checked.do(PLAN)
    assert f"backup at {TOMORROW}" in checked.shown("group list")


def test_applications_are_shown_with_what_counts_and_what_is_forced(checked: Console) -> None:
    assert [row[2] for row in checked.table("application list")] == ["down", "up"]
    checked.do("health force us down", "application set eu --no-checks")
    assert [row[2:4] for row in checked.table("application list")] == [
        ["-", "*"],
        ["down", "(forced)"],
    ]
