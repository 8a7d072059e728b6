"""Reports about health and automation, with forced health beside observed health."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import samples
import watched
from samples import changed_by
from watched import DOWN, UP, is_, the_group

from failoverdns.model.commands.applications import SetApplication
from failoverdns.model.commands.automation import Automate, SetMaintenance
from failoverdns.model.commands.groups import SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, LearnHealth
from failoverdns.model.health import Cause, Observed
from failoverdns.model.policy import Automation, Gate, Held, Maintenance, Plan
from failoverdns.rules.reports.health_reports import (
    application_health,
    group_automation,
    head_health,
)

T = 1_800_000_000.0
AT = "2027-01-15T08:00:00.000Z"


def test_the_report_of_a_head_without_observed_health() -> None:
    assert head_health(samples.balancer("lb1", "192.0.2.1")) == samples.UNOBSERVED


def test_the_report_of_a_head_that_is_down_and_forced_up() -> None:
    head = is_(samples.balancer("lb1", "192.0.2.1"), DOWN, 5.0)
    assert head_health(replace(head, forced=watched.forced(UP, T, "I looked"))) == {
        "health": "up",
        "since": AT,
        "observed": "down",
        "cause": "refused",
        "detail": "port 80: refused",
        "forced": {"health": "up", "since": AT, "reason": "I looked"},
    }


def test_the_report_of_an_application_without_checks() -> None:
    assert application_health(samples.eu()) == samples.UNCHECKED


def test_the_report_of_an_application_that_is_up_and_forced_down() -> None:
    application = watched.all_are(samples.eu(require_heads=2, require_checks="any"), UP, 5.0)
    one = replace(application, require_heads="all", forced=watched.forced(DOWN, T))
    assert application_health(one) == {
        "health": "down",
        "since": AT,
        "observed": "up",
        "forced": {"health": "down", "since": AT, "reason": None},
        "checks": ["web"],
        "require_checks": "any",
        "require_heads": "all",
    }
    assert application_health(application)["require_heads"] == 2


def test_the_report_of_a_groups_automation() -> None:
    automation = Automation(
        "auto",
        Maintenance(T, "disk swap"),
        held=Held("backup", ("calm", "automation"), T),
        plan=Plan(T, "backup", 5, T, ("calm",), "works"),
    )
    view = watched.watched([samples.group(automation=automation)], DOWN, UP)
    assert group_automation(view, the_group(view)) == {
        "policy": "auto",
        "mode": "automatic",
        "health": {"primary": "down", "backup": "up"},
        "maintenance": {"since": AT, "reason": "disk swap"},
        "held": {"to": "backup", "rules": ["calm", "automation"], "since": AT},
        "warnings": [],
        "guarded_until": None,
        "plan": {
            "group": "shop",
            "to": "backup",
            "at": AT,
            "pre_ttl": 5,
            "ttl_lowered_at": AT,
            "override": ["calm"],
            "reason": "works",
        },
    }


def test_the_report_of_a_group_without_automation() -> None:
    view = samples.shop()
    assert group_automation(view, the_group(view)) == {
        "policy": None,
        "mode": "manual",
        "health": {"primary": "unknown", "backup": "unknown"},
        "maintenance": None,
        "held": None,
        "warnings": [],
        "guarded_until": None,
        "plan": None,
    }


def fields(*parts: Any) -> dict[str, Any]:
    """The fields of the only part of a change."""
    (part,) = parts
    found: dict[str, Any] = part["fields"]
    return found


def test_the_history_has_the_health_of_a_head_and_of_its_application() -> None:
    view = watched.shop()
    timeout = Observed(DOWN, 5.0, Cause.TIMEOUT, "3 s")
    assert fields(*changed_by(view, LearnHealth("app-eu", (("lb1", timeout),)))) == {
        "health": ["up", "down"],
        "observed lb1": ["up", "down"],
        "cause lb1": [None, "timeout: 3 s"],
    }
    assert fields(*changed_by(view, ForceHealth("eu", "lb1", UP, "I looked"))) == {
        "health": ["down", "up"],
        "forced lb1": [None, "up (I looked)"],
    }
    assert fields(*changed_by(view, ForceHealth("eu", None, UP))) == {"forced": [None, "up"]}
    assert fields(*changed_by(view, SetApplication("eu", (), "any", 2))) == {
        "checks": [["web"], None],
        "require_checks": [None, "any"],
        "require_heads": [None, 2],
        "observed lb1": ["down", None],
        "cause lb1": ["timeout: 3 s", None],
    }


def test_the_history_has_the_automation_of_a_group() -> None:
    view = watched.shop(DOWN, UP, Gate("never", ("*",), flag="never"))
    assert fields(*changed_by(view, Automate("grp-shop"), now=1000.0)) == {
        "held": [None, "from backup by never"]
    }
    assert fields(*changed_by(view, SetMaintenance("shop", True))) == {
        "maintenance": [None, "on"],
        "held": ["from backup by never", None],
    }
    assert fields(*changed_by(view, SetMaintenance("shop", True, "disk"))) == {
        "maintenance": ["on", "disk"]
    }
    assert fields(*changed_by(view, SetGroup("shop", policy=""))) == {"policy": ["auto", None]}
    assert fields(*changed_by(view, Switch(("shop",), at=T), now=T - 1000)) == {
        "plan": [None, f"to backup at {AT}"]
    }


def test_the_report_of_a_group_says_what_keeps_its_policy_from_acting() -> None:
    view = watched.watched([samples.group(backup=None, automation=Automation("auto"))])
    assert group_automation(view, the_group(view))["warnings"] == [
        "its policy, auto, can never switch it to the backup: "
        "it has no backup application: attach one with `group set`"
    ]


def test_the_report_of_a_group_says_until_when_its_flap_guard_is_used_up() -> None:
    used = Automation("auto", automatic=(T - 1000.0, T - 500.0, T))
    view = watched.watched([samples.group(automation=used)])
    assert group_automation(view, the_group(view))["guarded_until"] == AT
