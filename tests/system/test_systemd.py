"""The unit files under a real systemd, in a machine of its own, as the user of the unit."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port
from system.asking import Asker
from system.machine import CONFIG as CONFIG_FILE
from system.machine import PROJECT, SOCKET, Machine
from system.server import tool, wait_for

HOSTNAME = "ns1.failover.test"
RIGHT = frozenset({"127.0.0.1"})
CONFIG = """\
zones:
  failover.test:
    nameservers: {{ns1: [127.0.0.1]}}
listen: ["127.0.0.1:{port}"]
workers: 2
tcp: {{initial_timeout: 120, idle_timeout: 120}}
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


def status(machine: Machine, pid: str) -> dict[str, str]:
    """Return the fields of /proc/PID/status."""
    lines = machine.run("cat", f"/proc/{pid}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def capabilities(fields: dict[str, str]) -> tuple[int, int, int]:
    """Return the permitted, effective and ambient capabilities of a process."""
    permitted, effective, ambient = (
        int(fields[f"Cap{name}"], 16) for name in ("Prm", "Eff", "Amb")
    )
    return permitted, effective, ambient


def test_the_exposure_of_the_unit_is_low() -> None:
    """systemd's own measure, from 0 to 10, of what the unit may do."""
    unit = PROJECT / "config" / "failoverdns.service"
    words = [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", unit]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    level = re.search(r"Overall exposure level for failoverdns.service: ([0-9.]+)", done.stdout)
    if level is None:
        pytest.skip(f"systemd-analyze cannot judge a file: {done.stderr}")
    assert float(level[1]) <= 1.5


def test_processes_of_the_unit_have_no_more_rights_than_they_need(machine: Machine) -> None:
    """Only the control process keeps a capability, through a restart; a hook gets none."""
    hook = machine.folder / "opt" / "hook"
    hook.write_text("#!/bin/sh\ncat /proc/self/status >/var/lib/failoverdns/told\n")
    hook.chmod(0o755)
    with machine.config.open("a") as config:
        config.write('hooks: {tell: {run: ["/opt/hook"], events: [switch]}}\n')
    machine.run("systemctl", "start", "failoverdns")
    for word in ("application add shop-eu", "application add shop-us"):
        machine.failoverdns(*word.split())
    for name in ("shop-eu", "shop-us"):
        head = ("--role", "load-balancer", "--address", "192.0.2.1")
        machine.failoverdns("head", "add", name, "lb1", *head)
    machine.failoverdns("group", "add", "shop", "--primary", "shop-eu", "--backup", "shop-us")
    for _ in range(2):
        control = status(machine, machine.property("MainPID"))
        assert capabilities(control) == (1 << 10, 1 << 10, 0)
        for fields in (status(machine, pid) for pid in workers(machine)):
            assert capabilities(fields) == (0, 0, 0)
            assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
            assert int(fields["Seccomp_filters"]) > int(control["Seccomp_filters"])
        told = machine.folder / "var" / "failoverdns" / "told"
        told.unlink(missing_ok=True)
        machine.failoverdns("switch", "shop")
        wait_for(lambda told=told: told.exists() and "Seccomp:" in told.read_text())
        lines = (line.partition(":\t") for line in told.read_text().splitlines())
        assert capabilities({name: value for name, _, value in lines}) == (0, 0, 0)
        before = workers(machine)
        machine.run("systemctl", "reload", "failoverdns")
        wait_for(lambda before=before: not set(before) & set(workers(machine)))
        assert asked(machine) == "127.0.0.1\n"
    text = machine.log.read_text()
    assert "confined by loss of capabilities" in text
    assert "not confined" not in text
    assert "runs as root" not in text


def test_a_crash_leaves_no_core_and_no_process(machine: Machine) -> None:
    """The next control process takes over from workers that its /proc does not show.

    One of them hangs, and is killed.
    """
    machine.run("systemctl", "start", "failoverdns")
    pid, before = machine.property("MainPID"), workers(machine)
    machine.run("kill", "-STOP", before[0])
    machine.run("kill", "-SEGV", pid)
    wait_for(lambda: machine.property("NRestarts") == "1")
    wait_for(lambda: machine.property("ActiveState") == "active")
    wait_for(lambda: len(workers(machine)) == 2 and not set(before) & set(workers(machine)))
    assert asked(machine) == "127.0.0.1\n"
    assert "core-dump" not in machine.run("systemctl", "status", "failoverdns", check=False)
    assert "/control.sock.worker" in machine.run("ls", "-d", *rendezvous(machine))
    assert len(rendezvous(machine)) == 2


def rendezvous(machine: Machine) -> list[str]:
    """Return the paths at which workers can be found."""
    return machine.run("sh", "-c", "ls -d /run/failoverdns/control.sock.worker.*").split()


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


GROUP_OF_THE_SOCKET = """\
SupplementaryGroups=failoverdns-control
RuntimeDirectoryMode=0711
SystemCallFilter=@chown
"""
"""As docs/systemd.md has it."""


@pytest.mark.parametrize("machine", [GROUP_OF_THE_SOCKET], indirect=True)
def test_operators_reach_the_socket_by_a_group_that_cannot_read_the_configuration(
    machine: Machine,
) -> None:
    """The group of the server can read it; that of the socket only lets its members connect."""
    page = (PROJECT / "docs" / "systemd.md").read_text()
    assert GROUP_OF_THE_SOCKET in page
    machine.run("sh", "-c", "echo failoverdns-control:x:77001: >>/etc/group")
    roles = '{group: failoverdns-control, roles: {"@failoverdns-control": operator}}'
    with machine.config.open("a") as config:
        config.write(f"control: {roles}\n")
    machine.run("systemctl", "start", "failoverdns")
    operator = (tool("setpriv"), "--reuid=77002", "--regid=77003", "--groups=77001")
    command = (*operator, "/opt/failoverdns/bin/failoverdns", "--socket", str(SOCKET))
    for _ in range(2):
        assert machine.run("stat", "-c", "%U %g %a", str(SOCKET)) == "failoverdns 77001 660\n"
        assert machine.run(*command, "whoami") == "unix:77002: operator\n"
        assert "needs the role admin" in machine.run(*command, "group", "add", "x", check=False)
        assert "ermission denied" in machine.run(*operator, "cat", str(CONFIG_FILE), check=False)
        machine.run("systemctl", "reload", "failoverdns")
    machine.run("rm", str(SOCKET))
    wait_for(lambda: machine.run(*command, "whoami", check=False) == "unix:77002: operator\n")
    assert "members of" not in machine.log.read_text(), "nobody has to be warned"
