"""The cut of the history: up to where the oldest changes were trimmed, and what stands for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from failoverdns.model.entity import Entity

THE_CUT: Final = "history"
"""The identity of the only cut."""


@dataclass(frozen=True, slots=True)
class HistoryCut(Entity):
    """The changes up to `revision`, the last of which has `hash`, may be deleted.

    `checkpoint` is the digest of all entities as they were at that revision, and `trimmed` that of
    the hashes of all changes up to it; both are SHA-256 in hex digits.
    """

    revision: int
    hash: str
    trimmed: str
    checkpoint: str

    @property
    def identity(self) -> str:
        """Return the identity of the only cut."""
        return THE_CUT
