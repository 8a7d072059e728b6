"""A probe over a connection: connect, do the TLS handshake if it uses TLS, then ask and read.

    connecting -> (handshake -> certificate) -> (request -> response -> redirect: begin again)

An `Exchange` knows what to send and what the response means (`probing.http` is one), and
`probing.certificates` judges certificates: this module moves bytes.
Has no time limit of its own: the prober gives the probe up when its time is up.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Final

from failoverdns.model.health import Cause, ProbeTarget
from failoverdns.probing import certificates
from failoverdns.probing.exchange import Ask, Exchange, Redirect
from failoverdns.probing.polling import Poller
from failoverdns.probing.probe_sockets import begin_to_connect, check_connected
from failoverdns.probing.tls import TlsFault, TlsStream, Trust
from failoverdns.probing.verdict import (
    PASSED,
    Ended,
    LacksHere,
    NoRoom,
    ProbeVerdict,
    check_room,
    verdict_of,
)

_BY_NAME: Final = frozenset((Cause.TLS, Cause.STATUS, Cause.BODY))
"""Causes for which a server that has several names may have another result for another name."""

_READ: Final = 16384
_FAILED: Final = select.EPOLLERR | select.EPOLLHUP
_TO_READ: Final = select.EPOLLIN | select.EPOLLRDHUP | _FAILED


class ConnectionProbe:
    """A probe over TCP; without TLS and without an exchange, connecting is enough."""

    __slots__ = (
        "_advance",
        "_alpn",
        "_ask",
        "_descriptor",
        "_ended",
        "_exchange",
        "_poller",
        "_sock",
        "_stage",
        "_stream",
        "_target",
        "_trust",
        "_unsent",
        "_uses_tls",
    )

    _sock: socket.socket
    _stage: str
    _advance: Callable[[ConnectionProbe, int], ProbeVerdict | Redirect | None]
    """The function to call at the next event; a bound method here would be a reference cycle."""

    def __init__(
        self,
        target: ProbeTarget,
        poller: Poller,
        trust: Trust,
        ended: Ended,
        *,
        uses_tls: bool = False,
        ask: Ask | None = None,
        alpn: str | None = None,
    ) -> None:
        """Prepare; `ask` returns the exchange to start when connected, `alpn` is for TLS."""
        self._target = target
        self._poller = poller
        self._trust = trust
        self._ended = ended
        self._uses_tls = uses_tls
        self._ask = ask
        self._alpn = alpn
        self._descriptor = -1
        self._stream: TlsStream | None = None
        self._exchange: Exchange | None = None
        self._unsent = b""

    def begin(self) -> ProbeVerdict | None:
        """Begin to connect; return the verdict if it is known at once. Raises NoRoom."""
        if self._ask is not None:
            self._exchange = self._ask(self._target)
        try:
            self._connect()
        except LacksHere as lack:
            return ProbeVerdict(Cause.LOCAL, str(lack))
        except OSError as fault:
            check_room(fault)
            return verdict_of(fault, self._stage)
        return None

    def give_up(self) -> ProbeVerdict:
        """End the probe, whose time is up, and return the verdict."""
        stage = self._stage
        if self._advance is ConnectionProbe._talk and self._exchange is not None:
            stage = "sending the request" if self._unsent else self._exchange.stage
        self.close()
        return ProbeVerdict(
            Cause.TIMEOUT, f"no end within {self._target.check.timeout:g} s: {stage}"
        )

    def close(self) -> None:
        """Close the connection; `ended` is not called any more."""
        if self._descriptor >= 0:
            self._poller.forget(self._descriptor)
            self._descriptor = -1
            self._stream = None
            self._sock.close()

    def _connect(self) -> None:
        check = self._target.check
        self._stage = "connecting"
        self._advance = ConnectionProbe._be_connected
        self._sock = begin_to_connect(self._target.address, check.port, check.sources)
        self._descriptor = self._sock.fileno()
        self._poller.watch(self._descriptor, self._ready)

    def _connect_again(self) -> None:
        """Connect for a redirect; a limit of this process is not the head's fault."""
        try:
            self._connect()
        except OSError as fault:
            try:
                check_room(fault)
            except NoRoom as why:
                raise LacksHere(f"this process has no room for a redirect: {why}") from None
            raise

    def _ready(self, events: int) -> None:
        try:
            outcome = self._advance(self, events)
            if isinstance(outcome, Redirect):
                self.close()
                self._exchange = outcome.exchange
                self._connect_again()
                return
        except BlockingIOError:
            return
        except LacksHere as lack:
            outcome = ProbeVerdict(Cause.LOCAL, str(lack))
        except OSError as fault:
            outcome = verdict_of(fault, self._stage)
        except TlsFault as fault:
            outcome = ProbeVerdict(Cause.TLS, f"{self._stage}: {fault}")
        if outcome is not None:
            self.close()
            self._ended(self._advised(outcome))

    def _advised(self, verdict: ProbeVerdict) -> ProbeVerdict:
        """Return a verdict with what to do if the name that was asked for may be the reason."""
        advice = self._target.advice
        if not advice or verdict.cause not in _BY_NAME:
            return verdict
        return ProbeVerdict(verdict.cause, f"{verdict.detail}; {advice}")

    def _be_connected(self, events: int) -> ProbeVerdict | Redirect | None:
        check = self._target.check
        check_connected(self._sock, check.port, failed=bool(events & _FAILED))
        if self._uses_tls:
            self._begin_tls()
            return self._shake_hands(events)
        return self._begin_to_talk(events)

    def _begin_tls(self) -> None:
        expected = self._target.check.tls
        self._stage = "handshake"
        self._advance = ConnectionProbe._shake_hands
        context = self._trust.context(expected.ca_file, verify=expected.verify)
        exchange, name = self._exchange, self._target.server_name
        if exchange is not None:
            name = exchange.server_name
        self._stream = TlsStream(self._sock, context, name, self._alpn)

    def _shake_hands(self, events: int) -> ProbeVerdict | Redirect | None:
        stream, expected = self._stream, self._target.check.tls
        assert stream is not None
        der = stream.shake_hands()
        if expected.verify:
            self._stage = "certificate"
            try:
                leaf = certificates.read_leaf(der)
            except ValueError as fault:
                raise TlsFault(f"it cannot be read: {fault}") from None
            found = _judged(leaf, stream.verified(), self._target)
            if found:
                stream.take_leave()
                return ProbeVerdict(Cause.TLS, f"the server's certificate: {'; '.join(found)}")
        return self._begin_to_talk(events)

    def _begin_to_talk(self, events: int) -> ProbeVerdict | Redirect | None:
        """Send the request, if there is anything to ask."""
        if self._exchange is None:
            if self._stream is not None:
                self._stream.take_leave()
            return PASSED
        self._stage = "sending the request"
        self._unsent = self._exchange.request
        self._advance = ConnectionProbe._talk
        return self._talk(events)

    def _talk(self, events: int) -> ProbeVerdict | Redirect | None:
        """Send the rest of the request, and read until no bytes are left, or until a verdict."""
        exchange, peer = self._exchange, self._stream or self._sock
        assert exchange is not None
        while self._unsent:
            self._unsent = self._unsent[peer.send(self._unsent) :]
        self._stage = "reading the response"
        while events & _TO_READ or self._stream is not None:
            outcome = exchange.receive(peer.recv(_READ))
            if outcome is not None:
                return outcome
        return None


def _judged(
    leaf: certificates.Leaf,
    verified: tuple[bytes, ...] | certificates.ChainFault,
    target: ProbeTarget,
) -> list[str]:
    """Return every fault of a certificate, from what OpenSSL found of its chain."""
    expected, now = target.check.tls, time.time()
    if isinstance(verified, certificates.ChainFault):
        return certificates.faults(leaf, verified, expected, target.names, now)
    try:
        issuers = certificates.read_issuers(verified)
    except ValueError as fault:
        raise TlsFault(f"its chain cannot be read: {fault}") from None
    return certificates.faults(leaf, None, expected, target.names, now, issuers)
