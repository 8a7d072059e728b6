"""The reported faults of certificates, and the names that a certificate is valid for."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from authority import DAY, Authority
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from failoverdns.model.health import TlsExpectation
from failoverdns.model.names import is_address
from failoverdns.probing.certificates import (
    EXPIRED,
    NOT_YET_VALID,
    ChainFault,
    Leaf,
    faults,
    read_issuers,
    read_leaf,
)

NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC).timestamp()


def leaf(*names: str, starts: float = -DAY, lasts: float = 90 * DAY) -> Leaf:
    """A certificate that starts in `starts` seconds from now, and lasts `lasts` seconds."""
    return Leaf(frozenset(names), NOW + starts, NOW + starts + lasts, "CN=Test Root")


def judge(
    given: Leaf,
    chain: ChainFault | None = None,
    names: tuple[str, ...] = ("www.shop.example",),
    **terms: Any,
) -> list[str]:
    """Return the faults of a certificate."""
    return faults(given, chain, TlsExpectation(**terms), names, NOW)


@pytest.mark.parametrize(
    ("given", "terms", "words"),
    [
        (leaf("www.shop.example"), {}, None),
        (leaf("www.shop.example", lasts=DAY / 2), {}, "expired on 2026-11-25 22:00 UTC"),
        (leaf("www.shop.example", starts=DAY), {}, "not valid before 2026-11-27 10:00 UTC"),
        (
            leaf("www.shop.example", lasts=11.5 * DAY),
            {"days_left": 14},
            "valid for 10 more days, until 2026-12-06 22:00 UTC, where 14 are wanted",
        ),
        (leaf("www.shop.example", lasts=15.5 * DAY), {"days_left": 14}, None),
        (leaf("shop.example", "a.example"), {}, "www.shop.example, only for a.example, shop.exam"),
        (leaf(), {}, "not valid for www.shop.example, only for no name at all"),
        (leaf("other.example"), {"server_name": "other.example"}, None),
        (leaf("www.shop.example"), {"server_name": "other.example"}, "not valid for other.example"),
        (leaf("other.example", lasts=0), {"verify": False, "days_left": 9}, None),
    ],
)
def test_a_fault_of_a_certificate_is_reported(
    given: Leaf, terms: dict[str, Any], words: str | None
) -> None:
    """None is, if the check does not verify certificates."""
    found = judge(given, **terms)
    assert len(found) == (words is not None)
    assert (words or "") in "".join(found)


def test_a_certificate_must_be_valid_for_every_name() -> None:
    """Missing names are listed, but only the first five."""
    names = tuple(f"{number}.example" for number in range(8))
    (found,) = judge(leaf("0.example", "1.example"), names=names)
    assert found == (
        "it is not valid for 2.example, 3.example, 4.example, 5.example, 6.example and 1 more, "
        "only for 0.example, 1.example"
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ChainFault(18, 0), "not signed by a trusted CA but by itself"),
        (ChainFault(19, 1), "not signed by a trusted CA: its issuer is 'CN=Test Root'"),
        (ChainFault(20, 0), "does the server send the whole chain?"),
        (ChainFault(EXPIRED, 1, "CN=Between"), "CA certificate 'CN=Between' of its chain has exp"),
        (ChainFault(NOT_YET_VALID, 1, "CN=Between"), "of its chain is not yet valid"),
        (ChainFault(79, 1), "its chain is refused: an issuer is not a CA"),
        (ChainFault(99, 1), "OpenSSL's verification error 99"),
    ],
)
def test_a_fault_that_openssl_found_is_reported_in_words(fault: ChainFault, words: str) -> None:
    (found,) = judge(leaf("www.shop.example"), fault)
    assert words in found


def test_all_faults_are_reported_at_once() -> None:
    """Each of them once: the dates of the leaf are not taken from OpenSSL."""
    client = replace(
        leaf("other.example", lasts=0),
        unfit=("is not for servers: its extended key usage lacks serverAuth",),
    )
    found = judge(client, ChainFault(20, 0))
    assert [text.split()[1:4] for text in found] == [
        ["expired", "on", "2026-11-25"],
        ["is", "not", "signed"],
        ["is", "not", "for"],
        ["is", "not", "valid"],
    ]
    assert judge(leaf("www.shop.example"), ChainFault(EXPIRED, 0)) == []


@pytest.mark.parametrize(
    ("usage", "is_for_servers"),
    [
        ([], True),
        ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], True),
        ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True),
        ([ExtendedKeyUsageOID.CLIENT_AUTH], False),
    ],
)
def test_the_purpose_of_a_certificate_is_read_from_it(
    usage: list[ObjectIdentifier], is_for_servers: bool
) -> None:
    issued = Authority().issue("www.shop.example", usage=usage)
    read = read_leaf(issued.certificate.public_bytes(Encoding.DER))
    assert (read.unfit == ()) is is_for_servers


def test_issuers_are_judged_as_for_an_installation() -> None:
    """By what they are for, which OpenSSL does not check here, and by the first of them to end."""
    root = Authority()
    for_clients = Authority("For Clients", root, usage=[ExtendedKeyUsageOID.CLIENT_AUTH])
    ending = Authority("Ending", root, lasts=10 * DAY, starts=0.0)
    given, paths = leaf("www.shop.example"), []
    for authority in (ending, for_clients):
        found = authority.issue("www.shop.example").certificate
        path = (found, authority.certificate, root.certificate)
        paths.append(read_issuers(tuple(one.public_bytes(Encoding.DER) for one in path)))
    expected, now = TlsExpectation(days_left=14), time.time()
    given = replace(given, not_before=now - DAY, not_after=now + 90 * DAY)
    (short,) = faults(given, None, expected, ("www.shop.example",), now, paths[0])
    assert "the CA certificate 'CN=Ending' of its chain is valid for 9 more days" in short
    assert faults(given, None, TlsExpectation(), ("www.shop.example",), now, paths[0]) == []
    (unfit,) = faults(given, None, expected, ("www.shop.example",), now, paths[1])
    assert "'CN=For Clients' of its chain may not issue for servers" in unfit


def test_names_and_dates_and_issuer_are_read_from_a_certificate() -> None:
    """Names are in lower case, addresses in their usual form."""
    issued = Authority().issue("WWW.Shop.example", "*.shop.example", "192.0.2.1", "2001:db8::1")
    read = read_leaf(issued.certificate.public_bytes(Encoding.DER))
    assert read.names == {"www.shop.example", "*.shop.example", "192.0.2.1", "2001:db8::1"}
    assert read.not_after - read.not_before == 90 * DAY
    assert read.issuer == "CN=Test Root"
    nameless = Authority().issue(common_name="www.shop.example")
    assert read_leaf(nameless.certificate.public_bytes(Encoding.DER)).names == frozenset()
    with pytest.raises(ValueError, match=r"."):
        read_leaf(b"what")


def test_an_address_declared_as_a_dns_name_does_not_count() -> None:
    """RFC 9525 section 6.4: only an IP SAN is valid for an address."""
    issued = Authority().issue(x509.DNSName("192.0.2.1"), "WWW.Shop.example.")
    read = read_leaf(issued.certificate.public_bytes(Encoding.DER))
    assert read.names == {"www.shop.example"}
    (found,) = judge(replace(leaf(), names=read.names), names=("192.0.2.1",))
    assert found == "it is not valid for 192.0.2.1, only for www.shop.example"


def test_addresses_are_distinguished_from_host_names() -> None:
    assert is_address("192.0.2.1")
    assert is_address("::1")
    assert not is_address("www.shop.example")
