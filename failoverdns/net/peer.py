"""The process at the other end of a Unix socket, and which rights its user has.

The kernel reports its user, groups and process id (SO_PEERCRED and SO_PEERGROUPS, unix(7)), as they
were when the client connected.
"""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final

from failoverdns.model.principal import Principal, unix_principal
from failoverdns.model.roles import EVERYTHING, Grant, Rights
from failoverdns.model.settings import ControlSettings
from failoverdns.net.sockets import CannotListen

_CREDENTIALS = Struct("=iII")
_SO_PEERGROUPS = 59

_ROLES = "control.allow or control.roles"

_LIBC = ctypes.CDLL(None, use_errno=True)

MAX_GROUPS: Final = 65536
"""Groups that a process can have on Linux, at most: NGROUPS_MAX, setgroups(2)."""


def peer(sock: socket.socket, user: str | None = None) -> Principal:
    """Return the uid, pid and command name of the process that connected.

    `user` is the name of its user, if known.
    """
    pid, uid, _ = _credentials(sock)
    return unix_principal(uid, pid, _command(pid), user)


def uid_of(sock: socket.socket) -> int:
    """Return the uid of the process that connected."""
    return _credentials(sock)[1]


def has_spoken(sock: socket.socket) -> bool | None:
    """Return whether bytes have arrived on a non-blocking socket, which stay there.

    Returns None if the other end is closed, and none will arrive.
    """
    try:
        return True if sock.recv(1, socket.MSG_PEEK) else None
    except BlockingIOError:
        return False
    except OSError:
        return None


def peer_process(sock: socket.socket) -> int:
    """Return the process id of the process that connected."""
    return _credentials(sock)[0]


def is_own_user(sock: socket.socket) -> bool:
    """Return whether the process at the other end runs as our user, or as root."""
    return _credentials(sock)[1] in (0, os.geteuid())


@dataclass(frozen=True, slots=True)
class Account:
    """The user and the groups of a process."""

    uid: int
    gids: frozenset[int]


def account_of(sock: socket.socket) -> Account:
    """Return the user and the groups of the process that connected."""
    _, uid, gid = _credentials(sock)
    return Account(uid, frozenset((gid, *_groups(sock))))


@dataclass(frozen=True, slots=True)
class AccountRoles:
    """The grants of users and groups, by their numbers.

    Root, and the user that the server runs as, may do everything, and everybody may if `is_open`.
    """

    users: Mapping[int, tuple[Grant, ...]]
    groups: Mapping[int, tuple[Grant, ...]]
    is_open: bool = False

    def rights_of(self, account: Account) -> Rights:
        """Return the rights of the user of a process."""
        if self.is_open or account.uid in (0, os.geteuid()):
            return EVERYTHING
        grants = self.users.get(account.uid, ())
        for gid in sorted(account.gids & self.groups.keys()):
            grants += self.groups[gid]
        return Rights(tuple(dict.fromkeys(grants)))


def find_roles(roles: Iterable[tuple[str, Grant]] | None) -> AccountRoles:
    """Return the roles of the given users and groups (`@`), which are names or numbers.

    With None, everybody who can connect may do everything.  Raises CannotListen with a name that
    does not exist.
    """
    if roles is None:
        return AccountRoles({}, {}, is_open=True)
    users: dict[int, tuple[Grant, ...]] = {}
    groups: dict[int, tuple[Grant, ...]] = {}
    for name, grant in roles:
        if name.startswith("@"):
            found, number = groups, _find_gid(name[1:], _ROLES)
        else:
            found, number = users, _find_uid(name, _ROLES)
        found[number] = (*found.get(number, ()), grant)
    return AccountRoles(users, groups)


def find_control_gid(settings: ControlSettings) -> int | None:
    """Return the number of the group of the control socket; None if it is not set.

    Raises CannotListen if there is no such group.
    """
    return None if settings.group is None else _find_gid(settings.group, "control.group")


def _find_gid(name: str, setting: str) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise CannotListen(f"{setting}: there is no group {name!r} here") from None


def _find_uid(name: str, setting: str) -> int:
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise CannotListen(f"{setting}: there is no user {name!r} here") from None


def _credentials(sock: socket.socket) -> tuple[int, int, int]:
    """Return the pid, uid and gid of the process that connected."""
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    return pid, uid, gid


def _groups(sock: socket.socket) -> Iterable[int]:
    """Return the supplementary groups of the process that connected; none if Linux is too old.

    `getsockopt` of Python has room for 256 of them only.
    """
    room = (ctypes.c_uint32 * MAX_GROUPS)()
    size = ctypes.c_uint32(ctypes.sizeof(room))
    ask = _LIBC.getsockopt
    if ask(sock.fileno(), socket.SOL_SOCKET, _SO_PEERGROUPS, room, ctypes.byref(size)) != 0:
        return ()
    return room[: size.value // ctypes.sizeof(ctypes.c_uint32)]


def _command(pid: int) -> str:
    """Return the command name of a process; `?` if it has ended or is in another PID namespace."""
    try:
        text = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "?"
    return "".join(letter if letter.isprintable() else "?" for letter in text) or "?"
