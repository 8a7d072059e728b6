"""Sockets for DNS, bound with the options that an authoritative server needs.

This module does not use Twisted.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address

IP_MTU_DISCOVER, IP_PMTUDISC_OMIT = 10, 5
IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT = 23, 5
IP_PKTINFO = 8
SO_RCVBUFFORCE = 33
SO_MEMINFO, _DROPS = 55, 8
"""The socket option for memory statistics, and the index of the drop count (as in SO_RXQ_OVFL)."""

RECEIVE_BUFFER = 1 << 20
"""Bytes of queries that the kernel may buffer during a long reactor turn."""

BACKLOG = 1024
_ATTEMPTS = 20
BINDING = "\0failoverdns: binding shared ports"
"""The name of the lock of a server that binds ports, an abstract Unix socket (unix(7))."""

_LOCKING = 2.0
"""Seconds to wait while another server binds its addresses."""

Address = IPv4Address | IPv6Address
Pair = tuple[socket.socket, socket.socket]
"""A UDP socket and a listening TCP socket on the same address and port."""


class CannotListen(Exception):
    """An address cannot be bound; the text has the address, the reason and a remedy."""


def bind(host: Address, port: int, *, shared: bool = False) -> Pair:
    """Bind a UDP and a TCP socket to the same port; port 0 lets the kernel choose one.

    Several `shared` pairs can have the same port; the kernel distributes clients over them.
    Returns non-blocking sockets; the TCP socket listens.  Raises CannotListen.
    """
    for attempt in range(_ATTEMPTS):
        udp = _bound(socket.SOCK_DGRAM, host, port, shared)
        try:
            tcp = _bound(socket.SOCK_STREAM, host, udp.getsockname()[1], shared)
        except CannotListen:
            udp.close()
            if port or attempt == _ATTEMPTS - 1:
                raise
            continue
        tcp.listen(BACKLOG)
        return udp, tcp
    raise AssertionError("unreachable")


def listen_tcp(host: Address, port: int) -> socket.socket:
    """Return a non-blocking TCP socket that listens; port 0 lets the kernel choose one.

    Raises CannotListen.
    """
    sock = _bound(socket.SOCK_STREAM, host, port, shared=False)
    sock.listen(BACKLOG)
    return sock


def bind_shared(host: Address, port: int, count: int) -> list[Pair]:
    """Bind `count` pairs of UDP and TCP sockets to the same port, which no other program uses.

    Raises CannotListen; then nothing is bound.
    """
    pairs: list[Pair] = []
    try:
        with _no_other_binds():
            if port:
                close_pair(bind(host, port))  # fails if another server shares the port
            for _ in range(count):
                pairs.append(bind(host, port, shared=True))
                port = pairs[0][0].getsockname()[1]
    except CannotListen:
        for pair in pairs:
            close_pair(pair)
        raise
    return pairs


def check_free(host: Address, port: int, kinds: Iterable[socket.SocketKind]) -> None:
    """Raise CannotListen if a port cannot be bound; it is bound for a moment only."""
    for kind in kinds:
        _bound(kind, host, port, shared=False).close()


@contextmanager
def _no_other_binds() -> Iterator[None]:
    """Prevent that another server of this machine finds a port free at the same moment.

    The lock is a name in the abstract namespace of Unix sockets, which belongs to the network
    namespace as ports do.  Any user could hold it, so it is not waited for without end.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
        until = time.monotonic() + _LOCKING
        while time.monotonic() < until:
            try:
                lock.bind(BINDING)
                break
            except OSError:
                time.sleep(0.005)
        yield


def close_pair(pair: Pair) -> None:
    """Close both sockets of a pair."""
    for sock in pair:
        sock.close()


def receive_buffer(sock: socket.socket) -> int:
    """Return the bytes of queries that the kernel buffers for a socket."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux doubles what is set


def lost_packets(sock: socket.socket) -> int:
    """Return the number of packets that the kernel dropped because `sock` was full."""
    memory = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 4 * (_DROPS + 1))
    return int.from_bytes(memory[4 * _DROPS :], sys.byteorder)


def _bound(kind: socket.SocketKind, host: Address, port: int, shared: bool) -> socket.socket:
    family = socket.AF_INET if isinstance(host, IPv4Address) else socket.AF_INET6
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            set_datagram_options(sock, host)
        sock.bind((str(host), port))
    except OSError as fault:
        sock.close()
        name = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
        raise CannotListen(f"{name} {host} port {port}: {_explain(fault)}") from None
    return sock


def set_datagram_options(sock: socket.socket, host: Address) -> None:
    """Set the options of a UDP socket: buffer size, path MTU discovery, and the reply's source.

    The path MTU from ICMP messages, which anybody can forge, is ignored (RFC 9715).  A socket that
    is bound to all addresses learns the destination of each packet, to reply from it.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    with suppress(OSError):  # beyond net.core.rmem_max; not everybody may do that
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)
        if host.is_unspecified:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT)
        if host.is_unspecified:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)


def _explain(fault: OSError) -> str:
    hints = {
        errno.EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE",
        errno.EADDRINUSE: "another program listens there; `ss -lunpt` shows which",
        errno.EADDRNOTAVAIL: "no interface has this address",
    }
    hint = hints.get(fault.errno or 0)
    text = fault.strerror or str(fault)
    return f"{text}; {hint}" if hint else text
