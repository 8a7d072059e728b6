"""Waiting for a certificate ends when it is issued, on a failure, or on a timeout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from console import Console

from failoverdns.cli.waiting import NotIssued, progress, until_drained, until_issued

REQUESTED = {"application": "eu", "fingerprint": "old", "order": {"id": "ord-1", "failures": 0}}
ISSUED = {"application": "eu", "kind": "acme", "fingerprint": "new"}


def ordered(state: str, **fields: Any) -> dict[str, Any]:
    """Return the result of `certificate show` during an order."""
    return {"fingerprint": "old", "order": {"id": "ord-1", "failures": 0, "state": state, **fields}}


def watched(*reports: dict[str, Any], requested: dict[str, Any] = REQUESTED) -> list[str]:
    """Wait over these reports; return the states, and finally the fingerprint."""
    left = list(reports)
    show: Callable[[], dict[str, Any]] = lambda: left.pop(0)  # noqa: E731
    steps = until_issued(requested, show, lambda: bool(left))
    return [s["order"]["state"] if "order" in s else s["fingerprint"] for s in steps]


def test_each_step_of_the_order_is_reported_once_and_then_the_certificate() -> None:
    """In words for people, and not the states that an order is stored with."""
    states = ("new", "new", "placed", "being validated", "placed")
    assert watched(*map(ordered, states), ISSUED) == ["new", "being validated", "new"]
    assert progress(ordered("placed")) == "being ordered at the CA"
    assert progress(ordered("being validated")) == "being validated by the CA"


def test_it_says_until_when_an_order_waits_after_a_failure() -> None:
    """A new order waits for the limits of the CA too, for up to 15 minutes."""
    waits = ordered("failed", failures=2, problem="the CA says: no", retry_at="2026-11-24")
    again = {"order": {"id": "ord-1", "failures": 2}, "fingerprint": "old"}
    reports = waits, waits, ordered("placed", failures=2), ISSUED
    assert watched(*reports, requested=again) == ["failed", "placed", "new"]
    assert progress(waits) == "waiting until 2026-11-24, because the attempt before failed"


def test_a_failure_is_reported_with_its_reason_and_the_time_of_the_next_try() -> None:
    failed = ordered("failed", failures=1, problem="the CA says: no", retry_at="2026-11-24")
    with pytest.raises(NotIssued, match="the CA says: no\nthe next try is at 2026-11-24"):
        watched(ordered("new"), failed)


def test_an_earlier_failure_of_the_order_is_not_reported() -> None:
    again = {"order": {"id": "ord-1", "failures": 1}}
    before = ordered("new", failures=1, problem="earlier", retry_at="2026-11-24")
    assert watched(before, ISSUED, requested=again) == ["new", "new"]


@pytest.mark.parametrize(
    "left", [{"fingerprint": "old", "kind": "acme"}, {"kind": "custom", "fingerprint": "new"}, {}]
)
def test_an_order_that_was_dropped_or_moved_is_a_failure(left: dict[str, Any]) -> None:
    with pytest.raises(NotIssued, match="dropped, or a switch moved it"):
        watched(ordered("placed"), left)


def test_after_the_timeout_the_message_says_that_the_server_keeps_trying() -> None:
    with pytest.raises(NotIssued, match="the server keeps trying"):
        watched(ordered("placed"))


def test_without_an_order_the_present_certificate_is_reported_at_once() -> None:
    """There is no order if the certificate is not due for renewal."""
    requested = {"application": "eu", "kind": "acme", "fingerprint": "old"}
    assert watched(requested=requested) == ["old"]


def drained(console: Console, *commands: str) -> tuple[list[str], float]:
    """Carry out commands and wait after the last; return the lines and the seconds waited."""
    begin = console.corridor.now
    for command in commands:
        reply = console.reply(command)

    def sleep(seconds: float) -> None:
        console.corridor.now += seconds

    lines = list(until_drained(reply["result"], lambda: console.corridor.now, sleep))
    return lines, console.corridor.now - begin


def test_clients_have_left_one_ttl_after_a_switch(console: Console) -> None:
    """The time left is reported every ten seconds."""
    console.do("group set shop --ttl 25")
    console.corridor.now += 60  # the TTL before
    lines, waited = drained(console, "switch shop")
    assert waited == 25
    assert lines == [
        "clients may still be on the old side for 25 s ...",
        "clients may still be on the old side for 15 s ...",
        "clients may still be on the old side for 5 s ...",
        "drained: every client that honours the TTL is on the new side",
    ]


def test_a_switch_of_several_groups_waits_for_the_longest_ttl(console: Console) -> None:
    add = "group add slow --label slow --primary eu --backup us --ttl 300"
    lines, waited = drained(console, add, "switch slow shop")
    assert waited == 300
    assert lines[0] == "clients may still be on the old side for 300 s ..."


@pytest.mark.parametrize("command", ["switch shop --dry-run", "switch shop --to backup"])
def test_without_a_switch_there_is_no_wait(console: Console, command: str) -> None:
    """Clients that still leave after an earlier switch are not waited for either."""
    assert drained(console, "switch shop", command) == ([], 0.0)
