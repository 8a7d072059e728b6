"""Inherited sockets: socket activation by systemd (sd_listen_fds(3)), and takeover from workers.

With socket activation the server needs no permission to bind port 53, and packets wait in the
sockets while it restarts.  The sockets of answering processes whose control process has died are
taken over in the same way.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from ipaddress import ip_address

from failoverdns.model.errors import Malformed
from failoverdns.model.settings import ListenAddress
from failoverdns.net.sockets import CannotListen, Pair, close_pair, set_datagram_options

FIRST = 3
"""The first descriptor of socket activation."""

MAX_SOCKETS = 1024
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_KINDS = {socket.SOCK_DGRAM: "UDP", socket.SOCK_STREAM: "TCP"}


class Inherited:
    """Inherited sockets by address and transport, until they are taken."""

    def __init__(self, sockets: dict[tuple[ListenAddress, str], socket.socket]) -> None:
        self._sockets = sockets
        self._handed_over: dict[ListenAddress, list[Pair]] = {}
        self._tcp: dict[ListenAddress, socket.socket] = {}
        """Listening sockets of the process that answers over TLS."""

    @property
    def left(self) -> list[str]:
        """The sockets that were not taken, each as text such as `UDP 192.0.2.53:53`."""
        pairs = [f"{kind} {address}" for address in self._handed_over for kind in ("UDP", "TCP")]
        pairs += [f"TCP {address}" for address in self._tcp]
        return sorted([*(f"{kind} {address}" for address, kind in self._sockets), *pairs])

    def hand_over(self, address: ListenAddress, pair: Pair) -> None:
        """Add a pair of sockets of an answering process, which says that it answers on `address`.

        Copies of sockets that were added before are closed: a server that was killed during a
        takeover leaves two processes on the same sockets.
        Raises Malformed if the pair is not bound to the address.
        """
        _check(address, pair)
        pairs = self._handed_over.setdefault(address, [])
        if any(_identity(pair) == _identity(known) for known in pairs):
            close_pair(pair)
        else:
            pairs.append(pair)

    def hand_over_tcp(self, address: ListenAddress, sock: socket.socket) -> None:
        """Add a listening TCP socket of a process that says that it answers on `address`.

        A second one for an address is closed.  Raises Malformed if it is not bound to the address.
        """
        _check_socket(address, sock, socket.SOCK_STREAM)
        if address in self._tcp:
            sock.close()
        else:
            self._tcp[address] = sock

    def take_tcp(self, address: ListenAddress) -> socket.socket | None:
        """Return the inherited TCP socket of an address that has none for UDP, or None."""
        known = self._tcp.pop(address, None)
        activated = self._sockets.pop((address, "TCP"), None)
        if activated is not None and known is not None:
            known.close()
        return activated or known

    def take(self, address: ListenAddress) -> list[Pair]:
        """Return the inherited pairs of UDP and TCP sockets of an address, which may be none.

        Raises CannotListen if systemd handed over a socket for UDP or TCP only.
        """
        pairs = self._handed_over.pop(address, [])
        activated = self._take_activated(address)
        if activated is None:
            return pairs
        for pair in pairs:
            close_pair(pair)  # copies of the sockets that systemd handed over again
        return [activated]

    def _take_activated(self, address: ListenAddress) -> Pair | None:
        found = {kind: self._sockets.get((address, kind)) for kind in _KINDS.values()}
        udp, tcp = found["UDP"], found["TCP"]
        if udp is None and tcp is None:
            return None
        if udp is None or tcp is None:
            missing = "UDP (ListenDatagram=)" if udp is None else "TCP (ListenStream=)"
            raise CannotListen(f"{address} was handed over without a socket for {missing}")
        for kind in found:
            del self._sockets[address, kind]
        set_datagram_options(udp, address.host)
        return udp, tcp

    def close(self) -> None:
        """Close the sockets that were not taken."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self.close_handed_over()

    def close_handed_over(self) -> None:
        """Close the sockets of answering processes that were not taken."""
        for sock in self._tcp.values():
            sock.close()
        self._tcp.clear()
        for pairs in self._handed_over.values():
            for pair in pairs:
                close_pair(pair)
        self._handed_over.clear()


def inherited_sockets(environment: MutableMapping[str, str], pid: int) -> Inherited:
    """Return the sockets that systemd opened for the process `pid`, according to `environment`.

    Removes systemd's variables from `environment`.  Raises CannotListen.
    """
    for_us = environment.pop("LISTEN_PID", "") == str(pid)
    count = environment.pop("LISTEN_FDS", "0")
    environment.pop("LISTEN_FDNAMES", None)
    if not for_us:
        return Inherited({})
    if not count.isdecimal() or int(count) > MAX_SOCKETS:
        raise CannotListen(f"LISTEN_FDS is {count[:20]!r}; it must be a number up to {MAX_SOCKETS}")
    sockets: dict[tuple[ListenAddress, str], socket.socket] = {}
    for descriptor in range(FIRST, FIRST + int(count)):
        sock, key = _take_over(descriptor)
        if key in sockets:
            raise CannotListen(f"{key[1]} {key[0]} was handed over twice")
        sockets[key] = sock
    return Inherited(sockets)


def _check(address: ListenAddress, pair: Pair) -> None:
    """Raise Malformed if a pair of sockets is not bound to an address, where port 0 is any."""
    for sock, kind in zip(pair, _KINDS, strict=True):
        _check_socket(address, sock, kind)


def _check_socket(address: ListenAddress, sock: socket.socket, kind: socket.SocketKind) -> None:
    """Raise Malformed if a socket is not bound to an address, or is not of a kind."""
    try:
        bound = _address(sock) if sock.family in _FAMILIES else None
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as fault:
        raise Malformed(f"a socket for {address}: {fault.strerror}") from None
    right = bound is not None and bound.host == address.host
    if not right or bound is None or address.port not in (0, bound.port):
        raise Malformed(f"a socket for {address} is bound to {bound}")
    if sock.type != kind or bool(listens) != (kind == socket.SOCK_STREAM):
        raise Malformed(f"a socket for {address} is of the wrong kind")


def _identity(pair: Pair) -> tuple[int, ...]:
    """Return what the copies of a pair of sockets have in common."""
    return tuple(os.fstat(sock.fileno()).st_ino for sock in pair)


def _address(sock: socket.socket) -> ListenAddress:
    host, port = sock.getsockname()[:2]
    return ListenAddress(ip_address(host), port)


def _take_over(descriptor: int) -> tuple[socket.socket, tuple[ListenAddress, str]]:
    wanted = "it must be a listening TCP socket or a UDP socket"
    try:
        sock = socket.socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)
        sock.setblocking(False)
        kind = _KINDS.get(sock.type)
        listens = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as fault:
        raise CannotListen(f"descriptor {descriptor}: {fault.strerror}; {wanted}") from None
    if sock.family not in _FAMILIES or kind is None:
        raise CannotListen(f"descriptor {descriptor} is not an internet socket; {wanted}")
    if bool(listens) != (kind == "TCP"):
        raise CannotListen(f"descriptor {descriptor} does not listen; {wanted}")
    return sock, (_address(sock), kind)
