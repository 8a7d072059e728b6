"""The takeover from workers whose control process is gone: find them, use their sockets, end them.

They answer until others do, on the same sockets, so no query is lost.  The new control process
accepts commands only after they have ended, so no query gets an answer from before a change.

All are asked at the same time, so that none of them delays the start by more than `BOUND`.  What is
checked of each is in `workers.orphan`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.net.inherited import Inherited
from failoverdns.net.peer import is_own_user, peer_process
from failoverdns.net.sockets import CannotListen
from failoverdns.net.succession import HandedConnection
from failoverdns.net.unix_paths import connect_unix
from failoverdns.workers.orphan import AGAIN, BOUND, Orphan, controlled
from failoverdns.workers.rendezvous import (
    former_control_sockets,
    has_control_process,
    is_answering,
    left_at,
    lost_processes,
)

log = Logger()

Take = Callable[[list[HandedConnection]], Awaitable[None]]
"""Continues TCP connections that another process has released."""


async def find_orphans(reactor: Any, control_socket: Path, inherited: Inherited) -> list[Orphan]:
    """Return the orphans beside `control_socket`, and add their sockets to `inherited`.

    Those beside the control socket from before a restart, which was another one, are found too.
    Raises CannotListen if one of them has a control process that runs: nothing of it is touched.
    """
    places = [control_socket, *former_control_sockets(control_socket)]
    for place in places:
        await _wait_for_lost(reactor, place)
    met = [
        orphan
        for place in places
        for pid, path in left_at(place).items()
        if (orphan := _meet(reactor, place, pid, path)) is not None
    ]
    handing = [Deferred.fromCoroutine(orphan.hand_over(inherited)) for orphan in met]
    results = await gatherResults([one.addErrback(_value) for one in handing])
    faults = [result for result in results if isinstance(result, CannotListen)]
    if faults:
        _leave(met)
        inherited.close_handed_over()
        raise faults[0]
    orphans = [orphan for orphan, result in zip(met, results, strict=True) if result is True]
    if orphans:
        log.info(
            "taking over from answering process(es) {pids}",
            pids=", ".join(str(orphan.pid) for orphan in orphans),
        )
    return orphans


class Orphans:
    """The orphans that a start has found, until they are retired or left alone."""

    def __init__(self, reactor: Any, control_socket: Path, inherited: Inherited) -> None:
        """Look beside `control_socket`; sockets that are handed over are added to `inherited`."""
        self._reactor = reactor
        self._control_socket = control_socket
        self._inherited = inherited
        self._found: list[Orphan] = []

    async def recall(self) -> list[str]:
        """Find the orphans; return the texts that they keep.  Raises CannotListen."""
        self._found = await find_orphans(self._reactor, self._control_socket, self._inherited)
        return await _recalled(self._found)

    def include(self, pid: int) -> bool:
        """Return whether a process is one of them."""
        return any(orphan.pid == pid for orphan in self._found)

    def leave(self) -> None:
        """Let them go on answering: this server will not."""
        _leave(self.taken())

    def taken(self) -> list[Orphan]:
        """Return them; from now on the caller deals with them."""
        taken, self._found = self._found, []
        return taken


def _leave(orphans: Iterable[Orphan]) -> None:
    for orphan in orphans:
        orphan.leave()


async def _recalled(orphans: list[Orphan]) -> list[str]:
    """Return the texts that orphans keep: of the one that keeps the most."""
    asking = [Deferred.fromCoroutine(orphan.recall()) for orphan in orphans]
    found: list[list[str]] = list(await gatherResults(asking))
    return max(found, key=len, default=[])


async def dismiss(orphans: list[Orphan], take: Take | None = None) -> None:
    """Retire orphans, all at the same time; `take` continues their TCP connections, if given."""

    async def dismiss_one(orphan: Orphan) -> None:
        if take is not None:
            await take(await orphan.release())
        await orphan.retire()

    await gatherResults([Deferred.fromCoroutine(dismiss_one(orphan)) for orphan in orphans])


async def _wait_for_lost(reactor: Any, control_socket: Path) -> None:
    """Let orphans whose rendezvous was removed make it again; kill those that cannot.

    Raises CannotListen if one of them has a control process that runs.
    """
    until = reactor.seconds() + BOUND
    while (lost := list(lost_processes(control_socket))) and reactor.seconds() < until:
        await deferLater(reactor, AGAIN)
    for pid in lost:
        if has_control_process(pid):
            raise controlled(pid, control_socket)
        log.error("answering process {pid} cannot be reached: it is killed", pid=pid)
        with suppress(OSError):
            process = os.pidfd_open(pid)
            if is_answering(pid, control_socket):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)


def _meet(reactor: Any, control_socket: Path, pid: int, path: Path) -> Orphan | None:
    """Connect to the process that listens at a path; remove the path if there is none."""
    try:
        sock = connect_unix(path)
    except OSError as fault:
        if isinstance(fault, ConnectionRefusedError):
            with suppress(OSError):
                path.unlink()
        else:
            log.error("{path} is left alone: {fault}", path=str(path), fault=str(fault))
        return None
    with sock:
        if not is_own_user(sock):
            log.error("{path} is left alone: another user made it", path=str(path))
            return None
        return Orphan(reactor, peer_process(sock) or pid, control_socket, sock, path)


def _value(failure: Failure) -> CannotListen | Failure:
    return failure.value if isinstance(failure.value, CannotListen) else failure
