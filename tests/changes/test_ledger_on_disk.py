"""The history that the ledger writes determines the state, whatever the commands are.

Random commands go through the ledger into a state file, which is trimmed and opened again; after
each step `history --verify` has to find that the entities follow from the history.
"""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import drawn
import samples
from corridors import Corridor
from driving import at_once, run
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from store.test_store import change
from vaults import vault_beside

from failoverdns.changes.state import State
from failoverdns.model.change import Write
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import AddApplication
from failoverdns.model.commands.history import TrimHistory
from failoverdns.store.sqlite import SQLiteStore

ZONES = (samples.zone(), samples.zone("second.example"))


class LedgerOnDisk(RuleBasedStateMachine):
    """Any commands over a state file."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.path = self.folder / "state.db"
        self.store = SQLiteStore(self.path, at_once, vault_beside(self.path))
        run(self.store.load())
        first = drawn.start(ZONES[0])
        entities = [each for table in first._tables.values() for each in table.values()]
        changes = [change(n) for n in range(1, 10)]
        changes.append(change(10, *(Write(None, each) for each in entities)))
        run(self.store.commit(0, changes))
        self.begin(first)

    def begin(self, before: State) -> None:
        """Open the file, as a start does."""
        run(self.store.close())
        self.store = SQLiteStore(self.path, at_once, vault_beside(self.path))
        loaded = run(self.store.load())
        self.corridor = Corridor(self.store)
        self.corridor.open_ledger(
            State(loaded.revision, loaded.entities, before.zones, before.settings)
        )

    @rule(batch=drawn.commands(ZONES))
    def command(self, batch: list[Mutation]) -> None:
        """Submit commands."""
        for each in batch:
            self.corridor.submit(each)

    @rule(step=st.sampled_from([1.0, 30.0, 3600.0]))
    def pass_time(self, step: float) -> None:
        """Advance the clock."""
        self.corridor.now += step

    @rule()
    def trim(self) -> None:
        """Trim what is older than half an hour."""
        self.corridor.submit(AddApplication("opener"))
        cut = run(self.store.prepare_cut(self.corridor.now - 1800.0))
        if cut is not None:
            self.corridor.do(TrimHistory(cut))
            run(self.store.trim())

    @rule()
    def restart(self) -> None:
        """Close the file and open it again: its authentication tag is right."""
        self.begin(self.corridor.ledger.state)

    @invariant()
    def the_entities_follow_from_the_history(self) -> None:
        """`history --verify` finds no difference."""
        assert run(self.store.verify()).revision == self.corridor.ledger.state.revision

    def teardown(self) -> None:
        """Delete the file."""
        run(self.store.close())
        rmtree(self.folder)


TestLedgerOnDisk = LedgerOnDisk.TestCase
TestLedgerOnDisk.settings = settings(max_examples=8, stateful_step_count=10, deadline=None)
