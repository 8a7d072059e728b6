"""Read an HTTP/1 response (RFC 9112) as far as a probe needs it: status, Location, part of a body.

    bytes in -> interim headers (1xx) skipped -> header -> body: by length, in chunks, or to the end

Everything is bounded: 64 KiB of headers, interim ones included, `MAX_BODY` bytes of body, and
`MAX_RAW` bytes on the wire for them.  The reader is lenient where nothing depends on it: lines may
end in LF alone, and fields that are not needed are ignored.
Does not know sockets, nor which responses are good.
"""

from __future__ import annotations

import re
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.health import MAX_BODY

MAX_HEADER: Final = 65536
"""Bytes of all headers of a response together."""

MAX_RAW: Final = MAX_HEADER + 4 * MAX_BODY
"""Bytes of a whole response: a body whose chunks are nearly all framing ends here."""

MAX_CHUNK_LINE: Final = 256

_STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?:[ \t][^\r\n]*)?\r?\n")
_BEGIN = b"HTTP/1."
_END = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"^(content-length|transfer-encoding|location)[ \t]*:([^\r\n]*)", re.I | re.M)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r?")
_SWITCHING = 101


class ResponseReader:
    """A response that is being read."""

    __slots__ = (
        "_buffer",
        "_fields",
        "_left",
        "_looked",
        "_raw",
        "_wants_body",
        "body",
        "ended",
        "interim",
        "status",
    )

    def __init__(self, *, wants_body: bool) -> None:
        """Begin; without `wants_body` the header is everything, as after a HEAD request."""
        self.status: int | None = None
        """The final status; None while the header is incomplete."""
        self.body = bytearray()
        """The body so far, with chunks joined, at most `MAX_BODY` bytes of it."""
        self.ended = False
        """True when nothing more of the response is needed."""
        self.interim = 0
        """Interim responses received."""
        self._wants_body = wants_body
        self._buffer = bytearray()
        self._fields: dict[bytes, bytes] = {}
        self._looked = 0
        """The position in the buffer from which to search for the end of the header."""
        self._left: int | None = None
        """Bytes of the body, or of the chunk, still to come; -1 before a chunk's size.

        None if the body ends with the connection.
        """
        self._raw = 0

    @property
    def location(self) -> str | None:
        """The target of a redirect, as received (latin-1)."""
        value = self._fields.get(b"location")
        return None if value is None else value.decode("latin-1")

    @property
    def is_chunked(self) -> bool:
        """True if the body is sent in chunks."""
        return b"transfer-encoding" in self._fields

    def feed(self, data: bytes) -> None:
        """Take bytes; those after the end of the response are ignored. Raises Malformed."""
        if self.ended:
            return
        self._raw += len(data)
        self._buffer += data
        while self.status is None:
            if not self._read_header():
                return
        if not self.ended:
            self._read_body()
        if not self.ended and self._raw > MAX_RAW:
            raise Malformed("the body is nearly all framing of chunks")

    def finish(self) -> None:
        """Take the end of the connection; raises Malformed if it came too early."""
        if self.ended:
            return
        if self.status is None:
            what = "before the header was whole" if self._raw else "before a response came"
            raise Malformed(f"the connection was closed {what}")
        if self._left is not None:
            raise Malformed("the connection was closed within the body")
        self.ended = True

    def _read_header(self) -> bool:
        """Read one header, interim or final; return False if it is incomplete."""
        buffer = self._buffer
        if buffer[: len(_BEGIN)] != _BEGIN[: len(buffer)]:
            raise Malformed("the response is not HTTP/1")
        end = _END.search(buffer, self._looked)
        length = self._raw if end is None else self._raw - len(buffer) + end.end()
        if length > MAX_HEADER:
            raise Malformed(f"more than {MAX_HEADER} bytes of header")
        if end is None:
            self._looked = max(0, len(buffer) - 2)
            return False
        line = _STATUS.match(buffer)
        if line is None:
            raise Malformed("the response has no status line of HTTP/1")
        status = int(line[1])
        if status < 200 and status != _SWITCHING:
            self.interim += 1
        else:
            self._take_fields(bytes(buffer[line.end() : end.end()]))
            self.status = status
            self._begin_body(status)
        del buffer[: end.end()]
        self._looked = 0
        return True

    def _take_fields(self, header: bytes) -> None:
        for name, value in _FIELD.findall(header):
            name, value = name.lower(), value.strip(b" \t")
            before = self._fields.setdefault(name, value)
            if before != value and name != b"location":
                raise Malformed(f"there are two different fields {name.decode()}")

    def _begin_body(self, status: int) -> None:
        """Find out where the body ends (RFC 9112 section 6.3)."""
        if not self._wants_body or status < 200 or status in (204, 304):
            self.ended = True
        elif (coding := self._fields.get(b"transfer-encoding")) is not None:
            if coding.lower() != b"chunked":
                name = coding[:40].decode("ascii", "replace")
                raise Malformed(f"the body has a transfer coding that was not asked for: {name!r}")
            self._left = -1
        elif (length := self._fields.get(b"content-length")) is not None:
            if not length.isdigit() or len(length) > 18:
                raise Malformed("Content-Length is not a number")
            self._left = int(length)

    def _read_body(self) -> None:
        if self.is_chunked:
            self._read_chunks()
            return
        self._take(len(self._buffer) if self._left is None else self._left)
        self.ended = self.ended or self._left == 0

    def _read_chunks(self) -> None:
        buffer = self._buffer
        while not self.ended and buffer:
            if self._left is not None and self._left > 0:
                self._take(self._left)
                continue
            end = buffer.find(b"\n", 0, MAX_CHUNK_LINE)
            if end < 0:
                if len(buffer) >= MAX_CHUNK_LINE:
                    raise Malformed("the size of a chunk is too long")
                return
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            if self._left == 0:  # the end of the chunk before
                if line not in (b"", b"\r"):
                    raise Malformed("a chunk does not end where it should")
                self._left = -1
                continue
            size = _CHUNK_SIZE.fullmatch(line)
            if size is None:
                raise Malformed("a chunk has no size")
            self._left = int(size[1], 16)
            self.ended = self._left == 0

    def _take(self, most: int) -> None:
        """Move at most `most` bytes of the body out of the buffer."""
        count = min(most, len(self._buffer))
        self.body += self._buffer[: min(count, MAX_BODY - len(self.body))]
        del self._buffer[:count]
        if self._left is not None:
            self._left -= count
        if len(self.body) >= MAX_BODY:
            self.ended = True
