"""Small values that tests build on, and readers of the records that a state serves.

Everything is named as in the documentation: the zone `failover.test`, the group `shop` with the
label `414-262-781`, its applications `eu` (primary) and `us` (backup).
Fields that a test does not set have ordinary values.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import Any

from updates import SCOPES

from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.certificate import Certificate, CertificateKind, Facts, Order
from failoverdns.model.change import Delta, Json, Node, Write
from failoverdns.model.commands import Mutation
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Rejected
from failoverdns.model.group import Group, Side, Tombstone
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS, AutomationSettings
from failoverdns.model.records import MARKER, TXT, Opaque, OwnedRRset, RRset, Text
from failoverdns.model.zone import NameServer, Zone, ZoneSerial
from failoverdns.rules.deciding import decide
from failoverdns.rules.derived.affected_names import difference, nodes_of, touched
from failoverdns.rules.derived.serving import all_nodes
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.changes_in_words import recount

LABEL = "414-262-781"
HOSTNAME = f"{LABEL}.failover.test"
TYPES = {1: "A", 2: "NS", 5: "CNAME", 15: "MX", 16: "TXT", 28: "AAAA"}


UNOBSERVED = {
    "health": "unknown",
    "since": None,
    "observed": "unknown",
    "cause": None,
    "detail": None,
    "forced": None,
}
"""The report of a head without any observation."""

UNCHECKED = {
    "health": "unknown",
    "since": None,
    "observed": "unknown",
    "forced": None,
    "checks": [],
    "require_checks": "all",
    "require_heads": "any",
}
"""The report of an application without checks."""


def name(text: str) -> DomainName:
    """Return a domain name."""
    return DomainName.from_text(text)


def addresses(*texts: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return addresses from their texts."""
    return tuple(ip_address(text) for text in texts)


def zone(origin: str = "failover.test", **fields: Any) -> Zone:
    """Return a zone with one name server, `ns1`, inside it; keys of `updates` may change it."""
    server = NameServer(name(f"ns1.{origin}"), addresses("192.0.2.53"))
    given: dict[str, Any] = {
        "nameservers": (server,),
        "mailbox": name(f"hostmaster.{origin}"),
        "ttl": 60,
        "negative_ttl": 60,
        "updates": SCOPES,
    }
    return Zone(name(origin), **{**given, **fields})


def text_record(owner: str) -> OwnedRRset:
    """Return a static TXT record."""
    return OwnedRRset(name(owner), TXT, 300, (Opaque(b"\2hi"),))


def balancer(head: str, *texts: str, hostname: str | None = None) -> Head:
    """Return a load balancer."""
    return Head(head, HeadRole.LOAD_BALANCER, addresses(*texts), hostname)


def server(head: str, *texts: str, hostname: str | None = None) -> Head:
    """Return a web server."""
    return Head(head, HeadRole.WEB_SERVER, addresses(*texts), hostname)


def application(called: str, *heads: Head, **fields: Any) -> Application:
    """Return an application with the id `app-NAME`; no head is active unless `active` names one."""
    return Application(f"app-{called}", called, heads=heads, **fields)


def eu(**fields: Any) -> Application:
    """Return the application `eu`, with a load balancer at 192.0.2.1."""
    return application("eu", balancer("lb1", "192.0.2.1"), **{"active": "lb1", **fields})


def us(**fields: Any) -> Application:
    """Return the application `us`, with a load balancer at 198.51.100.1."""
    return application("us", balancer("lb1", "198.51.100.1"), **{"active": "lb1", **fields})


def group(
    called: str = "shop", primary: str | None = "eu", backup: str | None = "us", **fields: Any
) -> Group:
    """Return a group with the id `grp-NAME`, attached to applications by their names."""
    given: dict[str, Any] = {
        "zone": name("failover.test"),
        "label": LABEL if called == "shop" else called,
        "active": Side.PRIMARY,
        "ttl": 60,
        "revision": 3,
    }
    return Group(
        id=f"grp-{called}",
        name=called,
        primary=f"app-{primary}" if primary else None,
        backup=f"app-{backup}" if backup else None,
        **{**given, **fields},
    )


def facts(*names: str, called: str = "a", **fields: Any) -> Facts:
    """Return facts of a certificate valid from 0 to 9000; `called` distinguishes it from others."""
    given: dict[str, Any] = {
        "bundle": f"bundle-{called}",
        "fingerprint": called.encode().hex().ljust(64, "0"),
        "names": tuple(sorted(names)) or ("www.shop.example",),
        "issuer": "CN=Test CA",
        "key_type": "ECDSA P-256",
        "not_before": 0.0,
        "not_after": 9000.0,
        "length": 2,
        "self_signed": False,
    }
    return Facts(**{**given, **fields})


def certificate(
    of: str,
    *names: str,
    kind: CertificateKind = CertificateKind.CUSTOM,
    source: str | None = None,
    **fields: Any,
) -> Certificate:
    """Return a certificate of an application, by its name."""
    return Certificate(f"app-{of}", kind, facts(*names, **fields), 0.0, source)


def order(of: str, *names: str, **fields: Any) -> Order:
    """Return a certificate order of an application, by its name."""
    return Order(f"ord-{of}", f"app-{of}", names or (HOSTNAME,), **fields)


def tombstone(label: str, of: str = "old", origin: str = "failover.test") -> Tombstone:
    """Return the tombstone of a removed group's label."""
    return Tombstone(name(origin), label, of)


def state(
    *entities: Entity,
    zones: Iterable[Zone] | None = None,
    revision: int = 10,
    settings: AutomationSettings = NO_AUTOMATION_SETTINGS,
) -> State:
    """Return a state with the zone `failover.test`; its zones have the serial number 100."""
    served = (zone(),) if zones is None else tuple(zones)
    serials = [ZoneSerial(z.origin, 100, z.digest()) for z in served]
    return State(revision, (*serials, *entities), served, settings)


def shop(**fields: Any) -> State:
    """Return a state with the group `shop` and its two applications."""
    return state(eu(), us(), group(**fields))


def carry_out(
    view: State | Draft, command: Mutation, now: float = 0.0, steady: float | None = None
) -> dict[str, Json]:
    """Decide a command and apply it; return its result. Raises Rejected."""
    return carried_out(view, command, now, steady=steady)[0]


def carried_out(
    view: State | Draft,
    command: Mutation,
    now: float = 0.0,
    random: Random | None = None,
    steady: float | None = None,
) -> tuple[dict[str, Json], tuple[Write, ...], Delta]:
    """Decide a command and apply it; return its result, its writes, and its delta.

    `steady` is `now` if left out: the clock was not adjusted.
    """
    decision = decide(view, command, _moment(now, steady), random or Random(0))
    part = touched(view, decision.writes, decision.zones, decision.settings)
    before = nodes_of(view, part)
    if decision.changes(view):
        revision = view.revision + (1 if decision.writes else 0)
        view.apply(revision, decision.writes, decision.zones, decision.settings)
    return decision.report(view), decision.writes, difference(before, nodes_of(view, part))


def changed_by(view: State, *commands: Mutation, now: float = 0.0) -> list[dict[str, Json]]:
    """Carry out commands; return the changes by the last one in the words of the history."""
    parts: tuple[dict[str, Json], ...] = ()
    for command in commands:
        parts = recount(view, carried_out(view, command, now)[1])
    return list(parts)


def _moment(now: float, steady: float | None) -> Moment:
    return Moment(now, now if steady is None else steady)


def refusal(
    view: View, command: Mutation, now: float = 0.0, steady: float | None = None
) -> Rejected:
    """Return why a command is refused; fails if it is not."""
    try:
        decide(view, command, _moment(now, steady), Random(0))
    except Rejected as refused:
        return refused
    raise AssertionError(f"this was not refused: {command}")


def answers(view: View, owner: str = HOSTNAME) -> list[str] | None:
    """Return the records at a name as texts; [] for NODATA, None for NXDOMAIN."""
    return served(view).get(owner)


def served(view: View) -> dict[str, list[str]]:
    """Return the records at every name, as texts."""
    return {owner.to_text(): node_texts(node) for owner, node in node_table(view).items()}


def node_table(view: View) -> dict[DomainName, Node]:
    """Return the node at every name."""
    return {node.owner: node for node in all_nodes(view)}


def node_texts(node: Node) -> list[str]:
    """Return the records at a name as texts."""
    return [text for records in node.rrsets for text in record_texts(records)]


def record_texts(records: RRset) -> list[str]:
    """Return an RRset as texts such as `A 192.0.2.1`; a marker, which is no answer, is left out."""
    if records.rtype == MARKER:
        return []
    return [f"{TYPES[records.rtype]} {_data_text(data)}" for data in records.data]


def _data_text(data: object) -> str:
    if isinstance(data, Text):
        return " ".join(string.decode() for string in data.strings)
    return data.data.hex() if isinstance(data, Opaque) else str(data)
