"""The clients of the delivery are names or fingerprints."""

from __future__ import annotations

import pytest

from failoverdns.config.delivery import application_or_all, client
from failoverdns.model.errors import Malformed

HEX = "0123456789abcdef" * 4
COLONS = ":".join(HEX[at : at + 2] for at in range(0, 64, 2))


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("web1.shop-eu.internal", "web1.shop-eu.internal"),
        ("Web_1.Internal.", "web_1.internal"),
        ("proxy", "proxy"),
        (f"sha256:{HEX}", f"sha256:{HEX}"),
        (f"SHA256:{COLONS.upper()}", f"sha256:{HEX}"),
    ],
)
def test_a_client_is_a_name_or_a_fingerprint(text: str, identity: str) -> None:
    assert client(text) == identity


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (".", "the root cannot stand here"),
        ("*.internal", "its part '[*]' cannot be a DNS label"),
        ("192.0.2.1", "an address tells nothing; write a DNS name or a fingerprint"),
        ("2001:db8::1", "an address tells nothing"),
        ("sha1:" + "0" * 40, "cannot be a DNS label"),
        *(
            (f"sha256:{digits}", "a fingerprint is sha256: and 64 hex digits")
            for digits in ("", HEX[1:], HEX + "00", COLONS[1:], COLONS + ":", "x" + HEX[1:])
        ),
        (f"sha256:{COLONS[:-3]}{COLONS[-2:]}", "a fingerprint is sha256: and 64 hex digits"),
        (f"sha256:{HEX[:62]}::", "a fingerprint is sha256: and 64 hex digits"),
        (f"sha256: {HEX}", "a fingerprint is sha256: and 64 hex digits"),
    ],
)
def test_what_cannot_tell_clients_apart_is_refused(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        client(text)


def test_a_client_may_fetch_applications_by_name_or_all_of_them() -> None:
    assert application_or_all("Shop-EU") == "shop-eu"
    assert application_or_all("*") == "*"
    with pytest.raises(Malformed, match="cannot be a DNS label"):
        application_or_all("shop*")
