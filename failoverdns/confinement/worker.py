"""What an answering process, the transfer or the web process gives up before its first socket.

    new privileges, capabilities, core dumps     always
    files, ports, signals and names of others    where the kernel has Landlock (Linux 5.13)
    system calls that it does not need           on x86_64 and aarch64

What stays: sockets that it was given, the folder of the query log, Python's own files for reading,
and to make its rendezvous again, beside the control socket.  The transfer process may write to its
own folder instead, and open UDP sockets, because it asks secondaries.  The web process may write
nothing, and open no socket of the Internet.  None of them can open the state, the keys and the
configuration, connect to a TCP port, run a program or start a process.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from failoverdns.confinement import capabilities, landlock, seccomp
from failoverdns.confinement.landlock import Opened, Right
from failoverdns.confinement.memory import hide_memory
from failoverdns.confinement.system_calls import prctl

MAX_FAULT: Final = 100
"""Letters of a fault that is reported."""

_PR_SET_NO_NEW_PRIVS: Final = 38
_READ: Final = Right.READ_FILE | Right.READ_DIR
_LOG: Final = Right.WRITE_FILE | Right.MAKE_REG | Right.REMOVE_FILE
_FILES: Final = _READ | _LOG | Right.MAKE_DIR | Right.TRUNCATE
_RENDEZVOUS: Final = Right.MAKE_SOCK | Right.MAKE_DIR
_PACKAGES: Final = ("site-packages", "dist-packages")
_LIBRARIES: Final = tuple(map(Path, ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")))


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds an answering process: the version of Landlock (0: none), and seccomp.

    `fault` is what could not be given up, or an empty text.
    """

    landlock: int = 0
    seccomp: bool = False
    fault: str = ""


def confine(package: Path, rendezvous: Path, query_log: Path | None) -> Confinement:
    """Give up what this process does not need, and check that it is gone.

    `package` is the folder of failoverdns, `rendezvous` the path at which the process listens and
    `query_log` that of the query log, if there is one.  Never raises OSError: what cannot be given
    up is reported, and the process answers all the same.
    """
    opened = [
        Opened(folder, _RENDEZVOUS) for folder in (rendezvous.parent, rendezvous.parent.parent)
    ]
    if query_log is not None:
        opened.append(Opened(query_log.parent, _LOG))
    return _give_up(package, opened, asks=False)


def confine_transfers(package: Path, folder: Path) -> Confinement:
    """Give up what the transfer process does not need, as `confine` does.

    It may write below `folder`, if that is one, and send and receive over UDP.
    """
    opened = [Opened(folder, _FILES)] if folder.is_dir() else []
    return _give_up(package, opened, asks=True)


def confine_web(package: Path) -> Confinement:
    """Give up what the web process does not need, as `confine` does; it may write no file."""
    return _give_up(package, [], asks=False)


def _give_up(package: Path, opened: list[Opened], *, asks: bool) -> Confinement:
    _load_what_comes_late()
    opened += [Opened(folder, _READ) for folder in _library_folders(package)]
    opened.append(Opened(Path(os.devnull), Right.READ_FILE | Right.WRITE_FILE))  # for Twisted
    faults: list[str] = []
    if len(os.listdir("/proc/self/task")) > 1:
        faults.append("another thread keeps what this one gives up")
    version, filtered = 0, False
    hide_memory()
    capabilities.pass_on_nothing()
    capabilities.drop_bounding()
    try:
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        version = landlock.restrict(opened)
    except OSError as fault:
        faults.append(f"Landlock: {fault.strerror}")
    with suppress(OSError):  # a filter of system calls forbids it: then there must be none anyway
        capabilities.reduce_to(0)
    try:
        filtered = seccomp.restrict(asks=asks)
    except OSError as fault:
        faults.append(f"seccomp: {fault.strerror}")
    faults += _remains(version, socket.SOCK_STREAM if asks else socket.SOCK_DGRAM, filtered)
    return Confinement(version, filtered, "; ".join(faults)[:MAX_FAULT])


def _remains(version: int, kind: socket.SocketKind, filtered: bool) -> Iterator[str]:
    """Yield what this process can still do and should not, as to open sockets of a kind."""
    if capabilities.own().permitted:
        yield "it has capabilities"
    if version:
        with suppress(PermissionError):
            os.listdir("/")
            yield "it can read the folder /"
    if filtered:
        with suppress(PermissionError):
            socket.socket(socket.AF_INET, kind).close()
            yield "it can open sockets"


def _library_folders(package: Path) -> Iterable[Path]:
    """Return the folders from which Python may still import, and read source lines for the log."""
    packages = (Path(entry) for entry in sys.path if Path(entry).name in _PACKAGES)
    return {package, *_LIBRARIES, Path(os.__file__).parent, *packages}


def _load_what_comes_late() -> None:
    """Load what Python and the C library load only when they need it, from other folders."""
    "".encode("idna")
    with suppress(OSError):  # for the end of threads
        ctypes.CDLL("libgcc_s.so.1")
