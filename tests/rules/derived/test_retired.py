"""Names that were served once, and that no wildcard answers for."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import samples
from samples import HOSTNAME, LABEL, application, group, name, state, tombstone
from tables import served

from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.changes.transitions import transition_of
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import (
    AddApplication,
    RemoveApplication,
    RenameApplication,
)
from failoverdns.model.commands.groups import RemoveGroup
from failoverdns.model.commands.server import Configure
from failoverdns.model.former_name import FormerName
from failoverdns.model.moment import Moment
from failoverdns.model.principal import unix_principal
from failoverdns.model.records import MARKER
from failoverdns.model.zone import Reveal, Zone
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.lookup import Found, NoData, NoSuchName, look_up
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.rules.deciding import decide
from failoverdns.rules.derived.retired import is_covered
from failoverdns.workers.full_table import parts

STATUS = "_status.eu.failover.test"
EMPTY = group(primary=None, backup=None)


def zone(*owners: str, **fields: object) -> Zone:
    """Return the zone with a TXT record at each of these names."""
    records = tuple(samples.text_record(f"{owner}.failover.test") for owner in owners)
    return samples.zone(records=records, **fields)


def filled(view: State) -> PythonTable:
    """Return the table of a new start."""
    table = PythonTable()
    for part in parts(view):
        table.apply(part)
    return table


def carried_out(view: State, *commands: Mutation) -> PythonTable:
    """Carry out commands; return the table that their deltas led to, which a start has too."""
    table = filled(view)
    for now, command in enumerate(commands, 1000):
        draft = Draft(view)
        decision = decide(draft, command, Moment(now, now), Random(0))
        made = transition_of(draft, decision, now, unix_principal(0, 1, "test"), {})
        assert made.change is not None
        view.apply(made.change.revision, made.change.writes, made.zones, made.settings)
        table.apply(write_delta(made.delta))
    assert served(table) == served(filled(view))
    return table


def said(table: PythonTable, owner: str, rtype: int = 16) -> str:
    """Return what a name answers: `found`, `nodata` or `nxdomain`."""
    match look_up(table, name(owner).wire, rtype):
        case Found():
            return "found"
        case NoData():
            return "nodata"
        case NoSuchName():
            return "nxdomain"
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize(
    ("owners", "answers"),
    [
        pytest.param([], ["nxdomain"] * 4, id="no wildcard"),
        pytest.param(["*.other"], ["nxdomain"] * 4, id="a wildcard elsewhere"),
        pytest.param(["*"], ["nodata", "nxdomain", "nxdomain", "nxdomain"], id="a wildcard"),
        pytest.param(
            [f"*.{LABEL}"], ["nodata", "nodata", "nodata", "found"], id="a wildcard below it"
        ),
        pytest.param(["*", LABEL], ["found", *["nxdomain"] * 3], id="records there"),
        pytest.param(
            ["*", f"primary.{LABEL}"],
            ["nodata", "found", "nxdomain", "nxdomain"],
            id="at a side",
        ),
        pytest.param(
            ["*", f"*.{LABEL}"], ["nodata", "nodata", "nodata", "found"], id="two wildcards"
        ),
    ],
)
def test_no_wildcard_answers_at_the_names_of_a_removed_group(
    owners: list[str], answers: list[str]
) -> None:
    """Only names that never were of a group follow a wildcard that is written below its label."""
    view = state(EMPTY, zones=[zone(*(owner for owner in owners if "*" in owner))])
    table = carried_out(view, RemoveGroup("shop"))
    if view.zones != (zone(*owners),):
        table = carried_out(view, Configure((zone(*owners),)))
    names = [HOSTNAME, f"primary.{HOSTNAME}", f"backup.{HOSTNAME}", f"x.{HOSTNAME}"]
    assert [said(table, each) for each in names] == answers


@pytest.mark.parametrize(
    ("owners", "answer"),
    [
        pytest.param([], "nxdomain", id="no wildcard"),
        pytest.param(["*"], "nodata", id="a wildcard"),
        pytest.param(["*.eu"], "nodata", id="a wildcard below the name"),
        pytest.param(["*", "eu"], "nxdomain", id="the wildcard does not match, as the name exists"),
        pytest.param(["*._status.eu"], "nodata", id="names below the status"),
    ],
)
@pytest.mark.parametrize(
    "command", [RemoveApplication("eu"), RenameApplication("eu", "uk")], ids=["removed", "renamed"]
)
def test_no_wildcard_answers_at_the_status_of_a_former_application(
    command: Mutation, owners: list[str], answer: str
) -> None:
    view = state(samples.eu(), zones=[zone(*owners)])
    assert said(carried_out(view, command), STATUS) == answer
    assert said(carried_out(view, AddApplication("eu")), STATUS) == "found"
    assert view.entity(FormerName, "eu") is None


def test_the_status_of_an_application_that_never_was_follows_the_wildcard() -> None:
    assert said(filled(state(zones=[zone("*")])), "_status.never.failover.test") == "found"


def test_a_wildcard_that_comes_or_goes_with_a_reload_brings_or_takes_the_markers() -> None:
    view = state(tombstone("old"), FormerName("eu"), zones=[zone()])
    names = ["old.failover.test", STATUS]
    table = carried_out(view)
    assert [said(table, each) for each in names] == ["nxdomain", "nxdomain"]
    for owners, answers in (
        (["*"], ["nodata", "nodata"]),
        (["*", "old"], ["found", "nodata"]),
        (["*", "old", "eu"], ["found", "nxdomain"]),
        ([], ["nxdomain", "nxdomain"]),
    ):
        before = view.serial(name("failover.test"))
        table = carried_out(view, Configure((zone(*owners),)))
        after = view.serial(name("failover.test"))
        assert [said(table, each) for each in names] == answers
        assert before is not None
        assert after is not None
        assert after.serial > before.serial


@pytest.mark.parametrize("ttl", [5, 60])
def test_a_marker_has_the_negative_ttl_and_is_the_only_record(ttl: int) -> None:
    view = state(tombstone("old"), FormerName("eu"), zones=[zone("*", negative_ttl=ttl)])
    for owner in ("old.failover.test", STATUS):
        node = samples.node_table(view)[name(owner)]
        assert [(r.rtype, r.ttl) for r in node.rrsets] == [(MARKER, ttl)]
        assert node.negative_ttl == ttl


def test_an_empty_side_has_a_marker_that_goes_with_the_first_application() -> None:
    """A secondary could not know otherwise that the name exists."""
    view = state(application("eu"), group(backup=None))
    table = filled(view)
    for at in ("", "primary.", "backup."):
        assert said(table, f"{at}{HOSTNAME}") == "nodata"
        assert said(table, f"{at}{HOSTNAME}", MARKER) == "found"
    assert said(filled(samples.shop()), HOSTNAME, MARKER) == "nodata"


@pytest.mark.parametrize(
    ("reveal", "sides", "status"),
    [
        (Reveal(), "nodata", "found"),
        (Reveal(sides=False), "nxdomain", "found"),
        (Reveal(status=False), "nodata", "nxdomain"),
        (Reveal(sides=False, status=False), "nxdomain", "nxdomain"),
    ],
)
def test_what_a_zone_does_not_reveal_is_not_there(reveal: Reveal, sides: str, status: str) -> None:
    """The same in a table that a reload changed, and back again."""
    view = samples.shop()
    hidden = replace(view.zones[0], reveal=reveal)
    if reveal != Reveal():
        table = carried_out(view, Configure((hidden,)))
        assert said(table, f"backup.{HOSTNAME}") == sides
        assert said(table, f"primary.{HOSTNAME}") == sides
        assert said(table, STATUS) == status
        assert said(table, HOSTNAME, 1) == "found"
        carried_out(view, Configure((samples.zone(),)))
    table = filled(view)
    assert (said(table, f"backup.{HOSTNAME}"), said(table, STATUS)) == ("nodata", "found")


def test_hidden_names_follow_the_wildcards_and_have_no_markers() -> None:
    reveal = Reveal(sides=False, status=False)
    view = state(
        *(samples.eu(), group(backup=None), FormerName("old"), tombstone("gone")),
        zones=[zone("*", f"*.{LABEL}", "*.gone", reveal=reveal)],
    )
    table = filled(view)
    for owner in (f"primary.{HOSTNAME}", STATUS, "_status.old.failover.test"):
        assert said(table, owner) == "found"
    assert said(table, "primary.gone.failover.test") == "found"


@pytest.mark.parametrize(
    ("owners", "owner", "covered"),
    [
        ([], "a.failover.test", False),
        (["*"], "a.failover.test", True),
        (["*"], "b.a.failover.test", True),
        (["*", "a"], "b.a.failover.test", False),
        (["*", "a"], "a.failover.test", False),
        (["*.a", "a"], "b.a.failover.test", True),
        (["*.a"], "a.failover.test", False),
        (["*"], "failover.test", False),
        (["*"], "ns1.failover.test", False),
    ],
)
def test_a_wildcard_covers_a_name_without_records_nearest_first(
    owners: list[str], owner: str, covered: bool
) -> None:
    assert is_covered(zone(*owners), name(owner)) is covered
