"""The server as printed for people."""

from __future__ import annotations

from typing import Any

import pytest
from console import Console

from failoverdns.cli import rendering
from failoverdns.cli.rendering.store import store_lines
from failoverdns.model.roles import Grant, Rights, Role
from failoverdns.model.store_condition import LOW_ROOM


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
            {"automation": {"frozen": None, "probes": {"fast": 3}}},
            "3 probe target(s) are probed fast, until their health is settled",
        ),
        (
            {
                "automation": {
                    "frozen": None,
                    "probes": {
                        "lacking": [
                            {"what": f"this machine has no route to 2001:db8::{n}", "targets": 2}
                            for n in range(1, 8)
                        ]
                    },
                }
            },
            "\n".join(
                f"2 probe target(s) unknown: this machine has no route to 2001:db8::{n}"
                for n in range(1, 6)
            )
            + "\n4 more probe target(s) unknown: `failoverdns health show` has each",
        ),
        (
            {
                "automation": {
                    "frozen": None,
                    "probes": {
                        "unnamed": [
                            {"application": "eu", "check": "web", "advice": "set `server_name`"}
                        ]
                    },
                }
            },
            "check web of eu: set `server_name`",
        ),
        (
            {"http": {"serving": False, "tls": False, "certificate": False}},
            "http: no process serves it at the moment; its log lines say why",
        ),
        (
            {"http": {"serving": True, "tls": True, "certificate": False}},
            "http: HTTPS is refused until there is a certificate",
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


WELL: dict[str, Any] = {
    "writable": True,
    "fault": None,
    "since": None,
    "read_only": False,
    "reserve": "held",
    "free": LOW_ROOM,
    "unrecorded": 0,
}


@pytest.mark.parametrize(
    ("store", "lines"),
    [
        ({}, []),
        ({"fault": "full", "since": "T"}, ["store: the state cannot be written since T: full"]),
        ({"fault": "full"}, ["store: the state cannot be written: full"]),
        ({"read_only": True}, ["store: it is open for reading only"]),
        ({"reserve": "used"}, ["store: its reserve is used: make room on its disk"]),
        ({"free": 1 << 19}, ["store: 0.5 MiB are free on its disk"]),
        ({"free": None}, []),
        ({"unrecorded": 2}, ["store: 2 step(s) are not recorded yet"]),
    ],
)
def test_status_shows_problems_of_the_store_and_no_line_without_one(
    store: dict[str, Any], lines: list[str]
) -> None:
    assert list(store_lines({"store": {**WELL, **store}})) == lines


def test_status_names_what_is_not_recorded() -> None:
    unrecorded = {"since": "T", "why": "full"}
    found = store_lines(
        {
            "groups": [{"name": "shop", "unrecorded": unrecorded}, {"name": "b"}],
            "applications": [{"name": "eu", "unrecorded": unrecorded}],
        }
    )
    assert list(found) == [
        "group shop: unrecorded since T: full",
        "application eu: unrecorded since T: full",
    ]


def test_whoami_shows_the_role_and_its_limits(console: Console) -> None:
    """Of several roles the highest is shown first, and each that is limited on a line."""
    assert console.shown("whoami") == "unix:root(0): admin\n"
    shops = Grant(Role.OPERATOR, groups=("shop-*", "blog"), applications=("shop-*",))
    reports = Grant(Role.REPORTER, applications=("*",))
    console.rights = Rights((Grant(Role.VIEWER), shops, reports))
    assert console.shown("whoami").splitlines() == [
        "unix:root(0): operator",
        "  operator for groups shop-* blog, applications shop-*",
        "  reporter for applications *",
    ]
    assert console.reply("whoami")["result"] == {
        "principal": "unix:root(0)",
        "role": "operator",
        "grants": [
            {"role": "viewer", "groups": None, "applications": None},
            {"role": "operator", "groups": ["shop-*", "blog"], "applications": ["shop-*"]},
            {"role": "reporter", "groups": None, "applications": ["*"]},
        ],
    }
