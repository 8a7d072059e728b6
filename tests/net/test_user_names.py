"""Names of users: at once for local ones, later for others, and never by waiting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from failoverdns.net.user_names import UserNames

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
alice:x:1000:1000::/home/alice:/bin/sh
second:x:1000:1000::/:/bin/sh
+nis-line
broken:x:many:1::/:/bin/sh
"""


class Directory:
    """A directory service that answers when a test says so."""

    def __init__(self) -> None:
        self.asked: list[Deferred[str | None]] = []

    def in_thread(self, call: Callable[[], str | None]) -> Deferred[str | None]:
        """Note a look-up, and leave it open."""
        self.asked.append(Deferred())
        return self.asked[-1]


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def names(tmp_path: Path, directory: Directory) -> UserNames:
    file = tmp_path / "passwd"
    file.write_text(PASSWD)
    return UserNames(directory.in_thread, file)


def test_a_local_user_is_named_at_once(names: UserNames, directory: Directory) -> None:
    """The first name of several for a number counts, as for getpwuid(3)."""
    assert [names.find(uid) for uid in (0, 1000)] == ["root", "alice"]
    assert directory.asked == []


def test_a_user_from_elsewhere_is_named_when_the_answer_has_come(
    names: UserNames, directory: Directory
) -> None:
    """Nothing waits for it, and it is asked for once."""
    assert names.find(70000) is None
    assert names.find(70000) is None
    (asked,) = directory.asked
    asked.callback("ldap-user")
    assert names.find(70000) == "ldap-user"
    assert len(directory.asked) == 1


@pytest.mark.parametrize("outcome", [None, RuntimeError("no directory")])
def test_a_user_without_a_name_is_looked_up_again(
    names: UserNames, directory: Directory, outcome: Exception | None
) -> None:
    """It may get one; a directory service that failed may be back."""
    assert names.find(70000) is None
    asked = directory.asked[0]
    asked.callback(None) if outcome is None else asked.errback(outcome)
    assert names.find(70000) is None
    assert len(directory.asked) == 2


def test_a_user_that_is_added_is_named(
    names: UserNames, directory: Directory, tmp_path: Path
) -> None:
    """The file is read again when it changed; without it, everybody is looked up elsewhere."""
    assert names.find(1000) == "alice"
    (tmp_path / "new").write_text(PASSWD.replace("alice", "alicia"))
    os.replace(tmp_path / "new", tmp_path / "passwd")
    assert names.find(1000) == "alicia"


def test_without_the_file_nothing_fails(tmp_path: Path, directory: Directory) -> None:
    assert UserNames(directory.in_thread, tmp_path / "none").find(0) is None
    assert len(directory.asked) == 1
