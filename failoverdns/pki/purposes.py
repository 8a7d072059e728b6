"""What the certificates on a path may be used for (RFC 5280 sections 4.2 and 6.1).

    leaf and its issuers, in their order -> every reason why a TLS client refuses them

A server's certificate has to be for servers, an issuer has to be a CA, and may limit how long the
path below it is, what it is for, and for which names.

| extension            | of the leaf                         | of an issuer                        |
|----------------------|-------------------------------------|-------------------------------------|
| basic constraints    |                                     | CA, path length                     |
| key usage            | signatures or key exchange          | signatures of certificates          |
| extended key usage   | serverAuth, if there is one         | serverAuth or any, if there is one  |
| name constraints     |                                     | hold for every name of the leaf     |
| any critical one     | is known                            | is known                            |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

E = TypeVar("E", bound=x509.ExtensionType)

_SERVERS = ExtendedKeyUsageOID.SERVER_AUTH
_ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
_NOT_UNDERSTOOD = (x509.UnrecognizedExtension, x509.PrecertPoison)


def leaf_faults(leaf: x509.Certificate) -> Iterator[str]:
    """Yield why the certificate of a server cannot be used by one."""
    usage = extension(leaf, x509.ExtendedKeyUsage)
    if usage is not None and not {_SERVERS, _ANY} & set(usage):
        yield "is not for servers: its extended key usage lacks serverAuth"
    keys = extension(leaf, x509.KeyUsage)
    if keys is not None and not (
        keys.digital_signature or keys.key_encipherment or keys.key_agreement
    ):
        yield "is not for servers: its key usage lacks digitalSignature"
    yield from _critical_faults(leaf)


def leaf_warnings(leaf: x509.Certificate) -> Iterator[str]:
    """Yield what some clients refuse in the certificate of a server."""
    usage = extension(leaf, x509.ExtendedKeyUsage)
    if usage is not None and _SERVERS not in usage and _ANY in usage:
        yield "is for any purpose: clients with OpenSSL want serverAuth in its extended key usage"
    keys = extension(leaf, x509.KeyUsage)
    if (
        keys is not None
        and not keys.digital_signature
        and (keys.key_encipherment or keys.key_agreement)
    ):
        yield "has a key usage without digitalSignature, which TLS 1.3 needs"


def issuer_faults(issuer: x509.Certificate, below: int) -> Iterator[str]:
    """Yield why an issuer may not have issued the path under it.

    `below` counts the CA certificates between it and the leaf that are not issued by themselves.
    """
    if not is_authority(issuer):
        if issuer.version is x509.Version.v1 and issuer.issuer == issuer.subject:
            return  # a root of old, which had no extensions
        yield "is not a CA's, so it cannot issue others"
        return
    constraints = extension(issuer, x509.BasicConstraints)
    length = constraints.path_length if constraints is not None else None
    if length is not None and below > length:
        yield f"allows {length} CA(s) below it, and has {below}"
    keys = extension(issuer, x509.KeyUsage)
    if keys is not None and not keys.key_cert_sign:
        yield "may not sign certificates: its key usage lacks keyCertSign"
    usage = extension(issuer, x509.ExtendedKeyUsage)
    if usage is not None and not {_SERVERS, _ANY} & set(usage):
        yield "may not issue for servers: its extended key usage lacks serverAuth"
    yield from _critical_faults(issuer)


def constraint_faults(issuer: x509.Certificate, leaf: x509.Certificate) -> Iterator[str]:
    """Yield the names of a leaf that the name constraints of an issuer forbid (section 4.2.1.10).

    Constraints of DNS names and of addresses are looked at.
    """
    limits, names = extension(issuer, x509.NameConstraints), alternative_names(leaf)
    if limits is None or names is None:
        return
    permitted, excluded = limits.permitted_subtrees or (), limits.excluded_subtrees or ()
    for name in names:
        if not isinstance(name, x509.DNSName | x509.IPAddress):
            continue
        allowed = [tree for tree in permitted if type(tree) is type(name)]
        is_out = any(_within(name, tree) for tree in excluded if type(tree) is type(name))
        if is_out or (allowed and not any(_within(name, tree) for tree in allowed)):
            yield f"may not issue for {name.value}: its name constraints forbid it"


def key_faults(issuer: x509.Certificate, lower: x509.Certificate) -> Iterator[str]:
    """Yield that an issuer is not the one that a certificate names by the identifier of its key.

    Clients with OpenSSL look for that one (sections 4.2.1.1 and 4.2.1.2).
    """
    named = extension(lower, x509.AuthorityKeyIdentifier)
    wanted = named.key_identifier if named is not None else None
    found = extension(issuer, x509.SubjectKeyIdentifier)
    if wanted is not None and found is not None and wanted != found.digest:
        yield "has another key identifier than the one that the certificate below it names"


def is_authority(certificate: x509.Certificate) -> bool:
    """Return whether a certificate claims to be a CA's (RFC 5280 section 4.2.1.9)."""
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def alternative_names(leaf: x509.Certificate) -> x509.SubjectAlternativeName | None:
    """Return the names that a certificate declares; None if it has no such extension."""
    return extension(leaf, x509.SubjectAlternativeName)


def extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """Return an extension of a certificate, or None if it has none of that kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _critical_faults(certificate: x509.Certificate) -> Iterator[str]:
    for found in certificate.extensions:
        if found.critical and isinstance(found.value, _NOT_UNDERSTOOD):
            oid = found.oid.dotted_string
            yield f"has the critical extension {oid}, which clients do not understand"


def _within(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        wanted, limit = name.value.lower().rstrip("."), tree.value.lower().rstrip(".")
        if limit.startswith("."):  # only names below it, as OpenSSL reads it
            return wanted.endswith(limit)
        return limit in ("", wanted) or wanted.endswith(f".{limit}")
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        address, network = name.value, tree.value
        return (
            isinstance(address, IPv4Address | IPv6Address)
            and isinstance(network, IPv4Network | IPv6Network)
            and address.version == network.version
            and address in network
        )
    return False


def own_issuers(path: Sequence[x509.Certificate]) -> int:
    """Return how many certificates of a path are not issued by themselves (section 6.1)."""
    return sum(certificate.issuer != certificate.subject for certificate in path)
