"""Zones and secondaries as people read them: who is in step, and why others are not."""

from __future__ import annotations

from typing import Any

import pytest

from failoverdns.cli.rendering import show
from failoverdns.cli.rendering.secondaries import behind, waited

SINCE = "2026-11-29T14:00:00.000Z"


def standing(name: str = "ns2", *, in_step: bool | None = True, **fields: Any) -> dict[str, Any]:
    """Return what the server reports of a secondary and a zone."""
    known = {"secondary": name, "zone": "a.test", "serial": 17, "in_step": in_step}
    return known | {"since": SINCE, "problem": None, "served_at": None} | fields


def test_a_list_of_zones_shows_their_secondaries(capsys: pytest.CaptureFixture[str]) -> None:
    zones = [
        {"name": "a.test", "serial": 17, "secondaries": [standing()]},
        {"name": "b.test", "serial": 3, "secondaries": []},
        {"name": "c.test", "serial": 5, "catalog": True, "secondaries": []},
    ]
    show("zone list", {"result": {"zones": zones}})
    shown = capsys.readouterr().out
    assert f"ns2: in step since {SINCE}" in shown
    assert "c.test (catalog)" in shown
    assert "none" in shown


def test_a_list_of_secondaries_shows_why_one_is_behind(capsys: pytest.CaptureFixture[str]) -> None:
    zones = [standing(), standing(in_step=False, zone="b.test", serial=None, problem="it hangs")]
    idle = {"name": "ns3", "address": "[2001:db8::1]:53", "zones": []}
    named = {"name": "ns2", "address": "198.51.100.53:53", "zones": zones}
    show("secondary list", {"result": {"secondaries": [named, idle]}})
    shown = capsys.readouterr().out
    assert f"behind since {SINCE}: it hangs" in shown
    assert "no zone has it" in shown
    assert shown.count("198.51.100.53:53") == 1


def test_empty_lists_say_what_to_configure(capsys: pytest.CaptureFixture[str]) -> None:
    show("secondary list", {"result": {"secondaries": []}})
    assert "see `secondaries` in the configuration" in capsys.readouterr().out


def test_the_status_names_only_secondaries_that_are_not_in_step() -> None:
    zone = {
        "name": "a.test",
        "secondaries": [standing(), standing("ns3", in_step=None, problem="?")],
    }
    assert list(behind([zone])) == ["secondary ns3, zone a.test: unknown: ?"]
    assert list(behind([{"name": "old.test"}])) == []


def test_a_switch_that_waited_shows_who_serves_it(capsys: pytest.CaptureFixture[str]) -> None:
    waited({"secondaries": [standing(served_at=SINCE), standing("ns3", in_step=False)]})
    assert capsys.readouterr().out == f"  served by ns2 at {SINCE}\n"
    waited({"secondaries": []})
    assert "nothing to wait for" in capsys.readouterr().out
    waited({})
    assert capsys.readouterr().out == ""


def test_zone_notify_names_who_was_notified(capsys: pytest.CaptureFixture[str]) -> None:
    show("zone notify", {"result": {"notified": ["ns2", "ns3"]}})
    assert capsys.readouterr().out.startswith("notified ns2, ns3;")
