"""Certificates, read from PEM: their facts, or every fault at once.

This module reads certificates that users install or a CA issues.  Messages name each fault and its
remedy, and never quote a file, because it may contain a private key.

Which names a certificate is needed for is decided in `rules`, not here.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from failoverdns.model.certificate import Bundle, Facts, Secret
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.printable import printable
from failoverdns.pki import chains, key_pairs
from failoverdns.pki.anchors import NO_ANCHORS, Anchors, is_issued_by
from failoverdns.pki.purposes import is_authority

MAX_CERTIFICATES = 20
"""Certificates of a chain."""

MAX_CHAIN = 256 * 1024
"""Characters of a chain."""

MAX_NAMED = 10
"""Unusable names that are reported one by one."""

# Matches in linear time for any input, because a match that has begun never fails.
_BLOCK = re.compile(
    r"-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*(?:-(?!----)[^-]*)*)(-----END \1-----)?", re.ASCII
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_TRUSTED = "TRUSTED CERTIFICATE"
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", _TRUSTED)


def read_bundle(chain: str, key: str) -> tuple[Bundle, Facts]:
    """Read a chain (PEM, leaf first) and its private key (PEM, without a passphrase).

    Text around the PEM blocks (RFC 7468 section 2) is left out; the chain in the bundle has only
    the blocks, its key is PKCS#8.  Raises Rejected `invalid` with every fault that was found.
    """
    faults: list[str] = []
    certificates = _read_chain(chain, faults)
    key_faults: list[str] = []
    private = _read_key(key, key_faults)
    if certificates:
        leaf = chains.leaf_of(certificates, private)
        is_own = _is_named(leaf) or (private is not None and key_pairs.belongs(private, leaf))
        if is_authority(leaf) and not is_own:
            faults.append(
                "chain: the first certificate is a CA's: the application's own must come first"
            )
        judgement = chains.judge(certificates, NO_ANCHORS, None, leaf)
        faults += (f"chain: {fault}" for fault in judgement.faults)
        faults += _name_faults(leaf)
        if private is not None:
            key_faults += key_pairs.mismatch(private, leaf)
    faults += key_faults
    if faults or private is None:
        raise Rejected("invalid", "; ".join(dict.fromkeys(faults)))
    facts = _facts(certificates)
    secret = Secret(key_pairs.key_text(private))
    return Bundle(facts.bundle, _chain_text(certificates), secret), facts


def read_facts(chain: str) -> Facts:
    """Return the facts of a chain that `read_bundle` accepted before; raises Rejected."""
    faults: list[str] = []
    certificates = _read_chain(chain, faults)
    if certificates:
        faults += _name_faults(certificates[0])
    if faults:
        raise Rejected("invalid", "; ".join(faults))
    return _facts(certificates)


def judged(facts: Facts, chain: str, anchors: Anchors, now: float) -> tuple[Facts, tuple[str, ...]]:
    """Return the facts of a bundle's chain as clients see them `now`, and why they refuse it.

    `chain` (PEM) is one that `read_bundle` returned; `anchors` are the roots that clients are
    known to trust; `now` is in seconds since 1970.
    """
    judgement = chains.judge(_read_chain(chain, []), anchors, now)
    seen = replace(
        facts,
        not_before=judgement.not_before,
        not_after=judgement.not_after,
        warnings=judgement.warnings,
    )
    return seen, judgement.faults


def key_fault(chain: str, key: Secret) -> str | None:
    """Return what is wrong with the key of a bundle, None if nothing is; raises Rejected.

    `chain` and `key` are those of a bundle that `read_bundle` returned.
    """
    faults: list[str] = []
    leaf, private = _read_chain(chain, faults), _read_key(key.reveal(), faults)
    if leaf and private is not None:
        faults += key_pairs.mismatch(private, leaf[0])
    return "; ".join(faults) or None


def split_chain(chain: str) -> tuple[str, str]:
    """Return the leaf (PEM) of a bundle's chain, and the rest (PEM), which may be empty."""
    end = "-----END CERTIFICATE-----\n"
    leaf, found, rest = chain.partition(end)
    return leaf + found, rest


def normalised_name(text: str) -> str:
    """Return a DNS name of a certificate in lower case without a final dot; raises Malformed.

    Letters outside ASCII are refused, because a certificate has A-labels (RFC 5280 section 7.2).
    `*` may only be the whole first label (RFC 9525 section 6.3); an address is not a DNS name.
    """
    if not text.isascii():
        raise Malformed("it has letters outside ASCII: a certificate has A-labels (xn--...)")
    name = text.lower().removesuffix(".")
    if not name:
        raise Malformed("it is empty")
    DomainName.from_labels([label.encode("ascii") for label in name.split(".")])
    labels = name.removeprefix("*.").split(".")
    if not all(map(_LABEL.fullmatch, labels)):
        raise Malformed("labels are letters, digits and hyphens, and only the first may be `*`")
    if labels[-1].isdigit():
        raise Malformed("it ends in a number: an address must be declared as an IP address")
    return name


def _read_chain(text: str, faults: list[str]) -> list[x509.Certificate]:
    """Read the certificates of a file, and add its faults to `faults`.

    Returns no certificates if one of them cannot be read, because checks of the others would
    mislead.
    """
    if len(text) > MAX_CHAIN:
        faults.append(f"chain: {len(text)} characters: at most {MAX_CHAIN} are allowed")
        return []
    blocks = list(_BLOCK.finditer(text))
    if any("PRIVATE KEY" in block[1] for block in blocks):
        faults.append("chain: it contains a private key: give that with --key only")
    given = [block for block in blocks if block[1] in _CERTIFICATES]
    if not given:
        faults.append("chain: it contains no certificate in PEM, -----BEGIN CERTIFICATE-----")
    if len(given) > MAX_CERTIFICATES:
        faults.append(f"chain: {len(given)} certificates: at most {MAX_CERTIFICATES} are allowed")
        return []
    found: list[x509.Certificate] = []
    for number, block in enumerate(given, 1):
        try:
            found.append(_load(block))
        except Malformed as fault:
            faults.append(f"chain: certificate {number} {fault}")
    return found if len(found) == len(given) else []


def _load(block: re.Match[str]) -> x509.Certificate:
    """Load a certificate, and read each part that is used later, so that nothing raises later."""
    if block[1] == _TRUSTED:
        raise Malformed(
            "is in OpenSSL's own format: convert it with `openssl x509 -in FILE -out NEW-FILE`"
        )
    if block[3] is None:
        raise Malformed(f"has no -----END {block[1]}----- after it: is the file whole?")
    pem = f"-----BEGIN CERTIFICATE-----\n{block[2].strip()}\n-----END CERTIFICATE-----\n"
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
        list(certificate.extensions)
        certificate.public_key()
        certificate.issuer.rfc4514_string()
        certificate.subject.rfc4514_string()
        certificate.not_valid_before_utc.timestamp()
        certificate.not_valid_after_utc.timestamp()
        _ = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        raise Malformed(f"has a key or signature of an unknown type: {key_pairs.USE}") from None
    except Exception:  # the library may raise anything for the bytes of a file
        raise Malformed("cannot be parsed: is the file whole?") from None
    return certificate


def _facts(chain: Sequence[x509.Certificate]) -> Facts:
    leaf = chain[0]
    judgement = chains.judge(chain, NO_ANCHORS, None)
    names = {*map(normalised_name, _dns_names(leaf)), *map(str, _addresses(leaf))}
    ders = [certificate.public_bytes(Encoding.DER) for certificate in chain]
    return Facts(
        bundle=sha256(b"".join(ders)).hexdigest(),
        fingerprint=sha256(ders[0]).hexdigest(),
        names=tuple(sorted(names)),
        issuer=printable(leaf.issuer.rfc4514_string()),
        key_type=key_pairs.key_type(leaf.public_key()),
        not_before=judgement.not_before,
        not_after=judgement.not_after,
        length=len(chain),
        self_signed=is_issued_by(leaf, leaf),
        renewal_id=_renewal_id(leaf),
    )


def _is_named(leaf: x509.Certificate) -> bool:
    """Return whether a certificate is for servers by its names; those of CAs seldom have any."""
    return bool(_dns_names(leaf) or _addresses(leaf))


def _name_faults(leaf: x509.Certificate) -> Iterator[str]:
    names, addresses = _dns_names(leaf), _addresses(leaf)
    if not _is_named(leaf):
        yield (
            "chain: the certificate declares no names: it needs DNS names or addresses as subject "
            "alternative names, a common name is not enough (`openssl req` takes -addext "
            "subjectAltName=DNS:NAME)"
        )
    unusable = [*_unusable(names)]
    yield from unusable[:MAX_NAMED]
    if len(unusable) > MAX_NAMED:
        yield f"chain: and {len(unusable) - MAX_NAMED} more names that cannot be used"
    for address in addresses:
        if not isinstance(address, (IPv4Address, IPv6Address)):
            yield f"chain: the name {str(address)!r} is a network: only addresses can be names"


def _unusable(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        try:
            normalised_name(name)
        except Malformed as fault:
            yield f"chain: the name {printable(name)!r} is not a DNS name: {fault}"


def _alternative_names(leaf: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _dns_names(leaf: x509.Certificate) -> list[str]:
    names = _alternative_names(leaf)
    return names.get_values_for_type(x509.DNSName) if names is not None else []


def _addresses(leaf: x509.Certificate) -> Sequence[object]:
    names = _alternative_names(leaf)
    return names.get_values_for_type(x509.IPAddress) if names is not None else []


def _renewal_id(leaf: x509.Certificate) -> str | None:
    """Return the identifier of a certificate for renewal information (RFC 9773 section 4.1)."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    identifier = extension.value.key_identifier
    if identifier is None:
        return None
    serial = leaf.serial_number
    bits = (serial if serial >= 0 else ~serial).bit_length()
    octets = serial.to_bytes(bits // 8 + 1, "big", signed=True)
    return f"{_base64url(identifier)}.{_base64url(octets)}"


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _chain_text(chain: Sequence[x509.Certificate]) -> str:
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain)


def _read_key(text: str, faults: list[str]) -> key_pairs.PrivateKey | None:
    try:
        return key_pairs.load_key(text)
    except Malformed as fault:
        faults.append(f"key: {fault}")
        return None
