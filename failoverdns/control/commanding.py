"""The command corridor: one request in, one reply out.

    request -> changes something -> (hooks agree) -> ledger  -> reply line
            -> reads             ->                  reading -> reply in pieces

Refuses to know connections and how lines are told apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from failoverdns.changes.ledger import Done, Ledger, Outcome, Submission
from failoverdns.control.language.requests import (
    Request,
    canonical,
    write_line,
    write_refusal,
    write_reply,
)
from failoverdns.control.reading import NotProbing, Probing, Source, read
from failoverdns.model.change import Change, Json, Who
from failoverdns.model.commands import LogCommand, Mutation, ReadCommand
from failoverdns.model.commands.certificates import RequestCertificate
from failoverdns.model.commands.groups import Switch
from failoverdns.model.errors import Corrupt, Rejected, RuleFailure
from failoverdns.model.group import Side
from failoverdns.rules.decisions.switching import BEFORE_SWITCH, switch
from failoverdns.rules.reports.reporting import history_report
from failoverdns.store.interface import Store, Unavailable

Lines = Iterator[bytes]

_NOT_ISSUING = Rejected(
    "refused",
    "no CA is configured: certificates are issued where the configuration has `acme`; "
    "one from elsewhere can be installed with `certificate install`",
)


class Approval(Protocol):
    """What has to agree before a switch: the hooks that are required to."""

    def __call__(self, planned: Mapping[str, Json]) -> Awaitable[tuple[RuleFailure, ...]]:
        """Return why not, for the result of a dry run and its `reason`; nothing if all agree."""


class Commands:
    """Carries out the requests of all clients.

    `now` tells seconds since 1970, `spawn` drives a coroutine to its end, `hooks` and `server`
    report how the hooks are doing and what becomes of packets.
    Without `approval` no switch has to wait for anything; `issuing` tells whether certificates can
    be issued here; `probing` knows what probes saw, `automation` reports how it is doing.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        *,
        now: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        hooks: Callable[[], list[Json]] = list,
        server: Callable[[], Awaitable[dict[str, Json]]],
        query_log: Callable[[LogCommand], Awaitable[dict[str, Json]]],
        approval: Callable[[], Approval | None] = lambda: None,
        issuing: Callable[[], bool] = lambda: True,
        steady: Callable[[], float] | None = None,
        probing: Probing | None = None,
        automation: Callable[[], dict[str, Json]] = dict,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._now = now
        self._spawn = spawn
        self._hooks = hooks
        self._server = server
        self._query_log = query_log
        self._approval = approval
        self._issuing = issuing
        self._steady = steady if steady is not None else now
        self._probing = probing if probing is not None else NotProbing()
        self._automation = automation

    def change(self, request: Request, who: Who, reply: Callable[[Lines], None]) -> None:
        """Carry out a command that changes something; `reply` is called once."""
        assert not isinstance(request.command, ReadCommand)
        if isinstance(request.command, RequestCertificate) and not self._issuing():
            reply(_lines(request, _NOT_ISSUING))
            return
        submission = Submission(
            command=request.command,
            who=who,
            given=request.given,
            reply=lambda outcome: reply(_lines(request, outcome)),
            op_id=request.op_id,
            request=canonical(request.given),
        )
        approval = self._approval() if _takes_approval(submission.command) else None
        if approval is None:
            self._ledger.submit(submission)
        else:
            self._spawn(self._approved(submission, approval))

    async def read(self, request: Request) -> Lines:
        """Carry out a command that reads."""
        assert isinstance(request.command, ReadCommand)
        state = self._ledger.state
        try:
            source = Source(
                state,
                self._store,
                self._now(),
                steady=self._steady(),
                hooks=self._hooks,
                asks_hooks=self._approval() is not None,
                server=self._report,
                query_log=self._query_log,
                probing=self._probing,
            )
            result = await read(source, request.command)
        except Rejected as refusal:
            return iter((write_refusal(request.id, refusal),))
        return write_reply(request.id, state.revision, result)

    async def _report(self) -> dict[str, Json]:
        automation = self._automation()
        return {
            "behind": self._ledger.behind,
            **await self._server(),
            **({"automation": automation} if automation else {}),
        }

    async def _approved(self, submission: Submission, approval: Approval) -> None:
        """Submit a switch if all that have to agree do; the switch is planned again then.

        "The other side" is by then the one that they have agreed to, whoever else switched.
        """
        command = submission.command
        assert isinstance(command, Switch)
        try:
            if await self._is_repeated(submission):
                self._ledger.submit(submission)
                return
            trial = replace(command, dry_run=True)
            state = self._ledger.state
            planned = switch(state, trial, self._now(), self._steady()).report(state)
            failures = await approval({**planned, "reason": command.reason})
        except Rejected as refusal:
            submission.reply(refusal)
            return
        except BaseException:
            submission.reply(Rejected("unavailable", "the server failed; see its log"))
            raise
        if failures:
            text = f"nothing was switched: {BEFORE_SWITCH}"
            submission.reply(Rejected("refused", text, failures))
        else:
            self._ledger.submit(replace(submission, command=_agreed(command, planned)))

    async def _is_repeated(self, submission: Submission) -> bool:
        """Tell whether this was carried out already: then nobody is asked again."""
        if submission.op_id is None:
            return False
        try:
            return await self._store.operation(submission.op_id) is not None
        except (Unavailable, Corrupt):
            return False  # the ledger will say so


def event_line(change: Change) -> bytes:
    """Return a change as the line that those who watch get."""
    return write_line({"event": change.command.get("command"), **history_report(change)})


def _agreed(command: Switch, planned: Mapping[str, Any]) -> Switch:
    """Return a switch to the side that was planned, if that is the same for all its groups."""
    sides = {group["to"] for group in planned["groups"]}
    return replace(command, to=Side(sides.pop())) if len(sides) == 1 else command


def _takes_approval(command: Mutation) -> bool:
    return (
        isinstance(command, Switch)
        and not command.dry_run
        and command.at is None
        and BEFORE_SWITCH not in command.override
    )


def _lines(request: Request, outcome: Outcome) -> Lines:
    match outcome:
        case Done(revision, result):
            return write_reply(request.id, revision, result)
        case Rejected():
            return iter((write_refusal(request.id, outcome),))
