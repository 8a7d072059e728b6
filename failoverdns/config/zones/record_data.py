"""Read the data of one static record: text becomes wire form, or one error in plain words.

dnspython reads most types.  `guarded` is the one place where whatever a library raises on the data
of users becomes Malformed, so that one record never hides the errors of others.  Read here are: the
generic form (RFC 3597 section 5), whose content is nobody's business but that of the type's users;
LOC, whose numbers dnspython does not check; and obsolete types that dnspython does not know.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer

from failoverdns.config.errors import quoted
from failoverdns.config.zones.location import location
from failoverdns.config.zones.record_types import (
    EID,
    MB,
    MG,
    MINFO,
    MR,
    NIMLOC,
    NO_TEXT_FORM,
    RKEY,
    TA,
    TALINK,
    type_text,
)
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, SOA, TXT, A

MAX_DATA: Final = 65535
_SIG, _LOC, _APL, _DS, _DNSKEY, _SPF = 24, 29, 42, 43, 48, 99

_NAMES: Final[Mapping[int, int]] = {MB: 1, MG: 1, MR: 1, MINFO: 2, TALINK: 2}
"""Types that are read here: the number of names in their data."""

_LIKE: Final[Mapping[int, int]] = {TA: _DS, RKEY: _DNSKEY}
"""Types that are written like another one."""

_LAYOUT: Final[Mapping[int, tuple[int, int, int]]] = {
    **dict.fromkeys((NS, 3, 4, CNAME, MB, MG, MR, 12), (0, 1, 0)),
    **dict.fromkeys((MINFO, 17), (0, 2, 0)),
    **dict.fromkeys((15, 18, 21, 36), (2, 1, 0)),
    SOA: (0, 2, 20),
    26: (2, 2, 0),
    33: (6, 1, 0),
}
"""Types whose names resolvers read: bytes before the names, the number of names, bytes after."""

_BASE64: Final[Mapping[int, int]] = {
    **dict.fromkeys((25, 37, 48, RKEY, 60), 3),
    **dict.fromkeys((49, 61), 0),
    _SIG: 8,
}
"""Types that end in base64, which begins with the word of this index."""

_GROUPS: Final = frozenset((104, 106))
"""Types with groups of hexadecimal digits, which BIND prints without leading zeros."""

_GROUP: Final = re.compile(r"(?<![0-9A-Za-z.])([0-9A-Fa-f]{1,3})(?=:)|(?<=:)([0-9A-Fa-f]{1,3})\b")
_ADDRESS: Final[Mapping[int, int]] = {A: 4, AAAA: 16}

STRINGS: Final = frozenset((TXT, _SPF, 56, 258, 261, 262))
"""Types that have nothing but strings, any number of them."""

_FREE_TEXT: Final = STRINGS | {13, 19, 20, 27, 35, 64, 65, 256, 257}
"""Types that have strings beside other things, in which any letters and digits may be."""

_EXAMPLES: Final[Mapping[str, str]] = {
    "A": "www A 192.0.2.10",
    "AAAA": "www AAAA 2001:db8::10",
    "CAA": '@ CAA 0 issue "ca.example.net"',
    "CNAME": "www CNAME host.example.net.",
    "DS": "child DS 12345 13 2 HEX",
    "HTTPS": "@ HTTPS 1 . alpn=h2",
    "LOC": "@ LOC 52 22 23.000 N 4 53 32.000 E 10.00m",
    "MINFO": "@ MINFO owner.example.net. errors.example.net.",
    "MX": "@ MX 10 mail.example.net.",
    "NAPTR": '@ NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.net!" .',
    "NS": "child NS ns.example.net.",
    "PTR": "10 PTR host.example.net.",
    "SOA": "@ SOA ns1.example.net. hostmaster.example.net. 1 14400 3600 1209600 60",
    "SPF": '@ SPF "v=spf1 mx -all"',
    "SRV": "_sip._tcp SRV 0 5 5060 sip.example.net.",
    "SSHFP": "host SSHFP 4 2 HEX",
    "TLSA": "_443._tcp.www TLSA 3 1 1 HEX",
    "TXT": '@ TXT "some text"',
}
_LEFT_OVER = re.compile(r'expected EOL or EOF, got \d+ "(.*)"', re.DOTALL)
_NOT_A_NUMBER = re.compile(r"invalid literal for int\(\) with base \d+: '(.*)'", re.DOTALL)
_PYTHON = re.compile(
    r"index|unpack|argument|an int\b|embedded null|codec|format|NoneType|object|literal|subsection"
)
_OUT_OF_RANGE: Final = "a value is malformed or out of range"
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)

T = TypeVar("T")


def read_data(text: str, rtype: int, origin: DomainName) -> tuple[bytes, bytes]:
    """Read the data of a record; return it in wire form and in canonical form.

    `text` is what follows the type, without comments and parentheses; `origin` completes names.
    Canonical is the form in which records are compared (RFC 4034 section 6.2).
    Raises Malformed.
    """
    name = type_text(rtype)
    try:
        data, compared = _read(text, rtype, origin)
    except WrongDataError as error:
        has_example = name in _EXAMPLES and ", as in " not in str(error)
        example = f'; write it as in "{_EXAMPLES[name]}"' if has_example else ""
        raise Malformed(f"the data of the {name} record is wrong: {error}{example}") from None
    if len(data) > MAX_DATA:
        raise Malformed(f"the data of the {name} record is over {MAX_DATA} bytes long")
    return data, compared


class WrongDataError(Exception):
    """The data of a record is not what its type has; the text says why."""


def _read(text: str, rtype: int, origin: DomainName) -> tuple[bytes, bytes]:
    words = words_of(text)
    if words[:1] == ["\\#"]:
        return _generic(words[1:], rtype)
    if rtype in NO_TEXT_FORM:
        raise Malformed(NO_TEXT_FORM[rtype])
    if rtype == _LOC:
        try:
            data = location(words)
        except Malformed as error:
            raise WrongDataError(str(error)) from None
        return data, data
    if not words and rtype != _APL:
        raise WrongDataError("something is missing")
    tokens = _tokens(text)
    if rtype in (EID, NIMLOC):
        return (data := _hex("".join(words))), data
    root = dns.name.Name((*origin.labels(), b""))
    if rtype in _NAMES:
        return guarded(lambda: _names(tokens, _NAMES[rtype], root), rtype)
    if rtype not in _FREE_TEXT and _has_foreign_digits(words):
        raise WrongDataError("it has digits outside ASCII; write 0 to 9")
    if rtype in _BASE64 and not _is_base64("".join(words[_BASE64[rtype] :])):
        raise WrongDataError("its last part is not base64, with letters, digits, +, / and =")
    if rtype in _GROUPS:
        tokens = _tokens(_GROUP.sub(lambda found: (found[1] or found[2]).rjust(4, "0"), text))
    kind = dns.rdatatype.RdataType.make(_LIKE.get(rtype, rtype))

    def read() -> tuple[bytes, bytes]:
        found = dns.rdata.from_text(dns.rdataclass.IN, kind, tokens, root, relativize=False)
        data, compared = found.to_wire(), found.to_digestable()
        assert data is not None
        return data, compared

    return guarded(read, rtype)


def words_of(text: str) -> list[str]:
    """Return the words of a text, which blanks and tabs separate and nothing else."""
    return [word for word in text.replace("\t", " ").split(" ") if word]


def guarded(read: Callable[[], T], rtype: int) -> T:
    """Return what `read` returns, which reads data of the type `rtype` with a library.

    Raises WrongDataError for whatever the library raises.
    """
    try:
        return read()
    except Malformed as error:
        raise WrongDataError(str(error)) from None
    except dns.exception.DNSException as error:
        raise WrongDataError(_plainly(str(error).rstrip("."), rtype)) from None
    except Exception:
        # Too large numbers, digits of other scripts, bad escapes: dnspython lets the errors of
        # int(), struct and others through, and no list of them would be complete.
        raise WrongDataError(_OUT_OF_RANGE) from None


def _plainly(reason: str, rtype: int) -> str:
    """Return what dnspython found wrong, in the words of a zone file."""
    if found := _LEFT_OVER.search(reason):
        return f"{quoted(found[1])} follows it; one record has no more data"
    if "expected EOL" in reason:
        return "something follows it"
    if reason == "string too long":
        split = '; split it, as in "first part" "second part": clients join the parts'
        return "a string is over 255 bytes long" + (split if rtype in STRINGS else "")
    if rtype in _ADDRESS and reason == "Text input is malformed":
        return "it is not an address"
    if found := _NOT_A_NUMBER.match(reason):
        return f"{quoted(found[1])} is not a number"
    return _OUT_OF_RANGE if _PYTHON.search(reason) else _PLAINLY.get(reason, reason)


_PLAINLY: Final[Mapping[str, str]] = {
    "Text input is malformed": "it is malformed, or has an escape that is not \\000 to \\255",
    "unbalanced quotes": "a quote is not closed",
    "Text input ended unexpectedly": "an escape is cut off; write \\DDD, with three digits",
    "Unknown SVCB ParamKey": 'a parameter has no name here; write keyNUMBER="value"',
    "expecting a string": "something is missing",
    "expecting an identifier": "something is missing, or has quotes and should have none",
    "DNS message is malformed": "its content is malformed",
    "generic rdata does not start with \\#": (
        "this type has no text form here; write \\# LENGTH HEX (RFC 3597 section 5)"
    ),
}


def _generic(words: list[str], rtype: int) -> tuple[bytes, bytes]:
    r"""Read `LENGTH HEX...`, which follows `\#` (RFC 3597 section 5)."""
    form = "write \\# LENGTH HEX, with LENGTH in bytes"
    if not words or not _NUMBER.fullmatch(words[0]) or int(words[0]) > MAX_DATA:
        raise WrongDataError(f"its length must be a number from 0 to {MAX_DATA}; {form}")
    data = _hex("".join(words[1:]))
    if len(data) != int(words[0]):
        raise WrongDataError(f"its length is {words[0]}, but it has {len(data)} bytes; {form}")
    if rtype in _ADDRESS and len(data) != _ADDRESS[rtype]:
        raise WrongDataError(f"an address of this type has {_ADDRESS[rtype]} bytes")
    layout = _LAYOUT.get(rtype)
    return data, _lowered(data, *layout) if layout is not None else data


def _hex(text: str) -> bytes:
    if not _HEX.fullmatch(text):
        raise WrongDataError("its bytes are not pairs of hexadecimal digits")
    return bytes.fromhex(text)


def _lowered(data: bytes, before: int, names: int, after: int) -> bytes:
    """Return data with its names in lower case; raises if it is not laid out like this."""
    at = before
    for _ in range(names):
        start = at
        while at < len(data) and data[at]:
            at += 1 + data[at] if data[at] < 64 else len(data)
        at += 1
        if at > len(data) or at - start > 255:
            raise WrongDataError("a name in it is cut off, or compressed")
    if at + after != len(data):
        raise WrongDataError("its length is not that of its type")
    return data[:before] + data[before:at].lower() + data[at:]


def _names(
    tokens: dns.tokenizer.Tokenizer, count: int, origin: dns.name.Name
) -> tuple[bytes, bytes]:
    names = [tokens.get_name(origin, relativize=False) for _ in range(count)]
    tokens.get_eol()
    wire = [name.to_wire() for name in names], [name.to_digestable() for name in names]
    return b"".join(part for part in wire[0] if part), b"".join(wire[1])


def _tokens(text: str) -> dns.tokenizer.Tokenizer:
    return dns.tokenizer.Tokenizer(text, idna_codec=_ASCII_ONLY)


def _has_foreign_digits(words: list[str]) -> bool:
    """Return whether a word has digits that int() reads and no other server does."""
    return any(word.isdigit() and not word.isascii() for word in words)


def _is_base64(text: str) -> bool:
    """Return whether a text is base64; dnspython leaves other characters out."""
    try:
        b64decode(text, validate=True)
    except ValueError:
        return False
    return True


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
