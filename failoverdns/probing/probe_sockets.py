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

Address = IPv4Address | IPv6Address

IP_BIND_ADDRESS_NO_PORT: Final = 24
_FIRST_EPHEMERAL: Final = 1024
"""Ports below this are never chosen for a socket that connects."""


def begin_to_connect(address: Address, port: int, sources: Sequence[Address]) -> socket.socket:
    """Return a connecting, non-blocking socket, bound to the source of its family if there is one.

    Raises OSError.
    """
    is_v4 = isinstance(address, IPv4Address)
    sock = socket.socket(socket.AF_INET if is_v4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        for source in sources:
            if isinstance(source, IPv4Address) == is_v4:
                _bind(sock, source)
                break
        failed = sock.connect_ex((str(address), port))
        if failed not in (0, errno.EINPROGRESS):
            raise OSError(failed, os.strerror(failed))
    except BaseException:
        sock.close()
        raise
    return sock


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
        text = f"{fault.strerror} (the source address {source})"
        raise OSError(errno.EADDRNOTAVAIL, text) from None
