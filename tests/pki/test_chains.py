"""A chain is refused where TLS clients refuse it, and what is odd and works is a warning."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from authority import DAY, cached_key, pem
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from system.server import DEADLINE, tool

from failoverdns.pki.anchors import NO_ANCHORS, read_anchors
from failoverdns.pki.chains import Judgement, judge

NOW = float(int(time.time()))
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
YEAR = 365 * DAY


def key_usage(*given: str) -> x509.KeyUsage:
    """Return a key usage with these bits."""
    others = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment"]
    others += ["key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{name: name in given for name in others})


def names(*given: str) -> x509.SubjectAlternativeName:
    """Return DNS names as an extension."""
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in given])


def within(*permitted: str, excluded: Sequence[str] = ()) -> x509.NameConstraints:
    """Return name constraints for DNS names and networks."""

    def trees(texts: Sequence[str]) -> list[x509.GeneralName] | None:
        found: list[x509.GeneralName] = [
            x509.IPAddress(ip_network(text)) if "/" in text else x509.DNSName(text)
            for text in texts
        ]
        return found or None

    return x509.NameConstraints(trees(permitted), trees(excluded))


def made(
    subject: str,
    issuer: str | None = None,
    *more: x509.ExtensionType,
    days: tuple[float, float] = (-10, 1000),
    usage: Sequence[ObjectIdentifier] = (),
    critical: bool = False,
    length: int | None = None,
    ca: bool | None = True,
    key: str | None = None,
    signer: str | None = None,
) -> x509.Certificate:
    """Make a certificate of `subject` by `issuer`, whose keys go by their names."""
    public = cached_key("ec256", key or subject).public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or subject)]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(NOW + days[0] * DAY, UTC))
        .not_valid_after(datetime.fromtimestamp(NOW + days[1] * DAY, UTC))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, length if ca else None), True)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), False)
    for extension in more:
        builder = builder.add_extension(extension, critical)
    return builder.sign(cached_key("ec256", signer or issuer or subject), SHA256())


def leaf(issuer: str | None = "CA", *more: x509.ExtensionType, **how: Any) -> x509.Certificate:
    """Make a certificate of a server."""
    how.setdefault("ca", None)
    if not any(isinstance(extension, x509.SubjectAlternativeName) for extension in more):
        more = (names("www.shop.example"), *more)
    subject = how.pop("names_subject", "www")
    return made(subject, issuer, *more, **{"days": (-1, 90), **how})


ROOT, CA = made("Root", days=(-400, 4000)), made("CA", "Root", days=(-300, 1000))
SUB = made("Sub", "CA")
OLD_ROOT = made("Old Root", days=(-4000, -5))
CROSS = made("Root", "Old Root", days=(-3000, -5))
EXPIRED_CA, FUTURE_CA = made("CA", "Root", days=(-300, -2)), made("CA", "Root", days=(2, 900))
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")


@dataclass(frozen=True)
class Case:
    """A chain; `fault` is what is said of it, None if clients take it; `roots` are trusted.

    `openssl` is the number of the error that OpenSSL reports, where it refuses the chain; 0 where
    it takes a chain that others refuse.
    """

    called: str
    chain: list[x509.Certificate]
    fault: str | None = None
    openssl: int | None = None
    roots: tuple[x509.Certificate, ...] = (ROOT,)


IN_CA = within("shop.example", "192.0.2.0/24", excluded=["no.shop.example"])
NAMES_CA, IS_CA = (
    x509.AuthorityKeyIdentifier(b"key", None, None),
    x509.SubjectKeyIdentifier(b"key"),
)
OWN, KEYED = x509.SubjectKeyIdentifier(b"own"), made("Root", None, IS_CA)
LIMITED = made("CA", "Root", IN_CA)
CASES = [
    Case("a usual chain", [leaf(), CA]),
    Case("with its root", [leaf(), CA, ROOT]),
    Case("two intermediates", [leaf("Sub"), SUB, CA]),
    Case("issuers out of order", [leaf("Sub"), CA, SUB]),
    Case("one twice", [leaf(), CA, CA]),
    Case("one that is not needed", [leaf(), CA, OLD_ROOT]),
    Case("a leaf that has expired", [leaf(days=(-9, -1)), CA], "the certificate expired at", 10),
    Case("a leaf of tomorrow", [leaf(days=(1, 9)), CA], "the certificate is not valid before", 9),
    Case("an issuer that has expired", [leaf(), EXPIRED_CA], "2 (CN=CA) expired at", 10),
    Case("its successor beside it", [leaf(), EXPIRED_CA, CA]),
    Case("an issuer of tomorrow", [leaf(), FUTURE_CA], "2 (CN=CA) is not valid before", 9),
    Case(
        "the second issuer has expired", [leaf("Sub"), SUB, EXPIRED_CA, ROOT], "3 (CN=CA) exp", 10
    ),
    Case("a root that is cross-signed", [leaf(), CA, CROSS]),
    Case("and the one that signed it", [leaf(), CA, CROSS, OLD_ROOT]),
    Case("the same, directly", [leaf("Root"), CROSS]),
    Case(
        "an expired root of its own",
        [leaf("Old Root"), OLD_ROOT],
        "2 (CN=Old Root) exp",
        10,
        (OLD_ROOT,),
    ),
    Case("a client's certificate", [leaf(usage=[CLIENT]), CA], "lacks serverAuth", 26),
    Case("a server's and client's", [leaf(usage=[SERVER, CLIENT]), CA]),
    Case("only for encryption", [leaf("CA", key_usage("key_encipherment")), CA]),
    Case("only for data", [leaf("CA", key_usage("data_encipherment")), CA], "lacks digitalSig", 26),
    Case("a CA for clients", [leaf(), made("CA", "Root", usage=[CLIENT])], "may not issue for", 26),
    Case("a CA for servers", [leaf(), made("CA", "Root", usage=[SERVER])]),
    Case("no CA", [leaf(), made("CA", "Root", ca=False)], "2 (CN=CA) is not a CA's", 79),
    Case("no constraints", [leaf(), made("CA", "Root", ca=None)], "2 (CN=CA) is not a CA's", 79),
    Case(
        "a CA that may not sign",
        [leaf(), made("CA", "Root", key_usage("crl_sign"))],
        "lacks keyCertSign",
        32,
    ),
    Case("a CA that may sign", [leaf(), made("CA", "Root", key_usage("key_cert_sign"))]),
    Case("a path that is short enough", [leaf("Sub"), SUB, made("CA", "Root", length=1)]),
    Case(
        "a path that is too long",
        [leaf("Sub"), SUB, made("CA", "Root", length=0)],
        "3 (CN=CA) allows 0 CA(s) below it, and has 1",
        25,
    ),
    Case("a permitted name", [leaf("CA", names("a.shop.example")), LIMITED]),
    Case("another name", [leaf("CA", names("a.example")), LIMITED], "not issue for a.example", 47),
    Case("a part of a label", [leaf("CA", names("eshop.example")), LIMITED], "not issue for", 47),
    Case("an excluded one", [leaf("CA", names("no.shop.example")), LIMITED], "not issue for", 48),
    Case("unknown and critical", [leaf("CA", UNKNOWN, critical=True), CA], "1.2.3.4", 34),
    Case("unknown", [leaf("CA", UNKNOWN), CA]),
    Case("unknown in a CA", [leaf(), made("CA", "Root", UNKNOWN, critical=True)], "1.2.3.4", 34),
    Case("the key identifier of its issuer", [leaf("CA", NAMES_CA), made("CA", "Root", IS_CA)]),
    Case(
        "another key identifier",
        [leaf("CA", NAMES_CA), made("CA", "Root", x509.SubjectKeyIdentifier(b"other"))],
        "has another key identifier",
        20,
    ),
    Case(
        "the same name as its CA",
        [leaf("Root", NAMES_CA, OWN, key="www", names_subject="Root"), KEYED],
        roots=(KEYED,),
    ),
    Case("signed by itself", [leaf(None)], None, 18, ()),
    Case("the same as a CA", [leaf(None, ca=True)], None, 18, ()),
    Case("trusted itself", [SELF := leaf(None, ca=True)], None, None, (SELF,)),
    Case("a leaf with CA:TRUE", [leaf(ca=True), CA]),
    Case("only the leaf", [leaf()], None, 20),
    Case("only a leaf of a root", [leaf("Root")]),
    Case("a missing link", [leaf("Sub"), CA], "certificate 1 was not issued by certificate 2", 20),
]


def judged(case: Case) -> Judgement:
    """Judge a chain now."""
    roots = read_anchors([pem(root).encode() for root in case.roots])
    return judge(case.chain, roots, NOW)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.called)
def test_a_chain_is_refused_for_what_clients_refuse(case: Case) -> None:
    """And for nothing else; what is said names the certificate."""
    faults = judged(case).faults
    assert len(faults) == (case.fault is not None) or case.called == "a missing link", faults
    assert (case.fault or "") in "; ".join(faults)


def test_openssl_agrees(tmp_path: Path) -> None:
    """It is asked about each chain, as a client that trusts the same roots."""
    unlike = {}
    for case in CASES:
        first, *others = case.chain
        files = {"leaf": [first], "others": [first, *others], "roots": case.roots or [CA]}
        for name, certificates in files.items():
            (tmp_path / name).write_text("".join(map(pem, certificates)))
        words = "verify -purpose sslserver -auth_level 1 -no-CApath -CAfile roots"
        asked = subprocess.run(
            [tool("openssl"), *words.split(), "-untrusted", "others", "leaf"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        wanted = f"error {case.openssl} at " if case.openssl else "leaf: OK"
        if wanted not in asked.stdout + asked.stderr:
            unlike[case.called] = asked.stdout + asked.stderr
    assert unlike == {}


@pytest.mark.parametrize(
    ("chain", "texts"),
    [
        ([leaf(), CA], ["it leads to 'CN=Root', which is not a root that this system trusts"]),
        ([leaf(), CA, ROOT], ["certificate 3 (CN=Root) is a root that this system does not trust"]),
        ([leaf()], ["only the leaf is there, and this system knows no root called 'CN=CA'"]),
        ([leaf(None)], ["it is signed by itself: clients refuse it unless they trust it"]),
        ([leaf(None, ca=True)], ["it is signed by itself", "it says that it is a CA's"]),
        (
            [leaf(), CA, CROSS],
            ["it leads to 'CN=Old Root'", "certificate 3 (CN=Root) expired at"],
        ),
    ],
)
def test_what_clients_may_refuse_is_a_warning(
    chain: list[x509.Certificate], texts: list[str]
) -> None:
    """No root is known here."""
    found = judge(chain, NO_ANCHORS, NOW)
    assert found.faults == ()
    assert [warning[: len(text)] for warning, text in zip(found.warnings, texts, strict=True)] == (
        texts
    )


@pytest.mark.parametrize(
    ("chain", "text"),
    [
        ([leaf("Sub"), CA, SUB], "put the certificates in the order 1, 3, 2: leaf, its issuer"),
        ([leaf(), CA, CA], "certificate 3 is the same as certificate 2: remove it"),
        ([leaf(), CA, OLD_ROOT], "certificate 3 has nothing to do with the others: remove it"),
        ([leaf(usage=[ANY]), CA], "clients with OpenSSL want serverAuth"),
        ([leaf("CA", key_usage("key_encipherment")), CA], "without digitalSignature"),
        ([leaf(ca=True), CA], "the first certificate is a CA's, and some clients refuse that"),
        ([leaf(days=(-1, 3000)), CA], "when certificate 2 (CN=CA) expires, and not at"),
    ],
)
def test_what_is_odd_and_works_is_a_warning(chain: list[x509.Certificate], text: str) -> None:
    """The root is known here, so there is no other warning."""
    found = judge(chain, read_anchors([pem(ROOT).encode()]), NOW)
    assert found.faults == ()
    (warning,) = found.warnings
    assert text in warning


def test_a_chain_is_valid_as_long_as_all_that_clients_use_of_it() -> None:
    """Not as long as what they ignore: a cross-signed root, where its successor is trusted."""
    roots = read_anchors([pem(ROOT).encode()])

    def ends_after(chain: list[x509.Certificate]) -> float:
        return (judge(chain, roots, NOW).not_after - NOW) / DAY

    assert ends_after([leaf(days=(-1, 3000)), CA]) == 1000
    assert ends_after([leaf(days=(-1, 3000)), CA, CROSS]) == 1000
    assert ends_after([leaf(), CA]) == 90
    assert ends_after([leaf("Root", days=(-1, 9000)), CROSS]) == 4000
    assert judge([leaf(), CA], roots, NOW).not_before == NOW - DAY


def test_the_place_of_a_missing_issuer_is_named() -> None:
    """Most CAs write into a certificate where its issuer can be fetched."""
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                x509.oid.AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier("http://ca.example/ca.der"),
            )
        ]
    )
    (warning,) = judge([leaf("CA", access)], NO_ANCHORS, NOW).warnings
    assert "(the CA offers the next one at http://ca.example/ca.der)" in warning
