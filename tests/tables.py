"""Tables to answer from, written as zone-file text, and queries to them with dnspython."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address

import dns.flags
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.zone

from failoverdns.answering import responding
from failoverdns.answering.limiting import Limiter
from failoverdns.answering.responding import Asker
from failoverdns.answering.settings import AnswerSettings
from failoverdns.model.change import Delta, Node
from failoverdns.model.names import DomainName
from failoverdns.model.records import (
    AAAA,
    CNAME,
    NS,
    SOA,
    TXT,
    A,
    Opaque,
    OwnedRRset,
    Rdata,
    RRset,
    StartOfAuthority,
    Text,
)
from failoverdns.protocol.cookies import CookieSecrets
from failoverdns.protocol.query import Signed
from failoverdns.protocol.records import CompiledRRset
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.protocol.table.table import Authority, Entry, Table

NEGATIVE_TTL = 60
UDP = Asker("0.0.0.0", True, 0.0, 0)
TCP = UDP._replace(udp=False)


def answer_settings(
    cookies: CookieSecrets | None = None,
    nsid: bytes | None = None,
    limiter: Limiter | None = None,
    chaos: Mapping[bytes, CompiledRRset] | None = None,
) -> AnswerSettings:
    """Return answer settings with nothing but the given ones."""
    return AnswerSettings(cookies, nsid, 10.0, limiter, chaos or {})


NO_SETTINGS = answer_settings()


def respond(
    table: Table, packet: bytes, asker: Asker, settings: AnswerSettings = NO_SETTINGS
) -> bytes | None:
    """Return the reply to a packet, by the fast or the slow path."""
    answered = responding.respond(table, packet, asker, settings)
    assert not isinstance(answered, Signed)
    return answered


def slow_answer(
    table: Table, packet: bytes, asker: Asker, settings: AnswerSettings = NO_SETTINGS
) -> bytes | None:
    """Return the reply to a packet by the slow path."""
    return responding.slow_answer(table, packet, asker, settings).message


def name(text: str) -> DomainName:
    """Return an absolute name from its text."""
    return DomainName.from_text(text)


def authority(origin: str, serial: int = 1, negative_ttl: int = NEGATIVE_TTL) -> OwnedRRset:
    """Return the SOA RRset of a zone, as `Zone.start_of_authority` makes it."""
    data = StartOfAuthority(
        name("ns1." + origin),
        name("hostmaster." + origin),
        serial,
        3600,
        600,
        1209600,
        negative_ttl,
    )
    return OwnedRRset(name(origin), SOA, negative_ttl, (data,))


def node(owner: str, origin: str, *rrsets: RRset, negative_ttl: int = NEGATIVE_TTL) -> Node:
    """Return everything that is served at a name; without RRsets the name is reserved."""
    return Node(name(owner), name(origin), rrsets, negative_ttl)


def addresses(*texts: str, ttl: int = 60) -> RRset:
    """Return an A RRset."""
    return RRset(A, ttl, tuple(IPv4Address(text) for text in texts))


def zone(
    origin: str,
    text: str = "",
    *,
    reserved: Iterable[str] = (),
    negative: Mapping[str, int] | None = None,
    serial: int = 1,
) -> Delta:
    """Return a zone with records from zone-file text, whose names are relative to `origin`.

    `reserved` are names without records; `negative` has the negative TTLs of single names.
    """
    own = {name(f"{owner}.{origin}"): ttl for owner, ttl in (negative or {}).items()}
    rrsets: dict[DomainName, list[RRset]] = {name(origin): []}
    read = dns.zone.from_text(
        f"$TTL 60\n@ 3600 NS ns1.{origin}.\n{text}\n",
        origin + ".",
        relativize=False,
        check_origin=False,
    )
    for owner, rdataset in read.iterate_rdatasets():
        rtype = int(rdataset.rdtype)
        data = tuple(_rdata(rtype, rdata) for rdata in rdataset)
        records = RRset(rtype, int(rdataset.ttl), data)
        rrsets.setdefault(DomainName(owner.to_wire() or b""), []).append(records)
    for owner_text in reserved:
        rrsets.setdefault(name(f"{owner_text}.{origin}"), [])
    nodes = tuple(
        Node(owner, name(origin), tuple(records), own.get(owner, NEGATIVE_TTL))
        for owner, records in rrsets.items()
    )
    return Delta(authorities=(authority(origin, serial),), nodes=nodes)


def table_of(*deltas: Delta) -> Table:
    """Return a table to which the deltas were applied one after the other."""
    table = new_table()
    for delta in deltas:
        table.apply(write_delta(delta))
    return table


class BothTables:
    """The table in Python and the one in C, which must agree on everything."""

    def __init__(self) -> None:
        from failoverdns.protocol.table.compiled_table import CompiledTable

        self.python = PythonTable()
        self.compiled = CompiledTable()

    def __len__(self) -> int:
        assert len(self.python) == len(self.compiled)
        return len(self.python)

    def apply(self, delta: bytes) -> None:
        """Apply a delta to both."""
        self.python.apply(delta)
        self.compiled.apply(delta)

    def stage(self, part: bytes) -> None:
        """Stage a part in both."""
        self.python.stage(part)
        self.compiled.stage(part)

    def ready_answer(self, packet: bytes, *, udp: bool) -> bytes | None:
        """Return the answer that both have ready; C has more, equal to those of the slow path."""
        python = self.python.ready_answer(packet, udp=udp)
        compiled = self.compiled.ready_answer(packet, udp=udp)
        if python is None and compiled is not None:
            assert compiled == slow_answer(self.python, packet, UDP if udp else TCP)
        else:
            assert compiled == python
        return compiled

    def find(self, name: bytes) -> Entry | None:
        """Return what both find."""
        found = self.python.find(name)
        assert self.compiled.find(name) == found
        return found

    def zone_of(self, name: bytes) -> Authority | None:
        """Return what both find."""
        found = self.python.zone_of(name)
        assert self.compiled.zone_of(name) == found
        return found

    def cut_above(self, name: bytes, origin: bytes) -> bytes | None:
        """Return what both find."""
        found = self.python.cut_above(name, origin)
        assert self.compiled.cut_above(name, origin) == found
        return found


def new_table() -> Table:
    """Return an empty table: both in one if the extension was built, as it is in CI."""
    if find_spec("failoverdns._native") is None and os.environ.get("CI") != "true":
        return PythonTable()
    return BothTables()


def served(table: PythonTable) -> tuple[dict[bytes, Entry | None], dict[bytes, Authority]]:
    """Return the content of a table: its names and its zones."""
    names = {name: table.find(name) for name in table._names}
    zones = {origin: replace(zone) for origin, zone in table._authorities.items()}
    return names, zones


def query(
    qname: str,
    rtype: str = "A",
    rclass: str = "IN",
    *,
    payload: int | None = None,
    dnssec_ok: bool = False,
    version: int = 0,
    flags: str = "RD",
) -> dns.message.Message:
    """Return a query, with EDNS if `payload` is given."""
    message = dns.message.make_query(
        dns.name.from_text(qname), dns.rdatatype.from_text(rtype), rclass, id=4711
    )
    message.flags = dns.flags.from_text(flags)
    if payload is not None:
        message.use_edns(version, dns.flags.DO if dnssec_ok else 0, payload)
    return message


def ask(
    table: Table,
    question: dns.message.Message,
    *,
    udp: bool = True,
    settings: AnswerSettings = NO_SETTINGS,
) -> dns.message.Message:
    """Return the reply to a question."""
    reply = respond(table, question.to_wire(), UDP if udp else TCP, settings)
    assert reply is not None
    return dns.message.from_wire(reply)


def lines(section: Iterable[object]) -> list[str]:
    """Return the records of a section as text, one per line, in the order of the message."""
    return [line for rrset in section for line in str(rrset).splitlines()]


def flags_of(reply: dns.message.Message) -> str:
    """Return the flags of a message as text."""
    return str(dns.flags.to_text(reply.flags))


def _rdata(rtype: int, rdata: dns.rdata.Rdata) -> Rdata:
    wire = rdata.to_wire()
    assert wire is not None
    match rtype:
        case 1:
            return IPv4Address(wire)
        case 28:
            return IPv6Address(wire)
        case 2 | 5:
            return DomainName(wire)
        case 16:
            strings = rdata.strings  # type: ignore[attr-defined]
            return Text(tuple(strings))
    return Opaque(wire)


assert (A, AAAA, NS, CNAME, TXT) == (1, 28, 2, 5, 16)
