"""Addresses are bound together or not at all, for all answering processes."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest
from ports import free_port

from failoverdns.model.settings import ListenAddress
from failoverdns.net.addresses import BoundAddresses
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import BINDING, CannotListen, bind, bind_shared, close_pair

ANY_PORT = ListenAddress(ip_address("127.0.0.1"), 0)


def test_each_process_has_a_pair_of_sockets_on_the_same_port() -> None:
    addresses = BoundAddresses(3, Inherited({}))
    addresses.adopt(addresses.prepare([ANY_PORT]), [ANY_PORT])
    try:
        assert [one.place for one in addresses.bound] == [0, 1, 2]
        ports = {sock.getsockname()[1] for one in addresses.bound for sock in one.pair}
        assert len(ports) == 1
        assert len(addresses.addresses) == 1
    finally:
        addresses.close()


def test_an_address_that_another_server_uses_is_refused() -> None:
    """The kernel would let us share it, and then half of its clients would be ours."""
    [other] = bind_shared(ANY_PORT.host, 0, 1)
    taken = ListenAddress(ANY_PORT.host, other[0].getsockname()[1])
    addresses = BoundAddresses(2, Inherited({}))
    with pytest.raises(CannotListen, match="another program listens there"):
        addresses.prepare([ANY_PORT, taken])
    assert addresses.bound == ()
    for sock in other:
        sock.close()


def test_inherited_sockets_are_used_and_new_ones_are_added() -> None:
    """In a takeover by more processes each has its own socket, and no waiting query is lost."""
    [pair] = bind_shared(ANY_PORT.host, 0, 1)
    inherited = Inherited({})
    inherited.hand_over(ANY_PORT, pair)
    addresses = BoundAddresses(2, inherited)
    addresses.adopt(addresses.prepare([ANY_PORT]), [ANY_PORT])
    try:
        assert addresses.bound[0].pair is pair
        assert len({one.pair[0].fileno() for one in addresses.bound}) == 2
        assert len({one.address for one in addresses.bound}) == 1
    finally:
        addresses.close()


def test_all_inherited_sockets_are_used_by_fewer_processes() -> None:
    """This is a takeover by fewer processes."""
    inherited = Inherited({})
    for pair in bind_shared(ANY_PORT.host, 0, 3):
        inherited.hand_over(ANY_PORT, pair)
    addresses = BoundAddresses(2, inherited)
    addresses.adopt(addresses.prepare([ANY_PORT]), [ANY_PORT])
    try:
        assert [one.place for one in addresses.bound] == [0, 1, 0]
    finally:
        addresses.close()


def test_a_socket_that_cannot_be_shared_is_read_by_all_processes() -> None:
    """systemd hands over such a socket without ReusePort=."""
    udp, tcp = bind(ANY_PORT.host, 0)
    address = ListenAddress(ANY_PORT.host, udp.getsockname()[1])
    addresses = BoundAddresses(2, Inherited({(address, "UDP"): udp, (address, "TCP"): tcp}))
    addresses.adopt(addresses.prepare([address]), [address])
    try:
        assert len(addresses.bound) == 2
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"x", ("127.0.0.1", address.port))
            assert addresses.bound[1].pair[0].recv(9) == b"x"
        assert addresses.lost() == 0
    finally:
        addresses.close()


def test_no_two_servers_bind_at_the_same_moment() -> None:
    """Each of them would find the port free before the other has bound it."""
    with ThreadPoolExecutor(1) as pool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as another:
            another.bind(BINDING)
            binding = pool.submit(bind_shared, ANY_PORT.host, free_port(), 2)
            time.sleep(0.2)
            assert not binding.done()
        pairs = binding.result(timeout=5)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as another:
        another.bind(BINDING)  # it is released
    assert len(pairs) == 2
    for pair in pairs:
        close_pair(pair)
