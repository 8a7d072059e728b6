"""A reload of very many records holds up nobody, whatever happens meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query
import pytest
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, wait_for

MANY = 20_000
"""Records in a zone file."""

SOME = 10_000
"""Records that take a moment to read."""

PATIENT = 3.0
"""Seconds that nothing may take: some milliseconds on an idle machine."""

SMALL = CONFIG.replace("workers: 0", "workers: 2")
LARGE = SMALL.replace(
    "listen:",
    """\
  large.test:
    nameservers: {ns.example.net: []}
    records_files: [large.zone]
listen:""",
)


def write_records(server: Server, count: int, ttl: int = 60) -> None:
    """Write a zone file."""
    lines = (f"h{n} {ttl} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(count))
    (server.folder / "large.zone").write_text("".join(lines))


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Server]:
    """Start a server with two answering processes and a zone that has few records yet."""
    server = Server(tmp_path, SMALL)
    write_records(server, 1)
    try:
        server.start()
        server.load_demo()
        server.config.write_text(LARGE)
        reloaded(server)
        yield server
    finally:
        server.kill()


def logged(server: Server, begin: int) -> str:
    return server.log.read_text()[begin:]


def hang_up(server: Server) -> int:
    """Have a server reload; return the size of its log before."""
    begin = server.log.stat().st_size
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    return begin


def reloaded(server: Server, until: str = "] reloaded") -> str:
    """Have a server reload, wait for `until` in the log, and return the new lines."""
    begin = hang_up(server)
    wait_for(lambda: until in logged(server, begin), lambda: server.log.read_text())
    return logged(server, begin)


def readers(server: Server) -> list[int]:
    """Return the process ids of what reads a configuration for a server."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    found = []
    for pid in children.read_text().split():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"reading_child" in command:
            found.append(int(pid))
    return found


@contextmanager
def clients(server: Server) -> Iterator[dict[str, list[float]]]:
    """Switch and query all the while; yield the seconds that each took."""
    took: dict[str, list[float]] = {"switch": [], "query": []}
    over = threading.Event()

    def switch() -> None:
        with server.connect() as client:
            while not over.wait(0.05):
                began = time.monotonic()
                assert client.ask({"command": "switch", "groups": ["shop"]})["ok"]
                took["switch"].append(time.monotonic() - began)

    def query() -> None:
        question = dns.message.make_query("414-262-781.failover.test", "A")
        while not over.wait(0.05):
            began = time.monotonic()
            assert dns.query.udp(question, "127.0.0.1", DEADLINE, server.port).answer
            took["query"].append(time.monotonic() - began)

    threads = [threading.Thread(target=one) for one in (switch, query)]
    for one in threads:
        one.start()
    try:
        yield took
    finally:
        over.set()
        for one in threads:
            one.join()


def test_a_reload_of_very_many_records_holds_up_nobody(large: Server) -> None:
    """New records, other records and fewer of them: switches, answers and workers go on."""
    workers = large.do(command="status")["server"]["workers"]
    with clients(large) as took:
        for count, ttl in ((MANY, 60), (MANY, 61), (1, 61)):
            write_records(large, count, ttl)
            reloaded(large)
            answer = large.dig("+noall", "+answer", f"h{count - 1}.large.test").split()
            assert answer[1:4:2] == [str(ttl), "A"]
        assert "status: NXDOMAIN" in large.dig(f"h{MANY - 1}.large.test")
    assert min(map(len, took.values())) > 20
    assert max(max(seconds) for seconds in took.values()) < PATIENT
    after = large.do(command="status")["server"]["workers"]
    assert [one["pid"] for one in after] == [one["pid"] for one in workers]
    assert "defect" not in large.log.read_text()


def test_the_first_thousand_errors_of_very_many_records_are_logged_and_nothing_changes(
    large: Server,
) -> None:
    lines = "".join(f"h{n} A 10.0.0\n" for n in range(5000))
    (large.folder / "large.zone").write_text(lines)
    with clients(large) as took:
        text = reloaded(large, "not reloaded: nothing was changed")
    assert text.count("large.zone:") == 1000 + 1
    assert "the rest is not read" in text
    assert all(took.values())
    assert large.short("h0.large.test") == ["10.0.0.0"]


def test_of_two_reloads_the_last_one_counts(large: Server) -> None:
    """The second is begun while the first is read, and sees another file."""
    write_records(large, SOME)
    begin = hang_up(large)
    wait_for(lambda: bool(readers(large)))
    time.sleep(0.2)
    write_records(large, 2, ttl=77)
    for _ in range(20):
        hang_up(large)
    assert len(readers(large)) <= 1
    wait_for(lambda: logged(large, begin).count("] reloaded") == 2, lambda: logged(large, begin))
    assert large.short("h1.large.test") == ["10.0.0.1"]
    assert "status: NXDOMAIN" in large.dig("h2.large.test")
    time.sleep(0.5)
    assert logged(large, begin).count("] reloaded") == 2


def test_a_process_that_is_killed_while_it_reads_changes_nothing(large: Server) -> None:
    write_records(large, SOME)
    begin = hang_up(large)
    wait_for(lambda: bool(readers(large)))
    (reader,) = readers(large)
    os.kill(reader, signal.SIGKILL)
    wait_for(lambda: "not reloaded" in logged(large, begin))
    (line,) = [line for line in logged(large, begin).splitlines() if "reload" in line]
    assert line.endswith("was ended by SIGKILL; is there enough memory?")
    assert "status: NXDOMAIN" in large.dig("h2.large.test")
    reloaded(large)
    assert large.short("h2.large.test") == ["10.0.0.2"]


def test_the_server_stops_during_a_reload(large: Server) -> None:
    write_records(large, SOME)
    hang_up(large)
    wait_for(lambda: bool(readers(large)))
    (reader,) = readers(large)
    began = time.monotonic()
    assert large.stop() == 0
    assert time.monotonic() - began < DEADLINE / 4
    wait_for(lambda: not Path(f"/proc/{reader}").exists())


def test_a_restart_during_a_reload_reads_the_configuration(large: Server) -> None:
    write_records(large, 2000)
    begin = hang_up(large)
    wait_for(lambda: bool(readers(large)))
    command = [EXECUTABLE, "--socket", large.socket, "restart"]
    subprocess.run(command, check=True, timeout=4 * DEADLINE)  # it reads the records twice
    assert large.short("h1999.large.test") == ["10.0.7.207"]
    text = logged(large, begin)
    assert "] reloaded" in text or "not reloaded, nothing was changed: the server restarts" in text
    reloaded(large)
