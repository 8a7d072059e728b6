"""The journal of a zone: a file with its content at one serial, and the differences around it.

It lets a secondary continue with an incremental zone transfer after a restart, however the server
ended.  Nothing depends on it: what cannot be read, or could not be written, costs a transfer of the
whole zone.  It is never synced, because a checksum finds what a crash of the machine left behind.

The file is rewritten, beside the old one, when the differences after the image have more bytes
than half of the zone, and 1 MiB.  So it has at most the image, these, and the differences that are
kept in memory.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Generator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.protocol.transfer.contents import Difference, Snapshot
from failoverdns.transfers.differences import at_once, condense
from failoverdns.transfers.image import ZoneImage
from failoverdns.transfers.journal_frames import (
    Unreadable,
    read_journal,
    write_difference,
    write_journal,
)

SUFFIX: Final = ".journal"
_NEW: Final = ".journal.new"
_LEAST: Final = 1 << 20
_PLAIN: Final = re.compile(r"[a-z0-9_][a-z0-9._-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Journaled:
    """What a journal has: the zone at the last serial in it, and the differences that lead there.

    `key` is the key of the image (`ZoneImage.key`).
    """

    key: bytes
    snapshot: Snapshot
    differences: tuple[Difference, ...]


class Journal:
    """The file of one zone in a folder, which must exist; `origin` is in wire form.

    `fault` says why the file could not be read or written the last time; empty if it could.
    """

    def __init__(self, folder: Path, origin: bytes) -> None:
        self.path = folder / (_stem(origin) + SUFFIX)
        self.fault = ""
        self._origin = origin
        self._last: bytes | None = None
        """The last SOA record in the file; None if nothing can be appended."""

        self._room = 0
        self._since: list[Difference] | None = None
        """Differences since a rewriting of the file began; None if it is not."""

    def load(self) -> Journaled | None:
        """Return what the file has, as far as it is intact; None if its image is not."""
        self._last, self.fault = None, ""
        try:
            content = read_journal(_read(self.path), self._origin)
            snapshot, room = content.snapshot, _room(content.snapshot)
            if content.after:
                image = ZoneImage.restored(snapshot, content.key)
                image.apply_difference(at_once(condense(content.after)))
                snapshot = image.snapshot()
        except FileNotFoundError:
            return None
        except (OSError, Unreadable, Malformed) as fault:
            self.fault = str(fault)
            return None
        self._room = room - sum(difference.size for difference in content.after)
        if content.is_whole:
            self._last = snapshot.soa
        else:
            self.fault = "its end is damaged"
        return Journaled(content.key, snapshot, content.before + content.after)

    def append(self, difference: Difference) -> bool:
        """Add a difference; False if it is not in the file, which must then be rewritten."""
        if self._since is not None:
            self._since.append(difference)
        if self._last != difference.old_soa or self._room < difference.size:
            self._last = None
            return False
        self._room -= difference.size
        try:
            descriptor = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            )
            try:
                _write(descriptor, write_difference(difference))
            finally:
                os.close(descriptor)
        except OSError as fault:
            self._last, self.fault = None, str(fault)
            return False
        self._last = difference.new_soa
        return True

    def writing(
        self, key: bytes, snapshot: Snapshot, before: tuple[Difference, ...]
    ) -> Generator[None, None, bool]:
        """Rewrite the file in slices of about a millisecond; return whether it was written.

        `before` are the differences that lead to the snapshot.  Differences that are appended
        meanwhile are in the new file as well.  Close the generator to stop.
        """
        since: list[Difference] = []
        self._since = since
        return self._rewrite(since, key, snapshot, before)

    def _rewrite(
        self,
        since: list[Difference],
        key: bytes,
        snapshot: Snapshot,
        before: tuple[Difference, ...],
    ) -> Generator[None, None, bool]:
        new = self.path.with_name(self.path.name.removesuffix(SUFFIX) + _NEW)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        is_written = False
        try:
            descriptor = os.open(new, flags, 0o600)
            try:
                for part in write_journal(key, snapshot, before):
                    _write(descriptor, part)
                    yield
                for difference in since:
                    _write(descriptor, write_difference(difference))
                os.replace(new, self.path)
            finally:
                os.close(descriptor)
            self._last = since[-1].new_soa if since else snapshot.soa
            self._room = _room(snapshot) - sum(difference.size for difference in since)
            self.fault = ""
            is_written = True
        except OSError as fault:
            self.fault = str(fault)
        finally:
            self._since = None
            if not is_written:
                _unlink(new)
        return is_written

    def remove(self) -> None:
        """Remove the file, because the zone is not served any more."""
        self._last = None
        _unlink(self.path)


def sweep(folder: Path, origins: Collection[bytes]) -> None:
    """Remove the journals of all zones but those with these origins, and unfinished files."""
    kept = {_stem(origin) + SUFFIX for origin in origins}
    with suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name.endswith(_NEW) or (path.name.endswith(SUFFIX) and path.name not in kept):
                _unlink(path)


def _stem(origin: bytes) -> str:
    """Return the name of a zone's file without its end: the zone's, or a hash of an odd one."""
    text = DomainName(origin).to_text()
    if _PLAIN.fullmatch(text):
        return text
    return "=" + blake2b(origin, digest_size=16).hexdigest()


def _room(snapshot: Snapshot) -> int:
    """Return how many bytes of differences may follow the image of a zone."""
    return max(snapshot.size // 2, _LEAST)


def _read(path: Path) -> bytes:
    """Return the content of a regular file. Raises OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("not a regular file")
        return file.read()


def _write(descriptor: int, data: bytes) -> None:
    """Write all bytes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
