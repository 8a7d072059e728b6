"""Transitions: the effects of a decision on the state and on the records served."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import samples
import watched
from samples import HOSTNAME, name

from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.changes.transitions import Transition, delta_of, transition_of
from failoverdns.changes.visible_state import VisibleState
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.groups import RenameGroup, Switch
from failoverdns.model.commands.server import Configure, LearnAnswer
from failoverdns.model.moment import Moment
from failoverdns.model.policy import AllDown
from failoverdns.model.principal import unix_principal
from failoverdns.model.resolution import Answer
from failoverdns.rules.deciding import decide

WHO = unix_principal(0, 1, "pytest")
NOW = 1000.0
ORIGIN = name("failover.test")


def transition(base: State, command: Mutation) -> tuple[Draft, Transition]:
    """Decide a command, and lay the decision over a draft."""
    draft = Draft(base)
    decision = decide(draft, command, Moment(NOW, NOW), Random(0))
    return draft, transition_of(draft, decision, NOW, WHO, {"command": "x"})


def test_a_change_of_served_records_raises_the_serial_of_the_zone_in_the_same_commit() -> None:
    base = samples.shop()
    draft, made = transition(base, Switch(("shop",)))
    assert made.change is not None
    assert (made.change.revision, made.change.time, made.change.principal) == (11, NOW, WHO)
    assert {node.owner.to_text() for node in made.delta.nodes} == {
        HOSTNAME,
        "_status.eu.failover.test",
        "_status.us.failover.test",
    }
    serial = draft.serial(ORIGIN)
    assert serial is not None
    assert serial.serial > 100
    assert [rrset.owner for rrset in made.delta.authorities] == [ORIGIN]
    assert serial in [write.after for write in made.change.writes]
    assert [part["kind"] for part in made.change.changed] == ["group", "role", "role"]
    assert {"grp-shop", "group:shop"} <= set(made.change.subjects)


def test_the_state_below_the_draft_does_not_change() -> None:
    base = samples.shop()
    draft, _ = transition(base, Switch(("shop",)))
    assert (base.revision, draft.revision) == (10, 11)
    assert samples.answers(base) == ["A 192.0.2.1"]
    assert samples.answers(draft) == ["A 198.51.100.1"]


def test_a_change_that_alters_no_records_leaves_the_serial_unchanged() -> None:
    base = samples.shop()
    draft, made = transition(base, RenameGroup("shop", "store"))
    assert made.change is not None
    assert made.delta.nodes == ()
    assert draft.serial(ORIGIN) == base.serial(ORIGIN)


def test_the_history_records_the_result_of_an_automatic_command() -> None:
    base = watched.shop(watched.DOWN, watched.UP)
    _, made = transition(base, watched.Automate("grp-shop"))
    assert made.change is not None
    assert made.change.command == {
        "command": "x",
        "groups": ["shop"],
        "to": "backup",
        "reason": "the primary is down and the backup is up",
    }


def test_an_answer_that_differs_in_its_ttl_only_is_not_a_stored_change() -> None:
    lb = samples.balancer("lb1", hostname="lb.example")
    eu = samples.application("eu", lb, active="lb1")
    base = samples.state(eu, samples.group(backup=None, flatten=True))
    answer = Answer(samples.addresses("192.0.2.9"), (), 30, None)
    _, made = transition(base, LearnAnswer(name("lb.example"), answer, 30))
    assert made.change is not None, "the addresses are stored"
    assert len(made.fleeting) == 1
    assert not any(write.is_fleeting for write in made.change.writes)
    base.apply(11, [*made.change.writes, *made.fleeting])
    _, again = transition(base, LearnAnswer(name("lb.example"), replace(answer, ttl=5), 5))
    assert again.change is None, "the addresses are the same, only the TTL differs"
    assert again.delta.authorities == ()
    assert [node.owner.to_text() for node in again.delta.nodes] == [
        HOSTNAME,
        f"primary.{HOSTNAME}",
    ]


def test_new_settings_that_alter_no_answer_are_used_without_a_stored_change() -> None:
    base = watched.shop()
    settings = watched.settings(grace=5.0)
    draft, made = transition(base, Configure(base.zones, settings))
    assert (made.change, made.settings, made.delta.nodes) == (None, settings, ())
    assert draft.settings == settings
    assert draft.revision == base.revision


def test_other_access_to_a_zone_is_used_without_a_stored_change() -> None:
    """A reload may change only who transfers or updates a zone."""
    base = samples.state(zones=[samples.zone()])
    (zone,) = base.zones
    changed = replace(zone, secondaries=("ns2",))
    draft, made = transition(base, Configure((changed,)))
    assert (made.change, made.zones, made.delta.nodes) == (None, (changed,), ())
    assert draft.zones == (changed,)
    assert draft.revision == base.revision
    shown = VisibleState(base, lambda delta: None, lambda step: None)
    shown.show(made)
    assert base.zones == (changed,)


def test_new_settings_that_alter_an_answer_are_a_stored_change_with_new_serials() -> None:
    base = watched.shop(watched.DOWN, watched.DOWN)
    draft, made = transition(base, Configure(base.zones, watched.settings(all_down=AllDown.EMPTY)))
    assert made.change is not None
    assert [node.owner.to_text() for node in made.delta.nodes] == [HOSTNAME]
    assert [rrset.owner for rrset in made.delta.authorities] == [ORIGIN]
    assert draft.serial(ORIGIN) != base.serial(ORIGIN)


def test_a_zone_that_is_removed_from_the_configuration_is_dropped_with_all_its_names() -> None:
    zones = (samples.zone(), samples.zone("b.test"))
    base = samples.state(zones=zones)
    draft = Draft(base)
    delta = delta_of(draft, 11, (), zones[:1])
    assert delta.dropped == (name("b.test"),)
    assert draft.zones == zones[:1]
