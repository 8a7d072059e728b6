"""Lanes are replaced when they end, and so is a process that misuses them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_processes import Site, given

from failoverdns.web.calls import LANES
from failoverdns.web.process import LANE_ENDS


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop()


def test_a_lane_that_ends_is_replaced(site: Site) -> None:
    site.start()
    site.process.calls.clear()
    site.commands.open_lanes[2]("")
    site.machine.pass_time(0.125)
    (sent,) = given(site.process, "lanes")
    assert sent["lanes"] == [[2, LANES[2].value]]


def test_a_process_that_breaks_the_protocol_of_lanes_is_replaced(site: Site) -> None:
    site.start()
    first = site.process
    site.commands.open_lanes[2]("a line that is too long")
    site.machine.settle()
    assert first.has_ended
    assert site.machine.wait_for_start() == 0.5


def test_a_process_that_closes_lane_after_lane_is_replaced(site: Site) -> None:
    """Each new lane costs the control process work, and a line in the log."""
    site.start()
    first = site.process
    for _ in range(int(LANE_ENDS * 20) + 1):
        assert not first.has_ended
        site.commands.open_lanes[-1]("")
        site.machine.settle()
    assert first.has_ended
