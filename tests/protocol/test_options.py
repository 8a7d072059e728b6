"""EDNS options are read as their RFCs require; a malformed one makes the whole query FORMERR."""

from __future__ import annotations

from struct import pack

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.protocol.options import NO_OPTIONS, Options, read_options

COOKIE, SUBNET = 10, 8


def option(code: int, data: bytes) -> bytes:
    """Return an option in wire form."""
    return pack(">HH", code, len(data)) + data


def read(data: bytes) -> Options:
    """Read options that have other bytes before and after them."""
    return read_options(b"before" + data + b"after", 6, 6 + len(data))


@pytest.mark.parametrize("size", [8, 16, 17, 24, 39, 40])
def test_a_cookie_has_8_bytes_or_16_to_40(size: int) -> None:
    """A client cookie, alone or with a server cookie of 8 to 32 bytes (RFC 7873 section 4)."""
    assert read(option(COOKIE, b"c" * size)) == Options(cookie=b"c" * size)


@pytest.mark.parametrize("size", [0, 1, 7, 9, 12, 15, 41, 48, 255])
def test_a_cookie_of_another_length_is_malformed(size: int) -> None:
    """The query gets FORMERR (RFC 7873 section 5.2.2)."""
    with pytest.raises(Malformed, match="a cookie of invalid length"):
        read(option(COOKIE, b"c" * size))


SUBNETS = [
    ("all of IPv4", 1, 0, b""),
    ("a network of IPv4", 1, 24, b"\xc0\0\2"),
    ("a network that ends within a byte", 1, 20, b"\xc0\0\xf0"),
    ("an address of IPv4", 1, 32, b"\xc0\0\2\1"),
    ("a network of IPv6", 2, 56, b"\x20\1\x0d\xb8\0\0\0"),
    ("an address of IPv6", 2, 128, b"\x20\1\x0d\xb8" + bytes(12)),
    ("no family, no address", 0, 0, b""),
]

NO_SUBNETS = [
    ("33 bits of IPv4", 1, 33, b"\xc0\0\2\1\0", "of unknown family or invalid length"),
    ("40 bits of IPv4", 1, 40, b"\xc0\0\2\1\0", "of unknown family or invalid length"),
    ("129 bits of IPv6", 2, 129, bytes(17), "of unknown family or invalid length"),
    ("1 bit of no family", 0, 1, b"\x80", "of unknown family or invalid length"),
    ("an unknown family", 3, 0, b"", "of unknown family or invalid length"),
    ("less address than bits", 1, 24, b"\xc0\0", "whose address does not have the stated length"),
    (
        "more address than bits",
        1,
        24,
        b"\xc0\0\2\0",
        "whose address does not have the stated length",
    ),
    ("bits beyond the length", 1, 20, b"\xc0\0\xff", "with bits beyond its length"),
]


@pytest.mark.parametrize(
    ("family", "bits", "address"), [pytest.param(*row[1:], id=row[0]) for row in SUBNETS]
)
def test_a_client_subnet_is_read(family: int, bits: int, address: bytes) -> None:
    """It is kept as received, because the reply repeats it (RFC 7871 section 6)."""
    data = pack(">HBB", family, bits, 0) + address
    assert read(option(SUBNET, data)) == Options(client_subnet=data)


@pytest.mark.parametrize(
    ("family", "bits", "address", "fault"),
    [pytest.param(*row[1:], id=row[0]) for row in NO_SUBNETS],
)
def test_an_invalid_client_subnet_is_malformed(
    family: int, bits: int, address: bytes, fault: str
) -> None:
    """The query gets FORMERR (RFC 7871 section 7.1.2)."""
    with pytest.raises(Malformed, match=fault):
        read(option(SUBNET, pack(">HBB", family, bits, 0) + address))


def test_a_client_subnet_with_a_scope_is_malformed() -> None:
    """Only replies may have a scope."""
    with pytest.raises(Malformed, match="of unknown family or invalid length"):
        read(option(SUBNET, pack(">HBB", 1, 24, 1) + b"\xc0\0\2"))


@pytest.mark.parametrize("size", range(4))
def test_a_client_subnet_that_is_cut_short_is_malformed(size: int) -> None:
    with pytest.raises(Malformed, match="cut short"):
        read(option(SUBNET, b"\0\1\0\0"[:size]))


def test_the_first_of_several_options_with_the_same_code_counts() -> None:
    two = option(COOKIE, b"a" * 8) + option(COOKIE, b"b" * 8)
    assert read(two) == Options(cookie=b"a" * 8)


def test_options_without_data_are_recognised_by_their_code() -> None:
    assert read(b"") is NO_OPTIONS
    assert read(option(3, b"") + option(11, b"")) == Options(nsid=True, keepalive=True)
    assert read(option(65001, b"private")) == Options()
