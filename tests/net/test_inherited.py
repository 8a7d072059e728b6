"""Sockets that an answering process hands over are what it says, and each is used once."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.model.settings import ListenAddress
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import Pair, bind, close_pair, listen_tcp

HOST = ip_address("127.0.0.1")


def port_of(pair: Pair) -> int:
    """Return the port that a pair of sockets is bound to."""
    port: int = pair[0].getsockname()[1]
    return port


def test_copies_of_the_same_sockets_are_used_once() -> None:
    """Two processes hold them if a server was killed while it took over."""
    pair = bind(HOST, 0)
    copies = pair[0].dup(), pair[1].dup()
    address = ListenAddress(HOST, port_of(pair))
    inherited = Inherited({})
    inherited.hand_over(address, pair)
    inherited.hand_over(address, copies)
    assert copies[0].fileno() == copies[1].fileno() == -1
    assert inherited.take(address) == [pair]
    close_pair(pair)


def test_sockets_with_another_address_than_claimed_are_refused() -> None:
    """A configured port 0 is whatever port the kernel chose."""
    pair = bind(HOST, 0)
    inherited = Inherited({})
    for host, port in (
        (HOST, port_of(pair) + 1),
        (ip_address("127.0.0.2"), port_of(pair)),
        (ip_address("::1"), port_of(pair)),
    ):
        with pytest.raises(Malformed, match=f"is bound to 127.0.0.1:{port_of(pair)}"):
            inherited.hand_over(ListenAddress(host, port), pair)
    with pytest.raises(Malformed, match="is of the wrong kind"):
        inherited.hand_over(ListenAddress(HOST, 0), (pair[1], pair[0]))
    inherited.hand_over(ListenAddress(HOST, 0), pair)
    inherited.close()
    assert pair[0].fileno() == -1


def test_descriptors_that_are_not_internet_sockets_are_refused() -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(Malformed, match="is bound to None"):
        Inherited({}).hand_over(ListenAddress(HOST, 0), (one, other))
    reading, writing = os.pipe()
    os.close(writing)
    with pytest.raises(OSError, match="non-socket"):
        socket.socket(fileno=reading)
    os.close(reading)


def test_a_tcp_socket_alone_is_for_tls() -> None:
    """That of systemd counts; copies that a process hands over are closed, and all in the end."""
    listening = listen_tcp(HOST, 0)
    address = ListenAddress(HOST, listening.getsockname()[1])
    first, second = listening.dup(), listening.dup()
    inherited = Inherited({(address, "TCP"): listening})
    inherited.hand_over_tcp(address, first)
    inherited.hand_over_tcp(address, second)
    assert second.fileno() == -1
    assert inherited.left == [f"TCP {address}"] * 2
    assert inherited.take_tcp(address) is listening
    assert first.fileno() == -1
    assert inherited.take_tcp(address) is None
    inherited.hand_over_tcp(address, listening)
    inherited.close()
    assert listening.fileno() == -1
    with listen_tcp(HOST, 0) as other, pytest.raises(Malformed, match="is bound to"):
        inherited.hand_over_tcp(ListenAddress(HOST, 1), other)
