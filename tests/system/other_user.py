"""Servers that root starts, and that become an ordinary user: in a place that this user can reach.

Python may be in the home folder of root, and pytest's folders are closed: so the server gets a
mount namespace in which Python is readable, and a folder of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from system.server import EXECUTABLE, Server, tool

USER = "nobody"
UID = 65534
PYTHON = Path(sys.base_prefix).resolve()

OPEN = """\
set -eu
case "$1" in
/root/* | /home/*)
    mkdir -p "$2/python"
    mount --bind "$1" "$2/python"
    mount -t tmpfs -o mode=755 tmpfs "/$(echo "$1" | cut -d/ -f2)"
    mkdir -p "$1"
    mount --move "$2/python" "$1"
    ;;
esac
shift 2
exec "$@"
"""
"""Makes Python readable for every user, in a mount namespace, and runs a command there."""


class ServerOfRoot(Server):
    """A server that root starts."""

    groups: tuple[str, ...] = ()
    """Words that change what it is started as, such as those of setpriv(1)."""

    def command(self, *words: str | Path) -> list[str | Path]:
        """Return a command line of failoverdns as root, or as `groups` has it."""
        mounts = ("unshare", "--mount", "--propagation", "private", "sh", "-c", OPEN, "open")
        return [*mounts, PYTHON, self.folder, *self.groups, EXECUTABLE, *words]

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("serve", "--config", self.config),
                stderr=log,
                cwd="/",
                env={**os.environ, **self.environment},
            )
        return self.process


@contextmanager
def server_of_root(config: str) -> Iterator[ServerOfRoot]:
    """Make a server with a configuration; it is not started."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a server that becomes another user")
    for name in ("unshare", "setpriv"):
        tool(name)
    folder = Path(tempfile.mkdtemp(prefix="failoverdns-user-"))
    folder.chmod(0o755)
    made = ServerOfRoot(folder, config)
    made.config.chmod(0o644)
    made.socket = folder / "run" / "control.sock"
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.process.terminate()
            made.process.wait(30)
        shutil.rmtree(folder)


def status_of(pid: int) -> dict[str, str]:
    """Return the fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
