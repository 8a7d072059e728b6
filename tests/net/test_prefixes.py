"""The network that identifies a client."""

from __future__ import annotations

import pytest

from failoverdns.net.prefixes import prefix_of


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("192.0.2.77", "c0000200"),
        ("2001:db8:1:2ff::1", "20010db800010200" + "00" * 8),
        ("fe80::1%lo", "fe80" + "00" * 14),
        ("::ffff:192.0.2.77", "c0000200"),
        ("::1", "00" * 16),
    ],
)
def test_a_client_is_identified_by_its_network(host: str, prefix: str) -> None:
    """A /24 or a /56, which is what one customer of a provider can easily get.

    A socket that is bound to `::` has IPv4 clients with mapped addresses, which are not one /56.
    """
    assert prefix_of(host).hex() == prefix
