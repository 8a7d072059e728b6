"""Chains of certificates: each must be issued by the next one, with strong keys and signatures.

Chains are given leaf first.  Which roots are trusted does not matter here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.hashes import MD5, SHA1

from failoverdns.model.printable import printable
from failoverdns.pki import key_pairs

_BROKEN = (MD5, SHA1)


def faults(chain: Sequence[x509.Certificate]) -> list[str]:
    """Return every fault of a chain: its order, its issuers, its keys and signatures."""
    return [*_leaf_faults(chain), *_order_faults(chain), *_strength_faults(chain)]


def leaf_of(chain: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the certificate that should be the first one: the first that is not a CA's."""
    return next((c for c in chain if not is_authority(c)), chain[0])


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether `issuer` issued `certificate`, by issuer name and signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # a signature that is wrong, or that the library cannot read
        return False
    return True


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether a certificate claims to be a CA's (RFC 5280 section 4.2.1.9)."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return constraints.value.ca


def _leaf_faults(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    if is_authority(leaf_of(chain)):
        yield (
            "chain: the first certificate is a CA's: the application's own must come first, "
            "made with basicConstraints=CA:FALSE"
        )


def _order_faults(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    numbers: dict[x509.Certificate, int] = {}
    for number, certificate in enumerate(chain, 1):
        if certificate in numbers:
            same = numbers[certificate]
            yield f"chain: certificate {number} is the same as certificate {same}: remove it"
        else:
            numbers[certificate] = number
    broken = [pair for pair in pairwise(numbers) if not is_issued_by(*pair)]
    if not broken:
        for certificate, number in list(numbers.items())[1:]:
            if not is_authority(certificate):
                yield f"chain: certificate {number} is not a CA's, so it cannot issue others"
        return
    line = _line(list(numbers))
    if len(line) == len(numbers):
        order = ", ".join(str(numbers[certificate]) for certificate in line)
        yield f"chain: put the certificates in the order {order}: leaf, its issuer, and so on"
        return
    if numbers[line[0]] > 1:
        yield f"chain: certificate {numbers[line[0]]} is the leaf: it must come first"
    for lower, upper in broken:
        yield f"chain: certificate {numbers[lower]} " + _other_issuer(lower, upper, numbers[upper])
    for certificate, number in numbers.items():
        others = [other for other in numbers if other is not certificate]
        if certificate is not line[0] and not any(_related(certificate, c) for c in others):
            yield f"chain: certificate {number} has nothing to do with the others: remove it"


def _other_issuer(lower: x509.Certificate, upper: x509.Certificate, number: int) -> str:
    text = f"was not issued by certificate {number}"
    if lower.issuer == upper.subject:
        return f"{text}: the issuer's name is right, the signature is not"
    return f"{text} but by {printable(lower.issuer.rfc4514_string())!r}"


def _related(one: x509.Certificate, other: x509.Certificate) -> bool:
    return is_issued_by(one, other) or is_issued_by(other, one)


def _line(chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the leaf, its issuer, and so on, as far as the issuers are in the chain."""
    line = [leaf_of(chain)]
    rest = [certificate for certificate in chain if certificate is not line[0]]
    while issuer := next((c for c in rest if is_issued_by(line[-1], c)), None):
        line.append(issuer)
        rest.remove(issuer)
    return line


def _strength_faults(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for number, certificate in enumerate(chain, 1):
        weakness = key_pairs.weakness(certificate.public_key())
        if weakness is not None:
            yield f"chain: the key of certificate {number} {weakness}"
        is_root = number == len(chain) > 1 and certificate.issuer == certificate.subject
        if isinstance(certificate.signature_hash_algorithm, _BROKEN) and not is_root:
            name = certificate.signature_hash_algorithm.name.upper()
            yield f"chain: certificate {number} is signed with {name}, which is broken"
