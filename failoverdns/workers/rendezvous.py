"""Where an answering process can be found: its rendezvous, a socket beside the control socket.

    /run/failoverdns/control.sock               the control process listens
    /run/failoverdns/control.sock.worker.4711   answering process 4711 listens

The title of a process also says which control socket it belongs to, so that it can be found if
its rendezvous was removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from failoverdns.net.process import title_of

TLS_PLACE: Final = -1
"""The place of the process that answers over TLS."""

_WORD: Final = ".worker."
_CONTROL_TITLE: Final = "failoverdns: control"
_ANSWERING_TITLE: Final = "failoverdns: answering "


def control_title(control_socket: Path) -> str:
    """Return the title of a control process."""
    return f"{_CONTROL_TITLE}, {control_socket}"


def title(control_socket: Path, place: int) -> str:
    """Return the title of the answering process for a place; places are counted from 0."""
    if place == TLS_PLACE:
        return f"{_ANSWERING_TITLE}over TLS, {control_socket}"
    return f"{_ANSWERING_TITLE}{place + 1}, {control_socket}"


def rendezvous_of(control_socket: Path, pid: int) -> Path:
    """Return the path at which the answering process `pid` listens."""
    return control_socket.with_name(f"{control_socket.name}{_WORD}{pid}")


def left_at(control_socket: Path) -> dict[int, Path]:
    """Return the sockets beside a control socket that answering processes made, by process id."""
    found: dict[int, Path] = {}
    prefix = control_socket.name + _WORD
    with suppress(OSError):
        for entry in os.scandir(control_socket.parent):
            number = entry.name.removeprefix(prefix)
            if entry.name.startswith(prefix) and number.isascii() and number.isdecimal():
                path = Path(entry.path)
                if path.is_socket() and not path.is_symlink():
                    found[int(number)] = path
    return dict(sorted(found.items()))


def is_answering(pid: int, control_socket: Path) -> bool:
    """Return whether a process of our user is an answering process of a control socket.

    Only what the kernel and /proc say of it counts, not what it says at a socket.  False for one
    that /proc hides, see `is_hidden`.
    """
    if not _is_ours(pid):
        return False
    name = title_of(pid)
    return (
        name.startswith(_ANSWERING_TITLE) and name.endswith(f", {control_socket}")
    ) or name.endswith(f" -m failoverdns.workers.child {control_socket}.worker")  # of 0.1.0


def is_hidden(pid: int) -> bool:
    """Return whether a process of our user runs that /proc does not show.

    Where /proc is mounted with `hidepid`, it hides processes that are not dumpable.
    """
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return not Path(f"/proc/{pid}").exists()


def lost_processes(control_socket: Path) -> Iterator[int]:
    """Yield the ids of the answering processes of a control socket that have no rendezvous.

    Those that /proc hides are not found.
    """
    known = left_at(control_socket)
    with suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal() and int(entry.name) not in known:
                pid = int(entry.name)
                if is_answering(pid, control_socket):
                    yield pid


def former_control_sockets(control_socket: Path) -> list[Path]:
    """Return the control sockets whose answering processes this process started before a restart.

    They are others than `control_socket` if the configuration names another one since then.
    """
    found: set[Path] = set()
    with suppress(OSError):
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal() and _parent_of(int(entry.name)) == os.getpid():
                name = title_of(int(entry.name))
                if name.startswith(_ANSWERING_TITLE):
                    found.add(Path(name.partition(", ")[2]))
    return sorted(found - {control_socket})


def has_control_process(pid: int) -> bool:
    """Return whether the process that started an answering process still controls it."""
    parent = _parent_of(pid)
    if parent is None:
        return False
    if parent == os.getpid():  # it was started by the program before, under the same process id
        return False
    name = title_of(parent)
    return name.startswith(_CONTROL_TITLE) or "/failoverdns serve " in name  # of 0.1.0


def _parent_of(pid: int) -> int | None:
    """Return the process that started a process, None if that is not known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return int(fields[1])
    except (OSError, ValueError, IndexError):
        return None


def _is_ours(pid: int) -> bool:
    """Return whether our user runs a process; the folder in /proc may belong to root all the same.

    It does if the process is not dumpable.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    except OSError:
        return False
    users = next((line.split()[1:] for line in text.splitlines() if line.startswith("Uid:")), [])
    return len(users) > 1 and users[1] == str(os.geteuid())
