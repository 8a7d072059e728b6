"""The condition of the store, as operators see it: whether it can be written, and its room."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

LOW_ROOM: Final = 16 << 20
"""Bytes: less free room than this on the disk of the store is reported."""


class Reserve(Enum):
    """The reserve file, which keeps room on the disk for switches."""

    HELD = "held"
    USED = "used"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StoreCondition:
    """Whether the store can be written, why not, and how much room it has.

    `fault` is the reason why the last attempt to write failed, None after one that succeeded.
    `read_only` is true if the store could only be opened for reading; it is false as soon as it
    can be written.  `free` is the number of free bytes on its disk, None if not known.
    """

    fault: str | None = None
    read_only: bool = False
    reserve: Reserve = Reserve.NONE
    free: int | None = None

    @property
    def is_writable(self) -> bool:
        """True if the last attempt to write succeeded."""
        return self.fault is None and not self.read_only

    @property
    def has_room(self) -> bool:
        """True unless it is known that the disk has little room, or the reserve was used."""
        is_low = self.free is not None and self.free < LOW_ROOM
        return self.reserve is not Reserve.USED and not is_low


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which the state cannot be written: since when (seconds since 1970), and why.

    `revision` is the last one that was stored before.
    """

    since: float
    reason: str
    revision: int
