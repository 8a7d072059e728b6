"""The client of the control socket: it sends one request and receives lines.

A server that is busy has not carried out the request, which is sent again then.

`cli.sending` prints the replies.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from random import uniform
from struct import Struct
from typing import Any, Final, TextIO

from failoverdns.cli.leftovers import advice
from failoverdns.control.language.requests import write_line
from failoverdns.model.change import Json
from failoverdns.model.settings import ControlSettings

DEFAULT_SOCKET = str(ControlSettings().socket)
SOCKET_VARIABLE = "FAILOVERDNS_SOCKET"

PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
"""Seconds before a request is sent again to a busy server: at first, and at most."""

_TIMEVAL: Final = Struct("@ll")


class NoServer(Exception):
    """No server listens on the socket; the request was not sent."""


class NoReply(Exception):
    """The request was sent, and no reply came; its outcome is unknown."""


def default_socket() -> str:
    """Return the path of the control socket: from the environment, else the packaged one."""
    return os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET


def say_nothing(text: str) -> None:
    """Print nothing."""


@contextmanager
def request(
    path: str,
    fields: Mapping[str, Json],
    timeout: float,
    *,
    descriptor: int | None = None,
    wait: Callable[[socket.socket], None] | None = None,
    note: Callable[[str], None] = say_nothing,
) -> Iterator[Iterator[str]]:
    """Send a request and yield the lines that come back, the first within `timeout` seconds.

    If the server has no room for the client, or is busy, the request is sent again until the time
    is over; `note` gets the reason.
    `descriptor` is an open file that is given to the server with the request; `wait` waits until
    there is something to read, for a reply that takes longer.
    Raises NoServer, and NoReply (both from the lines too).
    """
    sending = _Sending(path, fields, timeout, descriptor)
    try:
        sending.send()
        yield _lines(sending, wait, note)
    finally:
        sending.close()


class _Sending:
    """A request that is sent once, or several times, each on a new connection."""

    def __init__(
        self, path: str, fields: Mapping[str, Json], timeout: float, descriptor: int | None
    ) -> None:
        self.timeout = timeout
        self.until = time.monotonic() + timeout
        self.may_repeat = fields.get("command") != "restart"  # one restart is enough
        self.is_sent = False
        """Whether the whole request was given to the kernel."""
        self.sock: socket.socket | None = None
        self._path = path
        self._line = write_line(fields)
        self._descriptors = [] if descriptor is None else [descriptor]

    def send(self) -> None:
        """Connect and send the request; raises NoServer."""
        self.close()
        self.sock = sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        left = max(0.001, self.until - time.monotonic())
        try:
            # connect(2) waits in line for this long; a socket with a timeout would not wait
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(*_split(left)))
            sock.connect(self._path)
        except (OSError, ValueError) as fault:
            raise NoServer(_explain(self._path, fault)) from None
        sock.settimeout(left)
        self.is_sent = False
        # A server that closes before it reads the request may have sent the reason: read it.
        with suppress(OSError):
            given = self._descriptors
            sent = socket.send_fds(sock, [self._line], given) if given else 0
            sock.sendall(self._line[sent:])
            self.is_sent = True

    def close(self) -> None:
        """Close the connection."""
        if self.sock is not None:
            self.sock.close()


def parse(line: str) -> dict[str, Any]:
    """Return a reply or event, with every text in it safe for a terminal.

    The server lets no control character in, but another program may answer at the socket.
    Raises NoReply if it is not a reply.
    """
    try:
        value = json.loads(line)
    except ValueError:
        raise NoReply("what answers at the socket is not failoverdns") from None
    if not isinstance(value, dict):
        raise NoReply("what answers at the socket is not failoverdns")
    return {name: _shown(part) for name, part in value.items()}


def _lines(
    sending: _Sending, wait: Callable[[socket.socket], None] | None, note: Callable[[str], None]
) -> Iterator[str]:
    """Yield the reply, and the events that follow it; send the request again while it is busy."""
    pause, is_noted = PAUSE, False
    while True:
        sock = sending.sock
        assert sock is not None
        if wait is not None:
            wait(sock)
        with sock.makefile("r", encoding="utf-8", newline="\n") as file:
            line = _read_line(file, sending)
            why = _no_room(line, sending)
            left = sending.until - time.monotonic()
            if why is None or left < pause:
                if not line:
                    raise NoReply("the server closed the connection before the reply")
                sock.settimeout(None)  # events follow a reply, at any time
                while line:
                    yield line
                    line = _read_line(file, sending)
                return
        if not is_noted:
            is_noted = True
            note(f"waiting for up to {left:.0f} s: {why}")
        time.sleep(pause * uniform(0.5, 1))
        pause = min(2 * pause, LONGEST_PAUSE)
        sending.send()


def _read_line(file: TextIO, sending: _Sending) -> str:
    """Return a whole line, or an empty text at the end; raises NoReply."""
    try:
        line = file.readline()
    except TimeoutError:
        raise NoReply(f"no reply within {sending.timeout:g} s") from None
    except ConnectionError as fault:
        if not sending.is_sent:
            return ""
        raise NoReply(f"the connection broke before the reply: {fault}") from None
    except (OSError, ValueError) as fault:
        raise NoReply(f"the connection broke before the reply: {fault}") from None
    if line and not line.endswith("\n"):
        raise NoReply("the server closed the connection before the reply")
    return line


def _no_room(line: str, sending: _Sending) -> str | None:
    """Return why the request has to be sent again, which is safe; None if it must not be."""
    if not sending.may_repeat:
        return None
    if not line:
        return None if sending.is_sent else "the server closed the connection"
    error = parse(line).get("error")
    is_busy = isinstance(error, dict) and error.get("code") == "busy"
    return str(error.get("message")) if is_busy and isinstance(error, dict) else None


def _split(seconds: float) -> tuple[int, int]:
    """Return whole seconds, and microseconds."""
    return int(seconds), int(seconds % 1 * 1e6)


def _explain(path: str, fault: Exception) -> str:
    if isinstance(fault, FileNotFoundError):
        what = "there is no such socket"
    elif isinstance(fault, ConnectionRefusedError):
        what = "no server listens on it"
    elif isinstance(fault, PermissionError):
        what = "permission denied: only its owner and its group may use it"
    elif isinstance(fault, BlockingIOError | TimeoutError):
        what = "it takes no more clients at the moment"
    else:
        what = str(fault)
    return (
        f"no server at {path}: {what}. Is failoverdns running? "
        f"Give its path with --socket PATH or {SOCKET_VARIABLE}{advice(path)}"
    )


def _shown(value: Any) -> Any:
    """Return a part of a reply without control characters, except for line ends and tabs."""
    match value:
        case str():
            return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in value)
        case list():
            return [_shown(part) for part in value]
        case dict():
            return {name: _shown(part) for name, part in value.items()}
    return value
