"""Waiting for a certificate ends when it is issued, when it fails, or when time is up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from console import Console

from failoverdns.cli.waiting import NotIssued, until_drained, until_issued

REQUESTED = {"application": "eu", "fingerprint": "old", "order": {"id": "ord-1", "failures": 0}}
ISSUED = {"application": "eu", "kind": "acme", "fingerprint": "new"}


def ordered(state: str, **fields: Any) -> dict[str, Any]:
    """What `certificate show` tells while an order is under way."""
    return {"fingerprint": "old", "order": {"id": "ord-1", "failures": 0, "state": state, **fields}}


def watched(*reports: dict[str, Any], requested: dict[str, Any] = REQUESTED) -> list[str]:
    """Wait over these reports; return the states, and the fingerprint at last."""
    left = list(reports)
    show: Callable[[], dict[str, Any]] = lambda: left.pop(0)  # noqa: E731
    steps = until_issued(requested, show, lambda: bool(left))
    return [s["order"]["state"] if "order" in s else s["fingerprint"] for s in steps]


def test_each_step_is_told_once_and_then_the_certificate() -> None:
    steps = [ordered("new"), ordered("new"), ordered("being validated"), ISSUED]
    assert watched(*steps) == ["new", "being validated", "new"]


def test_a_failure_is_told_with_its_reason_and_the_next_try() -> None:
    failed = ordered("failed", failures=1, problem="the CA says: no", retry_at="2026-11-24")
    with pytest.raises(NotIssued, match="the CA says: no\nthe next try is at 2026-11-24"):
        watched(ordered("new"), failed)


def test_a_failure_from_before_is_not_taken_for_a_new_one() -> None:
    again = {"order": {"id": "ord-1", "failures": 1}}
    before = ordered("new", failures=1, problem="earlier", retry_at="2026-11-24")
    assert watched(before, ISSUED, requested=again) == ["new", "new"]


@pytest.mark.parametrize(
    "left", [{"fingerprint": "old", "kind": "acme"}, {"kind": "custom", "fingerprint": "new"}, {}]
)
def test_an_order_that_was_dropped_or_moved_is_no_success(left: dict[str, Any]) -> None:
    with pytest.raises(NotIssued, match="dropped, or a switch moved it"):
        watched(ordered("placed"), left)


def test_when_time_is_up_the_server_goes_on() -> None:
    with pytest.raises(NotIssued, match="the server keeps trying"):
        watched(ordered("placed"))


def test_there_is_nothing_to_wait_for_where_nothing_was_ordered() -> None:
    """The certificate that is there is not due: it is told at once."""
    requested = {"application": "eu", "kind": "acme", "fingerprint": "old"}
    assert watched(requested=requested) == ["old"]


def drained(console: Console, *commands: str) -> tuple[list[str], float]:
    """Wait after commands, the last of which switches; return the lines, and for how long."""
    begin = console.corridor.now
    for command in commands:
        reply = console.reply(command)

    def sleep(seconds: float) -> None:
        console.corridor.now += seconds

    lines = list(until_drained(reply["result"], lambda: console.corridor.now, sleep))
    return lines, console.corridor.now - begin


def test_clients_have_left_one_ttl_after_a_switch(console: Console) -> None:
    """How long it takes still is told every ten seconds."""
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


def test_the_last_of_several_groups_is_waited_for(console: Console) -> None:
    add = "group add slow --label slow --primary eu --backup us --ttl 300"
    lines, waited = drained(console, add, "switch slow shop")
    assert waited == 300
    assert lines[0] == "clients may still be on the old side for 300 s ..."


@pytest.mark.parametrize("command", ["switch shop --dry-run", "switch shop --to backup"])
def test_where_nothing_was_switched_nothing_is_waited_for(console: Console, command: str) -> None:
    """Nor for clients that are still leaving after a switch before."""
    assert drained(console, "switch shop", command) == ([], 0.0)
