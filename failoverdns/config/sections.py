"""The configuration file as a whole: its sections, and those that are too small for a module.

Every key has a default, so that the rest of a section can still be checked when one of its values
is wrong.  Which keys must be given is checked in `config.schema`; their defaults are never used.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from failoverdns.config import habits
from failoverdns.config import scalars as values
from failoverdns.config.certificates import AcmeSection, CertificatesSection
from failoverdns.config.checks import CheckSection
from failoverdns.config.control import ControlSection
from failoverdns.config.delivery import DeliverySection
from failoverdns.config.errors import quoted
from failoverdns.config.hooks import HookSection
from failoverdns.config.http import HTTPSection
from failoverdns.config.numbers import duration
from failoverdns.config.policies import PolicySection
from failoverdns.config.protection import (
    CookiesSection,
    QueryLogSection,
    RateLimitSection,
    TCPSection,
)
from failoverdns.config.safety_rules import SafetyRuleSection
from failoverdns.config.secondaries import SecondarySection, catalog_name
from failoverdns.config.section import (
    MIB,
    AddressText,
    Boolean,
    FilePath,
    Listen,
    Section,
    or_empty,
    text,
)
from failoverdns.config.tls import TLSSection
from failoverdns.config.tsig_keys import TSIGKeySection
from failoverdns.config.zones.updates import UpdateSection
from failoverdns.confinement.user import exists
from failoverdns.model.errors import Malformed
from failoverdns.model.group import DEFAULT_TTL, MAX_TTL
from failoverdns.model.names import DomainName
from failoverdns.model.settings import ListenAddress, StateSettings, ZoneFileLimits
from failoverdns.model.zone import MAX_TIMER, Reveal, SOATimers

MAX_WORKERS = 256
MIN_KEPT, MAX_KEPT = 60, 100 * 366 * 86400
"""Seconds of the history that can be kept."""

MAX_IDENTITY = 255
"""Bytes in a string of a TXT record (RFC 1035 section 3.3.14), at most."""


def worker_count(value: object) -> int | None:
    """Read a number of processes, or `auto`, which gives None."""
    if value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_WORKERS:
        return value
    text = f"must be auto or a whole number from 0 to {MAX_WORKERS}"
    raise Malformed(f"{text}, not {values.named(value)}{habits.whole_number('workers', value)}")


def user_name(text: str) -> str:
    """Check that `text` is the name of a user of this machine."""
    if not exists(text):
        raise Malformed(f"there is no user {quoted(text)} on this machine")
    return text


def identity_text(text: str) -> str:
    """Check that `text` fits into a string of a TXT record."""
    size = len(text.encode())
    if not 1 <= size <= MAX_IDENTITY:
        raise Malformed(
            f"must be 1 to {MAX_IDENTITY} bytes long, not {size}; leave it out to hide it"
        )
    return text


def kept(value: object) -> float | None:
    """Read how long the history is kept; nothing stands for ever."""
    if isinstance(value, str) and value.lower() in ("forever", "all", "never", "unlimited"):
        raise Malformed(f"must be a duration, not {values.named(value)}; leave it out to keep all")
    return None if value is None else duration(MIN_KEPT, MAX_KEPT)(value)


Seconds = Annotated[int, Field(ge=0, le=MAX_TTL)]
Timer = Annotated[int, Field(ge=1, le=MAX_TIMER)]
IdentityText = Annotated[str, text(identity_text)]
Resolver = Annotated[ListenAddress, text(values.resolver)]


class SOASection(Section):
    """The keys of `soa` of a zone, in seconds."""

    refresh: Timer = SOATimers().refresh
    retry: Timer = SOATimers().retry
    expire: Timer = SOATimers().expire


def both_revealed(value: object) -> object:
    """Replace a single boolean by the mapping that it stands for, and nothing by an empty one."""
    if isinstance(value, bool):
        return {"sides": value, "status": value}
    if not isinstance(value, dict | None):
        form = "must be true or false, or a mapping with the keys sides and status"
        raise Malformed(f"{form}, not {values.named(value)}{habits.boolean(value)}")
    return {} if value is None else value


class RevealSection(Section):
    """The keys of `reveal` of a zone."""

    sides: Boolean = Reveal().sides
    status: Boolean = Reveal().status


class ZoneSection(Section):
    """The keys of one zone; TTLs in seconds."""

    nameservers: dict[str, Annotated[list[AddressText], or_empty(list)]] = {}
    contact: Annotated[DomainName, text(values.mailbox)] | None = None
    ttl: Seconds = DEFAULT_TTL
    negative_ttl: Seconds = DEFAULT_TTL
    records: Annotated[list[str], or_empty(list)] = []
    records_files: Annotated[list[Annotated[str, text(values.file_path)]], or_empty(list)] = []
    alias: str | None = None
    soa: Annotated[SOASection, or_empty(dict)] = SOASection()
    reveal: Annotated[RevealSection, BeforeValidator(both_revealed)] = RevealSection()
    secondaries: list[str] | None = None
    updates: Annotated[list[UpdateSection], or_empty(list)] = []


class StateSection(Section):
    """The keys of `state`."""

    sqlite: FilePath = StateSettings().sqlite


class HistorySection(Section):
    """The keys of `history`."""

    keep: Annotated[float | None, PlainValidator(kept)] = None


class IdentitySection(Section):
    """The keys of `identity`."""

    id: IdentityText | None = None
    version: IdentityText | None = None
    nsid: IdentityText | None = None


class ZoneFilesSection(Section):
    """The keys of `zone_files`; `max_size` in MiB."""

    max_size: Annotated[int, Field(ge=1, le=1024), MIB] = ZoneFileLimits().max_size
    max_records: Annotated[int, Field(ge=1, le=5_000_000)] = ZoneFileLimits().max_records


class ConfigFile(Section):
    """The keys of the whole file."""

    zones: dict[str, ZoneSection] = {}
    listen: list[Listen] = []
    workers: Annotated[int | None, PlainValidator(worker_count)] = None
    user: Annotated[str, text(user_name)] | None = None
    resolvers: Annotated[list[Resolver], or_empty(list)] = []
    control: Annotated[ControlSection, or_empty(dict)] = ControlSection()
    state: Annotated[StateSection, or_empty(dict)] = StateSection()
    history: Annotated[HistorySection, or_empty(dict)] = HistorySection()
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
    zone_files: Annotated[ZoneFilesSection, or_empty(dict)] = ZoneFilesSection()
    tsig_keys: Annotated[dict[str, TSIGKeySection], or_empty(dict)] = {}
    secondaries: Annotated[dict[str, SecondarySection], or_empty(dict)] = {}
    catalog: Annotated[DomainName, text(catalog_name)] | None = None
    tls: TLSSection | None = None
    http: HTTPSection | None = None
