"""Hostnames of targets: what a host can be called, and what is something else."""

from __future__ import annotations

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.model.hostnames import target_hostname


@pytest.mark.parametrize(
    "text",
    [
        "lb.example.com",
        "lb.example.com.",
        "LB.Example.COM",
        "k8s-shop-1a2b.eu-west-1.elb.amazonaws.com",
        "_x1.acm-validations.aws",
        "my_lb.example.com",
        "xn--bcher-kva.example",
        "1.example.com",
        "192.0.2.1.example.com",
        "1.2.0.192.in-addr.arpa",
        "1and1.example",
        "lb.0xa.example",
        "lb.example.x1",
        "0xg.example.0xg",
        ".".join(["a" * 63] * 3 + ["b" * 61]),
    ],
)
def test_the_name_of_a_host_is_taken(text: str) -> None:
    assert target_hostname(text).to_text() == text.rstrip(".").lower()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("192.0.2.1", "an address; give"),
        ("192.0.2.1.", "an address; give"),
        ("2001:db8::5", "an address; give"),
        ("::ffff:192.0.2.1", "an address; give"),
        ("[2001:db8::5]", "an address; give"),
        ("[192.0.2.1]", "an address; give"),
        ("fe80::1%eth0", "a zone index"),
        ("192.0.2.1/24", "a prefix length (192.0.2.1)"),
        ("2001:db8::5/64", "a prefix length (2001:db8::5)"),
        ("192.0.2.1:443", "an address with a port (192.0.2.1)"),
        ("[2001:db8::5]:443", "an address with a port (2001:db8::5)"),
        ("3232235777", "3232235777, is a number"),
        ("0x7f.1", "1, is a number"),
        ("0x7f000001", "0x7f000001, is a number"),
        ("127.1", "1, is a number"),
        ("0177.0.0.01", "01, is a number"),
        ("192.0.2.1.2", "2, is a number"),
        ("256.256.256.256", "256, is a number"),
        ("lb.example.0x1F", "0x1f, is a number"),
        (r"192.0.2.\049", "1, is a number"),
        ("https://lb.example.com/", "write only lb.example.com"),
        ("https://lb.example.com:8443/x?y#z", "write only lb.example.com"),
        ("lb.example.com/path", "write only lb.example.com"),
        ("https://", "write only the name of its host"),
        ("http://[::1/", "write only the name of its host"),
        ("lb.example.com:443", "it has a port; write lb.example.com"),
        ("lb.example.com:", "it has a port; write lb.example.com"),
        ("user@lb.example.com", "it has a user"),
        ("*.example.com", "a wildcard"),
        ("lb.*.example.com", "a wildcard"),
        ("lb", "only one part"),
        ("lb.", "only one part"),
        ("", "it is empty"),
        (".", "the root"),
        ("lb..example.com", "an empty label"),
        (".example.com", "an empty label"),
        ("-lb.example.com", "cannot be a DNS label"),
        ("lb-.example.com", "cannot be a DNS label"),
        ("lb example.com", "white space"),
        ("lb.exa,mple.com", "cannot be a DNS label"),
        ("lb.example.com?x", "cannot be a DNS label"),
        (r"a\.b.example.com", "cannot be a DNS label"),
        ("bücher.example", "A-label"),
        ("a" * 64 + ".example", "at most 63"),
        (".".join(["abcdefg"] * 33), "at most 255"),
    ],
)
def test_what_is_no_name_of_a_host_is_refused_with_what_to_write(text: str, why: str) -> None:
    with pytest.raises(Malformed) as refused:
        target_hostname(text)
    assert why in str(refused.value)
