"""A process that makes one attempt, confined or not, and prints what came of it.

    attempts.py ATTEMPT yes|no|transfers FOLDER PID ABSTRACT PACKAGE UID

With `transfers` it is confined as the transfer process is, which may write into FOLDER/log.
FOLDER is like that of a server, PID a process like its control process, ABSTRACT an abstract Unix
socket with `@` for NUL.  With the attempt `?` it prints the names of all attempts.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import importlib
import json
import os
import pty
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from failoverdns.confinement.worker import confine, confine_transfers, confine_web

LIBRARY = ctypes.CDLL(None, use_errno=True)
IS_INTEL = os.uname().machine == "x86_64"
UNIX, INTERNET = socket.AF_UNIX, socket.AF_INET
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW

Attempt = Callable[[], object]


class Piece(ctypes.Structure):
    """A part of the memory of a process, as in process_vm_readv(2)."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Attempts:
    """What is tried; the sockets and the terminal are opened before anything is given up."""

    def __init__(self, folder: Path, control: int, abstract: str) -> None:
        self.folder = folder
        self.control = control
        self.abstract = abstract.replace("@", "\0")
        self.terminal = os.open(os.ttyname(pty.openpty()[1]), os.O_RDWR | os.O_NOCTTY)
        self.unbound = socket.socket()
        self.left, self.right = socket.socketpair()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(INTERNET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.client = socket.create_connection(self.tcp.getsockname())
        self.client.send(b"q")
        self.asker = socket.socket(INTERNET, socket.SOCK_DGRAM)
        self.asker.sendto(b"q", self.udp.getsockname())

    def all(self) -> dict[str, Attempt]:
        """Return every attempt by its name."""
        return {**self.files(), **self.sockets(), **self.processes(), **self.rest(), **self.work()}

    def files(self) -> dict[str, Attempt]:
        """Return attempts to reach files."""
        folder = self.folder
        state, key, log = folder / "state/state.db", folder / "state/state.db.key", folder / "log"
        return {
            "read the key": key.read_text,
            "read the key in another thread": lambda: in_thread(key.read_text),
            "read the state": state.read_text,
            "list the state's folder": lambda: os.listdir(state.parent),
            "write into the state's folder": lambda: (state.parent / "new").write_text("x"),
            "overwrite the state": lambda: os.open(state, os.O_RDWR),
            "truncate the state": lambda: os.truncate(state, 0),
            "remove the state": state.unlink,
            "link the key into the log": lambda: os.link(key, log / "key"),
            "link the key by name": lambda: link_and_read(key, log / "key"),
            "move the key to the log": lambda: key.rename(log / "key"),
            "change a mode": lambda: state.chmod(0o666),
            "read the log": (log / "old").read_text,
            "read a file of the system": Path("/etc/passwd").read_text,
            "read the environment in /proc": Path(f"/proc/{self.control}/environ").read_bytes,
            "change its root": lambda: os.chroot("/tmp"),
            "open a file by handle": lambda: system_call(
                304 if IS_INTEL else 265, -100, bytes([8, 0, 0, 0, 1, 0, 0, 0]) + bytes(8), 0
            ),
        }

    def sockets(self) -> dict[str, Attempt]:
        """Return attempts to reach others through sockets."""
        run = self.folder / "run"
        return {
            "connect to the control socket": lambda: connect(str(run / "control.sock")),
            "remove the control socket": (run / "control.sock").unlink,
            "replace the control socket": lambda: (run / "control.sock.worker.1").rename(
                run / "control.sock"
            ),
            "connect to an abstract socket": lambda: connect(self.abstract),
            "open a UDP socket": lambda: socket.socket(INTERNET, socket.SOCK_DGRAM),
            "open a TCP socket": lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM),
            "open a Unix datagram socket": lambda: socket.socket(UNIX, socket.SOCK_DGRAM),
            "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
            "connect a socket that it has": lambda: self.unbound.connect(self.tcp.getsockname()),
            "bind a socket that it has": lambda: self.unbound.bind(("127.0.0.1", 0)),
            "make a pair of sockets": socket.socketpair,
        }

    def processes(self) -> dict[str, Attempt]:
        """Return attempts on other processes, and to start some."""
        pid = self.control
        return {
            "read the memory of the control process": self._read_memory,
            "trace the control process": self._trace,
            "read the memory by a system call": self._read_memory_by_call,
            "signal the control process": lambda: os.kill(pid, signal.SIGCONT),
            "signal it by a descriptor": lambda: signal.pidfd_send_signal(
                os.pidfd_open(pid), signal.SIGCONT
            ),
            "run a program": lambda: os.execv("/bin/true", ["true"]),
            "run a program in memory": lambda: os.execve(os.memfd_create("x"), ["x"], {}),
            "start a process": fork,
            "start a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
        }

    def rest(self) -> dict[str, Attempt]:
        """Return attempts to gain rights."""
        program = bytes([1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0]) + bytes(100)
        return {
            "become another user": lambda: os.setuid(1000),
            "become root": lambda: os.setresuid(0, 0, 0),
            "change its groups": lambda: os.setgroups([0]),
            "be dumpable": lambda: call("prctl", 4, 1, 0, 0, 0),
            "leave a core file": lambda: call("setrlimit", 4, (ctypes.c_ulong * 2)(1, 1 << 20)),
            "make a namespace": lambda: call("unshare", 0x10000000),
            "type into a terminal": lambda: fcntl.ioctl(self.terminal, 0x5412, b"x"),
            "use io_uring": lambda: system_call(425, 1, bytes(120)),
            "load a BPF program": lambda: system_call(321 if IS_INTEL else 280, 0, program, 72),
        }

    def work(self) -> dict[str, Attempt]:
        """Return what an answering process must be able to do."""
        return {
            "write the query log and rename it": self._log,
            "write the query log in another thread": lambda: in_thread(self._log),
            "make its rendezvous again": lambda: listen(self.folder / "run/control.sock.worker.2"),
            "make its rendezvous in a new folder": self._listen_in_new_folder,
            "start a thread": lambda: in_thread(lambda: None),
            "import a module late": lambda: importlib.import_module("wsgiref.simple_server"),
            "import a module in C late": lambda: importlib.import_module("_lsprof"),
            "answer on its sockets": self._serve,
            "pass sockets on": self._pass_on,
            "get random bytes": lambda: os.urandom(8),
            "lower its own limit of files": lambda: resource.setrlimit(7, (64, 64)),
        }

    def _place(self) -> int:
        with open(f"/proc/{self.control}/maps") as maps:
            return int(maps.readline().split("-")[0], 16)

    def _read_memory(self) -> None:
        with open(f"/proc/{self.control}/mem", "rb", 0) as file:
            file.seek(self._place())
            file.read(16)

    def _read_memory_by_call(self) -> None:
        here = Piece(ctypes.addressof(ctypes.create_string_buffer(16)), 16)
        there = Piece(self._place(), 16)
        one = ctypes.c_ulong(1)
        references = ctypes.byref(here), one, ctypes.byref(there), one
        call("process_vm_readv", self.control, *references, ctypes.c_ulong(0))

    def _trace(self) -> None:
        call("ptrace", 16, self.control, 0, 0)
        os.waitpid(self.control, 0x40000000)
        call("ptrace", 17, self.control, 0, 0)

    def _log(self) -> None:
        path = self.folder / "log/queries"
        file = os.open(path, APPEND, 0o640)
        os.write(file, b"line\n")
        fcntl.flock(file, fcntl.LOCK_EX)
        path.rename(f"{path}.1")
        os.open(path, APPEND, 0o640)

    def _listen_in_new_folder(self) -> None:
        (self.folder / "again").mkdir()
        listen(self.folder / "again/control.sock.worker.2")

    def _serve(self) -> None:
        client, _ = self.tcp.accept()
        client.recv(1)
        client.send(b"x")
        packet, peer = self.udp.recvfrom(10)
        self.udp.sendto(packet, peer)

    def _pass_on(self) -> None:
        socket.send_fds(self.left, [b"x"], [self.udp.fileno()])
        assert socket.recv_fds(self.right, 1, 1)[1]


def call(function: str, *arguments: object) -> None:
    """Call a function of the C library."""
    if getattr(LIBRARY, function)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), function)


def system_call(number: int, *arguments: object) -> None:
    """Call a system call by its number."""
    call("syscall", ctypes.c_long(number), *arguments)


def fork() -> None:
    """Start a process that ends at once."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def connect(address: str) -> None:
    """Connect to a Unix socket."""
    socket.socket(UNIX, socket.SOCK_STREAM).connect(address)


def listen(path: Path) -> None:
    """Listen on a Unix socket."""
    sock = socket.socket(UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    sock.listen()


def link_and_read(file: Path, link: Path) -> None:
    """Read a file through a symbolic link."""
    link.symlink_to(file)
    link.read_text()


def in_thread(attempt: Attempt) -> None:
    """Make an attempt in a new thread."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            attempt()
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]


def main() -> None:
    """Make the attempt of the command line."""
    name, confined, folder, control, abstract, package, user = sys.argv[1:]
    place = Path(folder)
    "".encode("idna")  # while Python's files can be read
    uid = int(user)
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    attempts = Attempts(place, int(control), abstract)
    if name == "?":
        print(json.dumps(list(attempts.all())))
        return
    report = None
    if confined == "yes":
        log = place / "log/queries"
        report = asdict(confine(Path(package), place / "run/control.sock.worker.1", log))
    if confined == "transfers":
        report = asdict(confine_transfers(Path(package), place / "log"))
    if confined == "web":
        report = asdict(confine_web(Path(package)))
    if confined == "transfers without a folder":
        file = place / "log/file"
        file.touch()
        report = asdict(confine_transfers(Path(package), file))
    print(json.dumps(report), flush=True)
    result = "done"
    try:
        attempts.all()[name]()
    except OSError as fault:
        result = errno.errorcode.get(fault.errno or 0, str(fault))
    except BaseException as fault:
        result = repr(fault)
    print(result, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
