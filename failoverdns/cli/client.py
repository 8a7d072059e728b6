"""The client of the control socket: it sends one request and receives lines.

`cli.sending` prints the replies.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from failoverdns.cli.leftovers import advice
from failoverdns.control.language.requests import write_line
from failoverdns.model.change import Json
from failoverdns.model.settings import ControlSettings

DEFAULT_SOCKET = str(ControlSettings().socket)
SOCKET_VARIABLE = "FAILOVERDNS_SOCKET"


class NoServer(Exception):
    """No server listens on the socket; the request was not sent."""


class NoReply(Exception):
    """The request was sent, and no reply came; its outcome is unknown."""


def default_socket() -> str:
    """Return the path of the control socket: from the environment, else the packaged one."""
    return os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET


@contextmanager
def request(
    path: str,
    fields: Mapping[str, Json],
    timeout: float,
    *,
    descriptor: int | None = None,
    wait: Callable[[socket.socket], None] | None = None,
) -> Iterator[Iterator[str]]:
    """Send a request and yield the lines that come back, the first within `timeout` seconds.

    `descriptor` is an open file that is given to the server with the request; `wait` waits until
    there is something to read, for a reply that takes longer.
    Raises NoServer, and NoReply (from the lines too).
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(path)
        except (OSError, ValueError) as fault:
            raise NoServer(_explain(path, fault)) from None
        # A server that closes before it reads the request may have sent the reason: read it.
        with suppress(OSError):
            line, given = write_line(fields), [] if descriptor is None else [descriptor]
            sent = socket.send_fds(sock, [line], given) if given else 0
            sock.sendall(line[sent:])
        if wait is not None:
            wait(sock)
        yield _lines(sock, timeout)


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


def _lines(sock: socket.socket, timeout: float) -> Iterator[str]:
    with sock.makefile("r", encoding="utf-8", newline="\n") as file:
        first = True
        while True:
            try:
                line = file.readline()
            except TimeoutError:
                raise NoReply(f"no reply within {timeout:g} s") from None
            except (OSError, ValueError) as fault:
                raise NoReply(f"the connection broke before the reply: {fault}") from None
            if not line.endswith("\n"):
                if first or line:
                    raise NoReply("the server closed the connection before the reply")
                return
            first = False
            sock.settimeout(None)  # events follow a reply, at any time
            yield line


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
