"""What CHAOS queries tell of the server: id and version, where the configuration says so.

RFC 4892: `id.server` and `version.server`, and the older names that BIND gave them.
"""

from __future__ import annotations

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import RRClass
from failoverdns.model.records import TXT, RRset, Text
from failoverdns.protocol.records import CompiledRRset, compile_records

ID_NAMES = ("id.server", "hostname.bind")
VERSION_NAMES = ("version.server", "version.bind")


def chaos_rrsets(id_: str | None, version: str | None) -> dict[bytes, CompiledRRset]:
    """Return what is told, by name in wire form; None is not told."""
    told: dict[bytes, CompiledRRset] = {}
    for names, text in ((ID_NAMES, id_), (VERSION_NAMES, version)):
        if text is not None:
            rrset = compile_records(RRset(TXT, 0, (Text((text.encode(),)),)), RRClass.CHAOS.value)
            told.update((DomainName.from_text(name).wire, rrset) for name in names)
    return told
