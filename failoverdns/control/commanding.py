"""The command corridor: one request in, one reply out.

    request -> permitted -> Mutation    -> (hooks agree) -> ledger  -> reply line
                         -> Action      ->                  acting  -> reply line
                         -> ReadCommand ->                  reading -> reply in pieces

Connections, and how lines are read from them, are not known here: see `control.connection`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from failoverdns.changes.batch import Done, Outcome, Submission
from failoverdns.changes.ledger import Ledger
from failoverdns.control.acting import act
from failoverdns.control.backing_up import back_up
from failoverdns.control.caller import Caller, Permission
from failoverdns.control.counting import CommandCounts
from failoverdns.control.effects import CommandEffects
from failoverdns.control.given_file import GivenFile
from failoverdns.control.language.requests import (
    Request,
    Result,
    canonical,
    write_line,
    write_refusal,
    write_reply,
)
from failoverdns.control.reading import read
from failoverdns.control.source import Source
from failoverdns.control.waiting import wait_for_secondaries
from failoverdns.effects import Approval
from failoverdns.model.change import Change, Json
from failoverdns.model.commands import Action, Mutation, ReadCommand
from failoverdns.model.commands.certificates import InstallCertificate, RequestCertificate
from failoverdns.model.commands.groups import Switch
from failoverdns.model.commands.server import Backup
from failoverdns.model.commands.tokens import AddToken, RemoveToken
from failoverdns.model.errors import Corrupt, Rejected
from failoverdns.model.group import Side
from failoverdns.model.moment import Moment
from failoverdns.model.principal import Principal
from failoverdns.model.rule_names import PreflightRule
from failoverdns.model.timestamps import timestamp
from failoverdns.pki.certificates import judged
from failoverdns.rules.decisions.switching import switch
from failoverdns.rules.reports.reporting import history_report
from failoverdns.store.interface import Store, Unavailable

Lines = Iterator[bytes]

_NOT_ISSUING = Rejected(
    "refused",
    "no CA is configured: set `acme` in the configuration, or install a certificate from "
    "elsewhere with `certificate install`",
)


class CommandCorridor:
    """Carries out the requests of all clients."""

    def __init__(self, ledger: Ledger, store: Store, effects: CommandEffects) -> None:
        self._ledger = ledger
        self._store = store
        self._effects = effects
        self._permission = Permission(lambda: ledger.state, effects.steady, effects.log)
        self._counts = CommandCounts()

    def permits(self, request: Request, caller: Caller) -> bool:
        """Return whether the caller may give this command now; a refusal is not counted."""
        return self._permission.permits(request, caller)

    def turned_away(self, principal: Principal, refusal: Rejected) -> None:
        """Note that a client was refused before it gave a command."""
        self._permission.note(principal, refusal)

    def change(self, request: Request, caller: Caller, reply: Callable[[Lines], None]) -> None:
        """Carry out a command that changes the state; `reply` is called once."""
        assert isinstance(request.command, Mutation)
        answer = self._answered(request, reply)
        try:
            self._permission.check(request, caller)
        except Rejected as refusal:
            answer(refusal)
            return
        if isinstance(request.command, RequestCertificate) and not self._effects.can_issue():
            answer(_NOT_ISSUING)
            return
        command, expected = _expecting(self._judged(request.command, caller), request.expected)
        submission = Submission(
            command=command,
            principal=caller.principal,
            given=request.given,
            reply=answer,
            op_id=request.op_id,
            request=canonical(request.given),
            expected=expected,
        )
        approval = self._effects.approval() if _takes_approval(submission.command) else None
        if approval is None:
            self._ledger.submit(submission)
        else:
            permit = partial(self._permission.check, request, caller)
            self._effects.spawn(self._approved(submission, approval, permit))

    def _answered(
        self, request: Request, reply: Callable[[Lines], None]
    ) -> Callable[[Outcome], None]:
        """Return what takes the outcome of a command, and replies: at once, or after a wait."""
        command, began, start = request.command, self._effects.now(), self._effects.steady()

        def answer(outcome: Outcome) -> None:
            self._counts.note(request, outcome, self._effects.steady() - start)
            if isinstance(command, Switch) and isinstance(outcome, Done) and _waits(command):
                self._effects.spawn(self._waited(request, command, outcome, began, reply))
            elif isinstance(command, AddToken | RemoveToken) and isinstance(outcome, Done):
                self._effects.spawn(self._made_known(request, outcome, reply))
            else:
                reply(_lines(request, outcome))

        return answer

    async def _waited(
        self,
        request: Request,
        command: Switch,
        done: Done,
        began: float,
        reply: Callable[[Lines], None],
    ) -> None:
        """Reply to a switch after the secondaries serve it."""
        following, outcome = self._effects.following, done
        try:
            state = self._ledger.state
            outcome = await wait_for_secondaries(state, following, command, done, began)
        finally:
            reply(_lines(request, outcome))

    async def _made_known(
        self, request: Request, done: Done, reply: Callable[[Lines], None]
    ) -> None:
        """Reply to a command on tokens after the process that speaks HTTP knows of it."""
        try:
            await self._effects.tokens_known()
        finally:
            reply(_lines(request, done))

    def _judged(self, command: Mutation, caller: Caller) -> Mutation:
        """Return a command with what is known of it and of its caller now.

        A chain that it installs is judged as clients judge it; a token that it adds cannot outlive
        the one of the caller.
        """
        if isinstance(command, AddToken):
            return replace(command, at_most=caller.rights().until)
        if not isinstance(command, InstallCertificate):
            return command
        facts, faults = judged(
            command.facts, command.bundle.chain, self._effects.anchors(), self._effects.now()
        )
        return replace(command, facts=facts, faults=faults)

    async def act(self, request: Request, caller: Caller, file: GivenFile | None = None) -> Lines:
        """Carry out a command that does something without changing the state.

        `file` came with the request; it is closed in the end.
        """
        assert isinstance(request.command, Action)
        try:
            self._permission.check(request, caller)
            _demand_nothing(request)
        except Rejected as refusal:
            if file is not None:
                file.close()
            return self._forbidden(request, refusal)
        if isinstance(request.command, Backup):
            await self._effects.token_uses.save()
            return await self._reply(request, back_up(self._store, file))
        return await self._reply(request, act(self._store, self._effects, request.command))

    def _moment(self) -> Moment:
        return Moment(self._effects.now(), self._effects.steady())

    async def read(self, request: Request, caller: Caller) -> Lines:
        """Carry out a command that only reads."""
        assert isinstance(request.command, ReadCommand)
        try:
            self._permission.check(request, caller)
            _demand_nothing(request)
        except Rejected as refusal:
            return self._forbidden(request, refusal)
        source = Source(
            self._ledger.state,
            self._store,
            moment=self._moment(),
            behind=self._ledger.behind,
            outage=self._ledger.outage,
            overlay=self._ledger.overlay,
            effects=self._effects,
            caller=caller,
            forbidden=self._permission.forbidden,
            counts=self._counts,
            ledger=self._ledger.counts,
        )
        return await self._reply(request, read(source, request.command))

    async def _reply(self, request: Request, result: Awaitable[Result]) -> Lines:
        state, start = self._ledger.state, self._effects.steady()
        outcome: object = None
        try:
            return write_reply(request.id, state.revision, await result)
        except Rejected as refusal:
            outcome = refusal
            return iter((write_refusal(request.id, refusal),))
        finally:
            self._counts.note(request, outcome, self._effects.steady() - start)

    def _forbidden(self, request: Request, refusal: Rejected) -> Lines:
        self._counts.note(request, refusal, 0.0)
        return _lines(request, refusal)

    async def _approved(
        self, submission: Submission, approval: Approval, permit: Callable[[], None]
    ) -> None:
        """Submit a switch if all hooks agree to it; the ledger then decides it again.

        Hooks may take long, so that `permit` is called once more after them.

        A switch to the other side becomes one to the side that the hooks agreed to, so that it is
        the same if another command switched the group meanwhile.
        """
        command = submission.command
        assert isinstance(command, Switch)
        try:
            if await self._is_repeated(submission):
                self._ledger.submit(submission)
                return
            trial = replace(command, dry_run=True)
            state = self._ledger.state
            planned = switch(state, trial, self._moment(), Random(0)).report(state)
            failures = await approval({**planned, "reason": command.reason})
            permit()
        except Rejected as refusal:
            submission.reply(refusal)
            return
        except BaseException:
            submission.reply(Rejected("unavailable", "the server failed; see its log"))
            raise
        if failures:
            text = f"nothing was switched: {PreflightRule.BEFORE_SWITCH}"
            submission.reply(Rejected("refused", text, failures))
        else:
            self._ledger.submit(replace(submission, command=_agreed(command, planned)))

    async def _is_repeated(self, submission: Submission) -> bool:
        """Return whether this was carried out already; then no hook is asked again."""
        if submission.operation is None:
            return False
        try:
            return await self._store.operation(*submission.operation) is not None
        except (Unavailable, Corrupt):
            return False  # the ledger will report it


def event_line(change: Change) -> bytes:
    """Return a change as an event line, for clients that watch."""
    return write_line({"event": change.command.get("command"), **history_report(change)})


def unrecorded_line(step: Change) -> bytes:
    """Return an automatic step that is served and not stored as an event line.

    It has no revision yet; the event of the change follows when it is recorded.
    """
    report = {**history_report(step), "revision": None, "unrecorded": True}
    return write_line({"event": step.command.get("command"), **report})


def store_line(fault: str | None, since: float, recorded: int) -> bytes:
    """Return as an event line that the state cannot be written, or, without a fault, can be again.

    `since` (seconds since 1970) is when it became so; `recorded` counts the steps that were
    recorded then.
    """
    event: dict[str, Json] = {"event": "store", "writable": fault is None, "fault": fault}
    return write_line({**event, "since": timestamp(since), "recorded": recorded})


def _agreed(command: Switch, planned: Mapping[str, Any]) -> Switch:
    """Return a switch to the side that was planned, if that is the same for all its groups."""
    sides = {group["to"] for group in planned["groups"]}
    return replace(command, to=Side(sides.pop())) if len(sides) == 1 else command


def _demand_nothing(request: Request) -> None:
    """Raise Rejected `invalid` if a command that changes nothing demands a revision."""
    if request.expected is not None:
        text = "only commands that change the state can demand a revision (If-Match)"
        raise Rejected("invalid", text)


def _expecting(command: Mutation, revision: int | None) -> tuple[Mutation, int | None]:
    """Return a command that demands a revision, and the one that the whole state must have.

    A switch that happens at once demands that its groups did not change since; any other command
    demands that nothing did.
    """
    if isinstance(command, Switch) and command.at is None and command.if_revision is None:
        return replace(command, if_revision=revision), None
    return command, revision


def _takes_approval(command: Mutation) -> bool:
    return (
        isinstance(command, Switch)
        and not command.dry_run
        and command.at is None
        and PreflightRule.BEFORE_SWITCH not in command.override
    )


def _waits(command: Switch) -> bool:
    return command.wait_secondaries is not None and not command.dry_run


def _lines(request: Request, outcome: Outcome) -> Lines:
    match outcome:
        case Done(revision, result):
            return write_reply(request.id, revision, result)
        case Rejected():
            return iter((write_refusal(request.id, outcome),))
