"""The trial before a restart: whether this version can serve a configuration and its state.

It runs in a process of its own beside the server that is to be replaced, whose state file, sockets
and workers it leaves alone.  What that server uses already is passed to it, so that everything
else can be checked to be free.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from failoverdns import __version__
from failoverdns.answering.settings import CannotReadSecrets, make_worker_settings
from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.model.catalog import catalog_of
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.settings import Config, ListenAddress
from failoverdns.net.peer import find_control_gid, find_roles
from failoverdns.net.sockets import CannotListen, check_free
from failoverdns.privileges import CannotDrop, drop_privileges, is_to_change
from failoverdns.protocol.table.fast_path import NotCompiled, fast_path
from failoverdns.reactions import CannotReact, prepare
from failoverdns.rules.decisions.configuring import configure
from failoverdns.store.beside import check_unused, read_beside
from failoverdns.store.vault import Vault
from failoverdns.transfers.keys import read_tsig_keys
from failoverdns.web.certificate import read_files


class CannotServe(Exception):
    """This version cannot serve the configuration or the state; the text has the reason."""


@dataclass(frozen=True, slots=True)
class InUse:
    """What the server that is to be replaced uses: paths, and addresses as in its configuration."""

    state: str
    control: str
    addresses: frozenset[str]


def in_use(config: Config) -> InUse:
    """Return what a server with this configuration uses."""
    delivery = config.delivery.listen if config.delivery is not None else ()
    tls = config.tls.listen if config.tls is not None else ()
    http = config.http.listen if config.http is not None else ()
    addresses = frozenset(map(str, (*config.listen, *delivery, *tls, *http)))
    return InUse(os.path.realpath(config.state.sqlite), str(config.control.socket), addresses)


def write_in_use(used: InUse) -> str:
    """Return what a server uses as JSON, for `read_in_use`."""
    return json.dumps([used.state, used.control, sorted(used.addresses)])


def read_in_use(text: str) -> InUse:
    """Return what a server uses from JSON."""
    state, control, addresses = json.loads(text)
    return InUse(state, control, frozenset(addresses))


def check_start(config: Config, used: InUse | None) -> str:
    """Check that this version can serve a configuration; return what it would serve, as text.

    `used` is what the server uses that is to be replaced; with None, it is not checked whether
    the state and the addresses are in use.  Raises CannotServe.
    """
    try:
        _check_user(config, used)
        fast_path()
        loaded = read_beside(config.state.sqlite, Vault(config.certificates.key_file))
        state = State(loaded.revision, loaded.entities, config.zones, config.automation)
        now = Moment(time.time(), time.monotonic())
        start = Configure(
            config.zones, config.automation, is_start=True, catalog=catalog_of(config)
        )
        configure(Draft(state), start, now, Random(0))
        make_worker_settings(config, None, lambda: secrets.token_bytes(16))
        read_tsig_keys(config)
        find_roles(config.control.roles)
        find_control_gid(config.control)
        prepare(config)
        if config.http is not None:
            read_files(config.http)
        if used is not None:
            _check_unused(config, used)
    except Rejected as fault:
        text = f"the configuration contradicts the state {config.state.sqlite}: {fault}"
        raise CannotServe(text) from None
    except (
        *(CannotListen, CannotReact, CannotReadSecrets, CannotDrop, Corrupt, NotCompiled, OSError),
    ) as fault:
        raise CannotServe(str(fault)) from None
    groups = sum(1 for _ in state.groups())
    return (
        f"failoverdns {__version__}: {len(state.zones)} zone(s), {groups} group(s), "
        f"revision {state.revision}"
    )


def _check_user(config: Config, used: InUse | None) -> None:
    """Check that the server can run as its user, and become it; raises CannotDrop.

    A server that runs as root cannot become another user at a restart: its answering processes,
    sockets and files belong to root.
    """
    if used is not None and config.user is not None and is_to_change(config.user):
        text = f"the server becomes {config.user} when it is stopped and started, not at a restart"
        raise CannotDrop(f"user: {text}")
    drop_privileges(config, make_folders=False)


def _check_unused(config: Config, used: InUse) -> None:
    """Raise Corrupt or CannotListen if another program uses what a new start would need."""
    state = config.state.sqlite
    if os.path.realpath(state) != used.state:
        if not state.exists():
            raise Corrupt(
                f"state.sqlite: {state} does not exist, and the groups of the running server are "
                f"in {used.state}: move the state there first (`failoverdns backup`)"
            )
        check_unused(state)
    if str(config.control.socket) != used.control:
        _check_socket(config.control.socket)
    for address in _others(config.listen, used):
        check_free(address.host, address.port, (socket.SOCK_DGRAM, socket.SOCK_STREAM))
    for section in (config.delivery, config.tls, config.http):
        for address in _others(section.listen, used) if section is not None else ():
            check_free(address.host, address.port, (socket.SOCK_STREAM,))


def _others(addresses: Iterable[ListenAddress], used: InUse) -> list[ListenAddress]:
    return [one for one in addresses if str(one) not in used.addresses]


def _check_socket(path: Path) -> None:
    """Raise CannotListen if a server listens at the path of a control socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        try:
            sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return
        raise CannotListen(f"control.socket: another failoverdns answers on {path}")
