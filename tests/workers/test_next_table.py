"""A reload by difference, or by a next table, ends in the table that a new start would have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from random import Random
from typing import Any

import drawn
import pytest
import samples
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import name
from tables import served

from failoverdns.changes.comparing import STEP, compare
from failoverdns.changes.draft import Draft
from failoverdns.changes.hiding import MOST
from failoverdns.changes.state import State
from failoverdns.changes.transitions import transition_of
from failoverdns.model.change import Delta, StaticDifference
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.certificates import SetChallenges
from failoverdns.model.commands.groups import AddGroup, RemoveGroup
from failoverdns.model.commands.records import NewRecord, RemoveRecords, StoreRecords
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.principal import unix_principal
from failoverdns.model.records import TXT, A, Opaque, OwnedRRset
from failoverdns.model.zone import NameServer, Reveal, Zone
from failoverdns.protocol.table.deltas import write_delta, write_swap
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.rules.deciding import decide
from failoverdns.workers.full_table import next_parts, parts

WHO = unix_principal(0, 1, "failoverdns")
ORIGINS = ("failover.test", "second.example")
LABELS = (
    *("www", "a.b", "b", "ns1", "_acme-challenge.www", "_acme-challenge", "deep.er.www"),
    *("*", "*.shop", "*.eu"),
)


@st.composite
def zones_drawn(draw: Any, origin: str) -> Zone:
    """Draw a zone with few names, so that two of them have names in common."""
    owners = draw(st.lists(st.sampled_from(LABELS), unique=True, max_size=len(LABELS)))
    kinds = {owner: draw(st.sampled_from([TXT, A])) for owner in owners}
    records = tuple(
        OwnedRRset(
            name(f"{owner}.{origin}"),
            kind,
            draw(st.sampled_from([60, 300, 3600])),
            (Opaque(b"\1x" if kind == TXT else b"\xc0\0\2\x35"),),
        )
        for owner, kind in kinds.items()
    )
    inside = draw(st.booleans()) and kinds.get("ns1") != A
    server = NameServer(name(f"ns1.{origin}"), (ip_address("192.0.2.53"),))
    return Zone(
        name(origin),
        (server if inside else NameServer(name("ns.other.example")),),
        name(f"hostmaster.{origin}"),
        draw(st.sampled_from([60, 30])),
        draw(st.sampled_from([60, 5])),
        records,
        draw(st.sampled_from([None, None, *ALIASES])),
        reveal=Reveal(*draw(st.tuples(st.booleans(), st.booleans()))),
    )


ALIASES = (name("lb.example"), name(samples.HOSTNAME), name("www.failover.test"))
CONFIGURATIONS = st.tuples(
    zones_drawn(ORIGINS[0]),
    st.none() | zones_drawn(ORIGINS[1]),
    st.none() | st.just(drawn.ALIASED[2]),
).map(lambda found: tuple(zone for zone in found if zone is not None))


def carry(view: State, command: Mutation, now: float) -> Delta:
    """Carry out a command; return its delta.  Raises Rejected."""
    draft = Draft(view)
    decision = decide(draft, command, Moment(now, now), Random(0))
    if not decision.changes(draft):
        return Delta()
    made = transition_of(draft, decision, now, WHO, {})
    if made.change is not None:
        view.apply(made.change.revision, made.change.writes, made.zones, made.settings)
    view.apply(view.revision, made.fleeting, settings=made.settings)
    return made.delta


def filled(view: State) -> PythonTable:
    """Return the table of a new start."""
    table = PythonTable()
    for part in parts(view):
        table.apply(part)
    return table


class _Reload:
    """A reload of a state in steps; commands may be carried out between them."""

    def __init__(self, view: State, zones: tuple[Zone, ...]) -> None:
        self.view, self.zones = view, zones
        self.present, self.next = filled(view), PythonTable()
        self.published: set[DomainName] = set()
        self.now = 1000.0

    def steps(self) -> Iterator[None]:
        """Compare, and fill the next table."""
        self.difference: StaticDifference = yield from compare(
            self.view, self.zones, self.published
        )
        for part in next_parts(self.view, self.zones, self.difference.own_names):
            self.next.apply(part)
            yield

    def do(self, command: Mutation) -> None:
        """Carry out a command, in both tables."""
        self.now += 1
        try:
            delta = carry(self.view, command, self.now)
        except Rejected:
            return
        self.published.update(node.owner for node in delta.nodes)
        self.published.update(delta.removed)
        for table in (self.present, self.next):
            table.apply(write_delta(delta))

    def commit(self) -> None:
        """Configure the zones; raises Rejected."""
        command = Configure(self.zones, self.view.settings, static=self.difference)
        delta = carry(self.view, command, self.now + 1)
        self.present.apply(write_delta(delta))
        self.next.apply(write_swap(delta))


@settings(deadline=None)
@given(CONFIGURATIONS, CONFIGURATIONS, st.lists(drawn.commands((samples.zone(),)), max_size=6))
def test_the_present_and_the_next_table_become_that_of_a_new_start(
    old: tuple[Zone, ...], new: tuple[Zone, ...], commands: list[list[Mutation]]
) -> None:
    view = drawn.start(old[0])
    try:
        carry(view, Configure(old, view.settings), 500.0)
    except Rejected:
        return
    reload = _Reload(view, new)
    rest = [command for some in commands for command in some if not isinstance(command, Configure)]
    try:
        for _ in reload.steps():
            if rest:
                reload.do(rest.pop(0))
        for command in rest:
            reload.do(command)
        reload.commit()
    except Rejected:
        with pytest.raises(Rejected):
            decide(view, Configure(new, view.settings), Moment(9e3, 9e3), Random(0))
        return
    assert served(reload.present) == served(filled(view))
    assert served(reload.next) == served(filled(view))


STORING = st.lists(
    drawn.about_records(tuple(map(name, ORIGINS)))
    | st.builds(SetChallenges, st.just("ord-eu"), drawn.CHALLENGES),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(CONFIGURATIONS, CONFIGURATIONS, STORING, STORING, STORING)
def test_stored_records_are_served_through_a_reload_as_after_a_new_start(
    old: tuple[Zone, ...],
    new: tuple[Zone, ...],
    before: list[Mutation],
    meanwhile: list[Mutation],
    after: list[Mutation],
) -> None:
    """Whether they are added or removed before the reload, during it, or after it."""
    view = samples.state(samples.eu(), samples.group(backup=None), samples.order("eu"), zones=[])
    try:
        carry(view, Configure(old, view.settings), 500.0)
    except Rejected:
        return
    reload = _Reload(view, new)
    for command in before:
        reload.do(command)
    reload.published, reload.next = set(), PythonTable()
    assert served(reload.present) == served(filled(view))
    try:
        for _ in reload.steps():
            if meanwhile:
                reload.do(meanwhile.pop(0))
        for command in meanwhile:
            reload.do(command)
        reload.commit()
    except Rejected:
        return
    for command in (None, *after):
        if command is not None:
            reload.do(command)
        assert served(reload.present) == served(filled(view))
        assert served(reload.next) == served(filled(view))


def test_a_reload_tells_what_new_records_hide_from_a_stored_wildcard() -> None:
    new = samples.zone(records=(text("_dmarc.www"),))
    reload = _Reload(samples.state(), (new,))
    reload.do(StoreRecords(new.origin, (NewRecord(name("*.failover.test"), A, 60, bytes(4)),)))
    list(reload.steps())
    (warning,) = reload.difference.hidden
    assert warning.startswith("no wildcard answers at www.failover.test any more")


def test_a_stored_record_that_comes_and_goes_during_a_reload_leaves_the_new_records() -> None:
    """Its removal restores, in both tables, what the present configuration has at its name."""
    old, new = samples.zone(records=(text("www"), text("gone"))), samples.zone(records=())
    reload = _Reload(samples.state(zones=[old]), (new,))
    for _ in reload.steps():
        pass
    for owner in ("www", "gone"):
        record = NewRecord(name(f"{owner}.failover.test"), A, 60, bytes(4))
        reload.do(StoreRecords(new.origin, (record,)))
    reload.do(RemoveRecords(new.origin, name("gone.failover.test")))
    reload.commit()
    assert served(reload.present) == served(filled(reload.view))
    assert served(reload.next) == served(filled(reload.view))


def text(owner: str) -> OwnedRRset:
    """Return a record of a large zone."""
    return samples.text_record(f"{owner}.failover.test")


def test_only_names_that_differ_are_in_the_difference() -> None:
    old = samples.zone(records=tuple(text(f"h{n}") for n in range(3 * STEP)))
    new = samples.zone(records=(*old.records, text("one")))
    reload = _Reload(samples.state(zones=[old]), (new,))
    steps = sum(1 for _ in reload.steps())
    assert steps > 6
    assert reload.difference.names == 1
    assert len(b"".join(reload.difference.served)) < 100


def test_a_group_that_is_added_during_the_comparison_is_noticed() -> None:
    """Its name was compared already when it was added."""
    new = samples.zone(records=(text("www"), text("other")))
    reload = _Reload(samples.state(samples.eu()), (new,))
    for _ in reload.steps():
        pass
    reload.do(AddGroup("www", label="www", primary="eu", zone=new.origin))
    with pytest.raises(Rejected, match="has records, but belongs to group 'www'"):
        reload.commit()


def test_all_that_excludes_a_group_at_the_apex_is_told_with_other_faults() -> None:
    apex = samples.group("apex", label="@", flatten=True)
    address = OwnedRRset(name("failover.test"), A, 60, samples.addresses("192.0.2.80"))
    new = samples.zone(records=(address, text("primary")))
    reload = _Reload(samples.state(samples.eu(), samples.us(), apex), (new,))
    told = r"group 'apex': failover.test has A or AAAA .*; primary.failover.test has records, but"
    with pytest.raises(Rejected, match=told):
        list(reload.steps())


def test_a_group_at_the_apex_that_is_added_during_the_comparison_is_noticed() -> None:
    for label, record in (("@", "primary"), ("www", "www")):
        new = samples.zone(records=(text(record),))
        reload = _Reload(samples.state(samples.eu()), (new,))
        for _ in reload.steps():
            pass
        reload.do(AddGroup("late", label=label, primary="eu", zone=new.origin))
        with pytest.raises(Rejected, match="has records, but belongs to group 'late'"):
            reload.commit()


def test_very_many_names_of_groups_are_not_all_reported() -> None:
    groups = [samples.group(f"g{n}") for n in range(150)]
    new = samples.zone(records=tuple(text(f"g{n}") for n in range(150)))
    reload = _Reload(samples.state(samples.eu(), samples.us(), *groups), (new,))
    with pytest.raises(Rejected, match=r"belongs to group 'g0'; .*; and 50 more"):
        list(reload.steps())


def test_a_zone_that_changes_between_two_parts_of_a_table_is_filled_as_it_is_then() -> None:
    old = samples.zone(records=tuple(text(f"h{n}") for n in range(2500)))
    new = replace(old, records=(*tuple(old.records)[:2000], text("late")))
    view = samples.state(zones=[old])
    table = PythonTable()
    waiting = parts(view)
    for _ in range(3):
        table.apply(next(waiting))
    table.apply(write_delta(carry(view, Configure((new,), view.settings), 500.0)))
    for part in waiting:
        table.apply(part)
    assert served(table) == served(filled(view))


@pytest.mark.parametrize(
    ("old", "new", "hidden"),
    [
        (["*"], ["*", "_dmarc.www"], {"www": "_dmarc.www"}),
        (["*"], ["*", "a.b.www"], {"b.www": "a.b.www", "www": "a.b.www"}),
        (["*"], ["*", "www", "_dmarc.www"], {}),
        (["*", "x.www"], ["*", "x.www", "_dmarc.www"], {}),
        (["*"], ["*", "_sip._tcp"], {}),
        ([], ["*", "_dmarc.www"], {}),
        (["*"], ["_dmarc.www"], {}),
        (["*.b"], ["*.b", "a.www", "c.d.b"], {"d.b": "c.d.b"}),
        (["*"], ["*", "_dmarc.shop", "_dmarc.gone", "_dmarc.eu"], {}),
        (["*", "w"], ["*", "_x.w"], {}),
    ],
)
def test_a_reload_tells_the_names_that_new_records_hide_from_a_wildcard(
    old: list[str], new: list[str], hidden: dict[str, str]
) -> None:
    """A name that has records itself, or an underscore, is expected to be hidden."""
    before, after = (samples.zone(records=tuple(map(text, owners))) for owners in (old, new))
    groups = samples.group(label="shop"), samples.tombstone("gone")
    reload = _Reload(samples.state(samples.eu(), samples.us(), *groups, zones=[before]), (after,))
    for _ in reload.steps():
        pass
    assert reload.difference.hidden == tuple(
        f"no wildcard answers at {name}.failover.test any more, because {owner}.failover.test is "
        "below it now (RFC 4592)"
        for name, owner in hidden.items()
    )


def test_very_many_hidden_names_are_not_all_told() -> None:
    zones = [
        samples.zone(records=tuple(map(text, ["*", *(f"_a.h{n}" for n in range(m))])))
        for m in (0, MOST + 2)
    ]
    reload = _Reload(samples.state(zones=zones[:1]), (zones[1],))
    for _ in reload.steps():
        pass
    assert len(reload.difference.hidden) == MOST + 1
    assert reload.difference.hidden[-1] == "and so it is with 2 more names of failover.test"


@pytest.mark.parametrize("step", range(12))
def test_an_empty_group_that_is_removed_while_a_table_is_filled_keeps_its_marker(
    step: int,
) -> None:
    """The marker of the group and that of the retired label are the same, so no delta has it."""
    zone = samples.zone(records=(text("*"), text("*.empty")))
    empty = samples.group("empty", None, None)
    reload = _Reload(samples.state(empty, zones=[zone]), (replace(zone, ttl=30),))
    for number, _ in enumerate(reload.steps()):
        if number == step:
            reload.do(RemoveGroup("empty"))
    reload.commit()
    assert served(reload.next) == served(reload.present) == served(filled(reload.view))
