"""Try the commands of a plan on a server in memory, before anybody gives them to a real one.

The rules are those of the server, so that a command that passes here is refused there only if
something else has changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random
from typing import Final

from failoverdns.changes.state import State
from failoverdns.control.language.requests import Unreadable, read_request
from failoverdns.importing.plan import Plan, PlannedZone
from failoverdns.importing.writing import commands
from failoverdns.model.commands import Mutation
from failoverdns.model.errors import Rejected
from failoverdns.model.group import DEFAULT_TTL
from failoverdns.model.health import Check, CheckKind
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings, Policy
from failoverdns.model.zone import NameServer, Zone
from failoverdns.rules.deciding import decide

_NOON: Final = Moment(1_800_000_000.0, 1_800_000_000.0)
"""Any time: none of these commands depends on it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the server would refuse, by the group or the application that it names."""

    name: str
    is_group: bool
    message: str


def rehearse(plan: Plan) -> list[Refusal]:
    """Return the refusals of a server that begins with the configuration of a plan."""
    state = State(
        zones=tuple(map(_zone, plan.zones)),
        settings=AutomationSettings(
            tuple(Check(name, CheckKind.TCP, port=1) for name in plan.checks),
            tuple(map(Policy, plan.policies)),
        ),
    )
    refusals: dict[tuple[str, str], Refusal] = {}
    for words in commands(plan):
        noun, name = words[0], words[2]
        try:
            command = read_request(shlex.join(words).encode()).command
            assert isinstance(command, Mutation)
            decision = decide(state, command, _NOON, Random(0))
        except Unreadable as fault:
            message = fault.refusal.message
        except Rejected as fault:
            message = fault.message
        else:
            state.apply(state.revision + 1, decision.writes)
            continue
        key = ("group" if noun == "group" else "application", name)
        refusals.setdefault(key, Refusal(name, noun == "group", message))
    return _causes(refusals)


def _causes(refusals: Mapping[tuple[str, str], Refusal]) -> list[Refusal]:
    """Return the refusals of applications if there are any: those of groups follow from them."""
    applications = [refusal for refusal in refusals.values() if not refusal.is_group]
    return applications or list(refusals.values())


def _zone(zone: PlannedZone) -> Zone:
    servers = tuple(
        NameServer(DomainName.from_text(name), tuple(map(ip_address, addresses)))
        for name, addresses in zone.nameservers.items()
    )
    return Zone(
        zone.origin,
        servers,
        zone.origin,
        DEFAULT_TTL,
        DEFAULT_TTL,
        zone.records,
        zone.alias,
    )
