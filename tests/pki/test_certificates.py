"""The faults of certificates are reported all at once; valid certificates become facts."""

from __future__ import annotations

import subprocess
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from authority import DAY, Authority, Issued, cached_key, key_pem, make_authority, make_key, pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from system.server import DEADLINE, tool

from failoverdns.model.certificate import Secret
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.pki.certificates import (
    MAX_CERTIFICATES,
    MAX_CHAIN,
    MAX_NAMED,
    normalised_name,
    read_bundle,
    read_facts,
    split_chain,
)

ROOT = Authority("Test Root")
CA = Authority("Test Intermediate", ROOT)
SHOP_KEY = cached_key("ec256", "shop")
SHOP = CA.issue("www.shop.example", key=SHOP_KEY)
OTHER = make_authority("Other")
LONE = ROOT.issue("www.shop.example", key=SHOP_KEY)
RSA = Authority("RSA Root", key_type="rsa2048")
PAIR = cached_key("rsa2048", "pair")


def refusal(chain: str, key: str = SHOP.key) -> list[str]:
    """Return the faults for which a bundle is refused."""
    with pytest.raises(Rejected) as refused:
        read_bundle(chain, key)
    assert refused.value.code == "invalid"
    return refused.value.message.split("; ")


def armoured(der: bytes, label: str = "CERTIFICATE") -> str:
    """Return DER as PEM."""
    text = b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def altered(issued: Issued, old: bytes, new: bytes) -> str:
    """Return a leaf (PEM, without issuers) with some bytes replaced, once, by as many others."""
    before = der(issued.certificate)
    assert before.count(old) == 1
    assert len(old) == len(new)
    return armoured(before.replace(old, new))


def signed_with(certificate: x509.Certificate, digest: HashAlgorithm) -> str:
    """Return a certificate of RSA, signed again with a digest that the library refuses to use."""
    oid = bytes.fromhex("2a864886f70d0101")
    last = {"md5": b"\x04", "sha1": b"\x05"}[digest.name]
    body = certificate.tbs_certificate_bytes.replace(oid + b"\x0b", oid + last)
    signature = RSA.key.sign(body, padding.PKCS1v15(), digest)
    whole = der(certificate).replace(certificate.tbs_certificate_bytes, body)
    return armoured(
        whole.replace(oid + b"\x0b", oid + last).replace(certificate.signature, signature)
    )


# --- what is accepted ----------------------------------------------------------------------------


def test_facts_are_those_of_the_certificate() -> None:
    names = ("www.Shop.example", "*.shop.EXAMPLE", "2001:DB8::1", "192.0.2.7", "shop.example")
    issued = CA.issue(*names, key_type="ec384", lasts=30 * DAY)
    _, facts = read_bundle(issued.chain, issued.key)
    assert facts.names == (
        "*.shop.example",
        "192.0.2.7",
        "2001:db8::1",
        "shop.example",
        "www.shop.example",
    )
    assert facts.fingerprint == sha256(der(issued.certificate)).hexdigest()
    whole = der(issued.certificate) + der(CA.certificate)
    assert facts.bundle == sha256(whole).hexdigest()
    assert (facts.issuer, facts.key_type) == ("CN=Test Intermediate", "ECDSA P-384")
    assert facts.not_before == issued.certificate.not_valid_before_utc.timestamp()
    assert facts.not_after - facts.not_before == 30 * DAY
    assert (facts.length, facts.self_signed) == (2, False)


@pytest.mark.parametrize(
    ("kind", "called"),
    [
        ("rsa2048", "RSA 2048"),
        ("ec256", "ECDSA P-256"),
        ("ec384", "ECDSA P-384"),
        ("ec521", "ECDSA P-521"),
        ("ed25519", "Ed25519"),
        ("ed448", "Ed448"),
    ],
)
def test_every_type_of_key_that_web_servers_accept_is_accepted(kind: str, called: str) -> None:
    issued = CA.issue("www.shop.example", key=cached_key(kind, "any"))
    bundle, facts = read_bundle(issued.chain, issued.key)
    assert facts.key_type == called
    assert bundle.key == Secret(issued.key)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("kind", ["rsa2048", "ec256"])
def test_a_key_in_any_format_is_stored_as_pkcs8(kind: str, form: PrivateFormat) -> None:
    private = cached_key(kind, "format")
    issued = CA.issue("www.shop.example", key=private)
    bundle, _ = read_bundle(issued.chain, key_pem(private, form))
    assert bundle.key.reveal() == key_pem(private)


def test_a_bundle_has_only_the_pem_blocks_and_is_read_back_the_same() -> None:
    """Text around the blocks, old labels, Windows line ends and blank lines do not matter."""
    untidy = f"subject=www\n{SHOP.leaf}Bag Attributes - none\n\n{CA.pem}end".replace("\n", "\r\n")
    untidy = untidy.replace("CERTIFICATE-----", "X509 CERTIFICATE-----", 2)
    bundle, facts = read_bundle(untidy, f"Key Attributes\r\n{SHOP.key}\n\n")
    assert bundle.chain == SHOP.chain
    assert bundle.id == facts.bundle
    assert bundle.key.reveal() == SHOP.key
    assert read_bundle(bundle.chain, bundle.key.reveal()) == (bundle, facts)
    assert read_facts(bundle.chain) == facts


def test_a_root_at_the_end_is_kept() -> None:
    bundle, facts = read_bundle(SHOP.chain + ROOT.pem, SHOP.key)
    assert (bundle.chain, facts.length) == (SHOP.chain + ROOT.pem, 3)


def test_a_key_may_be_in_the_same_file_as_its_chain() -> None:
    """HAProxy has such files; they are given for the key, and the chain comes from another one."""
    assert read_bundle(SHOP.chain, SHOP.chain + SHOP.key) == read_bundle(SHOP.chain, SHOP.key)


def test_bundles_with_different_chains_differ() -> None:
    """The same leaf with another chain is another bundle to serve."""
    short, long = (read_bundle(chain, SHOP.key)[1] for chain in (SHOP.leaf, SHOP.chain))
    assert short.fingerprint == long.fingerprint
    assert short.bundle != long.bundle


def test_a_self_signed_certificate_is_accepted_and_marked_as_such() -> None:
    private = cached_key("ec256", "own")
    own = Authority("Own", ca=False)
    own.key = private
    certificate = own.issue("www.shop.example", key=private, common_name="Own").certificate
    assert read_bundle(pem(certificate), key_pem(private))[1].self_signed
    assert not read_bundle(SHOP.leaf, SHOP.key)[1].self_signed


def test_the_bundle_is_shown_without_its_key() -> None:
    bundle, facts = read_bundle(SHOP.chain, SHOP.key)
    secret = SHOP.key.splitlines()[1]
    assert secret not in repr(bundle) + repr(facts)


def test_a_root_may_be_signed_with_sha1_as_old_ones_are() -> None:
    """The signature of a root is never verified: the root is trusted, or it is not."""
    issued = RSA.issue("www.shop.example", key=PAIR)
    root = signed_with(RSA.certificate, SHA1())
    assert read_bundle(issued.chain + root, issued.key)[1].length == 2


# --- what is refused -----------------------------------------------------------------------------

NO_CERTIFICATE = "chain: it contains no certificate in PEM, -----BEGIN CERTIFICATE-----"
PRIVATE = "chain: it contains a private key: give that with --key only"
UNREADABLE = "cannot be parsed: is the file whole?"
UNFINISHED = "has no -----END CERTIFICATE----- after it: is the file whole?"
NAMELESS = (
    "chain: the certificate declares no names: it needs DNS names or addresses as subject "
    "alternative names, a common name is not enough (`openssl req` takes -addext "
    "subjectAltName=DNS:NAME)"
)
CA_FIRST = "chain: the first certificate is a CA's: the application's own must come first"
UNRELATED = "has nothing to do with the others: remove it"
NOT_ITS_KEY = "key: it does not belong to the first certificate of the chain"
GARBAGE = armoured(b"\x30\x03\x02\x01\x00")
NOT_A_CA = Authority("Not A CA", ROOT, ca=False)
NAMESAKE = Authority("Test Intermediate", Authority("Elsewhere"), key_type="ec384")

CHAINS = [
    pytest.param("", [NO_CERTIFICATE], id="empty"),
    pytest.param("www.shop.example", [NO_CERTIFICATE], id="not PEM"),
    pytest.param(armoured(b"x", "CERTIFICATE REQUEST"), [NO_CERTIFICATE], id="a request"),
    pytest.param(SHOP.key, [PRIVATE, NO_CERTIFICATE], id="the key in its place"),
    pytest.param(SHOP.key + SHOP.chain, [PRIVATE], id="the key before it"),
    pytest.param(SHOP.chain + SHOP.key[:100], [PRIVATE], id="a part of the key after it"),
    pytest.param(GARBAGE + CA.pem, [f"chain: certificate 1 {UNREADABLE}"], id="not a certificate"),
    pytest.param(
        SHOP.leaf + GARBAGE + ROOT.pem, [f"chain: certificate 2 {UNREADABLE}"], id="the second"
    ),
    pytest.param(SHOP.chain[:-30], [f"chain: certificate 2 {UNFINISHED}"], id="cut off"),
    pytest.param(SHOP.leaf[:200] + CA.pem, [f"chain: certificate 1 {UNFINISHED}"], id="a gap"),
    pytest.param(
        SHOP.leaf.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        [
            "chain: certificate 1 is in OpenSSL's own format: convert it with "
            "`openssl x509 -in FILE -out NEW-FILE`"
        ],
        id="OpenSSL's own format",
    ),
    pytest.param(
        SHOP.leaf * (MAX_CERTIFICATES + 1),
        ["chain: 21 certificates: at most 20 are allowed"],
        id="too many",
    ),
    pytest.param(
        SHOP.chain.ljust(MAX_CHAIN + 1),
        ["chain: 262145 characters: at most 262144 are allowed"],
        id="too long",
    ),
    pytest.param(
        CA.pem + SHOP.leaf,
        ["chain: put the certificates in the order 2, 1: leaf, its issuer, and so on"],
        id="upside down",
    ),
    pytest.param(
        SHOP.leaf + ROOT.pem,
        [
            "chain: certificate 1 was not issued by certificate 2 but by 'CN=Test Intermediate'",
            f"chain: certificate 2 {UNRELATED}",
        ],
        id="one is missing",
    ),
    pytest.param(
        SHOP.leaf + NAMESAKE.pem,
        [
            "chain: certificate 1 was not issued by certificate 2: "
            "the issuer's name is right, the signature is not",
            f"chain: certificate 2 {UNRELATED}",
        ],
        id="an issuer of the same name",
    ),
    pytest.param(
        SHOP.chain + OTHER.pem,
        [
            "chain: certificate 2 was not issued by certificate 3 but by 'CN=Test Root'",
            f"chain: certificate 3 {UNRELATED}",
        ],
        id="an unrelated certificate",
    ),
    pytest.param(
        OTHER.pem + CA.pem + SHOP.leaf,
        [
            "chain: certificate 3 is the leaf: it must come first",
            "chain: certificate 1 was not issued by certificate 2 but by 'CN=Other'",
            f"chain: certificate 1 {UNRELATED}",
        ],
        id="an unrelated certificate first and the leaf last",
    ),
    pytest.param(CA.pem + ROOT.pem, [CA_FIRST, NAMELESS, NOT_ITS_KEY], id="CAs only"),
    pytest.param(
        NOT_A_CA.issue("www.shop.example", key=SHOP_KEY).chain,
        ["chain: certificate 2 (CN=Not A CA) is not a CA's, so it cannot issue others"],
        id="issued by a certificate that is not a CA's",
    ),
    pytest.param(
        CA.issue(key=SHOP_KEY, common_name="www.shop.example").chain,
        [NAMELESS],
        id="a common name only",
    ),
    pytest.param(
        CA.issue("a*.example", "ok.example", key=SHOP_KEY).chain,
        [
            "chain: the name 'a*.example' is not a DNS name: labels are letters, digits and "
            "hyphens, and only the first may be `*`",
        ],
        id="a wildcard inside a label",
    ),
    pytest.param(
        CA.issue("", "ok.example", key=SHOP_KEY).chain,
        ["chain: the name '' is not a DNS name: it is empty"],
        id="an empty name",
    ),
    pytest.param(
        altered(LONE, b"www.shop.example", "www.shöp.exampl".encode()),
        [
            "chain: the name 'www.shöp.exampl' is not a DNS name: it has letters outside ASCII: "
            "a certificate has A-labels (xn--...)",
        ],
        id="a U-label",
    ),
    pytest.param(
        altered(LONE, b"www.shop.example", b"www.sh\x1bp.example"),
        [
            "chain: the name 'www.sh?p.example' is not a DNS name: "
            "labels are letters, digits and hyphens, and only the first may be `*`",
        ],
        id="an escape sequence",
    ),
    pytest.param(
        altered(LONE, b"www.shop.example", b"192.000.002.0007"),
        [
            "chain: the name '192.000.002.0007' is not a DNS name: it ends in a number: "
            "an address must be declared as an IP address",
        ],
        id="an address as DNS name",
    ),
]


@pytest.mark.parametrize(("chain", "faults"), CHAINS)
def test_every_fault_of_a_chain_is_named(chain: str, faults: list[str]) -> None:
    """Each fault is reported once, with a remedy."""
    assert refusal(chain) == faults


def test_a_network_is_not_accepted_as_a_name() -> None:
    """Name constraints contain networks; clients ignore a certificate for a network."""
    issued = ROOT.issue("2001:db8::ffff", key=SHOP_KEY)
    address = b"\x87\x10" + ip_address("2001:db8::ffff").packed
    network = b"\x87\x08" + bytes((192, 0, 2, 0, 255, 255, 255, 0)) + b"\x82\x06ok.com"
    assert refusal(altered(issued, address, network)) == [
        "chain: the name '192.0.2.0/24' is a network: only addresses can be names"
    ]


def test_only_the_first_of_many_unusable_names_are_reported() -> None:
    many = CA.issue(*(f"a*{number}.example" for number in range(500)), key=SHOP_KEY)
    faults = refusal(many.chain)
    assert len([fault for fault in faults if "is not a DNS name" in fault]) == MAX_NAMED
    assert faults[-1] == f"chain: and {500 - MAX_NAMED} more names that cannot be used"


@pytest.mark.parametrize(
    ("private", "fault"),
    [
        pytest.param(
            make_key("rsa1024"), "is RSA of 1024 bits: at least 2048 are needed", id="RSA 1024"
        ),
        pytest.param(
            rsa.generate_private_key(3, 2048), "is RSA with an exponent below 65537", id="exponent"
        ),
        pytest.param(
            make_key("ec224"), "is on the curve secp224r1: use P-256, P-384 or P-521", id="curve"
        ),
    ],
)
def test_a_weak_key_is_refused_in_the_leaf_and_in_an_issuer(private: Any, fault: str) -> None:
    issued = CA.issue("www.shop.example", key=private)
    assert refusal(issued.chain, issued.key) == [f"chain: the key of certificate 1 {fault}"]
    weak = Authority("Weak", ROOT)
    weak.key = private
    upper = ROOT.issue(key=private, common_name="Weak", ca=True).leaf
    leaf = weak.issue("www.shop.example", key=SHOP_KEY).leaf
    assert refusal(leaf + upper) == [f"chain: the key of certificate 2 {fault}"]


def test_a_key_that_is_far_too_large_is_refused_without_signing() -> None:
    """Signing with it would block the server, and would also show that the key is damaged.

    Its primes are known Mersenne primes.
    """
    p, q, exponent = 2**9689 - 1, 2**9941 - 1, 65537
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public_numbers = rsa.RSAPublicNumbers(exponent, p * q)
    halves = (d % (p - 1), d % (q - 1), pow(q, -1, p) ^ 2)
    numbers = rsa.RSAPrivateNumbers(p, q, d, *halves, public_numbers)
    huge = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    issued = CA.issue("www.shop.example", key=huge)
    fault = "is RSA of 19630 bits: at most 16384 are allowed"
    assert refusal(issued.chain, issued.key) == [f"chain: the key of certificate 1 {fault}"]


@pytest.mark.parametrize("digest", [MD5(), SHA1()], ids=["MD5", "SHA-1"])
def test_a_broken_signature_algorithm_is_refused(digest: HashAlgorithm) -> None:
    leaf = signed_with(RSA.issue("www.shop.example", key=PAIR).certificate, digest)
    named = digest.name.upper()
    fault = f"chain: certificate 1 is signed with {named}, which is broken"
    assert refusal(leaf, key_pem(PAIR)) == [fault]
    assert refusal(leaf + RSA.pem, key_pem(PAIR))[-1] == fault


def test_a_self_signed_certificate_may_not_be_signed_with_sha1() -> None:
    """It is the last one of its chain, but not a root."""
    own = RSA.issue("www.shop.example", key=RSA.key, common_name="RSA Root").certificate
    assert own.issuer == own.subject
    assert refusal(signed_with(own, SHA1()), key_pem(RSA.key)) == [
        "chain: certificate 1 is signed with SHA1, which is broken"
    ]


def test_an_intermediate_may_not_be_signed_with_sha1() -> None:
    below = Authority("Below RSA", RSA, key_type="rsa2048")
    upper = signed_with(below.certificate, SHA1())
    leaf = below.issue("www.shop.example", key=SHOP_KEY).leaf
    assert refusal(leaf + upper) == ["chain: certificate 2 is signed with SHA1, which is broken"]


# --- keys ----------------------------------------------------------------------------------------


def encrypted(form: PrivateFormat) -> str:
    """Return the key with a passphrase."""
    text: bytes = SHOP_KEY.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"secret"))
    return text.decode()


def public(key: Any) -> str:
    """Return the public key of a key."""
    form = PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(Encoding.PEM, form)
    return text.decode()


NO_KEY = "key: contains no private key in PEM, -----BEGIN PRIVATE KEY-----"
PASSPHRASE = "key: has a passphrase: remove it with `openssl pkey -in FILE -out NEW-FILE`"
UNUSABLE = "key: is of a type that no web server supports: use RSA, ECDSA or Ed25519"


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        pytest.param("", NO_KEY, id="empty"),
        pytest.param("secret", NO_KEY, id="not PEM"),
        pytest.param(SHOP.chain, "key: is a certificate: give the private key", id="certificate"),
        pytest.param(public(SHOP_KEY), "key: is a public key: give the private key", id="public"),
        pytest.param(SHOP.key * 2, "key: contains more than one private key", id="two"),
        pytest.param(SHOP.key[:-20], "key: has no END line: is the file whole?", id="cut off"),
        pytest.param(
            armoured(b"\x30\x03\x02\x01\x00", "PRIVATE KEY"), f"key: {UNREADABLE}", id="no key"
        ),
        pytest.param(
            key_pem(SHOP_KEY, PrivateFormat.OpenSSH),
            "key: is in OpenSSH's own format: convert a copy of it with "
            "`ssh-keygen -p -m PKCS8 -f COPY`",
            id="OpenSSH",
        ),
        pytest.param(encrypted(PrivateFormat.PKCS8), PASSPHRASE, id="a passphrase"),
        pytest.param(
            encrypted(PrivateFormat.TraditionalOpenSSL), PASSPHRASE, id="a passphrase, as of old"
        ),
        pytest.param(key_pem(dsa.generate_private_key(1024)), UNUSABLE, id="DSA"),
        pytest.param(key_pem(x25519.X25519PrivateKey.generate()), UNUSABLE, id="X25519"),
        pytest.param(OTHER.issue("a.example").key, NOT_ITS_KEY, id="another"),
        pytest.param(key_pem(PAIR), NOT_ITS_KEY, id="another kind"),
    ],
)
def test_every_fault_of_a_key_is_named(key: str, fault: str) -> None:
    """The message never quotes the key."""
    assert refusal(SHOP.chain, key) == [fault]


DAMAGED = "key: it is damaged: what it signs cannot be verified"


@pytest.mark.parametrize("number", ["d", "dmp1", "dmq1", "iqmp"])
def test_a_damaged_rsa_key_is_noticed(number: str) -> None:
    """It is refused even if the library accepts it, because another TLS library would not."""
    whole = PAIR.private_numbers()
    numbers = {name: getattr(whole, name) for name in ("p", "q", "d", "dmp1", "dmq1", "iqmp")}
    numbers[number] ^= 1 << 300
    damaged = rsa.RSAPrivateNumbers(public_numbers=whole.public_numbers, **numbers)
    key = damaged.private_key(unsafe_skip_rsa_key_validation=True)
    issued = RSA.issue("www.shop.example", key=PAIR)
    assert refusal(issued.chain, key_pem(key)) == [DAMAGED]
    assert read_bundle(issued.chain, issued.key)[1].key_type == "RSA 2048"


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_damaged_ecdsa_key_is_noticed(form: PrivateFormat) -> None:
    """The file has the right public key with a private key that does not belong to it."""
    point = (Encoding.X962, PublicFormat.UncompressedPoint)
    other = cached_key("ec256", "other")
    mixed = other.private_bytes(Encoding.DER, form, NoEncryption()).replace(
        other.public_key().public_bytes(*point), SHOP_KEY.public_key().public_bytes(*point)
    )
    label = "PRIVATE KEY" if form is PrivateFormat.PKCS8 else "EC PRIVATE KEY"
    assert refusal(SHOP.chain, armoured(mixed, label))[0] in (DAMAGED, f"key: {UNREADABLE}")


def test_every_fault_is_named_at_once() -> None:
    """The user need not try four times."""
    weak = CA.issue("a*.example", key=cached_key("rsa1024", "weak"))
    assert refusal(weak.leaf + ROOT.pem, encrypted(PrivateFormat.PKCS8)) == [
        "chain: certificate 1 was not issued by certificate 2 but by 'CN=Test Intermediate'",
        f"chain: certificate 2 {UNRELATED}",
        "chain: the key of certificate 1 is RSA of 1024 bits: at least 2048 are needed",
        "chain: the name 'a*.example' is not a DNS name: labels are letters, digits and hyphens, "
        "and only the first may be `*`",
        PASSPHRASE,
    ]


def test_swapped_chain_and_key_are_both_reported() -> None:
    assert refusal(SHOP.key, SHOP.chain) == [
        PRIVATE,
        NO_CERTIFICATE,
        "key: is a certificate: give the private key",
    ]


def test_a_key_on_an_unknown_curve_is_a_fault() -> None:
    unknown = altered(LONE, bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f"))
    assert refusal(unknown) == [
        "chain: certificate 1 has a key or signature of an unknown type: use RSA, ECDSA or Ed25519"
    ]


def test_a_duplicate_extension_is_a_fault() -> None:
    twice = der(LONE.certificate).replace(b"\x55\x1d\x23", b"\x55\x1d\x0e")
    with pytest.raises(x509.DuplicateExtension):
        _ = x509.load_der_x509_certificate(twice).extensions
    assert refusal(armoured(twice)) == [f"chain: certificate 1 {UNREADABLE}"]


# --- names, renewal, files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("www.shop.example", "www.shop.example"),
        ("WWW.Shop.EXAMPLE.", "www.shop.example"),
        ("*.Shop.example", "*.shop.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_dmarc.shop.example", "_dmarc.shop.example"),
        ("localhost", "localhost"),
        ("1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa"),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
    ],
)
def test_names_are_compared_without_case_and_final_dot(text: str, name: str) -> None:
    assert normalised_name(text) == name
    assert normalised_name(name) == name


LABELS = "labels are letters, digits and hyphens, and only the first may be `*`"
OUTSIDE = "it has letters outside ASCII: a certificate has A-labels (xn--...)"
NUMBER = "it ends in a number: an address must be declared as an IP address"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (".", "it is empty"),
        ("a..b", "it has an empty label"),
        ("shop.example..", "it has an empty label"),
        (".shop.example", "it has an empty label"),
        ("*", LABELS),
        ("*.", LABELS),
        ("*.*.example", LABELS),
        ("www.*.example", LABELS),
        ("w*.example", LABELS),
        ("-a.example", LABELS),
        ("a b.example", LABELS),
        ("a\n.example", LABELS),
        ("\\097.example", LABELS),
        ("user@shop.example", LABELS),
        ("https://shop.example", LABELS),
        ("bücher.example", OUTSIDE),
        ("\u212a.example", OUTSIDE),
        ("shop。example", OUTSIDE),
        ("192.0.2.1", NUMBER),
        ("*.1", NUMBER),
        ("a" * 64, "a label is 64 bytes long; at most 63 are allowed"),
        (".".join(["a" * 63] * 4), "the name is 257 bytes long; at most 255 are allowed"),
        ("*.a" + ".".join(["a" * 62] * 4), "the name is 256 bytes long; at most 255 are allowed"),
    ],
)
def test_an_invalid_dns_name_is_refused(text: str, message: str) -> None:
    """The Kelvin sign would become a `k` in lower case."""
    with pytest.raises(Malformed) as refused:
        normalised_name(text)
    assert str(refused.value) == message


def test_the_renewal_id_is_that_of_the_standard() -> None:
    """The example of RFC 9773 section 4.1, whose serial number begins with a set bit."""
    identifier = bytes.fromhex("69885b6b8746404187b37b847ba0ae2cde01c8d4")
    leaf = certificate_with(identifier, 0x87654321)
    assert read_facts(pem(leaf)).renewal_id == "aYhba4dGQEGHs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.mark.parametrize(
    ("serial", "octets"), [(1, b"\1"), (0x7F, b"\x7f"), (0x80, b"\0\x80"), (2**158, None)]
)
def test_a_serial_number_is_as_long_as_in_the_certificate(
    serial: int, octets: bytes | None
) -> None:
    leaf = certificate_with(b"k", serial)
    value = octets or serial.to_bytes(20, "big")
    assert bytes((2, len(value))) + value in leaf.tbs_certificate_bytes
    encoded = urlsafe_b64encode(value).decode().rstrip("=")
    assert read_facts(pem(leaf)).renewal_id == f"aw.{encoded}"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_negative_serial_number_stays_negative() -> None:
    """Standards forbid it, but old tools produced it."""
    written = der(certificate_with(b"k", 0x12345678))
    negative = written.replace(b"\2\4\x12\x34", b"\2\4\x92\x34")
    assert read_facts(armoured(negative)).renewal_id == "aw.kjRWeA"


def test_without_the_issuers_key_identifier_there_is_no_renewal_id() -> None:
    assert read_facts(pem(certificate_with(None, 1))).renewal_id is None


def certificate_with(identifier: bytes | None, serial: int) -> x509.Certificate:
    """Return a certificate with an authority key identifier and a serial number."""
    given = SHOP.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(given.subject)
        .issuer_name(given.issuer)
        .public_key(given.public_key())
        .serial_number(serial)
        .not_valid_before(given.not_valid_before_utc)
        .not_valid_after(given.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), False)
        .add_extension(x509.AuthorityKeyIdentifier(identifier, None, None), False)
    )
    return builder.sign(CA.key, SHA256())


def test_a_chain_is_split_as_certbot_does() -> None:
    """The leaf is cert.pem, the rest chain.pem; together they are fullchain.pem."""
    bundle, _ = read_bundle(SHOP.chain + ROOT.pem, SHOP.key)
    assert split_chain(bundle.chain) == (SHOP.leaf, CA.pem + ROOT.pem)
    assert split_chain(SHOP.leaf) == (SHOP.leaf, "")


@pytest.mark.parametrize("chain", ["", SHOP.chain[:-30], CA.pem])
def test_no_facts_are_made_of_a_chain_that_would_be_refused(chain: str) -> None:
    with pytest.raises(Rejected):
        read_facts(chain)


# --- arbitrary input -----------------------------------------------------------------------------


def outcome(chain: str, key: str) -> str | None:
    """Return why a bundle is refused, or None if it is accepted; nothing else may be raised."""
    try:
        bundle, facts = read_bundle(chain, key)
    except Rejected as refused:
        return refused.message
    assert read_facts(bundle.chain) == facts
    return None


pieces = st.sampled_from(
    [
        "-----BEGIN CERTIFICATE-----",
        "-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----BEGIN EC PARAMETERS-----",
        "Proc-Type: 4,ENCRYPTED",
        "-----",
        "\n",
        SHOP.leaf,
        CA.pem,
        ROOT.pem,
        SHOP.key,
        key_pem(PAIR),
    ]
)
texts = st.text() | st.lists(pieces | st.text(max_size=5), max_size=8).map("".join)


@given(texts, texts)
def test_any_two_texts_are_accepted_or_refused(chain: str, key: str) -> None:
    assert outcome(chain, key) != ""


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a copy with some bytes replaced, removed or inserted."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    assume(bytes(data) != whole)
    return bytes(data)


@given(st.data(), st.integers(0, 2))
def test_a_damaged_chain_is_accepted_or_refused(data: st.DataObject, number: int) -> None:
    """Damage of a certificate that a CA issued is always noticed: its signature is wrong."""
    whole = [der(SHOP.certificate), der(CA.certificate), der(ROOT.certificate)]
    whole[number] = data.draw(damaged(whole[number]))
    message = outcome("".join(map(armoured, whole)), SHOP.key)
    assert message is not None or number == 2


@given(st.data())
def test_a_damaged_key_is_accepted_or_refused_and_never_quoted(data: st.DataObject) -> None:
    whole = SHOP_KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key = armoured(data.draw(damaged(whole)), "PRIVATE KEY")
    message = outcome(SHOP.chain, key)
    assert not any(line in (message or "") for line in key.splitlines()[1:-2])


@pytest.mark.parametrize(
    "line", ["-----BEGIN A-----\n", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN ", "-", "-a"]
)
def test_input_without_end_line_is_read_quickly(line: str) -> None:
    """Otherwise the whole server would wait; an earlier version took 20 seconds."""
    text = (line * MAX_CHAIN)[:MAX_CHAIN]
    begin = process_time()
    refusal(text, text)
    assert process_time() - begin < 2.0


# --- files of openssl ----------------------------------------------------------------------------


def openssl(*words: object, text: str = "") -> str:
    """Run openssl and return its output."""
    done = subprocess.run(
        [tool("openssl"), *map(str, words)],
        input=text,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_openssl_reads_the_same_facts(tmp_path: Path) -> None:
    bundle, facts = read_bundle(SHOP.chain, SHOP.key)
    leaf, others = split_chain(bundle.chain)
    (tmp_path / "root").write_text(ROOT.pem)
    (tmp_path / "others").write_text(others)
    words = ("verify", "-CAfile", tmp_path / "root", "-untrusted", tmp_path / "others")
    assert "OK" in openssl(*words, text=leaf)
    printed = openssl("x509", "-noout", "-fingerprint", "-sha256", text=leaf)
    assert printed.strip().partition("=")[2].replace(":", "").lower() == facts.fingerprint
    assert openssl("pkey", text=bundle.key.reveal()) == bundle.key.reveal()


def test_a_self_signed_certificate_of_openssl_is_accepted(tmp_path: Path) -> None:
    """The file has EC parameters before the key, and the certificate as text before its PEM."""
    key = openssl("ecparam", "-name", "prime256v1", "-genkey")
    assert "BEGIN EC PARAMETERS" in key
    (tmp_path / "key").write_text(key)
    words = ("req", "-x509", "-key", tmp_path / "key", "-subj", "/CN=own")
    names = ("-addext", "subjectAltName=DNS:own.example,IP:192.0.2.1")
    for more in ([], ["-addext", "basicConstraints=CA:FALSE"]):
        made = openssl(*words, *names, *more)
        _, facts = read_bundle(openssl("x509", "-text", text=made), key)
        assert facts.names == ("192.0.2.1", "own.example")
        assert (facts.self_signed, facts.length) == (True, 1)
    assert refusal(openssl(*words, *names), SHOP.key) == [NOT_ITS_KEY]  # and no "a CA's"


def test_pem_that_openssl_extracts_from_a_pkcs12_file_is_accepted(tmp_path: Path) -> None:
    """It has bag attributes before each block, and names before each certificate."""
    together, file = tmp_path / "together", tmp_path / "file.p12"
    together.write_text(SHOP.key + SHOP.chain)
    openssl("pkcs12", "-export", "-in", together, "-out", file, "-passout", "pass:x")
    words = ("pkcs12", "-in", file, "-passin", "pass:x")
    chain, key = openssl(*words, "-nokeys"), openssl(*words, "-nocerts", "-nodes")
    assert "Bag Attributes" in chain
    assert "Key Attributes" in key
    assert read_bundle(chain, key) == read_bundle(SHOP.chain, SHOP.key)


@pytest.mark.parametrize("traditional", [(), ("-traditional",)], ids=["PKCS8", "PKCS1"])
def test_a_passphrase_is_noticed_and_the_advice_works(
    tmp_path: Path, traditional: tuple[str, ...]
) -> None:
    issued = RSA.issue("www.shop.example", key=PAIR)
    locked = openssl("rsa", "-aes256", "-passout", "pass:secret", *traditional, text=issued.key)
    assert refusal(issued.chain, locked) == [PASSPHRASE]
    (tmp_path / "locked").write_text(locked)
    words = ("pkey", "-in", tmp_path / "locked", "-out", tmp_path / "open")
    openssl(*words, "-passin", "pass:secret")
    assert read_bundle(issued.chain, (tmp_path / "open").read_text())[1].length == 1


def test_the_format_of_openssl_is_noticed_and_the_advice_works(tmp_path: Path) -> None:
    trusted = openssl("x509", "-trustout", "-addtrust", "serverAuth", text=SHOP.leaf)
    assert "is in OpenSSL's own format" in refusal(trusted)[0]
    (tmp_path / "trusted").write_text(trusted)
    openssl("x509", "-in", tmp_path / "trusted", "-out", tmp_path / "plain")
    assert read_bundle((tmp_path / "plain").read_text(), SHOP.key)[1].length == 1
