"""Principals: the users that give commands, as the history names them.

So far every principal is a process on the control socket.  Another kind, such as a token or a TSIG
key, gets its own detail type.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PrincipalKind(Enum):
    """How a principal was authenticated."""

    UNIX = "unix"
    """By the kernel, which knows the user of the process that connected to a Unix socket."""


@dataclass(frozen=True, slots=True)
class UnixProcess:
    """A process as the kernel and /proc described it when it connected."""

    uid: int
    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class Principal:
    """The user that gave a command.

    `name` distinguishes it from others of its kind; for a Unix user it is the user's number.
    `detail` is recorded in the history too, and may differ from command to command.
    """

    kind: PrincipalKind
    name: str
    detail: UnixProcess


def unix_principal(uid: int, pid: int, command: str) -> Principal:
    """Return the principal for a process; `command` is the name of its program."""
    return Principal(PrincipalKind.UNIX, str(uid), UnixProcess(uid, pid, command))
