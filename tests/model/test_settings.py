"""Values of the configuration, shown as operators write them."""

from __future__ import annotations

from ipaddress import ip_address

from failoverdns.model.settings import ListenAddress


def test_a_listen_address_is_shown_as_in_the_configuration() -> None:
    assert str(ListenAddress(ip_address("127.0.0.1"), 5300)) == "127.0.0.1:5300"
    assert str(ListenAddress(ip_address("::1"), 5300)) == "[::1]:5300"
