"""Answers to CHAOS queries for the server's id and version, if the configuration has them.

The names are `id.server` and `version.server` (RFC 4892), and the older names of BIND.
"""

from __future__ import annotations

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import RRClass
from failoverdns.model.records import TXT, RRset, Text
from failoverdns.protocol.records import CompiledRRset, compile_records

ID_NAMES = ("id.server", "hostname.bind")
VERSION_NAMES = ("version.server", "version.bind")


def chaos_rrsets(id_: str | None, version: str | None) -> dict[bytes, CompiledRRset]:
    """Return the TXT RRsets of class CHAOS, by name in wire form; a text of None has no names."""
    rrsets: dict[bytes, CompiledRRset] = {}
    for names, text in ((ID_NAMES, id_), (VERSION_NAMES, version)):
        if text is not None:
            rrset = compile_records(RRset(TXT, 0, (Text((text.encode(),)),)), RRClass.CHAOS.value)
            rrsets.update((DomainName.from_text(name).wire, rrset) for name in names)
    return rrsets
