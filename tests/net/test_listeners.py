"""Listening sockets that stay open as long as the configuration has their address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from failoverdns.model.settings import ListenAddress
from failoverdns.net.inherited import Inherited
from failoverdns.net.listeners import Listeners, close_listeners
from failoverdns.net.sockets import CannotListen

LOCAL = ip_address("127.0.0.1")
ANY = ListenAddress(LOCAL, 0)


def accepts(address: ListenAddress) -> bool:
    """Return whether an address can be connected to."""
    try:
        socket.create_connection((str(address.host), address.port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.fixture
def listeners() -> Iterator[Listeners]:
    made = Listeners(Inherited({}), "http.listen")
    yield made
    made.adopt((), ())


def test_a_socket_stays_while_its_address_does(listeners: Listeners) -> None:
    listeners.adopt([ANY], listeners.prepare([ANY]))
    (first,) = listeners.bound
    assert accepts(first.address)
    other = ListenAddress(ip_address("::1"), 0)
    fresh = listeners.prepare([other, ANY])
    assert [one.asked for one in fresh] == [other]
    listeners.adopt([other, ANY], fresh)
    assert listeners.bound[0] is first
    assert {one.number for one in listeners.bound} == {1, 2}
    where = first.address
    listeners.adopt([other], ())
    assert not accepts(where)
    assert accepts(listeners.bound[0].address)


def test_an_address_that_is_taken_is_reported_with_its_setting(listeners: Listeners) -> None:
    """Nothing stays open of the others, and what was in use stays."""
    listeners.adopt([ANY], listeners.prepare([ANY]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = ListenAddress(LOCAL, taken.getsockname()[1])
        with pytest.raises(CannotListen, match=r"http\.listen: .*another program listens there"):
            listeners.prepare([ListenAddress(ip_address("::1"), 0), wanted])
    assert accepts(listeners.bound[0].address)


def test_a_socket_is_handed_over_to_the_next_program_open(listeners: Listeners) -> None:
    """The port is the same, also if the kernel chose it."""
    listeners.adopt([ANY], listeners.prepare([ANY]))
    where = listeners.bound[0].address
    (handed,) = listeners.copies()
    listeners.adopt((), ())
    assert accepts(where)
    inherited = Inherited({})
    inherited.hand_over_tcp(handed.asked, socket.socket(fileno=handed.descriptor))
    following = Listeners(inherited, "http.listen")
    following.adopt([ANY], following.prepare([ANY]))
    assert following.bound[0].address == where
    following.adopt((), ())
    assert not accepts(where)


def test_what_was_prepared_and_is_not_wanted_is_closed(listeners: Listeners) -> None:
    (fresh,) = listeners.prepare([ANY])
    where = fresh.address
    close_listeners([fresh])
    assert not accepts(where)
    assert listeners.bound == ()
