"""Judge the certificate that a server presents: every fault of it, in words.

    leaf, what OpenSSL found of the chain, what is expected, names, now -> faults

OpenSSL builds the path to a trusted root and verifies the signatures and the dates of CAs.  It
reports only the first fault, and checks the dates of the leaf last, so an expired leaf hides no
other fault.  What the certificates on the path may be used for is judged in `failoverdns.pki`, as
it is for a certificate that is installed.  The leaf's dates and names (RFC 9525: subject
alternative names only, `*` as the whole leftmost label only, addresses by IP SANs) are judged here,
so that all faults are reported at once.

Does no TLS and reads no clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cryptography import x509

from failoverdns.model.certificate import covers
from failoverdns.model.health import TlsExpectation
from failoverdns.model.names import is_address
from failoverdns.model.printable import printable
from failoverdns.pki.anchors import ends
from failoverdns.pki.paths import certificate_faults
from failoverdns.pki.purposes import leaf_faults

_DAY: Final = 86400.0
_MAX_NAMED: Final = 5
"""Missing names that are listed one by one; the others are counted."""

# X509_V_ERR_*: the number of OpenSSL's error, and the words for it here.
NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
_SELF_SIGNED: Final = 18
_UNTRUSTED: Final = frozenset((2, 19, 20, 21))
_OTHERS: Final = {
    7: "a signature is wrong",
    22: "the chain is too long",
    23: "it is revoked",
    25: "a CA has more CAs below it than its path length allows",
    32: "an issuer may not sign certificates",
    34: "it has a critical extension that clients do not understand",
    47: "a CA may not sign for this name",
    48: "a CA may not sign for this name",
    66: "the server's key is too weak",
    67: "a CA's key is too weak",
    68: "a signature is made with a digest that is too weak",
    79: "an issuer is not a CA",
}


@dataclass(frozen=True, slots=True)
class ChainFault:
    """A fault in a chain that OpenSSL found: its number, depth (0 is the leaf) and subject."""

    number: int
    depth: int
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """The parts of a server's own certificate that are judged; times in seconds since 1970.

    `names` are DNS names in lower case and addresses, as `covers` compares them.
    `unfit` are the reasons why no server can use it.
    """

    names: frozenset[str]
    not_before: float
    not_after: float
    issuer: str
    unfit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issuers:
    """The CA certificates that lead from a leaf to the trusted root, root included.

    `unfit` are the reasons why they may not issue the leaf.  `subject` is the one that ends first,
    at `not_after` (seconds since 1970).
    """

    not_after: float = math.inf
    subject: str = ""
    unfit: tuple[str, ...] = ()


NO_ISSUERS: Final = Issuers()


@lru_cache(maxsize=4096)
def read_leaf(der: bytes) -> Leaf:
    """Return the judged parts of a certificate (DER). Raises ValueError."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        dns = extension.value.get_values_for_type(x509.DNSName)
        addresses = extension.value.get_values_for_type(x509.IPAddress)
    except x509.ExtensionNotFound:
        dns, addresses = [], []
    except x509.DuplicateExtension as fault:
        raise ValueError(str(fault)) from None
    return Leaf(
        frozenset((*_host_names(dns), *map(str, addresses))),
        certificate.not_valid_before_utc.timestamp(),
        certificate.not_valid_after_utc.timestamp(),
        certificate.issuer.rfc4514_string(),
        tuple(leaf_faults(certificate)),
    )


@lru_cache(maxsize=1024)
def read_issuers(path: tuple[bytes, ...]) -> Issuers:
    """Return the judged parts of a path (DER, leaf first) that OpenSSL verified.

    Raises ValueError.
    """
    certificates = [x509.load_der_x509_certificate(der) for der in path]
    if len(certificates) < 2:
        return NO_ISSUERS
    first = min(certificates[1:], key=ends)
    unfit = tuple(
        f"{_whose(certificate.subject.rfc4514_string())} {reason}"
        for certificate, reason in certificate_faults(certificates, None)
        if certificate != certificates[0]
    )
    return Issuers(ends(first), first.subject.rfc4514_string(), unfit)


def faults(
    leaf: Leaf,
    chain: ChainFault | None,
    expected: TlsExpectation,
    names: Sequence[str],
    now: float,
    issuers: Issuers = NO_ISSUERS,
) -> list[str]:
    """Return every fault of a certificate for `names`; `now` in seconds since 1970.

    `chain` is the fault that OpenSSL found, `issuers` the path, if it found none.
    No certificate has a fault if `expected` does not ask for verification.
    """
    if not expected.verify:
        return []
    found = [*_date_faults(leaf, issuers, expected, now)]
    if chain is not None:
        found += _chain_faults(leaf, chain)
    found += (f"it {reason}" for reason in leaf.unfit)
    found += issuers.unfit
    wanted = (expected.server_name,) if expected.server_name is not None else names
    missing = [name for name in wanted if not covers(leaf.names, name)]
    if missing:
        found.append(f"it is not valid for {_listed(missing)}, only for {_names_of(leaf)}")
    return list(dict.fromkeys(found))


def _host_names(names: Iterable[str]) -> Iterator[str]:
    """Yield the DNS names of a certificate in lower case, without a final dot.

    An address among them does not count: only an IP SAN declares one (RFC 9525 section 6.4).
    """
    for name in names:
        normalised = name.lower().removesuffix(".")
        if not is_address(normalised):
            yield normalised


def _date_faults(
    leaf: Leaf, issuers: Issuers, expected: TlsExpectation, now: float
) -> Iterator[str]:
    end, least = min(leaf.not_after, issuers.not_after), expected.days_left
    days = int((end - now) // _DAY)
    if now > leaf.not_after:
        yield f"it expired on {_date(leaf.not_after)}"
    elif now < leaf.not_before:
        yield f"it is not valid before {_date(leaf.not_before)}"
    elif days < least:
        until = _date(end)
        subject = "it" if end == leaf.not_after else _whose(issuers.subject)
        yield f"{subject} is valid for {days} more days, until {until}, where {least} are wanted"


def _chain_faults(leaf: Leaf, fault: ChainFault) -> Iterator[str]:
    whose = _whose(fault.subject)
    if fault.number in (EXPIRED, NOT_YET_VALID):
        if fault.depth > 0:
            yield f"{whose} {'has expired' if fault.number == EXPIRED else 'is not yet valid'}"
    elif fault.number == _SELF_SIGNED:
        yield "it is not signed by a trusted CA but by itself"
    elif fault.number in _UNTRUSTED:
        yield (
            f"it is not signed by a trusted CA: its issuer is {printable(leaf.issuer)!r}; "
            "does the server send the whole chain?"
        )
    else:
        text = _OTHERS.get(fault.number, f"OpenSSL's verification error {fault.number}")
        yield f"its chain is refused: {text}"


def _whose(subject: str) -> str:
    return f"the CA certificate {printable(subject)!r} of its chain"


def _names_of(leaf: Leaf) -> str:
    return _listed(sorted(leaf.names)) if leaf.names else "no name at all"


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(map(printable, names[:_MAX_NAMED]))
    return f"{text} and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else text


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
