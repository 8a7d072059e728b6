"""What is reported counts for its time, and no longer."""

from __future__ import annotations

import pytest
from automation.test_observing import BEAT, WEB, World
from driving import run

from failoverdns.automation.reports import Reports
from failoverdns.model.commands.applications import SetApplication
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Cause, Health

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
    """Silence is a failure, after `down_after` of which nobody waits."""
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


@pytest.mark.parametrize(
    ("report", "code", "text"),
    [
        (ReportHealth("ue", None, Health.UP), "not-found", "there is 'eu'"),
        (ReportHealth("eu", "ln", Health.UP), "not-found", "there is 'lb'"),
        (ReportHealth("eu", "lb", Health.UP), "invalid", "has no check of the type push"),
        (ReportHealth("eu", "lb", Health.UP, "web"), "invalid", "has no check 'web' of the type"),
    ],
)
def test_a_report_of_what_is_not_there_is_refused(
    reports: Reports, report: ReportHealth, code: str, text: str
) -> None:
    with pytest.raises(Rejected) as refusal:
        run(reports.take(report))
    assert refusal.value.code == code
    assert text in refusal.value.message
