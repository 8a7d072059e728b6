"""Answering processes are taken over by the right server only, and can always be found."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from ports import free_port
from system.asking import Asker
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, wait_for
from system.test_workers import EU, HOSTNAME, US, WORKERS, asker, is_running, pids, switch


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Server]:
    """Start a server with two answering processes and the group `shop`."""
    folder = tmp_path / "first"
    folder.mkdir()
    running = Server(folder, at_port(free_port()))
    try:
        running.start()
        running.load_demo()
        yield running
    finally:
        running.kill()


def at_port(port: int) -> str:
    """Return a configuration with two answering processes at a port."""
    return WORKERS.replace('"127.0.0.1:0", "[::1]:0"', f'"127.0.0.1:{port}"')


def descriptors(pid: int) -> list[str]:
    """Return the internet sockets that a process holds, each as often as it holds it."""
    inodes = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            target = os.readlink(path)
            if target.startswith("socket:") and target[8:-1] in internet_sockets():
                inodes.append(target)
    return sorted(inodes)


def internet_sockets() -> set[str]:
    """Return the inodes of the UDP sockets and of the listening TCP sockets of this machine."""
    found = set()
    for name in ("udp", "udp6", "tcp", "tcp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            words = line.split()
            if name.startswith("udp") or words[3] == "0A":
                found.add(words[9])
    return found


def control_process(server: Server) -> int:
    """Return the id of the control process."""
    assert server.process is not None
    return server.process.pid


def kill_control_process(server: Server) -> None:
    """Kill the control process only, as a crash does."""
    assert server.process is not None
    server.process.kill()
    server.process.wait()


def refused(server: Server) -> str:
    """Start a server that must not start; return its log."""
    try:
        assert server.launch().wait(DEADLINE) == 1
    finally:
        assert server.process is not None
        if server.process.poll() is None:
            server.process.kill()
    text = server.log.read_text()
    assert "Traceback" not in text
    assert "cannot start: " in text
    return text


@contextmanager
def undisturbed(first: Server) -> Iterator[None]:
    """Check that the answers and the processes of a server stay as they are."""
    before = pids(first)
    switch(first, "backup")
    with Asker(first.port, HOSTNAME, patience=10) as client:
        client.wait_for_more()
        yield
        client.wait_for_more()
    assert client.lost == 0
    assert {addresses for _, _, addresses in client.seen} == {US}
    assert max(received - sent for sent, received, _ in client.seen) < 3
    assert pids(first) == before
    switch(first, "primary")
    assert set(asker(first).ask_each()) == {EU}


def second_of(first: Server, folder: Path, *changes: tuple[str, str]) -> Server:
    """Return a server in another folder with the changed configuration of the first."""
    folder.mkdir()
    text = first.config.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return Server(folder, text)


SAME_SOCKET = ("socket: control.sock", "socket: ../first/control.sock")


@pytest.mark.parametrize("workers", ["2", "0"])
def test_a_second_server_with_another_state_takes_nothing(
    fleet: Server, tmp_path: Path, workers: str
) -> None:
    """A restore is tried out with a copied configuration: the live answers stay."""
    second = second_of(
        fleet, tmp_path / "second", SAME_SOCKET, ("workers: 2", f"workers: {workers}")
    )
    for name in ("state.db", "state.db.key"):
        shutil.copy(fleet.folder / name, second.folder / name)
    with undisturbed(fleet):
        assert "another failoverdns answers on" in refused(second)


def test_a_second_server_through_a_symbolic_link_takes_nothing(
    fleet: Server, tmp_path: Path
) -> None:
    """The folder of the control socket is the same by another name."""
    tmp_path.joinpath("link").symlink_to("first")
    path = ("socket: control.sock", "socket: ../link/control.sock")
    second = second_of(fleet, tmp_path / "second", path)
    with undisturbed(fleet):
        assert "another failoverdns answers on" in refused(second)


def test_a_second_server_at_the_same_addresses_takes_no_query(
    fleet: Server, tmp_path: Path
) -> None:
    """Its socket and its state are its own; the kernel would give it half of the clients."""
    second = second_of(fleet, tmp_path / "second")
    with undisturbed(fleet):
        assert "Address already in use" in refused(second)


def test_a_second_server_takes_nothing_if_the_control_socket_was_removed(
    fleet: Server, tmp_path: Path
) -> None:
    """The answering processes have a control process, whatever else is missing."""
    second = second_of(fleet, tmp_path / "second", SAME_SOCKET, ("workers: 2", "workers: 1"))
    with undisturbed(fleet):
        os.kill(control_process(fleet), signal.SIGSTOP)  # it cannot make the socket again
        try:
            fleet.socket.unlink()
            assert "another failoverdns uses" in refused(second)
        finally:
            os.kill(control_process(fleet), signal.SIGCONT)
        wait_for(fleet.socket.exists)


def test_of_servers_that_start_at_the_same_moment_one_serves(tmp_path: Path) -> None:
    """The others end and leave no process behind."""
    port = free_port()
    servers = []
    for name in ("first", "second", "third"):
        folder = tmp_path / name
        folder.mkdir()
        servers.append(Server(folder, at_port(port).replace(*SAME_SOCKET)))
    shared = Server(tmp_path / "first", servers[0].config.read_text())
    try:
        started = [server.launch() for server in servers]
        wait_for(lambda: sum(one.poll() is not None for one in started) == 2)
        assert sorted(one.poll() or 0 for one in started) == [0, 1, 1]
        wait_for(lambda: len(pids(shared)) == 2)
        for server in servers:
            assert "Traceback" not in server.log.read_text()
    finally:
        for server in servers:
            server.kill()
        shared.kill()


def test_a_server_that_starts_while_another_stops_does_not_disturb_it(
    fleet: Server, tmp_path: Path
) -> None:
    """The second one starts when the first has ended, or not at all."""
    second = second_of(fleet, tmp_path / "second", SAME_SOCKET)
    assert fleet.process is not None
    fleet.process.send_signal(signal.SIGTERM)
    starting = second.launch()
    try:
        assert fleet.process.wait(DEADLINE) == 0
        wait_for(
            lambda: starting.poll() == 1 or "control socket " in second.log.read_text(),
            second.log.read_text,
        )
        assert "Traceback" not in second.log.read_text() + fleet.log.read_text()
    finally:
        second.kill()


def test_a_first_start_in_an_empty_folder_survives_a_crash(tmp_path: Path) -> None:
    """Folders are made before any process needs them."""
    server = Server(tmp_path, at_port(free_port()).replace("control.sock", "run/new/control.sock"))
    server.socket = tmp_path / "run/new/control.sock"
    try:
        server.start()
        assert "Traceback" not in server.log.read_text()
        before = pids(server)
        assert all(one["rendezvous"] for one in workers(server))
        kill_control_process(server)
        server.start()
        assert len(pids(server)) == 2
        wait_for(lambda: not [pid for pid in before if is_running(pid)])
    finally:
        end(server)


@pytest.mark.parametrize("size", [94, 107])
def test_a_long_path_of_the_control_socket_survives_a_crash(tmp_path: Path, size: int) -> None:
    """The sockets of answering processes have longer paths than the kernel takes."""
    name = "c" * (size - len(os.fsencode(tmp_path)) - 1)
    if len(name) < 1:
        pytest.skip("the folder of the test has a long path already")
    server = Server(tmp_path, at_port(free_port()).replace("control.sock", name))
    server.socket = tmp_path / name
    try:
        server.start()
        assert all(one["rendezvous"] for one in workers(server))
        before = pids(server)
        kill_control_process(server)
        server.start()
        wait_for(lambda: not [pid for pid in before if is_running(pid)])
        assert len(pids(server)) == 2
    finally:
        end(server)


def test_sockets_that_were_removed_are_made_again(fleet: Server) -> None:
    """Programs that clean up temporary files remove the whole folder, even after a crash."""
    fleet.config.write_text(fleet.config.read_text().replace("control.sock", "run/control.sock"))
    fleet.stop()
    fleet.socket = fleet.folder / "run/control.sock"
    try:
        fleet.start()
        before = pids(fleet)
        shutil.rmtree(fleet.folder / "run")
        wait_for(fleet.socket.exists)
        wait_for(lambda: all(one["rendezvous"] for one in workers(fleet)))
        kill_control_process(fleet)
        shutil.rmtree(fleet.folder / "run")
        with asker(fleet) as client:
            fleet.start()
            client.wait_for_more()
        assert client.lost == 0
        wait_for(lambda: not [pid for pid in before if is_running(pid)])
    finally:
        end(fleet)


def test_a_process_that_cannot_be_reached_any_more_is_replaced(fleet: Server) -> None:
    """It is stopped and its rendezvous is removed: it can only be killed."""
    before = pids(fleet)
    kill_control_process(fleet)
    os.kill(before[0], signal.SIGSTOP)
    rendezvous(fleet, before[0]).unlink()
    fleet.start()
    wait_for(lambda: not [pid for pid in before if is_running(pid)])
    assert set(asker(fleet).ask_each()) == {EU}


def test_a_takeover_after_an_unfinished_one_holds_each_socket_once(fleet: Server) -> None:
    """A server that is killed while it takes over leaves several processes on the same sockets."""
    normal = sorted(len(descriptors(pid)) for pid in pids(fleet))
    for _ in range(3):
        kill_control_process(fleet)
        starting = fleet.launch()
        begin = fleet.log.stat().st_size
        wait_for(lambda begin=begin: "taking over" in fleet.log.read_text()[begin:])
        time.sleep(0.3)
        starting.kill()
        starting.wait()
    fleet.start()
    assert sorted(len(descriptors(pid)) for pid in pids(fleet)) == normal
    assert all(len(set(descriptors(pid))) == len(descriptors(pid)) for pid in pids(fleet))


@pytest.mark.parametrize("workers", ["2", "0"])
def test_a_start_that_fails_leaves_the_answers(fleet: Server, workers: str) -> None:
    """The next one takes over, and no query is lost in between."""
    before = pids(fleet)
    kill_control_process(fleet)
    right = fleet.config.read_text().replace("workers: 2", f"workers: {workers}")
    port = free_port()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken,
        asker(fleet) as client,
    ):
        taken.bind(("127.0.0.1", port))
        listen = f'listen: ["127.0.0.1:{fleet.port}"'
        assert listen in right
        fleet.config.write_text(right.replace(listen, f'{listen}, "127.0.0.1:{port}"'))
        assert f"port {port}: Address already in use" in refused(fleet)
        client.wait_for_more()
        assert [pid for pid in before if is_running(pid)] == before
        fleet.config.write_text(right)
        fleet.start()
        client.wait_for_more()
    assert client.lost == 0
    wait_for(lambda: not [pid for pid in before if is_running(pid)])


def test_a_server_that_is_told_to_stop_while_it_takes_over_ends_all_processes(
    fleet: Server,
) -> None:
    """A stop is a stop, whenever it comes."""
    before = pids(fleet)
    kill_control_process(fleet)
    starting = fleet.launch()
    wait_for(lambda: "taking over" in fleet.log.read_text())
    starting.send_signal(signal.SIGTERM)
    assert starting.wait(DEADLINE) == 0
    wait_for(lambda: not [pid for pid in before if is_running(pid)])
    assert not list(fleet.folder.glob("control.sock*"))


def test_planted_sockets_neither_mislead_nor_delay_the_start(fleet: Server) -> None:
    """One never answers, one lies about its addresses, and neither process is killed."""
    before = pids(fleet)
    kill_control_process(fleet)
    planted = [
        subprocess.Popen(
            [sys.executable, "-c", PLANT, rendezvous(fleet, 77770 + number), how],
            stdout=subprocess.PIPE,
        )
        for number, how in enumerate(("silent", "silent", "lying", "closing"))
    ]
    try:
        for plant in planted:
            assert plant.stdout is not None
            plant.stdout.readline()
        began = time.monotonic()
        fleet.start()
        took = time.monotonic() - began
        assert not [plant for plant in planted if plant.poll() is not None]
        kill_control_process(fleet)
        for plant in planted:
            plant.kill()
            plant.wait()
        began = time.monotonic()
        fleet.start()
        assert took < 3 * (time.monotonic() - began) + 4  # 3 seconds more, on any machine
        assert set(asker(fleet).ask_each()) == {EU}
        assert "is bound to" in fleet.log.read_text()
        wait_for(lambda: not [pid for pid in before if is_running(pid)])
    finally:
        for plant in planted:
            plant.kill()
            plant.wait()


PLANT = """
import array, json, os, socket, struct, sys, time
path, how = sys.argv[1:]
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
listening.listen()
print(flush=True)
while True:
    client, _ = listening.accept()
    if how == "silent":
        kept = client
        continue
    if how == "closing":
        client.close()
        continue
    size, _ = struct.unpack(">IB", client.recv(5, socket.MSG_WAITALL))
    call = json.loads(client.recv(size - 1, socket.MSG_WAITALL))
    udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
    udp.bind(("127.0.0.3", 0)), tcp.bind(udp.getsockname()), tcp.listen()
    body = json.dumps({"call": call["call"], "result": [["127.0.0.1", 5454]]}).encode()
    frame = struct.pack(">IB", len(body) + 1, 4) + body
    sent = array.array("i", [udp.fileno(), tcp.fileno()])
    client.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)])
    time.sleep(60)
"""


def test_a_live_process_hands_over_nothing(fleet: Server) -> None:
    """Whoever connects to its rendezvous, as its own user, cannot command it either."""
    call = b'{"call": 1, "name": "%s"}'
    with undisturbed(fleet):
        for name in (b"hand over", b"retire", b"close", b"open", b"configure", b"applied"):
            body = call % name
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(DEADLINE)
                sock.connect(str(rendezvous(fleet, pids(fleet)[0])))
                sock.sendall((len(body) + 1).to_bytes(4, "big") + b"\x03" + body)
                reply, sent, *_ = sock.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
                assert b"in-use" in reply
                assert sent == []
        with socket.socket(socket.AF_UNIX) as sock:  # a delta that removes every name
            sock.settimeout(DEADLINE)
            sock.connect(str(rendezvous(fleet, pids(fleet)[0])))
            sock.sendall((2).to_bytes(4, "big") + b"\x01\x00")
            assert sock.recv(1) == b""


def test_descriptors_that_nobody_asked_for_are_closed(fleet: Server) -> None:
    """A peer cannot fill the table of open files of a process."""
    pid = pids(fleet)[0]
    before = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(rendezvous(fleet, pid)))
        sock.sendall((1 << 20).to_bytes(4, "big") + b"\x03")  # a call that is not complete yet
        sent = array("i", [sock.fileno()] * 50)
        for _ in range(20):
            sock.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)])
        time.sleep(0.5)
        assert len(list(Path(f"/proc/{pid}/fd").iterdir())) <= before + 1


def test_no_process_imports_code_from_the_current_folder(tmp_path: Path) -> None:
    """Whoever can write to the folder in which a server is started cannot run code as its user."""
    poison = tmp_path / "poison"
    poison.mkdir()
    mark = tmp_path / "mark"
    code = f"open({str(mark)!r}, 'a').write(__name__ + chr(10))\nraise ImportError(__name__)\n"
    for name in ("pydantic", "twisted", "json", "click", "siphashc", "socket", "failoverdns"):
        poison.joinpath(f"{name}.py").write_text(code)
    server = Server(tmp_path, at_port(free_port()))
    for path in (None, ":", f"{os.pathsep}/nowhere"):
        environment = dict(os.environ)
        environment.pop("PYTHONPATH", None)
        if path is not None:
            environment["PYTHONPATH"] = path
        with server.log.open("ab") as log:
            begin = log.tell()
            if path is not None:  # Python itself would import json from an empty entry
                for name in ("json", "socket", "failoverdns"):
                    poison.joinpath(f"{name}.py").unlink(missing_ok=True)
            server.process = subprocess.Popen(
                [EXECUTABLE, "serve", "--config", server.config],
                stderr=log,
                cwd=poison,
                env=environment,
            )
        try:
            wait_for(lambda begin=begin: "control socket " in server.log.read_text()[begin:])
            assert len(pids(server)) == 2
            for pid in [control_process(server), *pids(server)]:
                assert os.readlink(f"/proc/{pid}/cwd") == "/"
            assert server.stop() == 0
        finally:
            server.kill()
    assert not mark.exists(), mark.read_text()


def test_answering_processes_run_the_code_of_their_control_process(tmp_path: Path) -> None:
    """In a checkout with another source tree they do not run that one."""
    checkout = tmp_path / "checkout"
    package = checkout / "failoverdns"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").write_text("__version__ = 'of the source tree'\n")
    server = Server(tmp_path, at_port(free_port()))
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [EXECUTABLE, "serve", "--config", server.config], stderr=log, cwd=checkout
        )
    try:
        wait_for(lambda: "control socket " in server.log.read_text())
        told = subprocess.run([EXECUTABLE, "version"], capture_output=True, text=True, check=True)
        for worker in workers(server):
            assert worker["version"] != "of the source tree"
            path = f"fast path: {worker['fast_path']}"
            assert told.stdout.rstrip().endswith(path)
            assert f"2 answering process(es), {path}" in server.log.read_text()
    finally:
        server.kill()


def test_an_answering_process_gets_a_small_environment(fleet: Server) -> None:
    """What decides how Python works gets through, secrets and systemd's sockets do not."""
    fleet.stop()
    fleet.environment = {
        "DEPLOY_TOKEN": "secret",
        "LISTEN_FDNAMES": "dns",
        "NOTIFY_SOCKET": "/nowhere",
        "FAILOVERDNS_FAST_PATH": "python",
        "LC_ALL": "C.UTF-8",
    }
    fleet.start()
    for worker in workers(fleet):
        text = Path(f"/proc/{worker['pid']}/environ").read_bytes()
        assert b"DEPLOY_TOKEN" not in text
        assert b"LISTEN_" not in text
        assert b"NOTIFY_SOCKET" not in text
        assert b"LC_ALL=C.UTF-8" in text
        assert worker["fast_path"] == "pure Python"


def test_processes_say_what_they_are(fleet: Server) -> None:
    """`ps` shows the title, `ss -p` and `top` the name."""
    seen = {pid: shown(pid) for pid in [control_process(fleet), *pids(fleet)]}
    assert seen[control_process(fleet)] == (
        "failoverdns",
        f"failoverdns: control, {fleet.socket}",
    )
    titles = sorted(title for pid, (_, title) in seen.items() if pid != control_process(fleet))
    assert titles == [f"failoverdns: answering {n}, {fleet.socket}" for n in (1, 2)]
    names = sorted(name for pid, (name, _) in seen.items() if pid != control_process(fleet))
    assert names == ["failoverdns-1", "failoverdns-2"]


def shown(pid: int) -> tuple[str, str]:
    """Return the name and the title of a process as `ps` shows them."""
    words = ["ps", "-ww", "-o", "comm=", "-o", "args=", "-p", str(pid)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    name, _, title = done.stdout.strip().partition(" ")
    return name, title.strip()


def test_a_command_without_a_server_names_the_processes_that_still_answer(fleet: Server) -> None:
    """It says what can be done about them; one of them ends when it is told to."""
    before = pids(fleet)
    kill_control_process(fleet)
    for socket_is_there in (True, False):
        if not socket_is_there:
            fleet.socket.unlink(missing_ok=True)
        done = fleet.ctl("status", check=False)
        assert done.returncode == 3
        assert f"kill {before[0]} {before[1]}" in done.stderr
        assert "start the server again" in done.stderr
    os.kill(before[0], signal.SIGTERM)
    wait_for(lambda: not is_running(before[0]))
    assert f"kill {before[1]}" in fleet.ctl("status", check=False).stderr
    assert fleet.log.read_text().count("continues to answer with the last data") == 2


@pytest.mark.parametrize("times", [3])
def test_a_hung_process_is_replaced_within_two_seconds(fleet: Server, times: int) -> None:
    """Nothing is switched meanwhile; all queries are answered, by another process if need be."""
    with Asker(fleet.port, HOSTNAME, patience=10) as client:
        for _ in range(times):
            hung = pids(fleet)[0]
            os.kill(hung, signal.SIGSTOP)
            began = time.monotonic()
            wait_for(lambda hung=hung: not is_running(hung))
            assert time.monotonic() - began < 2.5
            wait_for(lambda: len(pids(fleet)) == 2)
            client.wait_for_more()
    assert client.lost == 0
    assert max(received - sent for sent, received, _ in client.seen) < 3


@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_folder_in_which_others_can_write_is_reported(tmp_path: Path, mode: int) -> None:
    """Others could replace the control socket, or only add files to the folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(mode)
    server = Server(tmp_path, CONFIG.replace("control.sock", "run/control.sock"))
    server.socket = folder / "control.sock"
    if mode == 0o777:
        assert "chmod o-w" in refused(server)
    else:
        try:
            server.start()
            assert "can make files in" in server.log.read_text()
        finally:
            server.kill()


def workers(server: Server) -> list[dict[str, object]]:
    """Return what `status` has about each answering process."""
    found: list[dict[str, object]] = server.do(command="status")["server"]["workers"]
    return found


def rendezvous(server: Server, pid: int) -> Path:
    """Return the path of the socket at which an answering process can be found."""
    return server.socket.with_name(f"{server.socket.name}.worker.{pid}")


def end(server: Server) -> None:
    """Kill a server whose control socket is in a folder of its own, and its processes."""
    if server.process is not None and server.process.poll() is None:
        server.process.kill()
        server.process.wait()
    for path in server.socket.parent.glob("*.worker.*"):
        with suppress(ProcessLookupError):
            os.kill(int(path.suffix[1:]), signal.SIGKILL)
