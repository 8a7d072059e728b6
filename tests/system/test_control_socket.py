"""The control socket with careless, slow, disconnecting and overloading clients."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
from system.asking import Asker
from system.server import CONFIG, DEADLINE, Server, tool, wait_for

MIB = 1 << 20
HOSTNAME = "414-262-781.failover.test"


def test_a_command_can_be_a_line_of_words_or_json(demo: Server) -> None:
    """Replies come in the order of the requests of a connection; history stores who sent them."""
    with demo.connect() as client:
        client.send(b"switch shop --to backup --reason 'db maintenance'\n")
        client.send({"id": 7, "command": "switch", "groups": ["shop"], "to": "primary"})
        first, second = client.receive(), client.receive()
    assert first["result"]["groups"][0]["to"] == "backup"
    assert second["id"] == 7
    assert second["revision"] == first["revision"] + 1
    (latest, before) = demo.do(command="history", limit=2)["history"]
    assert before["command"] == {
        "command": "switch",
        "groups": ["shop"],
        "to": "backup",
        "reason": "db maintenance",
    }
    assert before["changed"][0]["fields"] == {"active": ["primary", "backup"]}
    assert before["who"] == {
        "uid": os.getuid(),
        "pid": os.getpid(),
        "command": comm(),
        "principal": f"unix:{pwd.getpwuid(os.getuid()).pw_name}({os.getuid()})",
    }
    assert latest["command"]["to"] == "primary"


def comm() -> str:
    """Return the name of this process in the kernel's process table."""
    with open("/proc/self/comm") as file:
        return file.read().strip()


def test_nc_gets_every_reply_after_a_half_close(demo: Server) -> None:
    """The last line that `nc -N -U` sends has no newline."""
    done = subprocess.run(
        [tool("nc"), "-N", "-U", demo.socket],
        input="switch shop\nno such command\nstatus shop",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reply["ok"] for reply in replies] == [True, False, True]
    assert replies[2]["result"]["groups"][0]["active"] == "backup"


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        (b"switch shp", "not-found", "no group 'shp'; did you mean 'shop'?"),
        (b"swich shop", "unknown-command", "did you mean 'switch'?"),
        (b"switch", "invalid", "GROUP is missing"),
        (b"switch shop --to left", "invalid", "must be 'primary' or 'backup'"),
        (b"switch shop --override everything", "invalid", "there is 'no-application'"),
        (b"switch shop --if-revision 999", "conflict", "revision 999 is not reached yet"),
        (b"application add shop-eu", "exists", "there is an application 'shop-eu' already"),
        (b"application add -x-", "invalid", "cannot be a DNS label"),
        (b"application remove shop-eu", "in-use", "attached to 1 group(s) ('shop')"),
        (b"head add shop-eu lb1 --role web-server", "exists", "change it with `head set`"),
        (b"head add shop-eu x --role web-server --address 1.2.3", "invalid", "not an IPv4 or IPv6"),
        (b"group add x --zone example.com", "not-found", "no zone 'example.com'"),
        (b"group add x --ttl -1", "invalid", "must be from 0 to 86400 seconds"),
        (b"group remove shop", "in-use", "detach them first"),
        (b'group set shop --primary ""', "refused", "switch to the other side first"),
        (b"{}", "invalid", "command: must be a string"),
        (b'{"command": "switch", "groups": "shop"}', "invalid", "must be a list, not a string"),
        (b'{"command": ', "malformed", "not JSON"),
        (b"[1, 2]", "unknown-command", "unknown command"),
        (b"\xff\xfe", "malformed", "byte 1 is not"),
        (b"switch 'shop", "malformed", "quoting"),
        (b"", "unknown-command", "known: application, automation, backup, certificate"),
    ],
)
def test_an_error_reply_says_what_would_be_correct(
    demo: Server, line: bytes, code: str, told: str
) -> None:
    """The connection stays open, and nothing is changed."""
    with demo.connect() as client:
        before = client.ask(b"status\n")
        error = client.ask(line + b"\n")["error"]
        assert error["code"] == code
        assert told in error["message"]
        assert client.ask(b"status\n") == before


def test_a_line_over_the_limit_is_rejected_and_the_next_one_served(demo: Server) -> None:
    """The limit is 1 MiB for JSON, 64 KiB for words; other clients are served meanwhile."""
    for begin in (b"x", b"{"):
        with demo.connect() as rude, demo.connect() as other:
            rude.send(begin + b"x" * (MIB + 4))
            assert other.ask(b"status\n")["ok"]
            refusal = rude.receive()["error"]
            assert refusal["code"] == "malformed"
            assert "65536 bytes, one of JSON at most 1048576 bytes" in refusal["message"]
            rude.send(b"x" * MIB + b"\nstatus\n")
            assert rude.receive()["ok"]


def test_a_line_just_below_the_limit_is_accepted(demo: Server) -> None:
    """Spaces in a request count for its length."""
    with demo.connect() as client:
        assert client.ask(b"status shop".ljust(MIB // 16) + b"\n")["ok"]
        request = b'{"command": "status", "group": "shop"'
        assert client.ask(request.ljust(MIB - 1) + b"}\n")["ok"]


def test_binary_junk_is_rejected_line_by_line(demo: Server) -> None:
    """The connection can be used afterwards."""
    junk = os.urandom(200_000).replace(b"\n", b"") + b"\n"
    with demo.connect() as client:
        for _ in range(3):
            assert client.ask(junk)["error"]["code"] in ("malformed", "unknown-command")
        assert client.ask(b"status\n")["ok"]


def test_a_client_that_disconnects_early_leaves_no_error(demo: Server) -> None:
    """It leaves inside a line, a reply or a watch; its complete commands are still carried out."""
    for beginning in (b"switch sh", b"status\n" * 50, b"watch\n", b'{"command"'):
        client = demo.connect()
        client.send(beginning)
        client.close()
    client = demo.connect()
    client.send(b"switch shop --to backup\n")
    client.sock.shutdown(socket.SHUT_RDWR)
    client.close()
    with demo.connect() as other:
        until = 1000
        while other.ask(b"status shop\n")["result"]["groups"][0]["active"] != "backup":
            until -= 1
            assert until
    assert "Traceback" not in demo.log.read_text()


def test_a_client_that_never_reads_does_not_delay_others(demo: Server) -> None:
    """It sends requests until the server stops reading them, and never reads a reply."""
    for number in range(300):
        demo.do(command="group add", name=f"g{number}", primary="shop-eu", backup="shop-us")
    with demo.connect() as deaf:
        deaf.sock.setblocking(False)
        try:
            for _ in range(2000):
                deaf.sock.send(b"status\n" * 100)
        except BlockingIOError:
            pass
        began = time.monotonic()
        for number in range(20):
            demo.do(command="switch", groups=["shop"])
            address = "198.51.100.20" if number % 2 == 0 else "192.0.2.10"
            assert demo.short(HOSTNAME) == [address]
        assert time.monotonic() - began < DEADLINE / 2, "half the time until it is disconnected"
    assert "Traceback" not in demo.log.read_text()


def test_long_replies_do_not_delay_dns_queries(demo: Server) -> None:
    """Pipelined requests get complete replies in order, and DNS queries are answered meanwhile.

    A status of 300 groups takes many turns of the control connection.
    """
    for number in range(300):
        demo.do(command="group add", name=f"g{number}", primary="shop-eu", backup="shop-us")
    with Asker(demo.port, HOSTNAME) as asker, demo.connect() as client:
        began = time.monotonic()
        sender = threading.Thread(target=client.send, args=(b"status\nrecords\n" * 30,))
        sender.start()
        for _ in range(30):
            status, records = client.receive(), client.receive()
            assert len(status["result"]["groups"]) == 301
            assert records["result"]["text"].count("\n") > 900
        sender.join(DEADLINE)
        took = time.monotonic() - began
    assert asker.lost == 0
    during = [received - sent for sent, received, _ in asker.seen if began < sent < began + took]
    assert len(during) >= 60, "at least one for each reply"
    assert max(during) < took / 2, "no query waits for the control socket"
    assert {addresses for _, _, addresses in asker.seen} == {frozenset({"192.0.2.10"})}


def test_many_commands_at_once_share_commits_and_keep_their_order(demo: Server) -> None:
    """There are 1,000 lines in one write; the bytes written to disk show the shared commits."""
    assert demo.process is not None
    begin = written(demo.process.pid)
    for number in range(20):
        demo.do(command="application add", name=f"alone{number}")
    alone = (written(demo.process.pid) - begin) / 20
    begin = written(demo.process.pid)
    with demo.connect() as client:
        lines = (f"application add app{number}\n" for number in range(1000))
        sender = threading.Thread(target=client.send, args=("".join(lines).encode(),))
        sender.start()
        replies = [client.receive() for _ in range(1000)]
        sender.join(DEADLINE)
    assert [reply["result"]["name"] for reply in replies] == [f"app{n}" for n in range(1000)]
    first = replies[0]["revision"]
    assert [reply["revision"] for reply in replies] == [*range(first, first + 1000)]
    assert (written(demo.process.pid) - begin) / 1000 < alone / 4


def written(pid: int) -> int:
    """Return the number of bytes that a process has written to files and sockets."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    (found,) = [line.split()[1] for line in lines if line.startswith("wchar:")]
    return int(found)


def test_a_read_sees_the_writes_before_it_on_the_same_connection(demo: Server) -> None:
    """The client does not wait for the replies to the writes."""
    with demo.connect() as client:
        client.send(
            b"switch shop --to backup\nstatus shop\nswitch shop --to primary\nstatus shop\n"
        )
        replies = [client.receive() for _ in range(4)]
    sides = [r["result"]["groups"][0].get("active") for r in (replies[1], replies[3])]
    assert sides == ["backup", "primary"]


def test_a_client_over_the_limit_gets_busy(demo: Server) -> None:
    """The others are not affected, other commands are served, and a place can be had again."""
    clients = [demo.connect() for _ in range(60)]
    assert all(client.ask(b"watch\n")["ok"] for client in clients)
    with demo.connect() as late:
        assert late.ask(b"watch\n")["error"]["code"] == "busy"
        assert late.ask(b"switch shop\n")["ok"]
        assert all(client.receive()["event"] == "switch" for client in clients)
        clients.pop().close()
        wait_for(lambda: late.ask(b"watch\n")["ok"])
    for client in clients:
        client.close()


def test_watch_sends_every_change(demo: Server) -> None:
    """Each event is a line with the command, its sender and the changes."""
    with demo.connect() as watcher:
        assert watcher.ask(b"watch\n")["ok"]
        demo.do(command="switch", groups=["shop"], reason="test")
        demo.do(command="switch", groups=["shop"], to="backup")
        demo.do(command="head set", application="shop-us", name="lb1", address=["192.0.2.99"])
        first, second = watcher.receive(), watcher.receive()
    assert first["event"] == "switch"
    assert first["command"]["reason"] == "test"
    assert first["changed"][0]["fields"] == {"active": ["primary", "backup"]}
    assert second["event"] == "head set"
    assert second["revision"] == first["revision"] + 1


def test_the_socket_is_open_to_its_owner_and_group_only(demo: Server) -> None:
    """The mode is 0660, as configured."""
    assert stat.S_IMODE(demo.socket.stat().st_mode) == 0o660


def test_a_retry_with_an_op_id_after_a_crash_gets_the_first_reply(demo: Server) -> None:
    """The command is not carried out a second time."""
    request = {"command": "switch", "groups": ["shop"], "op_id": "deploy-17"}
    first = demo.ask(**request)
    demo.kill()
    demo.start()
    assert demo.ask(**request) == first
    assert demo.do(command="status", group="shop")["groups"][0]["active"] == "backup"


def test_socat_gets_its_reply(demo: Server) -> None:
    """This is another client that half-closes."""
    if shutil.which("socat") is None:
        pytest.skip("socat is not installed; nc covers the half-close")
    done = subprocess.run(
        ["socat", "-", f"UNIX-CONNECT:{demo.socket}"],
        input="group list\n",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    assert json.loads(done.stdout)["ok"]


@pytest.mark.parametrize("workers", [0, 2])
def test_status_counts_packets_that_the_kernel_dropped(tmp_path: Path, workers: int) -> None:
    """While the processes are suspended, more queries arrive than the receive buffers hold."""
    server = Server(tmp_path, CONFIG.replace("workers: 0", f"workers: {workers}"))
    try:
        server.start().load_demo()
        assert server.process is not None
        assert server.do(command="status")["server"]["udp"]["lost"] == 0
        reading = [w["pid"] for w in server.do(command="status")["server"].get("workers", [])]
        reading = reading or [server.process.pid]
        for pid in reading:
            os.kill(pid, signal.SIGSTOP)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", server.port))
            until = time.monotonic() + DEADLINE
            while not dropped(server.port):
                assert time.monotonic() < until
                for _ in range(1000):
                    client.send(bytes(500))
        for pid in reading:
            os.kill(pid, signal.SIGCONT)
        lost = server.do(command="status")["server"]["udp"]["lost"]
        assert lost == dropped(server.port) > 0
        assert f"udp: {lost} packet(s) lost" in server.ctl("status").stdout
    finally:
        server.kill()


def dropped(port: int) -> int:
    """Return the number of packets that the kernel dropped at the UDP sockets of a port."""
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return sum(int(row[-1]) for row in rows if row[1].endswith(f":{port:04X}"))
