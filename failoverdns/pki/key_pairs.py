"""Key pairs: generate them, read them from PEM, and compare them with a certificate.

Messages about a key never quote it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from failoverdns.model.certificate import Secret
from failoverdns.model.errors import Malformed

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

_MAKERS: Final[dict[str, Callable[[], PrivateKey]]] = {
    "ec256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
}
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_MIN_RSA = 2048
_MAX_RSA = 16384
USE: Final = "use RSA, ECDSA or Ed25519"
# Matches in linear time for any input, because a match that has begun never fails.
_KEY = re.compile(
    r"-----BEGIN ([A-Z ]{0,30}PRIVATE KEY)-----[^-]*(?:-(?!----)[^-]*)*(-----END \1-----)?",
    re.ASCII,
)
_MESSAGE = b"failoverdns: does this key belong to that certificate?"


def new_key(key_type: str) -> Secret:
    """Generate a private key of one of the types in `model.settings.KEY_TYPES`."""
    return Secret(key_text(_MAKERS[key_type]()))


def signing_request(key: Secret, names: Sequence[str]) -> bytes:
    """Return a signing request (PEM, RFC 2986) for DNS names and addresses."""
    private = load_key(key.reveal())
    digest = None if isinstance(private, _EDWARDS) else SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    alternative = x509.SubjectAlternativeName([_general_name(name) for name in names])
    request = builder.add_extension(alternative, critical=True).sign(private, digest)
    return request.public_bytes(Encoding.PEM)


def load_key(text: str) -> PrivateKey:
    """Read a private key in PEM; raises Malformed, which never quotes it."""
    blocks = list(_KEY.finditer(text))
    if not blocks:
        for kind in ("certificate", "public key"):
            if f"-----BEGIN {kind.upper()}-----" in text:
                raise Malformed(f"is a {kind}: give the private key")
        raise Malformed("contains no private key in PEM, -----BEGIN PRIVATE KEY-----")
    if len(blocks) > 1:
        raise Malformed("contains more than one private key")
    block = blocks[0]
    if block[2] is None:
        raise Malformed("has no END line: is the file whole?")
    if block[1] == "OPENSSH PRIVATE KEY":
        raise Malformed(
            "is in OpenSSH's own format: convert a copy of it with `ssh-keygen -p -m PKCS8 -f COPY`"
        )
    if "ENCRYPTED" in block[0][:200]:
        raise Malformed("has a passphrase: remove it with `openssl pkey -in FILE -out NEW-FILE`")
    try:
        key = load_pem_private_key(
            block[0].encode("ascii"), None, unsafe_skip_rsa_key_validation=True
        )
    except UnsupportedAlgorithm:
        raise Malformed(f"is of an unknown type: {USE}") from None
    except Exception:  # the library may raise anything for the bytes of a file
        raise Malformed("cannot be parsed: is the file whole?") from None
    if not isinstance(key, PrivateKey):
        raise Malformed(f"is of a type that no web server supports: {USE}")
    return key


def key_text(key: PrivateKey) -> str:
    """Return a private key as PKCS#8 in PEM, without a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def mismatch(key: PrivateKey, certificate: x509.Certificate) -> Iterator[str]:
    """Yield the fault if a key does not belong to a certificate, or cannot sign for it.

    It signs a message to prove that it can, unless it is too weak, or so large that signing takes
    seconds.
    """
    public = certificate.public_key()
    try:
        if not belongs(key, certificate):
            yield "key: it does not belong to the first certificate of the chain"
        elif weakness(public) is None:
            _prove(key)
    except Exception:  # a wrong signature, or anything that the library raises for such a key
        yield "key: it is damaged: what it signs cannot be verified"


def belongs(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Return whether a certificate has the public key of a private key."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def key_type(key: object) -> str:
    """Return the name of the type of a public key, such as `ECDSA P-256`."""
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"ECDSA {_CURVES.get(key.curve.name, key.curve.name)}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
    return "unknown"


def weakness(key: object) -> str | None:
    """Return the reason why a public key must not be used, or None if it is strong."""
    match key:
        case rsa.RSAPublicKey():
            if key.key_size < _MIN_RSA:
                return f"is RSA of {key.key_size} bits: at least {_MIN_RSA} are needed"
            if key.key_size > _MAX_RSA:
                return f"is RSA of {key.key_size} bits: at most {_MAX_RSA} are allowed"
            if key.public_numbers().e < 65537:
                return "is RSA with an exponent below 65537"
        case ec.EllipticCurvePublicKey():
            if key.curve.name not in _CURVES:
                return f"is on the curve {key.curve.name}: use P-256, P-384 or P-521"
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            pass
        case _:
            return f"is of a type that no web server supports: {USE}"
    return None


_EDWARDS = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


def _prove(key: PrivateKey) -> None:
    """Sign a message with a key, and verify it with the public key; raises if that fails."""
    match key:
        case rsa.RSAPrivateKey():
            _check_numbers(key.private_numbers())
            form = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
            signature = key.sign(_MESSAGE, form, SHA256())
            key.public_key().verify(signature, _MESSAGE, form, SHA256())
        case ec.EllipticCurvePrivateKey():
            signed = key.sign(_MESSAGE, ec.ECDSA(SHA256()))
            key.public_key().verify(signed, _MESSAGE, ec.ECDSA(SHA256()))
        case _:
            key.public_key().verify(key.sign(_MESSAGE), _MESSAGE)


def _check_numbers(key: rsa.RSAPrivateNumbers) -> None:
    """Check that the numbers of an RSA key fit together (RFC 8017 section 3.2).

    A valid signature is not enough: OpenSSL makes one even if some of the numbers are wrong, but
    other libraries do not.  Raises InvalidSignature.
    """
    p, q, public = key.p, key.q, key.public_numbers
    if (
        min(p, q) < 3
        or p * q != public.n
        or (key.dmp1, key.dmq1) != (key.d % (p - 1), key.d % (q - 1))
        or key.iqmp * q % p != 1
    ):
        raise InvalidSignature


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
