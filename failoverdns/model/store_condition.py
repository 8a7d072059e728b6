"""The condition of the store, as operators see it: whether it can be written, and its room."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reserve(Enum):
    """The reserve file, which keeps room on the disk for switches."""

    HELD = "held"
    USED = "used"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StoreCondition:
    """Whether the store can be written, why not, and how much room it has.

    `fault` is the reason why the last attempt to write failed, None after one that succeeded.
    `read_only` is true if the store was opened without permission to write, so that it cannot be
    written before a restart.  `free` is the number of free bytes on its disk, None if not known.
    """

    fault: str | None = None
    read_only: bool = False
    reserve: Reserve = Reserve.NONE
    free: int | None = None

    @property
    def is_writable(self) -> bool:
        """True if the last attempt to write succeeded."""
        return self.fault is None and not self.read_only


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the state cannot be written: since when (seconds since 1970), and why.

    `revision` is the last one that was stored before.
    """

    since: float
    reason: str
    revision: int
