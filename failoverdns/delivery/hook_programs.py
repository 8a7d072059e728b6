"""Run one program for one event: no shell, a clean environment, a private folder, a time limit.

The folder holds the certificate under the names that certbot uses, and exists only as long as the
program runs.  Private keys are removed from the output that is kept.
Blocks, so it is called in a thread.  Does not know events, nor when to try again.
"""

from __future__ import annotations

import errno
import math
import os
import re
import selectors
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from failoverdns.model.certificate import Bundle
from failoverdns.model.printable import printable
from failoverdns.pki.certificates import split_chain
from failoverdns.program_faults import cannot_run, was_not_run

MAX_OUTPUT = 16384
"""Bytes of a program's output that are kept: its end."""

GRACE = 5.0
"""Seconds between asking a program to end (SIGTERM) and killing it (SIGKILL)."""

_LOOK = 0.05
"""Seconds between two checks of a program that prints nothing."""

PREFIX = "hook-"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [^\n]*|\Z)", re.S)
_REMOVED = "(private key removed)"
_BASE64 = re.compile(r"[A-Za-z0-9+/=]{16,}")
_PIECE = 16
"""Characters of a key in a row that make a word secret; 24 in a row hold one such piece."""


@dataclass(frozen=True, slots=True)
class Run:
    """The result of running a program; `problem` is None if it succeeded."""

    problem: str | None
    output: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """A certificate for the private folder: its name, DNS names, chain and key."""

    name: str
    names: tuple[str, ...]
    bundle: Bundle


class Program:
    """One run of a program, which another thread may end early."""

    def __init__(self, argv: Sequence[str], timeout: float, grace: float) -> None:
        """Take the path of an executable and its arguments.

        `timeout` and `grace` (between SIGTERM and SIGKILL) are in seconds.
        """
        self._argv = tuple(argv)
        self._timeout = timeout
        self._grace = grace
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: float | None = None
        """The monotonic time at which it was asked to end."""

    def run(self, variables: Mapping[str, str], lineage: Lineage | None, folder: Path) -> Run:
        """Run it with `variables` as its environment and return the result.

        With a `lineage`, a private folder is made in `folder`, and certbot's variables name it.
        Raises OSError if the folder cannot be made.
        """
        environ = {"PATH": os.environ.get("PATH", _PATH), **variables}
        if lineage is None:
            return self._run(environ)
        with _private_folder(lineage, folder) as path:
            environ["RENEWED_LINEAGE"] = str(path)
            environ["RENEWED_DOMAINS"] = " ".join(lineage.names)
            run = self._run(environ)
        bundle = lineage.bundle
        return Run(run.problem, without_key(run.output, bundle.key.reveal(), bundle.chain))

    def end(self) -> None:
        """End the program within its grace, from another thread; do not start it any more."""
        self._ended = time.monotonic()
        if self._process is not None:
            _signal(self._process, signal.SIGTERM)

    def _run(self, environ: Mapping[str, str]) -> Run:
        if self._ended is not None:
            return Run("was stopped", "")
        try:
            self._process = process = subprocess.Popen(
                self._argv,
                env=environ,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as fault:
            return Run(cannot_run(self._argv[0], fault), "")
        if self._ended is not None:  # while it was being started
            _signal(process, signal.SIGTERM)
        with process:
            output, in_time = _watch(process, self._until(time.monotonic()))
            if not in_time:
                _end(process, self._grace)
        problem = self._problem(process.returncode, in_time=in_time)
        missing = was_not_run(self._argv[0], process.returncode, environ["PATH"])
        return Run(problem and (missing or problem), _text(output))

    def _until(self, began: float) -> Callable[[], float]:
        """Return a function that returns its deadline, which is earlier after `end`."""
        return lambda: min(began + self._timeout, (self._ended or math.inf) + self._grace)

    def _problem(self, status: int, *, in_time: bool) -> str | None:
        if self._ended is not None:
            return "was stopped"
        if not in_time:
            return f"did not end within {self._timeout:g} s"
        if status < 0:
            return f"was ended by signal {-status}"
        return f"exit status {status}" if status else None


def without_key(text: str, key: str, public: str = "") -> str:
    """Return a text without private keys: without any in PEM, and without any piece of `key`.

    A public key is part of both `key` and the chain, `public`: pieces of `public` may stay.
    """
    secret, known = _base64_of(key), _base64_of(public)
    lines = {line for line in key.splitlines() if len(line) >= _PIECE} - set(public.splitlines())

    def judge(found: re.Match[str]) -> str:
        word = found[0]
        pieces = (word[at : at + _PIECE] for at in range(0, len(word) - _PIECE + 1, _PIECE // 2))
        tells = any(piece in secret and piece not in known for piece in pieces)
        return _REMOVED if tells or any(line in word for line in lines) else word

    return _BASE64.sub(judge, _PRIVATE_KEY.sub(_REMOVED, text))


def sweep(folder: Path) -> None:
    """Remove private folders that a killed server left behind; make `folder` if need be.

    Raises OSError, also if another user could change what lies in the folder.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.ENOTDIR, "it must be a directory, and not a symbolic link")
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(
            errno.EPERM,
            "another user could change the files of hooks in it; remove it, and it is made again",
        )
    for left in folder.glob(f"{PREFIX}*"):
        shutil.rmtree(left)


@contextmanager
def _private_folder(lineage: Lineage, folder: Path) -> Iterator[Path]:
    """Write a certificate as certbot does, into a new folder that only this user can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as private:
        path = Path(private) / lineage.name
        path.mkdir(mode=0o700)
        leaf, others = split_chain(lineage.bundle.chain)
        files = {
            "cert.pem": leaf,
            "chain.pem": others,
            "fullchain.pem": lineage.bundle.chain,
            "privkey.pem": lineage.bundle.key.reveal(),
        }
        for name, text in files.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(path / name, flags, 0o600), "w") as file:
                file.write(text)
        yield path


def _watch(process: subprocess.Popen[bytes], until: Callable[[], float]) -> tuple[bytes, bool]:
    """Read the output of a process until it ends; return it, and whether it ended in time."""
    assert process.stdout is not None
    output = b""
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := until() - time.monotonic()) > 0:
            ended = process.poll() is not None  # before reading, so that all output is there
            ready = selector.select(0 if ended else min(_LOOK, left))
            data = process.stdout.read(65536) if ready else None
            output = (output + (data or b""))[-MAX_OUTPUT:]
            if ended and not data:
                return output, True
            if ready and not data and not ended:  # it closed its output, and still runs
                with suppress(subprocess.TimeoutExpired):
                    process.wait(min(_LOOK, left))
    return output, False


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    """End a process and all its children, gently first."""
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _base64_of(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _text(output: bytes) -> str:
    """Return a program's output with its lines, and without what a terminal would carry out."""
    lines = output.decode("utf-8", "replace").split("\n")
    return "\n".join(printable(line, MAX_OUTPUT) for line in lines)
