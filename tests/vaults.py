"""The vault of a state file, where the configuration has it unless it says otherwise."""

from __future__ import annotations

from pathlib import Path

from failoverdns.store.vault import Vault


def vault_beside(path: Path) -> Vault:
    """The vault whose key file is beside a state file: its name with `.key` appended."""
    return Vault(path.with_name(path.name + ".key"))
