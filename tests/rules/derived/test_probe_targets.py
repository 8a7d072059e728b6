"""The targets of probes, their host names, and which changes alter them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
import samples
import watched
from samples import HOSTNAME, balancer, carried_out, server, state
from watched import DOWN, UP, said

from failoverdns.model.application import Application
from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import RenameApplication, SetApplication, SetHead
from failoverdns.model.commands.groups import SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, LearnHealth
from failoverdns.model.principal import unix_principal
from failoverdns.rules.derived.probe_targets import concerned, hostnames_of, targets_of


def watched_eu(*heads: object) -> Application:
    """The application `eu` with a check, and these heads."""
    return replace(samples.application("eu", *heads), checks=("web",))  # type: ignore[arg-type]


def test_every_address_is_a_separate_target() -> None:
    """So is each address that a hostname resolves to, and those of standby load balancers."""
    eu = watched_eu(
        server("web1", "192.0.2.1", "2001:db8::1"), balancer("lb1", hostname="lb.example")
    )
    view = state(eu, samples.us(), samples.group(), settings=watched.settings())
    resolved = (ip_address("192.0.2.7"), ip_address("192.0.2.8"))
    targets = targets_of(view, eu, lambda name: resolved if name.to_text() == "lb.example" else ())
    assert sorted((key.head, str(key.address)) for key in targets) == [
        ("lb1", "192.0.2.7"),
        ("lb1", "192.0.2.8"),
        ("web1", "192.0.2.1"),
        ("web1", "2001:db8::1"),
    ]
    assert {target.names for target in targets.values()} == {(HOSTNAME,)}
    assert [name.to_text() for name in hostnames_of(eu)] == ["lb.example"]
    assert hostnames_of(replace(eu, checks=())) == ()


@pytest.mark.parametrize(
    ("command", "of"),
    [
        (SetHead("eu", "lb1", (ip_address("192.0.2.99"),)), {"app-eu"}),
        (RenameApplication("eu", "europe"), {"app-eu"}),
        (SetApplication("eu", require_checks="any"), {"app-eu"}),
        (SetGroup("shop", backup=""), {"app-eu", "app-us"}),
        (Switch(("shop",)), {"app-eu", "app-us"}),
        (LearnHealth("app-eu", (("lb1", said(DOWN)),)), set()),
        (ForceHealth("eu", None, DOWN), set()),
    ],
)
def test_observed_and_forced_health_alter_no_target(command: Mutation, of: set[str]) -> None:
    view = watched.shop(UP, UP)
    _, writes, _ = carried_out(view, command)
    assert writes
    change = Change(11, 0.0, unix_principal(0, 0, "test"), {}, (), (), writes)
    assert concerned(change) == of
