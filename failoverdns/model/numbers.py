"""The numbers of the DNS protocol that this server uses, each under its registered name.

They come from IANA's registry "Domain Name System (DNS) Parameters".  Records store the plain
integer (`RRType.A.value`), because a zone's digest is computed from its `repr`.
"""

from __future__ import annotations

from enum import IntEnum


class RRType(IntEnum):
    """Types of resource records and of questions (RFC 6895 section 3.1)."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    TXT = 16
    KEY = 25
    AAAA = 28
    NXT = 30
    DNAME = 39
    OPT = 41
    """A pseudo-record of a message, never in a zone (RFC 6891)."""
    DS = 43
    RRSIG = 46
    NSEC = 47
    NSEC3 = 50
    TSIG = 250
    """A signature of a message, never in a zone (RFC 8945)."""
    IXFR = 251
    AXFR = 252
    ANY = 255


class RRClass(IntEnum):
    """Classes of resource records and of questions (RFC 6895 section 3.2)."""

    IN = 1
    CHAOS = 3
    NONE = 254
    """In updates only: the record is not there, or is deleted (RFC 2136 section 2.4)."""
    ANY = 255


class Opcode(IntEnum):
    """Kinds of messages (RFC 6895 section 2.2)."""

    QUERY = 0
    NOTIFY = 4
    """A zone has changed (RFC 1996)."""
    UPDATE = 5
    """Dynamic update (RFC 2136)."""


class Rcode(IntEnum):
    """Response codes (RFC 6895 section 2.3); those above 15 need an OPT record."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10
    BADVERS = 16
    BADCOOKIE = 23


class EdnsOption(IntEnum):
    """Codes of EDNS options (RFC 6891 section 9)."""

    NSID = 3
    CLIENT_SUBNET = 8
    COOKIE = 10
    KEEPALIVE = 11
    EXTENDED_ERROR = 15


class ExtendedError(IntEnum):
    """Codes of extended DNS errors (RFC 8914 section 5.2)."""

    NOT_AUTHORITATIVE = 20
    """The server is not authoritative for the name (section 4.21)."""


class TSIGError(IntEnum):
    """Errors in TSIG records (RFC 8945 section 3)."""

    BADSIG = 16
    BADKEY = 17
    BADTIME = 18
    BADTRUNC = 22
