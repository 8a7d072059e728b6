"""Small values that tests build on, and what a user sees of a state.

Everything is named as in the documentation: the zone `failover.test`, the group `shop` with the
label `414-262-781`, its applications `eu` (primary) and `us` (backup).
Whatever is not asked for has the value that is the least surprising.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import Any

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
from failoverdns.model.records import TXT, Opaque, OwnedRRset, RRset, Text
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
"""What is reported of a head that nothing is known of."""

UNCHECKED = {
    "health": "unknown",
    "since": None,
    "observed": "unknown",
    "forced": None,
    "checks": [],
    "require_checks": "all",
    "require_heads": "any",
}
"""What is reported of an application that nothing checks."""


def name(text: str) -> DomainName:
    """A domain name."""
    return DomainName.from_text(text)


def addresses(*texts: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """Addresses from their texts."""
    return tuple(ip_address(text) for text in texts)


def zone(origin: str = "failover.test", **fields: Any) -> Zone:
    """A zone with one name server, `ns1`, inside it."""
    server = NameServer(name(f"ns1.{origin}"), addresses("192.0.2.53"))
    given: dict[str, Any] = {
        "nameservers": (server,),
        "mailbox": name(f"hostmaster.{origin}"),
        "ttl": 60,
        "negative_ttl": 60,
    }
    return Zone(name(origin), **{**given, **fields})


def text_record(owner: str) -> OwnedRRset:
    """A static TXT record."""
    return OwnedRRset(name(owner), TXT, 300, (Opaque(b"\2hi"),))


def balancer(head: str, *texts: str, hostname: str | None = None) -> Head:
    """A load balancer."""
    return Head(head, HeadRole.LOAD_BALANCER, addresses(*texts), hostname)


def server(head: str, *texts: str, hostname: str | None = None) -> Head:
    """A web server."""
    return Head(head, HeadRole.WEB_SERVER, addresses(*texts), hostname)


def application(called: str, *heads: Head, **fields: Any) -> Application:
    """An application with the id `app-NAME`; nothing is active unless `active` says so."""
    return Application(f"app-{called}", called, heads=heads, **fields)


def eu(**fields: Any) -> Application:
    """The application with a load balancer at 192.0.2.1."""
    return application("eu", balancer("lb1", "192.0.2.1"), **{"active": "lb1", **fields})


def us(**fields: Any) -> Application:
    """The application with a load balancer at 198.51.100.1."""
    return application("us", balancer("lb1", "198.51.100.1"), **{"active": "lb1", **fields})


def group(
    called: str = "shop", primary: str | None = "eu", backup: str | None = "us", **fields: Any
) -> Group:
    """A group with the id `grp-NAME`, attached to applications by their first names."""
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
    """Facts of a certificate that is valid from 0 to 9000; `called` tells it from others."""
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
    """The certificate of an application, by its first name."""
    return Certificate(f"app-{of}", kind, facts(*names, **fields), 0.0, source)


def order(of: str, *names: str, **fields: Any) -> Order:
    """An order for an application, by its first name."""
    return Order(f"ord-{of}", f"app-{of}", names or (HOSTNAME,), **fields)


def tombstone(label: str, of: str = "old", origin: str = "failover.test") -> Tombstone:
    """A label retired for ever."""
    return Tombstone(name(origin), label, of)


def state(
    *entities: Entity,
    zones: Iterable[Zone] | None = None,
    revision: int = 10,
    settings: AutomationSettings = NO_AUTOMATION_SETTINGS,
) -> State:
    """A state at revision 10 with the zone `failover.test`, which has the serial number 100."""
    served = (zone(),) if zones is None else tuple(zones)
    serials = [ZoneSerial(z.origin, 100, z.digest()) for z in served]
    return State(revision, (*serials, *entities), served, settings)


def shop(**fields: Any) -> State:
    """A state with the group `shop` and both its applications."""
    return state(eu(), us(), group(**fields))


def carry_out(
    view: State | Draft, command: Mutation, now: float = 0.0, steady: float | None = None
) -> dict[str, Json]:
    """Decide on a command and apply it; return its reply. Raises Rejected."""
    return carried_out(view, command, now, steady=steady)[0]


def carried_out(
    view: State | Draft,
    command: Mutation,
    now: float = 0.0,
    random: Random | None = None,
    steady: float | None = None,
) -> tuple[dict[str, Json], tuple[Write, ...], Delta]:
    """Decide on a command and apply it; return its reply, its writes, and what it alters.

    `steady` is `now` if left out: nobody has set the clock.
    """
    decision = decide(view, command, _moment(now, steady), random or Random(0))
    part = touched(view, decision.writes, decision.zones, decision.settings)
    before = nodes_of(view, part)
    if decision.changes(view):
        revision = view.revision + (1 if decision.writes else 0)
        view.apply(revision, decision.writes, decision.zones, decision.settings)
    return decision.report(view), decision.writes, difference(before, nodes_of(view, part))


def changed_by(view: State, *commands: Mutation, now: float = 0.0) -> list[dict[str, Json]]:
    """Carry out commands and return what history says that the last one changed."""
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
    """Return all that is served, by name."""
    return {node.owner: node for node in all_nodes(view)}


def node_texts(node: Node) -> list[str]:
    """Return the records at a name as texts."""
    return [text for records in node.rrsets for text in record_texts(records)]


def record_texts(records: RRset) -> list[str]:
    """Return an RRset as texts such as `A 192.0.2.1`."""
    return [f"{TYPES[records.rtype]} {_data_text(data)}" for data in records.data]


def _data_text(data: object) -> str:
    if isinstance(data, Text):
        return " ".join(string.decode() for string in data.strings)
    return data.data.hex() if isinstance(data, Opaque) else str(data)
