"""The choice of the store that keeps the state; no other module chooses one."""

from __future__ import annotations

from pathlib import Path

from failoverdns.model.settings import StateSettings
from failoverdns.store.interface import Store
from failoverdns.store.sqlite import Run, SQLiteStore
from failoverdns.store.vault import Vault


def store_of(settings: StateSettings, key_file: Path, run: Run, copy: Run) -> Store:
    """Return the store that the configuration names; nothing is opened before its `load`.

    `key_file` holds the key that private keys are encrypted with; `run` makes blocking calls,
    and `copy` those that copy the whole state, beside the others.
    """
    return SQLiteStore(settings.sqlite, run, Vault(key_file), copy)
