"""The form of the reports in `status`, lists, `history` and replies."""

from __future__ import annotations

import pytest
import samples
from samples import application, balancer, group, server, state

from failoverdns.model.change import Change
from failoverdns.model.commands.applications import RenameApplication
from failoverdns.model.commands.groups import Switch
from failoverdns.model.group import Side
from failoverdns.model.principal import unix_principal
from failoverdns.model.zone import Reveal, SOATimers
from failoverdns.rules.reports.reporting import (
    application_report,
    group_report,
    history_report,
    timestamp,
    zone_report,
)

EU = {"application": "eu", "id": "app-eu", "targets": ["192.0.2.1"]}
US = {"application": "us", "id": "app-us", "targets": ["198.51.100.1"]}


@pytest.mark.parametrize(
    ("fields", "sides"),
    [
        pytest.param(
            {}, {"primary": EU, "backup": US, "answers": ["192.0.2.1"]}, id="both applications"
        ),
        pytest.param(
            {"active": Side.BACKUP},
            {"primary": EU, "backup": US, "active": "backup", "answers": ["198.51.100.1"]},
            id="the backup is active",
        ),
        pytest.param(
            {"backup": None}, {"primary": EU, "answers": ["192.0.2.1"]}, id="no backup: left out"
        ),
        pytest.param({"primary": None, "backup": None}, {"answers": []}, id="no application"),
        pytest.param(
            {"drained_at": 60.0},
            {
                "primary": EU,
                "backup": US,
                "answers": ["192.0.2.1"],
                "drained_at": "1970-01-01T00:01:00.000Z",
            },
            id="switched before",
        ),
    ],
)
def test_the_status_of_a_group(fields: dict[str, object], sides: dict[str, object]) -> None:
    shop = group(**fields)
    assert group_report(state(samples.eu(), samples.us(), shop), shop) == {
        "name": "shop",
        "id": "grp-shop",
        "hostname": samples.HOSTNAME,
        "zone": "failover.test",
        "ttl": 60,
        "active": "primary",
        "revision": 3,
        "flatten": False,
        "drained_at": None,
        "automation": {
            "policy": None,
            "mode": "manual",
            "health": {"primary": "unknown", "backup": "unknown"},
            "maintenance": None,
            "held": None,
            "plan": None,
            "warnings": [],
            "guarded_until": None,
        },
        **sides,
    }


def test_the_status_of_an_application() -> None:
    eu = application(
        "eu",
        server("web1", "192.0.2.11", "2001:db8::11"),
        balancer("lb1", hostname="elb.example"),
        balancer("lb2"),
        active="lb2",
        hostname_template="{head}.{application}.example",
    )
    assert application_report(state(eu, group(backup=None)), eu) == {
        "name": "eu",
        "id": "app-eu",
        "hostname_template": "{head}.{application}.example",
        "role": "online",
        "heads": [
            {
                "name": "web1",
                "role": "web-server",
                "active": False,
                "addresses": ["192.0.2.11", "2001:db8::11"],
                "health": samples.UNOBSERVED,
            },
            {
                "name": "lb1",
                "role": "load-balancer",
                "active": False,
                "addresses": [],
                "health": samples.UNOBSERVED,
                "hostname": "elb.example",
            },
            {
                "name": "lb2",
                "role": "load-balancer",
                "active": True,
                "addresses": [],
                "health": samples.UNOBSERVED,
                "hostname": "lb2.eu.example",
            },
        ],
        "web_head": {"heads": ["lb2"], "targets": ["lb2.eu.example"]},
        "health": samples.UNCHECKED,
        "certificate": None,
    }


def test_the_status_of_a_zone() -> None:
    served = samples.zone(
        ttl=30, negative_ttl=10, soa=SOATimers(retry=60), reveal=Reveal(sides=False)
    )
    report = {
        "name": "failover.test",
        "nameservers": ["ns1.failover.test"],
        "ttl": 30,
        "negative_ttl": 10,
        "soa": {"refresh": 14400, "retry": 60, "expire": 1209600},
        "reveal": {"sides": False, "status": True},
        "stored_records": 0,
    }
    assert zone_report(state(zones=[served]), served) == {**report, "serial": 100}
    assert zone_report(state(zones=[]), served) == {**report, "serial": None}


def test_status_shows_the_new_name_and_the_same_target_after_a_rename() -> None:
    view = samples.shop()
    samples.carry_out(view, RenameApplication("eu", "europe"))
    shop = view.group_named("shop")
    assert shop is not None
    assert group_report(view, shop)["primary"] == {**EU, "application": "europe"}


def test_status_shows_when_the_old_side_is_drained_after_a_switch() -> None:
    view = samples.shop()
    samples.carry_out(view, Switch(("shop",)), now=1_800_000_000.0)
    shop = view.group_named("shop")
    assert shop is not None
    assert group_report(view, shop)["drained_at"] == "2027-01-15T08:01:00.000Z"


def test_an_entry_of_the_history() -> None:
    change = Change(
        revision=42,
        time=1_800_000_000.5,
        principal=unix_principal(1000, 4711, "failoverdns", "alice"),
        command={"command": "switch", "groups": ["shop"]},
        changed=({"kind": "group", "name": "shop", "done": "changed", "fields": {}},),
        subjects=("grp-shop",),
        writes=(),
    )
    assert history_report(change) == {
        "revision": 42,
        "time": "2027-01-15T08:00:00.500Z",
        "who": {
            "uid": 1000,
            "pid": 4711,
            "command": "failoverdns",
            "principal": "unix:alice(1000)",
        },
        "command": {"command": "switch", "groups": ["shop"]},
        "changed": [{"kind": "group", "name": "shop", "done": "changed", "fields": {}}],
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(None, None, id="no time"),
        pytest.param(0.0, "1970-01-01T00:00:00.000Z", id="the epoch"),
        pytest.param(1_800_000_000.123456, "2027-01-15T08:00:00.123Z", id="milliseconds"),
    ],
)
def test_a_time_is_written_in_utc_as_rfc_3339_says(seconds: float | None, text: str | None) -> None:
    assert timestamp(seconds) == text
