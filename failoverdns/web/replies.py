"""The reply line of the control process becomes a response.

The beginning of the line has its outcome and the revision, so that a response can begin before a
long reply is complete; its body is the line itself, compressed if the clients accept that.  A reply
with an error is read to its end, and becomes a problem.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

from failoverdns.model.change import Json
from failoverdns.web.bodies import Body, BodyMemory, Reader
from failoverdns.web.problems import Problem, of_error, of_http

AT_ONCE: Final = 1 << 14
"""Bytes of a reply after which its response begins; a shorter one is sent as a whole."""

WORTH: Final = 1000
"""Bytes of a reply that are worth compressing."""

MAX_ERROR: Final = 8 << 20
"""Bytes of a reply with an error."""

LEVEL: Final = 5
"""How much time is spent on compressing, from 1 to 9."""

_GZIP: Final = 31
"""What makes zlib write the format of gzip (RFC 1952)."""

_OK: Final = re.compile(
    rb'\{"ok": true, (?:"id": (?:"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*), )?"revision": ([0-9]+)[,}]'
)


@dataclass(frozen=True, slots=True)
class Begun:
    """How a response begins: its revision, its length if that is known, and its coding."""

    revision: int
    length: int | None
    is_compressed: bool


class Client(Reader, Protocol):
    """Who asked, and gets the response."""

    def begin(self, begun: Begun, body: Body) -> None:
        """Begin the response, with a body that the client reads."""

    def fail(self, problem: Problem) -> None:
        """Send a problem in place of a response."""


class Reply:
    """A reply on its way: it takes the bytes of the line, and serves all who asked the same."""

    def __init__(self, held: BodyMemory, owner: str, *, compresses: bool) -> None:
        """Wait for the first byte; with `compresses` all clients accept gzip."""
        self.body = Body(held, owner)
        self.clients: dict[Client, None] = {}
        self.is_over = False
        """Whether the whole reply was taken, or will never come."""
        self._compresses = compresses
        self._compressor: zlib._Compress | None = None
        self._begin = bytearray()
        self._has_begun = False
        self._is_error = False

    def join(self, client: Client) -> None:
        """Serve one client more."""
        self.clients[client] = None
        self.body.join(client)

    def leave(self, client: Client) -> None:
        """Serve a client no longer, which has gone."""
        self.clients.pop(client, None)
        self.body.leave(client)

    def take(self, data: bytes, *, is_last: bool) -> None:
        """Take a part of the line; with `is_last` the newline is its last byte."""
        self.is_over = is_last
        if self._has_begun:
            self._add(data)
        else:
            self._begin += data
            if is_last or len(self._begin) >= AT_ONCE:
                self._look()
        if is_last and self._has_begun:
            self._end()

    def fail(self, problem: Problem) -> None:
        """Give the clients a problem; those whose response has begun are disconnected."""
        self.is_over = True
        if self._has_begun:
            self.body.break_off()
        else:
            for client in list(self.clients):
                self.body.leave(client)
                client.fail(problem)
        self.clients.clear()

    def _look(self) -> None:
        """Find out from its beginning what kind of reply it is."""
        found = None if self._is_error else _OK.match(self._begin)
        if found is None:
            self._is_error = True
            if len(self._begin) > MAX_ERROR:
                self.fail(of_http(503, "the reply is too long", code="unavailable"))
            elif self.is_over:
                self.fail(_problem(bytes(self._begin)))
            return
        begin, self._begin = bytes(self._begin), bytearray()
        if self._compresses and len(begin) >= WORTH:
            self._compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)
        self._has_begun = True
        is_whole = self.is_over and self._compressor is None
        begun = Begun(int(found[1]), len(begin) if is_whole else None, self._compressor is not None)
        for client in list(self.clients):
            client.begin(begun, self.body)
        self._add(begin)

    def _add(self, data: bytes) -> None:
        piece = self._compressor.compress(data) if self._compressor is not None else data
        if piece:
            self.body.add(piece)

    def _end(self) -> None:
        if self._compressor is not None:
            self.body.add(self._compressor.flush())
        self.body.end()
        self.clients.clear()


def _problem(line: bytes) -> Problem:
    """Return the problem that a reply with an error is."""
    try:
        reply: dict[str, Json] = json.loads(line)
        error = reply["error"]
    except (ValueError, KeyError, TypeError):
        error = None
    if not isinstance(error, dict):
        return of_http(503, "the reply cannot be read", code="unavailable")
    return of_error(error, id_=reply.get("id"))
