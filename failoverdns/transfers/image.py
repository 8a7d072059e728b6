"""The image of a zone: all its records in the form in which they are sent."""

from __future__ import annotations

from collections.abc import Iterable

from failoverdns.protocol.table.deltas import DeltaOperation
from failoverdns.protocol.transfer.contents import Difference, Snapshot


class ZoneImage:
    """The records of one zone, which change by deltas, and snapshots of them.

    `key` are 16 random bytes, by which owner names are spread over chunks.
    """

    def __init__(self, origin: bytes, key: bytes) -> None:
        self.origin = origin
        self.key = key
        self.names = 0
        self.size = 0
        raise NotImplementedError

    def apply(self, operations: Iterable[DeltaOperation]) -> Difference | None:
        """Apply the operations of one delta that concern this zone, and return what they changed.

        None if nothing changed, or if the zone had no SOA record before.  Operations are
        `Put` (the SOA record), `Removed` and `ServedNames`; a name that is removed and not there
        changes nothing.  While a zone is filled the result is ignored.
        """
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """Return the content at this moment, which later changes do not change.

        The zone must have its SOA record.
        """
        raise NotImplementedError
