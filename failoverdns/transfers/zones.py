"""All zones of the transfer process: deltas are divided between them, and applied as a whole.

Every zone that is served has an image here, so that a reload can let others transfer it at once.
Only those that somebody may transfer have a journal.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Final

from failoverdns.protocol.table.deltas import (
    DeltaOperation,
    Dropped,
    Put,
    Removed,
    ServedNames,
    read_delta,
)
from failoverdns.transfers.differences import at_once
from failoverdns.transfers.served_zone import ServedZone
from failoverdns.transfers.settings import TransferSettings, ZoneTerms

LEAST_STAGED: Final = 500
"""Operations at which a zone applies those of a delta whose last part has not come."""

STAGES: Final = 8
"""The part of a zone's names that they are at least: to change many names at once is cheaper."""


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
        self._catalog: bytes | None = None
        self._catalogs: dict[bytes, ServedZone] = {}
        """The catalog zone as each key sees it, by the name of the key."""
        self._waiting: dict[bytes, list[DeltaOperation]] = {}
        """Operations of a delta whose last part has not come, which no zone has applied yet."""
        self._added: set[bytes] = set()
        """Zones that it has added."""
        self._folder: Path | None = None
        self._related: set[bytes] | None = None
        """What `_related_zones` returns; None if zones came or went since."""

    def __iter__(self) -> Iterator[ServedZone]:
        return iter(self._zones.values())

    def find(self, origin: bytes, key: bytes) -> ServedZone | None:
        """Return a zone as the client with a key sees it, if it can be transferred."""
        zone = self._catalogs.get(key) if origin == self._catalog else self._zones.get(origin)
        return zone if zone is not None and zone.is_whole else None

    def configure(self, settings: TransferSettings, folder: Path | None) -> None:
        """Use other terms from now on; journals are in `folder`, or there are none."""
        self.terms = {terms.origin: terms for terms in settings.zones}
        self._folder = folder
        for zone in self._zones.values():
            zone.keep_in(self._folder_of(zone.origin))
        for zone in self:
            if zone.is_whole and zone.origin in self.terms:
                self._changed(zone)
        self._set_catalogs(settings)

    def _set_catalogs(self, settings: TransferSettings) -> None:
        """Use other content of the catalog zone, which each key sees in its own way."""
        kept = self._catalogs if settings.catalog == self._catalog else {}
        self._catalog, self._catalogs = settings.catalog, {}
        for key, delta in settings.catalogs.items():
            assert settings.catalog is not None
            zone = self._catalogs[key] = kept.get(key) or ServedZone(settings.catalog, None)
            zone.replace(read_delta(delta))
            if self.is_filled:
                self._changed(zone)

    def take(self, delta: bytes, *, is_part: bool) -> None:
        """Apply a delta, or a part of one, which is not visible before the last part.

        Only a zone that is removed is so at once.  Raises Malformed; then the zones must not be
        used any more.
        """
        for origin, operations in self._divide(read_delta(delta)).items():
            waiting = self._waiting.setdefault(origin, [])
            waiting += operations
            zone = self._zones.get(origin)
            if not is_part or zone is None or not zone.is_whole:
                continue
            if len(waiting) >= max(LEAST_STAGED, zone.names // STAGES):
                zone.stage(waiting)
                waiting.clear()
        if not is_part:
            self._finish()

    def _finish(self) -> None:
        """Show what a delta has changed in every zone."""
        waiting, added = self._waiting, self._added
        self._waiting, self._added = {}, set()
        for origin, operations in waiting.items():
            zone = self._zones.get(origin)
            if zone is not None:
                has_changed = zone.apply(operations)
                if self.is_filled and origin in added and zone.soa:
                    at_once(zone.completing())
                    self._changed(zone)
                elif has_changed:
                    self._changed(zone)

    def filling(self) -> Generator[None, None, None]:
        """Note that all zones have arrived, and make them ready to be transferred, in slices."""
        self.is_filled = True
        for zone in [*self]:
            if zone.soa and not zone.is_whole:
                yield from zone.completing()
                yield
                self._changed(zone)
        for catalog in self._catalogs.values():  # secondaries that are notified ask at once
            self._changed(catalog)

    def _divide(self, operations: list[DeltaOperation]) -> dict[bytes, list[DeltaOperation]]:
        """Return the operations of each zone; add zones that are new, and remove others."""
        by_zone: dict[bytes, list[DeltaOperation]] = {}
        for operation in operations:
            match operation:
                case Dropped(origin):
                    self._drop(origin)
                    by_zone.pop(origin, None)
                case Put(origin, _):
                    if origin not in self._zones:
                        self._added.add(origin)
                        self._zones[origin] = ServedZone(origin, self._folder_of(origin))
                        self._related = None
                    by_zone.setdefault(origin, []).append(operation)
                case ServedNames(owner, origin):
                    by_zone.setdefault(origin, []).append(operation)
                    if origin in self._related_zones():
                        for other in self._enclosing(owner):
                            if other != origin:
                                by_zone.setdefault(other, []).append(Removed(owner))
                case Removed(owner):
                    for other in self._enclosing(owner):
                        by_zone.setdefault(other, []).append(operation)
        return by_zone

    def _drop(self, origin: bytes) -> None:
        zone = self._zones.pop(origin, None)
        self._waiting.pop(origin, None)
        self._related = None
        if zone is not None:
            zone.keep_in(None)

    def _folder_of(self, origin: bytes) -> Path | None:
        """Return the folder of a zone's journal, None if nobody may transfer the zone."""
        terms = self.terms.get(origin)
        return self._folder if terms is not None and terms.keys else None

    def _related_zones(self) -> set[bytes]:
        """Return the origins of zones that are below others of our zones, or above."""
        if self._related is None:
            self._related = set()
            for origin in self._zones:
                for other in self._enclosing(origin):
                    if other != origin:
                        self._related |= {origin, other}
        return self._related

    def _enclosing(self, owner: bytes) -> Iterator[bytes]:
        """Yield the origins of the zones in which a name is or could be."""
        at = 0
        while True:
            if owner[at:] in self._zones:
                yield owner[at:]
            if not owner[at]:
                return
            at += 1 + owner[at]
