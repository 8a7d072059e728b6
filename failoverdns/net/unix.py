"""Unix sockets to listen on: with their permissions from the start, and never in use already.

    bound     -> clients can connect, and wait
    accepting -> they are served
    lost      -> something removed the socket's file: it is made again, within a second

A path may be longer than the 107 bytes that an address of a Unix socket can have; then the socket
is reached through a descriptor of its folder.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.net.sockets import CannotListen

MAX_PATH: Final = 107
"""Bytes in the address of a Unix socket on Linux, at most: `sun_path` less its final NUL."""

LOOK: Final = 1.0
"""Seconds between two checks that the file of the socket is still there."""

LOCKING: Final = 3.0
"""Seconds in which another process that binds a socket in the same folder must be done."""

ACCEPTED_AT_ONCE: Final = 128
"""Clients that are accepted in one turn of the reactor, most of which are refused."""

SERVED_AT_ONCE: Final = 16
"""Clients that are served of those, so that others that came before are served meanwhile."""

WAITING: Final = 1024
"""Clients that have connected and are not accepted yet; further ones wait in connect(2)."""

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
        return _identity(self.path) == self._identity

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
        self._identity: tuple[int, int] | None = _identity(self.path)
        return sock

    def _adopt(self, bound: int) -> socket.socket:
        """Return a socket that is bound already; if its file was removed, it is made again soon."""
        sock = socket.socket(fileno=bound)
        sock.setblocking(False)
        with suppress(OSError):
            _own(self.path, self._gid)
            self.path.chmod(self._mode)
        self._identity = _identity(self.path) or (-1, -1)
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


@dataclass(frozen=True, slots=True)
class Distrust:
    """What is wrong with a folder for sockets: a reason to refuse it, and one to warn of it."""

    refused: str = ""
    doubted: str = ""


def distrust(folder: Path) -> Distrust:
    """Return whether other users can replace a socket in a folder, or put one of theirs into it."""
    try:
        found = folder.stat()
    except OSError as fault:
        return Distrust(refused=f"{folder}: {fault.strerror}")
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        return Distrust(
            refused=f"every user of the machine can replace the files in {folder}; "
            f"take that right away: chmod o-w {folder}"
        )
    if found.st_mode & stat.S_IWOTH:
        return Distrust(doubted=f"every user of the machine can make files in {folder}")
    if found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid():
        return Distrust(doubted=f"group {found.st_gid} can replace the files in {folder}")
    if found.st_uid not in (0, os.geteuid()):
        return Distrust(doubted=f"{folder} belongs to another user, with uid {found.st_uid}")
    return Distrust()


def hidden_from(folder: Path, gid: int) -> Path | None:
    """Return the first folder on the way to `folder` that a group cannot enter; None if none."""
    for each in (*reversed(folder.parents), folder):
        with suppress(OSError):
            found = each.stat()
            is_of_group = found.st_gid == gid and found.st_mode & stat.S_IXGRP
            if not found.st_mode & stat.S_IXOTH and not is_of_group:
                return each
    return None


def bind_unix(
    path: Path, mode: int, setting: str, gid: int | None = None, *, is_contended: bool = True
) -> socket.socket:
    """Return a non-blocking socket that listens at `path` with the permission bits `mode`.

    It has the group `gid` before anybody can connect.  Replaces a socket on which nobody listens,
    if the path `is_contended`: then another process could do the same at the same moment.
    Raises CannotListen.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with _locked(path.parent) if is_contended else nullcontext():
            if is_contended:
                _remove_stale(path, setting)
            umask = os.umask(0o777 & ~mode)
            try:
                _bind(sock, path)
            finally:
                os.umask(umask)
            _own(path, gid)
            sock.listen(WAITING)
    except PermissionError as fault:
        sock.close()
        raise CannotListen(f"{setting}: {path}: {fault.strerror}{_remedy(gid)}") from None
    except OSError as fault:
        sock.close()
        raise CannotListen(f"{setting}: {path}: {fault.strerror or fault}") from None
    except CannotListen:
        sock.close()
        raise
    return sock


def connect_unix(path: Path) -> socket.socket:
    """Return a non-blocking socket that is connected to the one at `path`; raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        if _fits(path):
            sock.connect(str(path))
        else:
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                sock.connect(f"/proc/self/fd/{file}")
            finally:
                os.close(file)
    except OSError:
        sock.close()
        raise
    return sock


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= MAX_PATH


def _bind(sock: socket.socket, path: Path) -> None:
    """Bind a socket to a path of any length."""
    if _fits(path):
        sock.bind(str(path))
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    beside = Path(f"/proc/self/fd/{folder}/{path.name}")
    short = f".{os.getpid()}.new"
    try:
        if _fits(beside):
            sock.bind(str(beside))
            return
        with suppress(FileNotFoundError):
            os.unlink(short, dir_fd=folder)
        sock.bind(f"/proc/self/fd/{folder}/{short}")
        os.rename(short, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _remove_stale(path: Path, setting: str) -> None:
    """Remove a socket that a killed server left; raise CannotListen if a process listens on it."""
    try:
        if not path.is_socket():
            if path.exists() or path.is_symlink():
                raise CannotListen(f"{setting}: {path} exists and is not a socket")
            return
        connect_unix(path).close()
    except ConnectionRefusedError:
        path.unlink()
        return
    except BlockingIOError:  # its queue is full
        pass
    raise CannotListen(f"{setting}: another failoverdns answers on {path}")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what identifies the file at a path; None if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _own(path: Path, gid: int | None) -> None:
    """Give a file to a group, unless that is None."""
    if gid is not None:
        os.chown(path, -1, gid)


def _remedy(gid: int | None) -> str:
    """Return what to do if a socket could not be made, when it was to have a group."""
    if gid is None:
        return ""
    return f". Its group can be {gid} only if the server's user is in that group, or is root"


def make_folder(path: Path, setting: str, gid: int | None = None) -> None:
    """Make a folder for sockets unless it is there, for a group unless that is None.

    Raises CannotListen.
    """
    try:
        if not path.exists():
            path.mkdir(mode=0o750, parents=True)
            _own(path, gid)
    except FileExistsError:
        return
    except OSError as fault:
        raise CannotListen(
            f"{setting}: cannot make the directory {path}: {fault.strerror}"
        ) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, so that two processes do not replace the same stale socket.

    Raises OSError if it is not to be had in time.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + LOCKING
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)
