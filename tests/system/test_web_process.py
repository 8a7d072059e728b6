"""The process that speaks HTTP: started, followed, replaced and confined, with its addresses kept.

Tests share one server, and each leaves it as it was.
"""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority
from cryptography.x509 import load_pem_x509_certificate
from system.other_user import UID, server_of_root, status_of
from system.server import DEADLINE, Server, wait_for
from system.test_reloading import reloaded
from system.test_user import address
from system.web import (
    HTTP,
    WITHOUT,
    add_token,
    command,
    curl,
    end,
    is_running,
    port,
    report,
    serving,
    status,
    title_of,
)

CA = Authority()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that serves HTTP, with the group `shop` and the token of an admin."""
    running = Server(tmp_path_factory.mktemp("web"), HTTP)
    try:
        running.start()
        running.load_demo()
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return add_token(server)


@pytest.fixture
def base(server: Server) -> str:
    """Return the beginning of all URLs, when HTTP is served as in `HTTP`."""
    if server.config.read_text() != HTTP:
        server.config.write_text(HTTP)
        reloaded(server)
    serving(server)
    return f"http://127.0.0.1:{port(server)}"


def test_a_switch_over_http_is_served_at_once(server: Server, base: str, token: str) -> None:
    """And the history has who it was."""
    code, reply = command(base, token, "switch", groups=["shop"], to="backup")
    assert (code, reply["ok"]) == (200, True)
    assert server.short("414-262-781.failover.test") == ["198.51.100.20"]
    (last,) = server.do(command="history", limit=1)["history"]
    who = {"address": "127.0.0.1", "principal": "token:admin", "token": token[5:15]}
    assert last["who"] == who
    code, reply = command(base, token, "switch", groups=["shop"], to="primary")
    assert code == 200


def test_a_token_counts_when_its_command_is_answered_and_never_after_its_removal(
    server: Server, base: str
) -> None:
    """Many times: nothing depends on which process is faster."""
    for number in range(5):
        text = add_token(server, f"short-{number}", "viewer")
        assert command(base, text, "group/list")[0] == 200
        server.do(command="token remove", name=f"short-{number}")
        assert command(base, text, "group/list")[0] == 401


def test_a_demanded_revision_guards_a_command(server: Server, base: str, token: str) -> None:
    revision = server.ask(command="group list")["revision"]
    stale = ("-H", f'If-Match: "{revision - 1}"')
    code, reply = command(base, token, "application/add", *stale, name="other")
    assert (code, reply["error"]["code"]) == (412, "conflict")
    now = ("-H", f'If-Match: "{revision}"')
    assert command(base, token, "application/add", *now, name="other")[0] == 200
    server.do(command="application remove", name="other")


def test_a_backup_over_http_says_how_to_make_one(base: str, token: str) -> None:
    code, reply = command(base, token, "backup")
    assert (code, reply["error"]["code"]) == (422, "invalid")
    assert "failoverdns backup FILE" in reply["error"]["message"]


def test_the_process_is_nice_and_confined(server: Server, base: str) -> None:
    """It has only what it was given: no capability, no file, no other socket."""
    found = report(server)
    pid = found["pid"]
    fields = status_of(pid)
    assert title_of(pid) == f"failoverdns: http, {server.socket}"
    assert found["confinement"]["fault"] == ""
    assert {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {0}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[16] == "5"  # nice
    opened = {path.readlink().as_posix() for path in Path(f"/proc/{pid}/fd").iterdir()}
    files = {one for one in opened if one.startswith("/") and not one.startswith("/dev/")}
    assert files <= {str(server.log)}
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "state.db" not in maps


def test_a_process_that_is_killed_is_replaced_and_connections_wait(
    server: Server, base: str, token: str
) -> None:
    """DNS and the control socket do not notice."""
    before = serving(server)["pid"]
    end(before)
    assert server.short("414-262-781.failover.test") == ["192.0.2.10"]
    assert command(base, token, "whoami")[0] == 200  # it waited in the socket
    assert serving(server)["pid"] != before
    assert "has ended; another one takes its place" in server.log.read_text()


def test_a_reload_turns_http_off_on_and_moves_it(server: Server, base: str) -> None:
    """The address is closed, or kept while it stays."""
    pid, first = serving(server)["pid"], port(server)
    server.config.write_text(WITHOUT + 'http: {listen: ["127.0.0.1:0", "[::1]:0"]}\n')
    reloaded(server)
    wait_for(lambda: len(report(server)["addresses"]) == 2)
    assert (report(server)["pid"], port(server)) == (pid, first)
    wait_for(lambda: status(f"http://[::1]:{port(server, 1)}/healthz") == 200)
    server.config.write_text(WITHOUT + 'http: {listen: ["[::1]:0"]}\n')
    reloaded(server)
    wait_for(lambda: status(f"http://127.0.0.1:{first}/healthz") == 0)
    server.config.write_text(WITHOUT)
    reloaded(server)
    assert report(server) is None
    wait_for(lambda: not is_running(pid))
    server.config.write_text(HTTP)
    reloaded(server)
    assert serving(server)["pid"] != pid
    assert status(f"http://127.0.0.1:{port(server)}/readyz") == 200


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ('{listen: ["127.0.0.1:1"], certificate: no.pem, key: no.key}', "http.certificate: "),
        ('{listen: ["192.0.2.99:8053"], plaintext: true}', "http.listen: "),
    ],
)
def test_a_reload_that_cannot_be_done_changes_nothing(
    server: Server, base: str, section: str, why: str
) -> None:
    pid = serving(server)["pid"]
    server.config.write_text(WITHOUT + f"http: {section}\n")
    text = reloaded(server, until="not reloaded")
    server.config.write_text(HTTP)
    assert why in text
    assert serving(server)["pid"] == pid
    assert status(f"{base}/healthz") == 200


def test_a_restart_refuses_no_connection(server: Server, base: str, token: str) -> None:
    """Clients wait while the version on disk takes over, or have to ask again; none is refused."""
    pid, number = serving(server)["pid"], port(server)
    failures: list[str] = []
    codes: set[int] = set()
    over = threading.Event()

    def connect() -> None:
        while not over.wait(0.02):
            try:
                socket.create_connection(("127.0.0.1", number), DEADLINE).close()
            except OSError as fault:
                failures.append(str(fault))

    def ask() -> None:
        while not over.is_set():
            codes.add(status(f"{base}/api/v1/whoami", "-H", f"Authorization: Bearer {token}"))

    threads = [threading.Thread(target=one) for one in (connect, ask)]
    for one in threads:
        one.start()
    code, reply = command(base, token, "restart")
    assert (code, set(reply["result"])) == (200, {"version", "pid", "seconds"})
    assert server.process is not None
    assert reply["result"]["pid"] == server.process.pid
    wait_for(lambda: serving(server)["pid"] != pid)
    assert command(base, token, "whoami")[0] == 200
    over.set()
    for one in threads:
        one.join()
    assert failures == []
    assert port(server) == number
    assert codes <= {200, 503, 0}
    assert not is_running(pid)


def test_the_process_ends_with_the_control_process(tmp_path: Path) -> None:
    """Nobody could carry commands out; and the port is free for the next server."""
    running = Server(tmp_path, HTTP)
    try:
        running.start()
        pid = serving(running)["pid"]
        assert running.process is not None
        running.process.kill()
        running.process.wait(DEADLINE)
        wait_for(lambda: not is_running(pid))
        running.start()
        pid = serving(running)["pid"]
        assert running.stop(signal.SIGTERM) == 0
        assert not is_running(pid)
    finally:
        running.kill()


def fetched(name: str, number: int, folder: Path) -> str:
    """Return the status of a request over HTTPS to a name, checked with our CA."""
    ca = folder / "ca.pem"
    ca.write_text(CA.pem)
    where = ("--connect-to", f"::127.0.0.1:{number}", "--cacert", str(ca))
    return curl(f"https://{name}:{number}/healthz", *where, check=False).stdout[-3:]


def test_certificates_of_files_and_of_the_vault_are_used_and_followed(
    server: Server, base: str, tmp_path: Path
) -> None:
    """Files are read again by a reload; an application's certificate is followed without one."""
    chain, key = CA.issue("first.test").save(tmp_path, "http")
    files = f'http: {{listen: ["127.0.0.1:0"], certificate: {chain}, key: {key}}}\n'
    server.config.write_text(WITHOUT + files)
    reloaded(server)
    number = port(server)
    wait_for(lambda: fetched("first.test", number, tmp_path) == "200")
    CA.issue("second.test").save(tmp_path, "http")
    reloaded(server)
    wait_for(lambda: fetched("second.test", number, tmp_path) == "200")

    vault = 'http: {listen: ["127.0.0.1:0"], certificate: "application:shop-eu"}\n'
    server.config.write_text(WITHOUT + vault)
    reloaded(server)
    wait_for(lambda: "it has no certificate yet" in server.log.read_text())
    assert fetched("414-262-781.failover.test", number, tmp_path) in ("000", "")
    assert report(server)["certificate"] is False
    names = ("414-262-781.failover.test", "*.third.test")
    for issued in (CA.issue(*names), CA.issue(*names, "fourth.test")):
        server.do(
            command="certificate install",
            application="shop-eu",
            chain=issued.chain,
            key=issued.key,
        )
        serial = issued.certificate.serial_number
        wait_for(lambda serial=serial: presented(number) == serial)
    assert fetched("414-262-781.failover.test", number, tmp_path) == "200"
    assert fetched("any.third.test", number, tmp_path) == "200"
    before = serving(server)["pid"]
    end(before)
    wait_for(lambda: fetched("fourth.test", number, tmp_path) == "200")


def presented(number: int) -> int:
    """Return the serial number of the certificate that a server shows; 0 without one."""
    try:
        pem = ssl.get_server_certificate(("127.0.0.1", number), timeout=5)
    except OSError:
        return 0
    return load_pem_x509_certificate(pem.encode()).serial_number


OF_ROOT = """\
zones:
  failover.test:
    nameservers: {{ns1: [127.0.0.1]}}
user: nobody
listen: ["{address}:53"]
workers: 1
control: {{socket: run/control.sock}}
state: {{sqlite: state/state.db}}
http: {{listen: ["{address}:80"]}}
"""


def test_a_server_of_root_serves_http_below_port_1024_as_its_user() -> None:
    """Also after a restart; the process has the user, and nothing of root."""
    where = address()
    with server_of_root(OF_ROOT.format(address=where)) as running:
        running.start()
        pid = serving(running)["pid"]
        assert status_of(pid)["Uid"].split() == [str(UID)] * 4
        assert int(status_of(pid)["CapPrm"], 16) == 0
        assert status(f"http://{where}/readyz") == 200
        running.do(command="restart")
        wait_for(lambda: serving(running)["pid"] != pid)
        assert status(f"http://{where}/readyz") == 200


def test_readiness_is_reported_when_no_process_answers_queries(server: Server, base: str) -> None:
    """The only answering process is stopped for a while: it is killed, and another one starts."""
    (worker,) = server.do(command="status")["server"]["workers"]
    end(worker["pid"])
    seen: set[int] = set()
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until and seen != {200, 503}:
        seen.add(status(f"{base}/readyz"))
    assert seen == {200, 503}
    wait_for(lambda: status(f"{base}/readyz") == 200)
