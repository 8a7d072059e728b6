"""Reports to systemd: ready, stopping, alive (sd_notify(3)).

A report is a datagram of `NAME=VALUE` lines to the Unix socket that systemd names in the
environment.  Without systemd, nothing is sent.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""The environment variables of systemd that concern reports."""


LEAVING = 120e6
"""Microseconds that the next program has before it must report that it is not stuck."""


class Notifier:
    """Sends reports to systemd, as far as the environment asks for them."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        """Read systemd's variables from `environment`; `pid` is that of this process."""
        self.environment = {name: environment[name] for name in VARIABLES if name in environment}
        """The variables, for the program that replaces this one."""
        self._path = environment.get("NOTIFY_SOCKET", "")
        for_us = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        period = environment.get("WATCHDOG_USEC", "")
        self._period = int(period) if for_us and period.isdecimal() else 0
        self.interval = self._period / 2e6
        """Seconds between two calls of `alive`; 0 if systemd does not wait for them."""

    def watch(self) -> None:
        """Begin to report that the process is not stuck: call `alive` from now on."""
        if self._period:
            self._send("WATCHDOG=1", f"WATCHDOG_USEC={self._period}")

    def leave(self) -> None:
        """Report that another program takes over the process, which takes some time."""
        if self._period:
            self._send("WATCHDOG=1", f"WATCHDOG_USEC={max(self._period, LEAVING):.0f}")

    def alive(self) -> None:
        """Report that the process is not stuck."""
        self._send("WATCHDOG=1")

    def starting(self, more_seconds: float) -> None:
        """Report that the start needs more time: at least `more_seconds` from now on."""
        self._send(f"EXTEND_TIMEOUT_USEC={more_seconds * 1e6:.0f}")

    def ready(self, status: str) -> None:
        """Report that the start, the reload or the restart is complete."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """Report what the process does, in one line."""
        self._send(f"STATUS={status}")

    def reloading(self, status: str) -> None:
        """Report that a restart begins; `ready` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", f"STATUS={status}")

    def stopping(self) -> None:
        """Report that the process stops."""
        self._send("STOPPING=1", "STATUS=stopping")

    def _send(self, *lines: str) -> None:
        """Send a report; if systemd cannot take it, go on without."""
        if not self._path.startswith(("/", "@")):
            return
        name = self._path.encode()
        abstract = b"\0" + name[1:] if name.startswith(b"@") else name
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), abstract)


def take_notifier(environment: MutableMapping[str, str], pid: int) -> Notifier:
    """Return the notifier of this process, and remove systemd's variables from `environment`.

    Processes that this one starts must not report for it.
    """
    notifier = Notifier(environment, pid)
    for name in VARIABLES:
        environment.pop(name, None)
    return notifier
