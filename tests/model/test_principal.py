"""The history names who gave a command, and reads back what it wrote."""

from __future__ import annotations

import pytest

from failoverdns.model.principal import (
    Principal,
    PrincipalKind,
    read_who,
    tsig_principal,
    unix_principal,
)


@pytest.mark.parametrize(
    "principal",
    [
        unix_principal(1000, 4711, "failoverdns", "alice"),
        unix_principal(1000, 4711, "failoverdns"),
        tsig_principal("acme.failover.test", "192.0.2.9"),
        tsig_principal("acme.failover.test", "2001:db8::9"),
    ],
)
def test_a_principal_is_read_as_it_was_recorded(principal: Principal) -> None:
    assert read_who(principal.who) == principal


def test_a_key_is_named_with_the_address_of_the_client() -> None:
    principal = tsig_principal("acme.failover.test", "192.0.2.9")
    assert principal.kind is PrincipalKind.TSIG
    assert principal.who == {"address": "192.0.2.9", "principal": "tsig:acme.failover.test"}


def test_messages_from_different_addresses_belong_to_one_key() -> None:
    first = tsig_principal("acme.failover.test", "192.0.2.9")
    assert first.key == tsig_principal("acme.failover.test", "192.0.2.10").key


def test_a_user_and_a_key_of_the_same_name_are_different_principals() -> None:
    assert tsig_principal("0", "192.0.2.9").key != unix_principal(0, 1, "x").key


@pytest.mark.parametrize("who", [{}, {"address": "192.0.2.9"}, {"uid": 1}, {"uid": 1, "x": 2}])
def test_a_damaged_principal_is_an_error(who: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_who(who)
