"""State files of older versions are upgraded to the current one (`store.database_schema`).

The golden files were written by those versions, and are never changed.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from driving import at_once, run
from store.test_store import APPLICATION, GROUP, change
from vaults import key_file, vault_beside

from failoverdns.model.change import EVERYBODY, Operation, Write
from failoverdns.model.errors import Corrupt
from failoverdns.store.database_schema import SCHEMA_VERSION
from failoverdns.store.interface import OPERATIONS_KEPT, Loaded, StoreHead
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.state_file import connect

GOLDEN = Path(__file__).with_name("golden")
HISTORY = (
    change(1, Write(None, APPLICATION), subjects=("app-1",)),
    change(2, Write(None, GROUP), subjects=("grp-2", "group:shop")),
    change(3),
)
"""The changes in the golden files."""

HEAD = StoreHead(3, "fa4977930eabedcc1296e8169713ece4c78754d1c5383096963522f8c45ab198")
"""The head of the chain over these changes, computed once by `sha256sum`."""


def golden(path: Path, version: int, *statements: str) -> SQLiteStore:
    """Create a file of an older version, and execute statements on it; return its store."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript((GOLDEN / f"state-{version}.sql").read_text())
        for statement in statements:
            connection.execute(statement)
    return SQLiteStore(path, at_once, vault_beside(path))


def dump(path: Path) -> list[str]:
    """Return the contents of a file as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()
        return [str(version), *connection.iterdump()]


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_file_of_an_older_version_is_upgraded(tmp_path: Path, version: int) -> None:
    """It keeps its contents; its history gets a hash chain, which later changes continue."""
    store = golden(tmp_path / "state.db", version)
    assert run(store.load()) == Loaded(3, (APPLICATION, GROUP))
    assert run(store.changes_after(0)) == HISTORY
    assert run(store.history(["grp-2"], 9)) == (HISTORY[1].entry,)
    operation = Operation("a-1", '{"command":"switch"}', 3, {"groups": []})
    assert run(store.operation("a-1", EVERYBODY)) == operation
    assert run(store.verify()) == HEAD
    run(store.commit(3, [change(4, Write(GROUP, replace(GROUP, ttl=30)))]))
    assert run(store.links(3, 1))[0].previous == HEAD.hash
    assert run(store.verify()).revision == 4


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_upgraded_file_has_the_same_tables_as_a_new_one(tmp_path: Path, version: int) -> None:
    """So there is only one kind of file."""
    old, new = (
        golden(tmp_path / "old.db", version),
        SQLiteStore(tmp_path / "new.db", at_once, vault_beside(tmp_path / "new.db")),
    )
    for store in (old, new):
        run(store.load())
        run(store.close())
    definitions = [
        sorted(re.sub(r"\s|[(),]", "", line) for line in dump(path) if "INSERT INTO" not in line)
        for path in (old.path, new.path)
    ]
    assert definitions[0] == definitions[1]


def test_operations_of_before_are_kept_for_a_week_from_the_upgrade_on(tmp_path: Path) -> None:
    """The age of a reply was not recorded before, so it counts as new."""
    before = time.time()
    store = golden(tmp_path / "state.db", 4)
    run(store.load())
    young = replace(change(4), time=before + OPERATIONS_KEPT - 60)
    run(store.commit(3, [young]))
    assert run(store.operation("a-1", EVERYBODY)) is not None
    run(store.commit(4, [replace(change(5), time=time.time() + OPERATIONS_KEPT + 60)]))
    assert run(store.operation("a-1", EVERYBODY)) is None


def test_a_history_that_lacks_a_change_is_upgraded_but_fails_verification(
    tmp_path: Path,
) -> None:
    """The server still answers; the chain covers the changes that are left."""
    store = golden(tmp_path / "state.db", 3, "DELETE FROM history WHERE revision = 2")
    assert run(store.load()).revision == 3
    with pytest.raises(Corrupt, match="revision 2 does not fit: it is missing"):
        run(store.verify())


def test_a_file_that_cannot_be_upgraded_is_not_changed(tmp_path: Path) -> None:
    """The older version can still use it."""
    store = golden(tmp_path / "state.db", 1, "CREATE TABLE unlinked (x)")
    before = dump(store.path)
    with pytest.raises(Corrupt, match="unlinked"):
        run(store.load())
    assert dump(store.path) == before


def copies(path: Path, folder: Path) -> Path:
    """Copy a state file with its log, as a crash at this moment leaves them; return its path."""
    for file in (path, path.with_name(path.name + "-wal")):
        shutil.copyfile(file, folder / file.name)
    shutil.copy(key_file(path), key_file(folder / path.name))
    return folder / path.name


def test_a_crash_after_an_upgrade_leaves_a_file_whose_log_belongs_to_it(tmp_path: Path) -> None:
    """The upgrade changes the number of the schema, by which a log is recognized.

    The file is opened as it is before the log is copied into it, and after that.
    """
    path = tmp_path / "state.db"
    store = golden(path, 5, "INSERT INTO notes VALUES ('generation', 7), ('base', 6)")
    with closing(sqlite3.connect(path)) as connection:
        schema = connection.execute("PRAGMA schema_version").fetchone()[0]
        connection.execute("INSERT INTO notes VALUES ('generation.schema', ?)", (schema,))
        connection.commit()
    vault_beside(path).open(may_create=True)
    folders = [tmp_path / name for name in ("before", "after")]
    for folder in folders:
        folder.mkdir()
    with closing(connect(path, 1.0)) as connection:
        assert connection.execute("PRAGMA schema_version").fetchone()[0] != schema
        found = [copies(path, folders[0])]
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        found.append(copies(path, folders[1]))
        for each in found:
            opened = SQLiteStore(each, at_once, vault_beside(each))
            assert run(opened.load()) == Loaded(3, (APPLICATION, GROUP))
            run(opened.close())
    assert run(store.load()).revision == 3
