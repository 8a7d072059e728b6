"""What one client asks and gets: requests, as lines, and the replies, in their order.

Commands that change the state go to the ledger as they arrive, so that many share a commit; any
other command waits until those before it on the same connection are answered.
A `RequestExecutor` carries the commands out (`control.slots`).  The memory for requests, replies
and events is bounded.

When it is this client's turn is decided in `control.turns`; how bytes come and go is not known
here: see `control.connection`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from failoverdns.control.caller import Caller
from failoverdns.control.intake import LONG_TIMEOUT, Intake
from failoverdns.control.language.requests import (
    TOO_LONG,
    Request,
    Unreadable,
    read_request,
    write_refusal,
)
from failoverdns.control.line_buffer import SHORT
from failoverdns.control.shared import Shared
from failoverdns.control.shares import Sharer
from failoverdns.control.slots import Lines, Slot
from failoverdns.model.change import Json
from failoverdns.model.commands import Action, Mutation, ReadCommand
from failoverdns.model.commands.server import Backup, Restart, Watch
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import unix_principal
from failoverdns.model.roles import Rights

MAX_PENDING: Final = 1000
"""Requests of one connection that are read before the first of them is answered."""

MAX_PENDING_BYTES: Final = 1 << 18
"""Bytes of these requests after which no further one is taken."""

MAX_EVENTS: Final = 10000
"""Events kept for a client that watches and reads too slowly; with more it is disconnected."""

MAX_EVENT_BYTES: Final = 8 << 20
"""Bytes of these events after which a further one disconnects the client."""

_NOT_WATCHING: Final = Rejected(
    "busy", "too many clients of this user, or of all users, watch; end one of them"
)
_LATE: Final = Rejected("malformed", f"a long request has to arrive within {LONG_TIMEOUT:g} s")


class Conversation:
    """The requests and replies of one client."""

    log = Logger()

    def __init__(self, client: Sharer, shared: Shared, watch: Callable[[], bool]) -> None:
        """Begin to serve `client`, which shares limits and commands with others.

        `watch` gives it the place of a client that watches, and returns False if there is none.
        """
        self.caller = Caller(unix_principal(-1, -1, "?"), Rights)
        self.expected: int | None = None
        """The revision that the next requests demand of the state; None for any."""
        self.watching = False
        self.is_ended = False
        """Whether the client sends nothing more."""
        self.intake = Intake(client, shared.long_requests, shared.clock, self._end_late)
        self._client = client
        self._shared = shared
        self._watch = watch
        self._slots: deque[Slot] = deque()
        self._pending = 0
        """Bytes of the requests and events in the slots."""
        self._restart: Slot | None = None
        """The place of the reply to `restart`; requests after it wait for the next program."""
        self.restart_id: Json = None

    @property
    def is_answered(self) -> bool:
        """Whether everything that the client asked is answered, but `restart`."""
        return all(slot is self._restart for slot in self._slots)

    @property
    def is_reading(self) -> bool:
        """Whether the next piece is that of a reply to a command that only reads."""
        return bool(self._slots) and self._slots[0].is_read

    @property
    def is_idle(self) -> bool:
        """Whether nothing is due to the client, and it is not in the middle of asking."""
        return not self._slots and self.intake.lines.size is None

    @property
    def is_over(self) -> bool:
        """Whether the client gets nothing more, so that its connection can be closed."""
        is_done = not self._slots and not len(self.intake.lines)
        return self.is_ended and is_done and not self.watching

    @property
    def restarts(self) -> bool:
        """Whether the client waits for the reply to `restart`."""
        return self._restart is not None

    @property
    def may_receive(self) -> bool:
        """Whether more can be received from the client now; if not, `look` is called later."""
        is_waiting = self._is_full or self.intake.lines.size is not None
        return not is_waiting and self.intake.may_go_on

    @property
    def next_size(self) -> int:
        """The bytes of the request that `take_one` takes next; 0 if it takes none."""
        return 0 if self._is_full else self.intake.lines.size or 0

    def end(self) -> None:
        """Note that the client sends nothing more."""
        self.is_ended = True
        self.intake.end()

    def dismiss(self, refusal: Rejected) -> None:
        """Take nothing more from the client, and end with a refusal after the replies that are due.

        Requests that were taken and whose turn has not come are refused, too.
        """
        self.watching, self.is_ended = False, True
        self.intake.close()
        self.reply(write_refusal(None, refusal))

    def abandon(self) -> None:
        """Note that the client is gone; commands that it sent are still carried out."""
        for slot in self._slots:
            slot.abandon()
        self._slots.clear()
        self.intake.close()
        self._shared.reads.end(self._client)

    def reply(self, line: bytes) -> None:
        """Send a line after the replies that are due."""
        slot = Slot(len(line))
        slot.lines = iter((line,))
        self._add(slot)
        self._client.look()

    def send_event(self, line: bytes) -> bool:
        """Send an event, after the replies that are due; return False if there are too many."""
        if len(self._slots) >= MAX_EVENTS or self._pending > MAX_EVENT_BYTES:
            self._shared.memory.note(self._pending)
            return False
        self.reply(line)
        return True

    def take_one(self) -> bool:
        """Take one request from what the client has sent, unless enough are pending."""
        lines = self.intake.lines
        if self._is_full:
            return False
        if lines.is_too_long:
            self._shared.memory.note(len(lines))
            self.intake.discard()
            self.reply(write_refusal(None, TOO_LONG))
            return True
        if lines.size is None or not self.intake.may_go_on:
            return False
        line = self.intake.take()
        slot = self._take(line)
        self.intake.close_file()
        if len(line) > SHORT:
            self._shared.memory.note(len(line))
            if slot is not None:
                slot.is_long = True
                self.intake.note_unanswered()
            else:
                self.intake.note_answered()
        return True

    def next_piece(self) -> bytes | None:
        """Return the next piece of the first reply; empty at its end, None if it is not there."""
        if not self._slots:
            return None
        slot = self._slots[0]
        if slot.request is not None:
            if slot.is_read and not self._shared.reads.has(self._client):
                return None
            request, slot.request = slot.request, None
            self._begin(slot, request)
        if slot.lines is None:
            return None
        piece = next(slot.lines, None)
        if piece is None:
            self._remove(slot)
            return b""
        self._shared.memory.note(len(piece))
        return piece

    @property
    def _is_full(self) -> bool:
        """Whether no further request is taken: enough are pending, or a restart is prepared."""
        is_held = self._restart is not None or self._shared.is_suspended
        return is_held or len(self._slots) >= MAX_PENDING or self._pending > MAX_PENDING_BYTES

    def _take(self, line: bytes) -> Slot | None:
        """Read a request and hand it on; return its slot, or None if it is refused."""
        self._shared.places.touch(self._client)
        try:
            request = read_request(line)
        except Unreadable as fault:
            self.reply(write_refusal(fault.id, fault.refusal))
            return None
        if self.expected is not None:
            request = replace(request, expected=self.expected)
        slot = Slot(len(line))
        if isinstance(request.command, Backup):
            slot.file, self.intake.file = self.intake.file, None
        self._add(slot)
        if isinstance(request.command, Mutation):
            self._shared.commands.change(
                request, self.caller, lambda lines: self._fill(lines, slot)
            )
        else:
            slot.request = request
            slot.is_read = isinstance(request.command, ReadCommand)
            commands = self._shared.commands
            if isinstance(request.command, Restart) and commands.permits(request, self.caller):
                self._restart, self.restart_id = slot, request.id
        return slot

    def _begin(self, slot: Slot, request: Request) -> None:
        """Carry out a command that had to wait for those before it."""
        commands = self._shared.commands
        watches = isinstance(request.command, Watch) and commands.permits(request, self.caller)
        if watches and not self.watch():
            self._end_read(iter((write_refusal(request.id, _NOT_WATCHING),)), slot)
            return
        is_action = isinstance(request.command, Action)
        if is_action:
            carry_out = commands.act(request, self.caller, slot.file)
        else:
            carry_out = commands.read(request, self.caller)
        result = Deferred.fromCoroutine(carry_out)
        result.addErrback(self._report_defect, request)
        result.addCallback(self._fill if is_action else self._end_read, slot)

    def watch(self) -> bool:
        """Send events to the client from now on; return False if too many clients watch."""
        self.watching = self.watching or self._watch()
        return self.watching

    def _report_defect(self, failure: Failure, request: Request) -> Lines:
        self.log.failure("a request could not be carried out", failure)
        refusal = Rejected("unavailable", "the server failed; see its log")
        return iter((write_refusal(request.id, refusal),))

    def _end_read(self, lines: Lines, slot: Slot) -> None:
        self._shared.reads.end(self._client)
        self._fill(lines, slot)

    def _fill(self, lines: Lines, slot: Slot) -> None:
        slot.lines = lines
        self._client.look()

    def _add(self, slot: Slot) -> None:
        self._slots.append(slot)
        self._pending += slot.size

    def _remove(self, slot: Slot) -> None:
        """Remove the first slot, whose reply was sent."""
        self._slots.popleft()
        self._pending -= slot.size
        if slot is self._restart:
            self._restart = None
        if slot.is_long:
            self._shared.memory.note(slot.size)
            self.intake.note_answered()

    def _end_late(self) -> None:
        """Refuse a long request that did not arrive in time, unless a restart held it up."""
        if self._shared.is_suspended:
            self.intake.expect()
            return
        self.intake.discard()
        self.end()
        self.reply(write_refusal(None, _LATE))
