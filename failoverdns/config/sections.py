"""The sections of the configuration: which keys there are, of which types, with which defaults.

Every key has a default, so that a section is whole without the values at fault; which keys must
be given is checked in `schema`, and no default of such a key is ever seen.
Refuses to know where a value stands and how a fault is told.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from failoverdns.config import scalars as values
from failoverdns.config.automation_sections import CheckSection, PolicySection, SafetyRuleSection
from failoverdns.config.section_types import (
    AddressText,
    FilePath,
    Line,
    Section,
    Switch,
    or_empty,
    text,
    words,
)
from failoverdns.model.group import DEFAULT_TTL, MAX_TTL
from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress

Listen = Annotated[ListenAddress, text(values.listen_address)]
Resolver = Annotated[ListenAddress, text(values.resolver)]
Mailbox = Annotated[DomainName, text(values.mailbox)]
Mode = Annotated[int, text(values.socket_mode)]
Workers = Annotated[int | None, PlainValidator(values.workers)]
Seconds = Annotated[int, Field(ge=0, le=MAX_TTL)]
Told = Annotated[str, text(values.identity_text)]
Application = Annotated[str, text(values.application)]
Fetchable = Annotated[str, text(values.application_or_all)]
Event = Annotated[str, text(values.hook_event)]
Directory = Annotated[str, text(values.acme_directory)]
Contact = Annotated[str, text(values.mail_address)]
KeyType = Annotated[str, text(values.key_type)]
Network = Annotated[IPv4Network | IPv6Network, text(values.network)]
Rate = Annotated[int, Field(ge=0, le=1_000_000)]


class ZoneSection(Section):
    """What stands below an origin; TTLs in seconds."""

    nameservers: dict[str, Annotated[list[AddressText], or_empty(list)]] = {}
    contact: Mailbox | None = None
    ttl: Seconds = DEFAULT_TTL
    negative_ttl: Seconds = DEFAULT_TTL
    records: Annotated[list[str], or_empty(list)] = []
    records_files: Annotated[list[FilePath], or_empty(list)] = []
    alias: str | None = None


class ControlSection(Section):
    """`control`."""

    socket: FilePath = "/run/failoverdns/control.sock"
    mode: Mode = 0o660
    allow: list[Annotated[str, text(values.user_or_group)]] | None = None


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

    run: Annotated[list[Annotated[str, text(values.argument)]], BeforeValidator(words)] = []
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
    contact: Annotated[list[Contact], or_empty(list)] = []
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
    exempt_clients: Annotated[list[Network], or_empty(list)] = []


class QueryLogSection(Section):
    """`querylog`; `max_size` in MiB."""

    file: FilePath = "queries.json"
    max_size: Annotated[int, Field(ge=1, le=100_000)] = 100


class ConfigFile(Section):
    """The whole file."""

    zones: dict[str, ZoneSection] = {}
    listen: list[Listen] = []
    workers: Workers = None
    resolvers: Annotated[list[Resolver], or_empty(list)] = []
    control: Annotated[ControlSection, or_empty(dict)] = ControlSection()
    state: Annotated[StateSection, or_empty(dict)] = StateSection()
    identity: Annotated[IdentitySection, or_empty(dict)] = IdentitySection()
    certificates: Annotated[CertificatesSection, or_empty(dict)] = CertificatesSection()
    delivery: DeliverySection | None = None
    hooks: Annotated[dict[str, HookSection], or_empty(dict)] = {}
    acme: AcmeSection | None = None
    checks: Annotated[dict[str, CheckSection], or_empty(dict)] = {}
    policies: Annotated[dict[str, PolicySection], or_empty(dict)] = {}
    safety_rules: Annotated[dict[str, SafetyRuleSection], or_empty(dict)] = {}
    tcp: Annotated[TCPSection, or_empty(dict)] = TCPSection()
    cookies: Annotated[CookiesSection, or_empty(dict)] = CookiesSection()
    rate_limit: RateLimitSection | None = None
    querylog: QueryLogSection | None = None
