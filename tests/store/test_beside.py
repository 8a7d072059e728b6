"""A state file is read beside the server that uses it, and nothing is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from driving import at_once, run
from store.test_store import APPLICATION, CERTIFICATE, change
from vaults import vault_beside

from failoverdns.model.certificate import Bundle, Secret
from failoverdns.model.change import Write
from failoverdns.model.errors import Corrupt
from failoverdns.store.beside import check_unused, read_beside
from failoverdns.store.database_schema import SCHEMA_VERSION
from failoverdns.store.interface import Loaded
from failoverdns.store.sqlite import SQLiteStore

GOLDEN = Path(__file__).parents[1] / "system" / "golden-0.1.0"


@pytest.fixture
def used(tmp_path: Path) -> SQLiteStore:
    """Return an open store with one application and one private key."""
    path = tmp_path / "a ?#%state.db"
    store = SQLiteStore(path, at_once, vault_beside(path))
    run(store.load())
    return store


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file in a folder but the index of the write-ahead log."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.endswith("-shm")}


def test_a_state_is_read_while_a_server_uses_it(used: SQLiteStore) -> None:
    """Changes that are only in the write-ahead log are read too."""
    run(used.commit(0, [change(1, Write(None, APPLICATION))]))
    before = files(used.path.parent)
    assert read_beside(used.path, vault_beside(used.path)) == Loaded(1, (APPLICATION,))
    assert files(used.path.parent) == before
    run(used.commit(1, [change(2, Write(APPLICATION, None))]))
    assert read_beside(used.path, vault_beside(used.path)) == Loaded(2, ())


def test_a_file_that_does_not_exist_is_an_empty_state_and_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    assert read_beside(path, vault_beside(path)) == Loaded(0, ())
    check_unused(path)
    assert not list(tmp_path.iterdir())


def test_a_file_of_version_0_1_0_is_read_and_not_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / "state.sql").read_text())
    key = vault_beside(path).path
    key.write_bytes((GOLDEN / "vault.key").read_bytes())
    key.chmod(0o600)
    before = path.read_bytes()
    loaded = read_beside(path, vault_beside(path))
    assert loaded.revision == 26
    assert path.read_bytes() == before
    store = SQLiteStore(path, at_once, vault_beside(path))
    assert run(store.load()) == loaded
    run(store.close())


def test_a_file_of_a_newer_version_is_refused(used: SQLiteStore) -> None:
    with closing(sqlite3.connect(used.path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(Corrupt, match="written by a newer failoverdns"):
        read_beside(used.path, vault_beside(used.path))


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(Corrupt, match="cannot be read"):
        read_beside(path, vault_beside(path))


def test_a_missing_or_wrong_key_file_is_refused(used: SQLiteStore) -> None:
    bundle = Bundle(CERTIFICATE.facts.bundle, "chain", Secret("key"))
    run(used.commit(0, [change(1, Write(None, CERTIFICATE))], bundles=[bundle]))
    vault = vault_beside(used.path)
    assert read_beside(used.path, vault).revision == 1
    vault.path.rename(vault.path.with_name("elsewhere"))
    with pytest.raises(Corrupt, match="key file is missing"):
        read_beside(used.path, vault_beside(used.path))
    vault_beside(used.path).open(may_create=True)
    with pytest.raises(Corrupt, match="put that key file back"):
        read_beside(used.path, vault_beside(used.path))


def test_another_state_must_not_be_in_use(used: SQLiteStore) -> None:
    with pytest.raises(Corrupt, match="another failoverdns is using this state"):
        check_unused(used.path)
    run(used.close())
    check_unused(used.path)
