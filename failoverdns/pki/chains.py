"""Chains of certificates, judged as TLS clients judge them.

    chain, anchors, now -> the path that clients use -> faults, warnings, since when and until when

One judgement for all: a certificate that is installed or issued, a switch that is checked
beforehand, and a server that is probed.

A chain is given with the leaf first.  Clients search it for a path: the leaf, a certificate that
issued it, and so on, up to a root that they trust.  They take the certificates in any order and
ignore those that they do not need.  So a fault of the path is a reason to refuse the chain, and
anything odd beside it is a reason to warn.

| the path ends at                                | then                                         |
|-------------------------------------------------|----------------------------------------------|
| an anchor, or a certificate that stands for one | clients stop there: what follows is ignored  |
| a certificate that nothing in the chain issued  | its issuer must be a root: a warning         |
| a certificate that is signed by itself          | clients refuse it unless they trust it       |

Which roots clients trust is not known for certain.  Above the issuer of the leaf, a certificate
that is the last and not signed by itself may be a root that another root has signed, for old
clients.  Those who trust the new root do not need it; so if it has expired, that is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from failoverdns.model.printable import printable
from failoverdns.model.timestamps import timestamp
from failoverdns.pki import key_pairs
from failoverdns.pki.anchors import NO_ANCHORS, Anchors, begins, ends, is_issued_by
from failoverdns.pki.paths import (
    Path,
    are_related,
    certificate_faults,
    is_badly_signed,
    path_of,
    split,
    strangers,
)
from failoverdns.pki.purposes import extension, is_authority, leaf_warnings


@dataclass(frozen=True, slots=True)
class Judgement:
    """What clients do with a chain: they refuse it for `faults`; some do, or may, for `warnings`.

    `not_before` and `not_after` (seconds since 1970) are when the whole path is valid.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    not_before: float
    not_after: float


def judge(
    given: Sequence[x509.Certificate],
    anchors: Anchors,
    now: float | None,
    leaf: x509.Certificate | None = None,
) -> Judgement:
    """Return what clients do with a chain `now` (seconds since 1970).

    With None for `now` no certificate has begun or expired.  `leaf` is the server's own
    certificate; None if it is the first.  Texts name certificates by their number in the chain,
    from 1.
    """
    numbers = _numbers(given)
    leaf = leaf or given[0]
    chain = [leaf, *(certificate for certificate in numbers if certificate != leaf)]
    path = path_of(chain, anchors, now)
    needed, spare = split(path, now)
    faults = [
        *_leaf_place_faults(chain, numbers),
        *_gap_faults(chain, path, numbers),
        *_path_faults(needed, numbers, now),
    ]
    warnings = [
        *_trust_warnings(path, numbers),
        *_spare_warnings(spare, numbers, now),
        *_order_warnings(given, chain, path, numbers),
        *(f"{_called(path.certificates[0], numbers)} {w}" for w in leaf_warnings(needed[0])),
        *_early_end_warnings(needed, numbers),
    ]
    used = [*needed, *([path.anchor] if path.anchor is not None else [])]
    return Judgement(
        tuple(dict.fromkeys(faults)),
        () if _is_broken(chain, path) else tuple(dict.fromkeys(warnings)),
        max(map(begins, used)),
        min(map(ends, used)),
    )


def leaf_of(
    chain: Sequence[x509.Certificate], key: key_pairs.PrivateKey | None = None
) -> x509.Certificate:
    """Return the certificate that should be the first one.

    It is the one that has the key, or else the first that is not a CA's, or else the first.
    """
    if key is not None:
        for certificate in chain:
            if key_pairs.belongs(key, certificate):
                return certificate
    return next((c for c in chain if not is_authority(c)), chain[0])


def _numbers(given: Sequence[x509.Certificate]) -> dict[x509.Certificate, int]:
    """Return the number of each certificate where it is first, in the order of a file."""
    return {certificate: given.index(certificate) + 1 for certificate in given}


def _leaf_place_faults(
    chain: Sequence[x509.Certificate], numbers: dict[x509.Certificate, int]
) -> Iterator[str]:
    """Yield what is wrong if the leaf is not the first certificate of a file."""
    leaf = chain[0]
    if numbers[leaf] == 1:
        return
    line = path_of(chain, NO_ANCHORS, None).certificates
    if len(line) == len(numbers):
        yield _in_order(line, numbers)
    else:
        yield f"certificate {numbers[leaf]} is the leaf: it must come first"


def _path_faults(
    needed: Sequence[x509.Certificate],
    numbers: dict[x509.Certificate, int],
    now: float | None,
) -> Iterator[str]:
    for certificate, reason in certificate_faults(needed, now):
        is_spent = certificate is not needed[0] and reason.startswith("expired")
        remedy = ": put its successor there" if is_spent else ""
        yield f"{_called(certificate, numbers)} {reason}{remedy}"
    for at, certificate in enumerate(needed):
        weakness = key_pairs.weakness(certificate.public_key())
        if weakness is not None:
            yield f"the key of certificate {numbers[certificate]} {weakness}"
        is_root = at > 0 and certificate.issuer == certificate.subject
        if is_badly_signed(certificate) and not is_root:
            digest = certificate.signature_hash_algorithm
            name = digest.name.upper() if digest is not None else "nothing"
            yield f"certificate {numbers[certificate]} is signed with {name}, which is broken"


def _is_broken(chain: Sequence[x509.Certificate], path: Path) -> bool:
    """Return whether the chain has certificates that are meant to be issuers, but are not."""
    top = path.top
    if path.anchor is not None or top.issuer == top.subject:
        return False
    return bool(strangers(chain))


def _gap_faults(
    chain: Sequence[x509.Certificate], path: Path, numbers: dict[x509.Certificate, int]
) -> Iterator[str]:
    """Yield where the path ends before the certificates that should continue it."""
    if not _is_broken(chain, path):
        return
    for lower, upper in pairwise(numbers):
        if not is_issued_by(lower, upper) and not is_issued_by(upper, lower):
            yield f"certificate {numbers[lower]} " + _other_issuer(lower, upper, numbers[upper])
    for certificate in strangers(chain):
        if not any(are_related(certificate, other) for other in chain if other != certificate):
            yield _stranger(numbers[certificate])


def _other_issuer(lower: x509.Certificate, upper: x509.Certificate, number: int) -> str:
    text = f"was not issued by certificate {number}"
    if lower.issuer == upper.subject:
        return f"{text}: the issuer's name is right, the signature is not"
    return f"{text} but by {printable(lower.issuer.rfc4514_string())!r}"


def _stranger(number: int) -> str:
    return f"certificate {number} has nothing to do with the others: remove it"


def _trust_warnings(path: Path, numbers: dict[x509.Certificate, int]) -> Iterator[str]:
    """Yield why clients may not know the root that a path leads to."""
    leaf, top = path.certificates[0], path.top
    is_own = top.issuer == top.subject and is_issued_by(top, top)
    if is_own and top is leaf:
        if path.anchor is None:
            yield "it is signed by itself: clients refuse it unless they trust it"
        if is_authority(leaf):
            yield (
                "it says that it is a CA's, and some clients refuse that in a server: make it with "
                "basicConstraints=CA:FALSE"
            )
        return
    if is_authority(leaf):
        yield (
            "the first certificate is a CA's, and some clients refuse that in a server: let the "
            "CA issue it with basicConstraints=CA:FALSE"
        )
    if path.anchor is not None:
        return
    if is_own:
        yield (
            f"{_called(top, numbers)} is a root that this system does not trust: clients refuse "
            "the chain unless they trust it"
        )
    elif top is leaf:
        yield (
            f"only the leaf is there, and this system knows no root called {_issuer(leaf)}: "
            f"clients need the certificates that lead to a root, after the leaf{_offered(leaf)}"
        )
    else:
        yield (
            f"it leads to {_issuer(top)}, which is not a root that this system trusts: clients "
            "refuse the chain unless they trust that root"
        )


def _spare_warnings(
    spare: Sequence[x509.Certificate], numbers: dict[x509.Certificate, int], now: float | None
) -> Iterator[str]:
    for certificate in spare:
        is_expired = now is not None and ends(certificate) <= now
        why = f"expired at {timestamp(ends(certificate))}" if is_expired else "is badly signed"
        yield (
            f"{_called(certificate, numbers)} {why}: clients refuse the chain unless they trust a "
            "root of that name; leave it out if they do, else put its successor there"
        )


def _order_warnings(
    given: Sequence[x509.Certificate],
    chain: Sequence[x509.Certificate],
    path: Path,
    numbers: dict[x509.Certificate, int],
) -> Iterator[str]:
    """Yield the certificates that clients do not need, or that are in another order than usual."""
    for number, certificate in enumerate(given, 1):
        if numbers[certificate] != number:
            same = numbers[certificate]
            yield f"certificate {number} is the same as certificate {same}: remove it"
    yield from (_stranger(numbers[certificate]) for certificate in strangers(chain))
    places = [numbers[certificate] for certificate in path.certificates]
    if places != sorted(places):
        yield _in_order(path.certificates, numbers)


def _in_order(line: Sequence[x509.Certificate], numbers: dict[x509.Certificate, int]) -> str:
    order = ", ".join(str(numbers[certificate]) for certificate in line)
    return f"put the certificates in the order {order}: leaf, its issuer, and so on"


def _early_end_warnings(
    needed: Sequence[x509.Certificate], numbers: dict[x509.Certificate, int]
) -> Iterator[str]:
    first = min(needed, key=ends)
    if ends(first) < ends(needed[0]):
        yield (
            f"it ends at {timestamp(ends(first))}, when {_called(first, numbers)} expires, and not "
            f"at {timestamp(ends(needed[0]))}"
        )


def _called(certificate: x509.Certificate, numbers: dict[x509.Certificate, int]) -> str:
    number = numbers[certificate]
    if number == 1:
        return "the certificate"
    subject = printable(certificate.subject.rfc4514_string())
    return f"certificate {number} ({subject})" if subject else f"certificate {number}"


def _issuer(certificate: x509.Certificate) -> str:
    return repr(printable(certificate.issuer.rfc4514_string()))


def _offered(leaf: x509.Certificate) -> str:
    """Return where a CA offers the certificate of the issuer (RFC 5280 section 4.2.2.1)."""
    access = extension(leaf, x509.AuthorityInformationAccess)
    for description in access or ():
        place = description.access_location
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS and isinstance(
            place, x509.UniformResourceIdentifier
        ):
            return f" (the CA offers the next one at {printable(place.value)})"
    return ""
