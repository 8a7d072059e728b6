"""Sockets that connect: their source address, and whether they are connected."""

from __future__ import annotations

import select
import socket
from ipaddress import ip_address

import pytest
from heads import LOOPBACK, closed_port

from failoverdns.probing.probe_sockets import (
    IP_BIND_ADDRESS_NO_PORT,
    begin_to_connect,
    check_connected,
)
from failoverdns.probing.verdict import LacksHere

HERE = ip_address(LOOPBACK)


def test_a_connecting_socket_never_blocks() -> None:
    with (
        socket.create_server((LOOPBACK, 0)) as server,
        begin_to_connect(HERE, server.getsockname()[1], ()) as sock,
    ):
        assert not sock.getblocking()
        select.select([], [sock], [], 10)
        check_connected(sock, server.getsockname()[1], failed=False)
        check_connected(sock, server.getsockname()[1], failed=True)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == bytes(8)


def test_a_source_takes_no_port_before_it_connects() -> None:
    """So a port is free for each probed address and port, and more probes can run."""
    with (
        socket.create_server((LOOPBACK, 0)) as server,
        begin_to_connect(HERE, server.getsockname()[1], (ip_address("127.0.0.9"),)) as sock,
    ):
        assert sock.getsockname()[0] == "127.0.0.9"
        assert sock.getsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT) == 1


def test_a_socket_that_could_not_connect_is_an_error() -> None:
    with begin_to_connect(HERE, (port := closed_port()), ()) as sock:
        select.select([], [sock], [], 10)
        with pytest.raises(ConnectionRefusedError):
            check_connected(sock, port, failed=True)


def test_a_socket_that_is_connected_to_itself_counts_as_refused() -> None:
    """TCP allows that, on a closed port of this machine."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        sock.connect(sock.getsockname())
        with pytest.raises(ConnectionRefusedError):
            check_connected(sock, sock.getsockname()[1], failed=False)


def test_a_source_address_that_this_machine_does_not_have_is_an_error() -> None:
    with pytest.raises(LacksHere, match=r"the source address 192\.0\.2\.1"):
        begin_to_connect(HERE, 80, (ip_address("192.0.2.1"),))
