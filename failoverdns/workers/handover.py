"""The takeover from workers whose control process is gone: find them, use their sockets, end them.

They answer until others do, on the same sockets, so no query is lost.  The new control process
accepts commands only after they have ended, so no query gets an answer from before a change.
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
from failoverdns.net.succession import HandedConnection
from failoverdns.workers.calls import Call, read_address, read_connections
from failoverdns.workers.channel import Channel, call_nothing, open_channel

BOUND: Final = 3.0
"""Seconds in which an orphan must answer a call; else it is killed."""

log = Logger()


class Orphan:
    """An answering process of an earlier control process that has died."""

    def __init__(self, pid: int, channel: Channel, reactor: Any) -> None:
        self.pid = pid
        self._channel = channel
        self._reactor = reactor

    async def hand_over(self, inherited: Inherited) -> None:
        """Add copies of its sockets to `inherited`; the process continues to answer on them."""
        addresses = await self._call(Call.HAND_OVER)
        for written in addresses or ():
            try:
                udp, tcp = map(_socket, self._channel.take_descriptors(2))
                inherited.hand_over(read_address(written), (udp, tcp))
            except (Malformed, ValueError, OSError) as fault:
                log.error("answering process {pid}: {fault}", pid=self.pid, fault=str(fault))
                return

    async def release(self) -> list[HandedConnection]:
        """Have it stop answering and give up its TCP connections; return them."""
        try:
            written = await self._channel.call(Call.RELEASE).addTimeout(BOUND, self._reactor)
            return read_connections(written, self._channel.take_descriptors)
        except (ConnectionDone, DeferredTimeout, Rejected, Malformed, ValueError):
            return []  # it is of a version before, or `retire` will find out

    async def retire(self) -> None:
        """Let it answer the queries that it has begun to receive, and end."""
        await self._call(Call.RETIRE)
        self._channel.close()

    async def _call(self, name: Call) -> Any:
        """Call the process and return the result; kill it if the call fails, and return None."""
        calling: Deferred[Any] = self._channel.call(name)
        calling.addTimeout(BOUND, self._reactor)
        try:
            return await calling
        except (ConnectionDone, DeferredTimeout, Rejected) as fault:
            log.error(
                "answering process {pid} of an earlier server is killed: {fault}",
                pid=self.pid,
                fault=str(fault) or type(fault).__name__,
            )
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)
            return None


async def find_orphans(reactor: Any, rendezvous: Path, inherited: Inherited) -> list[Orphan]:
    """Return the orphans that listen at `rendezvous`, and add their sockets to `inherited`."""
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
    """Connect to the process that listens at a path; remove the path if there is none."""
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
