"""The path that clients find in a chain of certificates: from the leaf up to a trusted root.

Clients take the certificates of a chain in any order, and ignore those that they do not need.
Where CAs have signed each other there are several paths; they prefer one that leads to a root which
they trust, then one without a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.hashes import MD5, SHA1

from failoverdns.model.timestamps import timestamp
from failoverdns.pki.anchors import Anchors, begins, ends, is_issued_by
from failoverdns.pki.purposes import (
    constraint_faults,
    issuer_faults,
    key_faults,
    leaf_faults,
    own_issuers,
)

_BROKEN = (MD5, SHA1)
_MAX_PATHS = 64
"""Paths that are compared; more than one exists only where CAs have signed each other."""


@dataclass(frozen=True, slots=True)
class Path:
    """The certificates that clients use, leaf first.

    `anchor` is the trusted root above them; None if none is known.
    """

    certificates: tuple[x509.Certificate, ...]
    anchor: x509.Certificate | None = None

    @property
    def top(self) -> x509.Certificate:
        """The last certificate."""
        return self.certificates[-1]


def path_of(chain: Sequence[x509.Certificate], anchors: Anchors, now: float | None) -> Path:
    """Return the path from the first of distinct certificates that clients prefer.

    They prefer one that leads to an anchor, then one without a fault, then the one that is valid
    for the longest time.
    """
    found: list[Path] = []
    _search((chain[0],), tuple(chain[1:]), anchors, now, found)

    def rank(path: Path) -> tuple[bool, bool, bool, float]:
        needed, _ = split(path, now)
        is_good = not any(certificate_faults(needed, now))
        has_root = path.top.issuer == path.top.subject
        return path.anchor is not None, is_good, has_root, min(map(ends, needed))

    return max(found, key=rank)


def strangers(chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the certificates that nothing connects with the leaf."""
    waiting, rest = [chain[0]], list(chain[1:])
    while waiting:
        near = waiting.pop()
        found = [certificate for certificate in rest if are_related(near, certificate)]
        rest = [certificate for certificate in rest if certificate not in found]
        waiting += found
    return rest


def are_related(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Return whether one certificate issued the other."""
    return is_issued_by(one, other) or is_issued_by(other, one)


def _search(
    path: tuple[x509.Certificate, ...],
    rest: tuple[x509.Certificate, ...],
    anchors: Anchors,
    now: float | None,
    found: list[Path],
) -> None:
    """Add every path that begins with `path` to `found`."""
    if len(found) >= _MAX_PATHS:
        return
    top = path[-1]
    anchor = anchors.same(top, now)
    if anchor is not None:
        found.append(Path(path if len(path) == 1 else path[:-1], anchor))
        return
    anchor = anchors.issuer(top, now)
    if anchor is not None:
        found.append(Path(path, anchor))
        return
    issuers = [c for c in rest if is_issued_by(top, c)] if not is_issued_by(top, top) else []
    for issuer in issuers:
        _search((*path, issuer), tuple(c for c in rest if c != issuer), anchors, now, found)
    if not issuers:
        found.append(Path(path))


def split(
    path: Path, now: float | None
) -> tuple[tuple[x509.Certificate, ...], tuple[x509.Certificate, ...]]:
    """Return the certificates that clients need, and those at the end that they may not need.

    The latter are expired or badly signed certificates above the issuer of the leaf, if all that
    follow are, and the first of them is not signed by itself: it may stand for a root.
    """
    certificates = path.certificates
    if path.anchor is not None:
        return certificates, ()
    at = len(certificates)
    while at > 2 and _is_spent(certificates[at - 1], now):
        at -= 1
    if at < len(certificates) and certificates[at].issuer == certificates[at].subject:
        at = len(certificates)
    return certificates[:at], certificates[at:]


def _is_spent(certificate: x509.Certificate, now: float | None) -> bool:
    return (now is not None and ends(certificate) <= now) or is_badly_signed(certificate)


def is_badly_signed(certificate: x509.Certificate) -> bool:
    """Return whether a certificate is signed with a digest for which signatures can be forged."""
    return isinstance(certificate.signature_hash_algorithm, _BROKEN)


def certificate_faults(
    needed: Sequence[x509.Certificate], now: float | None
) -> Iterator[tuple[x509.Certificate, str]]:
    """Yield the certificates that clients refuse on a path, each with the reason."""
    leaf = needed[0]
    for at, certificate in enumerate(needed):
        if now is not None and ends(certificate) <= now:
            yield certificate, f"expired at {timestamp(ends(certificate))}"
        elif now is not None and begins(certificate) > now:
            yield certificate, f"is not valid before {timestamp(begins(certificate))}"
        reasons = (
            leaf_faults(leaf) if at == 0 else issuer_faults(certificate, own_issuers(needed[1:at]))
        )
        yield from ((certificate, reason) for reason in reasons)
        if at > 0:
            yield from ((certificate, reason) for reason in constraint_faults(certificate, leaf))
            yield from ((certificate, reason) for reason in key_faults(certificate, needed[at - 1]))
