"""Zones: their serial numbers, what a reload changes, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import samples
import watched
from hypothesis import given
from hypothesis import strategies as st
from samples import carried_out, carry_out, eu, group, name, refusal, state, text_record, zone

from failoverdns.changes.overlay import MAX_STEPS
from failoverdns.changes.state import State
from failoverdns.model.change import Delta, Node
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import SetApplication
from failoverdns.model.commands.groups import AddGroup, SetGroup
from failoverdns.model.commands.server import Configure
from failoverdns.model.policy import (
    NO_AUTOMATION_SETTINGS,
    Automation,
    AutomationSettings,
    Mode,
    Plan,
    Policy,
)
from failoverdns.model.records import SOA
from failoverdns.model.zone import MAX_ORIGIN, RESERVED_SERIALS, Zone, ZoneSerial
from failoverdns.rules.derived.zones import all_authorities, authorities, serial_writes

TEST, EXAMPLE = zone(), zone("failover.example")
CHANGED = replace(TEST, records=(text_record("www.failover.test"),))


def serials(view: State) -> dict[str, int]:
    """The serial number of each zone that has one."""
    return {str(serial.origin): serial.serial for serial in view.serials()}


@pytest.mark.parametrize(
    ("zones", "after"),
    [
        pytest.param((TEST,), {"failover.test": 100}, id="an unchanged zone keeps its serial"),
        pytest.param((CHANGED,), {"failover.test": 500}, id="a changed zone gets a new one"),
        pytest.param(
            (TEST, EXAMPLE), {"failover.test": 100, "failover.example": 500}, id="so does a new one"
        ),
        pytest.param(
            (EXAMPLE,),
            {"failover.test": 100, "failover.example": 500},
            id="a dropped zone keeps its serial until it returns",
        ),
    ],
)
def test_a_new_or_changed_zone_gets_a_new_serial(
    zones: tuple[Zone, ...], after: dict[str, int]
) -> None:
    view = state(zones=[TEST])
    assert carry_out(view, Configure(zones), now=500.0) == {
        "zones": [str(served.origin) for served in zones]
    }
    assert serials(view) == after
    assert set(view.zones) == set(zones)


def test_configuring_the_same_zones_again_writes_nothing() -> None:
    _, writes, delta = carried_out(state(zones=[TEST]), Configure((TEST,)), now=500.0)
    assert (writes, delta) == ((), Delta())


def test_a_zone_that_was_dropped_is_dropped_once() -> None:
    view = state(zones=[TEST, EXAMPLE])
    carry_out(view, Configure((EXAMPLE,)), now=500.0)
    assert carried_out(view, Configure((EXAMPLE,)), now=600.0)[1] == ()


def test_a_zone_that_returns_gets_a_higher_serial_even_if_it_is_the_same() -> None:
    view = state(zones=[TEST, EXAMPLE])
    carry_out(view, Configure((EXAMPLE,)), now=500.0)
    carry_out(view, Configure((TEST, EXAMPLE)), now=600.0)
    assert serials(view) == {"failover.test": 600, "failover.example": 100}
    assert TEST in view.zones


def test_a_zone_that_was_dropped_while_no_server_ran_is_served_when_it_returns() -> None:
    """After a start without the zone, a reload with it must not treat it as unchanged, although
    its serial and digest are still stored.
    """
    known = [ZoneSerial(served.origin, 100, served.digest()) for served in (TEST, EXAMPLE)]
    started_without_it = State(10, known, (EXAMPLE,))
    carry_out(started_without_it, Configure((EXAMPLE,)), now=500.0)
    carry_out(started_without_it, Configure((TEST, EXAMPLE)), now=600.0)
    assert set(started_without_it.zones) == {TEST, EXAMPLE}
    assert serials(started_without_it) == {"failover.test": 600, "failover.example": 100}


def test_a_serial_increases_by_one_when_the_clock_is_behind_it() -> None:
    view = state(zones=[TEST])
    carry_out(view, Configure((CHANGED,)), now=50.0)
    assert serials(view) == {"failover.test": 101}


AUTO = AutomationSettings((), (Policy("auto", Mode.AUTOMATIC), Policy("hand")))


@pytest.mark.parametrize(
    ("fields", "is_raised"),
    [
        ({"automation": Automation(policy="auto")}, True),
        ({"automation": Automation(plan=Plan(900.0, "backup", 10))}, True),
        ({"flatten": True}, True),
        ({"automation": Automation(policy="hand")}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("now", [50.0, 500.0])
def test_a_start_after_a_crash_begins_above_the_reserved_serials(
    fields: dict[str, Any], is_raised: bool, now: float
) -> None:
    """Only where answers may have changed without being recorded, whatever the clock says."""
    view = state(eu(), group(**fields), zones=[TEST], settings=AUTO)
    carry_out(view, Configure((TEST,), AUTO, is_start=True), now=now)
    assert serials(view) == {"failover.test": 100}
    lost = Configure((TEST,), AUTO, is_start=True, may_have_lost=True)
    carry_out(view, lost, now=now)
    assert serials(view) == {"failover.test": 101 + RESERVED_SERIALS if is_raised else 100}
    assert RESERVED_SERIALS > MAX_STEPS


@given(st.lists(st.tuples(st.sampled_from([(TEST,), (CHANGED,), (EXAMPLE,)]), st.floats(0, 2**33))))
def test_no_serial_ever_decreases(steps: list[tuple[tuple[Zone, ...], float]]) -> None:
    view = state(zones=[TEST])
    for zones, now in steps:
        before = serials(view)
        carry_out(view, Configure(zones), now=now)
        for origin, serial in before.items():
            assert (serials(view)[origin] - serial) % 2**32 < 2**31


@pytest.mark.parametrize(
    ("zones", "faults"),
    [
        pytest.param(
            (EXAMPLE,),
            ["zone failover.test is not configured, but 2 group(s) are in it"],
            id="a zone with groups is missing",
        ),
        pytest.param(
            (replace(TEST, records=(text_record("shop.failover.test"),)),),
            ["shop.failover.test has records, but belongs to group 'shop'"],
            id="records at the hostname of a group",
        ),
        pytest.param(
            (replace(TEST, records=(text_record("primary.shop.failover.test"),)),),
            ["primary.shop.failover.test has records, but belongs to group 'shop'"],
            id="records at the name of a side",
        ),
        pytest.param(
            (zone(nameservers=(samples.NameServer(name("shop.failover.test"), ()),)),),
            [],
            id="a name server without addresses has no records",
        ),
        pytest.param(
            (
                zone(
                    nameservers=(
                        samples.NameServer(
                            name("blog.failover.test"), samples.addresses("192.0.2.53")
                        ),
                    )
                ),
            ),
            ["blog.failover.test has records, but belongs to group 'blog'"],
            id="the addresses of a name server",
        ),
        pytest.param(
            (
                replace(
                    TEST,
                    records=(
                        text_record("shop.failover.test"),
                        text_record("shop.failover.test"),
                        text_record("backup.blog.failover.test"),
                    ),
                ),
            ),
            [
                "shop.failover.test has records, but belongs to group 'shop'",
                "backup.blog.failover.test has records, but belongs to group 'blog'",
            ],
            id="every conflict is named, each name once",
        ),
        pytest.param(
            (
                replace(
                    TEST,
                    records=tuple(
                        text_record(f"{owner}failover.test")
                        for owner in ("", "www.", "other.shop.", "x.primary.shop.", "gone.", "*.")
                    ),
                ),
            ),
            [],
            id="records beside, below or in place of a removed group do not conflict",
        ),
    ],
)
def test_zones_that_conflict_with_groups_are_refused_with_every_fault(
    zones: tuple[Zone, ...], faults: list[str]
) -> None:
    view = state(
        group(label="shop", primary=None, backup=None),
        group("blog", None, None),
        samples.tombstone("gone"),
        zones=[TEST],
    )
    if faults:
        refused = refusal(view, Configure(zones))
        assert refused.code == "in-use"
        assert refused.message.split("; ") == faults
    else:
        carry_out(view, Configure(zones))


def test_checks_and_policies_in_use_must_be_configured() -> None:
    """The message names every one that is missing, and its user."""
    automation = Automation("auto")
    view = watched.watched([group(automation=automation), group("blog", automation=automation)])
    before = view.settings
    refused = refusal(view, Configure((TEST,)))
    assert (refused.code, refused.message) == (
        "in-use",
        "check 'web' is not configured, but application 'eu' uses it, and 1 more; "
        "policy 'auto' is not configured, but group 'shop' uses it, and 1 more",
    )
    assert view.settings == before
    for command in (SetGroup("shop", policy=""), SetGroup("blog", policy="")):
        carry_out(view, command)
    carry_out(view, SetApplication("eu", ()))
    assert refusal(view, Configure((TEST,))).message == (
        "check 'web' is not configured, but application 'us' uses it"
    )
    carry_out(view, SetApplication("us", ()))
    carry_out(view, Configure((TEST,)))
    assert view.settings == NO_AUTOMATION_SETTINGS


def test_a_zone_whose_name_leaves_no_room_for_labels_is_refused() -> None:
    """Otherwise a long label would not fit before it."""
    fits, too_long = (".".join(["a" * 59] * 3 + [last]) for last in ("b", "bc"))
    assert len(name(fits).wire) == MAX_ORIGIN
    view = state(samples.application("e" * 63))
    carry_out(view, Configure((zone(fits),)))
    hostname = carry_out(view, AddGroup("shop", label="x" * 63))["hostname"]
    assert samples.answers(view, f"primary.{hostname}") == []
    assert samples.answers(view, f"_status.{'e' * 63}.{fits}") == ["TXT none"]
    refused = refusal(view, Configure((zone(too_long),)))
    assert refused.code == "invalid"
    assert refused.message == f"a zone's name has at most 183 bytes: zone {too_long} has 184"


def node(owner: str, origin: str) -> Node:
    """A node without records."""
    return Node(name(owner), name(origin), (), 60)


@pytest.mark.parametrize(
    ("delta", "raised"),
    [
        pytest.param(Delta(), [], id="nothing changed"),
        pytest.param(
            Delta(nodes=(node("a.failover.test", "failover.test"),)), ["failover.test"], id="a name"
        ),
        pytest.param(
            Delta(removed=(name("a.failover.example"),)),
            ["failover.example"],
            id="a removed name",
        ),
        pytest.param(
            Delta(
                nodes=(node("a.failover.test", "failover.test"),),
                removed=(name("a.failover.example"),),
            ),
            ["failover.test", "failover.example"],
            id="names of two zones",
        ),
        pytest.param(
            Delta(removed=(name("a.dropped.example"),)), [], id="a name of a zone that is dropped"
        ),
        pytest.param(
            Delta(
                nodes=(node("a.failover.test", "failover.test"),),
                authorities=(TEST.start_of_authority(7),),
            ),
            [],
            id="a zone that has its new serial already",
        ),
    ],
)
def test_each_zone_that_a_change_affects_gets_a_new_serial(delta: Delta, raised: list[str]) -> None:
    view = state(zones=[TEST, EXAMPLE])
    writes = serial_writes(view, delta, 500.0)
    assert [(str(write.after.origin), write.after.serial) for write in writes] == [
        (origin, 500) for origin in raised
    ]
    assert all(write.before.digest == write.after.digest for write in writes)


def test_the_soa_records_of_zones_with_a_new_serial() -> None:
    view = state(zones=[TEST, EXAMPLE])
    raised = serial_writes(view, Delta(nodes=(node("a.failover.test", "failover.test"),)), 500.0)
    assert authorities(view, raised) == (TEST.start_of_authority(500),)
    assert all_authorities(view) == (TEST.start_of_authority(100), EXAMPLE.start_of_authority(100))
    assert {rrset.rtype for rrset in all_authorities(view)} == {SOA}


def test_a_zone_that_is_dropped_has_no_soa_record_any_more() -> None:
    view = state(zones=[TEST, EXAMPLE])
    command: Mutation = Configure((EXAMPLE,))
    _, writes, _ = carried_out(view, command)
    assert authorities(view, writes) == ()
    assert all_authorities(view) == (EXAMPLE.start_of_authority(100),)
