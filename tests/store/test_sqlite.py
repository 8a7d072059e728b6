"""The SQLite store and its file (`store.sqlite`, `store.state_file`, `store.mark`).

The server never answers from a state file that cannot be trusted.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from driving import at_once, run
from store.test_store import APPLICATION, GROUP, change
from vaults import opened, vault_beside

from failoverdns.model.change import EVERYBODY, Operation, Write
from failoverdns.model.delivery import Fetch
from failoverdns.model.errors import Corrupt
from failoverdns.model.group import Tombstone
from failoverdns.model.names import DomainName
from failoverdns.store.authentication import Authentication
from failoverdns.store.interface import Loaded, OutcomeUnknown, Unavailable
from failoverdns.store.place import Place
from failoverdns.store.replaying import AT_ONCE
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.state_file import open_state_file

T = TypeVar("T")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a closed state file with two entities at revision 2."""
    path = tmp_path / "state.db"
    store = opened(path)
    run(store.commit(0, [change(1, Write(None, APPLICATION))]))
    run(store.commit(1, [change(2, Write(None, GROUP), subjects=("grp-2",))]))
    run(store.close())
    return path


def execute(path: Path, *statements: str) -> None:
    """Change a state file behind the back of the store."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def flip(path: Path) -> None:
    """Change one digit of an address, as a bad disk might; the database stays well-formed."""
    data = path.read_bytes()
    assert data.count(b"192.0.2.1") >= 2
    path.write_bytes(data.replace(b"192.0.2.1", b"192.0.2.9"))


def zero(path: Path, table: str) -> None:
    """Overwrite the first page of a table with zeros, as a bad disk might."""
    with closing(sqlite3.connect(path)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        page = connection.execute(query, (table,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


UNLOCK = "DROP TRIGGER history_takes_no_delete"

DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "is empty"),
    "another kind of file": (lambda p: p.write_text("not this"), "is not a SQLite database"),
    "cut in the middle": (lambda p: os.truncate(p, p.stat().st_size // 2), "is damaged"),
    "cut after the first page": (lambda p: os.truncate(p, 4096), "is damaged"),
    "cut in the header": (lambda p: os.truncate(p, 50), "is damaged"),
    "torn: a page of zeros": (
        lambda p: p.write_bytes(p.read_bytes()[:4096] + bytes(4096) + p.read_bytes()[8192:]),
        "is damaged",
    ),
    "a page of zeros in the index of entities": (
        lambda p: zero(p, "sqlite_autoindex_entities_1"),
        "is damaged",
    ),
    "a page of zeros in the vault": (lambda p: zero(p, "bundles"), "is damaged"),
    "a flipped digit": (flip, "the checksum of a row is wrong"),
    "a row that is not text": (
        lambda p: execute(p, "UPDATE entities SET document = CAST(document AS BLOB)"),
        "is damaged (the checksum of a row is wrong",
    ),
    "another program's database": (
        lambda p: execute(p, "PRAGMA application_id = 7"),
        "of another program",
    ),
    "from a newer version": (
        lambda p: execute(p, "PRAGMA user_version = 7"),
        "newer failoverdns (schema 7; this version knows 6)",
    ),
    "rows deleted": (lambda p: execute(p, "DELETE FROM entities"), "2 entities were written"),
    "tables gone": (lambda p: execute(p, "DROP TABLE entities"), "is damaged"),
    "deleted": (lambda p: p.unlink(), "is missing, but revision 2 was acknowledged"),
    "an older copy": (
        lambda p: execute(p, "UPDATE head SET revision = 1"),
        "is at revision 1, but revision 2 was acknowledged",
    ),
    "the end of the history deleted": (
        lambda p: execute(p, UNLOCK, "DELETE FROM history WHERE revision = 2"),
        "ends with revision 1, whose hash is not the one that was noted when revision 2 was",
    ),
    "all of the history deleted": (
        lambda p: execute(p, UNLOCK, "DELETE FROM history"),
        "its history ends with revision 0",
    ),
    "the noted end of the history changed": (
        lambda p: execute(p, f"UPDATE head SET hash = '{'a' * 64}'"),
        "its history ends with revision 2, whose hash is not the one that was noted",
    ),
    "an entity that is not valid": (
        lambda p: execute(p, "UPDATE entities SET document = '{}', checksum = 2745614147"),
        "not an entity of this version",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_and_not_changed(path: Path, damage: str) -> None:
    """The server does not start with an empty state; the message names the file and the fault."""
    make, message = DAMAGES[damage]
    make(path)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(Corrupt) as caught:
        opened(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_a_pipe_is_refused_at_once(path: Path, end: str) -> None:
    """Opening it would wait for somebody who writes to it."""
    pipe = path.with_name(path.name + end)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe, 0o600)
    with pytest.raises(Corrupt, match="is not a regular file"):
        opened(path)


@pytest.mark.parametrize("table", ["subjects", "fetched", "fetches", "operations", "history"])
def test_damage_in_what_a_start_does_not_read_is_found_by_a_verification(
    path: Path, table: str
) -> None:
    """The server answers with the right state, and accepts no change that it cannot record."""
    store = opened(path)
    run(store.record_fetch(Fetch(1.0, "app-1", "web1", "::1", "f", "pem")))
    run(store.commit(2, [change(3)], [Operation("once", "{}", 3, {})]))
    assert run(store.verify()).revision == 3
    run(store.close())
    if table == "history":
        damage(path, b'"revision":1,')
    else:
        zero(path, table)
    store = SQLiteStore(path, at_once, vault_beside(path))
    assert run(store.load()) == Loaded(3, (APPLICATION, GROUP))
    with pytest.raises(
        Corrupt, match="does not fit: its text" if table == "history" else table[:5]
    ):
        run(store.verify())
    run(store.close())


def damage(path: Path, text: bytes) -> None:
    """Change a byte of a text in the file."""
    data = path.read_bytes()
    assert text in data
    path.write_bytes(data.replace(text, text[:-1] + b";"))


@pytest.mark.parametrize("rest", ["DELETE FROM history WHERE revision = 2", "DELETE FROM history"])
def test_a_refused_history_comes_with_a_command_to_start_without_it(path: Path, rest: str) -> None:
    """An operator may need DNS answers at once; the history never passes verification again."""
    execute(path, UNLOCK, rest)
    with pytest.raises(Corrupt) as caught:
        opened(path)
    ((statement, key_file),) = re.findall(
        r'sqlite3 FILE "(.*)".* second line of the key file \(sed -i 2d (\S+)\)', str(caught.value)
    )
    execute(path, statement)
    with pytest.raises(Corrupt, match="its authentication tag is not"):
        opened(path)
    subprocess.run(["sed", "-i", "2d", key_file], check=True)
    store = opened(path)
    run(store.commit(2, [change(3)]))
    with pytest.raises(Corrupt, match="does not fit: it is missing; revision 3 is the next"):
        run(store.verify())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history SET document = '{}' WHERE revision = 1",
        "UPDATE history SET revision = 7 WHERE revision = 2",
        "DELETE FROM history WHERE revision = 2",
        "DELETE FROM history",
        "INSERT OR REPLACE INTO history SELECT revision, '{}', 0, hash FROM history",
        "INSERT INTO history SELECT 0, document, checksum, hash FROM history LIMIT 1",
    ],
)
def test_the_history_table_is_append_only(path: Path, statement: str) -> None:
    """SQLite refuses to change, delete or insert rows of the history by mistake."""
    with pytest.raises(sqlite3.IntegrityError, match="history is append-only"):
        execute(path, statement)
    store = opened(path)
    run(store.commit(2, [change(3)]))
    assert run(store.verify()).revision == 3


class Turn:
    """Suspends once."""

    def __await__(self) -> Generator[None, None, None]:
        """Suspend once."""
        yield


def test_commits_are_made_while_the_history_is_verified(tmp_path: Path) -> None:
    """The store can commit after each piece; such commits are not verified."""

    async def in_turn(call: Callable[[], T]) -> T:
        await Turn()
        return call()

    def commit(after: int, count: int) -> None:
        changes = [change(revision) for revision in range(after + 1, after + count + 1)]
        assert not list(store.commit(after, changes).__await__())[1:]

    store = SQLiteStore(tmp_path / "state.db", in_turn, vault_beside(tmp_path / "state.db"))
    assert list(store.load().__await__()) == [None]
    count = 2 * AT_ONCE + 1
    commit(0, count)
    verifying, turns, end = store.verify().__await__(), 0, None
    while end is None:
        try:
            next(verifying)
        except StopIteration as finished:
            end = finished.value
        else:
            commit(count + turns, 1)
            turns += 1
    pieces = -(-count // AT_ONCE)
    assert turns == pieces + 3, "also to read the head, to compare, and to read the other tables"
    assert end.revision == count + 1, "one was committed before the first"
    assert list(store.verify("0" * 64).__await__()) == [None] * (pieces + 3)


def test_many_entities_are_loaded_in_order_and_the_checksum_of_each_is_verified(
    tmp_path: Path,
) -> None:
    """Rows are parsed a hundred at a time."""
    path = tmp_path / "state.db"
    store = opened(path)
    zone = DomainName.from_text("failover.test")
    many = tuple(Tombstone(zone, f"label{number}", "shop") for number in range(250))
    run(store.commit(0, [change(1, *(Write(None, entity) for entity in many))]))
    run(store.close())
    store = SQLiteStore(path, at_once, vault_beside(path))
    assert run(store.load()) == Loaded(1, many)
    run(store.close())
    for rowid in (1, 100, 101, 250):
        execute(path, f"UPDATE entities SET checksum = checksum + 1 WHERE rowid = {rowid}")
        with pytest.raises(Corrupt, match=f'checksum of a row is wrong.*"label{rowid - 1}"'):
            opened(path)
        execute(path, f"UPDATE entities SET checksum = checksum - 1 WHERE rowid = {rowid}")


def test_a_deleted_write_ahead_log_is_noticed(tmp_path: Path) -> None:
    """SQLite alone would open the file as it was at the last checkpoint: empty."""
    path = tmp_path / "state.db"
    store = opened(path)
    run(store.commit(0, [change(1, Write(None, APPLICATION))]))
    crashed = tmp_path / "crashed.db"
    crashed.write_bytes(path.read_bytes())
    mark = tmp_path / "crashed.db.acknowledged"
    mark.write_bytes((tmp_path / "state.db.acknowledged").read_bytes())
    with pytest.raises(Corrupt, match="changes are lost"):
        opened(crashed)
    run(store.close())


def test_a_file_without_a_mark_is_accepted(path: Path) -> None:
    """A backup on a new machine has no mark."""
    path.with_name("state.db.acknowledged").unlink()
    assert run(SQLiteStore(path, at_once, vault_beside(path)).load()).revision == 2


def test_a_damaged_mark_is_refused(path: Path) -> None:
    """The message gives the remedy."""
    path.with_name("state.db.acknowledged").write_text("junk")
    with pytest.raises(Corrupt, match="delete it"):
        opened(path)


def test_two_servers_cannot_share_a_state(path: Path) -> None:
    """The second one is refused; the first one continues to work."""
    first = opened(path)
    with pytest.raises(Corrupt, match="another failoverdns is using this state"):
        opened(path)
    run(first.commit(2, [change(3)]))
    run(first.close())
    assert run(SQLiteStore(path, at_once, vault_beside(path)).load()).revision == 3


def test_a_refused_file_is_not_locked(path: Path) -> None:
    """After the operator has restored the file, the next start succeeds."""
    good = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(Corrupt):
        opened(path)
    path.write_bytes(good)
    assert run(SQLiteStore(path, at_once, vault_beside(path)).load()).revision == 2


def test_a_file_that_is_moved_while_in_use_accepts_no_commit(path: Path) -> None:
    """A commit to a moved file would be lost at the next start."""
    store = opened(path)
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(Unavailable, match="moved or deleted"):
        run(store.commit(2, [change(3)]))
    with pytest.raises(Unavailable):
        run(store.history(None, 1))
    run(store.close())


def test_a_commit_to_a_full_disk_is_refused_and_changes_nothing(path: Path) -> None:
    """When the disk has space again, the next commit succeeds."""
    store = opened(path)
    assert store._file.connection is not None
    pages = store._file.connection.execute("PRAGMA page_count").fetchone()[0]
    store._file.connection.execute(f"PRAGMA max_page_count = {pages}")
    big = change(3, Write(None, GROUP), subjects=tuple(str(n) for n in range(2000)))
    with pytest.raises((Unavailable, OutcomeUnknown)):
        run(store.commit(2, [big]))
    assert run(store.changes_after(2)) == ()
    store._file.connection.execute("PRAGMA max_page_count = 1000000")
    run(store.commit(2, [change(3)]))
    run(store.close())
    assert run(SQLiteStore(path, at_once, vault_beside(path)).load()).revision == 3


READS: dict[str, Callable[[SQLiteStore], object]] = {
    "operation": lambda store: run(store.operation("once", EVERYBODY)),
    "history": lambda store: run(store.history(None, 10)),
    "history of a group": lambda store: run(store.history(["grp-2"], 10)),
    "changes_after": lambda store: run(store.changes_after(0)),
    "links": lambda store: run(store.links(0, 10)),
    "verify": lambda store: run(store.verify()),
    "bundle": lambda store: run(store.bundle("b")),
    "fetches": lambda store: run(store.fetches("app-1", 10)),
    "progress": lambda store: run(store.progress()),
}


@pytest.mark.parametrize("what", READS)
def test_a_read_error_of_the_disk_is_reported_as_unavailable(path: Path, what: str) -> None:
    """The file is truncated while it is in use; when it is restored, it can be read again.

    The write of another program makes SQLite discard the pages that it has in memory.
    """
    store = opened(path)
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)", "UPDATE head SET revision = revision")
    whole = path.read_bytes()
    os.truncate(path, 4096)
    with pytest.raises(Unavailable, match=r"state\.db: (database disk image|disk I/O)"):
        READS[what](store)
    path.write_bytes(whole)
    READS[what](store)
    run(store.close())


def test_a_second_commit_with_the_same_op_id_changes_nothing(path: Path) -> None:
    """The store refuses it as unavailable."""
    store = opened(path)
    operation = Operation("once", "{}", 3, {})
    run(store.commit(2, [change(3)], [operation]))
    with pytest.raises(Unavailable):
        run(store.commit(3, [change(4)], [operation]))
    assert run(store.changes_after(3)) == ()
    run(store.close())


def test_only_the_owner_can_read_the_state_file_and_its_mark(path: Path) -> None:
    """The mode gives the group and others no access."""
    for name in (path, path.with_name("state.db.acknowledged")):
        assert name.stat().st_mode & 0o077 == 0


def test_a_crash_while_the_file_is_created_leaves_no_state_file(tmp_path: Path) -> None:
    """The file is created under another name and renamed when it is complete."""
    path = tmp_path / "state.db"
    path.with_name("state.db.new").write_bytes(b"half a database")
    assert run(SQLiteStore(path, at_once, vault_beside(path)).load()).revision == 0
    assert not path.with_name("state.db.new").exists()


def test_a_commit_is_synced_to_disk(path: Path) -> None:
    """A power failure loses no acknowledged change: synchronous is FULL, the journal a WAL."""
    store = opened(path)
    assert store._file.connection is not None
    assert store._file.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._file.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    run(store.close())


def test_a_file_that_another_program_has_locked_is_not_reported_as_damaged(path: Path) -> None:
    """An operator should not replace a sound file with a backup."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with (
            closing(Place(path)) as place,
            pytest.raises(Corrupt, match="cannot be used \\(database is locked\\)"),
        ):
            open_state_file(place, 0.1, Authentication(vault_beside(path)))
    store = opened(path)
    assert store._file.connection is not None
    assert store._file.connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
    assert run(store.history(None, 1))[0].revision == 2
    run(store.close())


def test_a_commit_whose_mark_cannot_be_written_stands(path: Path) -> None:
    """The change is on disk; the mark is behind, and advances with the next commit."""
    store = opened(path)
    assert store._file.place is not None
    mark = store._file.place.mark
    descriptor, mark._descriptor = mark._descriptor, os.open(path.parent, os.O_RDONLY)
    run(store.commit(2, [change(3)]))
    assert [c.revision for c in run(store.changes_after(2))] == [3]
    assert mark._descriptor is not None
    os.close(mark._descriptor)
    mark._descriptor = descriptor
    run(store.commit(3, [change(4)]))
    assert int(path.with_name("state.db.acknowledged").read_text()) == 4
    run(store.close())
