"""`user`: a server that root starts becomes an ordinary user, which must be able to use its files.

Missing folders are made for the user; files and folders that it cannot use are named, with the
commands that give them to it, before any address is bound.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from failoverdns.confinement.user import CannotBecome, become, is_to_change
from failoverdns.model.settings import Config
from failoverdns.net.peer import find_control_gid
from failoverdns.net.sockets import CannotListen

__all__ = ["CannotDrop", "drop_privileges", "is_root_without_need", "is_to_change"]


class CannotDrop(Exception):
    """The server cannot run as its user; the text has the setting, the reason and the remedy."""


def is_root_without_need(config: Config) -> bool:
    """Return whether the server runs as root although nobody asked for that."""
    return os.geteuid() == 0 and config.user is None


def drop_privileges(config: Config, *, make_folders: bool = True) -> bool:
    """Become the user of the configuration; return whether this process was another one before.

    Without a user, or as that user already, nothing is changed.  Missing folders are made for it,
    if `make_folders`.  Raises CannotDrop.
    """
    if config.user is None:
        return False
    try:
        if not is_to_change(config.user):
            return False
        written = _written(config)  # while all of it can be seen
        gid = find_control_gid(config.control)
        folders = _folders(config, gid) if make_folders else {}
        become(config.user, folders, () if gid is None else (gid,))
    except CannotListen as fault:
        raise CannotDrop(str(fault)) from None
    except CannotBecome as fault:
        raise CannotDrop(f"user: {fault}") from None
    _check_files(config, config.user, written)
    return True


def _check_files(config: Config, user: str, written: list[Path]) -> None:
    """Raise CannotDrop if this process, which runs as `user`, cannot use what it needs.

    `written` are the files and folders to which it must be able to write.
    """
    for path in (Path(sys.executable), Path(os.__file__), Path(__file__)):
        if not _may(path, os.R_OK):
            raise CannotDrop(
                f"user: {user} cannot read {_closed(path) or path}, and so cannot run the server: "
                "install it where every user can read it"
            )
    wanted = (*_folders(config), config.certificates.key_file, *_read(config))
    closed_folders = {folder for path in (*wanted, *written) if (folder := _closed(path))}
    barred = {str(folder) for folder in closed_folders if folder not in written}
    if barred:
        names = ", ".join(sorted(barred))
        raise CannotDrop(f"user: {user} cannot enter {names}, where files of the server are")
    left = sorted(_processes_of_others(config.control.socket))
    if left:
        raise CannotDrop(
            f"user: answering processes of a server of another user still run, which {user} "
            f"cannot take over from; end them: kill {' '.join(map(str, left))}"
        )
    theirs = [path for path in written if not _is_usable(path, config)]
    unread = [path for path in _read(config) if os.path.exists(path) and not _may(path, os.R_OK)]
    if theirs:
        raise CannotDrop(
            f"user: {_names(theirs)} must belong to {user}: run chown {user}: {_words(theirs)}"
        )
    if unread:
        words = _words(unread)
        raise CannotDrop(
            f"user: {user} must be able to read {_names(unread)}: "
            f"run chgrp $(id -g {user}) {words} && chmod g+r {words}"
        )


def _folders(config: Config, control_gid: int | None = None) -> dict[Path, int | None]:
    """Return the folders in which the server makes files, with their groups where these are set."""
    return {
        config.state.sqlite.parent: None,
        config.certificates.key_file.parent: None,
        config.control.socket.parent: control_gid,
    }


def _written(config: Config) -> list[Path]:
    """Return the folders and files that the server writes, as far as they exist."""
    database = config.state.sqlite
    found = [database.parent, config.control.socket.parent]
    if config.querylog is not None:
        found.append(config.querylog.file.parent)
    if not config.certificates.key_file.exists():
        found.append(config.certificates.key_file.parent)
    found += [config.certificates.key_file, *_beside(database), config.state.transfers]
    found.append(config.control.socket.parent / "hooks")
    return list(dict.fromkeys(path for path in found if path.exists()))


def _is_usable(path: Path, config: Config) -> bool:
    """Return whether this process can use a file or folder that the server writes.

    The key of the vault must belong to its user, who need not be able to write to it.
    """
    if path == config.certificates.key_file:
        try:
            return path.stat().st_uid == os.geteuid()
        except OSError:
            return False
    return _may(path, os.R_OK | os.W_OK)


def _beside(database: Path) -> list[Path]:
    """Return the database and the files that belong to it, by their names."""
    try:
        return sorted(path for path in database.parent.glob(f"{database.name}*") if path.is_file())
    except OSError:
        return []


def _read(config: Config) -> Iterator[Path]:
    """Yield the files that the server reads, now or on a reload."""
    yield config.file
    if config.delivery is not None:
        yield from (config.delivery.certificate, config.delivery.key, config.delivery.client_ca)
        yield from (config.delivery.client_crl,) if config.delivery.client_crl is not None else ()
    if config.cookies.secret_file is not None:
        yield config.cookies.secret_file
    yield from (key.secret_file for key in config.tsig_keys)
    if (tls := config.tls) is not None:
        yield from (tls.certificate, tls.key)
        yield from (tls.client_ca,) if tls.client_ca is not None else ()
    if (http := config.http) is not None:
        yield from (path for path in (http.certificate, http.key) if path is not None)
    if config.acme is not None:
        account = config.acme.external_account
        yield from (path for path in (config.acme.ca_file,) if path is not None)
        yield from (account.hmac_key_file,) if account is not None else ()


def _processes_of_others(control_socket: Path) -> Iterator[int]:
    """Yield the ids of answering processes beside the control socket that another user runs."""
    for path in _siblings(control_socket):
        number = path.name.rpartition(".")[2]
        if number.isdecimal() and path.lstat().st_uid != os.geteuid():
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                continue
            except PermissionError:
                pass
            yield int(number)


def _siblings(control_socket: Path) -> list[Path]:
    try:
        return sorted(control_socket.parent.glob(f"{control_socket.name}.worker.*"))
    except OSError:
        return []


def _may(path: Path, mode: int) -> bool:
    if os.path.isdir(path):
        mode |= os.X_OK
    return os.access(path, mode, effective_ids=True)


def _closed(path: Path) -> Path | None:
    """Return the highest folder of a path that this process cannot enter; None if there is none."""
    for folder in reversed(path.parents):
        if folder.exists() and not os.access(folder, os.X_OK, effective_ids=True):
            return folder
    return None


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(map(str, paths))


def _words(paths: Iterable[Path]) -> str:
    return " ".join(shlex.quote(str(path)) for path in paths)
