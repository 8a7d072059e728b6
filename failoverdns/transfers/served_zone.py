"""One zone as the transfer process has it: image, differences of its last serials, and journal.

filled by deltas -> compared with the journal -> whole: the zone can be transferred
a delta          -> image -> difference       -> kept for IXFR, and in the journal

A large delta comes in parts.  Each changes the image at once, so that none takes long, while
clients see the content before all of them; the last part shows the result.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from secrets import token_bytes
from typing import Final

from failoverdns.protocol.table.deltas import DeltaOperation, Removed, ServedNames
from failoverdns.protocol.transfer.contents import Difference, Snapshot, is_newer
from failoverdns.transfers.differences import Condensation, Differences, compare
from failoverdns.transfers.image import ZoneImage
from failoverdns.transfers.journal import Journal, Journaled

LEAST_HISTORY: Final = 1 << 20
"""Bytes of differences that are kept at least; of a large zone, half of its size is."""

KEPT_CONDENSED: Final = 8
"""Condensed differences to the present serial that are kept, because secondaries often agree."""


class ServedZone:
    """A zone that other name servers may transfer."""

    def __init__(self, origin: bytes, folder: Path | None) -> None:
        """Begin with an empty zone, and with what the journal in `folder` has of it, if any."""
        self.origin = origin
        self.is_whole = False
        """Whether the image has all names, so that the zone can be transferred."""
        self.soa = b""
        """The SOA record; empty before there is one."""
        self._journal = Journal(folder, origin) if folder is not None else None
        self._journaled: Journaled | None = (
            self._journal.load() if self._journal is not None else None
        )
        key = self._journaled.key if self._journaled is not None else token_bytes(16)
        self._image = ZoneImage(origin, key)
        self._differences = Differences(LEAST_HISTORY)
        self._snapshot: Snapshot | None = None
        self._condensed: dict[int, Difference | None] = {}
        self._must_write = False
        self._owners: set[bytes] = set()
        """The names that `replace` has set."""
        self._held: Snapshot | None = None
        """The content before a delta of which some parts have come; None if there are none."""
        self._parts = Condensation()
        """What these parts have changed."""
        self._since: list[Difference] | None = None
        """What changed since the comparison with the journal began; None if none is under way."""

    @property
    def names(self) -> int:
        """The number of owner names."""
        return self._image.names

    @property
    def history(self) -> int:
        """The bytes of the differences that are kept."""
        return self._differences.size

    def stage(self, operations: Iterable[DeltaOperation]) -> None:
        """Apply a part of a delta, which nobody can transfer before `apply` has the last one.

        The zone must be whole; `snapshot` returns what it was before the first part.
        """
        if self._held is None:
            self._held, self._parts = self.snapshot(), Condensation()
        self._add_part(self._image.apply(operations))

    def apply(self, operations: Iterable[DeltaOperation]) -> bool:
        """Apply what a delta, or the last part of one, changes in this zone.

        Returns whether the zone has another serial then, and can be transferred.
        """
        difference = self._image.apply(operations)
        if self._held is not None:
            self._add_part(difference)
            return self._show_parts(self._held)
        self.soa = self._image.soa
        self._snapshot = None
        if difference is None:
            return False
        if self._since is not None:
            self._since.append(difference)
        elif self.is_whole:
            self._note(difference)
        return self.is_whole

    def _add_part(self, difference: Difference | None) -> None:
        """Add what a part has changed, unless it is more than is kept anyway."""
        if difference is not None and self._parts.size <= self._differences.limit:
            for _ in self._parts.add(difference):
                pass

    def _show_parts(self, held: Snapshot) -> bool:
        """Show the zone with all parts of a delta; `held` is what it was before."""
        parts, self._held, self._parts = self._parts, None, Condensation()
        self.soa, self._snapshot = self._image.soa, None
        if parts.size > self._differences.limit:
            self._condensed = {}
            self._differences.clear()
            self._must_write = self._journal is not None
            return True
        difference = parts.difference(held.soa, self.soa)
        if held.soa == self.soa and not difference.deleted and not difference.added:
            return False
        self._note(difference)
        return True

    def replace(self, operations: list[DeltaOperation]) -> None:
        """Replace the whole content by that of a delta, and let others transfer it."""
        names = {one.owner for one in operations if isinstance(one, ServedNames)}
        gone = [Removed(owner) for owner in self._owners - names]
        self._owners = names
        self.apply([*gone, *operations])
        self.is_whole = True

    def completing(self) -> Generator[None, None, None]:
        """Note that the image has all names, and take what the journal has as history, in slices.

        The zone can be transferred afterwards.
        """
        journaled, self._journaled = self._journaled, None
        if journaled is None:
            self._must_write = self._journal is not None
        else:
            since = self._since = []
            missed = yield from compare(journaled.snapshot, self.snapshot())
            self._since = None
            self._take_up(journaled, missed, since)
        self._set_limit(self._image.size)
        self.is_whole = True

    def _take_up(self, journaled: Journaled, missed: Difference, since: list[Difference]) -> None:
        """Continue the history of the journal, if the present content can have come from it."""
        self._set_limit(max(self._image.size, journaled.snapshot.size))
        for difference in journaled.differences:
            self._differences.append(difference)
        is_same = missed.old_soa == missed.new_soa and not missed.deleted and not missed.added
        if not is_same:
            if not is_newer(missed.to_serial, missed.from_serial):  # no secondary came from there
                self._differences.clear()
                self._must_write = True
            else:
                self._append(missed)
        for difference in since:
            self._note(difference)

    def snapshot(self) -> Snapshot:
        """Return the present content; it stays as it is, for as long as a transfer takes."""
        if self._snapshot is None:
            self._snapshot = self._image.snapshot()
        return self._snapshot

    def condensing(self, serial: int) -> Generator[None, None, Difference | None]:
        """Return, in slices, the difference from `serial` to the present; None if not known.

        If the zone changes meanwhile, it leads to the serial that was present at the beginning.
        """
        if serial in self._condensed:
            return self._condensed[serial]
        kept = self._condensed
        found = yield from self._differences.condensing(serial)
        if kept is self._condensed and len(kept) < KEPT_CONDENSED:
            kept[serial] = found
        return found

    def keep_in(self, folder: Path | None) -> None:
        """Have a journal in a folder from now on, or none; one that is not wanted is removed."""
        if folder is None:
            if self._journal is not None:
                self._journal.remove()
            self._journal, self._journaled, self._must_write = None, None, False
        elif self._journal is None:
            self._journal = Journal(folder, self.origin)
            self._must_write = True

    @property
    def fault(self) -> str:
        """Why the journal could not be read or written the last time; empty if it could."""
        return self._journal.fault if self._journal is not None else ""

    @property
    def must_write(self) -> bool:
        """Whether the journal must be rewritten."""
        return self._must_write and self.is_whole

    def writing(self) -> Generator[None, None, str]:
        """Rewrite the journal in slices; return why it was not written, else an empty text."""
        self._must_write = False
        journal = self._journal
        if journal is None:
            return ""
        kept = self._differences.all()
        if (yield from journal.writing(self._image.key, self.snapshot(), kept)):
            return ""
        self._must_write = True
        return journal.fault

    def _note(self, difference: Difference) -> None:
        self._snapshot = None
        self._condensed = {}
        self._set_limit(self._image.size)
        self._append(difference)

    def _append(self, difference: Difference) -> None:
        self._differences.append(difference)
        if self._journal is not None and not self._journal.append(difference):
            self._must_write = True

    def _set_limit(self, size: int) -> None:
        self._differences.limit = max(LEAST_HISTORY, size // 2)
