"""Which hosts are ours, and which address a client has behind proxies."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.web.hosts import client_address, host_name, is_ours

NAMES = ("dns.example", "*.office.example")


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("dns.example", "dns.example"),
        ("DNS.Example.", "dns.example"),
        ("dns.example:8053", "dns.example"),
        ("dns.example:", "dns.example"),
        ("192.0.2.1:80", ip_address("192.0.2.1")),
        ("[2001:db8::1]:443", ip_address("2001:db8::1")),
        ("[::1]", ip_address("::1")),
        ("localhost", "localhost"),
    ],
)
def test_a_host_is_read_without_its_port(authority: str, host: object) -> None:
    assert host_name(authority) == host


@pytest.mark.parametrize(
    "authority",
    ["", ":80", "a b", "a/b", "user@host", "[::1", "[::g]", "[::1]x", "::1", "a:port", "a..b",
     "a:123456", "a" * 64, "a." * 200 + "a", "a\x00b"],
)  # fmt: skip
def test_a_malformed_host_is_refused(authority: str) -> None:
    with pytest.raises(Malformed):
        host_name(authority)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[2001:db8::1]", True),
        ("dns.example", True),
        ("a.office.example", True),
        ("office.example", False),
        ("a.b.office.example", False),
        ("dns.example.evil.example", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
    ],
)
def test_only_our_names_and_addresses_are_answered(host: str, ours: bool) -> None:
    assert is_ours(host_name(host), NAMES) is ours


PROXIES = tuple(map(ip_network, ("127.0.0.1/32", "10.0.0.0/8", "2001:db8:1::/48")))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "forwarded", "address"),
    [
        ("192.0.2.7", [], [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], [], "192.0.2.7"),
        ("127.0.0.1", ["198.51.100.1"], [], "198.51.100.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], [], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 10.1.1.1"], [], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1", "10.1.1.1"], [], "198.51.100.1"),
        ("127.0.0.1", ["nonsense"], [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, nonsense"], [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1:1234"], [], "198.51.100.1"),
        ("127.0.0.1", ["[2001:db8:2::1]:1234"], [], "2001:db8:2::1"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], [], "198.51.100.1"),
        ("127.0.0.1", [], ["for=198.51.100.1;proto=https"], "198.51.100.1"),
        ("127.0.0.1", [], ['for="[2001:db8:2::1]:80", for=10.0.0.1'], "2001:db8:2::1"),
        ("127.0.0.1", ["198.51.100.1"], ["for=198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1"], ["for=203.0.113.9"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], ["for=198.51.100.1"], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.1"], ["for=unknown"], "127.0.0.1"),
        ("127.0.0.1", [], ["for=unknown"], "127.0.0.1"),
        ("127.0.0.1", [], ['for="a,b", For=198.51.100.1'], "198.51.100.1"),
        ("127.0.0.1", [], ["by=10.0.0.1"], "127.0.0.1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], [], "10.0.0.2"),
    ],
)
def test_only_trusted_proxies_say_whom_they_ask_for(
    peer: str, forwarded_for: list[str], forwarded: list[str], address: str
) -> None:
    assert client_address(peer, forwarded_for, forwarded, PROXIES) == address


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("127.0.0.1", ["198.51.100.1"], [], ()) == "127.0.0.1"
