"""A store on a disk that is full or read-only shows its state, and says what it cannot do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from disks import fill, make_read_only, mounted
from driving import at_once, run
from store.test_restored_files import commits, copy, opened
from store.test_store import APPLICATION, BUNDLES, EVERY_KIND, change
from vaults import vault_beside

from failoverdns.model.change import Write
from failoverdns.model.errors import Corrupt
from failoverdns.model.store_condition import Reserve, StoreCondition
from failoverdns.store.interface import Loaded, Unavailable
from failoverdns.store.reserve import RESERVE_BYTES
from failoverdns.store.sqlite import SQLiteStore


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk."""
    with mounted(tmp_path, 48) as point:
        yield point


def wait_for_retry(store: SQLiteStore) -> None:
    """Let the store try again to make its reserve, as it does after some seconds."""
    store._file.reserve._tried = store._file.reserve._measured = float("-inf")


def test_a_reserve_is_freed_for_changes_on_a_full_disk_and_made_again(disk: Path) -> None:
    """It has room for 200 changes at least, and is not made again where it would be needed."""
    path = disk / "state.db"
    reserve = disk / "state.db.reserve"
    store = opened(path)
    assert store.condition().reserve is Reserve.HELD
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    filler = fill(disk)
    commits(store, 1, 200)
    assert reserve.stat().st_size == 0
    wait_for_retry(store)
    condition = store.condition()
    assert (condition.fault, condition.reserve) == (None, Reserve.USED)
    assert condition.free is not None
    assert condition.free < RESERVE_BYTES
    done = commits_until_full(store, 200)
    with pytest.raises(Unavailable, match="database or disk is full"):
        commits(store, done + 1, done + 1)
    assert "full" in str(store.condition().fault)
    os.truncate(filler, filler.stat().st_size - (6 << 20))
    wait_for_retry(store)
    commits(store, done + 1, done + 1)
    assert store.condition().reserve is Reserve.USED, "there is room, but little"
    filler.unlink()
    wait_for_retry(store)
    commits(store, done + 2, done + 2)
    condition = store.condition()
    assert (condition.fault, condition.reserve) == (None, Reserve.HELD)
    run(store.close())
    store = opened(path)
    assert store.condition().reserve is Reserve.HELD
    assert run(store.verify()).revision == done + 2
    run(store.close())


def commits_until_full(store: SQLiteStore, done: int) -> int:
    """Commit large changes until one is refused; return the last revision."""
    with suppress(Unavailable):
        while done < 3000:
            run(store.commit(done, [change(done + 1, subjects=("x" * 3000,))]))
            done += 1
    return done


def test_a_small_disk_has_no_reserve(tmp_path: Path) -> None:
    """The state itself needs the room."""
    with mounted(tmp_path, 12) as point:
        store = opened(point / "state.db")
        assert store.condition().reserve is Reserve.NONE
        assert not (point / "state.db.reserve").exists()
        run(store.close())


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
def test_a_start_on_a_full_disk_shows_the_state(disk: Path, tmp_path: Path, killed: bool) -> None:
    """Without the reserve nothing can be written, until there is room."""
    path = disk / "state.db"
    store = opened(path)
    commits(store, 1, 5)
    if killed:
        copy(path, tmp_path / "copy.db")
    run(store.close())
    if killed:
        copy(tmp_path / "copy.db", path, ("", "-wal"))
    (disk / "state.db.reserve").write_bytes(b"")
    filler = fill(disk)
    store = opened(path)
    assert [change.revision for change in run(store.changes_after(0))] == [1, 2, 3, 4, 5]
    assert store.condition().fault is not None
    with pytest.raises(Unavailable):
        run(store.commit(5, [change(6)]))
    filler.unlink()
    run(store.commit(5, [change(6)]))
    assert store.condition().fault is None
    assert not store.condition().read_only
    run(store.close())
    assert run(opened(path).verify()).revision == 6


def test_a_rotation_on_a_full_disk_adds_no_keys(disk: Path) -> None:
    """It is continued when there is room, with the one new key that it may have made."""
    path = disk / "state.db"
    key_file = disk / "state.db.key"
    store = opened(path)
    run(store.commit(0, [change(1, *(Write(None, e) for e in EVERY_KIND))], (), BUNDLES))
    before = key_file.read_bytes()
    (disk / "state.db.reserve").unlink()
    store._file.reserve.state = Reserve.USED
    filler = fill(disk)
    for _ in range(5):
        with pytest.raises(Unavailable):
            run(store.rotate_key())
        assert len(key_file.read_bytes().split()) <= 3, "two keys and the marker"
    assert run(store.bundle(BUNDLES[0].id)) == BUNDLES[0]
    filler.unlink()
    assert run(store.rotate_key()) == 3
    assert len(key_file.read_bytes().split()) == 2
    assert key_file.read_bytes() != before
    run(store.close())


LEFT = {"stopped": (), "killed": ("-wal",), "killed, with the index": ("-wal", "-shm")}


@pytest.mark.parametrize("left", LEFT)
def test_a_read_only_disk_shows_the_state_and_refuses_changes(
    disk: Path, tmp_path: Path, left: str
) -> None:
    """Changes that are in the log only are shown as well; nothing is written."""
    path = disk / "state.db"
    store = opened(path)
    entities = Write(None, APPLICATION), *(Write(None, e) for e in EVERY_KIND[1:])
    run(store.commit(0, [change(1, *entities)], (), BUNDLES))
    commits(store, 2, 30)
    if LEFT[left]:
        copy(path, tmp_path / "copy.db")
    run(store.close())
    if LEFT[left]:
        copy(tmp_path / "copy.db", path, ("", *LEFT[left]))
    names = sorted(os.listdir(disk))
    make_read_only(disk)
    store = SQLiteStore(path, at_once, vault_beside(path))
    assert run(store.load()) == Loaded(30, EVERY_KIND)
    condition = store.condition()
    assert condition.read_only
    assert condition.fault == f"{path}: Read-only file system"
    assert not condition.is_writable
    with pytest.raises(Unavailable, match="Read-only file system"):
        run(store.commit(30, [change(31)]))
    with pytest.raises(Unavailable):
        run(store.rotate_key())
    assert run(store.verify()).revision == 30
    assert run(store.bundle(BUNDLES[0].id)) == BUNDLES[0]
    with pytest.raises(Corrupt, match="another failoverdns"):
        opened(path)
    assert sorted(os.listdir(disk)) == names
    make_read_only(disk, read_only=False)
    run(store.commit(30, [change(31)]))
    assert store.condition() == StoreCondition(None, False, Reserve.HELD, store.condition().free)
    assert int((disk / "state.db.acknowledged").read_text()) == 31
    run(store.close())
    assert run(opened(path).verify()).revision == 31


def test_a_read_only_disk_does_not_make_an_old_file_current(disk: Path, tmp_path: Path) -> None:
    """What is refused on another disk is refused there too."""
    path = disk / "state.db"
    store = opened(path)
    commits(store, 1, 3)
    copy(path, tmp_path / "copy.db", ("",))
    run(store.close())
    copy(tmp_path / "copy.db", path, ("",))
    make_read_only(disk)
    with pytest.raises(Corrupt, match="changes are lost"):
        opened(path)
