"""The control process keeps a web process: it is replaced when it ends, and reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web_processes import PLAIN, Site, ask


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop()


def test_a_process_that_ends_is_replaced_after_a_pause_that_grows(site: Site) -> None:
    """One that ends as soon as it serves does not take the time of the others."""
    site.start()
    pauses = []
    for _ in range(8):
        site.process.end()
        assert site.commands.open_lanes == []
        pauses.append(site.machine.wait_for_start())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_process_that_never_serves_is_started_less_and_less_often(site: Site) -> None:
    """It does not matter that the one before it served for a day."""
    site.start()
    site.machine.pass_time(60)
    site.machine.refusal = "another version"
    site.process.end()
    assert [site.machine.wait_for_start() for _ in range(4)] == [0.5, 1, 2, 4]


def test_a_program_that_cannot_be_started_is_tried_again(site: Site) -> None:
    site.machine.fault = OSError("no memory")
    site.start()
    assert [site.machine.wait_for_start() for _ in range(3)] == [0.5, 1, 2]
    site.machine.fault = None
    site.machine.wait_for_start()
    assert ask(site, site.web.report())["serving"]


def test_after_a_minute_of_service_the_pause_is_short_again(site: Site) -> None:
    site.start()
    for _ in range(3):
        site.process.end()
        site.machine.wait_for_start()
    site.machine.pass_time(60)
    site.process.end()
    assert site.machine.wait_for_start() == 0.5


def test_without_http_no_process_is_started_and_one_that_runs_is_ended(site: Site) -> None:
    site.start(None)
    assert site.machine.started == []
    site.reload(PLAIN)
    assert len(site.machine.started) == 1
    site.process.calls.clear()
    site.reload(None)
    assert site.process.names() == ["retire"]
    assert site.process.has_ended
    site.machine.pass_time(60)
    assert len(site.machine.started) == 1


def test_counts_of_processes_that_have_ended_stay_in_the_sum(site: Site) -> None:
    """Counters of Prometheus never go back."""
    site.start()
    for _ in range(2):
        assert ask(site, site.web.statistics())["requests"] == {"2xx": 3}
        site.process.end()
        site.machine.wait_for_start()
    counted = ask(site, site.web.statistics())["counted"]
    assert counted == {"requests.2xx": 9, "refused_tokens": 3}


def test_a_report_that_cannot_be_believed_costs_the_process_its_life(site: Site) -> None:
    """Its status is shown without it."""
    site.start()
    site.process.report = {"requests": "many"}
    assert "requests" not in ask(site, site.web.report())
    assert site.process.has_ended


def test_a_process_that_does_not_answer_is_killed(site: Site) -> None:
    site.start()
    site.process.silent = True
    first = site.process
    site.machine.pass_time(26)
    assert first.has_ended
