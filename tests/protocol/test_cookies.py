"""DNS cookies follow RFC 9018, so that different servers can share a secret."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.protocol.cookies import CookieSecrets, check_cookie, make_cookie, read_secrets

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
ADDRESS = ip_address("198.51.100.100").packed
CLIENT = bytes.fromhex("2464c4abcf10c957")

VECTORS = [
    # secrets, address of the client, time, its cookie, whether that is valid, cookie of the reply
    (
        ["e5e973e5a6b2a43f48e7dc849e37bfcf"],
        "198.51.100.100",
        1559731985,
        "2464c4abcf10c957",
        False,
        "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
    ),
    (
        ["e5e973e5a6b2a43f48e7dc849e37bfcf"],
        "198.51.100.100",
        1559734385,
        "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
        True,
        "2464c4abcf10c957010000005cf7a871d4a564a1442aca77",
    ),
    (
        ["e5e973e5a6b2a43f48e7dc849e37bfcf"],
        "203.0.113.203",
        1559727985,
        "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
        True,
        "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
    ),
    (
        ["445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715"],
        "2001:db8:220:1:59de:d0f4:8769:82b8",
        1559741961,
        "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
        True,
        "22681ab97d52c298010000005cf7c609a6bb79d16625507a",
    ),
]


@pytest.mark.parametrize(
    ("secrets", "address", "now", "sent", "is_valid", "returned"),
    VECTORS,
    ids=["A.1 learning", "A.2 renewing", "A.3 reserved bytes", "A.4 a new secret, IPv6"],
)
def test_cookies_match_the_vectors_of_rfc_9018(
    secrets: list[str], address: str, now: int, sent: str, is_valid: bool, returned: str
) -> None:
    """The test vectors of appendix A."""
    known = CookieSecrets(tuple(bytes.fromhex(one) for one in secrets))
    got = check_cookie(known, bytes.fromhex(sent), ip_address(address).packed, now)
    assert (got[0], got[1].hex()) == (is_valid, returned)


AGES = [
    # age in seconds (RFC 9018 section 4.3), whether it is valid, whether it is kept
    (0, True, True),
    (1800, True, True),
    (1801, True, False),
    (3600, True, False),
    (3601, False, False),
    (-300, True, True),
    (-301, False, False),
]


@pytest.mark.parametrize(("age", "is_valid", "is_kept"), AGES)
@pytest.mark.parametrize("made", [1_600_000_000, 2**32 - 5], ids=["today", "when time wraps"])
def test_a_cookie_is_valid_for_an_hour(made: int, age: int, is_valid: bool, is_kept: bool) -> None:
    """After half an hour a new one is sent; a clock that is five minutes ahead does no harm."""
    cookie = make_cookie(SECRET, CLIENT, ADDRESS, made)
    got, returned = check_cookie(CookieSecrets((SECRET,)), cookie, ADDRESS, made + age)
    assert (got, returned == cookie) == (is_valid, is_kept)


@given(st.one_of(st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=40)))
def test_a_forged_cookie_is_not_valid(cookie: bytes) -> None:
    """Any forged cookie is replaced by a valid one for the same client cookie."""
    secrets = CookieSecrets((SECRET,))
    valid, returned = check_cookie(secrets, cookie, ADDRESS, 0)
    assert not valid
    assert returned[:8] == cookie[:8]
    assert check_cookie(secrets, returned, ADDRESS, 0) == (True, returned)


def test_a_cookie_is_valid_only_for_its_own_address_and_secret() -> None:
    """A cookie from another address or made with another secret is not valid."""
    cookie = make_cookie(SECRET, CLIENT, ADDRESS, 0)
    other = CookieSecrets((bytes(16),))
    assert not check_cookie(CookieSecrets((SECRET,)), cookie, b"\1\2\3\4", 0)[0]
    assert not check_cookie(other, cookie, ADDRESS, 0)[0]


def test_cookies_stay_valid_after_one_change_of_the_secret() -> None:
    """The previous secret still verifies cookies; the one before that does not."""
    first = CookieSecrets((SECRET,))
    cookie = make_cookie(SECRET, CLIENT, ADDRESS, 0)
    second = first.followed_by(b"2" * 16)
    assert check_cookie(second, cookie, ADDRESS, 0)[0]
    assert not check_cookie(second.followed_by(b"3" * 16), cookie, ADDRESS, 0)[0]


def test_a_file_of_secrets_is_read() -> None:
    """The format is that of NSD and BIND, and may contain comments."""
    one, two = "e5e973e5a6b2a43f48e7dc849e37bfcf", "445536BCD2513298075A5D379663C962"
    read = read_secrets(f"# shared\n{one}  # current\n\n {two}\n")
    assert read.secrets == (bytes.fromhex(one), bytes.fromhex(two))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "there is no secret in it"),
        ("# nothing\n", "there is no secret in it"),
        ("\nabc\n", "line 2 is not a secret of 32 hex digits"),
        (("00" * 16 + "\n") * 4, "line 4 is one secret too many"),
    ],
)
def test_a_fault_in_the_file_is_reported_with_its_line_and_without_the_secret(
    text: str, fault: str
) -> None:
    """The message names the line and never quotes it."""
    with pytest.raises(Malformed, match=fault) as caught:
        read_secrets(text)
    assert "abc" not in str(caught.value)
