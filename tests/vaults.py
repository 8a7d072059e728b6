"""A state file in a test: its vault in the default place, and a store that has loaded it."""

from __future__ import annotations

from pathlib import Path

from driving import at_once, run

from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.vault import Vault


def opened(path: Path) -> SQLiteStore:
    """Return a store that has loaded the state file `path`."""
    store = SQLiteStore(path, at_once, vault_beside(path))
    run(store.load())
    return store


def vault_beside(path: Path) -> Vault:
    """Return the vault whose key file is beside a state file."""
    return Vault(key_file(path))


def key_file(path: Path) -> Path:
    """Return the path of the key file beside a state file: its path with `.key` appended."""
    return path.with_name(path.name + ".key")
