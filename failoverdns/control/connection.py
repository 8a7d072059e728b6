"""One client of the control socket: its requests, as lines, and the replies, in their order.

Commands that change the state go to the ledger as they arrive, so that many share a commit; any
other command waits until those before it on the same connection are answered.
The server stops reading from a client that does not read its replies, and disconnects it after
`STALLED_TIMEOUT`; the memory for a client is bounded.
A `RequestExecutor` carries the commands out (`control.slots`).
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IFileDescriptorReceiver,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
)
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.control.caller import Caller
from failoverdns.control.given_file import GivenFile
from failoverdns.control.language.requests import (
    MAX_LINE,
    Request,
    Unreadable,
    read_request,
    write_refusal,
)
from failoverdns.control.slots import Lines, RequestExecutor, Slot
from failoverdns.model.change import Json
from failoverdns.model.commands import Action, Mutation
from failoverdns.model.commands.server import Backup, Restart, Watch
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import unix_principal
from failoverdns.model.roles import Rights
from failoverdns.net.detaching import detach, is_flushed
from failoverdns.net.peer import Account, AccountRoles, account_of, peer
from failoverdns.net.succession import HandedClient

MAX_PENDING: Final = 1000
"""Requests of one connection that are read before the first of them is answered."""

MAX_EVENTS: Final = 10000
"""Events kept for a client that watches and reads too slowly; with more it is disconnected."""

LINGER: Final = 1.0
"""Seconds in which a rejected client may still write; what it writes is not read."""

STALLED_TIMEOUT: Final = 60.0
"""Seconds that a client may leave its replies unread before it is disconnected."""

TURN: Final = 0.002
"""Seconds that one connection may use before others get their turn."""


class Clients(Protocol):
    """All clients of the control socket, as one of them sees them (`control.server`)."""

    roles: AccountRoles
    clock: IReactorTime
    commands: RequestExecutor
    is_suspended: bool
    """Whether no further request is taken."""

    def name_of(self, uid: int) -> str | None:
        """Return the name of a user, if it is known."""

    def enter(self, client: ControlConnection) -> bool:
        """Add a client; return False if there is no place for it."""

    def touch(self, client: ControlConnection) -> None:
        """Note that a client sent a request."""

    def leave(self, client: ControlConnection) -> None:
        """Forget a client."""


@implementer(IFileDescriptorReceiver, IHalfCloseableProtocol, IPushProducer)
class ControlConnection(TwistedProtocol):
    """One client."""

    transport: Any
    log = Logger()

    def __init__(self, factory: Clients) -> None:
        self._factory = factory
        self.watching = False
        self._account = Account(-1, frozenset())
        self._caller = Caller(unix_principal(-1, -1, "?"), Rights)
        self._buffer = bytearray()
        self._file: GivenFile | None = None
        self._discarding = False
        self._slots: deque[Slot] = deque()
        self._paused = False
        self._ended = False
        self._gone = False
        self._working = False
        self._stalled: IDelayedCall | None = None
        self._later: IDelayedCall | None = None
        self._restart: Slot | None = None
        """The place of the reply to `restart`; requests after it wait for the next program."""
        self._restart_id: Json = None

    def connectionMade(self) -> None:  # noqa: N802
        """Identify the client; reject it if it has no role, or if there are too many clients."""
        self._account = account_of(self.transport.socket)
        name = self._factory.name_of(self._account.uid)
        self._caller = Caller(peer(self.transport.socket, name), self._rights)
        self.transport.registerProducer(self, True)
        if self._rights().role is None:
            self._turn_away(self._no_role())
        elif not self._factory.enter(self):
            self._turn_away(Rejected("busy", "too many clients; try again"))

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take requests from bytes that arrived."""
        if self._gone or self._ended:
            return
        self._buffer += data
        self._work()

    def fileDescriptorReceived(self, descriptor: int) -> None:  # noqa: N802
        """Keep a file for the request whose first bytes came with it; close any other."""
        file = GivenFile(descriptor)
        if self._gone or self._discarding or self._buffer or self._file is not None:
            file.close()
        else:
            self._file = file

    def readConnectionLost(self) -> None:  # noqa: N802
        """Answer pending requests, then close: the client only reads from now on."""
        if self._gone:
            self.transport.loseConnection()
            return
        self._ended = True
        if self._buffer and not self._discarding:
            self._buffer += b"\n"
        self._work()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Close: the client no longer reads."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Forget the client; commands that it sent are still carried out."""
        self._gone = True
        for call in (self._stalled, self._later):
            if call is not None and call.active():
                call.cancel()
        for slot in self._slots:
            slot.abandon()
        self._slots.clear()
        self._buffer.clear()
        self._close_file()
        self._factory.leave(self)

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop: the client does not read."""
        self._paused = True
        self._stalled = self._factory.clock.callLater(
            STALLED_TIMEOUT, self.transport.abortConnection
        )

    def resumeProducing(self) -> None:  # noqa: N802
        """Continue: the client reads again."""
        self._paused = False
        if self._stalled is not None and self._stalled.active():
            self._stalled.cancel()
        self._work()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is closing."""

    @property
    def is_idle(self) -> bool:
        """Whether no reply or event is due to the client.

        A client that watches and sends nothing more may be gone; the next event shows it.
        """
        return not self._slots and not self._paused and (self._ended or not self.watching)

    def send_event(self, line: bytes) -> None:
        """Send an event, after pending replies."""
        if len(self._slots) >= MAX_EVENTS:
            self.transport.abortConnection()
        else:
            self._reply(line)

    @property
    def is_quiet(self) -> bool:
        """Whether every reply is given to the kernel, but that to `restart`."""
        others = [slot for slot in self._slots if slot is not self._restart]
        return not others and is_flushed(self.transport)

    def hand_over(self) -> HandedClient | None:
        """Give up the connection, which stays open; return it for the next program.

        A connection that is not quiet is closed, and None is returned.
        """
        if self._gone or self._discarding or self._file is not None or not self.is_quiet:
            self.transport.abortConnection()
            return None
        received, restarts = bytes(self._buffer), self._restart is not None
        descriptor = detach(self.transport)
        self.connectionLost()
        return HandedClient(descriptor, received, self.watching, restarts, self._restart_id)

    def take_over(self, client: HandedClient, reply: bytes) -> None:
        """Continue a connection of the program before; `reply` is that to `restart`."""
        self.watching = client.watching
        if client.restarts:
            self._reply(reply)
        self.dataReceived(client.received)

    def check_role(self) -> None:
        """Let the client go, after its pending replies, if it has no role any more."""
        if self._gone or self._rights().role is not None:
            return
        self.watching, self._ended = False, True
        self._buffer.clear()
        self.transport.pauseProducing()
        self._reply(write_refusal(None, self._no_role()))

    def look(self) -> None:
        """Read or wait, after that was changed for all connections."""
        if not self._gone:
            self._work()

    @property
    def _is_held(self) -> bool:
        """Whether further requests wait for a restart."""
        return self._restart is not None or self._factory.is_suspended

    def _work(self) -> None:
        """Take requests and send replies, by turns, for as long as the client reads.

        A call while it works returns at once; the loop sees the new work.
        """
        if self._working or (self._later is not None and self._later.active()):
            return
        self._working = True
        until = self._factory.clock.seconds() + TURN
        try:
            while not self._paused and not self._gone:
                took, sent = self._take_line(), self._send_chunk()
                if not took and not sent:
                    break
                if self._factory.clock.seconds() > until:
                    self._later = self._factory.clock.callLater(0, self._work)
                    return
        finally:
            self._working = False
        if self._gone:
            return
        done = not self._slots and not self._buffer
        if self._ended and done and not self.watching:
            self._close()
        elif not self._ended:
            full = self._paused or self._is_held or len(self._slots) >= MAX_PENDING
            (self.transport.pauseProducing if full else self.transport.resumeProducing)()

    def _take_line(self) -> bool:
        """Take one request from the buffer, unless enough are pending."""
        if self._is_held or len(self._slots) >= MAX_PENDING:
            return False
        end = self._buffer.find(b"\n")
        if end < 0:
            self._limit_buffer()
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if self._discarding:
            self._discarding = False
        else:
            self._take(line)
        self._close_file()
        return True

    def _limit_buffer(self) -> None:
        """Refuse a line that is too long, once, and drop the rest of it."""
        if len(self._buffer) > MAX_LINE and not self._discarding:
            self._discarding = True
            refusal = Rejected("malformed", f"a request has at most {MAX_LINE} bytes")
            self._reply(write_refusal(None, refusal))
        if self._discarding:
            self._buffer.clear()

    def _take(self, line: bytes) -> None:
        self._factory.touch(self)
        try:
            request = read_request(line)
        except Unreadable as fault:
            self._reply(write_refusal(fault.id, fault.refusal))
            return
        slot = Slot()
        if isinstance(request.command, Backup):
            slot.file, self._file = self._file, None
        self._slots.append(slot)
        if isinstance(request.command, Mutation):
            self._factory.commands.change(
                request, self._caller, lambda lines: self._fill(slot, lines)
            )
        else:
            slot.request = request
            commands = self._factory.commands
            if isinstance(request.command, Restart) and commands.permits(request, self._caller):
                self._restart, self._restart_id = slot, request.id

    def _send_chunk(self) -> bool:
        """Send a part of the reply that is first in order, if it is ready."""
        if not self._slots:
            return False
        slot = self._slots[0]
        if slot.request is not None:
            request, slot.request = slot.request, None
            self._begin(slot, request)
        if slot.lines is None:
            return False
        chunk = next(slot.lines, None)
        if chunk is None:
            self._slots.popleft()
            if slot is self._restart:
                self._restart = None
        else:
            self.transport.write(chunk)
        return True

    def _begin(self, slot: Slot, request: Request) -> None:
        commands = self._factory.commands
        if isinstance(request.command, Watch) and commands.permits(request, self._caller):
            self.watching = True
        if isinstance(request.command, Action):
            carry_out = commands.act(request, self._caller, slot.file)
        else:
            carry_out = commands.read(request, self._caller)
        result = Deferred.fromCoroutine(carry_out)
        result.addErrback(self._report_defect, request)
        result.addCallback(lambda lines: self._fill(slot, lines))

    def _report_defect(self, failure: Failure, request: Request) -> Lines:
        self.log.failure("a request could not be carried out", failure)
        refusal = Rejected("unavailable", "the server failed; see its log")
        return iter((write_refusal(request.id, refusal),))

    def _reply(self, line: bytes) -> None:
        self._fill(Slot(), iter((line,)), append=True)

    def _fill(self, slot: Slot, lines: Lines, *, append: bool = False) -> None:
        slot.lines = lines
        if append:
            self._slots.append(slot)
        self._work()

    def _rights(self) -> Rights:
        """Return what the user of the client may do now."""
        return self._factory.roles.rights_of(self._account)

    def _no_role(self) -> Rejected:
        """Return the refusal of a client whose user has no role, and note it."""
        setting = "control.allow or control.roles of the configuration"
        refusal = Rejected("forbidden", f"uid {self._account.uid} is not in {setting}")
        self._factory.commands.turned_away(self._caller.principal, refusal)
        return refusal

    def _turn_away(self, refusal: Rejected) -> None:
        """Send the reason, and close later: a client that still writes would not read it."""
        self._reply(write_refusal(None, refusal))
        self._gone = True
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()
        self._later = self._factory.clock.callLater(LINGER, self.transport.loseConnection)

    def _close_file(self) -> None:
        """Close a file that no request took."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _close(self) -> None:
        self._gone = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()
