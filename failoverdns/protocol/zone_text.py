"""Records as zone-file text (RFC 1035 section 5), one record a line, written with dnspython.

Data that dnspython cannot read was written in the generic form (RFC 3597 section 5), and is again.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import dns.rdata
import dns.rdataclass
import dns.rdatatype

from failoverdns.model.names import DomainName
from failoverdns.model.records import Rdata, RRset
from failoverdns.protocol.records import compile_records


def record_lines(owner: DomainName, records: RRset) -> str:
    """Return an RRset as zone-file text, one line per record, with absolute names."""
    head = f"{owner.absolute_text()} {records.ttl} IN {_type_text(records.rtype)} "
    return "".join(f"{head}{_rdata_text(records.rtype, rdata)}\n" for rdata in records.data)


@lru_cache(maxsize=256)
def _type_text(rtype: int) -> str:
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rtype))


def _rdata_text(rtype: int, rdata: Rdata) -> str:
    if isinstance(rdata, IPv4Address | IPv6Address):
        return str(rdata)
    if isinstance(rdata, DomainName):
        return rdata.absolute_text()
    wire = compile_records(RRset(rtype, 0, (rdata,))).tail[12:]
    if not wire:
        return r"\# 0"
    kind = dns.rdatatype.RdataType.make(rtype)
    try:
        return dns.rdata.from_wire(dns.rdataclass.IN, kind, wire, 0, len(wire)).to_text()
    except Exception:  # whatever dnspython raises on data that its type should not have
        return f"\\# {len(wire)} {wire.hex()}"
