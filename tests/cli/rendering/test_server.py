"""The server as printed for people."""

from __future__ import annotations

from typing import Any

import pytest
from console import Console

from failoverdns.cli import rendering


def shown(capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any]) -> str:
    """Return the text printed for a result."""
    rendering.show(command, {"ok": True, "revision": 1, "result": result})
    return capsys.readouterr().out


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
def test_status_shows_problems_of_the_server_and_no_line_without_one(
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


def test_status_shows_hooks_and_their_problems(console: Console) -> None:
    console.hooks = [
        {"name": "haproxy", "state": "idle", "problem": None},
        {"name": "caddy", "state": "failing", "problem": "exit status 1"},
    ]
    shown = console.shown("status")
    assert shown.endswith("hook haproxy: idle\nhook caddy: failing\n  exit status 1\n")
