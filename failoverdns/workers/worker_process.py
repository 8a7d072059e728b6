"""One answering process that this control process starts.

Which process takes the place of one that ends is decided in `workers.fleet`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.python.failure import Failure

from failoverdns.workers.channel import Channel, call_nothing
from failoverdns.workers.rendezvous import TLS_PLACE, rendezvous_of
from failoverdns.workers.spawned_process import SpawnedProcess

ANSWER: Final = "failoverdns.workers.child:answer"
"""The function that an answering process runs."""


class Worker(SpawnedProcess):
    """An answering process that this control process starts."""

    def __init__(self, reactor: Any, place: int, ended: Callable[[Worker], None]) -> None:
        """Prepare a process for a place; `ended` is called once when it has ended."""
        super().__init__(reactor, 0)
        self.place = place
        self.is_serving = False
        """Whether it has all names, so that it can answer."""
        self.is_being_checked = False
        """Whether a heartbeat waits for its reply."""
        self.has_next = False
        """Whether a next table was begun in it, which takes the place of its present one."""
        self.is_tls = place == TLS_PLACE
        """Whether it answers over TLS, and on no other sockets."""
        self.open: set[int] = set()
        """Numbers of the sockets that it answers on."""
        self._ended = ended
        self._rendezvous = Path()

    def start(self, control_socket: Path) -> None:
        """Start the process; it can be found beside `control_socket`.  Raises CannotAnswer."""
        channel = Channel(call_nothing, call_nothing, self._lose, only_replies=True)
        words = (str(control_socket), str(self.place))
        self.spawn(channel, ANSWER, words, "answering process")
        self._rendezvous = rendezvous_of(control_socket, self.pid)

    def let_go(self) -> None:
        """Leave it answering, without a control process; the next one takes over from it."""
        self._retiring = True
        self._channel.close()

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """Note that the process has ended, and report it to `ended`."""
        self.is_serving = False
        self._channel.close()
        with suppress(OSError):
            self._rendezvous.unlink()
        self._note_end()
        self._ended(self)
