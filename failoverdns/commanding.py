"""The command corridor: one request in, one reply out.

    request -> changes something -> ledger  -> reply line
            -> reads             -> reading -> reply in pieces

Refuses to know connections and how lines are told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from failoverdns.ledger import Done, Ledger, Outcome, Submission
from failoverdns.model.change import Change, Who
from failoverdns.model.commands import Query
from failoverdns.model.errors import Rejected
from failoverdns.reading import read
from failoverdns.rules.reporting import history_report
from failoverdns.store.interface import Store
from failoverdns.wire.requests import Request, canonical, write_line, write_refusal, write_reply

Lines = Iterator[bytes]


class Commands:
    """Carries out the requests of all clients."""

    def __init__(self, ledger: Ledger, store: Store) -> None:
        self._ledger = ledger
        self._store = store

    def change(self, request: Request, who: Who, reply: Callable[[Lines], None]) -> None:
        """Carry out a command that changes something; `reply` is called once."""
        assert not isinstance(request.command, Query)
        self._ledger.submit(
            Submission(
                command=request.command,
                who=who,
                given=request.given,
                reply=lambda outcome: reply(_lines(request, outcome)),
                op_id=request.op_id,
                request=canonical(request.given),
            )
        )

    async def read(self, request: Request) -> Lines:
        """Carry out a command that reads."""
        assert isinstance(request.command, Query)
        state = self._ledger.state
        try:
            result = await read(state, self._store, request.command)
        except Rejected as refusal:
            return iter((write_refusal(request.id, refusal),))
        return write_reply(request.id, state.revision, result)


def event_line(change: Change) -> bytes:
    """Return a change as the line that those who watch get."""
    return write_line({"event": change.command.get("command"), **history_report(change)})


def _lines(request: Request, outcome: Outcome) -> Lines:
    match outcome:
        case Done(revision, result):
            return write_reply(request.id, revision, result)
        case Rejected():
            return iter((write_refusal(request.id, outcome),))
