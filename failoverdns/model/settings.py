"""The configuration as frozen values, with the defaults of keys that are left out.

A value that has no default must be given in the file, or depends on other keys.  Which values are
allowed is checked in `failoverdns.config`, where the file is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from failoverdns.model.limits import RateLimits
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS, AutomationSettings
from failoverdns.model.roles import Grant
from failoverdns.model.zone import Zone


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address and port to listen at; with port 0 the kernel chooses a port."""

    host: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TSIGKeySettings:
    """A key that zone transfers, NOTIFY and UPDATE are signed with (RFC 8945).

    `name` is the key's name, as both ends know it.  `algorithm` is one of `TSIG_ALGORITHMS`;
    `secret_file` is the absolute path of the file with the secret.
    """

    name: DomainName
    algorithm: str
    secret_file: Path


TSIG_ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
"""The algorithms of TSIG keys, by their names in configurations; the first one is the default."""

DNS_PORT = 53
"""The port of DNS over UDP and TCP (RFC 1035 section 4.2)."""


@dataclass(frozen=True, slots=True)
class SecondarySettings:
    """A name server that transfers zones from this one.

    `name` is the operator's own, `address` is where NOTIFY and SOA queries go.  `key` is the name
    of the TSIG key that both sides sign with.  NOTIFY comes from the address `source`; with None
    the kernel chooses one.
    """

    name: str
    address: ListenAddress
    key: DomainName
    source: IPv4Address | IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """DNS over TLS (RFC 7858), and zone transfers over TLS (RFC 9103).

    `certificate` (chain) and `key` are the server's own, `client_ca` signs the certificates of
    clients: absolute paths of PEM files.  With a `client_ca` zone transfers over TLS need a
    certificate.
    """

    listen: tuple[ListenAddress, ...]
    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class HTTPSettings:
    """The HTTP API, the dashboard and the metrics.

    `certificate` (chain) and `key` are absolute paths of PEM files for HTTPS; or `application` is
    the name of the application whose certificate in the vault is used.  Without any of them, HTTP
    is spoken without TLS, which `plaintext` allows on addresses that others can reach.
    With `metrics_public` `/metrics` needs no token.  `trusted_proxies` may name the client that
    they ask for.  `hosts` are further names of this server that `Host` may have, in lower case.
    """

    listen: tuple[ListenAddress, ...]
    certificate: Path | None = None
    key: Path | None = None
    application: str | None = None
    plaintext: bool = False
    metrics_public: bool = False
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: tuple[str, ...] = ()

    @property
    def is_tls(self) -> bool:
        """Whether HTTPS is spoken."""
        return self.certificate is not None or self.application is not None


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The control socket: its absolute path, its permission bits (as 0o660), and its group.

    `group` is a name or a number; with None the socket has the group that the server runs as.
    `roles` are the users and the groups, with `@` before the name, that may give commands, by name
    or number, with what they may do; one can be there several times.  With None everybody may do
    everything who can open the socket.
    """

    socket: Path = Path("/run/failoverdns/control.sock")
    mode: int = 0o660
    group: str | None = None
    roles: tuple[tuple[str, Grant], ...] | None = None


@dataclass(frozen=True, slots=True)
class StateSettings:
    """Where state is stored: the absolute path of the SQLite database."""

    sqlite: Path = Path("/var/lib/failoverdns/failoverdns.db")

    @property
    def transfers(self) -> Path:
        """The folder beside the database in which the transfer process keeps its files."""
        return self.sqlite.with_name(f"{self.sqlite.name}.transfers")


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """How many seconds of the history are kept; None keeps all of it."""

    keep: float | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """The answers to CHAOS TXT queries (RFC 4892) and to queries with NSID (RFC 5001).

    None hides an answer; a text has 1 to 255 bytes of UTF-8.
    """

    id: str | None = None
    version: str | None = None
    nsid: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """The absolute path of the key that private keys are encrypted with in the vault."""

    key_file: Path


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """The HTTPS endpoint that web heads fetch certificates from.

    `certificate` (chain) and `key` are the server's own, `client_ca` signs client certificates:
    absolute paths of PEM files.
    `clients` are the applications that each client may fetch, in the order of the file.  A client
    is a DNS name in lower case, or a fingerprint: `sha256:` and 64 hex digits in lower case.
    Applications are names in lower case; `*` stands for every application.
    `revoked` are fingerprints of certificates that are not let in; `client_crl` is a PEM file with
    the lists of revoked certificates of the CAs, if there is one.
    """

    listen: tuple[ListenAddress, ...]
    certificate: Path
    key: Path
    client_ca: Path
    clients: tuple[tuple[str, tuple[str, ...]], ...]
    revoked: tuple[str, ...] = ()
    client_crl: Path | None = None


@dataclass(frozen=True, slots=True)
class HookSettings:
    """A program that runs after events, or before a switch.

    `run` is the absolute path of an executable, and its arguments.
    It runs after `events`, for these `applications` only, by name in lower case (None: for all).
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
    """Binds an ACME account to an existing account at the CA (RFC 8555 section 7.3.4).

    `hmac_key_file` is the absolute path of a file with base64url text.
    """

    key_id: str
    hmac_key_file: Path


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """Where and how certificates are issued.

    `directory` is the URL of the CA's directory, over HTTPS; `contact` are mail addresses.
    `key_type` is one of `KEY_TYPES`.
    `profile` is one that the directory offers; with None the CA chooses.
    `ca_file` is the absolute path of a PEM file with the CAs that the directory's HTTPS certificate
    is checked with; with None these are the CAs that the system trusts.
    """

    directory: str
    contact: tuple[str, ...] = ()
    key_type: str = KEY_TYPES[0]
    profile: str | None = None
    ca_file: Path | None = None
    external_account: ExternalAccount | None = None


@dataclass(frozen=True, slots=True)
class TCPSettings:
    """Limits of DNS over TCP, for all addresses together.

    `idle_timeout` in seconds without a whole query, `initial_timeout` in seconds before the first
    one; `max_buffered` in bytes of queries and replies that are buffered for all connections.
    """

    idle_timeout: int = 10
    max_connections: int = 1000
    max_connections_per_prefix: int = 200
    max_buffered: int = 16 << 20
    initial_timeout: int = 3


@dataclass(frozen=True, slots=True)
class CookieSettings:
    """DNS cookies (RFC 7873): whether to send them, and the absolute path of shared secrets.

    Without a file the server generates its own secrets.
    """

    answer: bool = True
    secret_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ZoneFileLimits:
    """Limits of all zone files of one zone together; `max_size` in bytes."""

    max_size: int = 16 << 20
    max_records: int = 100_000


@dataclass(frozen=True, slots=True)
class QueryLogSettings:
    """The log of queries: an absolute path, and the most bytes of the file."""

    file: Path
    max_size: int = 100 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that has passed every check.

    `file` is the path that it was loaded from, as given.
    `resolvers` look up the hostnames of flattened groups, and are tried in this order.
    `workers` is the number of answering processes; with None it depends on the
    number of CPUs, with 0 the control process answers.
    `user` is the name of the user that a server becomes that root started; with None it stays root.
    `automation` are checks, policies and safety rules.
    `warnings` are lines about what is unusual in it, each with its file and position.
    `secondaries` are the name servers that transfer zones, `tsig_keys` the keys for that and for
    dynamic updates, in the order of the file.  `catalog` is the name of the catalog zone.
    `delivery`, `acme`, `rate_limit`, `querylog`, `catalog`, `tls` and `http` are None where they
    are off.
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
    history: HistorySettings = HistorySettings()
    user: str | None = None
    warnings: tuple[str, ...] = ()
    zone_files: ZoneFileLimits = ZoneFileLimits()
    tsig_keys: tuple[TSIGKeySettings, ...] = ()
    secondaries: tuple[SecondarySettings, ...] = ()
    catalog: DomainName | None = None
    tls: TLSSettings | None = None
    http: HTTPSettings | None = None
