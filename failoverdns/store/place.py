"""The place of a state file: the same file is the same state, whichever path leads to it.

Symbolic links are followed before the names of the mark and of the other files beside it are made,
and the file itself is locked too, because it may have a second name (a hard link).
A file that other users may write is refused, as they could change what is served.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from failoverdns.model.errors import Corrupt
from failoverdns.store.mark import SUFFIX, Mark, lock
from failoverdns.store.wal import index_of, log_of

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class Place:
    """A locked state file; the locks end with `close`, after every connection was closed."""

    def __init__(self, path: Path) -> None:
        """Follow links, and open and lock the mark; the file need not exist yet.

        Raises Corrupt if another process uses the state, or a mark cannot be read; OSError.
        """
        self.path = Path(os.path.realpath(path))
        self._descriptor: int | None = None
        self._inodes: dict[Path, int] = {}
        self._mark_of_link: Mark | None = None
        self.mark = Mark(_mark_of(self.path))
        try:
            beside_link = _mark_of(Path(os.path.realpath(path.parent)) / path.name)
            if beside_link != self.mark.path and beside_link.exists():
                self._mark_of_link = Mark(beside_link)
        except BaseException:
            self.close()
            raise

    @property
    def acknowledged(self) -> int:
        """The highest revision that was acknowledged.

        Version 0.1.0 wrote the mark beside a symbolic link, if it was given one.
        """
        of_link = self._mark_of_link.revision if self._mark_of_link is not None else 0
        return max(self.mark.revision, of_link)

    @property
    def marks(self) -> str:
        """The marks, for messages about what to delete."""
        of_link = [self._mark_of_link.path] if self._mark_of_link is not None else []
        return " and ".join(map(str, (self.mark.path, *of_link)))

    def lock_file(self) -> None:
        """Lock the existing state file under all of its names.

        Raises Corrupt if another process uses it, or it cannot be trusted; OSError.
        """
        if self._descriptor is not None:
            return
        for path in (self.path, log_of(self.path), index_of(self.path), self.mark.path):
            _check_mode(path)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            lock(self._descriptor, self.path)
        except OSError as fault:  # network file systems lock only files that are open for writing
            if fault.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP):
                raise
        names = os.fstat(self._descriptor).st_nlink
        if names > 1 and not self.acknowledged:
            raise Corrupt(
                f"{self.path}: this file has {names} names (hard links), and there is no "
                f"{self.mark.path}: its latest changes may be beside another name. Configure the "
                "name that it was used with; or, if this is the right one, delete the others"
            )

    def accept(self, revision: int) -> None:
        """Record the revision that was found in one mark, and delete the one beside a link."""
        with suppress(OSError):
            self.mark.advance(revision)
            if self._mark_of_link is not None:
                self._mark_of_link.delete()
                self._mark_of_link = None

    def remember(self, path: Path) -> None:
        """Note which file a path leads to now, if there is one."""
        with suppress(OSError):
            self._inodes[path] = os.stat(path).st_ino

    def is_unchanged(self) -> bool:
        """Return whether the paths lead to the same files as when they were noted."""
        try:
            return all(os.stat(path).st_ino == inode for path, inode in self._inodes.items())
        except OSError:
            return False

    def close(self) -> None:
        """Release the locks."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self.mark.close()
        if self._mark_of_link is not None:
            self._mark_of_link.close()


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)


def _check_mode(path: Path) -> None:
    """Raise Corrupt if others may write a file, or opening it would wait, as that of a pipe."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise Corrupt(f"{path}: is not a regular file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & _OTHERS_WRITE:
        raise Corrupt(
            f"{path}: its mode is {mode:04o}, so others may change what is served: chmod go-w"
        )
