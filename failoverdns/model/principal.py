"""Principals: the users that give commands, as the history names them.

A principal is a process on the control socket, a DNS client that signs its updates with a TSIG key,
or a client of the HTTP API that has a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class PrincipalKind(Enum):
    """How a principal was authenticated."""

    UNIX = "unix"
    """By the kernel, which knows the user of the process that connected to a Unix socket."""
    TSIG = "tsig"
    """By the signature of its message (RFC 8945)."""
    TOKEN = "token"
    """By the token that it sent with its HTTP request."""


@dataclass(frozen=True, slots=True)
class UnixProcess:
    """A process as the kernel and /proc described it when it connected.

    The uid and the pid are the kernel's; `command` is what the process calls itself.
    """

    uid: int
    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class RemoteClient:
    """A client that sent a message over the network; `address` is where that came from."""

    address: str


@dataclass(frozen=True, slots=True)
class Principal:
    """The user that gave a command.

    `name` distinguishes it from others of its kind; for a Unix user it is the user's number,
    for a TSIG key its name, and for a token its id: another token may get the same name later.
    `detail` is recorded in the history too, and may differ from command to command.
    `text` names it for people, such as `unix:alice(1000)`; it is empty in changes that version
    0.1.0 recorded, which are shown as they were.
    """

    kind: PrincipalKind
    name: str
    detail: UnixProcess | RemoteClient
    text: str = ""

    @property
    def key(self) -> str:
        """What identifies the principal, whichever process it uses and whatever it is called."""
        return f"{self.kind.value}:{self.name}"

    @property
    def origin(self) -> str:
        """The principal for people, with the address that its message came from, if any."""
        detail = self.detail
        return (
            f"{self.text} from {detail.address}" if isinstance(detail, RemoteClient) else self.text
        )

    @property
    def who(self) -> dict[str, Any]:
        """The principal as the history records and shows it."""
        detail = self.detail
        if isinstance(detail, RemoteClient):
            id_ = {"token": self.name} if self.kind is PrincipalKind.TOKEN else {}
            return {"address": detail.address, "principal": self.text, **id_}
        who: dict[str, Any] = {"uid": detail.uid, "pid": detail.pid, "command": detail.command}
        return {**who, "principal": self.text} if self.text else who


def unix_principal(uid: int, pid: int, command: str, user: str | None = None) -> Principal:
    """Return the principal for a process of the user `user` (None: a user without a name).

    `command` is the name of its program.
    """
    text = f"unix:{user}({uid})" if user is not None else f"unix:{uid}"
    return Principal(PrincipalKind.UNIX, str(uid), UnixProcess(uid, pid, command), text)


def tsig_principal(key: str, address: str) -> Principal:
    """Return the principal for a DNS client with the TSIG key of this name."""
    kind = PrincipalKind.TSIG
    return Principal(kind, key, RemoteClient(address), f"{kind.value}:{key}")


def token_principal(id_: str, name: str, address: str) -> Principal:
    """Return the principal for an HTTP client at an address that has the token of this id."""
    kind = PrincipalKind.TOKEN
    return Principal(kind, id_, RemoteClient(address), f"{kind.value}:{name}")


def read_who(who: Mapping[str, Any]) -> Principal:
    """Return the principal that the history recorded.

    Raises KeyError, TypeError or ValueError.
    """
    fields = dict(who)
    text = fields.pop("principal", "")
    if "address" in fields:
        kind, _, name = text.partition(":")
        name = fields.pop("token", name)
        return Principal(PrincipalKind(kind), name, RemoteClient(**fields), text)
    detail = UnixProcess(**fields)
    return Principal(PrincipalKind.UNIX, str(detail.uid), detail, text)
