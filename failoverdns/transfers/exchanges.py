"""Messages to one secondary by UDP, signed, and its replies, verified.

The socket is connected, so that the kernel lets only this secondary's packets in.  A reply counts
if its id is that of a message which waits, and its signature fits (RFC 8945 section 5.4).
The number of messages a second is bounded, and small while the secondary does not answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol

from failoverdns.model.errors import Malformed
from failoverdns.model.settings import SecondarySettings
from failoverdns.net.token_bucket import TokenBucket
from failoverdns.protocol.transfer.notify import SecondaryReply, notify, read_reply, soa_query
from failoverdns.protocol.tsig import NotVerified, TSIGKey, sign_request, verify_reply
from failoverdns.transfers.replies import in_words, unverified
from failoverdns.transfers.standing import Send

RATE: Final = 1000.0
SLOW_RATE: Final = 20.0
"""Messages a second to a secondary that answers, and to one that does not."""

AT_ONCE: Final = 32
"""Messages that may leave at once: a socket's buffer has room for their replies."""

SILENCE: Final = 5.0
"""Seconds without any reply after which a secondary counts as one that does not answer."""

_OPCODES: Final = {Send.NOTIFY: 4, Send.QUERY: 0}
_WORDS: Final = {Send.NOTIFY: "NOTIFY", Send.QUERY: "SOA"}


@dataclass(frozen=True, slots=True)
class Replied:
    """What the secondary replied to a message about a zone.

    `problem` is why the reply is no good, None if it is; `serial` is that of the reply to a query.
    """

    origin: bytes
    kind: Send
    serial: int | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message that waits for its reply, with the MAC that the reply must fit."""

    origin: bytes
    kind: Send
    mac: bytes


class _Socket(DatagramProtocol):
    """A socket to one secondary.

    Twisted closes it when the kernel reports that nothing listens at the other end; then `gone` is
    called, and another one is opened for the next message.
    """

    def __init__(self, take: Callable[[bytes], None], gone: Callable[[_Socket], None]) -> None:
        self._take = take
        self._gone = gone

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        """Pass a packet on: it is the secondary's, because the socket is connected."""
        self._take(datagram)

    def connectionRefused(self) -> None:  # noqa: N802
        """Take the news that nothing listens there; messages that wait get no reply."""

    def stopProtocol(self) -> None:  # noqa: N802
        """Note that the socket was closed."""
        self._gone(self)


class Exchanges:
    """The messages to one secondary, and its replies."""

    def __init__(
        self,
        settings: SecondarySettings,
        key: TSIGKey,
        reactor: Any,
        now: Callable[[], float],
        random: Callable[[], int],
        replied: Callable[[Replied], None],
    ) -> None:
        """Use these settings; no socket is opened before the first message.

        `now` returns seconds since 1970, and `random` 16 random bits.
        """
        self.settings = settings
        self.key = key
        self._reactor = reactor
        self._now = now
        self._random = random
        self._replied = replied
        self._waiting: dict[int, _Sent] = {}
        self._ids: dict[tuple[bytes, Send], int] = {}
        self._fast = TokenBucket(RATE, AT_ONCE)
        self._slow = TokenBucket(SLOW_RATE, AT_ONCE)
        self._unanswered_since: float | None = None
        self._port: Any = None
        self._socket: _Socket | None = None

    def pause(self) -> float:
        """Return the seconds until the next message may be sent; 0 if it may be now."""
        now = self._reactor.seconds()
        since = self._unanswered_since
        is_silent = since is not None and now - since >= SILENCE
        return (self._slow if is_silent else self._fast).wait(now)

    def send(self, kind: Send, origin: bytes, soa: bytes) -> None:
        """Send a message about a zone; an earlier one of this kind does not wait any more."""
        now = self._reactor.seconds()
        self._fast.charge(now, 1)
        self._slow.charge(now, 1)
        if self._unanswered_since is None:
            self._unanswered_since = now
        self.forget(origin, kind)
        id_ = self._unused_id()
        if id_ is None:
            return  # as if it were lost: 65,536 others wait
        message = notify(origin, soa, id_) if kind is Send.NOTIFY else soa_query(origin, id_)
        signed, mac = sign_request(message, self.key, int(self._now()))
        self._waiting[id_] = _Sent(origin, kind, mac)
        self._ids[origin, kind] = id_
        try:
            self._open().write(signed)
        except (OSError, CannotListenError) as fault:
            self.close()
            self._reactor.callLater(0, self._failed, id_, _cannot_send(self.settings, fault))

    def forget(self, origin: bytes, kind: Send) -> None:
        """Do not wait for the reply to a message any more."""
        id_ = self._ids.pop((origin, kind), None)
        if id_ is not None:
            self._waiting.pop(id_, None)

    def close(self) -> None:
        """Close the socket; another one is opened for the next message."""
        port, self._port, self._socket = self._port, None, None
        if port is not None:
            port.stopListening()

    def _gone(self, socket: _Socket) -> None:
        if socket is self._socket:
            self._port = self._socket = None

    def take(self, datagram: bytes) -> None:
        """Take a packet of the secondary; it is ignored unless a message waits for it."""
        sent = self._waiting.get(int.from_bytes(datagram[:2], "big"))
        if sent is None or len(datagram) < 12 or not datagram[2] & 0x80:
            return
        self._unanswered_since = None
        word = _WORDS[sent.kind]
        now = int(self._now())
        try:
            reply = read_reply(verify_reply(datagram, self.key, sent.mac, now))
        except NotVerified as fault:
            apart = fault.server_time - now if fault.server_time is not None else 0
            key = self.settings.key.to_text()
            problem: str | None = unverified(word, fault.rcode, fault.error, key, apart)
            self._answered(sent, None, problem)
        except Malformed as fault:
            self._answered(sent, None, f"sends a reply to {word} that cannot be read: {fault}")
        else:
            if reply.opcode == _OPCODES[sent.kind] and reply.origin in (None, sent.origin):
                self._answered(sent, reply.serial, _problem(sent.kind, reply))

    def _answered(self, sent: _Sent, serial: int | None, problem: str | None) -> None:
        self.forget(sent.origin, sent.kind)
        self._replied(Replied(sent.origin, sent.kind, serial, problem))

    def _failed(self, id_: int, problem: str) -> None:
        sent = self._waiting.get(id_)
        if sent is not None:
            self._answered(sent, None, problem)

    def _open(self) -> Any:
        if self._port is None:
            host, source = self.settings.address.host, self.settings.source
            interface = str(source) if source is not None else "::" if host.version == 6 else ""
            socket = _Socket(self.take, self._gone)
            port = self._port = self._reactor.listenUDP(0, socket, interface=interface)
            self._socket = socket
            port.connect(str(host), self.settings.address.port)
        return self._port

    def _unused_id(self) -> int | None:
        if len(self._waiting) >= 0x8000:
            return None
        while (id_ := self._random()) in self._waiting:
            pass
        return id_


def _problem(kind: Send, reply: SecondaryReply) -> str | None:
    """Return what is wrong with a reply that is signed as it must be."""
    if reply.rcode:
        return in_words(_WORDS[kind], reply.rcode)
    if kind is Send.QUERY and reply.serial is None:
        return "answers SOA without a record: it does not have the zone"
    return None


def _cannot_send(settings: SecondarySettings, fault: OSError | CannotListenError) -> str:
    why = fault.socketError if isinstance(fault, CannotListenError) else fault
    text = why.strerror if isinstance(why, OSError) and why.strerror else str(why)
    where = f" from {settings.source}" if settings.source is not None else ""
    return f"cannot be asked{where}: {text}"
