"""The state finds entities by every name, the same whether changes are committed or drafted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import drawn
import pytest
import samples
from hypothesis import given
from samples import carried_out, carry_out, group, state

from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.model.application import Application
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.change import Write
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication, RenameApplication
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, SetGroup, Switch
from failoverdns.model.commands.server import Configure
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.policy import Flag
from failoverdns.model.records import Opaque, RRset
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import ZoneSerial
from failoverdns.rules.derived.view import View

ZONES = (
    *(samples.zone(), samples.zone(ttl=30), samples.zone("failover.example")),
    *drawn.ALIASED,
)
COMMANDS = drawn.commands(ZONES)
NAMES = ("eu", "us", "asia", "shop", "blog")
LABELS = ("shop", "www", "ns1", "@", "backup", samples.LABEL)
KINDS: tuple[type[Entity], ...] = (
    Application,
    Group,
    Tombstone,
    ZoneSerial,
    Certificate,
    Order,
    Account,
    Resolved,
    Freshness,
    Flag,
    StoredRecords,
)


def start() -> State:
    """Return the state on which the commands of a property test are carried out."""
    return drawn.start(ZONES[0])


def read(view: View, ids: Sequence[str]) -> dict[str, Any]:
    """Return everything that can be read from a view, by each of its methods."""
    origins = [zone.origin for zone in ZONES]
    labels = {owner.label for owner in view.groups()} | set(LABELS)
    return {
        "revision": view.revision,
        "entity": [
            view.entity(kind, entity.identity)
            for kind in KINDS
            for entity in sorted(view.entities(kind), key=str)
        ],
        "entities": [sorted(view.entities(kind), key=str) for kind in KINDS],
        "zones": view.zones,
        "aliases": dict(view.aliases),
        "zone": [view.zone(origin) for origin in origins],
        "serial": [view.serial(origin) for origin in origins],
        "serials": sorted(view.serials(), key=str),
        "application": [view.application(id_) for id_ in ids],
        "application_named": [view.application_named(name) for name in NAMES],
        "applications": list(view.applications()),
        "group": [view.group(id_) for id_ in ids],
        "group_named": [view.group_named(name) for name in NAMES],
        "groups": list(view.groups()),
        "label_owner": [
            view.label_owner(origin, label) for origin in origins for label in sorted(labels)
        ],
        "following": [sorted(view.following(id_), key=str) for id_ in ids],
        "attachments": [view.attachments(id_) for id_ in ids],
        "certificate": [view.certificate(id_) for id_ in ids],
        "certificates": sorted(view.certificates(), key=str),
        "stored_records": [sorted(view.stored_records(o), key=str) for o in origins],
        "stored_count": [view.stored_count(origin) for origin in origins],
        "order": [view.order(id_) for id_ in ids],
        "order_for": [view.order_for(id_) for id_ in ids],
        "orders": sorted(view.orders(), key=str),
        "pointing": [sorted(view.pointing(hostname)) for hostname in drawn.HOSTS],
        "flattening": sorted(view.flattening(), key=str),
        "resolved": [view.resolved(hostname) for hostname in drawn.HOSTS],
        "all_resolved": sorted(view.all_resolved(), key=str),
        "freshness": [view.freshness(hostname) for hostname in drawn.HOSTS],
        "account": view.account("https://ca"),
        "settings": view.settings,
        "flag": [view.flag(name) for name in ("automation", "office", "nobody")],
        "flags": sorted(view.flags(), key=str),
        "history_cut": view.history_cut(),
    }


def ids_of(*views: View) -> list[str]:
    """Return the ids of all entities in any of the views, and two that are in none."""
    found = {"app-nobody", "grp-nobody"}
    for view in views:
        found |= {entity.id for entity in (*view.applications(), *view.groups(), *view.orders())}
    return sorted(found)


def test_these_tests_read_every_method_of_a_view() -> None:
    methods = {name for name in vars(View) if not name.startswith("_")}
    assert set(read(start(), [])) == methods


def attempt(view: State | Draft, commands: Iterable[Mutation]) -> list[tuple[Write, ...]]:
    """Carry out the commands that are not refused; return their writes."""
    done = []
    for now, command in enumerate(commands):
        try:
            done.append(carried_out(view, command, float(now))[1])
        except Rejected:
            continue
    return done


@dataclass(frozen=True)
class Note(Entity):
    """A kind of entity for which the state has no code of its own."""

    owner: DomainName
    text: str

    @property
    def identity(self) -> DomainName:
        """The owner."""
        return self.owner


def test_entities_of_a_new_kind_are_created_changed_and_removed() -> None:
    first, second = (Note(samples.name(owner), "old") for owner in ("a.example", "b.example"))
    changed, third = replace(first, text="new"), Note(samples.name("c.example"), "old")
    committed = State(1, (first, second))
    draft = Draft(committed)
    assert list(draft.entities(Note)) == [first, second]
    writes = (Write(first, changed), Write(second, None), Write(None, third))
    draft.apply(2, writes)
    assert list(committed.entities(Note)) == [first, second]
    copied = committed.copy()
    committed.apply(2, writes)
    for view in (draft, committed):
        assert list(view.entities(Note)) == [changed, third]
        assert view.entity(Note, first.owner) == changed
        assert view.entity(Note, second.owner) is None
    assert list(copied.entities(Note)) == [first, second]


@given(COMMANDS)
def test_a_draft_reads_like_the_state_after_its_commit(commands: list[Mutation]) -> None:
    """This holds after each of any commands; the state below the draft does not change."""
    base, committed = start(), start()
    draft = Draft(base)
    for now, command in enumerate(commands):
        outcomes = []
        for view in (draft, committed):
            try:
                outcomes.append(carried_out(view, command, float(now)))
            except Rejected as refused:
                outcomes.append(str(refused))
        assert outcomes[0] == outcomes[1]
        ids = ids_of(base, draft, committed)
        assert read(draft, ids) == read(committed, ids)
    assert read(base, ids_of(base)) == read(start(), ids_of(base))


@given(COMMANDS, COMMANDS)
def test_a_draft_of_a_changed_state_reads_like_the_state_after_its_commit(
    before: list[Mutation], after: list[Mutation]
) -> None:
    base, committed = start(), start()
    attempt(base, before)
    attempt(committed, before)
    draft = Draft(base)
    assert attempt(draft, after) == attempt(committed, after)
    ids = ids_of(base, draft, committed)
    assert read(draft, ids) == read(committed, ids)


def test_a_draft_has_each_stored_record_once() -> None:
    base = start()
    origin = ZONES[0].origin
    stored = [
        StoredRecords(origin, origin.child(label), (RRset(1, 60, (Opaque(bytes(4)),)),))
        for label in ("a", "b", "c")
    ]
    base.apply(11, [Write(None, one) for one in stored])
    changed = replace(stored[1], rrsets=(RRset(1, 30, (Opaque(bytes(4)), Opaque(b"1234"))),))
    draft = Draft(base)
    draft.apply(12, [Write(stored[0], None), Write(stored[1], changed)])
    assert sorted(draft.stored_records(origin), key=str) == [changed, stored[2]]
    assert draft.stored_count(origin) == 3
    assert list(base.stored_records(origin)) == stored


@given(COMMANDS)
def test_a_loaded_state_reads_like_the_stored_one(
    commands: list[Mutation],
) -> None:
    """Indexes that changes have updated equal those that a start builds."""
    lived = start()
    writes = [write for writes in attempt(lived, commands) for write in writes]
    tombstones = [w.after for w in writes if isinstance(w.after, samples.Tombstone)]
    account = lived.account("https://ca")
    entities = (
        *lived.serials(),
        *lived.applications(),
        *lived.groups(),
        *tombstones,
        *lived.certificates(),
        *lived.orders(),
        *([account] if account is not None else []),
        *lived.all_resolved(),
        *lived.entities(Freshness),  # not stored in fact
        *lived.flags(),
        *lived.entities(StoredRecords),
    )
    loaded = State(lived.revision, entities, lived.zones, lived.settings)
    ids = ids_of(lived)
    assert read(loaded, ids) == read(lived, ids)


@given(COMMANDS, COMMANDS)
def test_a_copy_does_not_change_when_the_state_does(
    before: list[Mutation], after: list[Mutation]
) -> None:
    """A long `status` is read from a copy while commands change the state."""
    view = start()
    attempt(view, before)
    ids = ids_of(view)
    copy, known = view.copy(), read(view, ids)
    assert read(copy, ids) == known
    attempt(view, after)
    assert read(copy, ids) == known
    ids = ids_of(view)
    later, known_later = view.copy(), read(view, ids)
    attempt(view, before)
    assert read(later, ids) == known_later


@given(COMMANDS, COMMANDS)
def test_a_copied_state_changes_like_one_that_was_not_copied(
    before: list[Mutation], after: list[Mutation]
) -> None:
    view, other = start(), start()
    attempt(other, before)
    attempt(view, before)
    view.copy()
    attempt(view, after[: len(after) // 2])
    view.copy()
    attempt(view, after[len(after) // 2 :])
    attempt(other, after[: len(after) // 2])
    attempt(other, after[len(after) // 2 :])
    ids = ids_of(view, other)
    assert read(view, ids) == read(other, ids)


def test_a_copy_keeps_the_groups_of_an_application() -> None:
    view = samples.shop()
    copy = view.copy()
    carry_out(view, AddGroup("blog", label="blog", primary="eu"))
    carry_out(view, SetGroup("shop", backup=""))
    assert [found.name for found in copy.following("app-eu")] == ["shop"]
    assert [copy.attachments(id_) for id_ in ("app-eu", "app-us")] == [(1, 1), (1, 0)]
    assert [view.attachments(id_) for id_ in ("app-eu", "app-us")] == [(2, 2), (0, 0)]
    later = view.copy()
    carry_out(view, AddGroup("wiki", label="wiki", primary="eu"))
    assert {found.name for found in later.following("app-eu")} == {"shop", "blog"}


@pytest.mark.parametrize("laid", [False, True], ids=["committed", "drafted"])
def test_changed_entities_keep_their_place_in_the_order_of_creation(laid: bool) -> None:
    base = state(samples.eu(), samples.us(), group("a"), group("b"))
    view = Draft(base) if laid else base
    for command in (
        RenameApplication("eu", "europe"),
        AddApplication("asia"),
        SetGroup("a", ttl=5),
        AddGroup("c", label="c"),
    ):
        carry_out(view, command)
    assert [found.name for found in view.applications()] == ["europe", "us", "asia"]
    assert [found.name for found in view.groups()] == ["a", "b", "c"]


def test_a_draft_does_not_change_the_state_below() -> None:
    base = samples.shop()
    draft = Draft(base)
    carry_out(draft, Switch(("shop",)))
    carry_out(draft, Configure((*base.zones, samples.zone("failover.example"))))
    assert samples.answers(draft) == ["A 198.51.100.1"]
    assert samples.answers(base) == ["A 192.0.2.1"]
    assert (base.revision, draft.revision) == (10, 12)
    assert (len(base.zones), len(draft.zones)) == (1, 2)


def test_a_removed_group_is_found_only_by_its_retired_label() -> None:
    view = state(samples.eu(), group(primary=None, backup=None))
    carry_out(view, RemoveGroup("shop"))
    assert view.group("grp-shop") is None
    assert view.group_named("shop") is None
    assert list(view.groups()) == []
    assert view.label_owner(samples.name("failover.test"), samples.LABEL) == samples.tombstone(
        samples.LABEL, "shop"
    )
