"""Stored records are served beside those of the configuration, which come first."""

from __future__ import annotations

from dataclasses import replace

import pytest
import samples
from samples import name, node_table, state

from failoverdns.changes.state import State
from failoverdns.model.certificate import Challenge
from failoverdns.model.change import Json, Node
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication, RemoveApplication
from failoverdns.model.commands.groups import AddGroup, Switch
from failoverdns.model.commands.records import NewRecord, RemoveRecords, StoreRecords
from failoverdns.model.commands.server import Configure
from failoverdns.model.names import DomainName
from failoverdns.model.record_text import rdata_text, type_name
from failoverdns.model.records import AAAA, CNAME, MARKER, NS, TXT, A, Opaque, OwnedRRset, RRset
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.stored import why_hidden
from failoverdns.rules.reports.record_reports import stored_list

ZONE = name("failover.test")
ADDRESS, OTHER = b"\xc0\0\2\x50", b"\xc0\0\2\x51"
TEXT = b"\2hi"
TARGET = name("lb.example").wire


def below(owner: str) -> DomainName:
    """Return a name relative to the zone."""
    return DomainName.from_text(owner, ZONE)


def carry_out(view: State, command: Mutation) -> dict[str, Json]:
    """Carry out a command, and check that its delta makes of what was served what is served."""
    table = node_table(view)
    reply, _, delta = samples.carried_out(view, command)
    for owner in delta.removed:
        del table[owner]
    table.update({node.owner: node for node in delta.nodes})
    assert table == node_table(view)
    return reply


def answers(view: State, owner: str = samples.HOSTNAME) -> list[str] | None:
    """Return the records at a name as texts; [] for NODATA, None for NXDOMAIN."""
    node = node_table(view).get(name(owner))
    return None if node is None else texts(node)


def served(view: State) -> dict[str, list[str]]:
    """Return the records at every name, as texts."""
    return {str(owner): texts(node) for owner, node in node_table(view).items()}


def texts(node: Node) -> list[str]:
    """Return the records at a name as texts such as `A 192.0.2.1`, without markers."""
    return [
        f"{type_name(rrset.rtype)} {rdata_text(rrset.rtype, data)}"
        for rrset in node.rrsets
        for data in rrset.data
        if rrset.rtype != MARKER
    ]


def add(*records: tuple[str, int, bytes], ttl: int | None = 300) -> StoreRecords:
    """Return a command that stores records at names relative to the zone."""
    return StoreRecords(ZONE, tuple(NewRecord(below(o), t, ttl, d) for o, t, d in records))


def configured(*records: tuple[str, int, bytes], **fields: object) -> Zone:
    """Return a zone with static records."""
    static = tuple(OwnedRRset(below(o), t, 60, (Opaque(d),)) for o, t, d in records)
    return samples.zone(records=static, **fields)


@pytest.mark.parametrize(
    ("configuration", "stored", "shown", "hidden"),
    [
        ([], [("www", A, ADDRESS)], ["A 192.0.2.80"], None),
        ([("www", TXT, TEXT)], [("www", A, ADDRESS)], ['TXT "hi"', "A 192.0.2.80"], None),
        ([("www", A, OTHER)], [("www", A, ADDRESS)], ["A 192.0.2.81"], "of this type there"),
        ([("www", CNAME, TARGET)], [("www", A, ADDRESS)], ["CNAME lb.example."], "a CNAME record"),
        ([("www", TXT, TEXT)], [("www", CNAME, TARGET)], ['TXT "hi"'], "a CNAME must be alone"),
        ([], [("ns1", A, ADDRESS)], ["A 192.0.2.53"], "of this type there"),
        ([], [("ns1", TXT, TEXT)], ["A 192.0.2.53", 'TXT "hi"'], None),
        ([], [("@", TXT, TEXT)], ["NS ns1.failover.test.", 'TXT "hi"'], None),
    ],
)
def test_the_configuration_comes_first(
    configuration: list[tuple[str, int, bytes]],
    stored: list[tuple[str, int, bytes]],
    shown: list[str],
    hidden: str | None,
) -> None:
    """Whichever of the two was there before, and a reload that drops its records shows them."""
    owner, zone = below(stored[0][0]), configured(*configuration)
    added_later = state(zones=[zone])
    reply = carry_out(added_later, add(*stored))
    configured_later = state()
    carry_out(configured_later, add(*stored))
    assert carry_out(configured_later, Configure((zone,)))["zones"] == ["failover.test"]
    for view in (added_later, configured_later):
        assert answers(view, str(owner)) == shown
        served_zone = view.zone(ZONE)
        (records,) = view.stored_records(ZONE)
        why = why_hidden(served_zone, records, records.rrsets[0])
        assert (why is None) == (hidden is None)
        assert hidden is None or hidden in str(why)
    warned = reply.get("warnings", [])
    assert isinstance(warned, list)
    assert len(warned) == (hidden is not None)
    carry_out(configured_later, Configure((samples.zone(),)))
    if owner != below("ns1"):
        assert any(
            text in str(answers(configured_later, str(owner))) for text in ("80", "hi", "lb")
        )


def test_an_alias_hides_stored_addresses_at_the_origin() -> None:
    view = state()
    carry_out(view, add(("@", A, ADDRESS)))
    assert answers(view, "failover.test") == ["NS ns1.failover.test.", "A 192.0.2.80"]
    reply = carry_out(view, Configure((samples.zone(alias=name("lb.example")),)))
    assert answers(view, "failover.test") == ["NS ns1.failover.test."]
    assert "the addresses of the alias lb.example are answered there" in str(reply["warnings"])


def test_a_reload_warns_of_what_it_hides_and_only_then() -> None:
    view = state()
    carry_out(view, add(*((f"h{n}", A, ADDRESS) for n in range(7))))
    hiding = configured(*((f"h{n}", A, OTHER) for n in range(7)))
    warnings = carry_out(view, Configure((hiding,)))["warnings"]
    assert isinstance(warnings, list)
    assert warnings[0] == (
        "the A records of h0.failover.test in the state are not served: the configuration has "
        "records of this type there"
    )
    assert warnings[-1] == "and so it is with 2 more RRsets: see `record list failover.test`"
    assert len(warnings) == 6
    again = replace(hiding, negative_ttl=5, records=hiding.records)
    assert "warnings" not in carry_out(view, Configure((again,)))


def test_a_zone_that_is_removed_from_the_configuration_keeps_its_stored_records() -> None:
    view, other = state(), samples.zone("other.example")
    carry_out(view, add(("www", A, ADDRESS)))
    warnings = carry_out(view, Configure((other,)))["warnings"]
    assert "zone failover.test is not configured any more: its 1 stored record(s) are kept" in str(
        warnings
    )
    assert answers(view, "www.failover.test") is None
    carry_out(view, Configure((other, samples.zone())))
    assert answers(view, "www.failover.test") == ["A 192.0.2.80"]
    carry_out(view, Configure((other,)))
    carry_out(view, RemoveRecords(ZONE, below("www")))
    assert view.stored_count(ZONE) == 0


def test_a_challenge_is_answered_together_with_stored_texts() -> None:
    """Another ACME client may validate the same name at the same time."""
    owner = f"_acme-challenge.{samples.HOSTNAME}"
    order = samples.order("eu", challenges=(Challenge(name(owner), "ours"),))
    view = state(samples.eu(), samples.group(backup=None), order)
    assert answers(view, owner) == ['TXT "ours"']
    carry_out(view, add((f"{owner}.", TXT, b"\6theirs")))
    assert sorted(answers(view, owner) or []) == ['TXT "ours"', 'TXT "theirs"']
    carry_out(view, add((f"{owner}.", A, ADDRESS)))
    assert sorted(answers(view, owner) or []) == ["A 192.0.2.80", 'TXT "ours"', 'TXT "theirs"']
    carry_out(view, RemoveRecords(ZONE, name(owner)))
    assert answers(view, owner) == ['TXT "ours"']


def test_a_stored_value_that_is_the_challenge_itself_is_answered_once() -> None:
    owner = f"_acme-challenge.{samples.HOSTNAME}"
    order = samples.order("eu", challenges=(Challenge(name(owner), "ours"),))
    view = state(samples.eu(), samples.group(backup=None), order)
    carry_out(view, add((f"{owner}.", TXT, b"\4ours")))
    assert answers(view, owner) == ['TXT "ours"']


def test_a_stored_wildcard_gives_retired_names_a_marker_until_it_is_removed() -> None:
    view = state(samples.tombstone("gone"))
    carry_out(view, AddApplication("old"))
    carry_out(view, RemoveApplication("old"))
    assert answers(view, "gone.failover.test") is None
    carry_out(view, add(("*", A, ADDRESS)))
    assert answers(view, "gone.failover.test") == []
    assert answers(view, "_status.old.failover.test") == []
    carry_out(view, add(("old", TXT, TEXT)))
    assert answers(view, "_status.old.failover.test") is None
    carry_out(view, RemoveRecords(ZONE, below("old")))
    assert answers(view, "_status.old.failover.test") == []
    carry_out(view, RemoveRecords(ZONE, below("*")))
    assert answers(view, "gone.failover.test") is None


def test_a_flattened_hostname_and_an_alias_follow_stored_addresses() -> None:
    cloud = samples.application("cloud", samples.balancer("lb", hostname="www.failover.test"))
    cloud = replace(cloud, active="lb")
    alias = samples.zone("alias.example", alias=below("www"))
    shop = samples.group(primary="cloud", backup=None, flatten=True)
    view = state(cloud, shop, zones=[samples.zone(), alias])
    assert answers(view) == ["CNAME www.failover.test."]
    carry_out(view, add(("www", A, ADDRESS)))
    assert answers(view) == ["A 192.0.2.80"]
    assert "A 192.0.2.80" in (answers(view, "alias.example") or [])
    carry_out(view, RemoveRecords(ZONE, below("www")))
    assert answers(view) == ["CNAME www.failover.test."]
    assert answers(view, "alias.example") == ["NS ns1.alias.example."]


def test_a_delta_has_the_names_that_stored_records_change_and_no_others() -> None:
    """Everything else that is served stays as it is."""
    view = state(samples.eu(), samples.us(), samples.group())
    before = served(view)
    carry_out(view, add(("www", A, ADDRESS), ("www", AAAA, bytes(15) + b"\1"), ("a.b", TXT, TEXT)))
    _, writes, delta = samples.carried_out(view, add(("www", A, OTHER)))
    assert [node.owner for node in delta.nodes] == [below("www")]
    assert len(writes) == 1
    carry_out(view, RemoveRecords(ZONE, below("www")))
    _, _, delta = samples.carried_out(view, RemoveRecords(ZONE, below("a.b")))
    assert (delta.nodes, delta.removed) == ((), (below("a.b"),))
    assert served(view) == before


def test_the_label_of_a_new_group_must_not_have_stored_records() -> None:
    for owner, label in (("www", "www"), ("primary.www", "www"), ("backup", "@"), ("@", "@")):
        view = state(samples.eu())
        carry_out(view, add((owner, A, ADDRESS)))
        refused = samples.refusal(view, AddGroup("new", label=label, primary="eu"))
        assert refused.code == "exists"
        assert "in the state (`record list failover.test`)" in refused.message or (
            "in the state" in refused.message
        )


def test_names_below_a_stored_delegation_are_answered_elsewhere() -> None:
    """An application whose hostname is there is no target of this server any more."""
    view = state()
    carry_out(view, add(("sub", NS, name("ns.other.example").wire)))
    assert answers(view, "sub.failover.test") == ["NS ns.other.example."]
    refused = samples.refusal(view, add(("www.sub", A, ADDRESS)))
    assert "www.sub.failover.test is below sub.failover.test, which is delegated" in refused.message


def test_records_below_a_delegation_of_the_configuration_are_listed_as_not_answered() -> None:
    """They are kept and exported; NS, DS and glue are not hidden."""
    view = state()
    carry_out(view, add(("a.sub", TXT, TEXT), ("ns.sub", A, ADDRESS), ("sub", 43, b"ds")))
    zone = configured(("sub", NS, below("ns.sub").wire))
    carry_out(view, Configure((zone,)))
    hidden = {one["name"]: one["hidden"] for one in stored_list(view, ZONE)}
    assert hidden == {
        "sub.failover.test": None,
        "a.sub.failover.test": (
            "sub.failover.test is delegated by an NS record, so its servers answer there"
        ),
        "ns.sub.failover.test": None,
    }
    assert answers(view, "a.sub.failover.test") == ['TXT "hi"']


def test_a_group_switches_as_ever_beside_stored_records() -> None:
    view = state(samples.eu(), samples.us(), samples.group())
    carry_out(view, add(("www", CNAME, name(samples.HOSTNAME).wire)))
    carry_out(view, Switch(("shop",)))
    assert answers(view) == ["A 198.51.100.1"]
    assert answers(view, "www.failover.test") == [f"CNAME {samples.HOSTNAME}."]


def test_stored_records_that_a_state_was_loaded_with_are_served() -> None:
    stored = StoredRecords(ZONE, below("www"), (RRset(A, 60, (Opaque(ADDRESS),)),))
    assert answers(state(stored), "www.failover.test") == ["A 192.0.2.80"]
