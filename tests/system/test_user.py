"""`user`: a server that root starts runs as an ordinary user, with everything that it does."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.other_user import UID, USER, ServerOfRoot, server_of_root, status_of
from system.server import DEADLINE, tool, wait_for

BIND_ONLY = 1 << 10
CONFIG = """\
zones:
  failover.test:
    nameservers: {{ns1: [127.0.0.1]}}
user: nobody
listen: ["{address}:53"]
workers: 2
control: {{socket: run/control.sock}}
state: {{sqlite: state/state.db}}
hooks:
  tell:
    run: ["{hook}"]
    events: [switch]
"""
HOOK = """\
#!/bin/sh
cat /proc/self/status /proc/self/limits >"{told}.new" && mv "{told}.new" "{told}"
"""


def address() -> str:
    """Return a random address of the loopback interface, on which port 53 is free."""
    return f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"


@pytest.fixture
def server() -> Iterator[ServerOfRoot]:
    """Make a server of root that becomes `nobody`, with port 53 of a loopback address."""
    with server_of_root("") as made:
        hook = made.folder / "hook"
        (made.folder / "told").mkdir()
        os.chown(made.folder / "told", UID, UID)
        hook.write_text(HOOK.format(told=made.folder / "told" / "status"))
        hook.chmod(0o755)
        made.config.write_text(CONFIG.format(address=address(), hook=hook))
        yield made


def asked(server: ServerOfRoot, where: str) -> str:
    """Return the answer at port 53 of an address."""
    words = [tool("dig"), f"@{where}", "+short", "+tries=1", "+time=5", "ns1.failover.test"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def listening(server: ServerOfRoot) -> str:
    """Return the address of the configuration."""
    return server.config.read_text().partition('listen: ["')[2].partition(":")[0]


def workers(server: ServerOfRoot) -> list[int]:
    """Return the process ids of the answering processes."""
    return [one["pid"] for one in server.do(command="status")["server"]["workers"]]


def check_processes(server: ServerOfRoot) -> None:
    """Check the users, groups and capabilities of all processes."""
    assert server.process is not None
    control = status_of(server.process.pid)
    for status in (control, *map(status_of, workers(server))):
        assert status["Uid"].split() == [str(UID)] * 4
        assert status["Gid"].split() == [str(UID)] * 4
        assert "0" not in status["Groups"].split()
    assert int(control["CapPrm"], 16) == int(control["CapEff"], 16) == BIND_ONLY
    assert int(control["CapAmb"], 16) == 0
    for pid in workers(server):
        status = status_of(pid)
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {0}
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"


def test_a_server_of_root_serves_restarts_and_reloads_as_its_user(server: ServerOfRoot) -> None:
    """It keeps the right to bind port 53, for a restart and for an address that is added."""
    server.start()
    first = listening(server)
    assert asked(server, first) == "127.0.0.1\n"
    check_processes(server)
    assert (server.folder / "state" / "state.db").stat().st_uid == UID
    assert "runs as root" not in server.log.read_text()

    server.load_demo()
    server.do(command="switch", groups=["shop"])
    told = server.folder / "told" / "status"
    wait_for(told.exists)
    hook = dict(line.split(":\t", 1) for line in told.read_text().splitlines() if ":\t" in line)
    assert {int(hook[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")} == {0}
    assert hook["Uid"].split()[0] == str(UID)
    assert re.search("Max core file size +0 +0 ", told.read_text())

    before = workers(server)
    server.do(command="restart")
    assert not set(before) & set(workers(server))
    assert asked(server, first) == "127.0.0.1\n"
    check_processes(server)

    second = address()
    text = server.config.read_text()
    server.config.write_text(text.replace(f'"{first}:53"', f'"{first}:53", "{second}:53"'))
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: asked(server, second) == "127.0.0.1\n")
    third = address()
    text = server.config.read_text()
    server.config.write_text(text.replace(f'"{second}:53"', f'"{second}:53", "{third}:53"'))
    server.do(command="restart")
    assert asked(server, third) == "127.0.0.1\n"

    server.process.kill()
    server.process.wait(DEADLINE)
    old = workers_left(server)
    assert len(old) == 2
    server.start()
    assert asked(server, first) == "127.0.0.1\n"
    wait_for(lambda: not [pid for pid in old if Path(f"/proc/{pid}").exists()])
    check_processes(server)
    assert server.stop() == 0
    assert not list((server.folder / "run").glob("control.sock*"))


def workers_left(server: ServerOfRoot) -> list[int]:
    """Return the ids of the answering processes that have a rendezvous."""
    return [int(path.suffix[1:]) for path in (server.folder / "run").glob("control.sock.worker.*")]


def test_a_server_that_was_started_as_its_user_changes_nothing(server: ServerOfRoot) -> None:
    """The capability that it was given is enough to bind port 53, and it passes none on."""
    server.groups = (
        *("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"),
        *("--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service"),
    )
    for name in ("run", "state"):
        (server.folder / name).mkdir()
        os.chown(server.folder / name, UID, UID)
    server.start()
    assert asked(server, listening(server)) == "127.0.0.1\n"
    check_processes(server)
    server.do(command="restart")
    assert asked(server, listening(server)) == "127.0.0.1\n"
    check_processes(server)


def test_another_user_cannot_become_it(server: ServerOfRoot) -> None:
    """Only root can; nothing was bound."""
    server.groups = ("setpriv", "--reuid=1", "--regid=1", "--clear-groups")
    assert "user: only root can become nobody, and the server was started as daemon" in (
        failure(server)
    )


def failure(server: ServerOfRoot) -> str:
    """Start a server that must not start; return what it prints."""
    begin = server.log.stat().st_size if server.log.exists() else 0
    assert server.launch().wait(DEADLINE) == 1
    return server.log.read_text()[begin:]


def test_files_of_root_are_named_with_the_command_that_gives_them_away(
    server: ServerOfRoot,
) -> None:
    """A server that ran as root before has left them; the commands of the message are enough."""
    text = server.config.read_text()
    server.config.write_text(text.replace("user: nobody\n", ""))
    server.start()
    assert "the server runs as root: set `user` in the configuration" in server.log.read_text()
    server.config.write_text(text)
    refused = server.ask(command="restart")
    assert "becomes nobody when it is stopped and started" in refused["error"]["message"]
    assert server.stop() == 0
    (server.folder / "state" / "state.db.transfers").mkdir()
    said = failure(server)
    assert f"{server.folder}/state/state.db " in said
    assert f"{server.folder}/state/state.db.transfers" in said
    assert f"must belong to {USER}: run chown nobody: " in said
    subprocess.run(said.partition(": run ")[2], shell=True, check=True)
    server.start()
    check_processes(server)


def test_answering_processes_of_root_are_named(server: ServerOfRoot) -> None:
    """The user cannot take over from them, so somebody has to end them."""
    text = server.config.read_text()
    server.config.write_text(text.replace("user: nobody\n", ""))
    server.start()
    left = sorted(workers(server))
    assert server.process is not None
    server.process.kill()
    server.process.wait(DEADLINE)
    for path in (server.folder, *server.folder.rglob("*")):
        if "worker" not in path.name:
            os.chown(path, UID, UID)
    server.config.write_text(text)
    said = failure(server)
    assert f"end them: kill {left[0]} {left[1]}" in said
    for pid in left:
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not [pid for pid in left if Path(f"/proc/{pid}").exists()])
    server.start()
    check_processes(server)


@pytest.mark.parametrize(
    ("path", "mode", "said"),
    [
        ("failoverdns.yaml", 0o600, "nobody must be able to read {folder}/failoverdns.yaml"),
        ("state", 0o755, "{folder}/state must belong to nobody: run chown nobody: {folder}/state"),
        ("run", 0o755, "{folder}/run must belong to nobody: run chown nobody: {folder}/run"),
        ("", 0o700, "nobody cannot enter {folder}"),
        ("xfr.key", 0o600, "nobody must be able to read {folder}/xfr.key: run chgrp "),
    ],
)
def test_what_the_user_cannot_use_is_named_before_anything_is_bound(
    server: ServerOfRoot, path: str, mode: int, said: str
) -> None:
    """Folders of root that exist, a configuration or secret that only root can read."""
    found = server.folder / path
    if path in ("state", "run"):
        found.mkdir()
    elif path == "xfr.key":
        found.touch()
        with server.config.open("a") as file:
            file.write("tsig_keys: {xfr.test: {secret_file: xfr.key}}\n")
    found.chmod(mode)
    began = time.monotonic()
    assert said.format(folder=server.folder) in failure(server)
    assert time.monotonic() - began < DEADLINE / 2
    server.folder.chmod(0o755)


def test_a_user_that_does_not_exist_is_an_error_of_the_configuration(server: ServerOfRoot) -> None:
    """`check-config` reports it with its line."""
    server.config.write_text(server.config.read_text().replace("user: nobody", "user: nobdy"))
    words = server.command("check-config", server.config)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'yaml:4:7: error: user: there is no user "nobdy" on this machine' in done.stdout
