"""A report counts for its time, and no longer."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from automation.test_observing import BEAT, WEB, World
from corridors import ZONE
from driving import run

from failoverdns.automation.reports import Reports
from failoverdns.model.application import HeadRole
from failoverdns.model.commands.applications import AddHead, SetApplication
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Cause, Check, CheckKind, Health
from failoverdns.model.policy import AutomationSettings

assert (BEAT.down_after, BEAT.ttl) == (2, 60.0)


@pytest.fixture
def world() -> World:
    made = World()
    made.do(SetApplication("eu", (WEB.name,)))
    return made


@pytest.fixture
def reports(world: World) -> Reports:
    return Reports(
        lambda: world.corridor.ledger.state,
        world.observing.learn,
        world.observing.settle,
        lambda: world.corridor.now,
        lambda: world.corridor.now,
    )


def test_a_report_counts_for_its_time_and_then_the_head_is_down(
    world: World, reports: Reports
) -> None:
    """An expired report counts as a failure, as often as `down_after` needs, at once."""
    world.do(SetApplication("eu", ("beat",)))
    run(reports.take(ReportHealth("eu", "lb", Health.UP, ttl=10.0)))
    assert world.health == [Health.UP]
    world.corridor.now += 9.9
    reports.expire()
    assert world.health == [Health.UP]
    world.corridor.now += 0.1
    reports.expire()
    assert world.health == [Health.DOWN]
    assert world.application.heads[0].observed.cause is Cause.EXPIRED
    reply = run(reports.take(ReportHealth("eu", None, Health.UP)))
    assert (reply["heads"], reply["checks"]) == (["lb"], ["beat"])
    assert reply["until"] == "1970-01-01T00:17:50.000Z"
    assert world.health == [Health.UP]


def test_a_report_for_one_check_counts_only_for_that_check(world: World, reports: Reports) -> None:
    """Of two checks that heads have to pass, the other one still has no report."""
    other = Check("backups", CheckKind.PUSH, up_after=1, down_after=1)
    world.do(Configure((ZONE,), AutomationSettings((WEB, BEAT, other))))
    world.do(SetApplication("eu", ("beat", "backups")))
    reply = run(reports.take(ReportHealth("eu", "lb", Health.UP, check="backups")))
    assert reply["checks"] == ["backups"]
    assert [(seen["check"], seen["result"]) for seen in world.seen()] == [
        ("beat", None),
        ("backups", "good"),
    ]
    assert world.health == [Health.UNKNOWN]
    run(reports.take(ReportHealth("eu", "lb", Health.UP, check="beat")))
    assert world.health == [Health.UP]


def test_reports_are_remembered_when_the_application_changes(
    world: World, reports: Reports
) -> None:
    """Bad reports before and after a head was added are bad reports in a row."""
    world.do(SetApplication("eu", ("beat",)))
    run(reports.take(ReportHealth("eu", "lb", Health.UP)))
    run(reports.take(ReportHealth("eu", "lb", Health.DOWN)))
    before = world.seen()
    assert (before[0]["result"], before[0]["in_a_row"]) == ("bad", 1)
    where = (ip_address("192.0.2.9"),)
    world.do(AddHead("eu", "web1", HeadRole.WEB_SERVER, where))
    assert world.seen()[: len(before)] == before
    assert world.health == [Health.UP, Health.UNKNOWN]
    run(reports.take(ReportHealth("eu", "lb", Health.DOWN)))
    assert world.health == [Health.DOWN, Health.UNKNOWN]


@pytest.mark.parametrize(
    ("report", "code", "text"),
    [
        (ReportHealth("ue", None, Health.UP), "not-found", "there is 'eu'"),
        (ReportHealth("eu", "ln", Health.UP), "not-found", "there is 'lb'"),
        (ReportHealth("eu", "lb", Health.UP), "invalid", "has no check of the type push"),
        (ReportHealth("eu", "lb", Health.UP, "web"), "invalid", "has no check 'web' of the type"),
    ],
)
def test_a_report_for_an_unknown_application_head_or_check_is_refused(
    reports: Reports, report: ReportHealth, code: str, text: str
) -> None:
    with pytest.raises(Rejected) as refusal:
        run(reports.take(report))
    assert refusal.value.code == code
    assert text in refusal.value.message
