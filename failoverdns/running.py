"""The parts that exist only while the server runs; they are built and stopped together."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from failoverdns.automation.automation_loop import Automation
from failoverdns.change_counts import ChangeCounts
from failoverdns.changes.ledger import Ledger
from failoverdns.control.commanding import (
    CommandCorridor,
    event_line,
    store_line,
    unrecorded_line,
)
from failoverdns.control.effects import CommandEffects
from failoverdns.control.lane_callers import LaneCallers
from failoverdns.control.server import ControlFactory
from failoverdns.control.tokens import TokenCallers
from failoverdns.control.updating import Updating
from failoverdns.control.web_lane import WebLanes
from failoverdns.following.following import Following, FollowingEffects
from failoverdns.model.change import Change, Json
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import Config
from failoverdns.net.descriptors import OURS
from failoverdns.net.peer import find_roles
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import HandedClient
from failoverdns.net.user_names import UserNames
from failoverdns.own_commands import own_principal, submit
from failoverdns.reactions import Reactions
from failoverdns.resolving.refresh_loop import Resolving
from failoverdns.statistics import Sources, Statistics
from failoverdns.store.interface import Store
from failoverdns.token_uses import TokenUses
from failoverdns.transfers.control_side import Transfers
from failoverdns.trimming import Trimming
from failoverdns.web.calls import ServerState
from failoverdns.web.certificate import Vault
from failoverdns.web.control_side import Web
from failoverdns.web.interface import WebEffects
from failoverdns.workers.interface import Answering

FINISHING: Final = 10.0
"""Seconds that commands under way may take before a restart."""

log = Logger()

_LOOK: Final = 0.005
"""Seconds between two checks whether they are finished."""


@dataclass(frozen=True, slots=True)
class Running:
    """The parts that react to changes, and those that accept commands."""

    ledger: Ledger
    reactions: Reactions
    resolving: Resolving
    automation: Automation
    trimming: Trimming
    following: Following
    token_uses: TokenUses
    control: ControlFactory
    counts: ChangeCounts
    lanes: WebLanes
    web: Web
    web_effects: WebEffects
    update: Callable[[dict[str, Any]], Any]
    """Carries out a dynamic update that the transfer process has verified; returns its result."""

    def announce(self, change: Change) -> None:
        """Pass a change on to every part."""
        self.counts.announce(change)
        self.following.announce(change)
        self._send_event(event_line(change))
        self.web.announce(change)
        self.reactions.announce(change)
        self.resolving.announce(change)
        self.automation.announce(change)

    def announce_unrecorded(self, step: Change) -> None:
        """Pass a step that is served and not stored on to every part."""
        self.counts.announce_unrecorded(step)
        self.following.announce(step)
        self._send_event(unrecorded_line(step))
        self.reactions.announce_unrecorded(step)
        self.resolving.announce(step)
        self.automation.announce(step)

    def announce_store(self, *, fault: str | None, since: float, recorded: int) -> None:
        """Report to clients that watch that the state cannot be written, or can be again."""
        self._send_event(store_line(fault, since, recorded))

    def _send_event(self, line: bytes) -> None:
        self.control.send_event(line)
        self.lanes.send_event(line)

    def stop(self) -> None:
        """Stop every part, and disconnect the clients of the control socket."""
        self.following.stop()
        self.control.close()
        self.automation.stop()
        self.trimming.stop()
        self.resolving.stop()
        self.reactions.stop()

    async def finish_commands(self, reactor: Any) -> None:
        """Take no further command, and wait until those under way are answered, but `restart`.

        Raises Rejected `busy` if they take too long; then commands are taken again.
        """
        self.control.suspend()
        self.following.release()
        if not await _holds(self._is_quiet, reactor):
            self.control.resume()
            self.lanes.look()
            text = f"commands under way did not end within {FINISHING:g} s; try again"
            raise Rejected("busy", f"nothing was changed: {text}")

    def _is_quiet(self) -> bool:
        return self.control.is_quiet and self.lanes.is_quiet and self.ledger.is_idle

    async def hand_over(self, reactor: Any) -> tuple[HandedClient, ...]:
        """Stop every part, and give up the clients of the control socket; return them.

        Call `finish_commands` before.
        """
        self.following.stop()
        self.automation.stop()
        self.trimming.stop()
        self.resolving.stop()
        await self.reactions.leave()
        await _holds(lambda: self.ledger.is_idle, reactor)
        await self.token_uses.stop()
        return self.control.hand_over()


def build(
    config: Config,
    ledger: Ledger,
    store: Store,
    answering: Answering,
    reactor: Any,
    steady: Callable[[], float],
    restart: Callable[[], Awaitable[dict[str, Json]]],
    transfers: Transfers,
    web: Web,
) -> Running:
    """Build the parts that react to changes and accept commands; none of them runs yet.

    `steady` returns seconds of a clock that is never adjusted; `restart` replaces the program.
    Raises CannotListen if `control` gives a role to a user or group that does not exist.
    """
    roles = find_roles(config.control.roles)
    submit_own = partial(submit, ledger)
    reactions = Reactions(config, ledger, store, submit_own, reactor, time.time)
    resolving = Resolving(lambda: ledger.state, submit_own, reactor)
    automation = Automation(
        lambda: ledger.state,
        submit_own,
        reactions.approval,
        reactor,
        now=time.time,
        steady=steady,
    )

    following = Following(
        FollowingEffects(
            state=lambda: ledger.state,
            spawn=spawn,
            log=lambda text: log.warn("{text}", text=text),
            submit=submit_own,
            now=time.time,
            steady=steady,
            notify=transfers.notify_zone,
            reactor=reactor,
        )
    )

    token_uses = TokenUses(store, lambda: ledger.state, reactor)

    async def server() -> dict[str, Json]:
        return {
            **await answering.report(),
            "transfers": await transfers.report(),
            "http": await web.report(),
            "control": {**control.places.report()},
            "open_files": {**OURS.report()},
        }

    counts = ChangeCounts()
    sources = Sources(
        answering=answering.statistics,
        transfers=transfers.statistics,
        http=web.statistics,
        automation=automation.statistics,
        probes=automation.probes,
        hooks=reactions.report,
        hook_runs=reactions.hook_runs,
        deliveries=reactions.deliveries,
        clients=lambda: {**control.places.report()},
        open_files=lambda: {**OURS.report()},
    )
    effects = CommandEffects(
        now=time.time,
        steady=steady,
        spawn=spawn,
        hooks=reactions.report,
        server=server,
        automation=automation.report,
        probing=automation,
        query_log=answering.log_queries,
        approval=reactions.approval,
        restart=restart,
        can_issue=lambda: reactions.issuing,
        anchors=reactions.anchors,
        following=following,
        statistics=Statistics(sources, counts),
        tokens_known=web.tokens_known,
        token_uses=token_uses,
        log=lambda text: log.warn("{text}", text=text),
    )
    commands = CommandCorridor(ledger, store, effects)
    names = UserNames(partial(deferToThreadPool, reactor, reactor.getThreadPool()))
    control = ControlFactory(reactor, commands, roles, names.find)
    OURS.want(
        "clients of the control socket",
        control.places.limits.most,
        used=lambda: len(control.places.all),
        changed=control.places.limit,
    )
    callers = TokenCallers(lambda: ledger.state, time.time, token_uses.note)
    lanes = WebLanes(control, LaneCallers(callers, own_principal()))
    web_effects = WebEffects(
        lanes,
        checks=callers.checks,
        vault=Vault(partial(_bundle_of, ledger), store.bundle),
        state=lambda: _server_state(ledger, answering),
    )
    trimming = Trimming(store, submit_own, reactor, time.time)
    updating = Updating(ledger, steady, lambda text: log.warn("{text}", text=text))
    return Running(
        ledger,
        reactions,
        resolving,
        automation,
        trimming,
        following,
        token_uses,
        control,
        counts,
        lanes,
        web,
        web_effects,
        update=partial(_updated, updating),
    )


def _bundle_of(ledger: Ledger, name: str) -> str | None:
    """Return the id of the bundle of an application, by its name; None if it has none."""
    state = ledger.state
    application = state.application_named(name)
    certificate = state.certificate(application.id) if application is not None else None
    return certificate.facts.bundle if certificate is not None else None


def _server_state(ledger: Ledger, answering: Answering) -> ServerState:
    """Return what the web process knows of the server."""
    if answering.is_serving:
        return ServerState(True, "", ledger.state.revision)
    return ServerState(False, "no process answers queries", ledger.state.revision)


def _updated(updating: Updating, arguments: dict[str, Any]) -> Deferred[dict[str, Any]]:
    """Carry out a dynamic update; return its result when every answering process serves it."""
    done: Deferred[dict[str, Any]] = Deferred()
    updating.carry_out(arguments, done.callback)
    return done


async def _holds(condition: Callable[[], bool], reactor: Any) -> bool:
    """Wait until a condition holds, at most `FINISHING` seconds; return whether it does."""
    until = reactor.seconds() + FINISHING
    while not condition():
        if reactor.seconds() > until:
            return False
        await deferLater(reactor, _LOOK)
    return True
