"""A world in which certificates are renewed: the real ledger, a CA over HTTPS, a settable clock.

Coroutines run in turn until all are finished.  A test can intervene between any two steps, or end
the process there.  A step is a request to the CA or a command to the ledger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Coroutine, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from corridors import WHO, ZONE, Corridor, build_shop
from directories import LocalDirectory
from driving import run

from failoverdns.changes.batch import Outcome, Submission
from failoverdns.changes.state import State
from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.renewing import Renewals
from failoverdns.model.certificate import Certificate, Order
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.resolution import SeenChallenge
from failoverdns.model.settings import AcmeSettings, ExternalAccount
from failoverdns.pki.anchors import NO_ANCHORS
from failoverdns.protocol.table.python_table import PythonTable
from failoverdns.resolving.challenge_lookup import look_up

HOSTNAME = "shop.failover.test"


class Ended(BaseException):
    """Raised by a test to end the process at a step."""


class World:
    """The group `shop` with `eu` active and `us` as its backup, and the renewals of both.

    `before_step` and `between` are called before and after each step with the number of the step.
    """

    def __init__(self, local: LocalDirectory, now: float, **settings: Any) -> None:
        self.local = local
        self.corridor = Corridor(now=now)
        self.settings = replace(self.settings_of(local.url), ca_file=local.ca_file, **settings)
        self.logged: list[str] = []
        self.pauses = 0
        self.resolvers: list[tuple[str, int]] = []
        """Addresses and ports of resolvers that challenges are looked up with."""
        self.steps = 0
        self.before_step: Callable[[int], None] = lambda number: None
        self.between: Callable[[int], None] = lambda number: None
        self._ready: deque[Coroutine[Any, Any, None]] = deque()
        self.corridor.do(Configure((ZONE,)))
        build_shop(self.corridor)
        self.renewals = self._renewals()

    @staticmethod
    def settings_of(directory: str) -> AcmeSettings:
        """Return the settings of a configuration with all defaults."""
        return AcmeSettings(
            directory=directory,
            contact=(),
            key_type="ec256",
            profile=None,
            ca_file=None,
            external_account=None,
        )

    def move(self, seconds: float) -> None:
        """Advance the clocks of the server and the CA by a number of seconds."""
        self.corridor.now += seconds
        self.local.ahead += seconds

    def tick(self, seconds: float = 0.0) -> None:
        """Advance the clocks, start the renewals that are due, and run all coroutines."""
        self.move(seconds)
        self.renewals.tick()
        self.run()

    def do(self, command: Mutation) -> dict[str, Any]:
        """Carry out a command and the renewals that it triggers; return the command's result."""
        result = dict(self.corridor.do(command).result)
        self.run()
        return result

    def run(self) -> None:
        """Run all coroutines, in turn, to their end."""
        while self._ready:
            coroutine = self._ready.popleft()
            try:
                coroutine.send(None)
            except StopIteration:
                continue
            self._ready.append(coroutine)

    def restart(self, settings: AcmeSettings | None = None) -> None:
        """Start again from the stored state, perhaps with other settings."""
        self.renewals.stop()
        while self._ready:
            self._ready.popleft().close()
        self.settings = settings or self.settings
        corridor = self.corridor
        loaded = run(corridor.store.load())
        corridor.table = PythonTable()
        corridor.open_ledger(State(loaded.revision, loaded.entities, (ZONE,)))
        self.renewals = self._renewals()

    def certificate(self, application: str) -> Certificate | None:
        """Return an application's certificate."""
        return self.state.certificate(self._id(application))

    def order(self, application: str) -> Order | None:
        """Return an application's order."""
        return self.state.order_for(self._id(application))

    @property
    def state(self) -> State:
        """The current state."""
        return self.corridor.ledger.state

    @property
    def issued(self) -> int:
        """The number of certificates that the CA has issued."""
        return sum(order.chain is not None for order in self.local.orders)

    def asked(self, what: str) -> int:
        """Return the number of requests to the CA that begin with a method and path."""
        return sum(seen.startswith(what) for seen in self.local.seen)

    def _id(self, application: str) -> str:
        found = self.state.application_named(application)
        assert found is not None
        return found.id

    def _renewals(self) -> Renewals:
        effects = IssuingEffects(
            state=lambda: self.corridor.ledger.state,
            store=self.corridor.store,
            submit=self._submit,
            in_thread=self._in_thread,
            pause=self._pause,
            spawn=self._ready.append,
            can_record=lambda: self.corridor.ledger.outage is None,
            now=lambda: self.corridor.now,
            anchors=lambda: NO_ANCHORS,
            look_up=self._look_up,
            has_resolvers=lambda: bool(self.resolvers),
            log=self.logged.append,
        )
        renewals = Renewals(self.settings, effects)
        self.corridor.listeners[:] = [renewals.announce]
        return renewals

    async def _submit(self, command: Mutation) -> None:
        outcomes: list[Outcome] = []
        self._begin_step()
        given = {"command": type(command).__name__}
        self.corridor.ledger.submit(Submission(command, WHO, given, outcomes.append))
        self._end_step()
        (outcome,) = outcomes
        if isinstance(outcome, Rejected):
            raise outcome

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        self._begin_step()
        try:
            found = call()
        finally:
            self._end_step()
            await _Turn()
        return found

    def _look_up(
        self,
        challenges: Sequence[tuple[DomainName, Collection[str]]],
        targets: Callable[[DomainName], bool],
    ) -> list[SeenChallenge]:
        return look_up(self.resolvers, challenges, targets, lambda: False, timeout=0.5)

    async def _pause(self) -> None:
        self.pauses += 1

    def _begin_step(self) -> None:
        self.steps += 1
        self.before_step(self.steps)

    def _end_step(self) -> None:
        self.between(self.steps)


class _Turn:
    """An awaitable that lets all other coroutines run first."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def external(folder: Path, key_id: str, hmac_key: str) -> ExternalAccount:
    """Return an external account whose key is in a file."""
    path = folder / "hmac.key"
    path.write_text(f"{hmac_key}\n")
    path.chmod(0o600)
    return ExternalAccount(key_id, path)
