"""The mark beside a state file: the highest revision that was acknowledged, and a lock.

A state file alone does not show that it is too old: to SQLite an empty file, or one whose
write-ahead log was deleted, is a sound database.  The mark shows it: a state file that is behind
the mark has lost changes, and is refused.
The mark is not synced to disk: after a power failure it may be behind, which is harmless.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from failoverdns.model.errors import Corrupt


class Mark:
    """An open, locked mark."""

    def __init__(self, path: Path) -> None:
        """Open and lock the mark of a state file, creating it if necessary.

        Raises Corrupt if another process holds it, or if it cannot be read.
        """
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise Corrupt(
                f"{path}: another failoverdns is using this state; stop it first"
            ) from None
        text = os.pread(self._descriptor, 64, 0)
        try:
            self.revision = int(text) if text else 0
        except ValueError:
            self.close()
            raise Corrupt(f"{path}: does not hold a revision; delete it to go without it") from None

    def advance(self, revision: int) -> None:
        """Record that `revision` is about to be acknowledged."""
        self.revision = revision
        os.pwrite(self._descriptor, b"%020d\n" % revision, 0)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)
