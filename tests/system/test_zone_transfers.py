"""Zone transfers from the real server, with dig, dnspython, and the programs that check zones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TSIG
import dns.rrset
import dns.tsig
import dns.xfr
import dns.zone
import pytest
from system.server import CONFIG, Server, tool, wait_for

ZONE = "failover.test"
NAME = "414-262-781.failover.test"
ON_PRIMARY = "414-262-781 60 in a 192.0.2.10"
ON_BACKUP = "414-262-781 60 in a 198.51.100.20"
"""The record of the group in a zone that was transferred, with the primary or the backup active."""

SECRET = b64encode(b"a secret of thirty-two bytes 123").decode()
OTHER = b64encode(b"another secret of the same size!").decode()
KEY = dns.tsig.Key("xfr.failover.test", SECRET, "hmac-sha256")
TRANSFERS = """
tsig_keys:
  xfr.failover.test: {algorithm: hmac-sha256, secret_file: xfr.key}
  other.test: {algorithm: hmac-sha512, secret_file: other.key}
secondaries:
  ns2: {address: "127.0.0.1:9", key: xfr.failover.test}
  ns3: {address: "127.0.0.1:10", key: other.test}
"""
WITH_RECORDS = CONFIG.replace(
    "    records:\n",
    """\
    secondaries: [ns2]
    records:
      - "*.w 300 IN A 192.0.2.1"
      - 'odd\\\\.name 300 IN TXT "a;b" "\\\\255"'
"""
    + "".join(f"      - 'n{number} 300 IN A 192.0.2.{number}'\n" for number in range(50)),
).replace(
    "zones:\n", "zones:\n  other.test: {secondaries: [ns3], nameservers: {ns1.example.net: []}}\n"
)
ANSWERED_BY_WORKERS = WITH_RECORDS.replace("workers: 0", "workers: 2")


def make(folder: Path, config: str = WITH_RECORDS) -> Server:
    """Return a server with keys and secondaries that is not started."""
    for name, secret in (("xfr.key", SECRET), ("other.key", OTHER)):
        (folder / name).write_text(secret)
        (folder / name).chmod(0o600)
    return Server(folder, config + TRANSFERS)


def served(server: Server) -> bool:
    """Return whether the zones can be transferred."""
    transfers = server.do(command="status")["server"]["transfers"]
    return transfers is not None and transfers["serving"]


def started(server: Server) -> Server:
    """Start a server and wait until its zones can be transferred."""
    server.start()
    wait_for(lambda: served(server), lambda: server.log.read_text())
    return server


def load_demo(server: Server) -> None:
    """Add the group `shop` in the zone, whose primary and backup applications resolve."""
    for name, address in (("shop-eu", "192.0.2.10"), ("shop-us", "198.51.100.20")):
        server.do(command="application add", name=name)
        head = {"application": name, "name": "lb1", "role": "load-balancer"}
        server.do(command="head add", **head, address=[address])
    names = {"name": "shop", "label": "414-262-781", "zone": ZONE}
    server.do(command="group add", **names, primary="shop-eu", backup="shop-us")


def running(folder: Path, config: str) -> Iterator[Server]:
    server = make(folder, config)
    try:
        load_demo(started(server))
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose control process answers; several tests ask and switch it."""
    yield from running(tmp_path_factory.mktemp("primary"), WITH_RECORDS)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose workers answer, and hand over what is signed; several tests use it."""
    yield from running(tmp_path_factory.mktemp("fleet"), ANSWERED_BY_WORKERS)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """The same for one test."""
    yield from running(tmp_path, ANSWERED_BY_WORKERS)


def fetch(server: Server, zone: dns.zone.Zone | None = None, *, udp: bool = False) -> dns.zone.Zone:
    """Transfer the zone: the whole of it, or what changed since the serial that `zone` has."""
    zone = dns.zone.Zone(f"{ZONE}.") if zone is None else zone
    query, _ = dns.xfr.make_query(zone, keyring=KEY, keyname=KEY.name)
    mode = dns.query.UDPMode.TRY_FIRST if udp else dns.query.UDPMode.NEVER
    dns.query.inbound_xfr(
        "127.0.0.1", zone, query, port=server.port, timeout=20, lifetime=20, udp_mode=mode
    )
    return zone


def serial_of(zone: dns.zone.Zone) -> int:
    return int(zone.get_soa().serial)


def transferred(server: Server) -> int:
    """Return the serial of a whole transfer, 0 if it fails."""
    with suppress(Exception):
        return serial_of(fetch(server))
    return 0


def text_of(zone: dns.zone.Zone) -> list[str]:
    lines = zone.to_text(relativize=False).splitlines()
    return sorted(line.lower() for line in lines if line and not line.startswith((";", "$")))


def printed(server: Server) -> list[str]:
    """Return what `records` prints, parsed and written by dnspython."""
    text = server.ctl("records", "--zone", ZONE).stdout
    return text_of(dns.zone.from_text(text, f"{ZONE}.", relativize=True))


def pid_of_transfers(server: Server) -> int:
    pid: int = server.do(command="status")["server"]["transfers"]["pid"]
    return pid


def counted(server: Server) -> int:
    """Return the number of incremental zone transfers."""
    number: int = server.do(command="status")["server"]["transfers"]["requests"]["ixfr"]
    return number


def logged(server: Server, text: str) -> int:
    return server.log.read_text().count(text)


def test_a_transferred_zone_has_what_the_records_command_prints(primary: Server) -> None:
    primary.do(command="group add", name="empty", zone=ZONE)
    assert text_of(fetch(primary)) == printed(primary)


def test_a_transferred_zone_is_valid_for_the_checkers_of_bind_knot_and_ldns(
    primary: Server, tmp_path: Path
) -> None:
    file = tmp_path / "transferred"
    text = primary.dig("-y", f"hmac-sha256:xfr.failover.test:{SECRET}", ZONE, "AXFR", "+onesoa")
    file.write_text("\n".join(line for line in text.splitlines() if "TSIG" not in line) + "\n")
    for command in (
        [tool("named-checkzone"), "-k", "fail", ZONE, str(file)],
        [tool("kzonecheck"), "-o", ZONE, str(file)],
        [tool("ldns-read-zone"), "-c", str(file)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("udp", [False, True], ids=["TCP", "UDP"])
def test_what_changed_is_transferred_over_tcp_and_udp(primary: Server, *, udp: bool) -> None:
    zone = fetch(primary)
    before = counted(primary)
    for side in ("backup", "primary"):
        primary.do(command="switch", groups=["shop"], to=side)
        wait_for(lambda: serial_of(fetch(primary, zone, udp=udp)) == transferred(primary))
        assert text_of(zone) == printed(primary)
    assert counted(primary) >= before + 2


def test_an_incremental_transfer_continues_after_a_restart_a_kill_and_a_reload(
    own: Server,
) -> None:
    zone = fetch(own)

    def follows() -> None:
        before = counted(own)
        side = "backup" if own.short(NAME) == ["192.0.2.10"] else "primary"
        own.do(command="switch", groups=["shop"], to=side)
        wait_for(lambda: serial_of(fetch(own, zone)) == transferred(own))
        assert text_of(zone) == printed(own)
        assert counted(own) > before

    follows()
    with own.connect() as client:
        client.sock.settimeout(120)
        assert client.ask({"command": "restart"})["ok"]
    wait_for(lambda: served(own))
    follows()
    os.kill(pid_of_transfers(own), signal.SIGKILL)
    wait_for(lambda: logged(own, "has ended; another one takes its place") > 0)
    wait_for(lambda: served(own))
    follows()
    own.config.write_text(own.config.read_text().replace("127.0.0.1:9", "127.0.0.1:8"))
    assert own.process is not None
    own.process.send_signal(signal.SIGHUP)
    wait_for(lambda: logged(own, "reloaded") > 0)
    follows()
    own.process.kill()
    own.process.wait(10)
    port = own.port
    assert own.short(NAME), "workers answer without the control process"
    wait_for(lambda: rcode(port, "AXFR", KEY, ZONE) == "SERVFAIL")
    started(own)
    follows()


def rcode(port: int, kind: str, key: dns.tsig.Key | None, zone: str = ZONE) -> str:
    """Return the rcode of the first message of a reply over TCP; its signature is verified."""
    query = dns.message.make_query(zone, kind)
    if kind == "IXFR":
        soa = dns.rrset.from_text(f"{zone}.", 0, "IN", "SOA", ". . 1 0 0 0 0")
        query.authority.append(soa)
    if key is not None:
        query.use_tsig(key)
    reply = exchange(port, query.to_wire())
    code = dns.rcode.from_flags(int.from_bytes(reply[2:4], "big"), 0)
    if key is not None and code != dns.rcode.SERVFAIL:
        assert dns.message.from_wire(reply, keyring=key, request_mac=query.mac).had_tsig
    return dns.rcode.to_text(code)


@pytest.mark.parametrize(
    ("kind", "key", "zone", "expected"),
    [
        pytest.param("AXFR", KEY, ZONE, "NOERROR", id="a key of a secondary of the zone"),
        pytest.param("AXFR", KEY, "other.test", "REFUSED", id="a zone of another secondary"),
        pytest.param("IXFR", KEY, "other.test", "REFUSED", id="what changed in such a zone"),
        pytest.param("AXFR", KEY, "www.failover.test", "NOTAUTH", id="a name that is not a zone"),
        pytest.param("AXFR", KEY, "example.net", "NOTAUTH", id="a zone of somebody else"),
        pytest.param("AXFR", None, ZONE, "REFUSED", id="without a key"),
        pytest.param("IXFR", None, ZONE, "REFUSED", id="what changed, without a key"),
        pytest.param("SOA", KEY, ZONE, "NOERROR", id="the SOA record"),
        pytest.param("SOA", KEY, "other.test", "NOERROR", id="the SOA record of another zone"),
        pytest.param("A", KEY, NAME, "NOERROR", id="an ordinary query"),
        pytest.param("A", KEY, f"nowhere.{ZONE}", "NXDOMAIN", id="a name that does not exist"),
        pytest.param("A", KEY, "example.net", "REFUSED", id="a name of somebody else"),
    ],
)
def test_who_may_ask_for_what(
    fleet: Server, kind: str, key: dns.tsig.Key | None, zone: str, expected: str
) -> None:
    assert rcode(fleet.port, kind, key, zone) == expected


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (dns.tsig.Key(KEY.name, OTHER, "hmac-sha256"), "BADSIG"),
        (dns.tsig.Key(KEY.name, SECRET, "hmac-sha512"), "BADKEY"),
        (dns.tsig.Key("unknown.test", SECRET, "hmac-sha256"), "BADKEY"),
    ],
    ids=["a wrong secret", "another algorithm", "an unknown key"],
)
def test_a_wrong_key_gets_the_error_of_the_standard(
    fleet: Server, key: dns.tsig.Key, error: str
) -> None:
    asked = (
        f"{key.algorithm.to_text(omit_final_dot=True)}:{key.name}:{b64encode(key.secret).decode()}"
    )
    for words in ((ZONE, "AXFR"), (ZONE, "SOA"), (NAME, "A", "+tcp")):
        done = fleet.dig("-y", asked, *words)
        assert error in done
        assert "SOA\tns1" not in done


def test_a_request_that_was_signed_an_hour_ago_is_out_of_time(fleet: Server) -> None:
    query = dns.message.make_query(ZONE, "AXFR")
    wire = signed_at(query, time.time() - 3600)
    reply = exchange(fleet.port, wire)
    assert dns.rcode.from_flags(int.from_bytes(reply[2:4], "big"), 0) == dns.rcode.NOTAUTH
    assert b"\x00\x12\x00\x06" in reply[-20:], "BADTIME, and the time of the server"


def signed_at(query: dns.message.Message, now: float) -> bytes:
    """Return a query as it would have been signed at another time."""
    wire = query.to_wire()
    rdata = dns.rdtypes.ANY.TSIG.TSIG(
        dns.rdataclass.ANY, dns.rdatatype.TSIG, KEY.algorithm, int(now), 300, b"", query.id, 0, b""
    )
    signed, _ = dns.tsig.sign(wire, KEY, rdata, int(now))
    record = signed.to_wire(origin=dns.name.root)
    head = KEY.name.to_wire() + b"\x00\xfa\x00\xff\x00\x00\x00\x00"
    tsig = head + len(record).to_bytes(2, "big") + record
    return wire[:10] + b"\x00\x01" + wire[12:] + tsig


def exchange(port: int, wire: bytes) -> bytes:
    """Send a message over TCP, and return the reply."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(len(wire).to_bytes(2, "big") + wire)
        with sock.makefile("rb") as file:
            return file.read(int.from_bytes(file.read(2), "big"))


def test_clients_that_read_nothing_hold_up_nobody(tmp_path: Path) -> None:
    """Beyond the limit they are turned away; switches, answers and other transfers go on."""
    server = make(tmp_path, ANSWERED_BY_WORKERS)
    text = " ".join([f'"{"x" * 250}"'] * 4)
    lines = [f"big{number} 60 IN TXT {number} {text}\n" for number in range(1500)]
    (tmp_path / "big.zone").write_text("".join(lines))
    config = server.config.read_text()
    server.config.write_text(
        config.replace(
            "    secondaries: [ns2]\n    records:\n",
            "    secondaries: [ns2]\n    records_files: [big.zone]\n    records:\n",
        )
    )
    try:
        load_demo(started(server))
        pid = pid_of_transfers(server)
        before = resident(pid)
        query = dns.message.make_query(ZONE, "AXFR")
        query.use_tsig(KEY)
        wire = query.to_wire()
        with ExitStack() as stack:
            stuck = [
                stack.enter_context(reads_nothing(server.port, f"127.0.1.{number % 3 + 1}", wire))
                for number in range(100)
            ]
            wait_for(lambda: logged(server, "a connection from 127.0.1."), server.log.read_text)
            report = server.do(command="status")["server"]["transfers"]
            assert 1 <= report["connections"] <= 40, "one network has a part of the places"
            server.do(command="switch", groups=["shop"], to="backup")
            assert server.short(NAME) == ["198.51.100.20"]
            zone = fetch(server)
            assert ON_BACKUP in text_of(zone)
            server.do(command="switch", groups=["shop"], to="primary")
            wait_for(lambda: ON_PRIMARY in text_of(fetch(server, zone)))
            assert resident(pid) - before < 60_000, "KiB for messages and one more snapshot"
            assert len(stuck) == 100
        assert "defect" not in server.log.read_text()
    finally:
        server.kill()


def reads_nothing(port: int, source: str, wire: bytes) -> socket.socket:
    """Return a connection that has asked for the zone, and reads nothing of it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    sock.sendall(len(wire).to_bytes(2, "big") + wire)
    return sock


def resident(pid: int) -> int:
    """Return the memory of a process in KiB."""
    fields = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in fields if line.startswith("VmRSS")))


def test_a_change_waits_for_no_transfer_process(fleet: Server) -> None:
    """A stopped transfer process delays no switch; when it continues, it has the newest zone."""
    pid = pid_of_transfers(fleet)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for side in ("backup", "primary", "backup"):
            fleet.do(command="switch", groups=["shop"], to=side)
        assert time.monotonic() - began < 5
        assert fleet.short(NAME) == ["198.51.100.20"]
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: ON_BACKUP in text_of(fetch(fleet)), lambda: str(text_of(fetch(fleet))))


def test_a_client_that_leaves_in_the_middle_is_logged_and_forgotten(fleet: Server) -> None:
    query = dns.message.make_query(ZONE, "AXFR")
    query.use_tsig(KEY)
    wire = query.to_wire()
    for size in (1, 20, len(wire) + 2):
        with socket.create_connection(("127.0.0.1", fleet.port)) as sock:
            sock.sendall((len(wire).to_bytes(2, "big") + wire)[:size])
    wait_for(lambda: fleet.do(command="status")["server"]["transfers"]["connections"] == 0)
    assert text_of(fetch(fleet)) == printed(fleet)


def test_several_requests_on_one_connection_are_answered_in_order(fleet: Server) -> None:
    """As Knot and BIND do it: the SOA record, then the zone, then an ordinary query."""
    wires = []
    for name, kind in ((ZONE, "SOA"), (ZONE, "AXFR"), (NAME, "A"), (ZONE, "SOA")):
        query = dns.message.make_query(name, kind)
        query.use_tsig(KEY)
        wires.append(query.to_wire())
    plain = dns.message.make_query(NAME, "A").to_wire()
    refused = dns.message.make_query(ZONE, "AXFR").to_wire()
    wires += [plain, refused]
    with socket.create_connection(("127.0.0.1", fleet.port), timeout=10) as sock:
        sock.sendall(b"".join(len(wire).to_bytes(2, "big") + wire for wire in wires))
        with sock.makefile("rb") as file:
            replies = [file.read(int.from_bytes(file.read(2), "big")) for _ in wires]
    assert [reply[:2] for reply in replies] == [wire[:2] for wire in wires]
    assert [reply[3] & 0xF for reply in replies] == [0, 0, 0, 0, 0, dns.rcode.REFUSED]
