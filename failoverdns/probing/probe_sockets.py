"""Sockets that probes connect with: non-blocking, and bound to the configured source address.

They are closed in the usual way, with FIN.  A reset (SO_LINGER 0) would leave no TIME-WAIT behind,
but servers log it as an error, and it can overtake the last bytes sent.  TIME-WAIT is harmless
here: it is kept for each pair of addresses and ports, so only some 470 probes a second to the
*same* address and port (28,000 ephemeral ports for 60 seconds) would run out of ports.  A source
address is bound without a port (IP_BIND_ADDRESS_NO_PORT), so the same limit holds with it: bound in
the usual way, all probes together would share those ports.

Does not know the reactor, nor what is sent.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from failoverdns.probing.verdict import LacksHere

Address = IPv4Address | IPv6Address

IP_BIND_ADDRESS_NO_PORT: Final = 24
_FIRST_EPHEMERAL: Final = 1024
"""Ports below this are never chosen for a socket that connects."""


def begin_to_connect(address: Address, port: int, sources: Sequence[Address]) -> socket.socket:
    """Return a connecting, non-blocking socket, bound to the source of its family if there is one.

    Raises LacksHere if the kernel refuses at once, because this machine has no route, no source
    address or not this address family; OSError for all else.
    """
    is_v4 = isinstance(address, IPv4Address)
    try:
        sock = socket.socket(socket.AF_INET if is_v4 else socket.AF_INET6, socket.SOCK_STREAM)
    except OSError as fault:
        raise _refused_at_once(fault, address) from None
    try:
        sock.setblocking(False)
        for source in sources:
            if isinstance(source, IPv4Address) == is_v4:
                _bind(sock, source)
                break
        failed = sock.connect_ex((str(address), port))
        if failed not in (0, errno.EINPROGRESS):
            raise _refused_at_once(OSError(failed, os.strerror(failed)), address)
    except BaseException:
        sock.close()
        raise
    return sock


_LACKS: Final = {
    errno.ENETUNREACH: "this machine has no route to {address}",
    errno.EADDRNOTAVAIL: "this machine has no source address or no free port to reach {address}",
    errno.EAFNOSUPPORT: "this machine does not support {family}",
}
"""What an error means that the kernel reports at once, before anything was sent."""


def _refused_at_once(fault: OSError, address: Address) -> Exception:
    """Return the exception to raise for an error that came before anything was sent."""
    lacks = _LACKS.get(fault.errno or 0)
    if lacks is None:
        return fault
    family = "IPv4" if isinstance(address, IPv4Address) else "IPv6"
    return LacksHere(lacks.format(address=address, family=family))


def check_connected(sock: socket.socket, port: int, *, failed: bool) -> None:
    """Raise OSError if a socket that has stopped connecting is not connected.

    `failed` is true if epoll reported an error for it.
    """
    if failed and (number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
        raise OSError(number, os.strerror(number))
    # On a closed port of this machine, TCP may connect a socket to itself.
    if port >= _FIRST_EPHEMERAL and sock.getsockname()[1] == port:
        own, peer = sock.getsockname(), sock.getpeername()
        if own == peer:
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def _bind(sock: socket.socket, source: Address) -> None:
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    try:
        sock.bind((str(source), 0))
    except OSError as fault:
        # Whatever the reason, it is not the head's fault.
        why = f"this machine cannot send from the source address {source}: {fault.strerror}"
        raise LacksHere(why) from None
