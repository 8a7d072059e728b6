"""The users and groups that have a role, as the kernel reports them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from failoverdns.model.roles import EVERYTHING, Grant, Rights, Role
from failoverdns.net.peer import Account, AccountRoles, account_of, find_roles, peer
from failoverdns.net.sockets import CannotListen

VIEWER, REPORTER, OPERATOR = (Grant(role) for role in (Role.VIEWER, Role.REPORTER, Role.OPERATOR))
SHOPS = Grant(Role.OPERATOR, groups=("shop-*",))


def test_users_and_groups_are_found_by_name_and_number() -> None:
    """Groups begin with an @; a name and its number are the same user."""
    roles = (("root", VIEWER), ("1234", OPERATOR), ("@root", SHOPS), ("@77", VIEWER), ("0", SHOPS))
    found = find_roles(roles)
    assert found == AccountRoles(
        {0: (VIEWER, SHOPS), 1234: (OPERATOR,)}, {0: (SHOPS,), 77: (VIEWER,)}
    )
    assert find_roles(None).is_open
    assert not find_roles(()).is_open


@pytest.mark.parametrize(("name", "what"), [("no-such", "user 'no-such'"), ("@no-such", "group")])
def test_a_user_or_group_that_does_not_exist_is_an_error(name: str, what: str) -> None:
    """Otherwise nobody would be admitted, or somebody else later."""
    with pytest.raises(CannotListen, match=f"control.allow or control.roles: there is no {what}"):
        find_roles([(name, VIEWER)])


@pytest.mark.parametrize(
    ("uid", "gids", "grants"),
    [
        pytest.param(50, {5}, (), id="no role"),
        pytest.param(100, {5}, (VIEWER,), id="by user"),
        pytest.param(50, {5, 200}, (REPORTER,), id="by group"),
        pytest.param(100, {200, 201}, (VIEWER, REPORTER, SHOPS), id="by user and two groups"),
        pytest.param(101, {202}, (VIEWER,), id="the same one twice"),
    ],
)
def test_a_user_has_the_grants_of_the_user_and_of_all_groups(
    uid: int, gids: set[int], grants: tuple[Grant, ...]
) -> None:
    roles = AccountRoles(
        {100: (VIEWER,), 101: (VIEWER,)}, {200: (REPORTER,), 201: (SHOPS,), 202: (VIEWER,)}
    )
    assert roles.rights_of(Account(uid, frozenset(gids))) == Rights(grants)


def test_root_and_the_user_of_the_server_may_always_do_everything() -> None:
    """An operator cannot lock himself out of his own server, nor can root be given less."""
    roles = AccountRoles({0: (VIEWER,), os.geteuid(): (VIEWER,)}, {})
    for uid in (0, os.geteuid()):
        assert roles.rights_of(Account(uid, frozenset())) == EVERYTHING
    assert AccountRoles({}, {}, is_open=True).rights_of(Account(50, frozenset())) == EVERYTHING


def test_the_kernel_reports_the_groups_of_a_client() -> None:
    """All of them, with the primary group."""
    one, other = socket.socketpair()
    with one, other:
        account = account_of(one)
        assert account.uid == os.geteuid()
        assert account.gids == {os.getegid(), *os.getgroups()}
        assert peer(one, "alice").text == f"unix:alice({os.geteuid()})"


def test_a_client_may_have_more_groups_than_python_has_room_for() -> None:
    """`socket.getsockopt` has room for 256; users of a directory service have more."""
    if os.getuid() != 0:
        pytest.skip("only root can choose its groups")
    program = (
        "import os, socket\n"
        "os.setgroups(range(1000, 2000))\n"
        "from failoverdns.net.peer import account_of\n"
        "one, other = socket.socketpair()\n"
        "assert account_of(one).gids >= set(range(1000, 2000))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
