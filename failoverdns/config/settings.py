"""The configuration as frozen values: what the rest of the server gets to see.

Refuses to know YAML, files' text and defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from failoverdns.model.zone import Zone


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address and port to answer at, over UDP and TCP; with port 0 the kernel chooses one."""

    host: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The control socket: its absolute path, and its permission bits (as 0o660)."""

    socket: Path
    mode: int


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where state outlives the process: the absolute path of the SQLite database."""

    sqlite: Path


@dataclass(frozen=True, slots=True)
class Identity:
    """What CHAOS TXT queries learn: `id.server` and `version.server` (RFC 4892).

    None hides it; a text has 1 to 255 bytes of UTF-8.
    """

    id: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that has passed every check.

    `file` is the path that it was loaded from, as given.
    `workers` is the number of answering processes; None chooses by the machine, 0 answers in
    the control process.
    """

    file: Path
    zones: tuple[Zone, ...]
    listen: tuple[ListenAddress, ...]
    workers: int | None
    control: ControlSettings
    state: StateSettings
    identity: Identity
