"""What a start does before the server runs: folders, the control socket, kept steps, memory."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from failoverdns import __version__
from failoverdns.changes.state import State
from failoverdns.control.language.requests import write_reply
from failoverdns.model.change import Change, Json
from failoverdns.model.errors import Corrupt
from failoverdns.model.settings import Config
from failoverdns.net.peer import find_control_gid
from failoverdns.net.succession import Succession, close_all
from failoverdns.net.unix import UnixListener
from failoverdns.net.unix_paths import distrust, hidden_from, make_folder
from failoverdns.store.step_documents import read_step

log = Logger()


class CannotStart(Exception):
    """The server cannot start; the message gives the reason and the remedy."""


def bind_control_socket(
    config: Config, reactor: Any, before: Succession | None
) -> UnixListener | None:
    """Make the folders of all files, and bind the control socket; raises CannotStart.

    `before` is what the program before handed over.
    On a read-only file system there is none, and the server goes without commands.
    """
    control = config.control
    _make_directory(config.state.sqlite.parent, "state.sqlite")
    _make_directory(config.certificates.key_file.parent, "certificates.key_file")
    gid = find_control_gid(control)
    make_folder(control.socket.parent, "control.socket", gid)
    found = distrust(control.socket.parent)
    if found.refused:
        raise CannotStart(f"control.socket: {found.refused}")
    if found.doubted:
        log.warn("control.socket: {fault}", fault=found.doubted)
    hidden = hidden_from(control.socket.parent, gid) if gid is not None else None
    if hidden is not None:
        log.warn(
            "control.group: members of {group} cannot enter {folder}, so they cannot reach the "
            "socket; let them with: chmod o+x {folder}",
            group=control.group,
            folder=str(hidden),
        )
    bound = None
    if before is not None and before.path == str(control.socket):
        bound = before.control
    if bound is None and os.statvfs(control.socket.parent).f_flag & os.ST_RDONLY:
        log.error(
            "control.socket: {folder} is on a read-only file system: queries are answered, and "
            "no commands are taken before a restart",
            folder=str(control.socket.parent),
        )
        return None
    listener = UnixListener(
        reactor,
        control.socket,
        control.mode,
        setting="control.socket",
        bound=bound,
        gid=gid,
    )
    if before is not None and bound is None:  # it is elsewhere from now on
        Path(before.path).unlink(missing_ok=True)
        close_all([before.control])
    return listener


def steps_of(texts: Iterable[str]) -> Iterator[Change]:
    """Yield the unrecorded steps that answering processes have kept."""
    for text in texts:
        try:
            yield read_step(text)
        except Corrupt as fault:
            log.error("an unrecorded step is lost: {fault}", fault=str(fault))


def restarted(id_: Json, state: State, seconds: float) -> bytes:
    """Return the reply to `restart`, now that it is done and took this long."""
    result: dict[str, Json] = {
        "version": __version__,
        "pid": os.getpid(),
        "seconds": round(seconds, 3),
    }
    return b"".join(write_reply(id_, state.revision, result))


@contextmanager
def much_allocation() -> Iterator[None]:
    """Disable garbage collection while millions of objects are made that all stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _make_directory(path: Path, setting: str) -> None:
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as fault:
        raise CannotStart(f"{setting}: cannot make the directory {path}: {fault}") from None
