"""An answering process of an earlier control process that has died, as a new one sees it.

Whatever listens at a rendezvous is checked: it must run as our user, the sockets that it hands over
must have the addresses that it claims, and it is killed only if /proc says that it is one of our
answering processes; where /proc hides it, the kernel must say that it made the rendezvous that is
named after it.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.task import deferLater
from twisted.logger import Logger

from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.inherited import Inherited
from failoverdns.net.other_process import OtherProcess
from failoverdns.net.sockets import CannotListen, close_pair
from failoverdns.net.succession import HandedConnection
from failoverdns.workers.called_process import CalledProcess, Gone, Stuck
from failoverdns.workers.calls import CONTROLLED, Call, read_address, read_connections
from failoverdns.workers.channel import Channel, call_nothing, open_channel
from failoverdns.workers.rendezvous import is_answering, is_hidden, rendezvous_of

BOUND: Final = 3.0
"""Seconds in which an orphan must listen, and answer a call; else it is killed."""

MAX_RECALLED: Final = 16 << 20
"""Bytes of a reply with texts: a process sends small ones together, and a large one alone."""

AGAIN: Final = 0.1
"""Seconds between two attempts to find, or to ask, an orphan."""

log = Logger()


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
            await self._take_tls(inherited)
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
                    raise controlled(self.pid, self._control_socket) from None
            await deferLater(self._reactor, AGAIN)

    def _take(self, written: list[str | int], inherited: Inherited) -> None:
        udp, tcp = map(_socket, self._channel.take_descriptors(2))
        try:
            inherited.hand_over(read_address(written), (udp, tcp))
        except (Malformed, ValueError, TypeError):
            close_pair((udp, tcp))
            raise

    async def _take_tls(self, inherited: Inherited) -> None:
        """Take its sockets for TLS; one of a version that does not know TLS has none."""
        try:
            found = await self.call(Call.TLS_SOCKETS, bound=BOUND)
        except Rejected:
            return
        for written in found if isinstance(found, list) else ():
            sock = _socket(*self._channel.take_descriptors(1))
            try:
                inherited.hand_over_tcp(read_address(written), sock)
            except (Malformed, ValueError, TypeError):
                sock.close()
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


def controlled(pid: int, control_socket: Path) -> CannotListen:
    """Return the fault that a process has a control process that runs."""
    return CannotListen(
        f"control.socket: another failoverdns uses {control_socket}: "
        f"its answering process {pid} runs, and so does the control process of that"
    )


def _socket(descriptor: int) -> socket.socket:
    sock = socket.socket(fileno=descriptor)
    sock.setblocking(False)
    return sock
