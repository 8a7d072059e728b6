"""Which names a certificate is valid for (RFC 9525 section 6)."""

from __future__ import annotations

import pytest

from failoverdns.model.certificate import covers


@pytest.mark.parametrize(
    ("declared", "name", "valid"),
    [
        ("a.example", "a.example", True),
        ("www.shop.example", "www.shop.example", True),
        ("www.shop.example", "WWW.shop.example.", True),
        ("www.shop.example", "www.shop.example..", False),
        ("www.shop.example", "shop.example", False),
        ("*.shop.example", "www.shop.example", True),
        ("*.shop.example", "WWW.Shop.Example.", True),
        ("*.shop.example", "xn--bcher-kva.shop.example", True),
        ("*.shop.example", "shop.example", False),
        ("*.shop.example", "a.www.shop.example", False),
        ("*.shop.example", "*.shop.example", True),
        ("*.shop.example", "*.www.shop.example", False),
        ("*.shop.example", "w*.shop.example", False),
        ("*.shop.example", ".shop.example", False),
        ("*.b.example.net", "*.example.net", False),
        ("www.*.example", "www.shop.example", False),
        ("w*.shop.example", "www.shop.example", False),
        ("*.com", "shop.com", False),
        ("*.com", "shop.com.", False),
        ("*.com", "*.com", True),
        ("*.example", "shop.example", False),
        ("*", "example", False),
        ("*.", "example", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.1.", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("*.0.2.1", "192.0.2.1", False),
        ("2001:db8::1", "2001:DB8:0::1", True),
        ("2001:db8::1", "2001:db8::2", False),
        ("www.shop.example", "", False),
    ],
)
def test_which_names_a_certificate_is_valid_for(declared: str, name: str, valid: bool) -> None:
    """`*` is the whole leftmost label and stands for one; addresses match no wildcard."""
    assert covers((declared,), name) is valid
    assert covers(frozenset((declared, "other.example")), name) is valid
