"""Landlock (landlock(7)): a process gives up files, ports and signals, and never gets them back.

Everything that this kernel's Landlock knows is forbidden, but for what is opened by name.
Files and sockets that are open already stay usable.  Landlock does not cover looking up paths,
stat(2), and, in the versions known here, connecting to the path of a Unix socket.
"""

from __future__ import annotations

import enum
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from ctypes import create_string_buffer
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from failoverdns.confinement.system_calls import system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The numbers of the system calls, which are the same on every architecture."""

_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_ATTRIBUTES: Final = struct.Struct("=QQQ")
_RULE: Final = struct.Struct("=Qi")

_TCP: Final = 0b11
"""To bind and to connect TCP sockets."""

_SCOPED: Final = 0b11
"""To connect to abstract Unix sockets, and to send signals, outside of the restricted process."""


class Right(enum.IntFlag):
    """What may be done below a folder."""

    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_FILE = 1 << 5
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    TRUNCATE = 1 << 14


_RIGHTS_OF_VERSION: Final = (0, 13, 14, 15, 15, 16)
"""How many rights on files each version knows, from version 0 on, which has none."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file, or a folder with what may be done below it."""

    path: Path
    rights: Right


def version() -> int:
    """Return the version of Landlock in this kernel; 0 if it is missing or off."""
    with suppress(OSError):
        return system_call(_CREATE_RULESET, None, 0, _VERSION)
    return 0


def restrict(opened: Iterable[Opened]) -> int:
    """Restrict this thread to some files and folders; return the version of Landlock, 0 without it.

    New privileges must have been forbidden before (PR_SET_NO_NEW_PRIVS).  One that cannot be
    reached is left out, and so are rights that this kernel does not know and so does not forbid.
    Raises OSError.
    """
    known = version()
    if known == 0:
        return 0
    rights = (1 << _RIGHTS_OF_VERSION[min(known, len(_RIGHTS_OF_VERSION) - 1)]) - 1
    ports = _TCP if known >= 4 else 0
    scoped = _SCOPED if known >= 6 else 0
    size = 24 if scoped else 16 if ports else 8
    attributes = create_string_buffer(_ATTRIBUTES.pack(rights, ports, scoped), _ATTRIBUTES.size)
    rules = system_call(_CREATE_RULESET, attributes, size, 0)
    try:
        for one in opened:
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                _add(rules, one.path, one.rights & rights)
        system_call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
    return known


def _add(rules: int, path: Path, rights: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = create_string_buffer(_RULE.pack(rights, opened), _RULE.size)
        system_call(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)
