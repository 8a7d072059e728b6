"""The write-ahead log of a state file, read as SQLite reads it after a crash.

SQLite appends the pages of a transaction to the log, the last one marked as a commit, and then
syncs the log.  If the sync fails, SQLite forgets the transaction, but the log still holds it, and
a restart finds it.  This module shows whether that is so, and reads the log where SQLite cannot,
on a read-only disk.
The format is described in https://www.sqlite.org/fileformat2.html#walformat and, for the index
in the `-shm` file, https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

HEADER_BYTES: Final = 32
FRAME_HEADER_BYTES: Final = 24

_BIG_ENDIAN = 0x377F0683
_LITTLE_ENDIAN = 0x377F0682
_MASK = 0xFFFFFFFF

Sums = tuple[int, int]


def log_of(path: Path) -> Path:
    """Return the path of the write-ahead log of a state file."""
    return path.with_name(path.name + "-wal")


def index_of(path: Path) -> Path:
    """Return the path of the index of the write-ahead log of a state file."""
    return path.with_name(path.name + "-shm")


@dataclass(frozen=True, slots=True)
class Frame:
    """A page in the log; `pages` is the size of the database if it ends a transaction, else 0."""

    number: int
    pages: int
    data: bytes


@dataclass(frozen=True, slots=True)
class LogHeader:
    """The header of a log: byte order of its checksums, page size, salts, and its checksum."""

    order: str
    page_size: int
    salts: bytes
    sums: Sums


def read_header(file: BufferedReader) -> LogHeader | None:
    """Return the header of a log that is open at its start; None if there is no valid one."""
    data = file.read(HEADER_BYTES)
    if len(data) < HEADER_BYTES:
        return None
    magic, _, page_size = struct.unpack(">3I", data[:12])
    if magic not in (_BIG_ENDIAN, _LITTLE_ENDIAN):
        return None
    order = ">" if magic == _BIG_ENDIAN else "<"
    sums = checksum(data[:24], order, (0, 0))
    if sums != struct.unpack(">2I", data[24:]):
        return None
    return LogHeader(order, page_size, data[16:24], sums)


def frames(file: BufferedReader, header: LogHeader, sums: Sums) -> Iterator[Frame]:
    """Yield the valid frames of a log from where the file stands, after one with these sums."""
    while len(start := file.read(FRAME_HEADER_BYTES)) == FRAME_HEADER_BYTES:
        data = file.read(header.page_size)
        number, pages, *expected = struct.unpack(">2I8x2I", start)
        if len(data) < header.page_size or not number or start[8:16] != header.salts:
            return
        sums = checksum(data, header.order, checksum(start[:8], header.order, sums))
        if sums != tuple(expected):
            return
        yield Frame(number, pages, data)


def committed(path: Path) -> tuple[dict[int, bytes], int]:
    """Return the pages in the log of a state file, and the size of the database in pages.

    Both are empty if the log holds no whole transaction.  Raises OSError.
    """
    pages: dict[int, bytes] = {}
    size = 0
    with log_of(path).open("rb") as file:
        header = read_header(file)
        waiting: dict[int, bytes] = {}
        for frame in frames(file, header, header.sums) if header is not None else ():
            waiting[frame.number] = frame.data
            if frame.pages:
                pages.update(waiting)
                waiting.clear()
                size = frame.pages
    return pages, size


def has_log(path: Path) -> bool:
    """Return whether a log with a whole transaction is beside a state file."""
    try:
        with log_of(path).open("rb") as file:
            header = read_header(file)
            return header is not None and any(f.pages for f in frames(file, header, header.sums))
    except OSError:
        return False


def checksum(data: bytes, order: str, sums: Sums) -> Sums:
    """Return the checksums of a log after more data, whose length is a multiple of eight."""
    first, second = sums
    for even, odd in struct.iter_unpack(f"{order}2I", data):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second


class OpenLog:
    """The log of a state file that a connection has open, and its index.

    The index is opened once and must be closed after the connection: the locks of a process on a
    file end when it closes any descriptor of that file.
    """

    def __init__(self, path: Path) -> None:
        """Open the index, and allocate all of it, as it is mapped into memory; raises OSError."""
        self._path = path
        self._index = os.open(index_of(path), os.O_RDWR | os.O_CLOEXEC)
        with suppress(OSError):
            os.posix_fallocate(self._index, 0, os.fstat(self._index).st_size)

    def length(self) -> int:
        """Return the number of pages in the log; raises OSError."""
        last: int = struct.unpack("=16xI", os.pread(self._index, 20, 0).ljust(20, b"\0"))[0]
        return last

    def is_copied(self) -> bool:
        """Return whether the database has all of the log, so that the next write begins it again.

        Raises OSError.
        """
        copied: int = struct.unpack("=I", os.pread(self._index, 4, 96).ljust(4, b"\0"))[0]
        return copied >= self.length()

    def holds_more(self) -> bool:
        """Return whether a restart would find a transaction that the connection does not show.

        True as well if that cannot be read.
        """
        try:
            return self._holds_more()
        except OSError:
            return True

    def close(self) -> None:
        """Close the index."""
        os.close(self._index)

    def _holds_more(self) -> bool:
        index = os.pread(self._index, 48, 0)
        if index != os.pread(self._index, 48, 48) or len(index) < 48:
            return True
        last, first_sum, second_sum = struct.unpack("=16xI4x2I16x", index)
        salts = index[32:40]
        try:
            file = log_of(self._path).open("rb")
        except FileNotFoundError:
            return False
        with closing(file):
            header = read_header(file)
            if header is None or header.salts != salts:
                if last:
                    return True
                if header is None or _follows(salts, header.salts):
                    return False  # all that this older log holds is in the database already
            file.seek(HEADER_BYTES + last * (FRAME_HEADER_BYTES + header.page_size))
            sums = (first_sum, second_sum) if last else header.sums
            return any(frame.pages for frame in frames(file, header, sums))


def _follows(salts: bytes, before: bytes) -> bool:
    """Return whether SQLite chose these salts when it began the log again from its start."""
    first = (int.from_bytes(before[:4], "big") + 1) & _MASK
    return int.from_bytes(salts[:4], "big") == first
