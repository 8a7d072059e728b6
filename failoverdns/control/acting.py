"""Commands that do something without changing the state: query log, key rotation, restart.

They are not recorded in the history, and unlike `control.reading` they have a side effect.
"""

from __future__ import annotations

from failoverdns.control.effects import CommandEffects
from failoverdns.control.language.requests import Result
from failoverdns.model.commands import Action
from failoverdns.model.commands.certificates import RotateKey
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.commands.secondaries import NotifyZone
from failoverdns.model.commands.server import QueryLogOff, QueryLogOn, Restart
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable


async def act(store: Store, effects: CommandEffects, command: Action) -> Result:
    """Carry out an action and return its result; raises Rejected."""
    match command:
        case ReportHealth():
            return await effects.probing.take_report(command)
        case RotateKey():
            return await _rotate_key(store)
        case Restart():
            return await effects.restart()
        case NotifyZone(zone):
            return {"notified": [*effects.following.notify(zone)]}
        case QueryLogOn() | QueryLogOff():
            return await effects.query_log(command)
        case _:
            raise TypeError(f"{type(command).__name__} is not carried out here")


async def _rotate_key(store: Store) -> Result:
    try:
        return {"rotated": await store.rotate_key()}
    except (Unavailable, OutcomeUnknown, Corrupt) as fault:
        text = f"the key could not be rotated, and the old one still works: {fault}"
        raise Rejected("unavailable", text) from None
