"""What one client sends: lines, and files for them, until they are taken as requests.

A long request needs leave before the server reads the whole of it (`control.shares`), and
has to arrive within `LONG_TIMEOUT` then, because others may wait for the leave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from failoverdns.control.given_file import GivenFile
from failoverdns.control.line_buffer import LineBuffer
from failoverdns.control.shares import Sharer, Shares

LONG_TIMEOUT: Final = 10.0
"""Seconds in which a long request must arrive."""


class Intake:
    """The bytes and the file of a client that were not taken yet."""

    def __init__(
        self,
        client: Sharer,
        long_requests: Shares,
        clock: IReactorTime,
        late: Callable[[], None],
    ) -> None:
        """Take in what `client` sends; `late` is called if a long request does not arrive."""
        self.lines = LineBuffer()
        self.file: GivenFile | None = None
        """The file that came with the first bytes of the next line."""
        self._client = client
        self._long_requests = long_requests
        self._clock = clock
        self._late = late
        self._timer: IDelayedCall | None = None
        self._is_unanswered = False
        """Whether a long request of this client was taken and is not answered yet."""

    @property
    def may_go_on(self) -> bool:
        """Whether the next line may be read further, and taken; a long one needs leave."""
        if not self.lines.is_long:
            return True
        if self._is_unanswered or not self._long_requests.has(self._client):
            return False
        self.expect()
        return True

    def expect(self) -> None:
        """Wait for the rest of a long request, for a limited time."""
        if self._timer is None or not self._timer.active():
            self._timer = self._clock.callLater(LONG_TIMEOUT, self._late)

    def keep(self, descriptor: int) -> None:
        """Keep a file for the request whose first bytes came with it; close any other."""
        file = GivenFile(descriptor)
        if self.lines.is_discarding or len(self.lines) or self.file is not None:
            file.close()
        else:
            self.file = file

    def end(self) -> None:
        """Note that the client sends nothing more; its last line may have no end."""
        if len(self.lines):
            self.lines.add(b"\n")

    def take(self) -> bytes:
        """Return the next line, which is whole."""
        self._stop_waiting()
        return self.lines.take()

    def note_unanswered(self) -> None:
        """Note that the line that was taken is a request, so a long one still needs its leave."""
        self._is_unanswered = True

    def note_answered(self) -> None:
        """Note that the long request that was taken is answered, or refused: its leave ends."""
        self._is_unanswered = False
        self._long_requests.end(self._client)

    def discard(self) -> None:
        """Drop the next line, and what arrives of it from now on."""
        self._stop_waiting()
        self.lines.discard()
        if not self._is_unanswered:
            self._long_requests.end(self._client)

    def close_file(self) -> None:
        """Close a file that no request took."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def close(self) -> None:
        """Drop everything: the client is gone."""
        self._stop_waiting()
        self.lines.clear()
        self.close_file()
        self._long_requests.end(self._client)

    def _stop_waiting(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
