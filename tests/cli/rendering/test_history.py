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
