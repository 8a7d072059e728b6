"""TLS for probes: OpenSSL beside a socket that never blocks, and which CAs are trusted.

The handshake accepts any certificate, so that it can be judged (`probing.certificates`), and
OpenSSL verifies its chain afterwards.  Not in a callback during the handshake: a callback needs
memory that can be written and executed, which a hardened systemd unit forbids.
A context is made once for each set of trusted CAs, because reading the system's CAs takes tens of
milliseconds, and again when the files have changed.
Does not know which certificates are good, nor what is sent over TLS.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL, crypto

from failoverdns.model.errors import Malformed
from failoverdns.probing.certificates import ChainFault
from failoverdns.probing.verdict import LacksHere
from failoverdns.regular_files import require_regular

_LOOK: Final = 10.0
"""Seconds between two checks whether files of trusted CAs have changed."""

_NOT_TLS: Final = frozenset(
    (
        "wrong version number",
        "http request",
        "https proxy request",
        "packet length too long",
        "record layer failure",
        "unknown protocol",
        "bad record type",
        "unexpected message",
    )
)


MAX_HANDSHAKE: Final = 160 * 1024
"""Bytes that a server may send until the handshake is complete; OpenSSL takes 100 KiB of chain."""

MAX_IDLE: Final = 32 * 1024
"""Bytes that a server may send after that without any data in them: tickets, key updates."""

_TURN: Final = 8 * 1024
"""Bytes that are read from the socket, or given to OpenSSL, at once."""


class TlsFault(Exception):
    """A handshake or a record failed; the message says why."""


class _End(TlsFault):
    """The stream has ended, with close_notify or without."""


class TlsStream:
    """The client's side of TLS on a connected, non-blocking socket.

    OpenSSL gets the bytes of the server a few at a time, so that a server cannot keep it busy: it
    would process records without data (key updates, session tickets) for as long as they come.
    Every method raises BlockingIOError where the socket is not ready, the OSErrors of the socket,
    and TlsFault.
    """

    __slots__ = ("_connection", "_context", "_idle_bytes", "_sock", "_unsent")

    def __init__(
        self,
        sock: socket.socket,
        context: SSL.Context,
        server_name: str | None,
        protocol: str | None,
    ) -> None:
        """Prepare; `server_name` is for SNI, `protocol` for ALPN."""
        self._sock = sock
        self._context = context
        self._unsent = b""
        self._idle_bytes = MAX_HANDSHAKE
        """Bytes that the server may still send before they amount to something."""
        self._connection = connection = SSL.Connection(context, None)
        connection.set_connect_state()
        if server_name is not None:
            connection.set_tlsext_host_name(server_name.encode())
        if protocol is not None:
            connection.set_alpn_protos([protocol.encode()])

    def shake_hands(self) -> bytes:
        """Continue the handshake; return the leaf (DER) when it is complete."""
        self._carry_out(self._connection.do_handshake)
        self._flush()
        self._idle_bytes = MAX_IDLE
        certificate = self._connection.get_peer_certificate()
        if certificate is None:
            raise TlsFault("the server shows no certificate")
        return crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)

    def send(self, data: bytes) -> int:
        """Send some of the bytes; return how many."""
        self._flush()
        count: int = self._carry_out(lambda: self._connection.send(data[:_TURN]))
        with suppress(BlockingIOError):  # what is left is sent before the next bytes
            self._flush()
        return count

    def recv(self, size: int) -> bytes:
        """Receive at most `size` bytes; none at the end."""
        try:
            data: bytes = self._carry_out(lambda: self._connection.recv(size))
        except _End:
            return b""
        self._idle_bytes = MAX_IDLE
        return data

    def verified(self) -> tuple[bytes, ...] | ChainFault:
        """Return the path to a trusted root (DER, leaf first), or the fault of the chain.

        Call it after the handshake.
        """
        certificate = self._connection.get_peer_certificate()
        chain = self._connection.get_peer_cert_chain() or []
        store = self._context.get_cert_store()
        assert certificate is not None
        assert store is not None
        try:
            path = crypto.X509StoreContext(store, certificate, chain).get_verified_chain()
        except crypto.X509StoreContextError as fault:
            number, depth, _ = fault.errors
            return ChainFault(number, depth, _subject(fault.certificate))
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in path)

    def take_leave(self) -> None:
        """Send close_notify to the server, if that can be done at once."""
        with suppress(SSL.Error, OSError, Malformed):
            self._connection.shutdown()
            self._flush()

    def _carry_out(self, step: Callable[[], Any]) -> Any:
        """Return the result of a step of OpenSSL, which gets bytes of the server as it wants them.

        Raises _End at the end of the stream.
        """
        while True:  # until the socket has nothing more, or the server has sent too much
            try:
                return step()
            except SSL.WantReadError:
                with suppress(BlockingIOError):
                    self._flush()
                self._take()
            except SSL.ZeroReturnError:
                raise _End("the server closed the connection") from None
            except SSL.Error as fault:
                with suppress(OSError):
                    self._flush()  # the alert that says why
                raise _translated(fault) from None

    def _take(self) -> None:
        """Give bytes of the server to OpenSSL."""
        data = self._sock.recv(_TURN)
        self._idle_bytes -= len(data)
        if self._idle_bytes < 0:
            raise TlsFault("the server sends records of TLS without end, and no data in them")
        if data:
            self._connection.bio_write(data)
        else:
            self._connection.bio_shutdown()

    def _flush(self) -> None:
        """Send to the server what OpenSSL has to say."""
        with suppress(SSL.WantReadError):
            while True:
                if not self._unsent:
                    self._unsent = self._connection.bio_read(_TURN)
                self._unsent = self._unsent[self._sock.send(self._unsent) :]


@dataclass(slots=True)
class _Trusted:
    context: SSL.Context
    state: object
    looked: float


class Trust:
    """The TLS contexts, one for each set of trusted CAs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin without contexts; `clock` returns monotonic seconds."""
        self._clock = clock
        self._known: dict[tuple[str | None, bool], _Trusted] = {}

    def context(self, ca_file: str | None, *, verify: bool) -> SSL.Context:
        """Return a context that trusts the CAs of a file, or those of the system.

        Without `verify` it trusts none, and chains must not be verified with it.
        Raises LacksHere if the file cannot be used, or the system has no trusted CA.
        """
        key, now = (ca_file if verify else None, verify), self._clock()
        known = self._known.get(key)
        if known is not None:
            if now - known.looked < _LOOK:
                return known.context
            known.looked = now
            if known.state == _state(ca_file):
                return known.context
        state = _state(ca_file)
        context = _context(ca_file, verify=verify)
        self._known[key] = _Trusted(context, state, now)
        return context


def _context(ca_file: str | None, *, verify: bool) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    if not verify:
        return context
    if ca_file is None:
        if not _system_has_cas():
            raise LacksHere(
                "this machine lacks trusted CAs: install the package ca-certificates, or set the "
                "ca_file of the check"
            )
        context.set_default_verify_paths()
    else:
        try:
            require_regular(Path(ca_file))
            context.load_verify_locations(ca_file)
        except (SSL.Error, OSError, Malformed):
            why = f"{ca_file} has no CA certificates in PEM that can be read"
            raise LacksHere(f"this machine lacks trusted CAs: {why}") from None
    return context


def _system_has_cas() -> bool:
    """Return whether there may be a CA where OpenSSL looks for those of the system."""
    paths = ssl.get_default_verify_paths()
    folder = Path(paths.capath) if paths.capath is not None else None
    with suppress(OSError):
        return paths.cafile is not None or (folder is not None and any(folder.iterdir()))
    return True  # it cannot be listed, which does not mean that OpenSSL finds none


def _subject(certificate: crypto.X509) -> str:
    try:
        return certificate.to_cryptography().subject.rfc4514_string()
    except Exception:  # whatever the library raises for bytes from a server
        return "(cannot be read)"


def _state(ca_file: str | None) -> object:
    """Return a value that differs when a file of trusted CAs has changed."""
    paths = ssl.get_default_verify_paths()
    found = []
    for path in (paths.cafile, paths.capath) if ca_file is None else (ca_file,):
        try:
            about = os.stat(path) if path is not None else None
        except OSError:
            about = None
        found.append(about and (about.st_ino, about.st_size, about.st_mtime_ns))
    return found


def _translated(fault: SSL.Error) -> TlsFault:
    """Return the exception that stands for an error of OpenSSL in a probe."""
    if isinstance(fault, SSL.SysCallError):  # the end without close_notify
        return _End("the server closed the connection")
    reasons = [reason for _, _, reason in fault.args[0]] if fault.args else []
    if any(reason in _NOT_TLS for reason in reasons):
        return TlsFault(f"the server does not speak TLS ({', '.join(reasons)})")
    return TlsFault(", ".join(reasons) or "the handshake failed")
