"""The parts that exist only while the server runs; they are built and stopped together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from failoverdns.automation.automation_loop import Automation
from failoverdns.changes.batch import Outcome, Submission
from failoverdns.changes.ledger import Ledger
from failoverdns.control.commanding import (
    CommandCorridor,
    event_line,
    store_line,
    unrecorded_line,
)
from failoverdns.control.effects import CommandEffects
from failoverdns.control.server import ControlFactory
from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import unix_principal
from failoverdns.model.settings import Config
from failoverdns.net.peer import find_allowed
from failoverdns.net.spawning import spawn
from failoverdns.reactions import Reactions
from failoverdns.resolving.refresh_loop import Resolving
from failoverdns.store.interface import Store
from failoverdns.trimming import Trimming
from failoverdns.workers.interface import Answering


@dataclass(frozen=True, slots=True)
class Running:
    """The parts that react to changes, and those that accept commands."""

    ledger: Ledger
    reactions: Reactions
    resolving: Resolving
    automation: Automation
    trimming: Trimming
    control: ControlFactory

    def announce(self, change: Change) -> None:
        """Pass a change on to every part."""
        self.control.send_event(event_line(change))
        self.reactions.announce(change)
        self.resolving.announce(change)
        self.automation.announce(change)

    def announce_unrecorded(self, step: Change) -> None:
        """Pass a step that is served and not stored on to every part."""
        self.control.send_event(unrecorded_line(step))
        self.reactions.announce_unrecorded(step)
        self.resolving.announce(step)
        self.automation.announce(step)

    def announce_store(self, *, fault: str | None, since: float, recorded: int) -> None:
        """Report to clients that watch that the state cannot be written, or can be again."""
        self.control.send_event(store_line(fault, since, recorded))

    def stop(self) -> None:
        """Stop every part, and disconnect the clients of the control socket."""
        self.control.close()
        self.automation.stop()
        self.trimming.stop()
        self.resolving.stop()
        self.reactions.stop()


def build(
    config: Config,
    ledger: Ledger,
    store: Store,
    answering: Answering,
    reactor: Any,
    steady: Callable[[], float],
) -> Running:
    """Build the parts that react to changes and accept commands; none of them runs yet.

    `steady` returns seconds of a clock that is never adjusted.  Raises CannotListen if
    `control.allow` names a user or group that does not exist.
    """
    allowed = find_allowed(config.control.allow, "control.allow")
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
    effects = CommandEffects(
        now=time.time,
        steady=steady,
        spawn=spawn,
        hooks=reactions.report,
        server=answering.report,
        automation=automation.report,
        probing=automation,
        query_log=answering.log_queries,
        approval=reactions.approval,
        can_issue=lambda: reactions.issuing,
    )
    commands = CommandCorridor(ledger, store, effects)
    control = ControlFactory(reactor, commands, allowed)
    trimming = Trimming(store, submit_own, reactor, time.time)
    return Running(ledger, reactions, resolving, automation, trimming, control)


def submit(ledger: Ledger, command: Mutation, word: str) -> Deferred[None]:
    """Submit an internal command, `word` in the history, to the ledger; fails with Rejected."""
    done: Deferred[None] = Deferred()

    def reply(outcome: Outcome) -> None:
        if isinstance(outcome, Rejected):
            done.errback(outcome)
        else:
            done.callback(None)

    principal = unix_principal(os.getuid(), os.getpid(), "failoverdns")
    ledger.submit(Submission(command, principal, {"command": word}, reply))
    return done
