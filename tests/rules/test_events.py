"""What programs outside hear of a change, and under which names they find it."""

from __future__ import annotations

from typing import Any

import drawn
import pytest
from samples import HOSTNAME, carried_out, carry_out, certificate, eu, facts, group, state, us

from failoverdns.model.change import Change, Who
from failoverdns.model.commands import (
    AddApplication,
    InstallCertificate,
    Mutation,
    RemoveCertificate,
    RenameApplication,
    RenameGroup,
    SetGroup,
    Switch,
)
from failoverdns.rules.events import Event, applications_of, before_switch, environment, events_of
from failoverdns.rules.recounting import recount, recount_roles
from failoverdns.rules.serving import application_role
from failoverdns.state import State

FOUND = facts("www.shop.example", called="new")
INSTALL = InstallCertificate("eu", drawn.bundled(FOUND), FOUND)


def change_of(view: State, command: Mutation, **given: Any) -> Change:
    """Carry out a command and return its change, as history has it."""
    before = {a.id: application_role(view, a) for a in view.applications()}
    _, writes, _ = carried_out(view, command)
    changed = (*recount(view, writes), *recount_roles(view, before))
    return Change(view.revision, 60.0, Who(0, 1, "x"), {"command": "x", **given}, changed, (), ())


def told(*events: Event) -> list[tuple[str, str]]:
    """Kinds and subjects."""
    return [(event.kind.value, event.subject) for event in events]


@pytest.mark.parametrize(
    ("command", "events"),
    [
        (
            Switch(("shop",)),
            [("certificate", "us"), ("switch", "shop"), ("role", "eu"), ("role", "us")],
        ),
        (INSTALL, [("certificate", "eu")]),
        (RemoveCertificate("eu"), []),
        (SetGroup("shop", primary="", override=("active-side",)), [("role", "eu")]),
        (SetGroup("shop", backup=""), [("role", "us")]),
        (RenameApplication("eu", "uk"), []),
        (AddApplication("asia"), []),
    ],
)
def test_events_of_a_change(command: Mutation, events: list[tuple[str, str]]) -> None:
    """Certificates before the switch that they go with."""
    view = state(eu(), us(), group(), certificate("eu"))
    found = told(*events_of(change_of(view, command)))
    assert sorted(found) == sorted(events)
    kinds = [kind for kind, _ in found]
    assert kinds == sorted(kinds, key=["certificate", "switch", "role"].index)


def test_the_environment_tells_what_happened() -> None:
    view = state(eu(), us(), group(), certificate("eu", called="a"))
    moved, switched, *_ = events_of(change_of(view, Switch(("shop",)), reason="rehearsal"))
    common = {
        "FAILOVERDNS_REVISION": "11",
        "FAILOVERDNS_TIME": "1970-01-01T00:01:00.000Z",
        "FAILOVERDNS_REASON": "rehearsal",
        "FAILOVERDNS_APPLICATION": "us",
    }
    assert environment(view, moved) == common | {
        "FAILOVERDNS_EVENT": "certificate",
        "FAILOVERDNS_FINGERPRINT": facts(called="a").fingerprint,
    }
    assert environment(view, switched) == common | {
        "FAILOVERDNS_EVENT": "switch",
        "FAILOVERDNS_GROUP": "shop",
        "FAILOVERDNS_HOSTNAME": HOSTNAME,
        "FAILOVERDNS_FROM": "primary",
        "FAILOVERDNS_TO": "backup",
    }


def test_what_was_renamed_meanwhile_is_found_under_its_new_name() -> None:
    """A hook may be told late."""
    view = state(eu(), us(), group(), certificate("eu"))
    moved, switched, *_ = events_of(change_of(view, Switch(("shop",))))
    carry_out(view, RenameApplication("us", "usa"))
    carry_out(view, RenameGroup("shop", "store"))
    assert environment(view, moved)["FAILOVERDNS_APPLICATION"] == "usa"
    assert environment(view, switched)["FAILOVERDNS_APPLICATION"] == "usa"
    assert environment(view, switched)["FAILOVERDNS_GROUP"] == "store"
    assert applications_of(view, switched) == {"eu", "usa"}
    assert applications_of(view, moved) == {"usa"}


def test_only_the_last_certificate_and_role_of_an_application_count() -> None:
    """Switches are told one by one."""
    view = state(eu(), us(), group(), certificate("eu"))
    first = {e.kind.value: e for e in events_of(change_of(view, Switch(("shop",))))}
    carry_out(view, Switch(("shop",)))
    other = facts("www.shop.example", called="z")
    carry_out(view, InstallCertificate("eu", drawn.bundled(other), other))
    second = {e.kind.value: e for e in events_of(change_of(view, Switch(("shop",))))}
    assert second["certificate"].supersedes(first["certificate"])
    assert second["role"].supersedes(first["role"])
    assert not second["switch"].supersedes(first["switch"])
    assert not second["certificate"].supersedes(first["role"])


def test_before_a_switch_it_is_told_what_is_planned() -> None:
    view = state(eu(), us(), group())
    shop = view.group_named("shop")
    assert shop is not None
    event = before_switch(shop, {"from": "primary", "to": "backup"}, "rehearsal")
    assert environment(view, event) == {
        "FAILOVERDNS_EVENT": "before_switch",
        "FAILOVERDNS_REVISION": "3",
        "FAILOVERDNS_FROM": "primary",
        "FAILOVERDNS_TO": "backup",
        "FAILOVERDNS_REASON": "rehearsal",
        "FAILOVERDNS_GROUP": "shop",
        "FAILOVERDNS_HOSTNAME": HOSTNAME,
        "FAILOVERDNS_APPLICATION": "us",
    }
