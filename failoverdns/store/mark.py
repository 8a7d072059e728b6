"""The mark beside a state file: the highest revision that was acknowledged, and a lock.

A state file alone does not show that it is too old: to SQLite an empty file, or one whose
write-ahead log was deleted, is a sound database.  The mark shows it: a state file that is behind
the mark has lost changes, and is refused.
The mark is not synced to disk: after a power failure it may be behind, or hold nothing but NUL
bytes, which is harmless.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from failoverdns.model.errors import Corrupt
from failoverdns.store.whole_file import write_all

SUFFIX: Final = ".acknowledged"

_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}
_NOT_MADE = {*_NOT_WRITABLE, errno.ENOSPC, errno.EDQUOT}


class Mark:
    """An open, locked mark; on a read-only or full disk it may be read only, or missing."""

    def __init__(self, path: Path) -> None:
        """Open and lock the mark of a state file, creating it if necessary and possible.

        Raises Corrupt if another process holds it, or if it cannot be read; OSError.
        """
        self.path = path
        self._descriptor = _open(path)
        self.revision = 0
        self._is_writable = False
        if self._descriptor is not None:
            try:
                lock(self._descriptor, path)
                self.revision = _read(self._descriptor, path)
                self._is_writable = _takes_writes(self._descriptor)
            except BaseException:
                self.close()
                raise

    def advance(self, revision: int) -> None:
        """Record that `revision` is about to be acknowledged; raises OSError."""
        self.revision = revision
        if self._descriptor is None or not self._is_writable:
            self.close()  # the disk was read-only or full at the start, and may not be any longer
            self._descriptor = _open(self.path)
            self._is_writable = self._descriptor is not None and _takes_writes(self._descriptor)
            if self._descriptor is None:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self.path))
            with suppress(Corrupt):
                lock(self._descriptor, self.path)
        try:
            write_all(self._descriptor, b"%020d\n" % revision)
        except OSError:
            with suppress(OSError):  # half of a new number and half of an old one mean neither
                os.ftruncate(self._descriptor, 0)
            raise

    def delete(self) -> None:
        """Delete the file and release the lock; raises OSError."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Release the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _takes_writes(descriptor: int) -> bool:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR


def lock(descriptor: int, path: Path) -> None:
    """Lock an open file for this process; raises Corrupt if another one holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Corrupt(f"{path}: another failoverdns is using this state; stop it first") from None


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        if fault.errno not in _NOT_MADE:
            raise
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _read(descriptor: int, path: Path) -> int:
    text = os.pread(descriptor, 64, 0).strip(b"\0")
    try:
        return int(text) if text else 0
    except ValueError:
        raise Corrupt(f"{path}: does not hold a revision; delete it to go without it") from None
