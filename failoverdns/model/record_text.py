"""The data of resource records as short text for people, in history and messages.

The types that most records have are written as in a zone file; all other data is in the form of
RFC 3597.  Zone files are written elsewhere, with every type in its own form: `protocol.zone_text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from failoverdns.model.names import DomainName
from failoverdns.model.records import Rdata
from failoverdns.model.static_records import wire_rdata

_MNEMONICS: Final = (
    "1=A 2=NS 5=CNAME 6=SOA 12=PTR 13=HINFO 15=MX 16=TXT 17=RP 18=AFSDB 28=AAAA 29=LOC 33=SRV "
    "35=NAPTR 36=KX 37=CERT 39=DNAME 43=DS 44=SSHFP 46=RRSIG 47=NSEC 48=DNSKEY 49=DHCID "
    "50=NSEC3 51=NSEC3PARAM 52=TLSA 53=SMIMEA 59=CDS 60=CDNSKEY 61=OPENPGPKEY 62=CSYNC "
    "63=ZONEMD 64=SVCB 65=HTTPS 99=SPF 108=EUI48 109=EUI64 250=TSIG 255=ANY 256=URI 257=CAA "
)

MNEMONICS: Final[Mapping[int, str]] = {
    int(number): name for number, _, name in (word.partition("=") for word in _MNEMONICS.split())
}
"""The names of types by number (RFC 6895 section 3.1)."""

MAX_TEXT: Final = 400
"""Characters of the data of a record in the history, which is kept for long."""

_NAMES: Final = {2: 0, 5: 0, 12: 0, 15: 1, 33: 3, 36: 1, 39: 0}
"""Types whose data ends in one name: how many numbers of two bytes are before it."""

_TXT: Final = 16
_CAA: Final = 257


def type_name(rtype: int) -> str:
    """Return the mnemonic of a type, or `TYPE` and its number (RFC 3597 section 5)."""
    return MNEMONICS.get(rtype) or f"TYPE{rtype}"


def rdata_text(rtype: int, rdata: Rdata) -> str:
    """Return the data of a record on one line, whatever bytes it has."""
    data = wire_rdata(rdata)
    if rtype == 1 and len(data) == 4:
        return str(IPv4Address(data))
    if rtype == 28 and len(data) == 16:
        return str(IPv6Address(data))
    if (before := _NAMES.get(rtype)) is not None and _is_name(data, 2 * before):
        numbers = (int.from_bytes(data[at : at + 2], "big") for at in range(0, 2 * before, 2))
        return " ".join((*map(str, numbers), DomainName(data[2 * before :]).absolute_text()))
    if rtype == _CAA and (parts := _property(data)) is not None:
        return f"{data[0]} {parts[0].decode('latin-1')} {_quoted(parts[1])}"
    if rtype == _TXT and (strings := _strings(data)) is not None:
        return " ".join(map(_quoted, strings))
    return f"\\# {len(data)} {data.hex()}".rstrip()


def record_text(rtype: int, rdata: Rdata) -> str:
    """Return the type and the data of a record; long data is cut, with a hash to tell it apart."""
    text = rdata_text(rtype, rdata)
    if len(text) > MAX_TEXT:
        data = wire_rdata(rdata)
        text = f"{text[:MAX_TEXT]}... ({len(data)} bytes, {sha256(data).hexdigest()[:16]})"
    return f"{type_name(rtype)} {text}"


def _is_name(data: bytes, at: int) -> bool:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at == len(data) - 1


def _property(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the tag and the value of a CAA record (RFC 8659 section 4.1), None if it has none."""
    end = 2 + data[1] if len(data) > 1 else 0
    tag = data[2:end]
    return (tag, data[end:]) if tag.isalnum() and len(data) >= end else None


def _strings(data: bytes) -> list[bytes] | None:
    """Return the character strings of a TXT record, or None if the lengths are wrong."""
    found, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        found.append(data[at + 1 : end])
        at = end
    return found if found and at == len(data) else None


def _quoted(string: bytes) -> str:
    return '"' + "".join(map(_letter, string)) + '"'


def _letter(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03d}"
