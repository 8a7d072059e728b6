"""The names of record types, and what to write in place of types that this server does not have.

Other servers, DNS providers and their panels have types of their own, which no DNS message carries.
Some types of RFC 1035 and later are obsolete; those that BIND still reads are read here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

import dns.exception
import dns.rdatatype

from failoverdns.config.errors import quoted
from failoverdns.model.errors import Malformed

MD, MF, MB, MG, MR, MINFO = 3, 4, 7, 8, 9, 14
EID, NIMLOC, RKEY, TALINK, TA = 31, 32, 57, 58, 32768
_SIG, _NXT = 24, 30

_MORE_NAMES: Final[Mapping[str, int]] = {
    "EID": EID,
    "NIMLOC": NIMLOC,
    "ATMA": 34,
    "SINK": 40,
    "RKEY": RKEY,
    "TALINK": TALINK,
    "UINFO": 100,
    "UID": 101,
    "GID": 102,
    "DOA": 259,
    "CLA": 263,
    "IPN": 264,
}
"""Types that IANA has registered and dnspython does not know by name."""

_OPT = 41
_META: Final = frozenset((0, _OPT, *range(128, 256)))
"""Types that are never in a zone (RFC 6895 section 3.1)."""

_ALIAS = (
    "for the zone's own name write its hostname as `alias` of the zone, or make a group with the "
    "label @; for another name write a CNAME, or make a group (`failoverdns group add`)"
)
_GROUP = "make a group (`failoverdns group add`), which answers with the active of two applications"
_REDIRECT = "a redirect is made by a web server; write the A and AAAA records of one"
_REDIRECTS = (
    *("URL", "URL301", "URL302", "URI301", "REDIRECT", "REDIRECT301", "REDIR", "FRAME", "FORWARD"),
    *("WEBFORWARD", "WEBREDIRECT", "WEB", "HTTPREDIRECT", "MASK", "PARK"),
)
_BALANCING = "the server has no weights and regions; write the records, or make a group"
_WINDOWS = "Microsoft's WINS look-up has no equivalent; leave it out"

_ELSEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ALIAS", "ANAME", "APEXCNAME", "CNAMEFLAT", "ALIAS4", "ALIAS6"), _ALIAS),
    **dict.fromkeys(
        ("DYNA", "DYNC"), f"{_GROUP}, or read gdnsd's folder: failoverdns import gdnsd"
    ),
    **dict.fromkeys(("LUA", "FAILOVER"), _GROUP),
    **dict.fromkeys(_REDIRECTS, _REDIRECT),
    **dict.fromkeys(("GEO", "WEIGHTED", "POOL", "LBR", "WRR", "LATENCY"), _BALANCING),
    **dict.fromkeys(("WINS", "WINSR", "WINS-R"), _WINDOWS),
    "MXE": "write an MX record, and an A record for the mail server",
    "MBOXFW": "mail is forwarded by a mail server; write an MX record",
    "MAILFW": "mail is forwarded by a mail server; write an MX record",
    "DKIM": "a DKIM key is a TXT record at SELECTOR._domainkey",
    "DMARC": "a DMARC policy is a TXT record at _dmarc",
    "NETWORKS": "write the records themselves",
    "ENT": "a name without records exists by itself if there are names below it; leave it out",
}
"""Words that other programs have in place of a type, and what is written here."""

_ELSEWHERE_CLASSES: Final[Mapping[str, str]] = {
    "AWS": "class AWS is cli53's form of Route 53 records, whose own export `failoverdns import "
    f"route53` reads; {_ALIAS}",
    "ANY": "the class ANY is for messages only; only IN is in a zone",
    "NONE": "the class NONE is for messages only; only IN is in a zone",
}

NO_TEXT_FORM: Final[Mapping[int, str]] = {
    MD: "MD is obsolete (RFC 1035 section 3.3.4); write an MX record",
    MF: "MF is obsolete (RFC 1035 section 3.3.5); write an MX record",
}
"""Types that have a better one in their place, by number."""


def type_text(rtype: int) -> str:
    """Return the mnemonic of a record type, or `TYPE` and its number (RFC 3597 section 5)."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rtype))


def type_number(word: str) -> int:
    """Return the number of the type that `word` names; raises Malformed if it is not in a zone."""
    name = word.upper()
    rtype = _MORE_NAMES.get(name)
    if rtype is None:
        try:
            rtype = int(dns.rdatatype.from_text(word))
        except (dns.exception.DNSException, ValueError):
            raise Malformed(_unknown(word, name)) from None
    if rtype in _META:
        raise Malformed(f"{name} is for messages only; it is not allowed in a zone")
    return rtype


def _unknown(word: str, name: str) -> str:
    if name in _ELSEWHERE:
        return f"{name} is not a DNS record type: {_ELSEWHERE[name]}"
    if name in _ELSEWHERE_CLASSES:
        return _ELSEWHERE_CLASSES[name]
    if name[0] == "$":
        return f"{quoted(word)} is a directive, which begins its line; remove what is before it"
    if name.startswith(("[AGE:", "[AGING:")):
        return (
            f"{quoted(word)} is the age that Microsoft's DNS server writes; "
            "remove it, and timestamps like it"
        )
    known = [kind.name for kind in dns.rdatatype.RdataType if int(kind) not in _META]
    close = get_close_matches(name, known, n=1, cutoff=0.75) if len(name) > 2 else []
    hint = f"did you mean {close[0]}?" if close else "write a name such as MX, or TYPE and a number"
    return f"{quoted(word)} is not a record type; {hint}"
