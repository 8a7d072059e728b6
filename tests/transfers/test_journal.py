"""A journal lets incremental zone transfers go on after a restart, or has nothing: never more."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transferred import KEY, ZONE, Records, changed, content, operations

from failoverdns.model.names import DomainName
from failoverdns.protocol.transfer.contents import Difference
from failoverdns.transfers.differences import Differences, at_once
from failoverdns.transfers.image import ZoneImage
from failoverdns.transfers.journal import Journal, sweep

A, B = "60 A 192.0.2.1", "60 A 192.0.2.2"


class _Zone:
    """A zone with its differences, and what it had at each serial."""

    def __init__(self) -> None:
        self.image = ZoneImage(ZONE.wire, KEY)
        self.image.apply(operations(1, {f"n{number}": [A] for number in range(60)}))
        self.differences = Differences(1 << 20)
        self.contents: dict[int, Records] = {1: content(self.image.snapshot())}
        self.serial = 1

    def change(self, *names: str) -> Difference:
        """Switch names between two addresses, as the next serial."""
        self.serial += 1
        address = B if self.serial % 2 else A
        wanted = {name: [address, f"{self.serial} TXT x"] for name in names}
        difference = self.image.apply(operations(self.serial, wanted))
        assert difference is not None
        self.differences.append(difference)
        self.contents[self.serial] = content(self.image.snapshot())
        return difference

    def write(self, journal: Journal) -> bool:
        return at_once(journal.writing(KEY, self.image.snapshot(), self.differences.all()))


@pytest.fixture
def zone() -> _Zone:
    return _Zone()


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def check(journal: Journal, zone: _Zone, serial: int) -> None:
    """Check that a journal has the zone at a serial, with differences that lead there."""
    found = journal.load()
    assert found is not None
    assert (found.key, found.snapshot.serial) == (KEY, serial)
    assert content(found.snapshot) == zone.contents[serial]
    present = zone.contents[serial]
    for difference in found.differences:
        before = zone.contents[difference.from_serial]
        assert changed(before, difference) == zone.contents[difference.to_serial]
        present = zone.contents[difference.to_serial]
    assert present == zone.contents[serial]


def test_a_zone_without_a_journal_has_nothing(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    assert journal.load() is None
    assert journal.fault == ""
    assert not journal.append(zone.change("n1"))


def test_a_restart_finds_the_zone_and_all_differences(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.change("n1")
    assert zone.write(journal)
    assert journal.append(zone.change("n1", "n2"))
    assert journal.append(zone.change("n3"))
    check(Journal(tmp_path, ZONE.wire), zone, 4)
    found = Journal(tmp_path, ZONE.wire).load()
    assert found is not None
    assert found.differences == zone.differences.all()


def test_a_loaded_journal_goes_on(tmp_path: Path, zone: _Zone) -> None:
    zone.write(Journal(tmp_path, ZONE.wire))
    journal = Journal(tmp_path, ZONE.wire)
    check(journal, zone, 1)
    assert journal.append(zone.change("n1"))
    check(Journal(tmp_path, ZONE.wire), zone, 2)


def test_a_difference_that_does_not_follow_is_not_added(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    zone.change("n1")
    assert not journal.append(zone.change("n2"))
    assert not journal.append(zone.change("n3"))
    check(Journal(tmp_path, ZONE.wire), zone, 1)


def test_a_journal_is_written_anew_when_its_differences_are_many(
    tmp_path: Path, zone: _Zone
) -> None:
    """Otherwise the file would grow with each change."""
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    long = ["60 TXT " + " ".join(["x" * 255] * 250)]
    count = 0
    while True:
        zone.serial += 1
        names = {"long": long if zone.serial % 2 else ()}
        difference = zone.image.apply(operations(zone.serial, names))
        assert difference is not None
        if not journal.append(difference):
            break
        count += 1
    assert 10 < count < 40
    size = journal.path.stat().st_size
    assert size < 1_200_000
    assert zone.write(journal)
    assert journal.path.stat().st_size < size
    assert journal.append(zone.change("n1"))


def test_changes_while_the_file_is_written_anew_are_in_it(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    steps = journal.writing(KEY, zone.image.snapshot(), zone.differences.all())
    journal.append(zone.change("n1"))
    next(steps)
    journal.append(zone.change("n2"))
    check(Journal(tmp_path, ZONE.wire), zone, 3)
    assert at_once(steps)
    check(Journal(tmp_path, ZONE.wire), zone, 3)
    assert journal.append(zone.change("n3"))
    check(Journal(tmp_path, ZONE.wire), zone, 4)


def test_writing_that_is_given_up_leaves_the_old_file(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    steps = journal.writing(KEY, zone.image.snapshot(), ())
    next(steps)
    steps.close()
    assert [path.name for path in tmp_path.iterdir()] == ["failover.test.journal"]
    assert journal.append(zone.change("n1"))
    check(Journal(tmp_path, ZONE.wire), zone, 2)


@pytest.mark.parametrize("more", [0, 30])
def test_a_full_disk_costs_the_differences_since(tmp_path: Path, zone: _Zone, more: int) -> None:
    """A frame that is written in part is not read, and nothing follows it."""
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    assert journal.append(zone.change("n1"))
    with full_disk(journal.path.stat().st_size + more):
        assert not journal.append(zone.change("n2"))
        assert "too large" in journal.fault
    assert not journal.append(zone.change("n3"))
    check(Journal(tmp_path, ZONE.wire), zone, 2)
    assert zone.write(journal)
    check(Journal(tmp_path, ZONE.wire), zone, 4)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    zone.change("n1")
    with full_disk(200):
        assert not zone.write(journal)
        assert "too large" in journal.fault
    assert [path.name for path in tmp_path.iterdir()] == ["failover.test.journal"]
    check(Journal(tmp_path, ZONE.wire), zone, 1)


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path / "missing", ZONE.wire)
    assert journal.load() is None
    assert not zone.write(journal)
    assert "No such file" in journal.fault


def test_links_and_pipes_are_not_followed(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    journal.path.rename(tmp_path / "elsewhere")
    journal.path.symlink_to(tmp_path / "elsewhere")
    size = (tmp_path / "elsewhere").stat().st_size
    assert Journal(tmp_path, ZONE.wire).load() is None
    assert not journal.append(zone.change("n1"))
    assert (tmp_path / "elsewhere").stat().st_size == size
    journal.path.unlink()
    os.mkfifo(journal.path)
    assert journal.load() is None
    assert journal.fault == "not a regular file"
    assert zone.write(journal)
    check(journal, zone, 2)


def test_only_the_server_may_read_a_journal(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    assert journal.path.stat().st_mode & 0o777 == 0o600


def test_the_journal_of_a_removed_zone_is_removed(tmp_path: Path, zone: _Zone) -> None:
    journal = Journal(tmp_path, ZONE.wire)
    zone.write(journal)
    journal.remove()
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_journals_of_other_zones_are_swept_away(tmp_path: Path) -> None:
    odd = DomainName.from_labels((b"\xff/..", b"test")).wire
    for origin in (ZONE.wire, odd, b"\0", b"\3old\0"):
        Journal(tmp_path, origin).path.write_bytes(b"")
    for name in ("failover.test.journal.new", "other"):
        (tmp_path / name).write_bytes(b"")
    assert len(list(tmp_path.iterdir())) == 6
    sweep(tmp_path, [ZONE.wire, odd, b"\0"])
    left = {path.name for path in tmp_path.iterdir()}
    assert {"failover.test.journal", "other"} < left
    assert len(left) == 4
    assert all(name.isascii() and "/" not in name for name in left)
    sweep(tmp_path / "missing", [])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_journal_has_the_right_zone_or_nothing(
    tmp_path: Path, data: st.DataObject
) -> None:
    """Whatever was cut off or changed, what is read is what the zone had at that serial."""
    zone, journal = _Zone(), Journal(tmp_path, ZONE.wire)
    zone.change("n1")
    zone.write(journal)
    for number in range(3):
        journal.append(zone.change(f"n{number}", "x"))
    whole = journal.path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        damaged = whole[:at]
    else:
        damaged = (
            whole[:at] + bytes((whole[at] ^ data.draw(st.integers(1, 255)),)) + whole[at + 1 :]
        )
    journal.path.write_bytes(damaged)
    again = Journal(tmp_path, ZONE.wire)
    found = again.load()
    if found is not None:
        check(again, zone, found.snapshot.serial)
        assert len(damaged) < len(whole) or found.snapshot.serial < zone.serial
        assert again.fault or found.snapshot.serial < zone.serial
    assert not again.append(zone.change("n5"))
