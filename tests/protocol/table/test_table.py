"""The table knows which names exist; after any changes it equals one filled from scratch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import (
    TCP,
    UDP,
    addresses,
    ask,
    authority,
    lines,
    name,
    new_table,
    node,
    query,
    respond,
    table_of,
    zone,
)

from failoverdns.model.change import Delta, Node
from failoverdns.model.names import DomainName
from failoverdns.model.records import CNAME, NS, A, OwnedRRset, RRset
from failoverdns.protocol.table.deltas import write_delta, write_nodes, write_parts
from failoverdns.protocol.table.table import Table

ORIGIN = "failover.test"


def rcode(table: Table, owner: str, rtype: str = "A") -> str:
    """Return NXDOMAIN, NODATA, REFERRAL or DATA, for a name of the zone."""
    reply = ask(table, query(f"{owner}.{ORIGIN}" if owner else ORIGIN, rtype))
    if reply.rcode() != 0:
        return reply.rcode().name
    kinds = {rrset.rdtype for rrset in reply.authority}
    return "DATA" if reply.answer else "REFERRAL" if NS in kinds else "NODATA"


def put(*owners: str, reserved: bool = False) -> Delta:
    """Return the delta that adds names."""
    rrsets = () if reserved else (addresses("192.0.2.1"),)
    return Delta(nodes=tuple(node(f"{owner}.{ORIGIN}", ORIGIN, *rrsets) for owner in owners))


def take(*owners: str) -> Delta:
    """Return the delta that removes names."""
    return Delta(removed=tuple(name(f"{owner}.{ORIGIN}") for owner in owners))


def cut(*owners: str) -> Delta:
    """Return the delta that delegates names."""
    servers = RRset(NS, 60, (name("ns.example.net"),))
    return Delta(nodes=tuple(node(f"{owner}.{ORIGIN}", ORIGIN, servers) for owner in owners))


STORIES: list[tuple[str, list[Delta], dict[str, str]]] = [
    ("an empty zone", [], {"": "NODATA", "a": "NXDOMAIN"}),
    ("a name with records", [put("a")], {"a": "DATA", "b.a": "NXDOMAIN", "b": "NXDOMAIN"}),
    ("a reserved name", [put("a", reserved=True)], {"a": "NODATA", "b.a": "NXDOMAIN"}),
    ("names above a name exist", [put("c.b.a")], {"b.a": "NODATA", "a": "NODATA"}),
    (
        "and vanish with it",
        [put("c.b.a"), take("c.b.a")],
        {"c.b.a": "NXDOMAIN", "b.a": "NXDOMAIN", "a": "NXDOMAIN", "": "NODATA"},
    ),
    (
        "but not while they have another child",
        [put("c.b.a", "d.a"), take("c.b.a")],
        {"b.a": "NXDOMAIN", "a": "NODATA", "d.a": "DATA"},
    ),
    ("a name removed above others stays", [put("b.a", "a"), take("a")], {"a": "NODATA"}),
    (
        "parent removed first",
        [put("b.a", "a"), take("a", "b.a")],
        {"a": "NXDOMAIN", "b.a": "NXDOMAIN"},
    ),
    (
        "child removed first",
        [put("b.a", "a"), take("b.a", "a")],
        {"a": "NXDOMAIN", "b.a": "NXDOMAIN"},
    ),
    ("removed twice", [put("b.a"), take("b.a"), take("b.a", "a")], {"a": "NXDOMAIN"}),
    ("what was never there", [take("x.y")], {"x.y": "NXDOMAIN", "y": "NXDOMAIN"}),
    ("an empty non-terminal", [put("b.a"), take("a")], {"a": "NODATA", "b.a": "DATA"}),
    ("a name comes back", [put("b.a"), take("b.a"), put("b.a")], {"a": "NODATA", "b.a": "DATA"}),
    ("records go, the name stays", [put("a"), put("a", reserved=True)], {"a": "NODATA"}),
    ("a reserved name fills", [put("a", reserved=True), put("a")], {"a": "DATA"}),
    ("a zone cut hides names", [put("b.a"), cut("a")], {"b.a": "REFERRAL", "a": "REFERRAL"}),
    (
        "and shows them again when it goes",
        [cut("a"), put("b.a"), take("a")],
        {"b.a": "DATA", "a": "NODATA"},
    ),
    ("a cut that becomes a name", [put("b.a"), cut("a"), put("a")], {"b.a": "DATA", "a": "DATA"}),
    ("a cut below a cut", [put("c.b.a"), cut("b.a"), cut("a")], {"c.b.a": "REFERRAL"}),
    (
        "the lower cut stays",
        [put("c.b.a"), cut("b.a", "a"), put("a")],
        {"c.b.a": "REFERRAL", "b.a": "REFERRAL", "a": "DATA"},
    ),
    ("a name put below a cut", [cut("a"), put("b.a")], {"b.a": "REFERRAL", "x.a": "REFERRAL"}),
    (
        "cut and name in one change",
        [replace(put("b.a"), nodes=put("b.a").nodes + cut("a").nodes)],
        {"b.a": "REFERRAL"},
    ),
    ("a wildcard", [put("*")], {"x": "DATA", "x.y": "DATA", "*": "DATA"}),
    ("a wildcard and a reserved name", [put("*"), put("a", reserved=True)], {"a": "NODATA"}),
    ("a wildcard and a name removed", [put("*", "b.a"), take("b.a")], {"b.a": "DATA", "a": "DATA"}),
    ("a wildcard removed", [put("*"), take("*")], {"x": "NXDOMAIN"}),
]


@pytest.mark.parametrize(
    ("deltas", "expected"), [pytest.param(*story[1:], id=story[0]) for story in STORIES]
)
def test_names_exist_as_long_as_something_needs_them(
    deltas: list[Delta], expected: dict[str, str]
) -> None:
    """Names exist while they have data, a reservation or names below them."""
    table = table_of(zone(ORIGIN), *deltas)
    assert {owner: rcode(table, owner) for owner in expected} == expected


@pytest.mark.parametrize("order", [1, -1], ids=["glue first", "delegation first"])
def test_names_below_a_zone_cut_are_not_answered_after_loading(order: int) -> None:
    """Glue is not an answer, in whatever order the configuration lists the records."""
    nodes = [*put("b.a").nodes, *cut("a").nodes]
    table = table_of(zone(ORIGIN))
    table.apply(write_nodes(nodes[::order]))
    assert rcode(table, "b.a") == "REFERRAL"


def test_a_referral_leads_to_the_highest_of_nested_cuts() -> None:
    """Names below a delegation belong to another server, and so do the delegations there."""
    table = table_of(zone(ORIGIN), cut("b.a", "a"))
    for owner in ("c.b.a", "b.a", "x.a"):
        [rrset] = ask(table, query(f"{owner}.{ORIGIN}")).authority
        assert rrset.name.to_text() == f"a.{ORIGIN}."


def test_the_table_is_empty_after_all_names_were_removed() -> None:
    """Adding and removing names for years does not fill the memory."""
    table = table_of(zone(ORIGIN))
    before = len(table)
    owners = ["c.b.a", "b.a", "x.*", "_status.app", "primary.shop", "shop"]
    table.apply(write_delta(put(*owners)))
    table.apply(write_delta(cut("b.a")))
    table.apply(write_delta(take(*owners)))
    assert len(table) == before


def test_a_new_serial_is_seen_in_every_negative_answer() -> None:
    """Every SOA record has the new serial, in ready answers and in others."""
    table = table_of(zone(ORIGIN), put("a"), put("b.c"))
    table.apply(write_delta(Delta(authorities=(authority(ORIGIN, 77),))))
    for owner, rtype in (("a", "TXT"), ("c", "A"), ("nothing", "A"), ("", "TXT")):
        reply = ask(table, query(f"{owner}.{ORIGIN}".lstrip("."), rtype))
        assert " 77 " in lines(reply.authority)[0]
    assert " 77 " in lines(ask(table, query(ORIGIN, "SOA")).answer)[0]


def test_dropping_a_zone_removes_all_its_names() -> None:
    """None of its names is answered, and other zones are unchanged."""
    table = table_of(zone(ORIGIN, "a A 192.0.2.1\nb NS ns.b\nns.b A 192.0.2.2"), zone("other.test"))
    table.apply(write_delta(Delta(dropped=(name(ORIGIN),))))
    for owner in ("", "a", "b", "ns.b", "nothing"):
        assert rcode(table, owner) == "REFUSED"
    assert ask(table, query("other.test", "NS")).answer
    assert len(table) == len(table_of(zone("other.test")))


def test_a_zone_can_be_replaced_by_one_below_or_above_it() -> None:
    """A reload may move the origin up or down; remaining names belong to the new zone at once."""
    outer = zone("test", "www.failover.test. A 192.0.2.1\nalias CNAME www.failover.test.")
    inner = zone("failover.test", "www A 192.0.2.1", serial=9)
    table = table_of(outer)
    table.apply(write_delta(replace(inner, dropped=(name("test"),))))
    assert " 9 " in lines(ask(table, query("www.failover.test", "TXT")).authority)[0]
    assert ask(table, query("alias.test")).rcode().name == "REFUSED"
    table.apply(
        write_delta(
            replace(outer, dropped=(name("failover.test"),), removed=(name("failover.test"),))
        )
    )
    assert len(lines(ask(table, query("alias.test")).answer)) == 2
    assert ask(table, query("failover.test")).rcode().name == "NOERROR"
    assert len(table) == len(table_of(outer))


# Any sequence of states: zones that come, go and nest from one state to the next, and names in
# them; the change from each to the next is what the rules would compute.

ZONE_SETS = [
    [ORIGIN],
    [ORIGIN, "other.test"],
    ["other.test"],
    ["test"],
    ["a.failover.test", "b.failover.test"],
]
LABELS = ["a", "b", "*", "www"]
TAILS = [origin for origins in ZONE_SETS for origin in origins]
universe = st.builds(
    lambda labels, tail: ".".join([*labels, tail]),
    st.lists(st.sampled_from(LABELS), max_size=3),
    st.sampled_from(TAILS),
).map(name)


def pointing(rtype: int) -> Callable[[DomainName], tuple[RRset, ...]]:
    """Return a function that makes an RRset of a type with one name."""
    return lambda target: (RRset(rtype, 60, (target,)),)


contents = st.one_of(
    st.just(()),
    st.integers(1, 3).map(lambda n: (RRset(A, 60, (IPv4Address(n),)),)),
    universe.map(pointing(CNAME)),
    universe.map(pointing(NS)),
)
beside = st.integers(0, 3).map(lambda n: (RRset(A, 60, (IPv4Address(n),)),) if n else ())
"""What an origin has beside its NS records: the address of a group, or nothing."""

negative_ttls = st.sampled_from([5, 60])
State = tuple[dict[DomainName, OwnedRRset], dict[DomainName, Node]]


@st.composite
def states(draw: st.DrawFn) -> State:
    """Draw the content of a table: the SOA of each zone, and the names."""
    origins = [name(origin) for origin in draw(st.sampled_from(ZONE_SETS))]
    soas = {origin: authority(origin.to_text(), draw(st.integers(1, 3))) for origin in origins}
    nodes = {
        origin: Node(origin, origin, pointing(NS)(origin) + draw(beside), draw(negative_ttls))
        for origin in origins
    }
    for owner in draw(st.lists(universe, max_size=10)):
        inside = [origin for origin in origins if owner.is_at_or_below(origin)]
        if inside and owner not in origins:
            nodes[owner] = Node(owner, inside[0], draw(contents), draw(negative_ttls))
    return soas, nodes


def change(before: State, after: State) -> Delta:
    """Return the delta from one state to the next, as `rules.derived.serving.difference` does."""
    (old_soas, old), (new_soas, new) = before, after
    return Delta(
        nodes=tuple(one for owner, one in new.items() if old.get(owner) != one),
        removed=tuple(owner for owner in old if owner not in new),
        authorities=tuple(rrset for o, rrset in new_soas.items() if old_soas.get(o) != rrset),
        dropped=tuple(origin for origin in old_soas if origin not in new_soas),
    )


def apply_in_parts(table: Table, delta: Delta) -> None:
    """Apply a delta in parts of two names, none of which is visible before the last one."""
    *parts, last = write_parts(delta, 2)
    packets = [query(one.owner.absolute_text()).to_wire() for one in delta.nodes]
    old = [respond(table, packet, UDP) for packet in packets]
    for part in parts:
        table.stage(part)
        assert [respond(table, packet, UDP) for packet in packets] == old
    table.apply(last)


@settings(max_examples=150, deadline=None)
@given(st.lists(states(), min_size=2, max_size=5), st.lists(universe, max_size=5))
def test_after_any_changes_the_table_answers_like_one_filled_from_scratch(
    sequence: list[State], others: list[DomainName]
) -> None:
    """Every name that ever existed is answered as if the table had been filled at once."""
    grown = new_table()
    before: State = ({}, {})
    seen = set(others)
    for after in sequence:
        apply_in_parts(grown, change(before, after))
        before = after
        seen |= set(after[1])
    fresh = new_table()
    fresh.apply(write_delta(Delta(authorities=tuple(before[0].values()))))
    fresh.apply(write_nodes(before[1].values()))
    asked = {child for owner in seen for child in (owner, owner.parent(), owner.child("x"))}
    for owner in asked:
        for rtype in ("A", "CNAME", "TXT", "DS"):
            packet = query(owner.absolute_text(), rtype).to_wire()
            assert respond(grown, packet, UDP) == respond(fresh, packet, UDP)
    assert len(grown) == len(fresh)


def test_a_zone_is_found_by_labels_and_not_by_bytes() -> None:
    """A label may contain the bytes of a zone's name; it is still one label."""
    table = table_of(zone(ORIGIN, "a A 192.0.2.1"))
    inside = name(ORIGIN).wire[:-1]
    label = b"x" + inside
    owner = bytes([len(label)]) + label + b"\0"
    assert owner.endswith(name(ORIGIN).wire)
    assert table.zone_of(owner) is None
    packet = pack(">HHHHHH", 7, 0, 1, 0, 0, 0) + owner + pack(">HH", A, 1)
    for udp in (UDP, TCP):
        reply = respond(table, packet, udp)
        assert reply is not None
        assert reply[3] & 0xF == 5, "REFUSED"
    below = b"\3www" + name(ORIGIN).wire
    found = table.zone_of(below)
    assert found is not None
    assert found.origin == name(ORIGIN).wire
