"""The reserve beside a state file: room on the disk that is kept for changes on a full disk.

It is a file that really occupies its blocks.  When a write fails for want of room, the reserve is
freed and the write is tried again; once there is plenty of room, the reserve is made again.  A
freed reserve stays as an empty file, so that a restart knows that it was used.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from failoverdns.model.store_condition import Reserve

RESERVE_BYTES: Final = 4 << 20
"""The size of the reserve: room for at least 200 switches."""

MARGIN: Final = 4
"""It is made only where this many times its size is free, so that it is not used up at once."""

INTERVAL: Final = 5.0
"""Seconds between two attempts to make it, at least."""

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNCLEAR = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
"""Primary result codes that may also mean that there is no room."""

_PROBE_BYTES = 64 << 10


class ReserveFile:
    """The reserve file of a state file."""

    def __init__(self, path: Path) -> None:
        """Use `path` for the reserve; nothing is made yet."""
        self.path = path
        self.state = Reserve.NONE
        self._tried = self._measured = float("-inf")
        self._free_bytes: int | None = None

    def keep(self) -> None:
        """Make the reserve if there is plenty of room for it; at most once in a few seconds."""
        now = time.monotonic()
        if self.state is Reserve.HELD or now < self._tried + INTERVAL:
            return
        self._tried = now
        with suppress(OSError):
            self._make()

    def make_room(self, fault: BaseException | None) -> bool:
        """Free the reserve if a write failed for want of room; return whether that helped."""
        return self.state is Reserve.HELD and self.lacks_room(fault) and self.free()

    def free(self) -> bool:
        """Free the reserve; return whether that made room."""
        if self.state is not Reserve.HELD:
            return False
        self.state = Reserve.USED
        self._tried = time.monotonic()
        try:
            os.truncate(self.path, 0)
        except OSError:
            return False
        return True

    def why_no_room(self, path: Path) -> str | None:
        """Return why an existing state file cannot be opened for writing, None if there is room.

        SQLite maps the index of its log into memory: without room for it the process would end
        (SIGBUS).  The reserve is freed for it.
        """
        if path.exists() and self.is_full() and not self.free():
            return f"{path}: {os.strerror(errno.ENOSPC)}"
        return None

    def lacks_room(self, fault: BaseException | None) -> bool:
        """Return whether a write failed for want of room."""
        if isinstance(fault, sqlite3.Error):
            code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
            return code == sqlite3.SQLITE_FULL or (code in _UNCLEAR and self.is_full())
        return isinstance(fault, OSError) and fault.errno in _NO_ROOM

    def free_bytes(self) -> int | None:
        """Return the free bytes on the disk, as of the last second; None if not known."""
        now = time.monotonic()
        if now >= self._measured + 1:
            self._measured, self._free_bytes = now, None
            with suppress(OSError):
                disk = os.statvfs(self.path.parent)
                self._free_bytes = disk.f_bavail * disk.f_frsize
        return self._free_bytes

    def is_full(self) -> bool:
        """Return whether the disk takes no further blocks: it is full, or the user's quota is."""
        try:
            descriptor = os.open(self.path.parent, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            return fault.errno in _NO_ROOM
        try:
            os.posix_fallocate(descriptor, 0, _PROBE_BYTES)
        except OSError as fault:
            return fault.errno in _NO_ROOM
        finally:
            os.close(descriptor)
        return False

    def _make(self) -> None:
        disk = os.statvfs(self.path.parent)
        has_room = disk.f_bavail * disk.f_frsize >= MARGIN * RESERVE_BYTES
        if self.path.exists():
            is_whole = _is_whole(self.path.stat())
            self.state = Reserve.HELD if is_whole else Reserve.USED
        if self.state is Reserve.HELD or not has_room:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            os.ftruncate(descriptor, RESERVE_BYTES)
            self.state = Reserve.HELD
        except OSError:
            os.ftruncate(descriptor, 0)
            raise
        finally:
            os.close(descriptor)


def _is_whole(status: os.stat_result) -> bool:
    return status.st_size == RESERVE_BYTES <= status.st_blocks * 512
