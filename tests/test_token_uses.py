"""The last use of each token: in memory at once, in the store once a minute and at the end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from corridors import Corridor
from driving import run
from twisted.internet.task import Clock

from failoverdns.model.commands.tokens import AddToken, RemoveToken
from failoverdns.model.roles import Role
from failoverdns.model.token import Token, TokenUse
from failoverdns.store.memory import MemoryStore
from failoverdns.token_uses import INTERVAL, TokenUses


class CountingStore(MemoryStore):
    """A store that counts what is written of uses."""

    writes = 0

    async def save_uses(self, uses: Sequence[TokenUse]) -> None:
        """Count, and store."""
        await super().save_uses(uses)
        self.writes += 1


class Site:
    """A store with the token `bot`, and the uses of tokens over it."""

    def __init__(self) -> None:
        self.store = CountingStore()
        self.corridor = Corridor(self.store)
        self.corridor.do(AddToken("bot", Role.VIEWER))
        (token,) = self.corridor.ledger.state.entities(Token)
        self.id = token.id
        self.clock = Clock()
        self.uses = self.begin()

    def begin(self) -> TokenUses:
        """Return the uses after a start."""
        uses = TokenUses(self.store, lambda: self.corridor.ledger.state, self.clock)
        run(uses.start())
        return uses

    def use(self, time: float) -> TokenUse:
        """Note a use; return it."""
        use = TokenUse(self.id, time, "192.0.2.7")
        self.uses.note(use)
        return use

    @property
    def stored(self) -> tuple[TokenUse, ...]:
        """What a start would read."""
        return run(self.store.uses())


@pytest.fixture
def site() -> Site:
    return Site()


def test_many_uses_cost_one_write_a_minute(site: Site) -> None:
    """And a minute without a use costs none."""
    revision = site.corridor.ledger.state.revision
    for time in range(1000):
        last = site.use(float(time))
    assert site.uses.last(site.id) == last
    assert (site.store.writes, site.stored) == (0, ())
    site.clock.advance(INTERVAL)
    assert (site.store.writes, site.stored) == (1, (last,))
    site.clock.advance(INTERVAL)
    assert site.store.writes == 1
    assert site.corridor.ledger.state.revision == revision


def test_a_clean_stop_loses_nothing(site: Site) -> None:
    """The next start has the last use."""
    last = site.use(5.0)
    run(site.uses.stop())
    assert site.begin().last(site.id) == last
    assert len(site.clock.getDelayedCalls()) == 1, "the first one has ended"


def test_a_use_before_the_start_has_read_counts(site: Site) -> None:
    """What is stored is older."""
    site.use(5.0)
    run(site.uses.save())
    later = TokenUses(site.store, lambda: site.corridor.ledger.state, site.clock)
    later.note(TokenUse(site.id, 6.0, "192.0.2.8"))
    run(later.start())
    assert later.last(site.id) == TokenUse(site.id, 6.0, "192.0.2.8")


def test_what_cannot_be_stored_is_stored_later(site: Site) -> None:
    """The server runs all the same."""
    site.use(5.0)
    site.store.unreachable = True
    site.clock.advance(INTERVAL)
    site.clock.advance(INTERVAL)
    last = site.use(6.0)
    site.store.unreachable = False
    site.clock.advance(INTERVAL)
    assert site.stored == (last,)


def test_a_store_that_cannot_be_read_does_not_prevent_the_start(site: Site) -> None:
    site.store.unreachable = True
    assert site.begin().last(site.id) is None


def test_the_use_of_a_removed_token_is_forgotten(site: Site) -> None:
    """In memory and in the store."""
    site.use(5.0)
    run(site.uses.save())
    site.corridor.do(RemoveToken("bot"))
    site.use(6.0)
    run(site.uses.save())
    assert site.stored == ()
    assert site.uses.last(site.id) is None
