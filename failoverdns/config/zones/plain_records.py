"""Read static records in their usual form, fast: no escapes, and a common type.

Zone files of many records consist of these.  Whatever looks unusual is left to `record_text`, which
reads it with dnspython, ten times slower, and explains what is wrong with it.  Both give the same
data, byte for byte.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Final

from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, TXT, A

_PTR: Final = 12
_MX: Final = 15
_TYPES: Final[Mapping[str, int]] = {
    "A": A,
    "AAAA": AAAA,
    "CNAME": CNAME,
    "MX": _MX,
    "NS": NS,
    "PTR": _PTR,
    "TXT": TXT,
}

_RECORD = re.compile(
    r"(?P<owner>@|[A-Za-z0-9_*][A-Za-z0-9_*.-]*)[ \t]+"
    r"(?:(?P<ttl>[0-9]{1,9})[ \t]+)?(?:IN[ \t]+)?"
    r"(?:(?P<type>A|AAAA|CNAME|NS|PTR)[ \t]+(?P<word>[A-Za-z0-9_.:*-]+)"
    r"|MX[ \t]+(?P<preference>[0-9]{1,5})[ \t]+(?P<exchange>[A-Za-z0-9_.*-]+)"
    r'|TXT[ \t]+"(?P<text>[ !#-\[\]-~]{0,255})")',
    re.ASCII,
)
_IPV4 = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}", re.ASCII)
_IPV6 = re.compile(r"[0-9A-Fa-f:]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_*-]{1,63}(?:\.[A-Za-z0-9_*-]{1,63})*\.?", re.ASCII)

Plain = tuple[str, int | None, int, bytes]
"""The text of the owner, the TTL (None if it is left out), the type, and the data in wire form."""


def plain_record(text: str, origin: DomainName) -> Plain | None:
    """Read `OWNER [TTL] [IN] TYPE DATA` in its usual form; None for any other text.

    `origin` completes relative names in the data.  The owner is not checked.
    """
    found = _RECORD.fullmatch(text)
    if found is None:
        return None
    owner, ttl, kind, word, preference, exchange, string = found.groups()
    if kind is not None:
        rtype, data = _TYPES[kind], _data(kind, word, origin)
    elif exchange is not None:
        name = _name(exchange, origin)
        number = int(preference)
        rtype = _MX
        data = number.to_bytes(2, "big") + name if name is not None and number < 65536 else None
    else:
        rtype, data = TXT, bytes((len(string),)) + string.encode("ascii")
    if data is None:
        return None
    return owner, int(ttl) if ttl is not None else None, rtype, data


def canonical(rtype: int, data: bytes) -> bytes:
    """Return data of these types in the form in which records are compared (RFC 4034 section 6.2).

    Names in it are in lower case; the bytes before a name and the lengths of labels are no letters
    unless they are a preference.
    """
    if rtype == _MX:
        return data[:2] + data[2:].lower()
    return data.lower() if rtype in (CNAME, NS, _PTR) else data


def _data(kind: str, word: str, origin: DomainName) -> bytes | None:
    if kind == "A":
        family, form = socket.AF_INET, _IPV4
    elif kind == "AAAA":
        family, form = socket.AF_INET6, _IPV6
    else:
        return _name(word, origin)
    try:
        return socket.inet_pton(family, word) if form.fullmatch(word) else None
    except OSError:
        return None


def _name(text: str, origin: DomainName) -> bytes | None:
    """Return a name in wire form, in the case in which it is written."""
    if not _NAME.fullmatch(text):
        return None
    absolute = text[-1] == "."
    wire = b"".join(
        bytes((len(label),)) + label
        for label in (text[:-1] if absolute else text).encode("ascii").split(b".")
    )
    wire += b"\0" if absolute else origin.wire
    return wire if len(wire) <= 255 else None
