"""The unit files under a real systemd, in a machine of its own, as the user of the unit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port
from system.asking import Asker
from system.machine import Machine
from system.server import tool, wait_for

HOSTNAME = "ns1.failover.test"
RIGHT = frozenset({"127.0.0.1"})
CONFIG = """\
zones:
  failover.test:
    nameservers: {{ns1: [127.0.0.1]}}
listen: ["127.0.0.1:{port}"]
workers: 2
tcp: {{idle_timeout: 120}}
"""


@pytest.fixture
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Boot a machine whose server listens on a free port, and is not started yet."""
    made = Machine(tmp_path, CONFIG.format(port=free_port()), getattr(request, "param", ""))
    try:
        yield made
    finally:
        made.stop()


def port_of(machine: Machine) -> int:
    """Return the port of the configuration."""
    return int(machine.config.read_text().partition("127.0.0.1:")[2].partition('"')[0])


def workers(machine: Machine) -> list[str]:
    """Return the process ids of the workers as the machine counts them."""
    group = machine.property("ControlGroup")
    found = machine.run("sh", "-c", f"cat /sys/fs/cgroup/*{group}/cgroup.procs").split()
    return sorted(set(found) - {machine.property("MainPID")})


def asked(machine: Machine) -> str:
    """Return the answer to a query."""
    where = ("@127.0.0.1", "-p", str(port_of(machine)), "+tries=1", "+time=5")
    return machine.run(tool("dig"), *where, "+short", HOSTNAME)


def test_the_unit_starts_reloads_and_stops_as_it_reports(machine: Machine) -> None:
    """A start is complete when the server answers; a reload replaces it, and loses no query.

    A reload that would fail is reported as failed, and changes nothing.
    """
    machine.run("systemctl", "start", "failoverdns")
    assert asked(machine) == "127.0.0.1\n"
    assert machine.property("StatusText") == "answering"
    pid, before = machine.property("MainPID"), workers(machine)
    assert len(before) == 2
    with Asker(port_of(machine), HOSTNAME) as client:
        machine.run("systemctl", "reload", "failoverdns")
        wait_for(lambda: len(workers(machine)) == 2)  # the last reply of an old one takes a moment
        after = workers(machine)
        text = machine.config.read_text()
        machine.config.write_text("zones: {")
        failed = machine.run("systemctl", "reload", "failoverdns", check=False)
        machine.config.write_text(text)
        client.wait_for_more()
    assert client.lost == 0
    assert {addresses for _, _, addresses in client.seen} == {RIGHT}
    assert machine.property("MainPID") == pid
    assert len(after) == 2
    assert not set(before) & set(after)
    assert "failed" in failed
    assert workers(machine) == after
    assert machine.property("NRestarts") == "0"
    assert machine.property("ActiveState") == "active"
    machine.run("systemctl", "restart", "failoverdns")
    assert machine.property("MainPID") != pid
    assert asked(machine) == "127.0.0.1\n"
    group = machine.property("ControlGroup")
    machine.run("systemctl", "stop", "failoverdns")
    left = machine.run("sh", "-c", f"cat /sys/fs/cgroup/*{group}/cgroup.procs", check=False)
    assert not [word for word in left.split() if word.isdecimal()]


@pytest.mark.parametrize("machine", ["WatchdogSec=5\n"], indirect=True)
def test_a_control_process_that_hangs_is_replaced_while_workers_answer(machine: Machine) -> None:
    """The watchdog ends it, and systemd starts another one, which takes over."""
    machine.run("systemctl", "start", "failoverdns")
    pid = machine.property("MainPID")
    with Asker(port_of(machine), HOSTNAME) as client:
        machine.run("kill", "-STOP", pid)
        wait_for(lambda: machine.property("NRestarts") == "1")
        wait_for(lambda: machine.property("ActiveState") == "active")
        client.wait_for_more()
    assert client.lost == 0
    assert machine.property("MainPID") != pid
    assert "failover.test" in machine.failoverdns("status")


def test_sockets_of_systemd_survive_a_reload(machine: Machine) -> None:
    """The server needs no capability, and goes on with the sockets that it was given."""
    unit = machine.folder / "units" / "failoverdns.socket"
    port = port_of(machine)
    lines = unit.read_text().replace("0.0.0.0:53", f"127.0.0.1:{port}").splitlines()
    unit.write_text("\n".join(line for line in lines if "[::]:53" not in line) + "\n")
    drop_in = machine.folder / "units" / "failoverdns.service.d" / "sockets.conf"
    drop_in.write_text("[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "failoverdns.socket", "failoverdns.service")
    pid = machine.property("MainPID")
    with Asker(port, HOSTNAME) as client:
        for _ in range(2):
            machine.run("systemctl", "reload", "failoverdns")
        client.wait_for_more()
        machine.run("kill", "-KILL", pid)
        wait_for(lambda: machine.property("NRestarts") == "1")
        wait_for(lambda: machine.property("ActiveState") == "active")
        client.wait_for_more()
    assert client.lost == 0
    assert len(workers(machine)) == 2
