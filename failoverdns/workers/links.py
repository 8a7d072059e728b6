"""The links of answering processes with the transfer process, over which they hand requests to it.

A link is a pair of connected sockets: an answering process gets one end, and `give` passes the
other one on to the transfer process.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress

from failoverdns.net.spawning import spawn
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import Call
from failoverdns.workers.interface import Give
from failoverdns.workers.worker_process import Worker


class Links:
    """Connects answering processes with the transfer process, if there is one."""

    def __init__(self) -> None:
        self._give: Give | None = None

    def use(self, give: Give | None, workers: Iterable[Worker]) -> None:
        """Connect every process that answers with another transfer process; None if it ended."""
        self._give = give
        for worker in workers:
            if worker.is_serving:
                self.connect(worker)

    def connect(self, worker: Worker) -> None:
        """Connect a process that begins to answer."""
        if self._give is None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        spawn(_link(worker, ours))
        with theirs:
            self._give(theirs.fileno())


async def _link(worker: Worker, end: socket.socket) -> None:
    """Give a process its end of a link, and close our copy."""
    with end, suppress(Gone, Stuck):
        await worker.call(Call.LINK, descriptors=[end.fileno()])
