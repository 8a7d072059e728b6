"""Dynamic updates get the response codes of BIND, and change the zone as they do there."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from struct import pack

import pytest
from ports import free_port
from system.server import Server, tool, wait_for
from system.updating import (
    BASE64,
    KEYS,
    contents,
    running,
    send_raw,
)
from updates import ZONE_SECTION, raw, raw_message

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running server whose zone may be updated; it has the group `shop`."""
    yield from running(tmp_path_factory.mktemp("updates"))


@pytest.fixture(scope="module")
def bind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Return the port of BIND with the same zone, which the same key may update."""
    folder, port = tmp_path_factory.mktemp("bind"), free_port()
    folder.joinpath("zone").write_text(
        "$ORIGIN failover.test.\n"
        "@ 60 IN SOA ns1 hostmaster 1 14400 3600 1209600 60\n"
        "@ 3600 IN NS ns1\nns1 3600 IN A 127.0.0.1\n"
        "414-262-781 60 IN A 192.0.2.10\n"
    )
    challenges = f"grant {KEYS[1]} subdomain _acme-challenge.failover.test. TXT;"
    policy = f"grant {KEYS[0]} zonesub ANY; {challenges}"
    keys = "".join(f'key "{k}" {{ algorithm hmac-sha256; secret "{BASE64}"; }};\n' for k in KEYS)
    folder.joinpath("named.conf").write_text(
        f'{keys}options {{ directory "{folder}"; pid-file none; session-keyfile none;'
        f" lock-file none; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};"
        " recursion no; dnssec-validation no; notify no; empty-zones-enable no; };\n"
        "controls { };\n"
        f'zone "failover.test" {{ type primary; file "zone"; allow-transfer {{ any; }};'
        f" check-names ignore; check-integrity no; update-policy {{ {policy} }}; }};\n"
    )
    with folder.joinpath("log").open("wb") as log:
        child = subprocess.Popen(
            [tool("named"), "-g", "-n", "1", "-c", folder / "named.conf"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(lambda: " running" in folder.joinpath("log").read_text() and _listens(port))
        yield port
    finally:
        child.kill()
        child.wait()


def _listens(port: int) -> bool:
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


A1, A2, A3 = (bytes((192, 0, 2, n)) for n in (1, 2, 3))
WWW, SUB, APEX = b"\3www\xc0\x0c", b"\1b\1a\xc0\x0c", b"\xc0\x0c"
ALIAS = b"\5alias\xc0\x0c"
OUT = b"\3www\7example\0"
A, NS, CNAME, SOA, MX, TXT = 1, 2, 5, 6, 15, 16
IN, CH, NONE, ANY = 1, 3, 254, 255
NS1 = b"\3ns1\xc0\x0c"
SOA_DATA = NS1 + b"\1x\xc0\x0c" + bytes(20)


def add(owner: bytes, rtype: int, data: bytes, ttl: int = 60) -> bytes:
    return raw(rtype, IN, ttl, data, owner)


def gone(owner: bytes, rtype: int = 255, data: bytes | None = None) -> bytes:
    return raw(rtype, ANY if data is None else NONE, 0, data or b"", owner)


def need(
    owner: bytes, rtype: int = 255, rclass: int = ANY, data: bytes = b"", ttl: int = 0
) -> bytes:
    return raw(rtype, rclass, ttl, data, owner)


STEPS: list[tuple[str, list[bytes], list[bytes]]] = [
    ("nothing", [], []),
    ("add", [], [add(WWW, A, A1)]),
    ("add it again", [], [add(WWW, A, A1)]),
    ("add a second", [], [add(WWW, A, A2)]),
    ("add with another TTL", [], [add(WWW, A, A1, 300)]),
    ("add several types", [], [add(WWW, TXT, b"\1x"), add(WWW, MX, b"\0\5\2mx\xc0\x0c")]),
    ("prerequisite: name in use", [need(WWW)], [add(SUB, A, A1)]),
    ("prerequisite: name in use, and is not", [need(OUT[:4] + APEX)], []),
    ("prerequisite: name is not in use", [need(b"\2no\xc0\x0c")], [add(SUB, A, A2)]),
    ("prerequisite: name not in use", [need(b"\2no\xc0\x0c", 255, NONE)], [add(SUB, A, A2)]),
    ("prerequisite: name not in use, and is", [need(WWW, 255, NONE)], [add(SUB, A, A3)]),
    ("prerequisite: an empty non-terminal is not in use", [need(b"\1a\xc0\x0c", 255, NONE)], []),
    ("prerequisite: RRset", [need(WWW, A)], []),
    ("prerequisite: RRset, and is not", [need(WWW, 28)], [add(SUB, A, A3)]),
    ("prerequisite: no RRset", [need(WWW, 28, NONE)], []),
    ("prerequisite: no RRset, and is", [need(WWW, A, NONE)], [add(SUB, A, A3)]),
    ("prerequisite: the records", [need(WWW, A, IN, A2), need(WWW, A, IN, A1)], []),
    ("prerequisite: some of the records", [need(WWW, A, IN, A1)], [add(SUB, A, A3)]),
    ("prerequisite: other records", [need(WWW, A, IN, A3)], [add(SUB, A, A3)]),
    ("prerequisite: too many", [need(WWW, A, IN, a) for a in (A1, A2, A3)], []),
    ("prerequisite: case of names", [need(WWW, MX, IN, b"\0\5\2MX\xc0\x0c")], []),
    ("prerequisite: outside", [need(OUT)], [add(SUB, A, A3)]),
    ("prerequisite: with a TTL", [need(WWW, ttl=1)], [add(SUB, A, A3)]),
    ("prerequisite: with data", [need(WWW, A, ANY, A1)], [add(SUB, A, A3)]),
    ("prerequisite: absent with data", [need(WWW, A, NONE, A1)], [add(SUB, A, A3)]),
    ("prerequisite: class CH", [need(WWW, A, CH)], [add(SUB, A, A3)]),
    ("two prerequisites, the second fails", [need(WWW), need(WWW, 28)], [add(SUB, A, A3)]),
    ("outside", [], [add(SUB, A, A3), add(OUT, A, A1)]),
    ("delete outside", [], [gone(OUT)]),
    ("add of class CH", [], [raw(A, CH, 60, A1, WWW)]),
    ("add of type ANY", [], [raw(255, IN, 60, b"", WWW)]),
    ("add of type AXFR", [], [raw(252, IN, 60, b"", WWW)]),
    ("delete type AXFR", [], [raw(252, ANY, 0, b"", WWW)]),
    ("delete with a TTL", [], [raw(A, ANY, 5, b"", WWW)]),
    ("delete an RRset with data", [], [raw(A, ANY, 0, A1, WWW)]),
    ("delete a record with a TTL", [], [raw(A, NONE, 5, A1, WWW)]),
    ("delete a record of type ANY", [], [raw(255, NONE, 0, b"", WWW)]),
    ("a short address", [], [add(WWW, A, A1[:3])]),
    ("one good, one bad", [], [add(SUB, A, A3), raw(A, CH, 60, A1, WWW)]),
    ("CNAME beside others", [], [add(WWW, CNAME, b"\1x\xc0\x0c")]),
    ("CNAME", [], [add(ALIAS, CNAME, b"\1x\xc0\x0c")]),
    ("CNAME again, with another target", [], [add(ALIAS, CNAME, b"\1y\xc0\x0c")]),
    ("others beside a CNAME", [], [add(ALIAS, A, A1), add(SUB, A, A3)]),
    ("delete, then CNAME", [], [gone(SUB), add(SUB, CNAME, b"\1x\xc0\x0c")]),
    ("CNAME, then delete, then others", [], [gone(SUB, CNAME), add(SUB, A, A1)]),
    ("add, then delete", [], [add(SUB, A, A2), gone(SUB, A, A2)]),
    ("delete a record", [], [gone(WWW, A, A1)]),
    ("delete a record that is not there", [], [gone(WWW, A, A3)]),
    ("delete a record by another case", [], [gone(WWW, MX, b"\0\5\2MX\xc0\x0c")]),
    ("delete an RRset", [], [gone(WWW, TXT)]),
    ("delete an RRset that is not there", [], [gone(WWW, TXT)]),
    ("delete a name", [], [gone(WWW)]),
    ("delete a name that is not there", [], [gone(WWW)]),
    ("apex: add", [], [add(APEX, MX, b"\0\5\2mx\xc0\x0c"), add(APEX, TXT, b"\1x")]),
    ("apex: delete SOA", [], [gone(APEX, SOA)]),
    ("apex: delete NS", [], [gone(APEX, NS)]),
    ("apex: delete the last NS", [], [gone(APEX, NS, NS1)]),
    ("apex: an older SOA", [], [add(APEX, SOA, SOA_DATA)]),
    ("apex: CNAME", [], [add(APEX, CNAME, b"\1x\xc0\x0c")]),
    ("apex: delete name", [], [gone(APEX)]),
    ("a second SOA", [], [add(SUB, SOA, SOA_DATA)]),
    ("NSEC", [], [add(SUB, 47, b"\1x\0\0\1\x40")]),
    ("wildcard", [], [add(b"\1*\1w\xc0\x0c", A, A1)]),
    ("wildcard: not in use below", [need(b"\1x\1w\xc0\x0c", 255, NONE)], []),
    ("an unknown type", [], [add(SUB, 65280, b"\xc0\x0c")]),
    ("delete the wildcard", [], [gone(b"\1*\1w\xc0\x0c")]),
]


_ZONE = b"\10failover\4test\0"
_CHALLENGE = b"\17_acme-challenge\xc0\x0c"

MESSAGES: list[tuple[str, str, bytes]] = [
    ("no zone", KEYS[0], raw_message(zone=b"", zones=0)),
    ("two zones", KEYS[0], raw_message(zone=ZONE_SECTION * 2, zones=2)),
    ("a zone of type A", KEYS[0], raw_message(zone=_ZONE + pack(">HH", A, IN))),
    ("a zone that is not here", KEYS[0], raw_message(zone=b"\7example\0" + pack(">HH", SOA, IN))),
    ("a name in the zone", KEYS[0], raw_message(zone=WWW[:4] + _ZONE + pack(">HH", SOA, IN))),
    ("bytes at the end", KEYS[0], raw_message(add(SUB, A, A3), end=b"")[:-1]),
    ("a scope", KEYS[1], raw_message(add(_CHALLENGE, TXT, b"\1x"))),
    ("delete a name in a scope", KEYS[1], raw_message(gone(_CHALLENGE))),
    ("another type", KEYS[1], raw_message(add(_CHALLENGE, A, A1))),
    ("another name", KEYS[1], raw_message(add(WWW, TXT, b"\1x"))),
    ("one of two", KEYS[1], raw_message(add(_CHALLENGE, TXT, b"\1x"), add(WWW, TXT, b"\1x"))),
    ("a key without scopes", KEYS[2], raw_message(add(WWW, TXT, b"\1x"))),
    (
        "another name, and a prerequisite that does not hold",
        KEYS[1],
        raw_message(add(WWW, TXT, b"\1x"), prerequisites=(need(b"\2no\xc0\x0c"),)),
    ),
    (
        "outside, and a prerequisite that does not hold",
        KEYS[0],
        raw_message(add(OUT, TXT, b"\1x"), prerequisites=(need(b"\2no\xc0\x0c"),)),
    ),
    ("a prerequisite beyond the scope", KEYS[1], raw_message(prerequisites=(need(APEX),))),
    ("OPT", KEYS[0], raw_message(additional=(raw(41, 1232, owner=b"\0"),))),
]


def test_rcodes_of_odd_messages_are_those_of_bind(shared: Server, bind: int) -> None:
    found = []
    for what, key, message in MESSAGES:
        theirs, ours = send_raw(message, bind, key), send_raw(message, shared.port, key)
        if theirs != ours:
            found.append((what, theirs.name, ours.name))
    assert found == [], "\n".join(map(str, found))


def test_rcodes_and_records_are_those_of_bind(shared: Server, bind: int) -> None:
    """Each message is sent to BIND and to us; after each the zones have the same records."""
    found = []
    groups = {line for line in contents(shared.port) if "781" in line or "_status" in line}
    for number, (what, prerequisites, updates) in enumerate(STEPS):
        message = raw_message(*updates, prerequisites=tuple(prerequisites), id_=number)
        theirs, ours = send_raw(message, bind), send_raw(message, shared.port)
        there, here = contents(bind), contents(shared.port)
        there = [line for line in there if "781" not in line]
        if theirs != ours or there != [line for line in here if line not in groups]:
            found.append((what, theirs.name, ours.name, set(there) ^ (set(here) - groups)))
    assert found == [], "\n".join(map(str, found))


RANDOM_OWNERS = (WWW, SUB, b"\1a\xc0\x0c", ALIAS, APEX, b"\1*\1w\xc0\x0c", b"\1x\1w\xc0\x0c")
RANDOM_DATA = {
    A: (A1, A2, A3),
    TXT: (b"\1x", b"\1X", b"\1x\1y"),
    CNAME: (b"\1x\xc0\x0c", b"\1X\xc0\x0c", b"\1y\xc0\x0c"),
    MX: (b"\0\5\2mx\xc0\x0c", b"\0\5\2MX\xc0\x0c", b"\0\6\2mx\xc0\x0c"),
}


def random_message(random: Random, id_: int) -> bytes:
    """Return an update of a few names and types, which often get in each other's way."""

    def owner() -> bytes:
        return random.choice(RANDOM_OWNERS)

    def prerequisite() -> bytes:
        rtype = random.choice(tuple(RANDOM_DATA))
        data = random.choice(RANDOM_DATA[rtype])
        forms = (
            (255, ANY, b""),
            (255, NONE, b""),
            (rtype, ANY, b""),
            (rtype, NONE, b""),
            (rtype, IN, data),
        )
        kind, rclass, given = random.choice(forms)
        return need(owner(), kind, rclass, given)

    def instruction() -> bytes:
        rtype = random.choice(tuple(RANDOM_DATA))
        data = random.choice(RANDOM_DATA[rtype])
        ttl = random.choice((60, 300))
        return random.choice(
            (
                *[add(owner(), rtype, data, ttl)] * 3,
                gone(owner(), rtype, data),
                gone(owner(), rtype),
                gone(owner()),
            )
        )

    prerequisites = [prerequisite() for _ in range(random.choice((0, 0, 0, 1, 1, 2)))]
    updates = [instruction() for _ in range(random.randint(1, 4))]
    return raw_message(*updates, prerequisites=tuple(prerequisites), id_=id_)


def test_random_updates_have_the_rcodes_and_records_of_bind(shared: Server, bind: int) -> None:
    random = Random(2136)
    seen = set()
    for number in range(200):
        message = random_message(random, number)
        theirs, ours = send_raw(message, bind), send_raw(message, shared.port)
        assert theirs == ours, (number, message)
        seen.add(ours.name)
        if number % 20 == 0:
            there, here = contents(bind), contents(shared.port)
            known = {line for line in there if "781" not in line}
            assert known
            assert known == {ln for ln in here if "781" not in ln and "_status" not in ln}, number
    assert seen == {"NOERROR", "NXDOMAIN", "YXDOMAIN", "NXRRSET", "YXRRSET"}
