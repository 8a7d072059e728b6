"""Rate limiting in batches: what C sends is what Python would send, truncated and dropped alike.

The clients are sockets on addresses of several networks of loopback.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tables import UDP, answer_settings, name, zone

from failoverdns.answering import responding
from failoverdns.answering.limiting import RateLimiter
from failoverdns.answering.responding import Asker
from failoverdns.answering.udp import UDPReader
from failoverdns.model.limits import RateLimits
from failoverdns.net.sockets import bind
from failoverdns.protocol.cookies import CookieSecrets, make_cookie
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.protocol.table.table import ServedBatch

pytest.importorskip("failoverdns._native")

from failoverdns.answering.compiled_limiting import CompiledLimiter
from failoverdns.protocol.table.compiled_table import CompiledTable

SECRET = bytes(range(16))
COOKIES = CookieSecrets((b"0123456789abcdef", b"fedcba9876543210"))
RECORDS = """\
a A 192.0.2.1
a TXT "text"
b CNAME a
out CNAME www.example.net.
*.wild A 192.0.2.2
child NS ns.child
ns.child A 192.0.2.3
"""
DELTA = write_delta(zone("failover.test", RECORDS))
PYTHON, COMPILED = PythonTable(), CompiledTable()
PYTHON.apply(DELTA)
COMPILED.apply(DELTA)

HOSTS = [f"127.0.{network}.{host}" for network in range(1, 4) for host in (1, 2)]


class Path:
    """Clients, and a reader that answers with the table and the limiter in C."""

    def __init__(self, reader: UDPReader, clients: dict[str, socket.socket]) -> None:
        self.reader = reader
        self.clients = clients
        self.answered_in_python = 0

    def replies(
        self, asked: Sequence[tuple[str, bytes]], limits: RateLimits
    ) -> tuple[list[bytes], CompiledLimiter]:
        """Return the sorted replies to packets from these addresses, and the limiter."""
        limiter = CompiledLimiter(limits, SECRET)

        def serve(descriptor: int) -> ServedBatch:
            return COMPILED.serve(descriptor, COOKIES, limiter.native)

        def respond(packet: bytes, host: str) -> bytes | None:
            self.answered_in_python += 1
            asker = Asker(host, True, now(), time.monotonic_ns())
            return responding.respond(
                COMPILED, packet, asker, answer_settings(COOKIES, None, limiter)
            )

        self.reader._serve, self.reader._respond = serve, respond
        for host, packet in asked:
            self.clients[host].send(packet)
            select.select([self.reader], [], [], 10)
            self.reader.doRead()
        found = []
        for client in self.clients.values():
            while True:
                try:
                    found.append(client.recv(4096))
                except BlockingIOError:
                    break
        return sorted(found), limiter


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    """Return a reader on a free port, and a client on each address."""
    udp, tcp = bind(ip_address("127.0.0.1"), 0)
    tcp.close()
    with ExitStack() as stack:
        clients = {}
        for host in HOSTS:
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((host, 0))
            sock.connect(udp.getsockname())
            sock.setblocking(False)
            clients[host] = sock
        yield Path(UDPReader(udp, lambda *_: None, None, lambda *_: None), clients)
    udp.close()


def packet_of(number: int, label: str, rtype: int, edns: str, host: str) -> bytes:
    """Return a query with an id, without EDNS, with an empty OPT record, or with a cookie."""
    options = {
        "none": b"",
        "new": b"\0\x0a\0\x08abcdefgh",
        "wrong": b"\0\x0a\0\x18" + b"x" * 24,
        "valid": b"\0\x0a\0\x18"
        + make_cookie(COOKIES.secrets[1], b"abcdefgh", ip_address(host).packed, now()),
    }
    options |= {f"NSID, {key}": b"\0\3\0\0" + options[key] for key in ("new", "wrong", "valid")}
    options |= {f"{key}, NSID": options[key] + b"\0\3\0\0" for key in ("new", "wrong", "valid")}
    options["odd"] = b"\0\x18\0\x0a" + b"\0\x0a\0\x18" * 2 + b"xx" + options["valid"]
    question = name(f"{label}.failover.test").wire + pack(">HH", rtype, 1)
    opt = b""
    if edns != "absent":
        rest = options[edns]
        opt = pack(">BHHIH", 0, 41, 1232, 0x8000, len(rest)) + rest
    return pack(">HHHHHH", number, 0x0100, 1, 0, 0, bool(opt)) + question + opt


def now() -> int:
    """Return the time that cookies are made at, here and in C."""
    return int(time.time())


OTHERS = [
    f"{one}, {other}"
    for key in ("new", "wrong", "valid")
    for one, other in ((key, "NSID"), ("NSID", key))
]

queries = st.lists(
    st.tuples(
        st.sampled_from(HOSTS),
        st.sampled_from(["a", "A", "b", "out", "none", "other", "x.wild", "wild", "y.child"]),
        st.sampled_from([1, 16, 28, 255, 300, 251]),
        st.sampled_from(["absent", "absent", "none", "new", "wrong", "valid", "odd", *OTHERS]),
    ),
    min_size=5,
    max_size=40,
)


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    asked=queries,
    rate=st.integers(0, 2),
    everything=st.integers(0, 4),
    slip=st.integers(0, 3),
)
def test_c_limits_replies_as_python_does(
    path: Path,
    asked: list[tuple[str, str, int, str]],
    rate: int,
    everything: int,
    slip: int,
) -> None:
    """The same replies are sent whole, sent truncated and dropped, byte for byte.

    Time stands still for one and goes on for the other, but not by a reply's worth.
    """
    limits = RateLimits(rate, rate, rate, rate, rate, everything, 3600, slip)
    packets = [
        (host, packet_of(number, label, rtype, edns, host))
        for number, (host, label, rtype, edns) in enumerate(asked)
    ]
    limiter = RateLimiter(limits, SECRET)
    in_python = []
    for host, packet in packets:
        asker = UDP._replace(host=host, now=float(now()))
        reply = responding.respond(PYTHON, packet, asker, answer_settings(COOKIES, None, limiter))
        if reply is not None:
            in_python.append(reply)
    replies, compiled = path.replies(packets, limits)
    assert [without_cookie(one) for one in replies] == sorted(map(without_cookie, in_python))
    assert (compiled.truncated, compiled.dropped) == (limiter.truncated, limiter.dropped)
    assert len(compiled) == len(limiter)


def without_cookie(reply: bytes) -> bytes:
    """Return a reply without the server cookie, whose time may be a second later."""
    return reply[:-16] if reply[-28:-24] == b"\0\x0a\0\x18" else reply


def test_ready_answers_are_limited_without_python(path: Path) -> None:
    """With a limit, C still answers: no packet of a flood reaches Python."""
    path.answered_in_python = 0
    flood = [(HOSTS[0], packet_of(n, "a", 1, "absent", HOSTS[0])) for n in range(300)]
    replies, limiter = path.replies(flood, RateLimits(responses_per_second=20, window=3600))
    whole = [reply for reply in replies if reply[7] == 1]
    assert 20 <= len(whole) <= 25
    assert limiter.truncated == len(replies) - len(whole) > 100
    assert limiter.dropped > 100
    assert path.answered_in_python == 0


@pytest.mark.parametrize("edns", ["absent", "none", "NSID, new", "wrong, NSID"])
def test_a_flood_that_only_python_can_answer_is_refused_in_c(path: Path, edns: str) -> None:
    """Once the network is in debt, only every `slip`-th packet costs Python anything."""
    path.answered_in_python = 0
    flood = [(HOSTS[0], packet_of(n, "x.wild", 1, edns, HOSTS[0])) for n in range(300)]
    limits = RateLimits(0, 0, 0, 0, 0, all_per_second=10, window=3600, slip=5)
    _, limiter = path.replies(flood, limits)
    assert limiter.dropped > 200
    assert path.answered_in_python < 100


def test_a_client_with_a_valid_cookie_is_answered_while_its_network_is_in_debt(path: Path) -> None:
    """Another client of the network floods; this one has proven its address."""
    flood = [(HOSTS[0], packet_of(n, "a", 1, "absent", HOSTS[0])) for n in range(100)]
    for edns in ("valid", "NSID, valid", "valid, NSID", "odd"):
        query = (HOSTS[1], packet_of(999, "a", 1, edns, HOSTS[1]))
        limits = RateLimits(0, 0, 0, 0, 0, all_per_second=1, window=3600, slip=0)
        replies, limiter = path.replies([*flood, query], limits)
        assert limiter.dropped == 99
        assert [reply[:2] for reply in replies] == [b"\0\0", pack(">H", 999)]
