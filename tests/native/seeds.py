"""Initial inputs for the fuzzers of the C code: a table, deltas, packets, batches, and limits.

python tests/native/seeds.py FOLDER CORPUS      writes FOLDER/table.delta, deltas/, packets/, ...
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address
from itertools import cycle
from pathlib import Path
from struct import pack

from failoverdns.model.change import Delta, Node
from failoverdns.model.names import DomainName
from failoverdns.model.records import (
    CNAME,
    NS,
    SOA,
    TXT,
    A,
    OwnedRRset,
    RRset,
    StartOfAuthority,
    Text,
)
from failoverdns.protocol.cookies import make_cookie
from failoverdns.protocol.table.deltas import write_delta

ORIGIN = DomainName.from_text("failover.test")
OUTER = DomainName.from_text("test")
SECRET = b"0123456789abcdef"


def authority(origin: DomainName, serial: int) -> OwnedRRset:
    """Return the SOA record of a zone."""
    data = StartOfAuthority(origin.child("ns"), origin.child("h"), serial, 3600, 600, 86400, 60)
    return OwnedRRset(origin, SOA, 60, (data,))


def node(label: str, *rrsets: RRset) -> Node:
    """Return a name of the zone with its RRsets."""
    return Node(DomainName.from_text(label, ORIGIN), ORIGIN, rrsets, 30)


def table() -> Delta:
    """Return a delta that adds a zone with several kinds of names."""
    many = tuple(IPv4Address(number) for number in range(1, 74))
    there = RRset(CNAME, 60, (DomainName.from_text("lb.example.net"),))
    here = RRset(CNAME, 60, (ORIGIN.child("a"),))
    servers = RRset(NS, 60, (DomainName.from_text("ns.child", ORIGIN),))
    apex = Node(ORIGIN, ORIGIN, (RRset(NS, 60, (ORIGIN.child("ns"),)),), 60)
    nodes = (
        apex,
        node("a", RRset(A, 60, many[:1])),
        node("many", RRset(A, 60, many), RRset(TXT, 60, (Text((b"x" * 99,)),))),
        node("out", there),
        node("in", here),
        node("x.y.z"),
        node("*.w", RRset(A, 60, many[:2])),
        node("child", servers),
        node("ns.child", RRset(A, 60, many[:1])),
    )
    return Delta(nodes=nodes, authorities=(authority(ORIGIN, 1),))


def deltas() -> list[bytes]:
    """Return inputs with two deltas each, after the size of the first one in two bytes."""
    whole = write_delta(table())
    inner = ORIGIN.child("a")
    nested = write_delta(
        Delta(
            authorities=(authority(OUTER, 2), authority(ORIGIN, 3)),
            nodes=(Node(ORIGIN, OUTER, (), 5), node("a"), Node(inner.child("b"), OUTER, (), 5)),
        )
    )
    seconds = [
        Delta(removed=(DomainName.from_text("x.y.z", ORIGIN), ORIGIN, ORIGIN.child("child"))),
        Delta(dropped=(ORIGIN,)),
        Delta(dropped=(OUTER,)),
        Delta(authorities=(authority(OUTER, 2), authority(inner, 3)), dropped=(OUTER,)),
        Delta(nodes=(Node(ORIGIN.child("b"), OUTER, (), 5),), authorities=(authority(OUTER, 4),)),
    ]
    small = write_delta(Delta(nodes=(node("a"), node("b.a")), authorities=(authority(ORIGIN, 1),)))
    late = Node(ORIGIN, OUTER, (RRset(A, 60, (IPv4Address(1),)),), 5)
    inside = write_delta(Delta(authorities=(authority(OUTER, 2),), nodes=(late,))) + nested
    pairs = [
        (first, write_delta(second))
        for first in (whole, small, nested, inside)
        for second in seconds
    ]
    pairs += [(second, first) for first, second in pairs[:5]]
    return [pack(">H", len(first)) + first + second for first, second in pairs]


def packets(corpus: Path) -> list[bytes]:
    """Return packets, each after a byte that encodes its transport and the use of cookies."""
    names = ["a", "many", "out", "in", "x.y.z", "y.z", "q.w", "child", "ns.child", "none", "b.none"]
    made = []
    own = make_cookie(SECRET, b"abcdefgh", bytes(4), 0)
    for label in names:
        for rtype in (1, 5, 6, 16, 28):
            question = DomainName.from_text(label, ORIGIN).wire + pack(">HH", rtype, 1)
            made.append(b"id\1\0\0\1\0\0\0\0\0\0" + question)
            for options in (b"", b"\0\x0a\0\x08abcdefgh", b"\0\x0a\0\x18" + own):
                opt = pack(">BHHIH", 0, 41, 1232, 0x8000, len(options)) + options
                made.append(b"id\1\0\0\1\0\0\0\0\0\1" + question + opt)
    found = [path.read_bytes() for path in sorted(corpus.iterdir())]
    return [bytes([how]) + packet for packet in made + found for how in (3, 2)]


def batches(corpus: Path) -> list[bytes]:
    """Return several packets each, after a byte that encodes the socket and its limits."""
    each = [packet[1:] for packet in packets(corpus)]
    some = [each[at : at + 9] for at in range(0, len(each), 9)] + [each[:1] * 70]
    return [
        bytes([how]) + b"".join(pack(">H", len(one)) + one for one in batch)
        for how, batch in zip(cycle(range(16)), some, strict=False)
    ]


def limits() -> list[bytes]:
    """Return the settings of a limiter each (12 bytes), and replies that it treats (6 each)."""
    rates = [bytes([4, 4, 4, 4, 4, 5]), bytes([1, 2, 3, 4, 1, 0]), bytes([7, 7, 7, 7, 7, 7])]
    rest = [b"\0\x0f\2\x18\x38\5", b"\0\0\0\x20\x80\7", b"\x0e\x0f\x0a\1\1\0"]
    replies = [
        bytes([client, kind, 0, wait, length, times])
        for client in (0, 1, 2, 65, 66, 129)
        for kind in range(5)
        for wait, length, times in ((0, 30, 20), (200, 31, 3))
    ]
    return [rate + other + b"".join(replies) for rate in rates for other in rest] + replies[:3]


def main(folder: Path, corpus: Path) -> None:
    """Write all inputs."""
    (folder / "table.delta").write_bytes(write_delta(table()))
    for kind, seeds in (
        ("deltas", deltas()),
        ("packets", packets(corpus)),
        ("batches", batches(corpus)),
        ("limiter", limits()),
    ):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / kind / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
