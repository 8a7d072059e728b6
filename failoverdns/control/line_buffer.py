"""The bytes that a client sent and that were not taken as requests yet, as lines."""

from __future__ import annotations

from typing import Final

from failoverdns.control.language.requests import longest

SHORT: Final = 1 << 16
"""Bytes of a line that any client may send at any time; a longer one is a long request."""


class LineBuffer:
    """Bytes in, whole lines out; the size of a line is limited."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._searched = 0
        """Bytes at the beginning that have no line end."""
        self.is_discarding = False
        """Whether the rest of a line that was too long is dropped."""

    def __len__(self) -> int:
        return len(self._bytes)

    @property
    def rest(self) -> bytes:
        """All bytes that were not taken yet."""
        return bytes(self._bytes)

    @property
    def size(self) -> int | None:
        """The size of the next line, without its end; None if it is not whole yet."""
        end = self._bytes.find(b"\n", self._searched)
        self._searched = len(self._bytes) if end < 0 else end
        return None if end < 0 else end

    @property
    def is_long(self) -> bool:
        """Whether the next line is a long request, as far as it has arrived."""
        size = self.size
        return (len(self._bytes) if size is None else size) > SHORT

    @property
    def is_too_long(self) -> bool:
        """Whether the next line, which is not whole yet, is longer than a request may be."""
        return self.size is None and len(self._bytes) > longest(self._bytes)

    def add(self, data: bytes) -> None:
        """Add bytes that arrived."""
        if self.is_discarding:
            _, end, data = data.partition(b"\n")
            self.is_discarding = not end
        self._bytes += data

    def take(self) -> bytes:
        """Return the next line, which is whole, without its end."""
        end = self.size
        assert end is not None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        self._searched = 0
        return line

    def discard(self) -> None:
        """Drop the next line, and what arrives of it from now on."""
        self.is_discarding = True
        self.clear()

    def clear(self) -> None:
        """Drop all bytes."""
        self._bytes.clear()
        self._searched = 0
