"""The prerequisites of a dynamic update: what must be so before anything is changed.

| prerequisite                     | if it does not hold |
|----------------------------------|---------------------|
| the name is in use               | NXDOMAIN            |
| the name is not in use           | YXDOMAIN            |
| there is an RRset of the type    | NXRRSET             |
| there is none of the type        | YXRRSET             |
| the RRset has exactly these data | NXRRSET             |
| any, of a name outside the zone  | NOTZONE             |

They are about what the zone answers, whether it comes from the configuration, from groups or from
records in the state; TTLs do not count.  RFC 2136 sections 2.4 and 3.2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.model.record_data import compared
from failoverdns.model.record_text import type_name
from failoverdns.model.records import RRset
from failoverdns.model.static_records import wire_rdata
from failoverdns.model.zone_update import Condition, NotUpdated, Prerequisite

Served = Callable[[DomainName], tuple[RRset, ...]]
"""Returns the RRsets at a name in the zone."""


def require(origin: DomainName, prerequisites: Iterable[Prerequisite], served: Served) -> None:
    """Raise NotUpdated unless all prerequisites of an update hold; `origin` is that of its zone.

    They are looked at in their order; those on the data of RRsets come last, as a whole.
    """
    at = cache(served)
    wanted: defaultdict[tuple[DomainName, int], set[bytes]] = defaultdict(set)
    for one in prerequisites:
        if not one.owner.is_at_or_below(origin):
            text = f"the prerequisite on {one.owner} is outside of the zone {origin}"
            raise NotUpdated(Rcode.NOTZONE, text)
        has = _has(at(one.owner), one.rtype)
        match one.condition:
            case Condition.NAME_IN_USE if not has:
                raise NotUpdated(Rcode.NXDOMAIN, f"{one.owner} has no records")
            case Condition.NAME_NOT_IN_USE if has:
                raise NotUpdated(Rcode.YXDOMAIN, f"{one.owner} has records")
            case Condition.RRSET_EXISTS if not has:
                text = f"{one.owner} has no {type_name(one.rtype)} records"
                raise NotUpdated(Rcode.NXRRSET, text)
            case Condition.RRSET_ABSENT if has:
                text = f"{one.owner} has {type_name(one.rtype)} records"
                raise NotUpdated(Rcode.YXRRSET, text)
            case Condition.RRSET_IS:
                wanted[one.owner, one.rtype].add(one.data)
    for (owner, rtype), data in wanted.items():
        if data != _data(at(owner), rtype):
            text = f"{owner} has not exactly these {type_name(rtype)} records"
            raise NotUpdated(Rcode.NXRRSET, text)


def _has(rrsets: Iterable[RRset], rtype: int) -> bool:
    """Return whether there is an RRset of a type; of any type if `rtype` is 0."""
    return any(rtype in (0, rrset.rtype) for rrset in rrsets)


def _data(rrsets: Iterable[RRset], rtype: int) -> set[bytes]:
    """Return the data of the records of a type in the form in which it is compared."""
    return {
        compared(rtype, wire_rdata(rdata))
        for rrset in rrsets
        if rrset.rtype == rtype
        for rdata in rrset.data
    }
