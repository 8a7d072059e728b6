"""Find workers whose control process is gone, take over their sockets, and retire them.

They answer until others do, on the very sockets that they had, so no query is lost.  A control
process accepts commands only when they have ended, so no query gets an answer from before a change.
Refuses to know who takes their place.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectionDone
from twisted.logger import Logger

from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.inherited import Inherited
from failoverdns.net.peer import peer
from failoverdns.workers.calls import Call, read_address
from failoverdns.workers.channel import Channel, call_nothing, open_channel

BOUND: Final = 3.0
"""Seconds in which an orphan answers, or is killed."""

log = Logger()


class Orphan:
    """An answering process that another control process has left."""

    def __init__(self, pid: int, channel: Channel, reactor: Any) -> None:
        self.pid = pid
        self._channel = channel
        self._reactor = reactor

    async def hand_over(self, inherited: Inherited) -> None:
        """Add copies of its sockets to `inherited`; it goes on answering on them."""
        addresses = await self._call(Call.HAND_OVER)
        for written in addresses or ():
            try:
                udp, tcp = map(_socket, self._channel.take_descriptors(2))
                inherited.hand_over(read_address(written), (udp, tcp))
            except (Malformed, ValueError, OSError) as fault:
                log.error("answering process {pid}: {fault}", pid=self.pid, fault=str(fault))
                return

    async def retire(self) -> None:
        """Have it answer what it has begun, and end."""
        await self._call(Call.RETIRE)
        self._channel.close()

    async def _call(self, name: Call) -> Any:
        """Call what it can do; kill it if it does not."""
        calling: Deferred[Any] = self._channel.call(name)
        calling.addTimeout(BOUND, self._reactor)
        try:
            return await calling
        except (ConnectionDone, DeferredTimeout, Rejected) as fault:
            log.error(
                "answering process {pid} of an earlier server is ended: {fault}",
                pid=self.pid,
                fault=str(fault) or type(fault).__name__,
            )
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)
            return None


async def find_orphans(reactor: Any, rendezvous: Path, inherited: Inherited) -> list[Orphan]:
    """Return the answering processes that wait at `rendezvous`; their sockets go to `inherited`."""
    orphans = []
    for path in sorted(rendezvous.parent.glob(rendezvous.name + ".*")):
        if not path.suffix[1:].isdecimal() or not path.is_socket():
            continue
        orphan = _meet(reactor, path)
        if orphan is not None:
            await orphan.hand_over(inherited)
            orphans.append(orphan)
    if orphans:
        log.info(
            "taking over from answering process(es) {pids}",
            pids=", ".join(str(orphan.pid) for orphan in orphans),
        )
    return orphans


def _meet(reactor: Any, path: Path) -> Orphan | None:
    """Connect to whoever waits at a path; what nobody waits at is removed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(BOUND)
        try:
            sock.connect(str(path))
        except OSError:
            with suppress(OSError):
                path.unlink()
            return None
        pid = peer(sock).detail.pid
        channel = Channel(call_nothing, call_nothing, lambda _: None)
        open_channel(reactor, sock.fileno(), channel)
    return Orphan(pid, channel, reactor)


def _socket(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock
