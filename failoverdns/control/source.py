"""What commands that only read can see."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.changes.counting import LedgerCounts
from failoverdns.changes.overlay import Overlay
from failoverdns.changes.state import State
from failoverdns.control.caller import Caller
from failoverdns.control.counting import CommandCounts
from failoverdns.control.effects import CommandEffects
from failoverdns.model.moment import Moment
from failoverdns.model.store_condition import Outage
from failoverdns.store.interface import Store


@dataclass(frozen=True, slots=True)
class Source:
    """What can be read: the state, the store behind it, and what the rest of the server reports.

    `behind` is true if the state may hold changes that are not served yet.  `outage` is set while
    the store cannot be written; `overlay` has the steps that are served and not stored.  `caller`
    reads; `forbidden` counts the commands that were forbidden since the start, `counts` all
    commands, and `ledger` what the ledger did.
    """

    state: State
    store: Store
    moment: Moment
    behind: bool
    outage: Outage | None
    overlay: Overlay
    effects: CommandEffects
    caller: Caller
    forbidden: int
    counts: CommandCounts
    ledger: LedgerCounts
