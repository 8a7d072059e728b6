"""Answering processes: DNS queries are answered while they, or the control process, fail."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from authority import make_authority
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from system.asking import Asker
from system.server import CONFIG, Server, wait_for

WORKERS = CONFIG.replace("workers: 0", "workers: 2")
HOSTNAME = "414-262-781.failover.test"
EU, US = frozenset({"192.0.2.10"}), frozenset({"198.51.100.20"})


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Server]:
    """Start a server with two answering processes and the group `shop`."""
    running = Server(tmp_path, WORKERS)
    try:
        running.start()
        running.load_demo()
        yield running
    finally:
        running.kill()


def pids(server: Server) -> list[int]:
    """Return the process IDs of the answering processes that are ready."""
    workers = server.do(command="status")["server"]["workers"]
    return [worker["pid"] for worker in workers if worker["answering"]]


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def asker(server: Server) -> Asker:
    """Return a DNS client with many ports."""
    return Asker(server.port, HOSTNAME)


def switch(server: Server, side: str) -> None:
    """Switch the group to a side."""
    server.do(command="switch", groups=["shop"], to=side)


def test_separate_processes_answer_on_every_address(fleet: Server) -> None:
    """They answer over UDP and TCP, IPv4 and IPv6."""
    for words in (["+notcp"], ["+tcp"], ["@::1", "+notcp"], ["@::1", "+tcp"]):
        assert fleet.short(HOSTNAME, *words) == ["192.0.2.10"]
    assert len(pids(fleet)) == 2
    assert fleet.process is not None
    assert all(pid != fleet.process.pid for pid in pids(fleet))


def test_an_answering_process_has_neither_state_nor_keys(fleet: Server) -> None:
    """An attacker inside one finds only data that any DNS client can query.

    Its open files and its memory have neither the key of the vault nor that of a certificate.
    """
    issued = make_authority().issue(HOSTNAME)
    install = {"application": "shop-eu", "chain": issued.chain, "key": issued.key}
    fleet.do(command="certificate install", **install)
    switch(fleet, "backup")  # reads the key again and sends a change to every process
    vault = b64decode(fleet.folder.joinpath("state.db.key").read_bytes().split()[0])
    number = load_pem_private_key(issued.key.encode(), None).private_numbers().private_value
    secrets = [
        vault,
        b64encode(vault),
        number.to_bytes(32, "big"),
        number.to_bytes(32, "little"),
        issued.key.splitlines()[2].encode(),
    ]
    assert fleet.process is not None
    assert in_memory(fleet.process.pid, secrets), "the search finds keys where they are"
    assert len(pids(fleet)) == 2
    for pid in pids(fleet):
        opened = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
        assert not [path for path in opened if "state.db" in path]
        assert not [path for path in opened if ".key" in path]
        assert in_memory(pid, [b"414-262-781"])
        assert not in_memory(pid, secrets)


def in_memory(pid: int, words: list[bytes]) -> list[bytes]:
    """Return which of these byte strings are in the writable memory of a process."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            begin, end = (int(number, 16) for number in place.split("-"))
            with suppress(OSError):  # unmapped meanwhile
                memory.seek(begin)
                content = memory.read(end - begin)
                found |= {word for word in words if word in content}
    return sorted(found)


def test_every_process_answers_with_a_switch_when_it_is_acknowledged(fleet: Server) -> None:
    """The next answer is the new one, whichever process gets the query."""
    client = asker(fleet)
    for number in range(50):
        side, addresses = (("backup", US), ("primary", EU))[number % 2]
        switch(fleet, side)
        assert set(client.ask_each()) == {addresses}


def test_a_killed_process_is_replaced_and_waiting_queries_are_answered(
    fleet: Server,
) -> None:
    """At most one query is lost for each process: the one that it had read and not answered."""
    before = pids(fleet)
    with asker(fleet) as client:
        for number, pid in enumerate(before):
            os.kill(pid, signal.SIGKILL)
            switch(fleet, "backup" if number % 2 == 0 else "primary")
            wait_for(lambda pid=pid: pid not in pids(fleet) and len(pids(fleet)) == 2)
            client.wait_for_more()
    assert client.lost <= len(before)
    assert {addresses for _, _, addresses in client.seen} == {EU, US}
    assert not set(before) & set(pids(fleet))
    assert set(asker(fleet).ask_each()) == {EU}
    assert "another one takes its place" in fleet.log.read_text()


def test_all_processes_are_replaced_if_all_are_killed(fleet: Server) -> None:
    """Queries wait in the sockets meanwhile."""
    with asker(fleet) as client:
        before = pids(fleet)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(set(pids(fleet)) - set(before)) == 2)
        client.wait_for_more()
        switch(fleet, "backup")
        switched = time.monotonic()
        client.wait_for_more()
    assert client.lost <= len(before)
    assert {addresses for sent, _, addresses in client.seen if sent > switched} == {US}
    assert {addresses for sent, _, addresses in client.seen if sent <= switched} <= {EU, US}
    assert set(asker(fleet).ask_each()) == {US}


def test_a_stalled_process_does_not_delay_a_command_for_long(fleet: Server) -> None:
    """It is killed, so that it cannot send old answers; other processes answer its queries."""
    stalled = pids(fleet)[0]
    with asker(fleet) as client:
        os.kill(stalled, signal.SIGSTOP)
        began = time.monotonic()
        switch(fleet, "backup")
        took = time.monotonic() - began
        assert not is_running(stalled)
        client.wait_for_more()
        assert {addresses for sent, _, addresses in client.seen if sent > began + took} == {US}
    assert client.lost == 0
    assert took < 10
    wait_for(lambda: len(pids(fleet)) == 2)


def test_a_stalled_process_is_detected_without_a_command(fleet: Server) -> None:
    """It is killed and replaced within seconds."""
    stalled = pids(fleet)[0]
    os.kill(stalled, signal.SIGSTOP)
    wait_for(lambda: not is_running(stalled))
    wait_for(lambda: len(pids(fleet)) == 2)


def test_queries_are_answered_while_the_control_process_is_stalled(fleet: Server) -> None:
    """It resumes without an effect on the answering processes."""
    assert fleet.process is not None
    before = pids(fleet)
    fleet.process.send_signal(signal.SIGSTOP)
    with asker(fleet) as client:
        time.sleep(6)  # longer than any time limit between processes
        client.wait_for_more()
        fleet.process.send_signal(signal.SIGCONT)
        for side in ("backup", "primary", "backup"):  # each reaches every process
            switch(fleet, side)
        client.wait_for_more()
    assert client.lost == 0
    assert pids(fleet) == before
    assert "it is killed" not in fleet.log.read_text()


def test_queries_are_answered_while_a_new_control_process_takes_over(
    fleet: Server,
) -> None:
    """No query is lost or answered wrongly, and the former answering processes end."""
    before = pids(fleet)
    with asker(fleet) as client:
        for number in range(3):
            assert fleet.process is not None
            fleet.process.kill()
            fleet.process.wait()
            client.wait_for_more()
            fleet.start()
            switch(fleet, "backup" if number % 2 == 0 else "primary")
    assert client.lost == 0
    assert {addresses for _, _, addresses in client.seen} <= {EU, US}
    assert set(asker(fleet).ask_each()) == {US}
    wait_for(lambda: not [pid for pid in before if is_running(pid)])
    assert len(list(fleet.folder.glob("control.sock.worker.*"))) == 2


def test_a_control_process_without_answering_processes_takes_over(fleet: Server) -> None:
    """The configuration may have changed before the new start."""
    before = pids(fleet)
    with asker(fleet) as client:
        assert fleet.process is not None
        fleet.process.kill()
        fleet.process.wait()
        fleet.config.write_text(fleet.config.read_text().replace("workers: 2", "workers: 0"))
        client.wait_for_more()
        fleet.start()
        client.wait_for_more()
        switch(fleet, "backup")
        switched = time.monotonic()
        client.wait_for_more()
    assert client.lost == 0
    assert {addresses for sent, _, addresses in client.seen if sent > switched} == {US}
    assert {addresses for sent, _, addresses in client.seen if sent <= switched} <= {EU, US}
    assert set(asker(fleet).ask_each()) == {US}
    wait_for(lambda: not [pid for pid in before if is_running(pid)])


def test_a_tcp_connection_continues_at_a_takeover(fleet: Server) -> None:
    """A query that was partly sent is answered, and so are those that follow."""
    import socket

    import dns.message

    message = dns.message.make_query(HOSTNAME, "A").to_wire()
    framed = len(message).to_bytes(2, "big") + message
    with socket.create_connection(("127.0.0.1", fleet.port), timeout=30) as sock:
        sock.sendall(framed)
        assert len(sock.recv(4096)) > 2
        sock.sendall(framed[:10])
        assert fleet.process is not None
        before = pids(fleet)
        fleet.process.kill()
        fleet.process.wait()
        starting = fleet.launch()
        wait_for(lambda: "taking over" in fleet.log.read_text())
        sock.sendall(framed[10:])
        assert len(sock.recv(4096)) > 2
        wait_for(lambda: not [pid for pid in before if is_running(pid)])
        sock.sendall(framed)
        assert len(sock.recv(4096)) > 2
        assert starting.poll() is None


def test_a_process_without_a_table_ends_with_its_control_process(tmp_path: Path) -> None:
    """A server that is killed during its start leaves no process behind."""
    server = Server(tmp_path, WORKERS)
    try:
        starting = server.launch()
        children = Path(f"/proc/{starting.pid}/task/{starting.pid}/children")
        wait_for(lambda: len(children.read_text().split()) == 2)
        begun = [int(pid) for pid in children.read_text().split()]
        starting.kill()
        starting.wait()
        wait_for(lambda: not [pid for pid in begun if is_running(pid)])
    finally:
        server.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_stops_ends_its_answering_processes(fleet: Server, number: int) -> None:
    """It leaves no process and no socket behind."""
    running = pids(fleet)
    assert fleet.stop(number) == 0
    assert not [pid for pid in running if is_running(pid)]
    assert not list(fleet.folder.glob("control.sock.worker.*"))


def test_an_interrupt_from_the_terminal_stops_all_processes_in_order(tmp_path: Path) -> None:
    """Ctrl-C goes to every process of the terminal, but only the control process reacts to it."""
    server = Server(tmp_path, WORKERS)
    with server.log.open("ab") as log:
        from system.server import EXECUTABLE

        server.process = subprocess.Popen(
            [EXECUTABLE, "serve", "--config", server.config],
            stderr=log,
            cwd=tmp_path,
            start_new_session=True,
        )
    try:
        wait_for(lambda: "control socket" in server.log.read_text())
        running = pids(server)
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(30) == 0
        assert not [pid for pid in running if is_running(pid)]
        assert "takes its place" not in server.log.read_text()
    finally:
        server.kill()


def test_a_reload_replaces_addresses_in_every_process(fleet: Server) -> None:
    """No query to an unchanged address is lost."""
    text = fleet.config.read_text()
    with asker(fleet) as client:
        fleet.config.write_text(text.replace('"[::1]:0"', '"127.0.0.2:0"'))
        assert fleet.process is not None
        fleet.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "answering on 127.0.0.2" in fleet.log.read_text())
        port = int(fleet.log.read_text().rpartition("127.0.0.2:")[2].split(",")[0])
        second = fleet.dig("@127.0.0.2", "+short", HOSTNAME, "-p", str(port))
        assert second.split() == ["192.0.2.10"]
        client.wait_for_more()
    assert client.lost == 0
    assert {addresses for _, _, addresses in client.seen} == {EU}


def test_queries_are_logged_by_every_process_in_one_file(tmp_path: Path) -> None:
    """On, off and the counts apply to all processes, also to one that replaces another."""
    server = Server(tmp_path, WORKERS + "querylog: {file: queries.json}\n")
    try:
        server.start()
        server.load_demo()
        assert server.do(command="querylog on")["on"]
        asker(server).ask_each()
        wait_for(lambda: server.do(command="querylog status")["written"] == 16)
        assert len((tmp_path / "queries.json").read_text().splitlines()) == 16
        os.kill(pids(server)[0], signal.SIGKILL)
        wait_for(lambda: len(pids(server)) == 2)
        asker(server).ask_each()
        wait_for(lambda: len((tmp_path / "queries.json").read_text().splitlines()) == 32)
        assert not server.do(command="querylog off")["on"]
        assert not server.do(command="querylog status")["on"]
    finally:
        server.kill()
