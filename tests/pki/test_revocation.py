"""Which client certificates are revoked, and which lists of a CA can be used."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from authority import DAY, Authority, make_authority
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ReasonFlags, UniformResourceIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st
from lists import crl
from system.server import tool

from failoverdns.model.errors import Malformed
from failoverdns.pki.revocation import Revocation, read_lists

CA = Authority("Web Heads")
OTHER = Authority("Others")
ONE, TWO = CA.issue_client("web1.internal"), CA.issue_client("web2.internal")
FOREIGN = OTHER.issue_client("web1.internal")


def lists_of(*texts: str, authorities: tuple[Authority, ...] = (CA,)) -> Revocation:
    """Return what is revoked by lists."""
    certificates = [authority.certificate for authority in authorities]
    return Revocation(frozenset(), *read_lists("".join(texts).encode(), certificates))


def test_a_fingerprint_revokes_a_certificate_and_not_its_successor() -> None:
    revoked = Revocation(frozenset({f"sha256:{ONE.fingerprint}"}))
    assert revoked.reason([ONE.certificate, CA.certificate]) == (
        f"sha256:{ONE.fingerprint} is revoked by the configuration"
    )
    successor = CA.issue_client("web1.internal")
    assert revoked.reason([successor.certificate, CA.certificate]) is None


def test_a_list_revokes_certificates_of_its_ca_only() -> None:
    """The same serial number of another CA is another certificate."""
    revoked = lists_of(crl(CA, [ONE]))
    number = f"{ONE.certificate.serial_number:X}"
    reason = revoked.reason([ONE.certificate, CA.certificate])
    assert reason is not None
    assert reason.endswith(f"is revoked by its CA, with the serial number {number}")
    assert revoked.reason([TWO.certificate, CA.certificate]) is None
    same = lists_of(crl(OTHER, [ONE]), authorities=(CA, OTHER))
    assert same.reason([ONE.certificate, CA.certificate]) is None


def test_a_revoked_intermediate_revokes_what_it_issued() -> None:
    between = make_authority("Between")
    assert between.parent is not None
    client = between.issue_client("web1.internal")
    chain = [client.certificate, between.certificate, between.parent.certificate]
    revoked = lists_of(crl(between.parent, [between.certificate]), authorities=(between.parent,))
    assert revoked.reason(chain) is not None
    named = Revocation(frozenset({f"sha256:{fingerprint(between)}"}))
    assert named.reason(chain) is not None


def fingerprint(authority: Authority) -> str:
    """Return the fingerprint of a CA."""
    return authority.certificate.fingerprint(SHA256()).hex()


def test_a_file_may_have_several_lists_and_text_between_them() -> None:
    texts = ("Certificate Revocation List (CRL):\n", crl(CA, [ONE]), "\n", crl(OTHER, [FOREIGN]))
    revoked = lists_of(*texts, authorities=(CA, OTHER))
    assert revoked.reason([ONE.certificate]) is not None
    assert revoked.reason([FOREIGN.certificate]) is not None
    assert revoked.reason([TWO.certificate]) is None
    assert revoked.warnings(time.time()) == []


def test_a_list_that_has_expired_is_used_with_a_warning() -> None:
    """A CA that does not publish for a night must not keep every web head out."""
    revoked = lists_of(crl(CA, [ONE], lasts=-DAY))
    assert revoked.reason([ONE.certificate]) is not None
    assert revoked.reason([TWO.certificate]) is None
    assert revoked.warnings(time.time()) == [
        "the CRL of CN=Web Heads has expired: it is still used, without what the CA has revoked "
        "since"
    ]


def test_a_ca_without_a_list_is_warned_of() -> None:
    assert lists_of(crl(CA), authorities=(CA, OTHER)).warnings(time.time()) == [
        "there is no CRL of CN=Others, so its certificates are in none"
    ]


FAULTY = [
    ("", "no CRL in PEM; `openssl crl -inform DER` converts one"),
    (CA.pem, "no CRL in PEM; `openssl crl -inform DER` converts one"),
    (
        "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
        "a CRL that cannot be read",
    ),
    (
        crl(OTHER),
        "the CRL of CN=Others, which is not a CA in delivery.client_ca",
    ),
    (
        crl(CA, signed_by=OTHER),
        "the CRL of CN=Web Heads is not signed by the CA of that name in delivery.client_ca",
    ),
    (
        crl(CA, extensions=[(x509.DeltaCRLIndicator(1), True)]),
        "the CRL of CN=Web Heads is not a complete one: it has 2.5.29.27; ask the CA "
        "for a complete CRL",
    ),
    (
        crl(
            CA,
            extensions=[
                (
                    x509.IssuingDistributionPoint(
                        [UniformResourceIdentifier("http://ca.test/1")],
                        None,
                        False,
                        False,
                        frozenset({ReasonFlags.key_compromise}),
                        False,
                        False,
                    ),
                    True,
                )
            ],
        ),
        "the CRL of CN=Web Heads is not a complete one: it has 2.5.29.28; ask the CA "
        "for a complete CRL",
    ),
]


@pytest.mark.parametrize(("text", "message"), FAULTY)
def test_a_list_that_cannot_be_used_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        lists_of(text)
    assert str(caught.value) == message


def test_a_faulty_list_after_a_valid_one_is_refused() -> None:
    with pytest.raises(Malformed, match="Others"):
        lists_of(crl(CA), crl(OTHER))


def test_a_list_with_the_usual_extensions_is_used() -> None:
    key = x509.AuthorityKeyIdentifier.from_issuer_public_key(CA.key.public_key())
    point = x509.IssuingDistributionPoint(
        [UniformResourceIdentifier("http://ca.test/1")], None, True, False, None, False, False
    )
    extensions = [(x509.CRLNumber(7), False), (key, False), (point, True)]
    assert lists_of(crl(CA, [ONE], extensions=extensions)).reason([ONE.certificate]) is not None


CLIENTS = tuple(CA.issue_client(f"web{number}.internal") for number in range(4))


@settings(max_examples=10, deadline=None)
@given(st.sets(st.integers(0, 3)))
def test_openssl_agrees(tmp_path_factory: pytest.TempPathFactory, numbers: set[int]) -> None:
    folder: Path = tmp_path_factory.mktemp("crl")
    text = crl(CA, [CLIENTS[number] for number in numbers])
    (folder / "ca.pem").write_text(CA.pem + text)
    revoked = lists_of(text)
    for number, client in enumerate(CLIENTS):
        (folder / "client.pem").write_text(client.leaf)
        done = subprocess.run(
            [tool("openssl"), "verify", "-crl_check", "-CAfile", "ca.pem", "client.pem"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        assert (done.returncode != 0) == (number in numbers)
        assert (revoked.reason([client.certificate]) is not None) == (number in numbers)
