"""Root becomes an ordinary user, for good: it keeps the right to bind ports below 1024 only.

Call it before there is a second thread, and before anything is opened that the user may not have:
what follows is done with the user's rights, and so is what comes later, such as a reload.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from failoverdns.confinement import capabilities

ROOT: Final = 0
NO_FOLDERS: Final[Mapping[Path, int | None]] = {}


class CannotBecome(Exception):
    """This process cannot become the user; the text has the reason and the remedy."""


def exists(name: str) -> bool:
    """Return whether the system has a user of this name."""
    return _find(name) is not None


def is_to_change(name: str) -> bool:
    """Return whether this process runs as another user; raises CannotBecome if there is none."""
    return _known(name).pw_uid != os.geteuid()


def become(
    name: str, folders: Mapping[Path, int | None] = NO_FOLDERS, groups: Iterable[int] = ()
) -> None:
    """Become a user with its groups, and with `groups`; missing `folders` are made for it before.

    A folder has the number of its group, None for that of the user.
    Does nothing if this process runs as the user already.  Raises CannotBecome.
    """
    found = _known(name)
    if not is_to_change(name):
        return
    if os.geteuid() != ROOT:
        raise CannotBecome(
            f"only root can become {name}, and the server was started as {_own_name()}: "
            f"start it as root or as {name}"
        )
    for folder, gid in folders.items():
        _make_folder(folder, found.pw_uid, found.pw_gid if gid is None else gid)
    try:
        capabilities.keep_across_change_of_user()
        os.setgroups(sorted({*os.getgrouplist(name, found.pw_gid), *groups}))
        os.setresgid(found.pw_gid, found.pw_gid, found.pw_gid)
        os.setresuid(found.pw_uid, found.pw_uid, found.pw_uid)
        capabilities.reduce_to(capabilities.NET_BIND_SERVICE)
    except OSError as fault:
        raise CannotBecome(f"cannot become {name}: {fault.strerror}") from None
    _check_that_root_is_gone(name)
    os.environ.update(HOME=found.pw_dir, USER=name, LOGNAME=name)


def _check_that_root_is_gone(name: str) -> None:
    """Raise CannotBecome if this process could be root again."""
    for change in (os.setresuid, os.setresgid):
        with suppress(PermissionError):
            change(ROOT, ROOT, ROOT)
            raise CannotBecome(f"became {name}, and could become root again")
    if capabilities.own().permitted & ~capabilities.NET_BIND_SERVICE:
        raise CannotBecome(f"became {name}, and kept capabilities of root")


def _make_folder(folder: Path, uid: int, gid: int) -> None:
    """Make a folder that only its owner may write to, if there is none."""
    if folder.exists():
        return
    try:
        folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.mkdir(mode=0o750)
        opened = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(opened, uid, gid)
        finally:
            os.close(opened)
    except OSError as fault:
        raise CannotBecome(f"cannot make the directory {folder}: {fault.strerror}") from None


def _find(name: str) -> pwd.struct_passwd | None:
    with suppress(KeyError):
        return pwd.getpwnam(name)
    return None


def _known(name: str) -> pwd.struct_passwd:
    found = _find(name)
    if found is None:
        raise CannotBecome(f"there is no user {name!r} here")
    return found


def _own_name() -> str:
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return f"uid {os.geteuid()}"
