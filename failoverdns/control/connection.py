"""One connection of the control socket: how its client comes, reads, writes and goes.

The server stops reading from a client that does not read its replies, and disconnects it after
`STALLED_TIMEOUT`, or earlier if another one needs its place (`control.places`).
What the client asks, and what it gets, is a `Conversation`; when it is its turn is decided in
`control.turns`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from twisted.internet.interfaces import (
    IDelayedCall,
    IFileDescriptorReceiver,
    IHalfCloseableProtocol,
    IPushProducer,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.control.caller import Caller
from failoverdns.control.conversation import Conversation
from failoverdns.control.language.requests import write_refusal
from failoverdns.control.shared import Shared
from failoverdns.model.errors import Rejected
from failoverdns.model.roles import Rights
from failoverdns.net.detaching import detach, is_flushed
from failoverdns.net.peer import Account, account_of, peer
from failoverdns.net.succession import HandedClient

LINGER: Final = 1.0
"""Seconds in which a rejected client may still write; what it writes is not read."""

STALLED: Final = 5.0
"""Seconds that a client may leave its replies unread before another can get its place."""

STALLED_TIMEOUT: Final = 60.0
"""Seconds that a client may leave its replies unread before it is disconnected."""

NO_PLACE: Final = Rejected(
    "busy", "too many clients of this user, or of all users, are connected; try again"
)
_MADE_WAY: Final = Rejected(
    "busy", "this connection was idle, and another one needed its place; try again"
)


@implementer(IFileDescriptorReceiver, IHalfCloseableProtocol, IPushProducer)
class ControlConnection(Protocol):
    """One client."""

    transport: Any
    log = Logger()

    def __init__(self, shared: Shared) -> None:
        self.uid = -1
        self.virtual_time = 0.0
        self._account = Account(-1, frozenset())
        self._shared = shared
        self._conversation = Conversation(self, shared, lambda: shared.places.watch(self))
        self._reads = True
        self._paused = False
        self._paused_at = 0.0
        self._gone = False
        self._lingers = False
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802
        """Identify the client; reject it if it has no role, or if there are too many clients."""
        self._account = account_of(self.transport.socket)
        self.uid = self._account.uid
        principal = peer(self.transport.socket, self._shared.name_of(self.uid))
        self._conversation.caller = Caller(principal, self._rights)
        self.transport.registerProducer(self, True)
        if self._rights().role is None:
            self._turn_away(self._no_role())
        elif not self._shared.places.enter(self):
            self._turn_away(NO_PLACE)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take requests from bytes that arrived."""
        if not self._gone and not self._conversation.is_ended:
            self._conversation.intake.lines.add(data)
            self.look()
            self._read_or_not()

    def fileDescriptorReceived(self, descriptor: int) -> None:  # noqa: N802
        """Keep a file for the request whose first bytes came with it; close any other."""
        self._conversation.intake.keep(descriptor)
        if self._gone:
            self._conversation.intake.close_file()

    def readConnectionLost(self) -> None:  # noqa: N802
        """Answer pending requests, then close: the client only reads from now on."""
        if self._gone:
            self.transport.loseConnection()
            return
        self._conversation.end()
        self.look()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Close: the client no longer reads."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Forget the client; commands that it sent are still carried out."""
        self._gone = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._conversation.abandon()
        self._shared.turns.leave(self)
        self._shared.places.leave(self)
        if self._lingers:
            self._shared.places.let_go(self.uid)
            self._lingers = False

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop: the client does not read."""
        clock = self._shared.clock
        self._paused, self._paused_at = True, clock.seconds()
        self._timer = clock.callLater(STALLED_TIMEOUT, self.transport.abortConnection)

    def resumeProducing(self) -> None:  # noqa: N802
        """Continue: the client reads again."""
        self._paused = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.look()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the connection is closing."""

    @property
    def is_idle(self) -> bool:
        """Whether no reply or event is due to the client, or it does not read them.

        A client that watches and sends nothing more may be gone; the next event shows it.
        """
        if self._paused:
            return self._shared.clock.seconds() - self._paused_at >= STALLED
        conversation = self._conversation
        return conversation.is_idle and (conversation.is_ended or not conversation.watching)

    @property
    def next_size(self) -> int:
        """The bytes of the request that the next step takes; 0 if it takes none."""
        return 0 if self._paused else self._conversation.next_size

    def step(self) -> bool:
        """Take one request and send one piece; return whether there may be more to do."""
        if self._gone:
            return False
        try:
            if not self._paused:
                took, piece = self._conversation.take_one(), self._conversation.next_piece()
                if piece:
                    self.transport.write(piece)
                if took or piece is not None:
                    return not self._gone
            self._settle()
        except Exception:
            self.log.failure("a client of the control socket could not be served")
            self.transport.abortConnection()
        return False

    def look(self) -> None:
        """Go on when it is this client's turn: what it waited for may be there."""
        if not self._gone:
            self._shared.turns.ready(self)

    def check_role(self) -> None:
        """Let the client go, after its pending replies, if its user has no role any more."""
        if not self._gone and self._rights().role is None:
            self._shared.places.leave(self)
            self.transport.pauseProducing()
            self._conversation.dismiss(self._no_role())

    def send_event(self, line: bytes) -> None:
        """Send an event to a client that watches; disconnect it if it does not read them."""
        if not self._conversation.send_event(line):
            self.transport.abortConnection()

    def give_way(self) -> None:
        """Disconnect the client, so that another gets its place."""
        self._gone = True
        if not self._paused and is_flushed(self.transport):
            with suppress(OSError):
                self.transport.socket.send(write_refusal(None, _MADE_WAY))
        self.transport.abortConnection()

    @property
    def is_quiet(self) -> bool:
        """Whether every reply is given to the kernel, but that to `restart`."""
        return self._conversation.is_answered and is_flushed(self.transport)

    def hand_over(self) -> HandedClient | None:
        """Give up the connection, which stays open; return it for the next program.

        A connection that is not quiet is closed, and None is returned.
        """
        conversation, intake = self._conversation, self._conversation.intake
        is_whole = not intake.lines.is_discarding and intake.file is None
        if self._gone or not is_whole or not self.is_quiet:
            self.transport.abortConnection()
            return None
        received, restarts = intake.lines.rest, conversation.restarts
        descriptor = detach(self.transport)
        self.connectionLost()
        return HandedClient(
            descriptor, received, conversation.watching, restarts, conversation.restart_id
        )

    def take_over(self, client: HandedClient, reply: bytes) -> None:
        """Continue a connection of the program before; `reply` is that to `restart`."""
        if self._gone or (client.watching and not self._conversation.watch()):
            self.transport.abortConnection()
            return
        if client.restarts:
            self._conversation.reply(reply)
        self.dataReceived(client.received)

    def _rights(self) -> Rights:
        """Return what the user of the client may do now."""
        return self._shared.roles.rights_of(self._account)

    def _no_role(self) -> Rejected:
        """Return the refusal of a client whose user has no role, and note it."""
        setting = "control.allow or control.roles of the configuration"
        refusal = Rejected("forbidden", f"uid {self.uid} is not in {setting}")
        self._shared.commands.turned_away(self._conversation.caller.principal, refusal)
        return refusal

    def _settle(self) -> None:
        """Read on, or close, now that nothing can be taken or sent."""
        if self._conversation.is_over:
            self._gone = True
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        else:
            self._read_or_not()

    def _read_or_not(self) -> None:
        """Read from the client unless what it sent before has to be taken first."""
        if self._gone or self._conversation.is_ended:
            return
        reads = not self._paused and self._conversation.may_receive
        if reads != self._reads:
            self._reads = reads
            (self.transport.resumeProducing if reads else self.transport.pauseProducing)()

    def _turn_away(self, refusal: Rejected) -> None:
        """Send the reason, and close later: a client that still writes would not read it.

        If too many linger like that, it is closed at once.
        """
        self._gone = True
        self.transport.unregisterProducer()
        self.transport.write(write_refusal(None, refusal))
        self._lingers = self._shared.places.may_linger(self.uid)
        if self._lingers:
            self.transport.loseWriteConnection()
            clock = self._shared.clock
            self._timer = clock.callLater(LINGER, self.transport.abortConnection)
        else:
            self.transport.loseConnection()
