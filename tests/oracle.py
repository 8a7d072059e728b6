"""Comparison of our replies with those of other name servers that serve the same zone.

The questions are about every name of a zone file, and about names beside, above and below it, with
and without EDNS, in odd case, over UDP and TCP.  The comparison covers rcode, flags, the question
letter for letter, and the answer and authority sections with TTLs, as sets.  The additional section
is compared in referrals only, because it is optional elsewhere.
Every intended difference is a row of `EXPLAINED`; all others are faults.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

TYPES = (
    *("A", "NS", "MD", "CNAME", "SOA", "MB", "NULL", "WKS", "PTR", "HINFO", "MX", "TXT", "RP"),
    *("AFSDB", "X25", "ISDN", "RT", "SIG", "KEY", "PX", "GPOS", "AAAA", "LOC", "SRV", "NAPTR"),
    *("KX", "CERT", "DNAME", "APL", "DS", "SSHFP", "IPSECKEY", "DNSKEY", "DHCID", "TLSA", "SMIMEA"),
    *("CDS", "CDNSKEY", "OPENPGPKEY", "SVCB", "HTTPS", "SPF", "EUI48", "URI", "CAA"),
    *("TYPE1000", "TYPE65280", "TYPE65350", "ANY"),
)
"""Types to ask for at names that exist."""

FEW_TYPES = ("A", "NS", "DS", "TYPE65280", "ANY")
"""Types to ask for at all other names, which are answered alike for every type."""


class Question(NamedTuple):
    """A question and how to ask it; `payload` is the EDNS size in bytes, None without EDNS."""

    name: str
    rtype: str
    payload: int | None
    dnssec_ok: bool
    version: int
    tcp: bool

    def message(self, number: int) -> dns.message.Message:
        """Return the question as a message whose ID is `number`."""
        query = dns.message.make_query(self.name, self.rtype, id=number)
        if self.payload is not None:
            flags = dns.flags.DO if self.dnssec_ok else 0
            query.use_edns(self.version, flags, self.payload)
        return query


_WAYS = (
    # payload, DO, version, TCP
    (None, False, 0, False),
    (1232, False, 0, False),
    (None, False, 0, True),
    (4096, True, 0, False),
    (512, False, 0, False),
    (100, False, 0, False),
    (1232, True, 0, True),
    (1232, False, 1, False),
)
"""The ways to ask a question, which the questions take in turn."""


class Reply(NamedTuple):
    """The compared parts of a reply; records are lines of text with names in lower case."""

    rcode: str
    flags: str
    question: str
    answer: frozenset[str]
    authority: frozenset[str]
    additional: frozenset[str]


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone that all servers serve: its origin and its owner names."""

    origin: str
    owners: frozenset[str]
    short: frozenset[str] = frozenset()
    """Names with a negative TTL below the zone's."""

    @classmethod
    def from_text(cls, text: str, short: Iterable[str] = ()) -> Zone:
        """Take the names from zone-file text with one record on each line."""
        lines = [line.split(" ") for line in text.splitlines() if " IN " in line]
        owners = frozenset(words[0] for words in lines)
        return cls(lines[0][0], owners, frozenset(short))


def _is_shorter(zone: Zone, asked: Question, ours: Reply, theirs: Reply) -> bool:
    def without_ttl(records: frozenset[str]) -> set[tuple[str, ...]]:
        return {tuple(word for at, word in enumerate(r.split()) if at != 1) for r in records}

    return (
        asked.name.lower() in zone.short
        and not ours.answer
        and ours._replace(authority=theirs.authority) == theirs
        and without_ttl(ours.authority) == without_ttl(theirs.authority)
    )


def _is_any(zone: Zone, asked: Question, ours: Reply, theirs: Reply) -> bool:
    def types(reply: Reply) -> int:
        return len({line.split()[3] for line in reply.answer})

    return (
        asked.rtype == "ANY"
        and types(ours) == 1
        and ours._replace(answer=theirs.answer) == theirs
        and (bool(theirs.answer & ours.answer) or types(theirs) == 1)
    )


def _is_helpful(zone: Zone, asked: Question, ours: Reply, theirs: Reply) -> bool:
    return (
        bool(ours.authority)
        and "AA" not in ours.flags.split()
        and ours._replace(additional=theirs.additional) == theirs
        and ours.additional < theirs.additional
        and all(line.split()[0] in zone.owners for line in theirs.additional - ours.additional)
    )


def _is_of_old_dnssec(zone: Zone, asked: Question, ours: Reply, theirs: Reply) -> bool:
    return (
        asked.rtype in ("KEY", "SIG")
        and theirs.rcode == "NOERROR"
        and not theirs.answer
        and any(line.split()[3] == "cname" for line in ours.answer)
    )


def _is_a_loop(zone: Zone, asked: Question, ours: Reply, theirs: Reply) -> bool:
    ends = {line.split()[-1] for line in ours.answer}
    return (
        (ours.rcode, theirs.rcode) == ("NOERROR", "SERVFAIL")
        and ours._replace(rcode="SERVFAIL") == theirs
        and bool(ends & {line.split()[0] for line in ours.answer})
        and all(line.split()[3] == "cname" for line in ours.answer)
    )


EXPLAINED: tuple[tuple[str, Callable[[Zone, Question, Reply, Reply], bool]], ...] = (
    ("the negative TTL of a group is at most its own TTL", _is_shorter),
    ("ANY returns one RRset that the server chooses (RFC 8482)", _is_any),
    ("NSD and Knot add addresses to a referral beyond the necessary glue", _is_helpful),
    (
        "BIND follows no CNAME for KEY and SIG, which RFC 2535 allowed beside one",
        _is_of_old_dnssec,
    ),
    ("BIND answers SERVFAIL with a loop of CNAME records; NSD and Knot NOERROR", _is_a_loop),
)
"""Intended differences: a reason, and a predicate that recognizes them."""


def questions(zone: Zone, *, thorough: bool = False) -> Iterator[Question]:
    """Yield the questions: all types for names that exist, a few types for names near them.

    With `thorough` each question is asked in every way, otherwise in one way, in rotation.
    """
    number = 0
    for name, types in sorted(_names(zone).items()):
        for rtype in types:
            number += 1
            ways = _WAYS if thorough else (_WAYS[number % len(_WAYS)],)
            for way in ways:
                yield Question(_odd(name) if number % 3 == 0 else name, rtype, *way)


def _names(zone: Zone) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys(zone.owners, TYPES)
    near = {"test.", ".", "example.com.", f"x{zone.origin}"}
    for owner in zone.owners:
        above = dns.name.from_text(owner).parent().to_text() if owner != "." else "."
        near |= {above, f"beside.{above}", f"below.{owner}", f"a.b.{owner}", f"*.{owner}"}
    for name in near:
        if len(name) < 240:
            names.setdefault(name, FEW_TYPES)
    return names


def _odd(name: str) -> str:
    """Return a name with every other letter in upper case, as resolvers that use 0x20 do."""
    if "\\" in name:
        return name
    return "".join(c.upper() if at % 2 else c for at, c in enumerate(name))


class Asker:
    """A DNS client of one server, with one UDP socket and one TCP connection."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.connect(self._address)
        self._tcp: socket.socket | None = None
        self._number = 0

    def close(self) -> None:
        """Close the sockets."""
        self._udp.close()
        if self._tcp is not None:
            self._tcp.close()

    def ask(self, question: Question) -> Reply:
        """Return the reply to a question; over UDP, try up to five times if packets are lost."""
        self._number = self._number % 65535 + 1
        wire = question.message(self._number).to_wire()
        return _read(self._ask_tcp(wire) if question.tcp else self._ask_udp(wire))

    def _ask_udp(self, wire: bytes) -> bytes:
        for _ in range(5):
            self._udp.send(wire)
            self._udp.settimeout(5)
            try:
                while (reply := self._udp.recv(65535))[:2] != wire[:2]:
                    pass
            except TimeoutError:
                continue
            return reply
        raise AssertionError(f"no reply from port {self._address[1]} to {wire.hex()}")

    def _ask_tcp(self, wire: bytes) -> bytes:
        for _ in range(3):
            if self._tcp is None:
                self._tcp = socket.create_connection(self._address, 30)
            try:
                self._tcp.sendall(len(wire).to_bytes(2, "big") + wire)
                return self._receive(int.from_bytes(self._receive(2), "big"))
            except ConnectionError:
                self._tcp.close()
                self._tcp = None
        raise AssertionError(f"no reply over TCP from port {self._address[1]} to {wire.hex()}")

    def _receive(self, size: int) -> bytes:
        assert self._tcp is not None
        data = b""
        while len(data) < size:
            more = self._tcp.recv(size - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        return data


def _read(wire: bytes) -> Reply:
    message = dns.message.from_wire(wire)
    flags = dns.flags.to_text(message.flags) + (" EDNS" if message.edns >= 0 else "")
    if message.ednsflags & dns.flags.DO:
        flags += " DO"
    return Reply(
        dns.rcode.to_text(message.rcode()),
        flags,
        "".join(rrset.to_text() for rrset in message.question),
        *(
            frozenset(line.lower() for rrset in part for line in rrset.to_text().splitlines())
            for part in (message.answer, message.authority, message.additional)
        ),
    )


class Difference(NamedTuple):
    """A question that two servers answer differently; `why` is None if that is a fault."""

    peer: str
    asked: Question
    ours: Reply
    theirs: Reply
    why: str | None

    def __str__(self) -> str:
        parts = [f"{self.asked} ({self.why or 'not explained'})"]
        for field, mine, other in zip(Reply._fields, self.ours, self.theirs, strict=True):
            if mine != other:
                shown = [sorted(v) if isinstance(v, frozenset) else v for v in (mine, other)]
                parts.append(f"  {field}:\n    ours: {shown[0]}\n    {self.peer}: {shown[1]}")
        return "\n".join(parts)


def differences(
    zone: Zone, asked: Iterable[Question], ours: Asker, peers: dict[str, Asker]
) -> Iterator[Difference]:
    """Ask every server every question; yield each difference."""
    for question in asked:
        mine = _compared(ours.ask(question))
        for name, peer in peers.items():
            theirs = _compared(peer.ask(question))
            if mine != theirs:
                yield Difference(name, question, mine, theirs, _why(zone, question, mine, theirs))


def _why(zone: Zone, asked: Question, ours: Reply, theirs: Reply) -> str | None:
    return next((why for why, meant in EXPLAINED if meant(zone, asked, ours, theirs)), None)


def _compared(reply: Reply) -> Reply:
    """Remove what is optional: additional records other than the glue of a referral."""
    referral = reply.authority and "AA" not in reply.flags.split()
    return reply if referral else reply._replace(additional=frozenset())
