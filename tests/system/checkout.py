"""A checkout of the project, to do in it what a new user does."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from system.server import DEADLINE, EXECUTABLE

PROJECT = Path(__file__).parents[2]
STARTING = 4 * DEADLINE
"""Seconds that a script may take to start: it starts some programs, and gives some commands."""


def checkout(folder: Path, ports: Mapping[str, int]) -> Path:
    """Copy what the scripts need, with other ports than those of a server that may be running.

    It gets the virtual environment that the tests run in: installing is not what is tried.
    """
    for name in ("config", "failoverdns", "requirements", "scripts"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg", "setup.py"):
        shutil.copy(PROJECT / name, folder / name)
    demos = [*folder.glob("config/demo*"), *folder.glob("config/demo*/*")]
    scripts = [folder / "scripts" / name for name in ("run", "run-tls", "run-secondaries")]
    for file in [*(path for path in demos if path.is_file()), *scripts]:
        file.write_text(with_ports(file.read_text(), ports))
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("failoverdns", "pip"):
        programs.joinpath(name).symlink_to(EXECUTABLE.with_name(name))
    for extras in ("", "-acme"):
        stamp = folder / ".venv" / f".installed{extras}"
        stamp.touch()
        os.utime(stamp, (2**31, 2**31))
    return folder


def with_ports(text: str, ports: Mapping[str, int]) -> str:
    """Return a text with other ports: `ports` maps each one that is written to its replacement."""
    return re.sub("|".join(map(re.escape, ports)), lambda found: str(ports[found[0]]), text)


def start(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """Start a script and wait until it has printed what to try."""
    out = folder / "out"
    with out.open("wb") as file:
        running = subprocess.Popen(
            [script], cwd=folder, stdout=file, stderr=file, start_new_session=True
        )
    until = time.monotonic() + STARTING
    try:
        while running.poll() is None and "Ctrl-C stops" not in out.read_text():
            assert time.monotonic() < until, out.read_text()
            time.sleep(0.05)
        assert running.poll() is None, out.read_text()
    except BaseException:
        interrupt(running)
        raise
    return running


def interrupt(running: subprocess.Popen[bytes]) -> int:
    """Press Ctrl-C: the whole process group gets it."""
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGINT)
    return running.wait(DEADLINE)
