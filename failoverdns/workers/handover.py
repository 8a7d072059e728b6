"""The takeover from workers whose control process is gone: find them, use their sockets, end them.

They answer until others do, on the same sockets, so no query is lost.  The new control process
accepts commands only after they have ended, so no query gets an answer from before a change.

Whatever listens at a rendezvous is checked: it must run as our user, the sockets that it hands over
must have the addresses that it claims, and it is killed only if /proc says that it is one of our
answering processes; where /proc hides it, the kernel must say that it made the rendezvous that is
named after it.  All are asked at the same time, so that none of them delays the start by more
than `BOUND`.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.inherited import Inherited
from failoverdns.net.other_process import OtherProcess
from failoverdns.net.peer import is_own_user, peer
from failoverdns.net.sockets import CannotListen, close_pair
from failoverdns.net.succession import HandedConnection
from failoverdns.net.unix import connect_unix
from failoverdns.workers.called_process import CalledProcess, Gone, Stuck
from failoverdns.workers.calls import CONTROLLED, Call, read_address, read_connections
from failoverdns.workers.channel import Channel, call_nothing, open_channel
from failoverdns.workers.rendezvous import (
    has_control_process,
    is_answering,
    is_hidden,
    left_at,
    lost_processes,
    rendezvous_of,
)

BOUND: Final = 3.0
"""Seconds in which an orphan must listen, and answer a call; else it is killed."""

MAX_RECALLED: Final = 16 << 20
"""Bytes of a reply with texts: a process sends small ones together, and a large one alone."""

AGAIN: Final = 0.1
"""Seconds between two attempts to find, or to ask, an orphan."""

log = Logger()

Take = Callable[[list[HandedConnection]], Awaitable[None]]
"""Continues TCP connections that another process has released."""


class Orphan(CalledProcess):
    """An answering process of an earlier control process that has died."""

    def __init__(
        self, reactor: Any, pid: int, control_socket: Path, sock: socket.socket, path: Path
    ) -> None:
        """Open the channel on a socket that is connected to `path`, where process `pid` listens."""
        super().__init__(reactor, pid)
        self._control_socket = control_socket
        self._path = path
        self._process: OtherProcess | None = None
        with suppress(OSError):  # it has ended, or runs where our /proc does not reach
            self._process = OtherProcess(reactor, pid, self._note_end)
        self._channel = Channel(call_nothing, call_nothing, self._lose, only_replies=True)
        self._channel.name = f"process {pid}"
        open_channel(reactor, sock.fileno(), self._channel)

    async def hand_over(self, inherited: Inherited) -> bool:
        """Add copies of its sockets to `inherited`; the process continues to answer on them.

        Returns False if there is nothing to take over, for whatever reason.
        Raises CannotListen if a control process that runs controls it.
        """
        self._channel.takes_descriptors = True
        try:
            for written in await self._ask():
                self._take(written, inherited)
        except (Malformed, ValueError, TypeError) as fault:
            log.error("process {pid} is not trusted: {fault}", pid=self.pid, fault=str(fault))
            self.leave()
            return False
        except (Gone, Stuck):
            return False
        finally:
            self._channel.refuse_descriptors()
        return True

    async def release(self) -> list[HandedConnection]:
        """Have it stop answering and give up its TCP connections; return them.

        One of a version that cannot do this keeps them until it is retired.
        """
        self._channel.takes_descriptors = True
        released: list[HandedConnection] = []
        try:
            while written := await self.call(Call.RELEASE, bound=BOUND):
                released += read_connections(written, self._channel.take_descriptors)
        except (Malformed, ValueError, TypeError) as fault:
            log.error("process {pid} is not trusted: {fault}", pid=self.pid, fault=str(fault))
        except (Gone, Stuck, Rejected):
            pass
        finally:
            self._channel.refuse_descriptors()
        return released

    async def recall(self) -> list[str]:
        """Return the texts that it keeps; none if it is of a version that keeps none."""
        texts: list[str] = []
        after = -1
        try:
            while piece := await self.call(
                Call.RECALL, {"after": after}, bound=BOUND, most=MAX_RECALLED
            ):
                texts += [str(text) for _, text in piece]
                if (last := int(piece[-1][0])) <= after:
                    raise ValueError("the texts are not in order")
                after = last
        except (Gone, Stuck, Rejected):
            pass
        except (ValueError, TypeError, LookupError) as fault:
            log.error("process {pid} is not trusted: {fault}", pid=self.pid, fault=str(fault))
        return texts

    async def retire(self) -> None:
        """Let it answer the queries that it has begun to receive; it answers no others then."""
        self._retiring = True
        try:
            await self.call(Call.RETIRE, bound=BOUND)
        except (Stuck, Rejected):
            self.kill()
        except Gone:
            pass
        self._remove_rendezvous()
        self.leave()

    def leave(self) -> None:
        """Close the channel, and let the process go on."""
        self._retiring = True
        self._channel.close()
        if self._process is not None:
            self._process.close()

    def kill(self) -> None:
        """Kill the process, which does not answer, if it is one of our answering processes."""
        if self._is_ours():
            super().kill()
            self._remove_rendezvous()
        else:
            log.error("process {pid} does not answer at a rendezvous of ours", pid=self.pid)
            self._channel.abort()
            self._note_end()

    async def _ask(self) -> list[Any]:
        """Return the addresses that it hands over; wait while it still has a control process."""
        until = self._reactor.seconds() + BOUND
        while True:
            try:
                left = max(AGAIN, until - self._reactor.seconds())
                addresses = await self.call(Call.HAND_OVER, bound=left)
                return addresses if isinstance(addresses, list) else []
            except Rejected as refusal:
                if refusal.code != CONTROLLED:
                    raise Malformed(refusal.message) from None
                if self._reactor.seconds() > until:
                    self.leave()
                    raise _controlled(self.pid, self._control_socket) from None
            await deferLater(self._reactor, AGAIN)

    def _take(self, written: list[str | int], inherited: Inherited) -> None:
        udp, tcp = map(_socket, self._channel.take_descriptors(2))
        try:
            inherited.hand_over(read_address(written), (udp, tcp))
        except (Malformed, ValueError, TypeError):
            close_pair((udp, tcp))
            raise

    def _is_ours(self) -> bool:
        if is_hidden(self.pid):
            return self._path == rendezvous_of(self._control_socket, self.pid)
        return is_answering(self.pid, self._control_socket)

    def _remove_rendezvous(self) -> None:
        """Remove the file of its rendezvous, as it may not do that itself."""
        with suppress(OSError):
            self._path.unlink()

    def _kill(self) -> None:
        if self._process is not None and self._gone is not None and self._is_ours():
            self._process.kill()

    def _lose(self, channel: Channel) -> None:
        """Let it go on: it answers until it is retired, also if this server ends before."""
        if self._process is None or not self._is_ours():
            self._note_end()  # nothing more can be known of it


async def find_orphans(reactor: Any, control_socket: Path, inherited: Inherited) -> list[Orphan]:
    """Return the orphans beside `control_socket`, and add their sockets to `inherited`.

    Raises CannotListen if one of them has a control process that runs: nothing of it is touched.
    """
    await _wait_for_lost(reactor, control_socket)
    met = [
        orphan
        for pid, path in left_at(control_socket).items()
        if (orphan := _meet(reactor, control_socket, pid, path)) is not None
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
            raise _controlled(pid, control_socket)
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
        return Orphan(reactor, peer(sock).detail.pid or pid, control_socket, sock, path)


def _controlled(pid: int, control_socket: Path) -> CannotListen:
    return CannotListen(
        f"control.socket: another failoverdns uses {control_socket}: "
        f"its answering process {pid} runs, and so does the control process of that"
    )


def _value(failure: Failure) -> CannotListen | Failure:
    return failure.value if isinstance(failure.value, CannotListen) else failure


def _socket(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock
