"""The sections of the configuration: which keys there are, of which types, with which defaults.

Every key has a default, so that a section is whole without the values at fault; which keys must
be given is checked in `schema`, and no default of such a key is ever seen.
Refuses to know where a value stands and how a fault is told.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from failoverdns.config import values
from failoverdns.config.settings import ListenAddress
from failoverdns.model.errors import Malformed
from failoverdns.model.group import DEFAULT_TTL, MAX_TTL
from failoverdns.model.names import DomainName

T = TypeVar("T")


def _text(read: Callable[[str], T]) -> PlainValidator:
    """Return a validator that takes text only and has `read` make a value of it."""

    def check(value: object) -> T:
        if not isinstance(value, str):
            raise Malformed(values.not_text(value))
        return read(value)

    return PlainValidator(check)


def _or_empty(empty: Callable[[], object]) -> BeforeValidator:
    """Return a validator that lets a key without a value stand for an empty one."""
    return BeforeValidator(lambda value: empty() if value is None else value)


Address = Annotated[IPv4Address | IPv6Address, _text(values.address)]
Listen = Annotated[ListenAddress, _text(values.listen_address)]
Resolver = Annotated[ListenAddress, _text(values.resolver)]
Mailbox = Annotated[DomainName, _text(values.mailbox)]
FilePath = Annotated[str, _text(values.file_path)]
Mode = Annotated[int, _text(values.socket_mode)]
Workers = Annotated[int | None, PlainValidator(values.workers)]
Seconds = Annotated[int, Field(ge=0, le=MAX_TTL)]
Told = Annotated[str, _text(values.identity_text)]
Application = Annotated[str, _text(values.application)]
Fetchable = Annotated[str, _text(values.application_or_all)]
Event = Annotated[str, _text(values.hook_event)]
Directory = Annotated[str, _text(values.acme_directory)]
Contact = Annotated[str, _text(values.mail_address)]
KeyType = Annotated[str, _text(values.key_type)]
Line = Annotated[str, _text(values.ascii_text)]
Network = Annotated[IPv4Network | IPv6Network, _text(values.network)]
Rate = Annotated[int, Field(ge=0, le=1_000_000)]


def _switch(value: object) -> bool:
    """Take nothing but true and false."""
    if not isinstance(value, bool):
        raise Malformed(f"must be true or false, not {values.named(value)}")
    return value


Switch = Annotated[bool, PlainValidator(_switch)]


def _words(value: object) -> object:
    """Let a text stand for a command line of one word."""
    return [values.file_path(value)] if isinstance(value, str) else value


class Section(BaseModel):
    """A mapping of the file with keys of our own."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )


class ZoneSection(Section):
    """What stands below an origin; TTLs in seconds."""

    nameservers: dict[str, Annotated[list[Address], _or_empty(list)]] = {}
    contact: Mailbox | None = None
    ttl: Seconds = DEFAULT_TTL
    negative_ttl: Seconds = DEFAULT_TTL
    records: Annotated[list[str], _or_empty(list)] = []
    records_files: Annotated[list[FilePath], _or_empty(list)] = []
    alias: str | None = None


class ControlSection(Section):
    """`control`."""

    socket: FilePath = "/run/failoverdns/control.sock"
    mode: Mode = 0o660
    allow: list[Annotated[str, _text(values.user_or_group)]] | None = None


class StateSection(Section):
    """`state`."""

    sqlite: FilePath = "/var/lib/failoverdns/failoverdns.db"


class IdentitySection(Section):
    """`identity`."""

    id: Told | None = None
    version: Told | None = None
    nsid: Told | None = None


class CertificatesSection(Section):
    """`certificates`; the default of `key_file` depends on `state`."""

    key_file: FilePath | None = None


class DeliverySection(Section):
    """`delivery`."""

    listen: list[Listen] = []
    certificate: FilePath = "delivery.pem"
    key: FilePath = "delivery.key"
    client_ca: FilePath = "clients-ca.pem"
    clients: dict[str, list[Fetchable]] = {}


class HookSection(Section):
    """What stands below the name of a hook; `timeout` in seconds."""

    run: Annotated[list[Annotated[str, _text(values.argument)]], BeforeValidator(_words)] = []
    events: list[Event] = []
    applications: list[Application] = []
    timeout: Annotated[int, Field(ge=1, le=3600)] = 60
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    before_switch: Annotated[bool, PlainValidator(values.before_switch)] = False


class ExternalAccountSection(Section):
    """`acme.external_account`."""

    key_id: Line = "key"
    hmac_key_file: FilePath = "eab.key"


class AcmeSection(Section):
    """`acme`."""

    directory: Directory = "https://localhost/"
    accept_terms: Annotated[bool, PlainValidator(values.accepted_terms)] = True
    contact: Annotated[list[Contact], _or_empty(list)] = []
    key_type: KeyType = "ec256"
    profile: Line | None = None
    ca_file: FilePath | None = None
    external_account: ExternalAccountSection | None = None


class TCPSection(Section):
    """`tcp`; `idle_timeout` in seconds, `max_buffered` in MiB."""

    idle_timeout: Annotated[int, Field(ge=1, le=3600)] = 10
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 1000
    max_connections_per_prefix: Annotated[int, Field(ge=1, le=100_000)] = 200
    max_buffered: Annotated[int, Field(ge=1, le=4096)] = 16


class CookiesSection(Section):
    """`cookies`."""

    answer: Switch = True
    secret_file: FilePath | None = None


class RateLimitSection(Section):
    """`rate_limit`; rates that are left out are that of `responses_per_second`."""

    responses_per_second: Rate = 20
    nxdomains_per_second: Rate | None = None
    errors_per_second: Rate | None = None
    all_per_second: Rate = 0
    window: Annotated[int, Field(ge=1, le=3600)] = 15
    slip: Annotated[int, Field(ge=0, le=10)] = 2
    ipv4_prefix_length: Annotated[int, Field(ge=1, le=32)] = 24
    ipv6_prefix_length: Annotated[int, Field(ge=1, le=128)] = 56
    max_table_size: Annotated[int, Field(ge=1000, le=10_000_000)] = 100_000
    exempt_clients: Annotated[list[Network], _or_empty(list)] = []


class QueryLogSection(Section):
    """`querylog`; `max_size` in MiB."""

    file: FilePath = "queries.json"
    max_size: Annotated[int, Field(ge=1, le=100_000)] = 100


class ConfigFile(Section):
    """The whole file."""

    zones: dict[str, ZoneSection] = {}
    listen: list[Listen] = []
    workers: Workers = None
    resolvers: Annotated[list[Resolver], _or_empty(list)] = []
    control: Annotated[ControlSection, _or_empty(dict)] = ControlSection()
    state: Annotated[StateSection, _or_empty(dict)] = StateSection()
    identity: Annotated[IdentitySection, _or_empty(dict)] = IdentitySection()
    certificates: Annotated[CertificatesSection, _or_empty(dict)] = CertificatesSection()
    delivery: DeliverySection | None = None
    hooks: Annotated[dict[str, HookSection], _or_empty(dict)] = {}
    acme: AcmeSection | None = None
    tcp: Annotated[TCPSection, _or_empty(dict)] = TCPSection()
    cookies: Annotated[CookiesSection, _or_empty(dict)] = CookiesSection()
    rate_limit: RateLimitSection | None = None
    querylog: QueryLogSection | None = None
