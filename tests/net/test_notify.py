"""Reports to systemd are sent to the socket that it names, and to nothing else."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from failoverdns.net.notify import Notifier, take_notifier

PID = 17


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Listen as systemd does, and yield the value of NOTIFY_SOCKET and the socket."""
    name = str(tmp_path / "notify")
    if request.param == "abstract":
        name = f"@failoverdns-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(5)
        yield name, sock


def test_each_report_is_one_datagram_of_assignments(systemd: tuple[str, socket.socket]) -> None:
    name, sock = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000"}, PID)
    notifier.starting(2.5)
    notifier.ready("1 zone")
    notifier.status("reads")
    notifier.reloading("restarts")
    notifier.alive()
    notifier.stopping()
    notifier.leave()
    notifier.watch()
    reports = [sock.recv(1024).decode() for _ in range(8)]
    assert reports[:3] == ["EXTEND_TIMEOUT_USEC=2500000", "READY=1\nSTATUS=1 zone", "STATUS=reads"]
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=[1-9]\d*\nSTATUS=restarts", reports[3])
    assert reports[4:6] == ["WATCHDOG=1", "STOPPING=1\nSTATUS=stopping"]
    assert reports[6:] == [f"WATCHDOG=1\nWATCHDOG_USEC={n}" for n in (120000000, 3000000)]


@pytest.mark.parametrize("name", [None, "", "relative", "/does/not/exist", "@does-not-exist"])
def test_without_a_socket_nothing_happens(name: str | None) -> None:
    Notifier({} if name is None else {"NOTIFY_SOCKET": name}, PID).ready("ready")


def test_a_full_socket_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        notifier = Notifier({"NOTIFY_SOCKET": str(path)}, PID)
        for _ in range(2000):
            notifier.alive()


@pytest.mark.parametrize(
    ("environment", "interval"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(PID)}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "18"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdog_is_served_twice_in_its_period(
    environment: dict[str, str], interval: float
) -> None:
    assert Notifier(environment, PID).interval == interval


def test_the_variables_do_not_reach_other_programs() -> None:
    """They are kept for the program that replaces this one."""
    given = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "1", "WATCHDOG_PID": str(PID)}
    environment = {**given, "HOME": "/"}
    notifier = take_notifier(environment, PID)
    assert environment == {"HOME": "/"}
    assert notifier.environment == given
