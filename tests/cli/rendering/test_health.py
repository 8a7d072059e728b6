"""Health as printed for people."""

from __future__ import annotations

from typing import Any

import pytest
from console import Console

from failoverdns.cli import rendering
from failoverdns.cli.rendering.health import probe_line
from failoverdns.model.health import Cause, ProbeResult


def shown(capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any]) -> str:
    """Return the text printed for a result."""
    rendering.show(command, {"ok": True, "revision": 1, "result": result})
    return capsys.readouterr().out


REFUSED = ProbeResult(Cause.REFUSED, "port 80: refused", 0.0)
AT = "2027-01-15T08:00:00.000Z"


def test_health_shows_applications_and_their_heads_with_the_last_probes(
    checked: Console,
) -> None:
    web = f"web: bad, 3 in a row (refused, port 80: refused) at {AT}"
    assert checked.table("health show") == [
        ["eu", "down", AT, "down", "checks:", "web,", "beat"],
        ["lb", "down", AT, "down", "(refused)", *web.split()[:-1]],
        [AT],
        ["beat:", "nothing", "yet"],
        ["us", "up", AT, "up", "checks:", "web"],
        ["lb", "up", AT, "up", *f"web: good, 3 in a row (connected, 12.5 ms) at {AT}".split()],
    ]


def test_health_shows_the_cause_of_a_failure_and_overrides_with_their_reason(
    console: Console,
) -> None:
    console.do(
        "application set eu --check web",
        "health force eu/lb up --reason 'I looked'",
        "health force us down",
    )
    console.see("eu", "web", REFUSED)
    eu, lb, _, us, _ = console.table("health show")
    assert eu[:4] == ["eu", "up", AT, "down"]
    assert lb[:8] == ["lb", "up", AT, "down", "(refused)", "up", "(I", "looked)"]
    assert us == ["us", "down", AT, "unknown", "down", "checks:", "none"]


def test_without_checks_health_shows_the_command_that_adds_one(console: Console) -> None:
    assert console.shown("health show") == (
        "nothing is checked: `failoverdns application set APP --check CHECK`\n"
    )


def test_forcing_health_is_confirmed_and_so_is_removing_the_override(console: Console) -> None:
    assert console.shown("health force eu/lb up") == "forced up: eu/lb\n"
    assert console.shown("health force * down") == "forced down: eu, us\n"
    assert console.shown("health force us none") == "no longer forced: us\n"


def test_a_health_report_is_confirmed_with_the_time_until_which_it_counts(checked: Console) -> None:
    shown = checked.shown("health report eu down --ttl 60")
    assert shown == "eu/lb: reported down, which counts until 2027-01-15T08:01:00.000Z\n"


def test_a_head_that_is_probed_fast_is_shown_as_such() -> None:
    probe: dict[str, Any] = {
        "head": "lb",
        "check": "web",
        "type": "tcp",
        "address": "192.0.2.1",
        "result": None,
        "fast": False,
        "probed_every": 10.0,
    }
    assert probe_line(probe) == "lb 192.0.2.1, web (tcp): nothing yet"
    assert probe_line({**probe, "fast": True, "probed_every": 0.5}, short=True) == (
        "web: nothing yet, probed every 0.5 s"
    )


def test_a_probe_of_one_of_several_addresses_shows_its_address_and_name() -> None:
    """A good probe of a port has nothing to say but how long it took."""
    probe: dict[str, Any] = {
        "head": "lb",
        "check": "web",
        "type": "tls",
        "address": "2001:db8::1",
        "server_name": "www.shop.example",
        "result": "good",
        "cause": None,
        "detail": "",
        "in_a_row": 2,
        "milliseconds": 0.4,
        "at": AT,
    }
    assert probe_line(probe, short=True, with_address=True) == (
        f"web 2001:db8::1 as www.shop.example: good, 2 in a row (0.4 ms) at {AT}"
    )
    assert probe_line({**probe, "milliseconds": 0.0}, short=True) == (
        f"web as www.shop.example: good, 2 in a row at {AT}"
    )


@pytest.mark.parametrize(
    ("kind", "server_name", "host", "expected"),
    [
        ("http", "shop.example", "www.shop.example", "web as www.shop.example"),
        ("http", "shop.example", None, "web as shop.example"),
        ("http", None, "www.shop.example:8080", "web as www.shop.example:8080"),
        (
            "https",
            "shop.example",
            "www.shop.example",
            "web as shop.example (Host www.shop.example)",
        ),
        ("https", "shop.example", "shop.example", "web as shop.example"),
        ("https", None, None, "web"),
    ],
)
def test_a_probe_shows_the_host_that_it_sends(
    kind: str, server_name: str | None, host: str | None, expected: str
) -> None:
    probe = {"head": "lb", "check": "web", "type": kind, "address": None, "result": None}
    named = {**probe, "server_name": server_name, "host": host}
    assert probe_line(named, short=True).startswith(f"{expected}: ")


def test_health_says_which_check_does_not_know_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, however many heads and addresses are probed with it."""
    probe = {"head": "lb", "check": "web", "type": "tls", "address": None, "result": None}
    advised = {**probe, "advice": "set `server_name` in the check"}
    health = {
        "health": "unknown",
        "since": None,
        "observed": "unknown",
        "forced": None,
        "checks": ["web"],
    }
    application = {"name": "eu", "health": health, "heads": [], "probes": [advised, advised, probe]}
    text = shown(capsys, "health show", {"applications": [application]})
    assert text.splitlines()[-1] == "check web of eu: set `server_name` in the check"
    assert text.count("server_name") == 1
