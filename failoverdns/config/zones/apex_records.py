"""The records of a zone file that the server makes itself: SOA, NS at the origin, and their glue.

A whole master file has them; the configuration has them too, in `nameservers`, `contact`, `soa` and
`negative_ttl`.  Where both say the same, the file's are left out silently.  Another SOA record is a
warning, because it changes nothing but how long others wait.  Other name servers are an error,
because they decide who serves the zone.  Each is reported once, with what to write.
The serial number is not compared: the server counts by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from struct import unpack
from typing import Final

from failoverdns.config.errors import FaultReport, Place
from failoverdns.config.scalars import mailbox as read_mailbox
from failoverdns.config.zones.record_text import NO_TTL, Record
from failoverdns.model.errors import Malformed
from failoverdns.model.group import MAX_TTL
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, NS, SOA, A, StartOfAuthority
from failoverdns.model.zone import MAX_TIMER, NameServer, Zone

Placed = tuple[Place, Record]
_TIMERS: Final = ("refresh", "retry", "expire")


def without_apex(
    records: Iterable[Placed],
    zone: DomainName,
    nameservers: Sequence[NameServer],
    served: Zone | None,
    faults: FaultReport,
) -> list[Placed]:
    """Return the records that the server does not make itself; compare the others with its own.

    `nameservers` are those of the zone `zone`.
    `served` is the zone as configured, without static records; None if it could not be read, and
    then SOA and NS records are not compared.
    """
    rest: list[Placed] = []
    soas: list[Placed] = []
    servers: list[Placed] = []
    glue: list[Placed] = []
    addressed = {server.name for server in nameservers if server.addresses}
    for placed in records:
        owner, rtype = placed[1].owner, placed[1].rtype
        if rtype == SOA:
            soas.append(placed)
        elif rtype == NS and owner == zone:
            servers.append(placed)
        elif rtype in (A, AAAA) and owner in addressed:
            glue.append(placed)
        else:
            rest.append(placed)
    for place, _ in soas[1:]:
        faults.add(place, f"a second SOA record; the first is on {soas[0][0].line_text}")
    if served is not None:
        if soas:
            _compare_soa(soas[0], served, faults)
        if servers:
            _compare_servers(servers, zone, nameservers, faults)
    _compare_glue(glue, nameservers, faults)
    return rest


def soa_data(data: bytes) -> StartOfAuthority:
    """Return the data of an SOA record, given in uncompressed wire form."""
    primary = _name_at(data, 0)
    mailbox = _name_at(data, len(primary.wire))
    return StartOfAuthority(primary, mailbox, *unpack(">5I", data[-20:]))


def negative_ttl(record: Record) -> int:
    """Return how long the SOA record of a file lets resolvers cache that something does not exist.

    RFC 2308 section 5: the smaller of its TTL and its minimum, in seconds; without a TTL
    (`NO_TTL`), the minimum.
    """
    minimum = soa_data(record.data).minimum
    return minimum if record.ttl == NO_TTL else min(record.ttl, minimum)


def _name_at(data: bytes, start: int) -> DomainName:
    at = start
    while data[at]:
        at += 1 + data[at]
    return DomainName(data[start : at + 1])


def _compare_soa(placed: Placed, served: Zone, faults: FaultReport) -> None:
    place, record = placed
    (own,) = served.start_of_authority(0).data
    assert isinstance(own, StartOfAuthority)
    differences = list(_soa_differences(record, own, served))
    if differences:
        said = "; ".join(f"{what} {theirs}, here {ours}" for what, theirs, ours, _ in differences)
        hints = [hint for *_, hint in differences if hint]
        timers = [hint for hint in hints if hint.partition(":")[0] in _TIMERS]
        write = [hint for hint in hints if hint not in timers]
        if timers:
            write.append(f"soa: {{{', '.join(timers)}}}")
        keep = f"; to keep the file's, write {', '.join(write)}" if write else ""
        said = f"the SOA record is that of the configuration; this one has {said}{keep}"
        faults.warn(place, said)


def _soa_differences(
    record: Record, own: StartOfAuthority, served: Zone
) -> Iterator[tuple[str, object, object, str]]:
    """Yield what differs: its name, the file's value, the served value, and what to write."""
    theirs = soa_data(record.data)
    if theirs.primary != own.primary:
        listed = any(server.name == theirs.primary for server in served.nameservers)
        hint = f"{theirs.primary} first in nameservers" if listed else ""
        yield "primary name server", theirs.primary, own.primary, hint
    if theirs.mailbox != own.mailbox:
        mail = _mail(theirs.mailbox)
        yield "mailbox", mail or theirs.mailbox, _mail(own.mailbox), mail and f"contact: {mail}"
    for what in _TIMERS:
        value, ours = getattr(theirs, what), getattr(own, what)
        possible = max(1, min(value, MAX_TIMER))
        if possible != ours:
            yield what, value, ours, f"{what}: {possible}"
    ttl = min(negative_ttl(record), MAX_TTL)
    if ttl != own.minimum:
        yield "negative TTL", ttl, own.minimum, f"negative_ttl: {ttl}"


def _mail(mailbox: DomainName) -> str:
    """Return the mailbox of an SOA record as a mail address (RFC 1035 section 8).

    Nothing is returned for one that is none, such as the root, or `host@example.test.`, whose first
    dot should stand in place of the @.
    """
    if mailbox.is_root:
        return ""
    local, *domain = mailbox.labels()
    text = f"{local.decode('latin-1')}@{mailbox.parent()}"
    try:
        return text if domain and read_mailbox(text) == mailbox else ""
    except Malformed:
        return ""


def _compare_servers(
    placed: Sequence[Placed],
    zone: DomainName,
    nameservers: Sequence[NameServer],
    faults: FaultReport,
) -> None:
    ours = [server.name for server in nameservers]
    theirs = [DomainName(record.data) for _, record in placed]
    new = [name for name in dict.fromkeys(theirs) if name not in ours]
    gone = [name for name in ours if name not in theirs]
    parts = []
    if new:
        lines = (f"{n}: {'[ADDRESS]' if n.is_at_or_below(zone) else '[]'}" for n in new)
        parts.append(f"{_listed(new)} only here (write {', '.join(lines)} there)")
    if gone:
        parts.append(f"{_listed(gone)} only there")
    if parts:
        faults.add(
            placed[0][0],
            "the zone's own NS records come from `nameservers`, and these differ: "
            f"{', '.join(parts)}; make both the same, or remove these NS records",
        )


def _listed(names: Iterable[DomainName]) -> str:
    return " and ".join(map(str, names))


def _compare_glue(
    placed: Iterable[Placed], nameservers: Iterable[NameServer], faults: FaultReport
) -> None:
    """Report each name server that has other addresses in the file than in `nameservers`."""
    known = {server.name: server.addresses for server in nameservers}
    others: dict[DomainName, tuple[Place, list[str]]] = {}
    for place, record in placed:
        address = ip_address(record.data)
        if address not in known[record.owner]:
            others.setdefault(record.owner, (place, []))[1].append(str(address))
    for name, (place, addresses) in others.items():
        faults.add(
            place,
            f"{name} has its addresses from `nameservers`, and not {', '.join(addresses)}; "
            "add what is missing there, or remove it here",
        )
