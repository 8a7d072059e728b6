"""Paths of Unix sockets: bound with their permissions from the start, in folders that are safe.

A path may be longer than the 107 bytes that an address of a Unix socket can have; then the socket
is reached through a descriptor of its folder.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from failoverdns.net.sockets import CannotListen

MAX_PATH: Final = 107
"""Bytes in the address of a Unix socket on Linux, at most: `sun_path` less its final NUL."""

LOCKING: Final = 3.0
"""Seconds in which another process that binds a socket in the same folder must be done."""

WAITING: Final = 1024
"""Clients that have connected and are not accepted yet; further ones wait in connect(2)."""


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
            give_to_group(path, gid)
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


def make_folder(path: Path, setting: str, gid: int | None = None) -> None:
    """Make a folder for sockets unless it is there, for a group unless that is None.

    Raises CannotListen.
    """
    try:
        if not path.exists():
            path.mkdir(mode=0o750, parents=True)
            give_to_group(path, gid)
    except FileExistsError:
        return
    except OSError as fault:
        raise CannotListen(
            f"{setting}: cannot make the directory {path}: {fault.strerror}"
        ) from None


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


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return what identifies the file at a path; None if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def give_to_group(path: Path, gid: int | None) -> None:
    """Give a file to a group, unless that is None."""
    if gid is not None:
        os.chown(path, -1, gid)


def _remedy(gid: int | None) -> str:
    """Return what to do if a socket could not be made, when it was to have a group."""
    if gid is None:
        return ""
    return f". Its group can be {gid} only if the server's user is in that group, or is root"


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
