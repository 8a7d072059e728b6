"""The vault of a state file in its default place."""

from __future__ import annotations

from pathlib import Path

from failoverdns.store.vault import Vault


def vault_beside(path: Path) -> Vault:
    """Return the vault whose key file is beside a state file: its path with `.key` appended."""
    return Vault(path.with_name(path.name + ".key"))
