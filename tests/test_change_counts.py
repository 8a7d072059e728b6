"""What changes brought about is counted once, whether it could be stored at first or not."""

from __future__ import annotations

from typing import Any

from failoverdns.change_counts import ChangeCounts
from failoverdns.model.change import Change
from failoverdns.model.principal import unix_principal

WHO = unix_principal(0, 1, "pytest")


def change(word: str, *parts: dict[str, Any], **command: Any) -> Change:
    """Return a change that a command made."""
    return Change(1, 0.0, WHO, {"command": word, **command}, parts, (), ())


def switched(id_: str, to: str) -> dict[str, Any]:
    """Return the description of a group that was switched."""
    fields = {"active": ["primary" if to == "backup" else "backup", to]}
    return {"kind": "group", "name": id_, "id": id_, "done": "changed", "fields": fields}


def test_switches_are_counted_by_side_and_by_what_made_them() -> None:
    """And for each group."""
    counts = ChangeCounts()
    counts.announce(change("switch", switched("g1", "backup"), switched("g2", "backup")))
    counts.announce(change("automatic", switched("g1", "primary")))
    counts.announce(change("planned switch", switched("g1", "backup")))
    counts.announce(change("health", switched("g1", "primary")))
    assert counts.switches.nested() == {
        "primary": {"manual": 0, "automatic": 1, "plan": 0, "other": 1},
        "backup": {"manual": 2, "automatic": 0, "plan": 1},
    }
    assert counts.of_group("g1") == {
        "backup": {"manual": 1, "plan": 1},
        "primary": {"automatic": 1, "other": 1},
    }
    assert counts.events["switch",] == 5


def test_a_group_that_is_removed_is_forgotten() -> None:
    counts = ChangeCounts()
    counts.announce(change("switch", switched("g1", "backup")))
    gone = {"kind": "group", "name": "g1", "id": "g1", "done": "removed", "fields": {}}
    counts.announce(change("group remove", gone))
    assert counts.of_group("g1") == {}
    assert counts.switches["backup", "manual"] == 1


def test_a_step_that_is_stored_later_counts_once() -> None:
    counts = ChangeCounts()
    counts.announce_unrecorded(change("automatic", switched("g1", "backup")))
    recorded = change("automatic", switched("g1", "backup"), happened="2026-11-29T12:00:00Z")
    counts.announce(recorded)
    assert counts.switches["backup", "automatic"] == 1


def test_events_and_steps_of_orders_are_counted() -> None:
    """By the words of the configuration of hooks."""
    counts = ChangeCounts()
    issued = {"kind": "certificate", "done": "created", "fields": {"fingerprint": [None, "x"]}}
    role = {"kind": "role", "done": "changed", "fields": {"role": ["none", "online"]}}
    sick = {"kind": "application", "done": "changed", "fields": {"health": [], "observed lb": []}}
    held = {"kind": "group", "id": "g", "done": "changed", "fields": {"held": [None, "x"]}}
    counts.announce(change("acme issue", issued))
    counts.announce(change("head add", role))
    counts.announce(change("health", sick))
    counts.announce(change("automatic", held, held=["target-down"], to="backup"))
    found = {name: count for name, count in counts.events.nested().items() if count}
    assert found == {"certificate": 1, "role": 1, "health": 2, "refused": 1}
    assert counts.orders.nested()["issued"] == 1
