"""A file system in a file, which can lose its power.

The shutdown of ext4 and XFS (EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN) stops all writes at once and
drops what was not synced; even the journal is not written (NOLOGFLUSH).  The next mount replays the
journal, as after a power loss.  This is a disk that keeps what it has acknowledged.

One thing differs from a power loss: a sync that is under way during the shutdown may return success
although its data is lost, with ext4 as with XFS (seen in 1 to 5 of 100 shutdowns, with a program
that only writes and syncs).  So what was acknowledged while the ioctl ran must not be relied on.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import shutil
import struct
import subprocess
import time
from pathlib import Path

SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2
MIB, PAGE = 1 << 20, 4096
SIZES = {"ext4": 64 * MIB, "xfs": 300 * MIB}
UNMOUNTING = 10.0
"""Seconds that processes which were killed may still hold the file system."""


class Disk:
    """A mounted file system in a file of a folder."""

    def __init__(self, folder: Path, kind: str = "ext4") -> None:
        """Make a file system of this kind and mount it; raises OSError if that is not allowed."""
        self._image, self.path = folder / "disk.image", folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(SIZES[kind])
        _run(f"mkfs.{kind}", "-q", *(["-F"] if kind == "ext4" else []), str(self._image))
        self.mount()

    def mount(self) -> None:
        """Mount it; this replays the journal."""
        _run("mount", "-o", "loop", str(self._image), str(self.path))

    def unmount(self) -> None:
        """Unmount it; wait for processes that are ending."""
        until = time.monotonic() + UNMOUNTING
        while True:
            try:
                return _run("umount", str(self.path))
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def write_back(self, dice: random.Random) -> None:
        """Write random pages of random files that were not synced, as a kernel does at any time."""
        for path in self.path.iterdir():
            if path.is_file():
                with path.open("rb") as file:
                    pages = path.stat().st_size // PAGE + 1
                    for page in (dice.randrange(pages) for _ in range(dice.randrange(4))):
                        _sync_range(file.fileno(), page * PAGE, dice.randint(1, 8) * PAGE)

    def cut_power(self) -> None:
        """Stop all writes; what was not synced is lost."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Unmount it, if it is mounted, and remove the file."""
        if self.path.is_mount():
            self.unmount()
        self._image.unlink(missing_ok=True)


def obstacle(folder: Path, kind: str = "ext4") -> str | None:
    """Return why no file system can be mounted here, or None if it can."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    if shutil.which(f"mkfs.{kind}") is None:
        return f"mkfs.{kind} is missing"
    try:
        Disk(folder, kind).close()
    except OSError as fault:
        return f"no file system can be mounted: {fault}"
    finally:
        shutil.rmtree(folder / "disk", ignore_errors=True)
    return None


def _sync_range(descriptor: int, begin: int, size: int) -> None:
    """Start the write of a range and wait for its end, without the metadata (Linux only)."""
    ctypes.CDLL(None).sync_file_range(
        descriptor, ctypes.c_int64(begin), ctypes.c_int64(size), ctypes.c_uint(7)
    )


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
