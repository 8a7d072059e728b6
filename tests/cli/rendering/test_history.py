"""Changes as printed for people."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.cli import rendering


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
def test_history_shows_a_command_as_it_is_typed(command: dict[str, Any], words: str) -> None:
    """So a user can repeat it."""
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
def test_a_change_is_shown_with_old_and_new_values(part: dict[str, Any], text: str) -> None:
    """These follow the author of the change."""
    change = {"kind": "group", "name": "shop", **part}
    assert rendering.event({"changed": [change], "command": {}, "who": {}}).endswith(text)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (
            {"done": "created", "fields": {"A 192.0.2.1": [None, 60], 'TXT "a"': [None, 5]}},
            'records www: added A 192.0.2.1, TTL 60, added TXT "a", TTL 5',
        ),
        (
            {"done": "removed", "fields": {"A 192.0.2.1": [60, None]}},
            "records www: removed A 192.0.2.1",
        ),
        (
            {"done": "changed", "fields": {"A 192.0.2.1": [60, 30]}},
            "records www: TTL 60 -> 30 of A 192.0.2.1",
        ),
    ],
)
def test_a_change_of_records_shows_them(part: dict[str, Any], text: str) -> None:
    change = {"kind": "records", "name": "www", **part}
    assert rendering.event({"changed": [change], "command": {}, "who": {}}).endswith(text)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (
            {"done": "created", "fields": {"zone": [None, "a.test"], "problem": [None, "why"]}},
            "secondary ns2 is behind in a.test: why",
        ),
        (
            {"done": "removed", "fields": {"zone": ["a.test", None], "problem": ["why", None]}},
            "secondary ns2 is in step in a.test",
        ),
    ],
    ids=["behind", "in step"],
)
def test_a_secondary_that_falls_behind_is_not_one_that_was_created(
    part: dict[str, Any], text: str
) -> None:
    change = {"kind": "secondary", "name": "ns2", **part}
    assert rendering.event({"changed": [change], "command": {}, "who": {}}).endswith(f": {text}")


def test_a_change_names_its_principal() -> None:
    """One of version 0.1.0 is shown as that version showed it, byte for byte."""
    who = {"uid": 1000, "pid": 7, "command": "failoverdns"}
    event = {"time": "T", "revision": 7, "command": {"command": "x"}, "changed": []}
    line = rendering.event({**event, "who": who})
    assert line == "T r7 x [failoverdns uid 1000 pid 7]: nothing changed"
    line = rendering.event({**event, "who": {**who, "principal": "unix:alice(1000)"}})
    assert line == "T r7 x [unix:alice(1000) failoverdns pid 7]: nothing changed"


def test_a_change_that_was_recorded_later_has_both_times() -> None:
    """An event about a step that is not recorded yet has no revision."""
    command = {"command": "automatic", "to": "backup", "happened": "H"}
    line = rendering.event({"time": "T", "revision": 7, "command": command, "who": {}})
    assert line.startswith("T (happened H) r7 automatic --to backup [")
    step = {"time": "T", "revision": None, "unrecorded": True, "command": {"command": "health"}}
    assert rendering.event({**step, "who": {}}).startswith("T unrecorded health [")


def test_events_about_the_store_say_what_is_wrong_and_when_it_is_right_again() -> None:
    full = {"event": "store", "writable": False, "fault": "full", "since": "T", "recorded": 0}
    assert rendering.event(full) == "T the state cannot be written: full"
    again = {"event": "store", "writable": True, "fault": None, "since": "T", "recorded": 3}
    assert rendering.event(again) == "T the state can be written again: 3 step(s) recorded"
