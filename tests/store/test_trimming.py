"""Trimming the history: the chain stays whole, and a checkpoint takes the place of what is gone.

The first tests run for every store, like `test_store`; the others are about the state file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from driving import at_once, run
from store.test_store import APPLICATION, change
from vaults import vault_beside

from failoverdns.model.change import Change, Write
from failoverdns.model.errors import Corrupt
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.policy import Flag
from failoverdns.store import documents, trimming
from failoverdns.store.chain import START
from failoverdns.store.interface import Store, Unavailable
from failoverdns.store.memory import MemoryStore
from failoverdns.store.sqlite import SQLiteStore

COUNT = 60


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a store with `COUNT` changes, each a second after the one before."""
    made: Store = MemoryStore() if request.param == "memory" else sqlite_store(tmp_path)
    return filled(made)


@pytest.fixture
def on_disk(tmp_path: Path) -> SQLiteStore:
    """Return the same as a state file."""
    store = sqlite_store(tmp_path)
    filled(store)
    return store


def sqlite_store(folder: Path) -> SQLiteStore:
    """Return a store in a file."""
    return SQLiteStore(folder / "state.db", at_once, vault_beside(folder / "state.db"))


def filled(store: Store) -> Store:
    """Load a store and commit changes that create, change and remove entities."""
    run(store.load())
    entities: dict[str, Any] = {}
    for each in changes(0, COUNT, entities):
        run(store.commit(each.revision - 1, [each]))
    return store


def changes(after: int, count: int, entities: dict[str, Any]) -> list[Change]:
    """Return changes of `entities`, which are updated."""
    dice, made = Random(after), []
    for revision in range(after + 1, after + count + 1):
        writes = []
        for name in dice.sample(["a", "b", "c", "d", "e"], 2):
            before = entities.get(name)
            after_: Any = replace(APPLICATION, id=name, name=f"{name}-{revision}")
            if before is not None and dice.random() < 0.3:
                after_ = None
            writes.append(Write(before, after_))
            entities[name] = after_
        made.append(change(revision, *writes, subjects=("a", f"r{revision}")))
    return made


def time_of(revision: int) -> float:
    """Return the time from which on `revision` is older."""
    return change(revision).time + 0.5


def trim(store: Store, revision: int, cut_before: HistoryCut | None = None) -> HistoryCut:
    """Trim the history up to a revision, as the server does."""
    cut = run(store.prepare_cut(time_of(revision)))
    assert cut is not None
    head = run(store.verify()).revision
    run(store.commit(head, [replace(change(head + 1), writes=(Write(cut_before, cut),))]))
    run(store.trim())
    return cut


def test_a_trimmed_history_passes_verification(store: Store) -> None:
    """Every hash that was ever noted is still found, and later trims continue."""
    noted = [link.hash for link in run(store.links(0, 1000))]
    first = trim(store, 20)
    assert (first.revision, first.hash) == (20, noted[19])
    assert run(store.verify()).revision == COUNT + 1
    second = trim(store, 41, first)
    assert (second.revision, second.hash) == (41, noted[40])
    for hash_ in (START, *noted):
        assert run(store.verify(hash_)).revision == COUNT + 2
    with pytest.raises(Corrupt, match="no change has the hash"):
        run(store.verify("f" * 64))


def test_what_is_not_trimmed_is_read_as_before(store: Store) -> None:
    """Entries, changes, links and subjects after the cut."""
    before = run(store.links(20, 1000)), run(store.changes_after(20))
    trim(store, 20)
    assert run(store.links(20, 1000))[: COUNT - 20] == before[0]
    assert run(store.links(0, 1000))[: COUNT - 20] == before[0]
    assert run(store.changes_after(20))[:-1] == before[1]
    assert run(store.entries_after(0, 1))[0].revision == 21
    assert [e.revision for e in run(store.history(["a"], 1000))] == list(range(COUNT, 20, -1))
    assert run(store.history(["r20"], 10)) == ()
    assert [e.revision for e in run(store.history(["r21"], 10))] == [21]


def test_commits_go_on_between_the_parts_of_a_trim(store: Store) -> None:
    cut = run(store.prepare_cut(time_of(30)))
    run(store.commit(COUNT, [change(COUNT + 1)]))
    run(store.commit(COUNT + 1, [replace(change(COUNT + 2), writes=(Write(None, cut),))]))
    run(store.commit(COUNT + 2, [change(COUNT + 3)]))
    assert run(store.entries_after(0, 1))[0].revision in (1, 31)
    run(store.trim())
    assert run(store.entries_after(0, 1))[0].revision == 31
    assert run(store.verify()).revision == COUNT + 3


def test_nothing_is_trimmed_before_the_cut_is_committed(store: Store) -> None:
    """And it can be prepared again, for an earlier time too."""
    late = run(store.prepare_cut(time_of(40)))
    run(store.trim())
    assert len(run(store.entries_after(0, 1000))) == COUNT
    run(store.verify())
    early = run(store.prepare_cut(time_of(10)))
    assert late is not None
    assert early is not None
    assert (late.revision, early.revision) == (40, 10)
    assert run(store.prepare_cut(time_of(40))) == late


def test_there_may_be_nothing_to_trim(store: Store) -> None:
    assert run(store.prepare_cut(0.0)) is None
    cut = trim(store, 20)
    assert run(store.prepare_cut(time_of(20))) is None
    assert run(store.prepare_cut(time_of(21))) != cut


def test_the_newest_change_always_stays(store: Store) -> None:
    cut = run(store.prepare_cut(1e12))
    assert cut is not None
    assert cut.revision == COUNT - 1


def test_the_cut_stops_at_the_first_change_that_is_young_enough(store: Store) -> None:
    """The clock may have been set back: a later change with an earlier time stays."""
    run(store.commit(COUNT, [replace(change(COUNT + 1), time=1.0), change(COUNT + 2)]))
    cut = run(store.prepare_cut(time_of(5)))
    assert cut is not None
    assert cut.revision == 5


def state_at(store: SQLiteStore, revision: int) -> dict[str, Any]:
    """Return all documents at a revision, by going back from the present."""
    connection = store._file.connection
    assert connection is not None
    rows = connection.execute("SELECT key, document FROM entities")
    found = {key: json.loads(text) for key, text in rows}
    for each in reversed(run(store.changes_after(revision))):
        for write in reversed(each.writes):
            entity = write.before or write.after
            assert entity is not None
            found.pop(documents.key_of(entity), None)
            if write.before is not None:
                found[documents.key_of(entity)] = documents.write_entity(write.before)
    return found


def test_the_checkpoint_is_the_state_at_the_cut(on_disk: SQLiteStore) -> None:
    """Also after a second trim, and whatever was created and removed in between."""
    before: HistoryCut | None = None
    for revision in (13, 47):
        wanted = state_at(on_disk, revision)
        before = trim(on_disk, revision, before)
        connection = on_disk._file.connection
        assert connection is not None
        rows = connection.execute("SELECT key, document FROM checkpoint").fetchall()
        assert {key: json.loads(text) for key, text in rows} == wanted
        assert connection.execute("SELECT count(*) FROM ahead").fetchone() == (0,)


TAMPER: dict[str, tuple[str, str]] = {
    "a checkpoint that was changed": (
        "UPDATE checkpoint SET document = replace(document, 'lb1', 'lb2')",
        "revision 20 does not fit: the checkpoint",
    ),
    "a checkpoint that lacks an entity": (
        "DELETE FROM checkpoint WHERE key = (SELECT min(key) FROM checkpoint)",
        "revision 20 does not fit: the checkpoint",
    ),
    "a hash of a trimmed change": (
        "UPDATE trimmed SET hash = zeroblob(32) WHERE revision = 7",
        "revision 20 does not fit: the hashes",
    ),
    "the hash of the last trimmed change": (
        "UPDATE trimmed SET hash = zeroblob(32) WHERE revision = 20",
        "revision 20 does not fit: the hashes",
    ),
    "a trimmed hash that is missing": (
        "DELETE FROM trimmed WHERE revision = 7",
        "revision 20 does not fit: the hashes",
    ),
    "more that was removed": (
        "DELETE FROM history WHERE revision = 21",
        "revision 21 does not fit: it is missing",
    ),
    "more that was called trimmed": (
        "INSERT INTO trimmed VALUES (21, zeroblob(32))",
        "revision 21 does not fit: it was removed, and never trimmed",
    ),
    "a change that came back": (
        "INSERT INTO history SELECT 20, document, checksum, hash FROM history WHERE revision = 21",
        "revision 20 does not fit: the hashes",
    ),
}


@pytest.mark.parametrize("damage", TAMPER)
def test_tampering_with_a_trimmed_history_is_found(on_disk: SQLiteStore, damage: str) -> None:
    trim(on_disk, 20)
    statement, message = TAMPER[damage]
    with closing(sqlite3.connect(on_disk.path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
    with pytest.raises(Corrupt) as caught:
        run(on_disk.verify())
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM history WHERE revision = 21",
        "DELETE FROM history WHERE revision = (SELECT max(revision) FROM history)",
        "UPDATE history SET document = '' WHERE revision = 21",
        "INSERT INTO trimmed SELECT revision, unhex FROM (SELECT 21 AS revision, x'00' AS unhex)",
        "INSERT INTO trimmed VALUES (20, zeroblob(32))",
        "INSERT OR REPLACE INTO trimmed VALUES (20, zeroblob(32))",
        "INSERT INTO trimmed VALUES (23, zeroblob(32))",
        "UPDATE trimmed SET revision = 21 WHERE revision = 20",
        "DELETE FROM trimmed",
    ],
)
def test_sqlite_deletes_only_what_is_before_the_cut(on_disk: SQLiteStore, statement: str) -> None:
    """The triggers allow exactly the trim and nothing else."""
    trim(on_disk, 20)
    with (
        closing(sqlite3.connect(on_disk.path, isolation_level=None)) as connection,
        pytest.raises(sqlite3.IntegrityError, match=r"append-only|stay|only the next change"),
    ):
        connection.execute(statement)


def test_the_right_hash_after_the_cut_does_not_help_either(on_disk: SQLiteStore) -> None:
    trim(on_disk, 20)
    with closing(sqlite3.connect(on_disk.path, isolation_level=None)) as connection:
        query = "SELECT hash FROM history WHERE revision = 21"
        (hash_,) = connection.execute(query).fetchone()
        with pytest.raises(sqlite3.IntegrityError, match="only the next change before the cut"):
            connection.execute("INSERT INTO trimmed VALUES (21, ?)", (bytes.fromhex(hash_),))


def test_a_history_that_does_not_fit_its_chain_is_not_trimmed(on_disk: SQLiteStore) -> None:
    """Evidence is not deleted."""
    with closing(sqlite3.connect(on_disk.path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER history_takes_no_update")
        connection.execute("UPDATE history SET checksum = 7 WHERE revision = 9")
    with pytest.raises(Corrupt, match="revision 9 does not fit the chain"):
        run(on_disk.prepare_cut(time_of(20)))
    assert len(on_disk_rows(on_disk, "SELECT 1 FROM history")) == COUNT


def on_disk_rows(store: SQLiteStore, query: str) -> list[Any]:
    """Return rows of the file."""
    with closing(sqlite3.connect(store.path)) as connection:
        return connection.execute(query).fetchall()


def large_store(folder: Path, call: Callable[[Callable[[], Any]], Any]) -> SQLiteStore:
    """Return a store, not loaded, with more changes than one piece of a trim takes."""
    path = folder / "state.db"
    store = sqlite_store(folder)
    run(store.load())
    run(store.commit(0, changes(0, LARGE, {})))
    run(store.close())
    return SQLiteStore(path, call, vault_beside(path))


LARGE, CUT = 3 * trimming.AT_ONCE, 2 * trimming.AT_ONCE + 33


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[HistoryCut, list[Any]]:
    """Return the cut and the checkpoint of a large store that was trimmed without a stop."""
    store = large_store(tmp_path_factory.mktemp("whole"), at_once)
    run(store.load())
    return trim(store, CUT), on_disk_rows(store, "SELECT * FROM checkpoint ORDER BY key")


@pytest.mark.parametrize("stops", range(1, 22))
def test_a_trim_that_stops_anywhere_is_continued_after_a_restart(
    tmp_path: Path, stops: int, whole: tuple[HistoryCut, list[Any]]
) -> None:
    """The result is the same as without a stop."""
    left = [stops]

    async def until(call: Callable[[], Any]) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Unavailable("the server was killed")
        return call()

    stopping = large_store(tmp_path, until)
    run(stopping.load())
    with suppress(Unavailable):
        trim(stopping, CUT)
    stopping._file.close()
    again = sqlite_store(tmp_path)
    revision = run(again.load()).revision
    run(again.verify())
    if revision == LARGE:
        assert trim(again, CUT) == whole[0]
    run(again.trim())
    assert on_disk_rows(again, "SELECT min(revision) FROM history") == [(CUT + 1,)]
    assert on_disk_rows(again, "SELECT * FROM checkpoint ORDER BY key") == whole[1]
    run(again.verify())


def test_a_flag_is_part_of_the_checkpoint(on_disk: SQLiteStore) -> None:
    flag = Flag("office", True, 1.0, None)
    run(on_disk.commit(COUNT, [change(COUNT + 1, Write(None, flag)), change(COUNT + 2)]))
    trim(on_disk, COUNT + 1)
    (row,) = on_disk_rows(on_disk, "SELECT document FROM checkpoint WHERE key = 'flag/office'")
    assert documents.read_entity(json.loads(row[0])) == flag
