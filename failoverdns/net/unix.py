"""Unix sockets to listen on: with their permissions from the start, and never in use already.

    bound     -> clients can connect, and wait
    accepting -> they are served
    lost      -> something removed the socket's file: it is made again, within a second

`net.unix_paths` binds the sockets.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.net.sockets import CannotListen
from failoverdns.net.unix_paths import bind_unix, give_to_group, identity_of, make_folder

LOOK: Final = 1.0
"""Seconds between two checks that the file of the socket is still there."""

ACCEPTED_AT_ONCE: Final = 128
"""Clients that are accepted in one turn of the reactor, most of which are refused."""

SERVED_AT_ONCE: Final = 16
"""Clients that are served of those, so that others that came before are served meanwhile."""

SPARE: Final = 3
"""Descriptors that are kept for accepting a client: two for the connection, one to look at it."""

_PAUSE: Final = 0.2
"""Seconds without accepting after no descriptor was free."""

log = Logger()

Admits = Callable[[socket.socket], bool]
"""Decides whether a client that connected may stay."""


@implementer(IReadDescriptor)
class UnixListener:
    """A socket that listens at a path.

    Clients that connect before `accept` is called wait.
    """

    def __init__(
        self,
        reactor: Any,
        path: Path,
        mode: int,
        *,
        setting: str,
        bound: int | None = None,
        gid: int | None = None,
        is_contended: bool = True,
    ) -> None:
        """Make the folder of `path` and bind there with the permission bits `mode`.

        A socket that a killed server left is replaced.  `setting` is the configuration key of the
        path, for messages.  `bound` is the descriptor of a socket that the program before has
        bound there; it is ours from now on.  `gid` is the group of the socket, and of the folder if
        that is made here; None leaves both to the process.  `is_contended` says whether another
        process could want the same path.  Raises CannotListen.
        """
        self.path = path
        self.is_contended = is_contended
        self._reactor = reactor
        self._mode = mode
        self._setting = setting
        self._gid = gid
        self._factory: ServerFactory | None = None
        self._admits: Admits = lambda _: True
        self._make_room: Callable[[], bool] = lambda: False
        self._spare: list[int] = []
        """Descriptors that are closed to accept a client when no other is free."""
        self._fault = ""
        self._checking = LoopingCall(self._check)
        self._checking.clock = reactor
        self._socket = self._bind() if bound is None else self._adopt(bound)

    @property
    def is_in_place(self) -> bool:
        """Whether clients that connect to the path reach this socket."""
        return identity_of(self.path) == self._identity

    def accept(
        self,
        factory: ServerFactory,
        admits: Admits | None = None,
        make_room: Callable[[], bool] | None = None,
    ) -> None:
        """Serve clients from now on, and make the socket again whenever its file is removed.

        Clients that `admits` does not admit are disconnected.  `make_room` disconnects a client
        when no descriptor is free; a few are kept for the client that needs one then.
        """
        self._factory = factory
        if make_room is not None:
            self._make_room = make_room
            self._keep_spare()
        if admits is not None:
            self._admits = admits
        self._reactor.addReader(self)
        self._checking.start(LOOK, now=False)

    def hand_over(self) -> int:
        """Stop accepting and return a duplicate of the socket; clients that connect wait there."""
        if self._checking.running:
            self._checking.stop()
        self._reactor.removeReader(self)
        self._close_spare()
        return os.dup(self._socket.fileno())

    def close(self) -> None:
        """Stop listening, and remove the file unless it is another's."""
        if self._checking.running:
            self._checking.stop()
        self._reactor.removeReader(self)
        self._close_spare()
        if self.is_in_place:
            with suppress(OSError):
                self.path.unlink()
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._socket.fileno()

    def logPrefix(self) -> str:  # noqa: N802
        """Return the name of this reader in log lines of Twisted."""
        return "unix"

    def doRead(self) -> None:  # noqa: N802
        """Accept the clients that wait."""
        assert self._factory is not None
        try:
            served = 0
            for _ in range(ACCEPTED_AT_ONCE):
                client, _address = self._socket.accept()
                with client:
                    client.setblocking(False)
                    if self._admits(client):
                        self._reactor.adoptStreamConnection(
                            client.fileno(), socket.AF_UNIX, self._factory
                        )
                        served += 1
                if served == SERVED_AT_ONCE:
                    break
        except (BlockingIOError, ConnectionError):
            return
        except OSError:  # no descriptor is free
            if self._spare:
                self._use_spare()
            else:
                self._reactor.removeReader(self)
                self._reactor.callLater(_PAUSE, self._resume)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Do nothing: the reactor stops, and `close` closes the socket."""

    def _keep_spare(self) -> None:
        """Open descriptors for the time when no other is free."""
        with suppress(OSError):
            while len(self._spare) < SPARE:
                self._spare.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))

    def _use_spare(self) -> None:
        """Close the spare descriptors, so that the next client finds room, and make more."""
        self._close_spare()
        self._make_room()
        self._reactor.callLater(_PAUSE, self._keep_spare_again)

    def _close_spare(self) -> None:
        while self._spare:
            os.close(self._spare.pop())

    def _keep_spare_again(self) -> None:
        if self._checking.running:
            self._keep_spare()
            if len(self._spare) < SPARE and self._make_room():
                self._reactor.callLater(_PAUSE, self._keep_spare_again)

    def _resume(self) -> None:
        if self._checking.running:
            self._reactor.addReader(self)

    def _bind(self) -> socket.socket:
        make_folder(self.path.parent, self._setting, self._gid)
        sock = bind_unix(
            self.path, self._mode, self._setting, self._gid, is_contended=self.is_contended
        )
        self._identity: tuple[int, int] | None = identity_of(self.path)
        return sock

    def _adopt(self, bound: int) -> socket.socket:
        """Return a socket that is bound already; if its file was removed, it is made again soon."""
        sock = socket.socket(fileno=bound)
        sock.setblocking(False)
        with suppress(OSError):
            give_to_group(self.path, self._gid)
            self.path.chmod(self._mode)
        self._identity = identity_of(self.path) or (-1, -1)
        return sock

    def _check(self) -> None:
        """Bind again if the file of the socket was removed."""
        if self.is_in_place:
            return
        try:
            fresh = self._bind()
        except CannotListen as fault:
            if str(fault) != self._fault:
                log.error("the socket was removed, and cannot be made: {fault}", fault=str(fault))
            self._fault = str(fault)
            return
        log.warn("{path} was removed; it is made again", path=str(self.path))
        self._fault = ""
        self.doRead()  # those that had connected
        self._reactor.removeReader(self)
        self._socket.close()
        self._socket = fresh
        self._reactor.addReader(self)
