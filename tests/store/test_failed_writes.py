"""What a store says of a write that failed is what a restart finds, for every way to fail.

The store runs in a process whose system calls fail, and which is killed as by `kill -9`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from faults import AFTER_ANOTHER, Faults
from store.store_process import StoreProcess

pytestmark = pytest.mark.long


class Disk:
    """A folder with a state file, the faults of its disk, and the process that uses it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.db"
        self.faults = Faults(folder / "faults")
        self.store = self.start()
        self.load()

    def start(self) -> StoreProcess:
        self.store = StoreProcess(self.path, self.faults.environment)
        return self.store

    def load(self) -> object:
        return self.store.call("load")

    def lose_a_sync(self) -> None:
        """Let the next commit be written and not synced, and every write after it fail."""
        self.faults.set("fsync", "-wal")
        self.faults.set("write", "-wal", skip=AFTER_ANOTHER)

    def restart(self) -> list[int]:
        """Kill the process and start another, without faults; return the revisions it finds."""
        self.store.kill()
        self.faults.clear()
        self.start()
        assert isinstance(self.load(), int)
        revisions: list[int] = self.store.call("revisions")
        assert self.store.call("verify") == len(revisions)
        return revisions


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Return a disk with a state at revision 2, part of it in the log."""
    disk = Disk(tmp_path)
    try:
        assert disk.store.call("fill") is None
        assert disk.store.call("commit", 1) is None
        yield disk
    finally:
        disk.store.kill()


def failed(result: object) -> str:
    assert isinstance(result, list), result
    return str(result[0])


@contextmanager
def nothing(_: Path) -> Iterator[None]:
    yield


@contextmanager
def reader(path: Path) -> Iterator[None]:
    """Read an old state in another program all the time, as a backup does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM head").fetchone()
        yield


@pytest.mark.parametrize("others", [nothing, reader], ids=["alone", "with a reader"])
def test_a_refused_commit_is_not_found_after_a_restart(
    disk: Disk, others: Callable[[Path], ExitStack]
) -> None:
    """One sync of the log fails, after the commit was written to it; the next one succeeds."""
    with others(disk.path):
        disk.faults.set("fsync", "-wal", times=1)
        assert failed(disk.store.call("commit", 2)) == "Unavailable"
        assert disk.store.call("revisions") == [1, 2]
    assert disk.restart() == [1, 2]


@pytest.mark.parametrize("others", [nothing, reader], ids=["alone", "with a reader"])
def test_a_commit_has_an_unknown_outcome_as_long_as_the_log_cannot_be_synced(
    disk: Disk, others: Callable[[Path], ExitStack]
) -> None:
    """A restart finds it, so that nobody may be told that it was refused."""
    with others(disk.path):
        disk.lose_a_sync()
        assert failed(disk.store.call("commit", 2)) == "OutcomeUnknown"
        name, text = disk.store.call("commit", 2)
        assert (name, "not known what became of an earlier write" in text) == ("Unavailable", True)
        assert disk.store.call("condition")[0] == text
        assert disk.store.call("revisions") == [1, 2]
    assert disk.restart() == [1, 2, 3]


def test_an_unknown_outcome_is_settled_by_the_next_commit(disk: Disk) -> None:
    """It did not happen, and never will; the commit after it has the same revision."""
    disk.faults.set("fsync", "-wal", times=2)
    assert failed(disk.store.call("commit", 2, 10)) == "OutcomeUnknown"
    assert disk.store.call("commit", 2) is None
    assert disk.store.call("condition")[0] is None
    assert disk.restart() == [1, 2, 3]


def test_a_restart_that_finds_an_unsynced_commit_syncs_it(disk: Disk) -> None:
    """Otherwise commits that follow it in the log would be lost in a power failure."""
    disk.lose_a_sync()
    assert failed(disk.store.call("commit", 2)) == "OutcomeUnknown"
    assert disk.restart() == [1, 2, 3]
    database = sqlite3.connect(f"file:{disk.path}?immutable=1", uri=True)
    with closing(database) as connection:
        assert connection.execute("SELECT revision FROM head").fetchone() == (3,)


def test_a_restart_on_a_disk_that_still_fails_shows_the_state_and_accepts_nothing(
    disk: Disk,
) -> None:
    """When the disk works again, commits are accepted again."""
    disk.lose_a_sync()
    assert failed(disk.store.call("commit", 2)) == "OutcomeUnknown"
    disk.store.kill()
    disk.faults.clear()
    disk.faults.set("fsync", "*")
    disk.start()
    assert disk.load() == 3
    assert disk.store.call("condition")[0] is not None
    assert failed(disk.store.call("commit", 3)) == "Unavailable"
    assert disk.store.call("revisions") == [1, 2, 3]
    disk.faults.clear()
    assert disk.store.call("commit", 3) is None
    assert disk.restart() == [1, 2, 3, 4]


def test_a_reader_of_an_old_state_does_not_hold_up_a_restart(disk: Disk) -> None:
    """What is found in the log is synced again where it is, and changes are accepted at once."""
    with reader(disk.path):
        assert disk.store.call("commit", 2) is None
        disk.lose_a_sync()
        assert failed(disk.store.call("commit", 3)) == "OutcomeUnknown"
        assert disk.restart() == [1, 2, 3], "as the index in memory says"
        assert disk.store.call("condition")[0] is None
        assert disk.store.call("commit", 3) is None
    assert disk.restart() == [1, 2, 3, 4]


def test_a_full_index_of_the_log_does_not_leave_a_refused_commit(disk: Disk) -> None:
    """It grows after the log has been written and synced."""
    disk.faults.set("write", "-shm", "ENOSPC")
    assert failed(disk.store.call("commit", 2, 17_500_000)) == "Unavailable"
    frames = disk.path.with_name("state.db-wal").stat().st_size // (24 + 4096)
    assert 4062 < frames < 4500, "the index grew, and did so at the end of the commit"
    assert disk.restart() == [1, 2]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EROFS", "EDQUOT"])
def test_a_commit_that_cannot_be_written_is_refused_and_a_restart_does_not_find_it(
    disk: Disk, error: str
) -> None:
    """A full disk must not make the outcome of every command unknown."""
    for skip in (0, 1, 2, 5, 0, 0):
        disk.faults.clear()
        disk.faults.set("write", "-wal", error, skip=skip)
        assert failed(disk.store.call("commit", 2, 9000)) == "Unavailable"
        assert disk.store.call("revisions") == [1, 2]
    assert disk.restart() == [1, 2]


def test_a_commit_whose_pages_are_half_written_is_refused(disk: Disk) -> None:
    """The end of a page is missing in the log."""
    disk.faults.set("write", "-wal", keep=100, skip=3, times=1)
    disk.faults.set("write", "-wal", "ENOSPC", skip=3)
    assert failed(disk.store.call("commit", 2, 9000)) == "Unavailable"
    assert disk.restart() == [1, 2]


def test_short_writes_are_continued(disk: Disk) -> None:
    """No write is taken for a whole one, whichever file it is in."""
    disk.faults.set("write", "*", keep=100)
    assert disk.store.call("commit", 2) is None
    assert disk.store.call("rotate") == 3
    assert disk.restart() == [1, 2, 3]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_database_that_cannot_be_written_loses_nothing(disk: Disk, call: str) -> None:
    """The log keeps what cannot be copied into the database."""
    disk.faults.set(call, "state.db")
    for revision in range(2, 12):
        assert disk.store.call("commit", revision, 500_000) is None
    assert disk.restart() == list(range(1, 13))


@pytest.mark.parametrize("name", ["fetch", "progress", "rotate"])
def test_every_write_of_the_store_is_judged_like_a_commit(disk: Disk, name: str) -> None:
    """A fetch, the progress of a hook and a rotation of the key are such writes."""
    disk.faults.set("fsync", "-wal", times=1)
    assert failed(disk.store.call(name)) == "Unavailable"
    assert not disk.store.call("fetches")
    disk.faults.clear()
    disk.faults.set("fsync", "-wal")
    assert failed(disk.store.call(name)) == "OutcomeUnknown"
    assert failed(disk.store.call("commit", 2)) == "Unavailable"
    disk.faults.clear()
    assert disk.store.call(name) in (None, 3)
    assert disk.store.call("commit", 2) is None
    assert disk.restart() == [1, 2, 3]


def test_a_mark_that_cannot_be_written_does_not_undo_a_commit(disk: Disk) -> None:
    """The mark is behind then, which is harmless."""
    disk.faults.set("write", ".acknowledged")
    assert disk.store.call("commit", 2) is None
    assert disk.restart() == [1, 2, 3]


def test_a_log_that_is_deleted_while_in_use_takes_no_more_commits(disk: Disk) -> None:
    """Commits to it would be lost at the next start; a clean stop saves what it holds."""
    disk.path.with_name("state.db-wal").unlink()
    assert failed(disk.store.call("commit", 2)) == "Unavailable"
    assert disk.store.call("close") is None
    assert disk.restart() == [1, 2]


@pytest.mark.parametrize(
    ("call", "error"), [("write", "ENOSPC"), ("fsync", "EIO"), ("rename", "EROFS")]
)
def test_a_key_file_that_cannot_be_replaced_stays(disk: Disk, call: str, error: str) -> None:
    """The old key works, whichever step fails; the next rotation succeeds."""
    name = ".key" if call == "rename" else ".key.new"
    disk.faults.set(call, name, error)
    before = disk.path.with_name("state.db.key").read_bytes()
    for _ in range(3):
        assert failed(disk.store.call("rotate")) == "Unavailable"
        assert disk.path.with_name("state.db.key").read_bytes() == before
        assert disk.store.call("keys") is True
    assert not disk.path.with_name("state.db.key.new").exists()
    disk.faults.clear()
    disk.faults.set("write", ".key.new", keep=20)
    assert disk.store.call("rotate") == 3
    assert len(disk.path.with_name("state.db.key").read_bytes()) == 2 * 45, "key and marker"
    assert disk.restart() == [1, 2]
    assert disk.store.call("keys") is True


@pytest.mark.parametrize("name", ["", ".key"])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_first_start_that_fails_leaves_nothing_that_stops_the_next(
    tmp_path: Path, call: str, name: str
) -> None:
    """The state file and the key file appear whole or not at all."""
    disk = Disk(tmp_path)
    disk.store.kill()
    for file in disk.path.parent.glob("state.db*"):
        file.unlink()
    if call != "rename":
        name += ".new"
    disk.faults.set(call, "state.db" + name, "ENOSPC", skip=0 if call != "write" else 1)
    disk.start()
    disk.load()
    try:
        assert disk.restart() == []
        assert disk.store.call("fill") is None
        assert disk.restart() == [1]
    finally:
        disk.store.kill()
