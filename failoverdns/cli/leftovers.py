"""The answering processes that a killed control process left: found beside its socket.

They answer with the last data until the server starts again, or until they are told to end.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def left_behind(control_socket: str) -> list[int]:
    """Return the ids of the processes that listen beside a control socket and still run."""
    path = Path(control_socket)
    prefix = f"{path.name}.worker."
    found = []
    with suppress(OSError):
        for entry in os.scandir(path.parent):
            number = entry.name.removeprefix(prefix)
            if entry.name.startswith(prefix) and number.isascii() and number.isdecimal():
                found.append(int(number))
    return sorted(pid for pid in found if _is_answering(pid))


def advice(control_socket: str) -> str:
    """Return what to do about the processes that are left, as sentences; empty without any."""
    pids = " ".join(map(str, left_behind(control_socket)))
    if not pids:
        return ""
    return (
        f"\nIts answering processes still run, and answer with the last data: {pids}\n"
        f"To go on, start the server again: it takes them over. To end them: kill {pids}"
    )


def _is_answering(pid: int) -> bool:
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return title.startswith(b"failoverdns: answering ") or b"failoverdns.workers.child" in title
