"""The journal of a zone: a file with its content at one serial, and the differences around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from failoverdns.protocol.transfer.contents import Difference, Snapshot


@dataclass(frozen=True, slots=True)
class Journaled:
    """What a journal has: the zone at the last serial in it, and the differences that lead there.

    `key` is the key of the image (`ZoneImage.key`).
    """

    key: bytes
    snapshot: Snapshot
    differences: tuple[Difference, ...]


class Journal:
    """The file of one zone in a folder."""

    def __init__(self, folder: Path, origin: bytes) -> None:
        raise NotImplementedError

    def load(self) -> Journaled | None:
        """Return what the file has, as far as it is intact; None if its image is not. No raises."""
        raise NotImplementedError

    def append(self, difference: Difference) -> bool:
        """Add a difference; False: it is not in the file, which must be written anew."""
        raise NotImplementedError

    def writing(
        self, key: bytes, snapshot: Snapshot, differences: tuple[Difference, ...]
    ) -> Iterator[None]:
        """Write the file anew, in slices: each step of the iterator ends one."""
        raise NotImplementedError

    def remove(self) -> None:
        """Remove the file, because the zone is not served any more."""
        raise NotImplementedError
