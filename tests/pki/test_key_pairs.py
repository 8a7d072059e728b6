"""Key pairs are generated as requested, and never shown."""

from __future__ import annotations

import subprocess

import pytest
from authority import cached_key, key_pem, make_authority
from cryptography import x509
from system.server import DEADLINE, tool

from failoverdns.model.certificate import Secret
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import KEY_TYPES
from failoverdns.pki.certificates import read_bundle
from failoverdns.pki.key_pairs import (
    key_text,
    key_type,
    load_key,
    new_key,
    signing_request,
    weakness,
)

NAMES = ("*.shop.example", "192.0.2.1", "2001:db8::1", "shop.example")
CALLED = {
    "ec256": "ECDSA P-256",
    "ec384": "ECDSA P-384",
    "rsa2048": "RSA 2048",
    "rsa3072": "RSA 3072",
    "rsa4096": "RSA 4096",
}


def request(key: Secret, *names: str) -> x509.CertificateSigningRequest:
    """Return a signing request, read back."""
    return x509.load_pem_x509_csr(signing_request(key, names))


def test_every_type_of_key_has_a_name() -> None:
    assert tuple(CALLED) == KEY_TYPES


@pytest.mark.parametrize("kind", KEY_TYPES)
def test_a_new_key_is_strong_and_of_the_requested_type(kind: str) -> None:
    made = new_key(kind)
    public = load_key(made.reveal()).public_key()
    assert (key_type(public), weakness(public)) == (CALLED[kind], None)
    assert made.reveal().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert made.reveal().endswith("-----END PRIVATE KEY-----\n")


def test_new_keys_differ_and_are_not_shown() -> None:
    one, other = new_key("ec256"), new_key("ec256")
    assert one != other
    assert repr(one) == "Secret(...)"


@pytest.mark.parametrize("kind", ["rsa2048", "ec256", "ec521", "ed25519", "ed448"])
def test_a_request_has_its_names_and_nothing_else(kind: str) -> None:
    """The subject is empty, so the names are critical (RFC 5280 section 4.2.1.6)."""
    private = cached_key(kind, "request")
    read = request(Secret(key_pem(private)), *NAMES)
    assert read.is_signature_valid
    assert list(read.subject) == []
    assert read.public_key() == private.public_key()
    (extension,) = read.extensions
    assert extension.critical
    assert isinstance(extension.value, x509.SubjectAlternativeName)
    dns = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    assert dns == ["*.shop.example", "shop.example"]
    assert list(map(str, addresses)) == ["192.0.2.1", "2001:db8::1"]


def test_the_certificate_for_a_request_is_a_bundle_with_its_key() -> None:
    key = new_key("ec384")
    chain = make_authority().certify(request(key, *NAMES))
    bundle, facts = read_bundle(chain, key.reveal())
    assert (facts.names, facts.key_type, bundle.key) == (NAMES, "ECDSA P-384", key)


@pytest.mark.parametrize("kind", ["rsa2048", "ec256", "ed25519"])
def test_a_key_is_read_back_as_it_was_written(kind: str) -> None:
    text = key_pem(cached_key(kind, "text"))
    assert key_text(load_key(text)) == text


def test_the_faults_of_a_key_are_reported_without_it() -> None:
    text = new_key("ec256").reveal()
    with pytest.raises(Malformed) as refused:
        load_key(text.replace("\nM", "\nA"))
    assert str(refused.value) == "cannot be parsed: is the file whole?"
    assert refused.value.__suppress_context__


def test_openssl_reads_a_request_and_verifies_it() -> None:
    done = subprocess.run(
        [tool("openssl"), "req", "-verify", "-noout", "-text"],
        input=signing_request(new_key("ec256"), NAMES),
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert b"verify OK" in done.stdout + done.stderr
    assert b"IP Address:192.0.2.1" in done.stdout
