"""All zones of the transfer process: deltas are divided between them, and applied as a whole.

Every zone that is served has an image here, so that a reload can let others transfer it at once.
Only those that somebody may transfer have a journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from failoverdns.protocol.table.deltas import (
    DeltaOperation,
    Dropped,
    Put,
    Removed,
    ServedNames,
    read_delta,
)
from failoverdns.transfers.served_zone import ServedZone
from failoverdns.transfers.settings import ZoneTerms


class Zones:
    """The zones by origin, and what others may do with them."""

    def __init__(self, changed: Callable[[ServedZone], None]) -> None:
        """Begin without zones; `changed` is called when one has another serial, or is whole."""
        self.terms: Mapping[bytes, ZoneTerms] = {}
        """What others may do with each zone, by origin."""
        self.is_filled = False
        """Whether all zones that were served at the start have arrived."""
        self._changed = changed
        self._zones: dict[bytes, ServedZone] = {}
        self._staged: list[bytes] = []
        self._folder: Path | None = None

    def __iter__(self) -> Iterator[ServedZone]:
        return iter(self._zones.values())

    def find(self, origin: bytes) -> ServedZone | None:
        """Return a zone that can be transferred, None if it is not served or not whole yet."""
        zone = self._zones.get(origin)
        return zone if zone is not None and zone.is_whole else None

    def configure(self, terms: Mapping[bytes, ZoneTerms], folder: Path | None) -> None:
        """Use other terms from now on; journals are in `folder`, or there are none."""
        self.terms = terms
        self._folder = folder
        for zone in self._zones.values():
            zone.keep_in(self._folder_of(zone.origin))
        for zone in self:
            if zone.is_whole:
                self._changed(zone)

    def take(self, delta: bytes, *, is_part: bool) -> None:
        """Apply a delta, or stage a part of one; raises Malformed."""
        self._staged.append(delta)
        if not is_part:
            delta = b"".join(self._staged)
            self._staged.clear()
            self._apply(read_delta(delta))

    def fill(self) -> None:
        """Note that all zones have arrived: they can be transferred from now on."""
        self.is_filled = True
        for zone in self:
            self._complete(zone)

    def _apply(self, operations: list[DeltaOperation]) -> None:
        by_zone: dict[bytes, list[DeltaOperation]] = {}
        soas: dict[bytes, bytes] = {}
        for operation in operations:
            match operation:
                case Dropped(origin):
                    self._drop(origin)
                    by_zone.pop(origin, None)
                case Put(origin, soa):
                    if origin not in self._zones:
                        self._zones[origin] = ServedZone(origin, self._folder_of(origin))
                    by_zone.setdefault(origin, []).append(operation)
                    soas[origin] = soa
                case ServedNames(owner, origin):
                    by_zone.setdefault(origin, []).append(operation)
                    for other in self._enclosing(owner):
                        if other != origin:
                            by_zone.setdefault(other, []).append(Removed(owner))
                case Removed(owner):
                    for other in self._enclosing(owner):
                        by_zone.setdefault(other, []).append(operation)
        for origin, found in by_zone.items():
            zone = self._zones.get(origin)
            if zone is not None:
                has_changed = zone.apply(found, soas.get(origin))
                if self.is_filled and not zone.is_whole and zone.soa:
                    self._complete(zone)
                elif has_changed:
                    self._changed(zone)

    def _complete(self, zone: ServedZone) -> None:
        if zone.soa:
            zone.complete()
            self._changed(zone)

    def _drop(self, origin: bytes) -> None:
        zone = self._zones.pop(origin, None)
        if zone is not None:
            zone.keep_in(None)

    def _folder_of(self, origin: bytes) -> Path | None:
        """Return the folder of a zone's journal, None if nobody may transfer the zone."""
        terms = self.terms.get(origin)
        return self._folder if terms is not None and terms.keys else None

    def _enclosing(self, owner: bytes) -> Iterator[bytes]:
        """Yield the origins of the zones in which a name is or could be."""
        at = 0
        while True:
            if owner[at:] in self._zones:
                yield owner[at:]
            if not owner[at]:
                return
            at += 1 + owner[at]
