"""Read one static record: a line of zone-file text becomes an owner, a type and wire data.

The form of a line is that of RFC 1035 section 5.1 and RFC 3597 section 5.  Operators cannot write
some types, and others are not allowed at the origin.  dnspython parses the data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.ttl

from failoverdns.config.errors import quoted
from failoverdns.config.zones.plain_records import canonical, plain_record
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.records import CNAME, DNAME, NS, SOA
from failoverdns.model.zone import STATUS_LABEL

MAX_TTL = 2**31 - 1
"""The largest TTL, in seconds (RFC 2181 section 8)."""

_CLASS = re.compile(r"IN|CH|CS|HS|CLASS[0-9]+", re.ASCII | re.IGNORECASE)
_IN = ("IN", "CLASS1")
_OPT, _RRSIG, _NSEC, _NSEC3 = 41, 46, 47, 50
_META = frozenset((0, _OPT, *range(128, 256)))
"""Types that are never in a zone (RFC 6895 section 3.1)."""

_NEVER = {
    SOA: "the server makes the SOA record itself; leave it out",
    DNAME: "DNAME is not supported",
    **dict.fromkeys(
        (_RRSIG, _NSEC, _NSEC3), "RRSIG, NSEC and NSEC3 records are made by signing; leave them out"
    ),
}
_NOT_AT_APEX = {
    NS: "the zone's own NS records come from `nameservers`; leave this one out",
    CNAME: "a CNAME is not allowed at the zone's own name, which has SOA and NS records",
}

_EXAMPLES = {
    "A": "www A 192.0.2.10",
    "AAAA": "www AAAA 2001:db8::10",
    "CAA": '@ CAA 0 issue "ca.example.net"',
    "CNAME": "www CNAME host.example.net.",
    "HTTPS": "@ HTTPS 1 . alpn=h2",
    "MX": "@ MX 10 mail.example.net.",
    "NS": "child NS ns.example.net.",
    "SRV": "_sip._tcp SRV 0 5 5060 sip.example.net.",
    "TXT": '@ TXT "some text"',
}


@dataclass(frozen=True, slots=True)
class Record:
    """A record of class IN: `ttl` in seconds, `data` in uncompressed wire form.

    `canonical` is the data in the form in which records are compared (RFC 4034 section 6.2).
    """

    owner: DomainName
    rtype: int
    ttl: int
    data: bytes
    canonical: bytes

    @property
    def type_text(self) -> str:
        """The mnemonic of the type, or `TYPE` and its number."""
        return type_text(self.rtype)


def type_text(rtype: int) -> str:
    """Return the mnemonic of a record type, or `TYPE` and its number (RFC 3597 section 5)."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rtype))


def parse_record(
    text: str, origin: DomainName, default_ttl: int, zone: DomainName | None = None
) -> Record:
    """Parse `OWNER [TTL] [CLASS] TYPE DATA`, in the zone `zone` (None: `origin`).

    Relative names are completed with `origin`; `default_ttl` is in seconds.
    Raises Malformed for text that is not exactly one record, and for a record that is not allowed
    in the zone, whichever other records it has.
    """
    plain = plain_record(text, origin)
    if plain is not None:
        name, ttl, rtype, data = plain
        owner = _owner_named(name, origin)
        _refuse(owner, rtype, zone or origin)
        return Record(
            owner, rtype, default_ttl if ttl is None else ttl, data, canonical(rtype, data)
        )
    try:
        tokens = dns.tokenizer.Tokenizer(text, idna_codec=_ASCII_ONLY)
        owner = _owner(tokens, origin)
        ttl, rtype = _ttl_and_type(tokens)
        _refuse(owner, rtype, zone or origin)
        data, compared = _data(tokens, rtype, origin)
        _expect_end(tokens)
    except dns.exception.DNSException as error:
        raise Malformed(f"not a record in zone-file syntax: {error}") from None
    return Record(owner, rtype, default_ttl if ttl is None else ttl, data, compared)


def _owner(tokens: dns.tokenizer.Tokenizer, origin: DomainName) -> DomainName:
    token = tokens.get(want_leading=True)
    if token.is_eol_or_eof():
        raise Malformed("there is no record in this entry; write OWNER [TTL] [IN] TYPE DATA")
    if not token.is_identifier():
        raise Malformed("a record begins with its owner name; write @ for the zone's own name")
    if token.value.startswith("$"):
        raise Malformed(f"{quoted(token.value)} is a directive; write one record an entry")
    return _owner_named(token.value, origin)


def _owner_named(text: str, origin: DomainName) -> DomainName:
    try:
        return DomainName.from_text(text, origin)
    except Malformed as error:
        raise Malformed(f"the owner {quoted(text)} is not a DNS name: {error}") from None


def _ttl_and_type(tokens: dns.tokenizer.Tokenizer) -> tuple[int | None, int]:
    """Read TTL and class, in either order and both optional, then the type."""
    ttl: int | None = None
    has_class = False
    while True:
        token = tokens.get()
        word = token.value
        if not token.is_identifier():
            raise Malformed("the type is missing; write OWNER [TTL] [IN] TYPE DATA")
        if not has_class and _CLASS.fullmatch(word):
            if word.upper() not in _IN:
                raise Malformed(f"the class {word} is not supported; only IN is")
            has_class = True
        elif ttl is None and word[:1] in "0123456789":
            ttl = parse_ttl(word)
        else:
            return ttl, _type(word)


def parse_ttl(word: str) -> int:
    """Return a TTL in seconds, written as such or with units, as in `1h30m`; raises Malformed."""
    try:
        ttl = dns.ttl.from_text(word)
    except (dns.exception.DNSException, ValueError):
        ttl = -1
    if not 0 <= ttl <= MAX_TTL:
        raise Malformed(f"{quoted(word)} is not a TTL; write seconds from 0 to {MAX_TTL}")
    return ttl


def _type(word: str) -> int:
    try:
        rtype = int(dns.rdatatype.from_text(word))
    except (dns.exception.DNSException, ValueError):
        raise Malformed(
            f"{quoted(word)} is not a record type; write a name such as MX, or TYPE and a number"
        ) from None
    if rtype in _META:
        raise Malformed(f"{word.upper()} is for messages only; it is not allowed in a zone")
    return rtype


def _refuse(owner: DomainName, rtype: int, origin: DomainName) -> None:
    """Raise Malformed if no record of this type is allowed at `owner`."""
    if not owner.is_at_or_below(origin):
        raise Malformed(
            f"the owner {owner} is outside the zone {origin}; "
            "a name inside it is written without the trailing dot"
        )
    if is_status_name(owner):
        raise Malformed(
            f"names that begin with {STATUS_LABEL} are reserved: "
            "the server answers there which applications are online"
        )
    if rtype in _NEVER:
        raise Malformed(_NEVER[rtype])
    if owner == origin and rtype in _NOT_AT_APEX:
        raise Malformed(_NOT_AT_APEX[rtype])


def is_status_name(name: DomainName) -> bool:
    """Return whether `name` is reserved for the status of an application."""
    return next(name.labels(), b"") == STATUS_LABEL.encode()


def _data(tokens: dns.tokenizer.Tokenizer, rtype: int, origin: DomainName) -> tuple[bytes, bytes]:
    """Read the data and the end of its line; return it in wire form and in canonical form."""
    name = type_text(rtype)
    try:
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.RdataType.make(rtype),
            tokens,
            origin=dns.name.Name((*origin.labels(), b"")),
            relativize=False,
        )
        data, compared = rdata.to_wire(), rdata.to_digestable()
    except dns.exception.DNSException as error:
        raise Malformed(_wrong_data(name, str(error))) from None
    assert data is not None
    if len(data) > 65535:
        raise Malformed(f"the data of the {name} record is over 65535 bytes long")
    return data, compared


def _wrong_data(name: str, reason: str) -> str:
    """Return what dnspython found wrong with the data of a record, and a correct example."""
    if reason.startswith("expected EOL"):
        reason = "something follows it"
    elif reason == "Text input is malformed.":
        reason = "it is not an address" if name in ("A", "AAAA") else "it is malformed"
    example = f'; write it as in "{_EXAMPLES[name]}"' if name in _EXAMPLES else ""
    return f"the data of the {name} record is wrong: {reason.rstrip('.')}{example}"


def _expect_end(tokens: dns.tokenizer.Tokenizer) -> None:
    while not (token := tokens.get()).is_eof():
        if not token.is_eol():
            raise Malformed("something follows the record; write one record an entry")


class _AsciiOnly(dns.name.IDNACodec):
    """Refuses names outside ASCII, so that the served names do not depend on an IDNA version."""

    def __init__(self) -> None:
        pass

    def encode(self, label: str) -> bytes:
        if not label.isascii():
            raise Malformed(
                f"{label} has letters outside ASCII; write it in A-label form (xn--...)"
            )
        return label.encode("ascii")


_ASCII_ONLY = _AsciiOnly()
