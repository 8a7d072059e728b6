"""Unix sockets to listen on: with their permissions from the start, and never in use already."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IListeningPort

from failoverdns.net.sockets import BACKLOG, CannotListen


def listen_unix(
    reactor: Any, path: Path, mode: int, factory: Any, *, setting: str
) -> IListeningPort:
    """Listen at `path` with permission bits `mode`; replace a socket that a killed server left.

    `setting` is the configuration key of the path, for messages.  Raises CannotListen.
    """
    _remove_stale(path, setting)
    umask = os.umask(0o777 & ~mode)
    try:
        port: IListeningPort = reactor.listenUNIX(str(path), factory, backlog=BACKLOG, mode=mode)
    finally:
        os.umask(umask)
    return port


def _remove_stale(path: Path, setting: str) -> None:
    """Remove a socket that a killed server left; raise CannotListen if a process listens on it."""
    if not path.exists():
        return
    if not path.is_socket():
        raise CannotListen(f"{setting}: {path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except OSError as fault:
            raise CannotListen(f"{setting}: {path}: {fault}") from None
        else:
            raise CannotListen(f"{setting}: another failoverdns answers on {path}")
