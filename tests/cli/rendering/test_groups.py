"""Groups as printed for people: switches, explanations, rehearsals, tables."""

from __future__ import annotations

from typing import Any

import pytest
from console import Console

from failoverdns.cli import rendering
from failoverdns.cli.rendering.groups import group_line
from failoverdns.model.commands.automation import Automate
from failoverdns.model.health import Cause, ProbeResult

SWITCHED = {
    "name": "shop",
    "hostname": "shop.failover.test",
    "from": "primary",
    "to": "backup",
    "changed": True,
    "targets": ["192.0.2.1", "192.0.2.2"],
    "drained_at": "2026-01-01T00:01:00.000Z",
    "overridden": [],
}


def shown(capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any]) -> str:
    """Return the text printed for a result."""
    rendering.show(command, {"ok": True, "revision": 1, "result": result})
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "dry_run", "text"),
    [
        (
            {},
            False,
            "shop: switched from primary to backup\n"
            "  shop.failover.test answers 192.0.2.1, 192.0.2.2\n"
            "  the last client that honours the TTL leaves the primary side at "
            "2026-01-01T00:01:00.000Z\n",
        ),
        ({}, True, "shop: would switch from primary to backup\n"),
        ({"changed": False}, False, "shop: backup is active already: 192.0.2.1, 192.0.2.2\n"),
        ({"targets": [], "overridden": ["target-empty"]}, False, "answers nothing (NODATA)\n"),
        ({"overridden": ["target-empty"]}, False, "  overridden: target-empty\n"),
    ],
)
def test_a_switch_is_printed_as_sentences(
    capsys: pytest.CaptureFixture[str], change: dict[str, Any], dry_run: bool, text: str
) -> None:
    """They state the switch, the new answer, and the time until which the old side is needed."""
    result = {"groups": [SWITCHED | change]} | ({"dry_run": True} if dry_run else {})
    assert text in shown(capsys, "switch", result)


def test_the_warnings_of_a_switch_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"groups": [SWITCHED], "warnings": ["the apex of shop.example has no address"]}
    assert "  warning: the apex of shop.example has no address" in shown(capsys, "switch", result)


def test_a_flattened_hostname_is_shown_with_the_time_of_its_last_answer_and_its_problem(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """So an operator sees that an answer is old, and why."""
    answer = {
        "hostname": "lb.cloud.example",
        "since": "2026-01-01T00:00:00.000Z",
        "checked_at": "2026-01-01T00:01:00.000Z",
        "problem": "A: SERVFAIL",
    }
    side = {"application": "eu", "targets": ["192.0.2.1"], "resolved": answer}
    group = {"name": "shop", "hostname": "h", "ttl": 60, "active": "primary", "primary": side}
    table = shown(capsys, "group list", {"groups": [group | {"answers": ["192.0.2.1"]}]})
    for text in ("= lb.cloud.example", "as of 2026-01-01T00:01:00.000Z", "A: SERVFAIL"):
        assert text in table


REFUSED = ProbeResult(Cause.REFUSED, "port 80: refused", 0.0)
AT = "2027-01-15T08:00:00.000Z"
TOMORROW = "2027-01-16T00:00:00.000Z"
PLAN = f"switch shop --at {TOMORROW} --pre-ttl 5 --reason rack"


def test_an_explanation_is_printed_as_sentences_and_the_last_result_of_each_probe(
    checked: Console,
) -> None:
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
        "shop: a switch to the primary would go well; nothing was changed\n  it is active already\n"
    )


def test_a_refused_rehearsal_shows_the_rules_and_the_effects_of_overriding_them(
    console: Console,
) -> None:
    console.do("head remove us lb --override target-empty")
    lines = console.shown("rehearse shop").splitlines()
    assert lines[0] == "shop: a switch to the backup would be refused; nothing was changed"
    assert lines[1].startswith("  target-empty: the backup of group 'shop' resolves to nothing")
    assert lines[2] == "  with these rules overridden:"
    assert lines[3].startswith("  answers: 192.0.2.1 -> NODATA, ")


def test_groups_are_shown_with_their_automation(checked: Console) -> None:
    """Policy, maintenance, rules that hold a switch back, and a plan have a line each."""
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


def test_a_group_without_a_target_answers_nothing() -> None:
    """Whether it answered before or not."""
    shop = {"name": "shop", "hostname": "shop.test", "answers": [], "active": "backup"}
    assert group_line(shop) == "shop: shop.test answers nothing (NODATA) (backup active)"
