"""Events of changes that the real ledger makes, and their environment variables."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from authority import make_authority
from corridors import SECOND_ZONE, ZONE, Corridor, build_shop
from driving import run
from samples import addresses, shop

from failoverdns.model.application import HeadRole
from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    AddApplication,
    AddHead,
    RemoveApplication,
    RenameApplication,
    SetApplication,
)
from failoverdns.model.commands.certificates import InstallCertificate, RemoveCertificate
from failoverdns.model.commands.groups import RemoveGroup, RenameGroup, SetGroup, Switch
from failoverdns.model.commands.health import LearnHealth
from failoverdns.model.commands.secondaries import NoteBehind, NoteInStep
from failoverdns.model.commands.server import Configure
from failoverdns.model.event_kinds import EventKind
from failoverdns.model.group import Side
from failoverdns.model.health import Cause, Check, CheckKind, Health, Observed
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.timestamps import timestamp
from failoverdns.pki.certificates import read_bundle
from failoverdns.rules.reports.events import (
    Event,
    applications_of,
    before_switch,
    environment,
    events_of,
)

ISSUED = make_authority().issue("shop.failover.test")


@pytest.fixture
def corridor() -> Corridor:
    """The group `shop` with `eu` active."""
    made = Corridor()
    made.now = time.time()
    made.do(Configure((ZONE,)))
    build_shop(made)
    return made


def change_of(corridor: Corridor, command: Mutation) -> Change:
    """Carry out a command and return its change."""
    revision = corridor.ledger.state.revision
    corridor.do(command)
    (change,) = run(corridor.store.changes_after(revision))
    return change


def install(corridor: Corridor, application: str) -> Change:
    """Install a certificate and return the change."""
    bundle, facts = read_bundle(ISSUED.chain, ISSUED.key)
    return change_of(corridor, InstallCertificate(application, bundle, facts))


def reported(change: Change) -> list[tuple[str, str]]:
    """Return kinds and subjects of a change's events."""
    return [(event.kind.value, event.subject) for event in events_of(change)]


def test_a_switch_has_events_for_certificate_switch_and_roles_in_this_order(
    corridor: Corridor,
) -> None:
    """So the certificate is in place before a program reacts to the switch."""
    assert reported(install(corridor, "eu")) == [("certificate", "eu")]
    moved = change_of(corridor, Switch(("shop",), reason="rehearsal"))
    kinds = [kind for kind, _ in reported(moved)]
    assert kinds == ["certificate", "switch", "role", "role"]
    assert reported(moved)[:2] == [("certificate", "us"), ("switch", "shop")]


CHANGES: list[tuple[Mutation, list[tuple[str, str]]]] = [
    (AddApplication("docs"), []),
    (RemoveCertificate("eu"), []),
    (RenameApplication("eu", "europe"), []),
    (RenameGroup("shop", "store"), []),
    (SetGroup("shop", backup=""), [("role", "us")]),
    (Switch(("shop",), Side.PRIMARY), []),
]
"""Commands, and the kinds and subjects of their events."""


@pytest.mark.parametrize(("command", "events"), CHANGES)
def test_only_changes_that_matter_to_programs_have_events(
    corridor: Corridor, command: Mutation, events: list[tuple[str, str]]
) -> None:
    install(corridor, "eu")
    revision = corridor.ledger.state.revision
    corridor.do(command)
    changes = run(corridor.store.changes_after(revision))
    assert [event for change in changes for event in reported(change)] == events


def test_the_environment_variables_of_a_switch(corridor: Corridor) -> None:
    """The application is the newly active one."""
    change = change_of(corridor, Switch(("shop",)))
    (switched,) = [e for e in events_of(change) if e.kind is EventKind.SWITCH]
    assert environment(corridor.ledger.state, switched) == {
        "FAILOVERDNS_EVENT": "switch",
        "FAILOVERDNS_REVISION": str(change.revision),
        "FAILOVERDNS_TIME": timestamp(corridor.now),
        "FAILOVERDNS_GROUP": "shop",
        "FAILOVERDNS_HOSTNAME": "shop.failover.test",
        "FAILOVERDNS_FROM": "primary",
        "FAILOVERDNS_TO": "backup",
        "FAILOVERDNS_APPLICATION": "us",
    }


def test_a_renamed_application_has_its_new_name_and_is_found_by_both(
    corridor: Corridor,
) -> None:
    """A late event still reaches a hook that is configured for the old name."""
    (event,) = events_of(install(corridor, "eu"))
    corridor.do(RenameApplication("eu", "europe"))
    assert applications_of(corridor.ledger.state, event) == {"eu", "europe"}
    variables = environment(corridor.ledger.state, event)
    assert variables["FAILOVERDNS_APPLICATION"] == "europe"
    assert variables["FAILOVERDNS_FINGERPRINT"] == ISSUED.fingerprint


def test_a_removed_application_or_group_has_its_last_name(corridor: Corridor) -> None:
    """A program always learns what an event is about."""
    role, *_ = events_of(change_of(corridor, SetGroup("shop", backup="")))
    corridor.do(RemoveApplication("us"))
    assert environment(corridor.ledger.state, role)["FAILOVERDNS_APPLICATION"] == "us"
    corridor.do(AddApplication("us"))
    corridor.do(AddHead("us", "lb", HeadRole.LOAD_BALANCER, addresses("192.0.2.2")))
    corridor.do(SetGroup("shop", backup="us"))
    change = change_of(corridor, Switch(("shop",)))
    (switched,) = [e for e in events_of(change) if e.kind is EventKind.SWITCH]
    corridor.do(SetGroup("shop", primary="", backup="", override=("active-side",)))
    corridor.do(RemoveGroup("shop"))
    assert environment(corridor.ledger.state, switched)["FAILOVERDNS_GROUP"] == "shop"


def test_the_event_before_a_switch_has_its_reason() -> None:
    """A program that is run before a switch learns the reason."""
    state = shop()
    group = state.group_named("shop")
    assert group is not None
    planned = {"from": "primary", "to": "backup"}
    variables = environment(state, before_switch(group, planned, "rehearsal"))
    assert variables["FAILOVERDNS_EVENT"] == "before_switch"
    assert variables["FAILOVERDNS_REASON"] == "rehearsal"
    assert variables["FAILOVERDNS_APPLICATION"] == "us"
    assert "FAILOVERDNS_REASON" not in environment(state, before_switch(group, planned, None))


def event(kind: EventKind, id_: str, revision: int) -> Event:
    """An event about something."""
    return Event(kind, "x", id_, revision, ())


SUPERSEDED = [
    (EventKind.CERTIFICATE, EventKind.CERTIFICATE, "a", True),
    (EventKind.ROLE, EventKind.ROLE, "a", True),
    (EventKind.SWITCH, EventKind.SWITCH, "a", False),
    (EventKind.ROLE, EventKind.CERTIFICATE, "a", False),
    (EventKind.ROLE, EventKind.ROLE, "b", False),
]
"""A later event, an earlier one of the application or group `a`, and whether that is outdated."""


@pytest.mark.parametrize(("later", "earlier", "id_", "is_outdated"), SUPERSEDED)
def test_a_later_certificate_or_role_supersedes_an_earlier_one(
    later: EventKind, earlier: EventKind, id_: str, is_outdated: bool
) -> None:
    """Only the present certificate and role matter, but every switch does."""
    assert event(later, id_, 2).supersedes(event(earlier, "a", 1)) is is_outdated


def test_a_health_event_of_a_head_has_the_cause_only_if_there_is_one(corridor: Corridor) -> None:
    """A hook reads it from its environment."""
    checks = AutomationSettings(checks=(Check("web", CheckKind.PUSH),))
    corridor.do(Configure((ZONE,), checks))
    corridor.do(SetApplication("eu", ("web",)))
    application = corridor.ledger.state.application_named("eu")
    assert application is not None
    (head,) = application.heads

    def variables(observed: Observed) -> list[dict[str, str]]:
        corridor.now += 1
        learned = LearnHealth(application.id, ((head.name, observed),))
        events = events_of(change_of(corridor, learned))
        found = [environment(corridor.ledger.state, event) for event in events]
        return [each for each in found if "FAILOVERDNS_HEAD" in each]

    (down,) = variables(Observed(Health.DOWN, 1.0, Cause.TIMEOUT, "3 s"))
    assert down["FAILOVERDNS_CAUSE"].startswith("timeout")
    assert (down["FAILOVERDNS_FROM"], down["FAILOVERDNS_TO"]) == ("unknown", "down")
    (up,) = variables(Observed(Health.UP, 2.0))
    assert "FAILOVERDNS_CAUSE" not in up


def about_secondaries(corridor: Corridor, word: str, command: Mutation) -> Change:
    """Carry out an internal command about secondaries under its word in the history."""
    return replace(change_of(corridor, command), command={"command": word})


def test_a_secondary_that_falls_behind_in_several_zones_is_one_event(corridor: Corridor) -> None:
    zones = [replace(zone, secondaries=("ns2", "ns3")) for zone in (ZONE, SECOND_ZONE)]
    corridor.do(Configure(tuple(zones)))
    found = [
        BehindSecondary(name, zone.origin, 1000.0, f"{name} hangs")
        for name in ("ns2", "ns3")
        for zone in zones
    ]
    change = about_secondaries(corridor, "secondary-behind", NoteBehind(tuple(found)))
    assert reported(change) == [("secondary-behind", "ns2"), ("secondary-behind", "ns3")]
    event = events_of(change)[0]
    assert environment(corridor.ledger.state, event) == {
        "FAILOVERDNS_EVENT": "secondary-behind",
        "FAILOVERDNS_REVISION": str(change.revision),
        "FAILOVERDNS_TIME": timestamp(corridor.now),
        "FAILOVERDNS_SECONDARY": "ns2",
        "FAILOVERDNS_ZONE": "failover.test b.test",
        "FAILOVERDNS_PROBLEM": "ns2 hangs",
    }
    assert applications_of(corridor.ledger.state, event) == frozenset()
    again = about_secondaries(corridor, "secondary-in-step", NoteInStep((found[1].identity,)))
    (event,) = events_of(again)
    assert (event.kind.value, event.subject) == ("secondary-in-step", "ns2")
    assert environment(corridor.ledger.state, event)["FAILOVERDNS_ZONE"] == "b.test"


def test_a_reload_that_removes_a_secondary_is_no_event_about_it(corridor: Corridor) -> None:
    corridor.do(Configure((replace(ZONE, secondaries=("ns2",)),)))
    corridor.do(NoteBehind((BehindSecondary("ns2", ZONE.origin, 1000.0, ""),)))
    assert reported(about_secondaries(corridor, "reload", Configure((ZONE,)))) == []
