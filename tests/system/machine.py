"""systemd as process 1 of a small machine: in namespaces of its own, on the files of this one.

Only the units of the test exist in it (SYSTEMD_UNIT_PATH), so that nothing else is ever started.
It sees the files of this machine, and can change none of them: everything is mounted read-only but
the folder of the test, and what the units may write to is in that folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from system.server import DEADLINE, tool, wait_for

PROJECT = Path(__file__).parents[2]
INSTALLED = "/opt/failoverdns"
CONFIG = Path("/etc/failoverdns/failoverdns.yaml")
SOCKET = Path("/run/failoverdns/control.sock")
PYTHON = Path(sys.base_prefix).resolve()
TARGETS = ("sysinit", "basic", "shutdown", "network-online", "multi-user", "sockets", "test")

BOOT = """\
set -eu
folder=$1 group=$2 python=$3
for kind in systemd unified; do
    if [ -d /sys/fs/cgroup/$kind ]; then
        mkdir -p /sys/fs/cgroup/$kind/$group
        echo $$ >/sys/fs/cgroup/$kind/$group/cgroup.procs
    fi
done
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
    mkdir -p /sys/fs/cgroup/$group
    echo $$ >/sys/fs/cgroup/$group/cgroup.procs
fi
exec unshare --mount --pid --fork --kill-child --ipc --uts --cgroup --propagation private \
    sh "$folder/inside" "$folder" "$python"
"""
"""Enters a control group and the namespaces."""

INSIDE = """\
set -eu
mount --bind "$1" /mnt
mount -t overlay overlay -o "lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/work" /etc
mount --bind /mnt/var /var/lib
mount --bind /mnt/opt /opt
case "$2" in
/root/* | /home/*)
    mkdir -p /mnt/python
    mount --bind "$2" /mnt/python
    mount -t tmpfs -o mode=755 tmpfs "/$(echo "$2" | cut -d/ -f2)"
    mkdir -p "$2"
    mount --move /mnt/python "$2"
    ;;
esac
echo "failoverdns:x:990:990::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
echo "failoverdns:x:990:" >>/etc/group
chgrp 990 /etc/failoverdns/failoverdns.yaml
chmod 640 /etc/failoverdns/failoverdns.yaml
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
legacy=no
if [ -d /sys/fs/cgroup/systemd ]; then legacy=yes; fi
umount -R /sys/fs/cgroup
if [ $legacy = yes ]; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
mount -o remount,bind,ro /
if touch /written 2>/dev/null; then
    rm -f /written
    echo "the files of this machine could be changed" >&2
    exit 1
fi
exec env -i container=test "PATH=$PATH" SYSTEMD_UNIT_PATH=/mnt/units \
    /lib/systemd/systemd --system --unit=test.target --log-target=console --show-status=no
"""
"""Mounts what the machine sees, and runs systemd.

Python in a home folder is made readable for the user of the unit.
"""


class Machine:
    """A running machine with the unit files of failoverdns."""

    def __init__(self, folder: Path, config: str, settings: str = "") -> None:
        """Boot with a configuration of failoverdns; `settings` are added to the service unit."""
        if os.geteuid() != 0:
            pytest.skip("only root can boot systemd in a namespace")
        for name in ("unshare", "nsenter", "systemctl"):
            tool(name)
        self.folder = folder
        for name in ("etc/failoverdns", "work", "var", "opt", "units/failoverdns.service.d"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "opt" / "failoverdns").symlink_to(Path(sys.prefix))
        self.config = folder / "etc" / "failoverdns" / CONFIG.name
        self.config.write_text(config)
        self.log = folder / "log"
        self.log.touch(mode=0o666)
        self._write_units(settings)
        self._group = f"failoverdns-test-{os.getpid()}-{time.monotonic_ns()}"
        self._process = self._boot()
        self._enter: tuple[str, ...] = ()
        try:
            self._find()
        except BaseException:
            self.stop()
            raise

    def run(self, *command: str | Path, check: bool = True) -> str:
        """Run a program in the machine, and return its output and errors."""
        done = subprocess.run(
            [*self._enter, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * DEADLINE,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.stdout}\n{self.log.read_text()}"
        return done.stdout

    def status(self, command: Sequence[str]) -> int:
        """Run a program in the machine, and return its exit status."""
        done = subprocess.run(
            [*self._enter, *command], capture_output=True, timeout=4 * DEADLINE, check=False
        )
        return done.returncode

    def property(self, name: str) -> str:
        """Return a property of the service."""
        return self.run("systemctl", "show", "failoverdns", "--value", "-p", name).strip()

    def failoverdns(self, *words: str, check: bool = True) -> str:
        """Give a command to the server."""
        program = f"{INSTALLED}/bin/failoverdns"
        return self.run(program, "--socket", str(SOCKET), *words, check=check)

    def stop(self) -> None:
        """End the machine with everything in it."""
        self._process.kill()
        self._process.wait(DEADLINE)
        wait_for(self._is_removed)

    def _is_removed(self) -> bool:
        """Remove the control groups of the machine; return whether none is left."""
        for path in Path("/sys/fs/cgroup").glob(f"*/{self._group}"):
            for inner in (*sorted(path.rglob("*/"), reverse=True), path):
                with suppress(OSError):  # its processes are ending
                    inner.rmdir()
        return not list(Path("/sys/fs/cgroup").glob(f"*/{self._group}"))

    def _write_units(self, settings: str) -> None:
        units = self.folder / "units"
        for target in TARGETS:
            text = "[Unit]\nDefaultDependencies=no\n"
            (units / f"{target}.target").write_text(text)
        for name in ("failoverdns.service", "failoverdns.socket"):
            (units / name).write_text((PROJECT / "config" / name).read_text())
        # Python may be in a folder that the unit hides.
        home = "ProtectHome=no\n" if PYTHON.parts[1] in ("root", "home") else ""
        (units / "failoverdns.service.d" / "test.conf").write_text(
            f"[Service]\n{home}StandardError=append:/mnt/log\n{settings}"
        )

    def _boot(self) -> subprocess.Popen[bytes]:
        (self.folder / "inside").write_text(INSIDE)
        with (self.folder / "boot").open("wb") as boot:
            return subprocess.Popen(
                ["sh", "-c", BOOT, "boot", self.folder, self._group, PYTHON],
                stdout=boot,
                stderr=boot,
            )

    def _find(self) -> None:
        """Wait until the machine is up, and note how to enter it."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")

        def first() -> int | None:
            if self._process.poll() is not None:
                pytest.skip(f"no systemd in a namespace: {(self.folder / 'boot').read_text()}")
            found = children.read_text().split()
            is_systemd = found and "systemd" in Path(f"/proc/{found[0]}/comm").read_text()
            return int(found[0]) if is_systemd else None

        wait_for(first)
        self._enter = ("nsenter", "-t", str(first()), "-m", "-p", "-i", "-u", "-C", "-w/", "--")
        wait_for(lambda: self.run("systemctl", "is-system-running", check=False) == "running\n")
