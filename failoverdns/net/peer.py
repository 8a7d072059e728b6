"""The process at the other end of a Unix socket, and whether its user may give commands.

The kernel reports its user, groups and process id (SO_PEERCRED and SO_PEERGROUPS, unix(7)), as they
were when the client connected.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from failoverdns.model.principal import Principal, unix_principal
from failoverdns.net.sockets import CannotListen

_CREDENTIALS = Struct("=iII")
_SO_PEERGROUPS = 59


def peer(sock: socket.socket) -> Principal:
    """Return the uid, pid and command name of the process that connected."""
    pid, uid, _ = _credentials(sock)
    return unix_principal(uid, pid, _command(pid))


def peer_process(sock: socket.socket) -> int:
    """Return the process id of the process that connected."""
    return _credentials(sock)[0]


def is_own_user(sock: socket.socket) -> bool:
    """Return whether the process at the other end runs as our user, or as root."""
    return _credentials(sock)[1] in (0, os.geteuid())


@dataclass(frozen=True, slots=True)
class Allowed:
    """The users and groups that may give commands.

    Root, and the user that the server runs as, are always allowed.
    """

    uids: frozenset[int]
    gids: frozenset[int]

    def admits(self, sock: socket.socket) -> bool:
        """Return whether the process that connected may give commands."""
        _, uid, gid = _credentials(sock)
        if uid in self.uids or uid in (0, os.geteuid()) or gid in self.gids:
            return True
        return bool(self.gids) and not self.gids.isdisjoint(_groups(sock))


def find_allowed(names: Iterable[str] | None, setting: str) -> Allowed | None:
    """Return the users and groups of the given names or numbers; groups begin with `@`.

    For None return None: everyone who can connect is allowed.  `setting` is the configuration key
    of the names, for messages.  Raises CannotListen with a name that does not exist.
    """
    if names is None:
        return None
    uids, gids = set(), set()
    for name in names:
        try:
            if name.startswith("@"):
                gids.add(int(name[1:]) if name[1:].isdecimal() else grp.getgrnam(name[1:]).gr_gid)
            else:
                uids.add(int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid)
        except KeyError:
            what = "group" if name.startswith("@") else "user"
            raise CannotListen(f"{setting}: there is no {what} {name!r} here") from None
    return Allowed(frozenset(uids), frozenset(gids))


def _credentials(sock: socket.socket) -> tuple[int, int, int]:
    """Return the pid, uid and gid of the process that connected."""
    data = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    return pid, uid, gid


def _groups(sock: socket.socket) -> Iterable[int]:
    """Return the supplementary groups of the process that connected; none if Linux is too old."""
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024)
    except OSError:
        return ()
    groups = array("I")
    groups.frombytes(data[: len(data) // 4 * 4])
    return groups


def _command(pid: int) -> str:
    """Return the command name of a process; `?` if it has ended or is in another PID namespace."""
    try:
        text = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "?"
    return "".join(letter if letter.isprintable() else "?" for letter in text) or "?"
