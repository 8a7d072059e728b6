"""Files that were put in place by hand: backups, links, marks, and logs of another time."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from driving import at_once, run
from store.test_store import APPLICATION, GROUP, change
from vaults import opened, vault_beside

from failoverdns.model.change import Write
from failoverdns.model.errors import Corrupt
from failoverdns.store.copying import as_copy
from failoverdns.store.sqlite import SQLiteStore

RESTS = ("", "-wal", "-shm", ".acknowledged", ".key")


def copy(path: Path, to: Path, rests: tuple[str, ...] = RESTS) -> None:
    """Copy a state file and what is beside it, as a crash leaves them."""
    for rest in rests:
        source = path.with_name(path.name + rest)
        if source.exists():
            shutil.copy(source, to.with_name(to.name + rest))


def at_rest(path: Path, to: Path) -> None:
    """Copy the file while no server runs."""
    store = opened(path)
    run(store.close())
    shutil.copy(path, to)


def by_sqlite(statement: str) -> Callable[[Path, Path], None]:
    def make(path: Path, to: Path) -> None:
        with closing(sqlite3.connect(path)) as source:
            if statement:
                source.execute(statement, (str(to),))
            else:
                with closing(sqlite3.connect(to)) as target:
                    source.backup(target)
        to.chmod(0o600)

    return make


def byte_by_byte(path: Path, to: Path) -> None:
    """Copy the file as `failoverdns backup` does, which needs the whole log to be in it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    data = path.read_bytes()
    to.write_bytes(as_copy(data[:4096]) + data[4096:])
    to.chmod(0o600)


BACKUPS: dict[str, Callable[[Path, Path], None]] = {
    "cp": at_rest,
    ".backup": by_sqlite(""),
    "failoverdns backup": byte_by_byte,
    "VACUUM INTO": by_sqlite("VACUUM INTO ?"),
}


def commits(store: SQLiteStore, first: int, last: int) -> None:
    for revision in range(first, last + 1):
        size = (f"{revision:01000}",)
        run(store.commit(revision - 1, [change(revision, subjects=size)]))


@pytest.mark.parametrize("marked", [True, False], ids=["with the mark", "mark deleted"])
@pytest.mark.parametrize("later", [1, 40, 700])
@pytest.mark.parametrize("how", BACKUPS)
def test_a_backup_beside_the_log_of_a_killed_server_is_refused(
    tmp_path: Path, how: str, later: int, marked: bool
) -> None:
    """It would become the newest state again, or a mixture; the message says what to delete."""
    path, backup = tmp_path / "state.db", tmp_path / "backup.db"
    store = opened(path)
    commits(store, 1, 20)
    if how == "cp":
        run(store.close())
    BACKUPS[how](path, backup)
    if how == "cp":
        store = opened(path)
    commits(store, 21, 20 + later)
    crashed = tmp_path / "crashed.db"
    copy(path, crashed)
    run(store.close())
    shutil.copy(backup, crashed)
    before = crashed.read_bytes()
    if not marked:
        crashed.with_name("crashed.db.acknowledged").unlink()
    with pytest.raises(Corrupt, match=r"delete .*crashed\.db-wal and .*crashed\.db-shm") as caught:
        opened(crashed)
    assert "is a copy or another file" in str(caught.value)
    assert crashed.read_bytes() == before
    for rest in ("-wal", "-shm", ".acknowledged"):
        crashed.with_name("crashed.db" + rest).unlink(missing_ok=True)
    store = opened(crashed)
    assert len(run(store.changes_after(0))) == 20
    assert run(store.verify()).revision == 20
    commits(store, 21, 22)
    copy(crashed, tmp_path / "again.db")
    assert len(run(opened(tmp_path / "again.db").changes_after(0))) == 22, "killed after a restore"
    run(store.close())


def test_a_killed_server_finds_its_own_log(tmp_path: Path) -> None:
    """At any moment: the log may have been copied into the file, wholly or in part, or not."""
    path = tmp_path / "state.db"
    store = opened(path)
    for revision in range(1, 400):
        commits(store, revision, revision)
        if revision % 13 == 0:
            crashed = tmp_path / f"crashed{revision}.db"
            copy(path, crashed)
            crashed_store = opened(crashed)
            assert len(run(crashed_store.changes_after(0))) == revision
            run(crashed_store.close())
    run(store.close())


def test_a_log_without_its_file_is_refused(tmp_path: Path) -> None:
    """A new file would take the pages of the old one."""
    path = tmp_path / "state.db"
    store = opened(path)
    commits(store, 1, 3)
    crashed = tmp_path / "crashed.db"
    copy(path, crashed, ("-wal",))
    with pytest.raises(Corrupt, match="its log is there"):
        opened(crashed)
    run(store.close())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a closed state file at revision 2."""
    path = tmp_path / "state.db"
    store = opened(path)
    run(store.commit(0, [change(1, Write(None, APPLICATION))]))
    run(store.commit(1, [change(2, Write(None, GROUP))]))
    run(store.close())
    return path


def link_to_file(path: Path, folder: Path) -> Path:
    folder.mkdir()
    link = folder / "linked.db"
    link.symlink_to(path)
    return link


def link_to_folder(path: Path, folder: Path) -> Path:
    folder.symlink_to(path.parent)
    return folder / path.name


def hard_link(path: Path, folder: Path) -> Path:
    folder.mkdir()
    os.link(path, folder / "second.db")
    return folder / "second.db"


LINKS = [link_to_file, link_to_folder, hard_link]


@pytest.mark.parametrize("link", LINKS)
def test_two_servers_cannot_share_a_state_by_two_paths(
    path: Path, tmp_path: Path, link: Callable[[Path, Path], Path]
) -> None:
    """Whichever path leads to it, a file is one state."""
    other = link(path, tmp_path / "other")
    for first, second in ((path, other), (other, path)):
        if first.stat().st_nlink > 1 and first is other:
            continue
        store = SQLiteStore(first, at_once, vault_beside(path))
        run(store.load())
        with pytest.raises(Corrupt, match="another failoverdns is using this state"):
            run(SQLiteStore(second, at_once, vault_beside(path)).load())
        run(store.commit(run(store.verify()).revision, [change(3 if first is path else 4)]))
        run(store.close())


@pytest.mark.parametrize("link", [link_to_file, link_to_folder])
def test_a_link_leads_to_the_same_mark(
    path: Path, tmp_path: Path, link: Callable[[Path, Path], Path]
) -> None:
    """An old copy is noticed by any path."""
    old = path.read_bytes()
    other = link(path, tmp_path / "other")
    store = SQLiteStore(other, at_once, vault_beside(path))
    run(store.load())
    run(store.commit(2, [change(3)]))
    run(store.close())
    path.write_bytes(old)
    with pytest.raises(Corrupt, match="at revision 2, but revision 3 was acknowledged"):
        opened(path)


def test_a_mark_beside_a_link_that_an_older_version_wrote_counts(
    path: Path, tmp_path: Path
) -> None:
    """It is replaced by the one beside the file."""
    other = link_to_file(path, tmp_path / "other")
    beside_link = other.with_name("linked.db.acknowledged")
    beside_link.write_text("00000000000000000009\n")
    path.with_name("state.db.acknowledged").unlink()
    with pytest.raises(Corrupt, match=r"revision 9 was acknowledged.*linked\.db\.acknowledged"):
        run(SQLiteStore(other, at_once, vault_beside(path)).load())
    beside_link.write_text("00000000000000000002\n")
    store = SQLiteStore(other, at_once, vault_beside(path))
    assert run(store.load()).revision == 2
    assert not beside_link.exists()
    assert int(path.with_name("state.db.acknowledged").read_text()) == 2
    run(store.close())


def test_a_second_name_that_no_server_used_is_refused(path: Path, tmp_path: Path) -> None:
    """The latest changes may be in the log beside the other name."""
    other = hard_link(path, tmp_path / "other")
    with pytest.raises(Corrupt, match=r"has 2 names \(hard links\)"):
        run(SQLiteStore(other, at_once, vault_beside(path)).load())
    run(opened(path).close())


@pytest.mark.parametrize("text", [b"", bytes(21), bytes(5), b"0000000000", b"00000000000000000001"])
def test_a_mark_that_a_power_failure_left_is_behind(path: Path, text: bytes) -> None:
    """A file system may show the length of a file before its bytes: NUL bytes."""
    path.with_name("state.db.acknowledged").write_bytes(text)
    run(opened(path).close())
    assert int(path.with_name("state.db.acknowledged").read_bytes()) == 2


@pytest.mark.parametrize("text", [b"junk", b"12x\n", b"\xff\xfe", b"1\x002"])
def test_a_mark_that_holds_something_else_is_refused(path: Path, text: bytes) -> None:
    path.with_name("state.db.acknowledged").write_bytes(text)
    with pytest.raises(Corrupt, match="delete it to go without it"):
        opened(path)


@pytest.mark.parametrize("rest", ["", "-wal", ".acknowledged"])
@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_state_that_others_may_write_is_refused(path: Path, rest: str, mode: int) -> None:
    """To read it is no harm: private keys in it are encrypted."""
    file = path.with_name(path.name + rest)
    file.touch()
    file.chmod(mode)
    with pytest.raises(Corrupt, match=f"{file.name}: its mode is {mode:04o}.*chmod go-w"):
        opened(path)
    file.chmod(0o644)
    run(opened(path).close())
