"""`records` prints the zone: dnspython and BIND read the served records back from it."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import dns.rdatatype
import dns.zone
from control_effects import source_of
from corridors import Corridor
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import eu, group, name, us, zone
from samples import state as state_of
from system.server import tool

from failoverdns.changes.state import State
from failoverdns.control.language.requests import Streamed
from failoverdns.control.reading import read
from failoverdns.model.commands.server import ExportRecords
from failoverdns.model.names import DomainName
from failoverdns.model.records import Opaque, OwnedRRset
from failoverdns.protocol.records import compile_records
from failoverdns.rules.derived.serving import all_nodes

Row = tuple[DomainName, int, int, bytes]


def exported(state: State) -> str:
    """Return the text that `records` prints."""
    source = replace(source_of(Corridor()), state=state)
    result = asyncio.run(read(source, ExportRecords()))
    text = result["text"]
    assert isinstance(text, Streamed)
    return "".join(str(piece) for piece in text.items)


def table(state: State) -> set[Row]:
    """Return every record served, without SOA records."""
    return {
        (node.owner, records.rtype, records.ttl, record[10:])
        for node in all_nodes(state)
        for records in node.rrsets
        for record in compile_records(records).records()
    }


def read_back(text: str) -> set[Row]:
    """Return every record that dnspython reads from a zone file, without SOA records."""
    read = dns.zone.from_text(text, "failover.test.", relativize=False)
    return {
        (DomainName(owner.to_wire() or b""), int(part.rdtype), part.ttl, rdata.to_wire() or b"")
        for owner, part in read.iterate_rdatasets()
        for rdata in part
        if part.rdtype != dns.rdatatype.SOA
    }


labels = st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=3)
owners = labels.map(lambda found: DomainName.from_labels(found).below(name("failover.test")))
strings = st.lists(st.binary(max_size=255), min_size=1, max_size=3)
texts = strings.map(lambda found: b"".join(bytes([len(s)]) + s for s in found))
exchanges = labels.map(lambda found: b"\0\x0a" + DomainName.from_labels(found).wire)
rdata = (
    st.tuples(st.just(16), texts)
    | st.tuples(st.just(15), exchanges)
    | st.tuples(st.just(65280), st.binary(max_size=40))
)
records = st.builds(
    lambda owner, kind, ttl: OwnedRRset(owner, kind[0], ttl, (Opaque(kind[1]),)),
    owners,
    rdata,
    st.integers(0, 2**31 - 1),
)
zones = st.lists(records, max_size=6, unique_by=lambda rrset: (rrset.owner, rrset.rtype))


@settings(max_examples=60, deadline=None)
@given(zones)
def test_dnspython_reads_the_served_records_from_the_export(static: list[OwnedRRset]) -> None:
    """Names and texts may have any byte; the names of groups and sides are exported too."""
    taken = {DomainName(b"\x0b414-262-781" + name("failover.test").wire)}
    kept = tuple(rrset for rrset in static if rrset.owner not in taken)
    state = state_of(eu(), us(), group(), zones=[zone(records=kept)])
    assert read_back(exported(state)) == table(state)


def test_named_checkzone_reads_names_and_texts_with_any_byte(tmp_path: Path) -> None:
    """BIND understands the escapes, and its canonical form has the same records."""
    every = bytes(range(256))
    origin = name("failover.test")
    text = Opaque(bytes([255]) + every[1:] + b"\1\0")
    parts = [every[at : at + 32] for at in range(0, 256, 32)]
    hosts = [DomainName.from_labels([part, b"x"]).below(origin) for part in parts]
    static = [OwnedRRset(host, 16, 60, (text,)) for host in hosts]
    apex = group("apex", label="@", flatten=True)
    state = state_of(eu(), us(), group(), apex, zones=[zone(records=tuple(static))])
    file, canonical = tmp_path / "zone", tmp_path / "canonical"
    file.write_text(exported(state))
    command = [
        tool("named-checkzone"),
        "-k",
        "ignore",
        "-D",
        "-o",
        canonical,
        "failover.test",
        file,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_back(canonical.read_text()) == table(state)
