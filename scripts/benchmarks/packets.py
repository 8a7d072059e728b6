"""Answer random and damaged packets, and measure the most expensive of them.

Nothing may raise; each reply must be well-formed: at least a header, QR set, ID and opcode echoed,
and a length within its limit.
Prints the counts of reactions and their cost on one core.
The most expensive packets of each transport are measured three times more, and the best run
counts, so that other work on the machine does not.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random
from struct import pack

from failoverdns.answering.responding import Asker, respond, slow_answer
from failoverdns.answering.settings import AnswerSettings
from failoverdns.model.change import Delta, Node
from failoverdns.model.names import DomainName
from failoverdns.model.records import CNAME, NS, TXT, A, RRset, Text
from failoverdns.model.zone import NameServer, Zone
from failoverdns.protocol.cookies import CookieSecrets
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.protocol.table.table import Table

UDP = Asker("0.0.0.0", True, 0.0, 0)
TCP = UDP._replace(udp=False)
PLAIN = AnswerSettings(None, None, 10.0, None, {})
COOKIES = AnswerSettings(CookieSecrets((bytes(range(16)),)), b"ns1", 10.0, None, {})

MAX_UDP = 4096
"""The maximum size of a UDP packet that the server reads, in bytes."""

SLOWEST = 50
"""The number of packets that are measured again."""

NAMES = [
    b"\10failover\4test\0",
    b"\13414-262-781\10failover\4test\0",
    b"\4MANY\10FailOver\4test\0",
    b"\5cloud\10failover\4test\0",
    b"\2n0\10failover\4test\0",
    b"\3www\5child\10failover\4test\0",
    b"\1x\1y\4wild\10failover\4test\0",
    b"\7nothing\10failover\4test\0",
    b"\3www\7example\3net\0",
    b"\0",
    b"\1x" * 121 + b"\10failover\0",
]
TYPES = [1, 1, 2, 5, 6, 16, 28, 41, 43, 65, 251, 252, 255, 65280]


def small_table() -> Table:
    """Return a table with groups, chains, a wildcard and a zone cut."""
    origin = DomainName.from_text("failover.test")
    server = NameServer(origin.child("ns1"), (IPv4Address("192.0.2.53"),))
    zone = Zone(origin, (server,), origin.child("hostmaster"), 60, 60)

    def node(label: str, *rrsets: RRset) -> Node:
        return Node(DomainName.from_text(label, origin), origin, rrsets, 60)

    nodes = [Node(rrset.owner, origin, (rrset.records,), 60) for rrset in zone.configured_rrsets()]
    many = tuple(IPv4Address(number) for number in range(1, 101))
    nodes += [
        node("414-262-781", RRset(A, 60, (IPv4Address("192.0.2.10"),))),
        node("many", RRset(A, 60, many), RRset(TXT, 60, (Text((b"x" * 255,) * 8),))),
        node("cloud", RRset(CNAME, 60, (DomainName.from_text("lb.example.net"),))),
        node("child", RRset(NS, 60, (DomainName.from_text("ns.child", origin),))),
        node("ns.child", RRset(A, 60, many)),
        node("*.wild", RRset(CNAME, 60, (DomainName.from_text("many", origin),))),
        node("empty"),
    ]
    for number in range(20):
        following = DomainName.from_text(f"n{number + 1}", origin)
        nodes.append(node(f"n{number}", RRset(CNAME, 60, (following,))))
    table: Table = PythonTable()
    table.apply(write_delta(Delta((*nodes,), authorities=(zone.start_of_authority(1),))))
    return table


def valid_query(random: Random) -> bytes:
    """Return a query that has an answer."""
    edns = random.random() < 0.6
    flags = random.choice([0, 0x100, 0x110, 0x120, 0x130])
    packet = pack(">HHHHHH", random.randrange(65536), flags, 1, 0, 0, edns)
    name = bytes(
        b ^ 0x20 if chr(b).isalpha() and random.random() < 0.3 else b for b in _name(random)
    )
    packet += name + pack(">HH", random.choice(TYPES), random.choice([1, 1, 1, 1, 3, 255]))
    if edns:
        options = random.choice([b"", b"", b"\0\x0a\0\x08abcdefgh", b"\0\3\0\0" * 9])
        ttl = random.choice([0, 0x8000, 1 << 16])
        payload = random.choice([0, 512, 1232, 4096])
        packet += pack(">BHHIH", 0, 41, payload, ttl, len(options)) + options
    return packet


def noise(random: Random) -> bytes:
    """Return a random header and random bytes."""
    counts = [random.choice([0, 1, 1, 2, 32, 65535]) for _ in range(4)]
    head = pack(">HHHHHH", random.randrange(65536), random.randrange(65536), *counts)
    return (head + random.randbytes(random.randrange(300)))[random.choice([0, 0, 0, 3]) :]


def damaged(random: Random) -> bytes:
    """Return a query with bytes changed, removed, doubled or added."""
    packet = bytearray(valid_query(random))
    for _ in range(random.randrange(1, 5)):
        at = random.randrange(len(packet) + 1)
        match random.randrange(5):
            case 0:
                packet[at : at + 1] = random.randbytes(1)
            case 1:
                del packet[at : at + random.randrange(1, 12)]
            case 2:
                packet[at:at] = random.randbytes(random.randrange(1, 12))
            case 3:
                packet[at:at] = packet[: random.randrange(len(packet) + 1)]
            case _:
                packet[at : at + 1] = random.choice([b"\xc0\x0c", b"\xc0", b"\xff", b"\0", b"\x40"])
        if not packet:
            packet += b"\0"
    return bytes(packet)


def pointers(random: Random, size: int) -> bytes:
    """Return a message full of compression pointers that point at each other."""
    records = random.choice([1, 16, 32, 33, 65535])
    packet = bytearray(pack(">HHHHHH", 1, 0x100, 1, 0, 0, records) + b"\1x\0\0\1\0\1")
    while len(packet) + 12 < size and records:
        chain = b"".join(pack(">H", 0xC000 | max(0, len(packet) - 2 * n)) for n in range(4))
        owner = random.choice([b"\xc0\x0c", pack(">H", 0xC000 | len(packet) & 0x3FFF), b"\xff\xff"])
        data = (b"\1y" * random.randrange(100) + chain) * random.randrange(1, 200)
        data = data[: min(65535, size - len(packet) - 12)]
        packet += owner + pack(">HHIH", random.choice([1, 5, 41]), 1, 0, len(data)) + data
        records -= 1
    return bytes(packet[:size])


def many_labels(random: Random, size: int) -> bytes:
    """Return a message of many records whose owner names have the maximum number of labels."""
    count = random.choice([31, 32])
    packet = bytearray(pack(">HHHHHH", 1, 0x100, 1, 0, 0, count) + b"\1x" * 127 + b"\0\0\1\0\1")
    for _ in range(count):
        packet += b"\1x" * 127 + b"\0" + pack(">HHIH", 1, 1, 0, 0)
    packet += bytes(random.choice([0, 0, 1]))
    return bytes(packet[:size])


def many_options(random: Random, size: int) -> bytes:
    """Return a query whose OPT record is full of options of minimum size."""
    packet = valid_query(random)[:2] + pack(">HHHHH", 0x100, 1, 0, 0, 1) + _name(random)
    packet += pack(">HH", 1, 1)
    room = min(65535, size - len(packet) - 11)
    options = b"\xfd\xe9\0\0" * (room // 4) + b"\0" * random.choice([0, 0, room % 4])
    return packet + pack(">BHHIH", 0, 41, 1232, 0, len(options)) + options


Kind = Callable[[Random, int], bytes]
KINDS: list[tuple[str, Kind, float]] = [
    ("valid", lambda random, _: valid_query(random), 0.25),
    ("damaged", lambda random, _: damaged(random), 0.45),
    ("noise", lambda random, _: noise(random), 0.20),
    ("pointers", pointers, 0.04),
    ("labels", many_labels, 0.03),
    ("options", many_options, 0.03),
]


Slow = tuple[float, str, bytes]


@dataclass(slots=True)
class Report:
    """The reactions to the packets and their cost; times in seconds."""

    outcomes: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    slowest: dict[bool, list[Slow]] = field(default_factory=lambda: {True: [], False: []})
    """The slowest packets: time, kind and packet; the key is true for UDP."""

    @property
    def mean(self) -> float:
        """Mean seconds per packet."""
        return sum(self.times) / len(self.times)

    @property
    def p99(self) -> float:
        """The 99th percentile of the seconds per packet."""
        return sorted(self.times)[len(self.times) * 99 // 100]


def fuzz(packets: int, seed: int) -> Report:
    """Answer `packets` random packets; raise AssertionError with a packet on a wrong reply."""
    table, report = small_table(), Report()
    for kind, packet, udp in _drawn(packets, Random(seed)):
        took, outcome = tried(table, packet, udp)
        report.outcomes[f"{'UDP' if udp else 'TCP'} {outcome}"] += 1
        report.times.append(took)
        slowest = report.slowest[udp]
        slowest.append((took, kind, packet))
        if len(slowest) > 20 * SLOWEST:
            slowest[:] = _first(slowest)
    for udp, slowest in report.slowest.items():
        slowest[:] = _first(
            [
                (min(took, *(tried(table, packet, udp)[0] for _ in range(3))), kind, packet)
                for took, kind, packet in _first(slowest)
            ]
        )
    return report


def _drawn(packets: int, random: Random) -> Iterator[tuple[str, bytes, bool]]:
    weights = [weight for _, _, weight in KINDS]
    for _ in range(packets):
        [(kind, make, _)] = random.choices(KINDS, weights)
        udp = random.random() < 0.7
        packet = make(random, MAX_UDP if udp else 65535)
        yield kind, packet[: MAX_UDP if udp else 65535], udp


def tried(table: Table, packet: bytes, udp: bool) -> tuple[float, str]:
    """Return the seconds that a packet took, and the name of the reaction."""
    started = time.perf_counter()
    try:
        reply = respond(table, packet, UDP if udp else TCP, PLAIN)
    except Exception as fault:
        raise AssertionError(f"{fault!r} was raised for {packet.hex()}") from fault
    took = time.perf_counter() - started
    if reply is None:
        assert len(packet) < 12 or packet[2] & 0x80, f"no reply to {packet.hex()}"
        return took, "no reply"
    assert 12 <= len(reply) <= (1232 if udp else 65535), f"{len(reply)} bytes to {packet.hex()}"
    assert reply[:2] == packet[:2], f"another id in the reply to {packet.hex()}"
    assert reply[2] & 0x80, f"QR is not set in the reply to {packet.hex()}"
    assert reply[2] & 0x78 == packet[2] & 0x78, f"another opcode in the reply to {packet.hex()}"
    rcode = RCODES.get(reply[3] & 0xF, str(reply[3] & 0xF))
    return took, rcode + (" TC" if reply[2] & 2 else "")


RCODES = {0: "NOERROR or BADVERS", 1: "FORMERR", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def try_every_way(table: Table, packet: bytes) -> None:
    """Answer a packet over both transports, with a cookie secret; raise AssertionError on a fault.

    A prepared reply must equal the reply of the full parser.
    """
    for asker in (UDP, TCP):
        tried(table, packet, asker.udp)
        reply = respond(table, packet, asker, COOKIES)
        slow = slow_answer(table, packet, asker, COOKIES).message
        assert reply == slow, f"two replies to {packet.hex()}"


def _first(slowest: list[Slow]) -> list[Slow]:
    return sorted(slowest, key=lambda one: -one[0])[:SLOWEST]


def _name(random: Random) -> bytes:
    return random.choice(NAMES)


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packets", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    arguments = parser.parse_args()
    if arguments.packets < 1:
        parser.error("--packets must be at least 1")
    report = fuzz(arguments.packets, arguments.seed)
    print(
        f"{arguments.packets} packets, seed {arguments.seed}: nothing raised, replies well-formed"
    )
    for outcome, count in report.outcomes.most_common():
        print(f"  {count:8}  {outcome}")
    print(f"mean {report.mean * 1e6:.1f} us, p99 {report.p99 * 1e6:.1f} us")
    for transport, slowest in (("UDP", report.slowest[True]), ("TCP", report.slowest[False])):
        for took, kind, packet in slowest[:1]:
            start = packet[:24].hex(" ", 2)
            print(
                f"worst {transport}: {took * 1e6:.1f} us, {kind}, {len(packet)} bytes: {start} ..."
            )


if __name__ == "__main__":
    main()
