"""Deltas reach the images of their zones, and nobody sees a part of one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from transferred import ZONE, Names, as_text, content, operations, records_of, served, zone_at

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.protocol.table.deltas import DeltaOperation, Dropped, Put, Removed, ServedNames
from failoverdns.protocol.transfer.contents import Difference
from failoverdns.transfers.differences import at_once
from failoverdns.transfers.journal import Journal
from failoverdns.transfers.served_zone import LEAST_HISTORY, ServedZone
from failoverdns.transfers.settings import TransferSettings, ZoneTerms
from failoverdns.transfers.zones import LEAST_STAGED, Zones

A, B = "60 A 192.0.2.1", "60 A 192.0.2.2"
CHILD = DomainName.from_text("child.failover.test")
KEY = b"\3xfr\0"

FILLERS: Names = {f"f{number}": [A] for number in range(LEAST_STAGED)}
"""Names that every part of a delta sets again, so that it is large enough to be applied at once."""

FILL = [served(name, *records) for name, records in FILLERS.items()]


def written(some: Iterable[DeltaOperation]) -> bytes:
    """Return operations as the bytes of a delta."""
    parts: list[bytes] = []
    for one in some:
        match one:
            case Dropped(origin):
                parts += (b"D", origin)
            case Put(origin, soa):
                parts += (b"Z", origin, len(soa).to_bytes(4, "big"), soa)
            case Removed(owner):
                parts += (b"R", owner)
            case ServedNames(owner, origin, ttl, rrsets):
                head = bytes((len(origin),)) + ttl + len(rrsets).to_bytes(4, "big")
                parts += (b"N", owner, head, rrsets)
    return b"".join(parts)


class _Zones(Zones):
    """Zones that remember which of them have changed."""

    def __init__(self, folder: Path | None = None) -> None:
        self.noted: list[tuple[bytes, int]] = []
        super().__init__(self._note)
        terms = tuple(
            ZoneTerms(origin.wire, ("ns2",), frozenset((KEY,)), 60) for origin in (ZONE, CHILD)
        )
        self.configure(TransferSettings(zones=terms), folder)

    def _note(self, zone: ServedZone) -> None:
        self.noted.append((zone.origin, zone.snapshot().serial))

    def give(self, *some: DeltaOperation, is_part: bool = False) -> None:
        self.take(written([*some, *FILL] if is_part else some), is_part=is_part)

    def change(self, serial: int, names: Names) -> None:
        self.give(*operations(serial, names))

    def zone(self, origin: DomainName = ZONE) -> ServedZone:
        found = self.find(origin.wire, KEY)
        assert found is not None
        return found

    def difference(self, serial: int) -> Difference | None:
        return at_once(self.zone().condensing(serial))


def filled(folder: Path | None = None, names: Names | None = None) -> _Zones:
    zones = _Zones(folder)
    zones.change(1, names or {"a": [A], "b": [A]})
    at_once(zones.filling())
    zones.noted.clear()
    return zones


def test_a_zone_can_be_transferred_once_it_is_whole() -> None:
    zones = _Zones()
    zones.change(1, {"a": [A]})
    assert zones.find(ZONE.wire, KEY) is None
    zones.change(2, {"b": [B]})
    assert zones.noted == []
    at_once(zones.filling())
    assert zones.noted == [(ZONE.wire, 2)]
    assert content(zones.zone().snapshot()) == records_of({"a": [A], "b": [B]})
    assert zones.difference(1) is None


def test_a_catalog_zone_is_noted_when_all_zones_have_arrived() -> None:
    """Secondaries that are notified earlier would ask before anybody can answer."""
    zones = _Zones()
    catalog = DomainName.from_text("catalog.test")
    delta = written([zone_at(7, catalog), served("version", '0 TXT "2"', origin=catalog)])
    settings = TransferSettings(catalog=catalog.wire, catalogs={KEY: delta})
    zones.configure(settings, None)
    assert zones.noted == []
    at_once(zones.filling())
    assert zones.noted == [(catalog.wire, 7)]
    zones.configure(settings, None)
    assert zones.noted[1:] == [(catalog.wire, 7)]


def test_a_change_is_noted_and_remembered() -> None:
    zones = filled()
    zones.change(2, {"a": [B]})
    assert zones.noted == [(ZONE.wire, 2)]
    difference = zones.difference(1)
    assert difference is not None
    assert as_text(difference.deleted) == records_of({"a": [A]})


def test_a_change_of_served_ttls_only_is_not_noted() -> None:
    zones = filled()
    zones.give(served("a", A))
    assert zones.noted == []


def test_a_zone_that_is_added_later_can_be_transferred_at_once() -> None:
    zones = filled()
    zones.give(zone_at(7, CHILD), served("x", A, origin=CHILD))
    assert zones.noted == [(CHILD.wire, 7)]
    assert zones.zone(CHILD).names == 1


def test_a_name_that_moves_to_a_child_zone_leaves_the_parent() -> None:
    zones = filled(names={"a": [A], "x.child": [A]})
    zones.give(zone_at(7, CHILD), zone_at(2), served("x", A, origin=CHILD))
    assert content(zones.zone().snapshot()) == records_of({"a": [A]})
    assert zones.zone(CHILD).names == 1


def test_a_removed_name_leaves_whichever_zone_has_it() -> None:
    zones = filled(names={"a": [A], "x.child": [A]})
    zones.give(zone_at(7, CHILD), served("y", A, origin=CHILD))
    zones.give(zone_at(2), Removed(DomainName.from_text("x.child", ZONE).wire))
    zones.give(zone_at(8, CHILD), Removed(DomainName.from_text("y", CHILD).wire))
    assert content(zones.zone().snapshot()) == records_of({"a": [A]})
    assert zones.zone(CHILD).names == 0


def test_a_removed_zone_and_its_journal_are_gone(tmp_path: Path) -> None:
    zones = filled(tmp_path)
    assert at_once(zones.zone().writing()) == ""
    assert len(list(tmp_path.iterdir())) == 1
    zones.give(Dropped(ZONE.wire))
    assert zones.find(ZONE.wire, KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_zone_that_is_removed_and_added_in_one_delta_begins_again() -> None:
    zones = filled()
    zones.give(Dropped(ZONE.wire), zone_at(9), served("c", B))
    assert content(zones.zone().snapshot()) == records_of({"c": [B]})
    assert zones.difference(1) is None


# Deltas in parts.

START: Names = {**FILLERS, "a": [A], "b": [A]}


def test_nobody_sees_a_part_of_a_delta() -> None:
    zones = filled(names=START)
    zone = zones.zone()
    before = zone.snapshot()
    zones.give(zone_at(2), served("a", B), is_part=True)
    zones.give(Removed(DomainName.from_text("b", ZONE).wire), is_part=True)
    assert (zone.snapshot(), zone.soa, zones.noted) == (before, before.soa, [])
    assert zones.difference(1) is None
    zones.give(served("c", A))
    assert zones.noted == [(ZONE.wire, 2)]
    assert content(zone.snapshot()) == records_of({**FILLERS, "a": [B], "c": [A]})
    assert zone.soa == zone.snapshot().soa


def test_a_transfer_that_begins_between_parts_has_the_zone_before_them() -> None:
    zones = filled(names=START)
    zones.give(zone_at(1))
    zones.give(zone_at(2), served("a", B), is_part=True)
    snapshot = zones.zone().snapshot()
    assert (snapshot.serial, content(snapshot)) == (1, records_of(START))


def test_the_parts_of_a_delta_are_one_change() -> None:
    zones = filled(names=START)
    zones.give(zone_at(2), served("a", B), served("b", B), is_part=True)
    zones.give(served("b", A), served("c", A), is_part=True)
    zones.give(served("c", B))
    difference = zones.difference(1)
    assert difference is not None
    assert (difference.from_serial, difference.to_serial) == (1, 2)
    assert as_text(difference.deleted) == records_of({"a": [A]})
    assert as_text(difference.added) == records_of({"a": [B], "c": [B]})


def test_parts_that_change_nothing_are_no_change() -> None:
    zones = filled(names=START)
    zones.give(served("a", B), is_part=True)
    zones.give(served("a", A))
    assert zones.noted == []
    zones.change(2, {"a": [B]})
    assert zones.difference(1) is not None


def test_the_journal_has_a_delta_of_several_parts(tmp_path: Path) -> None:
    zones = filled(tmp_path, START)
    at_once(zones.zone().writing())
    zones.give(zone_at(2), served("a", B), is_part=True)
    at_once(zones.zone().writing())  # it may be rewritten at any time
    zones.give(served("c", B))
    assert not zones.zone().must_write
    found = Journal(tmp_path, ZONE.wire).load()
    assert found is not None
    assert content(found.snapshot) == content(zones.zone().snapshot())
    assert [each.from_serial for each in found.differences] == [1]


def test_a_change_that_is_too_large_to_be_kept_ends_the_history(tmp_path: Path) -> None:
    zones = filled(tmp_path, START)
    at_once(zones.zone().writing())
    long = "60 TXT " + " ".join(["x" * 255] * 200)
    zones.give(zone_at(2), is_part=True)
    for number in range(LEAST_HISTORY // 51_200 + 2):
        zones.give(served(f"n{number}", long), is_part=True)
    zones.give(served("last", A))
    zone = zones.zone()
    assert (zones.noted, zone.history, zone.must_write) == ([(ZONE.wire, 2)], 0, True)
    assert "last.failover.test. 60 A 192.0.2.1" in content(zone.snapshot())
    zones.change(3, {"last": [B]})
    assert zones.difference(1) is None
    assert zones.difference(2) is not None


def test_parts_wait_for_a_zone_that_is_not_whole() -> None:
    """It could become whole between two parts."""
    zones = _Zones()
    zones.change(1, {"a": [A]})
    zones.give(zone_at(2), served("a", B), is_part=True)
    at_once(zones.filling())
    assert (zones.zone().snapshot().serial, zones.noted) == (1, [(ZONE.wire, 1)])
    zones.give(served("b", B), is_part=True)
    assert zones.zone().snapshot().serial == 1
    zones.give(served("b", A))
    assert zones.noted[1:] == [(ZONE.wire, 2)]
    assert content(zones.zone().snapshot()) == records_of({**FILLERS, "a": [B], "b": [A]})


def test_a_zone_that_a_part_adds_appears_with_the_last_one() -> None:
    zones = filled(names=START)
    zones.give(zone_at(7, CHILD), served("x", A, origin=CHILD), is_part=True)
    assert zones.find(CHILD.wire, KEY) is None
    zones.give(served("y", A, origin=CHILD))
    assert zones.noted == [(CHILD.wire, 7)]
    assert zones.zone(CHILD).names == 2


def test_a_zone_that_is_removed_between_parts_is_gone() -> None:
    zones = filled(names=START)
    zones.give(zone_at(2), served("a", B), is_part=True)
    zones.give(Dropped(ZONE.wire), is_part=True)
    zones.give()
    assert (zones.find(ZONE.wire, KEY), zones.noted) == (None, [])


def test_a_malformed_delta_is_refused() -> None:
    zones = filled(names=START)
    with pytest.raises(Malformed):
        zones.take(b"X", is_part=False)
