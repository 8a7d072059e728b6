"""What people read: replies as sentences and tables."""

from __future__ import annotations

from typing import Any

import pytest
from console import Console

from failoverdns.cli import rendering
from failoverdns.control.language.commands import ROWS

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
    """Return what is printed for a result."""
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
def test_a_switch_is_told_in_sentences(
    capsys: pytest.CaptureFixture[str], change: dict[str, Any], dry_run: bool, text: str
) -> None:
    """What happened, what is answered now, and until when the old side is needed."""
    result = {"groups": [SWITCHED | change]} | ({"dry_run": True} if dry_run else {})
    assert text in shown(capsys, "switch", result)


def test_a_refusal_lists_every_rule() -> None:
    """A line each."""
    error = {
        "code": "refused",
        "message": "nothing was switched",
        "rules": [{"rule": "a", "message": "do x"}, {"rule": "b", "message": "do y"}],
    }
    told = rendering.refusal({"ok": False, "error": error})
    assert told == "refused: nothing was switched\n  a: do x\n  b: do y"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ({"command": "switch", "to": "backup", "groups": ["a", "b"]}, "switch a b --to backup"),
        ({"command": "switch", "groups": ["a"], "dry_run": True}, "switch a --dry-run"),
        (
            {"command": "head add", "application": "x", "name": "y", "address": ["1.1.1.1", "::1"]},
            "head add x y --address 1.1.1.1 --address ::1",
        ),
        ({"command": "group set", "name": "x", "primary": ""}, "group set x --primary ''"),
        ({"command": "start"}, "start"),
    ],
)
def test_history_shows_a_command_as_it_would_be_typed(command: dict[str, Any], words: str) -> None:
    """So that it can be typed again."""
    line = rendering.event({"time": "T", "revision": 7, "command": command, "who": {}})
    assert line.startswith(f"T r7 {words} [")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"done": "created"}, "group shop created"),
        ({"done": "changed", "fields": {"ttl": [60, 30]}}, "group shop: ttl 60 -> 30"),
        ({"done": "changed", "fields": {"backup": [None, "us"]}}, "group shop: backup - -> us"),
        ({"done": "changed", "fields": {"heads": [[], ["a", "b"]]}}, "heads [] -> [a, b]"),
    ],
)
def test_a_change_is_told_in_old_and_new_values(part: dict[str, Any], text: str) -> None:
    """After who did it."""
    change = {"kind": "group", "name": "shop", **part}
    assert rendering.event({"changed": [change], "command": {}, "who": {}}).endswith(text)


@pytest.mark.parametrize(
    ("command", "result", "text"),
    [
        ("group list", {"groups": []}, "no groups yet: `failoverdns group add NAME"),
        ("application list", {"applications": []}, "no applications yet: `failoverdns application"),
        ("history", {"history": []}, "no changes yet\n"),
        ("history", {"export": [{"a": 1}, {"a": "\u20ac"}]}, '{"a": 1}\n{"a": "\\u20ac"}\n'),
        (
            "history",
            {"verified": True, "changes": 7, "hash": "ab12"},
            "verified: 7 change(s), the last has hash ab12\n",
        ),
        ("application remove", {"removed": "eu"}, "removed eu\n"),
        (
            "group remove",
            {"removed": "shop", "retired": "shop.failover.test"},
            "removed shop; shop.failover.test is retired for ever\n",
        ),
        ("records", {"text": "a. 60 IN A 192.0.2.1\n"}, "a. 60 IN A 192.0.2.1\n"),
    ],
)
def test_nothing_and_little_are_told_in_words(
    capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any], text: str
) -> None:
    """With what to do next, where there is something."""
    assert text in shown(capsys, command, result)


def test_lists_are_tables_with_the_active_side_marked(capsys: pytest.CaptureFixture[str]) -> None:
    """Also a side without an application, and a group that answers nothing."""
    group = {
        "name": "shop",
        "hostname": "shop.failover.test",
        "ttl": 60,
        "active": "backup",
        "primary": {"application": "eu", "targets": ["192.0.2.1"]},
        "answers": [],
    }
    text = shown(capsys, "group list", {"groups": [group]})
    row = next(line for line in text.splitlines() if "shop.failover.test" in line)
    assert row.split() == ["shop", "shop.failover.test", "60", "eu", "*", "-", "NODATA"]
    assert "192.0.2.1" in text


def test_a_flattened_hostname_is_shown_with_the_time_of_its_answer_and_what_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """So that one sees that an answer is old, and why."""
    told = {
        "hostname": "lb.cloud.example",
        "since": "2026-01-01T00:00:00.000Z",
        "checked_at": "2026-01-01T00:01:00.000Z",
        "problem": "A: SERVFAIL",
    }
    side = {"application": "eu", "targets": ["192.0.2.1"], "resolved": told}
    group = {"name": "shop", "hostname": "h", "ttl": 60, "active": "primary", "primary": side}
    table = shown(capsys, "group list", {"groups": [group | {"answers": ["192.0.2.1"]}]})
    for text in ("= lb.cloud.example", "as of 2026-01-01T00:01:00.000Z", "A: SERVFAIL"):
        assert text in table


@pytest.mark.parametrize(
    ("server", "line"),
    [
        ({"behind": True}, "behind: the state may hold changes that are not served yet"),
        (
            {"automation": {"frozen": "network works"}},
            "automation is frozen (network works): nothing switches by itself",
        ),
        ({"automation": {"frozen": ""}}, "automation is frozen: nothing switches by itself"),
        (
            {"automation": {"frozen": None, "probes": {"late": 2.4, "waiting": 7}}},
            "probes are late by up to 2 s: 7 wait",
        ),
        (
            {"udp": {"lost": 3}},
            "udp: 3 packet(s) lost, queries came faster than they were read",
        ),
        (
            {"rate_limit": {"dropped": 4, "truncated": 5}},
            "rate limit: 4 replies dropped, 5 truncated",
        ),
    ],
)
def test_status_shows_what_is_wrong_with_the_server_and_nothing_if_all_is_well(
    console: Console, server: dict[str, Any], line: str
) -> None:
    well: dict[str, Any] = {
        "behind": False,
        "automation": {"frozen": None, "probes": {"late": 0.5, "waiting": 0}},
        "udp": {"lost": 0},
        "rate_limit": None,
    }
    console.server.update(well)
    before = console.shown("status")
    console.server.update(server)
    assert console.shown("status") == f"{before}{line}\n"


def test_status_shows_hooks_and_what_is_wrong_with_them(console: Console) -> None:
    console.hooks = [
        {"name": "haproxy", "state": "idle", "problem": None},
        {"name": "caddy", "state": "failing", "problem": "exit status 1"},
    ]
    shown = console.shown("status")
    assert shown.endswith("hook haproxy: idle\nhook caddy: failing\n  exit status 1\n")


def test_every_command_has_something_that_prints_its_result() -> None:
    assert rendering.WRITERS.keys() == ROWS.keys()
