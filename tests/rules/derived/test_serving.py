"""The records that every name answers with, and which names a change affects."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import drawn
import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from samples import HOSTNAME, answers, application, carried_out, group, state

from failoverdns.changes.state import State
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Delta, Node, Write
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    AddApplication,
    AddHead,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetHead,
)
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup, Switch
from failoverdns.model.commands.server import Configure, LearnAnswer
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Side
from failoverdns.model.names import DomainName
from failoverdns.model.records import MARKER, A, OwnedRRset
from failoverdns.model.resolution import Answer
from failoverdns.protocol.table.deltas import write_rrsets, write_stored_rrsets
from failoverdns.rules.derived.affected_names import Touched, difference, touched
from failoverdns.rules.derived.serving import all_nodes, nodes_in_parts

ZONES = (
    samples.zone(records=(samples.text_record("www.failover.test"),)),
    samples.zone(negative_ttl=10),
    samples.zone("failover.example"),
)
ADDRESS = OwnedRRset(samples.name("www.failover.test"), A, 300, samples.addresses("192.0.2.80"))
DRAWN = (
    *ZONES,
    samples.zone(records=(ADDRESS,)),
    samples.zone(alias=samples.name("lb.example")),
    *drawn.ALIASED,
)
SECOND = samples.zone("failover.example", nameservers=ZONES[0].nameservers)
BALANCER = HeadRole.LOAD_BALANCER
EU, US = ["A 192.0.2.1"], ["A 198.51.100.1"]


@pytest.mark.parametrize(
    ("active", "answer"), [(Side.PRIMARY, EU), (Side.BACKUP, US)], ids=["primary", "backup"]
)
def test_each_side_has_its_own_name_whichever_is_active(active: Side, answer: list[str]) -> None:
    """So an operator can test the backup before a switch, and the primary before a fail-back."""
    view = samples.shop(active=active)
    assert answers(view) == answer
    assert answers(view, f"primary.{HOSTNAME}") == EU
    assert answers(view, f"backup.{HOSTNAME}") == US


@pytest.mark.parametrize(
    "primary",
    [
        pytest.param(None, id="no application"),
        pytest.param("empty", id="an application without heads"),
    ],
)
def test_the_names_of_a_group_without_targets_answer_nodata(primary: str | None) -> None:
    """Never NXDOMAIN: the names exist, and have no records."""
    view = state(application("empty"), group(primary=primary, backup=None))
    for at in ("", "primary.", "backup."):
        assert answers(view, f"{at}{HOSTNAME}") == []
        [rrset] = samples.node_table(view)[samples.name(f"{at}{HOSTNAME}")].rrsets
        assert (rrset.rtype, rrset.ttl) == (MARKER, 60)


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        pytest.param([], "none", id="in no group"),
        pytest.param([group("a", "eu", None)], "online", id="active in a group"),
        pytest.param([group("a", "us", "eu")], "offline", id="the inactive side"),
        pytest.param([group("a", "us", "eu", active=Side.BACKUP)], "online", id="switched to"),
        pytest.param([group("a", "eu", "us", active=Side.BACKUP)], "offline", id="switched away"),
        pytest.param(
            [group("a", "us", "eu"), group("b", "eu", "us")], "online", id="active in one of two"
        ),
        pytest.param(
            [group("a", "us", "eu"), group("b", "us", "eu")], "offline", id="active in none of two"
        ),
    ],
)
def test_every_zone_answers_for_the_role_of_an_application(
    groups: list[samples.Group], role: str
) -> None:
    zones = [samples.zone(), samples.zone("failover.example")]
    view = state(samples.eu(), samples.us(), *groups, zones=zones)
    assert answers(view, "_status.eu.failover.test") == [f"TXT {role}"]
    assert answers(view, "_status.eu.failover.example") == [f"TXT {role}"]


def test_every_name_that_is_served() -> None:
    zones = [samples.zone(records=(samples.text_record("www.failover.test"),))]
    view = state(samples.eu(), samples.us(), group(), zones=zones)
    assert samples.served(view) == {
        "failover.test": ["NS ns1.failover.test"],
        "ns1.failover.test": ["A 192.0.2.53"],
        "www.failover.test": ["TXT 026869"],
        "_status.eu.failover.test": ["TXT online"],
        "_status.us.failover.test": ["TXT offline"],
        "414-262-781.failover.test": ["A 192.0.2.1"],
        "primary.414-262-781.failover.test": ["A 192.0.2.1"],
        "backup.414-262-781.failover.test": ["A 198.51.100.1"],
    }


@pytest.mark.parametrize(
    ("of_group", "of_zone", "negative"),
    [
        pytest.param(60, 60, 60, id="both the same"),
        pytest.param(300, 60, 60, id="the zone's, where the group's TTL is longer"),
        pytest.param(5, 60, 5, id="at most the group's TTL"),
        pytest.param(0, 60, 0, id="nothing is cached with a TTL of 0"),
    ],
)
def test_the_negative_ttl_of_a_group_is_at_most_its_ttl(
    of_group: int, of_zone: int, negative: int
) -> None:
    zones = [samples.zone(ttl=3600, negative_ttl=of_zone)]
    view = state(samples.eu(), group(backup=None, ttl=of_group), zones=zones)
    table = samples.node_table(view)
    for at in ("", "primary.", "backup."):
        node = table[samples.name(f"{at}{HOSTNAME}")]
        assert node.negative_ttl == negative
        assert all(records.ttl == of_group for records in node.rrsets)


def difference_made(view: State, *commands: Mutation) -> Delta:
    """The delta of the last of these commands."""
    delta = Delta()
    for command in commands:
        delta = carried_out(view, command)[2]
    return delta


def altered(delta: Delta) -> list[str]:
    """The names that a delta replaces or removes."""
    return sorted(str(owner) for owner in (*(node.owner for node in delta.nodes), *delta.removed))


STANDBY = AddHead("eu", "lb2", BALANCER, samples.addresses("192.0.2.2"), standby=True)
SHOP = {at: f"{at}{HOSTNAME}" for at in ("", "primary.", "backup.")}


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param([STANDBY], id="adding a load balancer on standby"),
        pytest.param(
            [AddHead("eu", "web1", HeadRole.WEB_SERVER, samples.addresses("192.0.2.11"))],
            id="adding a web server behind a load balancer",
        ),
        pytest.param([STANDBY, RemoveHead("eu", "lb2")], id="removing a standby"),
        pytest.param(
            [STANDBY, SetHead("eu", "lb2", samples.addresses("192.0.2.3"))], id="moving a standby"
        ),
        pytest.param(
            [AddHead("eu", "lb2", BALANCER, samples.addresses("192.0.2.1"))],
            id="a new load balancer with the same address",
        ),
        pytest.param([RenameHead("eu", "lb1", "edge")], id="renaming a head that has addresses"),
        pytest.param([RenameGroup("shop", "store")], id="renaming a group"),
        pytest.param([Switch(("shop",), Side.PRIMARY)], id="a switch to the active side"),
        pytest.param([Switch(("shop",), dry_run=True)], id="a dry run"),
        pytest.param([SetGroup("shop", ttl=60)], id="setting the TTL that it has"),
        pytest.param([Configure((samples.zone(),))], id="configuring the same zones"),
    ],
)
def test_a_change_that_alters_no_answer_affects_no_name(commands: list[Mutation]) -> None:
    """So the serial numbers do not change, and secondaries have nothing to transfer."""
    assert difference_made(samples.shop(), *commands) == Delta()


@pytest.mark.parametrize(
    ("command", "names"),
    [
        pytest.param(
            Switch(("shop",)),
            [SHOP[""], "_status.eu.failover.test", "_status.us.failover.test"],
            id="a switch: the hostname and who is online",
        ),
        pytest.param(
            AddHead("eu", "lb2", BALANCER, samples.addresses("192.0.2.2")),
            [SHOP[""], SHOP["primary."]],
            id="a head of the primary: the hostname and the primary's name",
        ),
        pytest.param(
            SetHead("us", "lb1", samples.addresses("198.51.100.9")),
            [SHOP["backup."]],
            id="a head of the inactive backup: its name only",
        ),
        pytest.param(
            SetGroup("shop", ttl=5), list(SHOP.values()), id="the TTL: the names of the group"
        ),
        pytest.param(
            SetGroup("shop", backup=""),
            [SHOP["backup."], "_status.us.failover.test"],
            id="detaching the backup: its name and its role",
        ),
        pytest.param(
            AddApplication("asia"),
            ["_status.asia.failover.test"],
            id="a new application: its status",
        ),
        pytest.param(
            RenameApplication("eu", "uk"),
            ["_status.eu.failover.test", "_status.uk.failover.test"],
            id="another name for an application: its old and its new status",
        ),
        pytest.param(
            AddGroup("new", label="new", backup="eu"),
            ["new.failover.test", "primary.new.failover.test", "backup.new.failover.test"],
            id="a new group: its three names",
        ),
        pytest.param(
            RemoveGroup("free"),
            ["free.failover.test", "primary.free.failover.test", "backup.free.failover.test"],
            id="a group that is removed: its three names",
        ),
    ],
)
def test_a_change_affects_the_names_whose_answers_it_alters(
    command: Mutation, names: list[str]
) -> None:
    others = group("free", None, None), group("blog", "blog", None)
    view = state(samples.eu(), samples.us(), application("blog"), group(), *others)
    assert altered(difference_made(view, command)) == sorted(names)


def test_a_change_of_a_zone_affects_that_zone_and_no_group() -> None:
    old = samples.zone(records=(samples.text_record("old.failover.test"),))
    new = replace(old, records=(samples.text_record("new.failover.test"),))
    other = samples.zone("failover.example")
    view = state(samples.eu(), group(backup=None), zones=[old, other])
    delta = difference_made(view, Configure((new, other)))
    assert altered(delta) == ["new.failover.test", "old.failover.test"]
    assert [str(owner) for owner in delta.removed] == ["old.failover.test"]


def test_another_negative_ttl_of_a_zone_affects_its_groups() -> None:
    view = samples.shop(ttl=60)
    delta = difference_made(view, Configure((samples.zone(negative_ttl=10),)))
    assert {node.negative_ttl for node in delta.nodes} == {10}
    assert set(SHOP.values()) <= set(altered(delta))


def test_a_change_touches_only_the_entities_that_it_may_alter() -> None:
    """So its cost does not depend on the size of the state."""
    other = samples.zone("failover.example")
    blog = group("blog", "us", None, zone=other.origin)
    view = state(samples.eu(), samples.us(), group(), blog, zones=[ZONES[0], other])
    eu, us = samples.eu(), samples.us()
    renamed, moved = replace(eu, name="uk"), replace(us, heads=(), active=None)
    nothing: frozenset[str] = frozenset()
    assert touched(view, [Write(eu, renamed)], None) == Touched(nothing, {"app-eu"}, nothing)
    assert touched(view, [Write(us, moved)], None) == Touched(
        {"grp-shop", "grp-blog"}, {"app-us"}, nothing
    )
    assert touched(view, [], (ZONES[0], other)) == Touched(nothing, nothing, nothing)
    assert touched(view, [], (replace(ZONES[0], records=()), other)) == Touched(
        nothing, nothing, {ZONES[0].origin}
    )
    assert touched(view, [], (replace(ZONES[0], ttl=5), other)) == Touched(
        nothing, nothing, {ZONES[0].origin}, statuses={ZONES[0].origin}
    )
    assert touched(view, [], (replace(ZONES[0], negative_ttl=5), other)) == Touched(
        {"grp-shop"}, nothing, {ZONES[0].origin}, statuses={ZONES[0].origin}
    )


def test_the_difference_between_equal_nodes_is_empty() -> None:
    table = samples.node_table(samples.shop())
    assert difference(table, dict(table)) == Delta()
    assert difference({}, table) == Delta(nodes=tuple(table.values()))
    assert difference(table, {}) == Delta(removed=tuple(table))


@given(drawn.commands(DRAWN))
def test_the_deltas_of_any_changes_lead_to_the_same_nodes_as_a_restart(
    commands: list[Mutation],
) -> None:
    """The nodes published change by change equal those that a restart publishes at once."""
    view, random = drawn.start(ZONES[0], *drawn.ALIASED), Random(0)
    table: dict[DomainName, Node] = samples.node_table(view)
    for now, command in enumerate(commands):
        try:
            _, _, delta = carried_out(view, command, float(now), random)
        except Rejected:
            continue
        for owner in delta.removed:
            del table[owner]
        table.update((node.owner, node) for node in delta.nodes)
        assert table == samples.node_table(view)


def take(table: dict[DomainName, Node], delta: Delta) -> None:
    """Apply a delta to a table; it may remove names that are not there."""
    for owner in delta.removed:
        table.pop(owner, None)
    table.update((node.owner, node) for node in delta.nodes)


@given(drawn.commands(DRAWN), st.lists(st.integers(0, 2), min_size=30, max_size=30))
def test_parts_and_the_deltas_between_them_lead_to_the_same_nodes_as_a_restart(
    commands: list[Mutation], paces: list[int]
) -> None:
    """So a worker that is filled during changes ends up with the same table as the others."""
    view, random = drawn.start(ZONES[0], *drawn.ALIASED), Random(0)
    table: dict[DomainName, Node] = {}
    parts = nodes_in_parts(view, 1)
    for now, (command, pace) in enumerate(zip(commands, paces, strict=False)):
        for part in islice(parts, pace):
            take(table, Delta(tuple(part)))
        try:
            _, _, delta = carried_out(view, command, float(now), random)
        except Rejected:
            continue
        take(table, delta)
    for part in parts:
        take(table, Delta(tuple(part)))
    assert table == samples.node_table(view)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(Switch(("shop",)), id="a switch"),
        pytest.param(RenameApplication("eu", "uk"), id="another name for an application"),
        pytest.param(SetHead("us", "lb1", samples.addresses("198.51.100.9")), id="a head"),
        pytest.param(RemoveGroup("free"), id="a group that is removed"),
        pytest.param(
            AddGroup("new", ZONES[0].origin, "new", None, "eu"), id="a group that is added"
        ),
        pytest.param(Configure((ZONES[1], ZONES[2])), id="another negative TTL, no records"),
        pytest.param(Configure((ZONES[0], SECOND)), id="a name server of the second zone"),
        pytest.param(Configure((ZONES[0],)), id="zones that are removed"),
        pytest.param(Switch(("apex",)), id="a switch at the apex"),
        pytest.param(SetGroup("apex", ttl=5), id="a TTL at the apex"),
        pytest.param(
            Configure((*ZONES[1:], samples.zone("third.example"))), id="a zone that is added"
        ),
    ],
)
@pytest.mark.parametrize("taken", range(12))
def test_a_change_between_any_two_parts_leads_to_the_same_nodes_as_a_restart(
    command: Mutation, taken: int
) -> None:
    groups = group(), group("free", None, None), group("apex", label="@", flatten=True)
    zones = [ZONES[0], ZONES[2], *drawn.ALIASED[:2]]
    view = state(samples.eu(), samples.us(), *groups, zones=zones)
    table: dict[DomainName, Node] = {}
    parts = nodes_in_parts(view, 1)
    for part in islice(parts, taken):
        take(table, Delta(tuple(part)))
    take(table, carried_out(view, command)[2])
    for part in parts:
        take(table, Delta(tuple(part)))
    assert table == samples.node_table(view)


@pytest.mark.parametrize("taken", range(9))
def test_a_label_that_is_retired_between_two_parts_is_in_one_of_them(taken: int) -> None:
    """Below a wildcard it answers as the empty group did, so no delta has it."""
    wild = samples.zone(records=(samples.text_record("*.failover.test"),))
    view = state(samples.eu(), group("free", None, None), zones=[wild])
    table: dict[DomainName, Node] = {}
    parts = nodes_in_parts(view, 1)
    for part in islice(parts, taken):
        take(table, Delta(tuple(part)))
    take(table, carried_out(view, RemoveGroup("free"))[2])
    for part in parts:
        take(table, Delta(tuple(part)))
    assert table == samples.node_table(view)


def test_a_part_has_the_given_number_of_static_names_applications_or_groups() -> None:
    """A group has three names."""
    groups = [group(f"g{number}", "eu", None) for number in range(5)]
    view = state(samples.eu(), *groups, zones=[ZONES[0]])
    sizes = [len(part) for part in nodes_in_parts(view, 2)]
    assert sizes == [2, 1, 1, 6, 6, 3, 0]
    assert [node for part in nodes_in_parts(view, 2) for node in part] == list(all_nodes(view))


CLOUD = application("cloud", samples.balancer("lb", hostname="lb.example"), active="lb")
NEAR, FAR = (Answer(samples.addresses(text), (), 60) for text in ("192.0.2.7", "192.0.2.8"))
LB = samples.name("lb.example")


def following(flatten: bool) -> State:
    """Four groups that all follow one hostname."""
    groups = [group(f"g{n}", "cloud", None, flatten=flatten) for n in range(4)]
    view = state(CLOUD, *groups, zones=[ZONES[0]])
    carried_out(view, LearnAnswer(LB, NEAR, 30))
    return view


@pytest.mark.parametrize("flatten", [False, True], ids=["plain", "flattened"])
def test_names_that_answer_the_same_share_one_object(flatten: bool) -> None:
    """So its bytes are made once for very many groups."""
    rrsets = [part[0].rrsets for part in nodes_in_parts(following(flatten), 1) if part][3:]
    assert len({id(shared) for shared in rrsets}) == 1
    assert rrsets[0]


@pytest.mark.parametrize(
    ("flatten", "command", "before", "after"),
    [
        (
            False,
            SetHead("cloud", "lb", hostname="x.example"),
            "CNAME lb.example",
            "CNAME x.example",
        ),
        (True, LearnAnswer(LB, FAR, 30), "A 192.0.2.7", "A 192.0.2.8"),
        (True, SetHead("cloud", "lb", hostname="x.example"), "A 192.0.2.7", "CNAME x.example"),
    ],
    ids=["another head", "another address", "another head, flattened"],
)
def test_names_do_not_share_an_answer_across_a_change(
    flatten: bool, command: Mutation, before: str, after: str
) -> None:
    view = following(flatten)
    parts = nodes_in_parts(view, 1)
    texts = [samples.node_texts(part[0]) for part in islice(parts, 5)]
    carried_out(view, command)
    texts += [samples.node_texts(part[0]) for part in parts if part]
    assert texts[3:] == [[before], [before], [after], [after]]


def test_another_ttl_of_an_answer_is_served_from_the_next_part_on() -> None:
    view = following(flatten=True)
    parts = nodes_in_parts(view, 1)
    *_, before = islice(parts, 4)
    carried_out(view, LearnAnswer(LB, NEAR, 20))
    after = next(parts)
    assert [part[0].rrsets[0].ttl for part in (before, after)] == [30, 20]


def test_another_ttl_of_an_answer_changes_nothing_in_zone_transfers() -> None:
    """The served TTL follows the resolvers; that of the zone at a serial is the group's."""
    view = following(flatten=True)
    before = [part[0].rrsets for part in nodes_in_parts(view, 1) if part][3:]
    carried_out(view, LearnAnswer(LB, NEAR, 20))
    after = [part[0].rrsets for part in nodes_in_parts(view, 1) if part][3:]
    assert [rrset.ttl for rrset in (before[0][0], after[0][0])] == [30, 20]
    assert [rrset.as_stored for rrset in before[0]] == [rrset.as_stored for rrset in after[0]]
    assert before[0][0].as_stored.ttl == 60
    assert write_stored_rrsets(before[0]) == write_stored_rrsets(after[0])
    assert write_rrsets(before[0]) != write_rrsets(after[0])
