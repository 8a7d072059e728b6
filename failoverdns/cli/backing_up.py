"""`failoverdns backup FILE`: the server copies its state into a file that the command line opens.

The server gets the open file and not its name, so the file belongs to the user who runs the
command line, and the server needs no access to its folder.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from failoverdns.cli.client import NoReply, parse, request

POLL: Final = 0.5
"""Seconds between two looks at the size of the copy."""


_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


class NotBackedUp(Exception):
    """No copy was made; the message gives the reason."""


def back_up(path: str, server: str, timeout: float) -> tuple[str, dict[str, Any]]:
    """Make a copy of the server's state in a new file; return the line of the reply, and the reply.

    `server` is the path of the control socket; `timeout` is the time in seconds after which a copy
    that does not grow has failed.  The file is removed unless it is complete and on disk.
    Raises NotBackedUp and NoServer.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    descriptor = _create(path)
    complete = False
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        line, reply = _copied(descriptor, server, timeout)
        if reply.get("ok"):
            _sync(path, descriptor)
            complete = True
        return line, reply
    finally:
        os.close(descriptor)
        if not complete:
            with suppress(OSError):
                Path(path).unlink()


def _create(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise NotBackedUp(f"{path}: exists already; choose another name, or remove it") from None
    except (OSError, ValueError) as fault:
        raise NotBackedUp(f"{path}: {getattr(fault, 'strerror', None) or fault}") from None


def _copied(descriptor: int, server: str, timeout: float) -> tuple[str, dict[str, Any]]:
    """Send the request with the file; return the reply when the copy is made."""
    waits = _Waiting(descriptor, timeout)
    try:
        with request(
            server,
            {"command": "backup"},
            timeout,
            descriptor=descriptor,
            wait=waits.until_reply,
            note=lambda text: click.echo(text, err=True),
        ) as lines:
            line = next(lines)
            return line, parse(line)
    except NoReply as fault:
        raise NotBackedUp(f"no copy was made: {fault}") from None
    finally:
        waits.end()


def _sync(path: str, descriptor: int) -> None:
    """Write the file and its name to the disk."""
    try:
        os.fsync(descriptor)
        folder = os.open(Path(path).absolute().parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        raise NotBackedUp(f"no copy was made: {path}: {fault.strerror}") from None


class _Waiting:
    """Waits for the reply as long as the file grows, and shows its size on a terminal."""

    def __init__(
        self, descriptor: int, timeout: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._descriptor = descriptor
        self._timeout = timeout
        self._now = now
        self._shown = False

    def until_reply(self, sock: socket.socket) -> None:
        """Return when there is something to read; raise NoReply if the file does not grow."""
        size, grown = 0, self._now()
        while not select.select([sock], [], [], min(POLL, self._timeout))[0]:
            found = os.fstat(self._descriptor).st_size
            if found != size:
                size, grown = found, self._now()
                self._show(size)
            elif self._now() - grown > self._timeout:
                raise NoReply(f"the server wrote nothing for {self._timeout:g} s")

    def end(self) -> None:
        """Remove the size from the terminal."""
        if self._shown:
            click.echo("\r\033[K", err=True, nl=False)

    def _show(self, size: int) -> None:
        if sys.stderr.isatty():
            self._shown = True
            click.echo(f"\r{size / 1e6:,.0f} MB copied", err=True, nl=False)
