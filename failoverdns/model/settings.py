"""The configuration as frozen values, with the defaults of keys that are left out.

A value that has no default must be given in the file, or depends on other keys.  Which values are
allowed is checked in `failoverdns.config`, where the file is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from failoverdns.model.limits import RateLimits
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS, AutomationSettings
from failoverdns.model.zone import Zone


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address and port to answer at; with port 0 the kernel chooses one."""

    host: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The control socket: its absolute path, and its permission bits (as 0o660).

    `allow` are users, by name or number, and groups, `@` before them, that may give commands;
    None lets everybody who can open the socket.
    """

    socket: Path = Path("/run/failoverdns/control.sock")
    mode: int = 0o660
    allow: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where state outlives the process: the absolute path of the SQLite database."""

    sqlite: Path = Path("/var/lib/failoverdns/failoverdns.db")


@dataclass(frozen=True, slots=True)
class Identity:
    """What CHAOS TXT queries (RFC 4892) and queries with NSID (RFC 5001) learn.

    None hides it; a text has 1 to 255 bytes of UTF-8.
    """

    id: str | None = None
    version: str | None = None
    nsid: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Where the key of the vault is that private keys are kept in: an absolute path."""

    key_file: Path


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The HTTPS endpoint that web heads fetch certificates from.

    `certificate` (chain) and `key` are the server's own, `client_ca` signs client certificates:
    absolute paths of PEM files.
    `clients` says which applications a client may fetch, in the order of the file.  A client is
    a DNS name in lower case, or a fingerprint: `sha256:` and 64 hex digits in lower case.
    Applications are names in lower case; `*` stands for every application.
    """

    listen: tuple[ListenAddress, ...]
    certificate: Path
    key: Path
    client_ca: Path
    clients: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class HookSettings:
    """A program that is told of events, or asked before a switch.

    `run` is the absolute path of an executable, and its arguments.
    `events` are of `certificate`, `switch` and `role`; `applications` narrows them to these, by
    name in lower case (None: all).
    `timeout` in seconds; `attempts` counts from 1.
    With `before_switch` a switch waits for the program, and is refused when it fails.
    """

    name: str
    run: tuple[str, ...]
    events: frozenset[str]
    applications: frozenset[str] | None
    timeout: float = 60.0
    attempts: int = 3
    before_switch: bool = False


KEY_TYPES = ("ec256", "ec384", "rsa2048", "rsa3072", "rsa4096")
"""The kinds of private keys that certificates are issued for; the first one is the default."""


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """What binds an ACME account to one that the CA has already (RFC 8555 section 7.3.4).

    `hmac_key_file` is the absolute path of a file with base64url text.
    """

    key_id: str
    hmac_key_file: Path


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """Where and how certificates are issued.

    `directory` is the URL of the CA's directory, over HTTPS; `contact` are mail addresses.
    `key_type` is one of `KEY_TYPES`.
    `profile` is one that the directory offers; None leaves the choice to the CA.
    `ca_file` is the absolute path of the PEM file that the directory's HTTPS is checked with;
    None takes what the system trusts.
    """

    directory: str
    contact: tuple[str, ...] = ()
    key_type: str = KEY_TYPES[0]
    profile: str | None = None
    ca_file: Path | None = None
    external_account: ExternalAccount | None = None


@dataclass(frozen=True, slots=True)
class TCPSettings:
    """What strangers may take up over TCP, on all addresses together.

    `idle_timeout` in seconds without a whole query; `max_buffered` in bytes of queries and
    replies that are kept for all connections.
    """

    idle_timeout: int = 10
    max_connections: int = 1000
    max_connections_per_prefix: int = 200
    max_buffered: int = 16 << 20


@dataclass(frozen=True, slots=True)
class CookieSettings:
    """DNS cookies (RFC 7873): whether they are given, and the absolute path of shared secrets.

    Without a file the server makes secrets of its own.
    """

    answer: bool = True
    secret_file: Path | None = None


@dataclass(frozen=True, slots=True)
class QueryLogSettings:
    """Where queries are logged when that is turned on: an absolute path, and bytes it may have."""

    file: Path
    max_size: int = 100 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that has passed every check.

    `file` is the path that it was loaded from, as given.
    `resolvers` are asked for the hostnames of flattened groups, in this order.
    `workers` is the number of answering processes; None chooses by the machine, 0 answers in
    the control process.
    `automation` are checks, policies and safety rules.
    `delivery`, `acme`, `rate_limit` and `querylog` are None where they are off.
    """

    file: Path
    zones: tuple[Zone, ...]
    listen: tuple[ListenAddress, ...]
    workers: int | None
    resolvers: tuple[ListenAddress, ...]
    control: ControlSettings
    state: StateSettings
    identity: Identity
    certificates: CertificateSettings
    delivery: DeliverySettings | None
    hooks: tuple[HookSettings, ...]
    acme: AcmeSettings | None
    tcp: TCPSettings
    cookies: CookieSettings
    rate_limit: RateLimits | None
    querylog: QueryLogSettings | None = None
    automation: AutomationSettings = NO_AUTOMATION_SETTINGS
