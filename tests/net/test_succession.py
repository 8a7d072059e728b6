"""What one program hands to the next: written, read again, and refused if it is not understood."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from failoverdns.model.settings import ListenAddress
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import bind, listen_tcp
from failoverdns.net.succession import (
    VARIABLE,
    CannotSucceed,
    HandedClient,
    HandedConnection,
    HandedListener,
    HandedPair,
    Succession,
    take_succession,
    write_succession,
)

ASKED = ListenAddress(ip_address("127.0.0.1"), 0)
ASKED6 = ListenAddress(ip_address("::1"), 5300)


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    """Return some connected sockets."""
    opened = [one for _ in range(3) for one in socket.socketpair()]
    yield opened
    for one in opened:
        one.close()


def test_a_succession_is_read_as_it_was_written(sockets: list[socket.socket]) -> None:
    """Its descriptors stay open in the next program, until that has read it."""
    control, first, second, third, listening, *_ = (one.fileno() for one in sockets)
    given = Succession(
        "/run/control.sock",
        control,
        12.5,
        (HandedClient(first, b"\0half a li", True, True, 7), HandedClient(second, b"", False)),
        connections=(HandedConnection(third, ASKED6, b"\0\x20\xff"),),
        listeners=(HandedListener(ASKED, listening),),
    )
    file = write_succession(given)
    assert all(os.get_inheritable(number) for number in (file, *given.descriptors))
    environment = {VARIABLE: str(file), "HOME": "/"}
    assert take_succession(environment) == given
    assert environment == {"HOME": "/"}
    assert not any(os.get_inheritable(number) for number in given.descriptors)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(file)


def test_without_a_program_before_there_is_no_succession() -> None:
    assert take_succession({}) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"format": 99}), "no number"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    """The server then starts as if nothing had been handed over."""
    number = text
    if text != "no number":
        file = os.memfd_create("test", 0)
        os.write(file, text.encode())
        number = str(file)
    environment = {VARIABLE: number}
    with pytest.raises(CannotSucceed, match="cannot be used"):
        take_succession(environment)
    assert environment == {}


def test_handed_pairs_are_used_for_their_address() -> None:
    """Copies of the same sockets that workers hand over are not used twice."""
    udp, tcp = bind(ASKED.host, 0)
    copies = os.dup(udp.fileno()), os.dup(tcp.fileno())
    succession = Succession("/", -1, 0.0, pairs=(HandedPair(ASKED, *copies),))
    inherited = Inherited({})
    succession.give_sockets(inherited)
    inherited.hand_over(ASKED, (udp.dup(), tcp.dup()))
    (pair,) = inherited.take(ASKED)
    assert pair[0].getsockname() == udp.getsockname()
    for sock in (*pair, udp, tcp):
        sock.close()


def test_clients_that_wait_for_a_restart_are_told_that_it_failed(
    sockets: list[socket.socket],
) -> None:
    waiting, peer, other, silent, gone, _ = sockets
    gone.close()
    succession = Succession(
        "/",
        -1,
        0.0,
        (
            HandedClient(waiting.fileno(), b"", False, True, "a"),
            HandedClient(other.fileno(), b"", False),
            HandedClient(999_999, b"", False, True),
        ),
    )
    succession.refuse(lambda id_: f"refused {id_}\n".encode())
    assert peer.recv(100) == b"refused a\n"
    silent.setblocking(False)
    with pytest.raises(BlockingIOError):
        silent.recv(1)
    assert not any(client.restarts for client in succession.without_restarts().clients)


def test_a_handed_socket_for_tls_is_used_for_its_address() -> None:
    """One that is bound to another address is not used."""
    given, inherited = listen_tcp(ASKED.host, 0), Inherited({})
    other = listen_tcp(ASKED.host, 0)
    listeners = (HandedListener(ASKED6, other.detach()), HandedListener(ASKED, given.detach()))
    Succession("/run/control.sock", -1, 0.0, listeners=listeners).give_sockets(inherited)
    assert inherited.take_tcp(ASKED6) is None
    found = inherited.take_tcp(ASKED)
    assert found is not None
    found.close()
