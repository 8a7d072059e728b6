"""Copies of the state file while it is in use (`store.copying`)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from driving import at_once, run
from store.test_store import APPLICATION, change
from vaults import vault_beside

from failoverdns.model.change import Write
from failoverdns.store.copying import CHUNK, Copying
from failoverdns.store.interface import Copied, Loaded, StoreHead, Unavailable
from failoverdns.store.sqlite import SQLiteStore


class Filled:
    """A loaded store with a history of several megabytes, and a way to commit more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path, lock = folder / "state.db", threading.RLock()

        async def one_at_a_time(call: Callable[[], Any]) -> Any:
            with lock:
                return call()

        self.store = SQLiteStore(path, one_at_a_time, vault_beside(path), at_once)
        run(self.store.load())
        run(self.store.commit(0, [change(1, Write(None, APPLICATION))]))
        self.revision, self.application = 1, APPLICATION
        self.commit(20, size=1 << 17)

    def commit(self, count: int, size: int = 3000) -> None:
        """Commit changes, with so many bytes each that cannot be compressed."""
        for _ in range(count):
            renamed = replace(self.application, name=f"name-{self.revision}")
            made = change(
                self.revision + 1,
                Write(self.application, renamed),
                subjects=(os.urandom(size // 2).hex(),),
            )
            run(self.store.commit(self.revision, [made]))
            self.revision, self.application = self.revision + 1, renamed

    @contextmanager
    def file(self, name: str = "copy.db") -> Iterator[int]:
        """Open a new file, and close it at last."""
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def copy(self, proceed: Callable[[], bool] = lambda: True, name: str = "copy.db") -> Copied:
        """Make a copy; `proceed` is called before each piece."""
        with self.file(name) as descriptor:
            copied: Copied = run(self.store.copy(descriptor, proceed))
            return copied


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    return Filled(tmp_path)


def loaded(path: Path) -> tuple[Loaded, StoreHead]:
    """Return what a server with the same key would load from a copy, and its verified head."""
    shutil.copy(path.with_name("state.db.key"), path.with_name(path.name + ".key"))
    store = SQLiteStore(path, at_once, vault_beside(path))
    try:
        return run(store.load()), run(store.verify())
    finally:
        run(store.close())


def test_a_copy_holds_the_state_at_its_revision(filled: Filled) -> None:
    copied = filled.copy()
    assert copied.size == (filled.folder / "copy.db").stat().st_size > 2 * CHUNK
    found, head = loaded(filled.folder / "copy.db")
    assert found == Loaded(filled.revision, (filled.application,))
    assert head == StoreHead(copied.revision, copied.hash)


def test_commits_during_a_copy_neither_wait_nor_appear_in_it(filled: Filled) -> None:
    """Enough of them that SQLite folds the write-ahead log several times, if it may."""
    before, application = filled.revision, filled.application

    def proceed() -> bool:
        filled.commit(150)
        return True

    copied = filled.copy(proceed)
    assert copied.revision == before < filled.revision - 300
    found, _ = loaded(filled.folder / "copy.db")
    assert found == Loaded(before, (application,))
    assert run(filled.store.verify()).revision == filled.revision


def test_the_log_is_folded_again_after_a_copy(filled: Filled) -> None:
    """Also after one that failed: it does not grow for ever."""
    log = filled.folder / "state.db-wal"
    with pytest.raises(Unavailable):
        filled.copy(lambda: filled.commit(300) is not None)
    long = log.stat().st_size
    filled.commit(600)
    assert log.stat().st_size <= long + (1 << 20)


def test_a_copy_of_another_thread_is_consistent_under_load(filled: Filled) -> None:
    """Many copies in turn, each at some revision, while commits are made all the time."""
    results: list[Any] = []

    def copies() -> None:
        for number in range(10):
            results.append(filled.copy(lambda: time.sleep(0.01) is None, f"copy-{number}.db"))

    thread = threading.Thread(target=copies)
    thread.start()
    until = time.monotonic() + 60
    while thread.is_alive() and time.monotonic() < until:
        filled.commit(1)
    thread.join(60)
    assert len({copied.revision for copied in results}) == 10
    for number, copied in enumerate(results):
        found, head = loaded(filled.folder / f"copy-{number}.db")
        assert (found.revision, head.hash) == (copied.revision, copied.hash)


def test_there_is_one_copy_at_a_time(filled: Filled) -> None:
    def proceed() -> bool:
        refused = pytest.raises(Unavailable, match="another copy is being made")
        with filled.file(f"{time.monotonic()}.db") as descriptor, refused:
            run(filled.store.copy(descriptor, lambda: True))
        return True

    filled.copy(proceed)
    filled.copy(name="third.db")


def test_a_copy_ends_when_it_is_not_wanted_any_more(filled: Filled) -> None:
    asked = iter([True, True])
    with pytest.raises(Unavailable, match="ended before it was complete"):
        filled.copy(lambda: next(asked, False))
    assert (filled.folder / "copy.db").stat().st_size == 2 * CHUNK


def test_a_full_disk_fails_the_copy_and_nothing_else(filled: Filled) -> None:
    with open("/dev/full", "wb") as full, pytest.raises(OSError, match="No space left"):
        run(filled.store.copy(full.fileno(), lambda: True))
    filled.commit(3)
    assert filled.copy().revision == filled.revision


def test_the_close_of_the_store_ends_a_copy(filled: Filled) -> None:
    """It does not wait for the copy to be complete."""
    failed: list[BaseException] = []
    begun = threading.Event()

    def proceed() -> bool:
        begun.set()
        time.sleep(0.05)
        return True

    def copy() -> None:
        try:
            filled.copy(proceed)
        except Unavailable as fault:
            failed.append(fault)

    thread = threading.Thread(target=copy)
    thread.start()
    assert begun.wait(10)
    run(filled.store.close())
    thread.join(10)
    assert len(failed) == 1


def test_a_copy_while_another_program_reads_is_refused_if_it_would_not_be_exact(
    filled: Filled,
) -> None:
    """The other one holds back a part of the write-ahead log."""
    filled.commit(1)
    with closing(sqlite3.connect(filled.store.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM head").fetchone()
        filled.commit(1)
        with pytest.raises(Unavailable, match="another program reads it"):
            filled.copy()
    filled.copy(name="later.db")


def test_sqlite_keeps_its_locks_after_a_copy(filled: Filled) -> None:
    """Another process must not take itself for the last one, which deletes the log."""
    filled.copy()
    filled.commit(1)
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0.1); "
        "print(c.execute('PRAGMA journal_mode = DELETE').fetchone())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(filled.store.path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "database is locked" in done.stderr
    assert (filled.folder / "state.db-wal").exists()


def test_nothing_is_open_before_the_first_copy_and_after_the_close(filled: Filled) -> None:
    copying = Copying(filled.store.path)
    copying.close()
    copied = filled.copy()
    run(filled.store.close())
    names = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is(fd)]
    assert not [name for name in names if str(filled.folder) in name]
    assert copied.revision == filled.revision


def _is(descriptor: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{descriptor}")
