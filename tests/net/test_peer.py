"""The users and groups that may give commands, as the kernel reports them."""

from __future__ import annotations

import socket

import pytest

from failoverdns.net.peer import Allowed, find_allowed
from failoverdns.net.sockets import CannotListen


def test_users_and_groups_are_found_by_name_and_number() -> None:
    """Groups begin with an @."""
    assert find_allowed(["root", "1234", "@root", "@77"], "control.allow") == Allowed(
        frozenset({0, 1234}), frozenset({0, 77})
    )
    assert find_allowed(None, "control.allow") is None


@pytest.mark.parametrize(("name", "what"), [("no-such", "user 'no-such'"), ("@no-such", "group")])
def test_a_user_or_group_that_does_not_exist_is_an_error(name: str, what: str) -> None:
    """Otherwise nobody would be admitted, or somebody else later."""
    with pytest.raises(CannotListen, match=f"control.allow: there is no {what}"):
        find_allowed([name], "control.allow")


def test_the_user_of_the_server_is_always_allowed() -> None:
    """An operator cannot lock himself out of his own server."""
    one, other = socket.socketpair()
    with one, other:
        assert Allowed(frozenset(), frozenset()).admits(one)
