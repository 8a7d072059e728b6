"""Who may give commands, by what the kernel says of a client."""

from __future__ import annotations

import socket

import pytest

from failoverdns.net.peer import Allowed, find_allowed
from failoverdns.net.sockets import CannotListen


def test_users_and_groups_are_found_by_name_and_number() -> None:
    """Groups with an @."""
    assert find_allowed(["root", "1234", "@root", "@77"], "control.allow") == Allowed(
        frozenset({0, 1234}), frozenset({0, 77})
    )
    assert find_allowed(None, "control.allow") is None


@pytest.mark.parametrize(("name", "what"), [("no-such", "user 'no-such'"), ("@no-such", "group")])
def test_a_name_that_is_not_there_is_told(name: str, what: str) -> None:
    """Rather than letting nobody in, or somebody else later."""
    with pytest.raises(CannotListen, match=f"control.allow: there is no {what}"):
        find_allowed([name], "control.allow")


def test_the_server_s_own_user_always_may() -> None:
    """Nobody can be locked out of his own server."""
    one, other = socket.socketpair()
    with one, other:
        assert Allowed(frozenset(), frozenset()).admits(one)
