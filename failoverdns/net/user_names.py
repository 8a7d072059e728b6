"""The names of users, without waiting for a directory service that is away.

A name is read from /etc/passwd.  A user that is not there (of LDAP, for example) is looked up in a
thread, and has no name until that has an answer.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

PASSWD: Final = Path("/etc/passwd")

MAX_LARGE: Final = 1 << 20
"""Bytes of the file that are read, at most."""

MAX_KNOWN: Final = 10_000
"""Users from elsewhere whose names are remembered."""


class Later(Protocol):
    """The result of a call in a thread: a Deferred."""

    def addCallbacks(  # noqa: N802
        self, callback: Callable[[Any], Any], errback: Callable[[Any], Any]
    ) -> object:
        """Call `callback` with the result."""


class UserNames:
    """The names of users by their numbers, as far as they are known."""

    def __init__(
        self, in_thread: Callable[[Callable[[], str | None]], Later], passwd: Path = PASSWD
    ) -> None:
        """Look up users that are not in the file `passwd` with `in_thread`."""
        self._in_thread = in_thread
        self._passwd = passwd
        self._read_at: tuple[int, ...] = ()
        self._local: Mapping[int, str] = {}
        self._elsewhere: dict[int, str | None] = {}

    def find(self, uid: int) -> str | None:
        """Return the name of a user; None if there is none, or it is not known yet."""
        self._refresh()
        if uid in self._local:
            return self._local[uid]
        if uid not in self._elsewhere:
            if len(self._elsewhere) >= MAX_KNOWN:
                self._elsewhere.clear()
            self._elsewhere[uid] = None
            self._in_thread(lambda: _look_up(uid)).addCallbacks(
                lambda name: self._learn(uid, name), lambda _: self._elsewhere.pop(uid, None)
            )
        return self._elsewhere.get(uid)

    def _learn(self, uid: int, name: str | None) -> None:
        if name is not None:
            self._elsewhere[uid] = name
        else:
            self._elsewhere.pop(uid, None)

    def _refresh(self) -> None:
        """Read the file again if it was changed."""
        with suppress(OSError):
            found = os.stat(self._passwd)
            stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            if stamp != self._read_at:
                with self._passwd.open(encoding="utf-8", errors="replace") as file:
                    self._local = _names(file.read(MAX_LARGE))
                self._read_at = stamp


def _names(text: str) -> dict[int, str]:
    """Return the names in a file of the form passwd(5); the first of several for a user wins."""
    names: dict[int, str] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[0] and fields[0].isprintable() and fields[2].isdecimal():
            names.setdefault(int(fields[2]), fields[0])
    return names


def _look_up(uid: int) -> str | None:
    """Return the name of a user as the system knows it, which may take long."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return None
    return name if name.isprintable() else None
