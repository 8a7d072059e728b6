"""Who is at the other end of a Unix socket, as the kernel tells (SO_PEERCRED, unix(7))."""

from __future__ import annotations

import socket
from pathlib import Path
from struct import Struct

from failoverdns.model.change import Who

_CREDENTIALS = Struct("=iII")


def peer(sock: socket.socket) -> Who:
    """Return uid, pid and command name of the process that connected."""
    pid, uid, _ = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Who(uid, pid, _command(pid))


def _command(pid: int) -> str:
    """Return the name of a process; `?` if it is gone, or in another PID namespace."""
    try:
        text = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "?"
    return "".join(letter if letter.isprintable() else "?" for letter in text) or "?"
