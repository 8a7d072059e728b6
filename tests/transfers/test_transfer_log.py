"""The log of zone transfers: one line for each, and few for failures."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from failoverdns.transfers.transfer_log import FAILURES_A_MINUTE, TransferLog


def test_a_zone_transfer_is_one_line() -> None:
    clock = Clock()
    clock.advance(12)
    with capturedLogs() as events:
        TransferLog(clock.seconds).served(
            *("ixfr", "failover.test", 17), host="192.0.2.1", key="xfr.test", size=400, began=11.5
        )
    assert [formatEvent(event) for event in events] == [
        "zone transfer of failover.test at serial 17 (IXFR) to 192.0.2.1 with key xfr.test: "
        "400 bytes in 0.500 s"
    ]


def test_failures_are_logged_a_few_times_a_minute_and_then_counted() -> None:
    clock = Clock()
    clock.advance(100)
    log = TransferLog(clock.seconds)
    with capturedLogs() as events:
        for _ in range(FAILURES_A_MINUTE + 40):
            log.not_verified(host="192.0.2.1", why="a wrong signature")
    assert len(events) == FAILURES_A_MINUTE
    clock.advance(60)
    with capturedLogs() as events:
        log.refused("a request for failover.test", host="192.0.2.1", key="k", why="not allowed")
    assert [formatEvent(event) for event in events] == [
        "40 more failed requests were not logged",
        "a request for failover.test from 192.0.2.1 with key k is refused: not allowed",
    ]
    assert (log.counts["not_verified"], log.counts["refused"]) == (FAILURES_A_MINUTE + 40, 1)
