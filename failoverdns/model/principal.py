"""Who gave a command: the principal that history names.

Today every principal is a process on the control socket.  Tokens, TSIG keys and other nodes become
further kinds, each with a detail of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PrincipalKind(Enum):
    """How a principal proved who it is."""

    UNIX = "unix"
    """The kernel named the user of the process that connected to a Unix socket."""


@dataclass(frozen=True, slots=True)
class UnixProcess:
    """A process as the kernel and /proc described it when it connected."""

    uid: int
    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who gave a command.

    `name` distinguishes it from others of its kind; of a Unix user it is the number.
    `detail` is what else history keeps: it may differ from command to command.
    """

    kind: PrincipalKind
    name: str
    detail: UnixProcess


def unix_principal(uid: int, pid: int, command: str) -> Principal:
    """Return the principal that a process acts as; `command` is the name of its program."""
    return Principal(PrincipalKind.UNIX, str(uid), UnixProcess(uid, pid, command))
