"""A group that is switched automatically, over a store that a test can make unwritable."""

from __future__ import annotations

from corridors import ZONE, Corridor, build_shop

from failoverdns.model.commands.applications import SetApplication
from failoverdns.model.commands.automation import Automate
from failoverdns.model.commands.groups import SetGroup
from failoverdns.model.commands.health import LearnHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.group import Group, Side
from failoverdns.model.health import Check, CheckKind, Health, Observed
from failoverdns.model.policy import AutomationSettings, Mode, Policy
from failoverdns.store.memory import MemoryStore

SETTINGS = AutomationSettings(
    (Check("web", CheckKind.TCP, 80),),
    (Policy("auto", Mode.AUTOMATIC, fail_back=Mode.AUTOMATIC, grace=0.0, hold=0.0),),
)


def build(store: MemoryStore) -> Corridor:
    """Build the group `shop`, whose policy switches at once, over a store."""
    corridor = Corridor(store)
    corridor.do(Configure((ZONE,), SETTINGS))
    build_shop(corridor)
    for name in ("eu", "us"):
        corridor.do(SetApplication(name, ("web",)))
    corridor.do(SetGroup("shop", policy="auto"))
    observe(corridor, "eu", Health.UP)
    observe(corridor, "us", Health.UP)
    return corridor


def observe(corridor: Corridor, name: str, health: Health) -> None:
    """Let a probe find the load balancer of an application up or down."""
    application = corridor.ledger.state.application_named(name)
    assert application is not None
    observed = Observed(health, corridor.now)
    corridor.do(LearnHealth(application.id, (("lb", observed),)))


def group(corridor: Corridor, name: str = "shop") -> Group:
    """Return a group of the state."""
    found = corridor.ledger.state.group_named(name)
    assert found is not None
    return found


def fail_over(corridor: Corridor) -> None:
    """Let the primary of `shop` go down, and its policy switch it."""
    observe(corridor, "eu", Health.DOWN)
    corridor.do(Automate(group(corridor).id))
    assert group(corridor).active is Side.BACKUP
