"""Small files that are written whole, or stay as they were.

A write may take only a part of the data, and a disk may keep something else than it was given.  So
everything is written, synced and read back before it counts.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Replace the contents of a file, completely or not at all; only its owner can read it.

    The new file is synced and compared with `data` before it takes the place of the old one.
    A symbolic link stays one.  Raises OSError.
    """
    path = Path(os.path.realpath(path))
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600)
    try:
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
            if os.pread(descriptor, len(data) + 1, 0) != data:
                raise OSError(errno.EIO, "the file does not hold what was written", str(new))
        finally:
            os.close(descriptor)
        new.rename(path)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
    sync_folder(path.parent)


def write_all(descriptor: int, data: bytes, offset: int = 0) -> None:
    """Write all of `data` at an offset, in as many calls as that takes; raises OSError."""
    written = 0
    while written < len(data):
        count = os.pwrite(descriptor, data[written:], offset + written)
        if count <= 0:
            raise OSError(errno.EIO, "a write wrote nothing")
        written += count


def read_all(descriptor: int, limit: int) -> bytes | None:
    """Return the contents of an open file; None if it has more than `limit` bytes."""
    data = b""
    while part := os.pread(descriptor, limit + 1 - len(data), len(data)):
        data += part
    return data if len(data) <= limit else None


def sync_again(path: Path) -> None:
    """Write the bytes of a file again as they are, and sync it; raises OSError.

    After a sync that failed, the kernel takes the pages for written, and would not write them.
    """
    with path.open("r+b", buffering=0) as file:
        offset = 0
        while part := os.pread(file.fileno(), 1 << 20, offset):
            write_all(file.fileno(), part, offset)
            offset += len(part)
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make new and renamed files in a folder survive a power failure; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
