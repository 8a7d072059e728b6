"""Connections: how many an address gets, and who gives one up."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from web_in_memory import Connection, Web

from failoverdns.web.server import ARRIVALS, ARRIVALS_OF_ADDRESS, MOST, MOST_OF_ADDRESS
from failoverdns.web.settings import WebSettings


@pytest.fixture
def web() -> Web:
    return Web()


def arrive(web: Web, host: str, number: int) -> list[Connection]:
    """Open connections, slowly."""
    found = []
    for _ in range(number):
        web.clock.advance(0.005)
        found.append(web.connect(host))
    return found


def test_an_address_has_a_limited_number_of_connections(web: Web) -> None:
    found = arrive(web, "192.0.2.7", MOST_OF_ADDRESS + 1)
    assert found[-1].channel is None
    assert web.connect("192.0.2.8").channel is not None
    found[0].leave()
    assert web.connect("192.0.2.7").channel is not None
    assert web.server.turned_away == 1


def test_an_address_opens_a_limited_number_a_second(web: Web) -> None:
    most = int(ARRIVALS_OF_ADDRESS * 2)
    for _ in range(most):
        web.connect("192.0.2.7").leave()
    assert web.connect("192.0.2.7").channel is None
    assert web.connect("192.0.2.8").channel is not None
    web.clock.advance(1)
    assert web.connect("192.0.2.7").channel is not None


def test_an_address_of_ipv6_is_a_network(web: Web) -> None:
    arrive(web, "2001:db8::1", MOST_OF_ADDRESS)
    assert web.connect("2001:db8::2").channel is None
    assert web.connect("2001:db8:0:1::1").channel is not None


def test_a_trusted_proxy_is_not_limited_as_an_address(web: Web) -> None:
    web.admission.settings = WebSettings(trusted_proxies=(ip_network("192.0.2.7"),))
    assert arrive(web, "192.0.2.7", MOST_OF_ADDRESS + 1)[-1].channel is not None


def test_if_all_places_are_taken_the_address_with_most_gives_one_up(web: Web) -> None:
    many = [one for number in range(4) for one in arrive(web, f"198.51.{number}.1", 250)]
    single = arrive(web, "192.0.2.7", 1)[0]
    assert len(web.server.places) == MOST
    assert sum(one.wire.aborted for one in many) == 1
    assert not single.wire.aborted


def test_strangers_do_not_keep_out_an_address_with_a_valid_token(web: Web) -> None:
    assert web.ask("/api/v1/whoami").status == 200
    for number in range(int(ARRIVALS) + 10):
        connection = web.connect(f"198.51.{number % 250}.1")
        if connection.channel is not None:
            connection.leave()
    assert web.connect("198.51.100.1").channel is None
    assert web.ask("/api/v1/whoami").status == 200


def test_strangers_do_not_take_the_place_of_an_address_with_a_valid_token(web: Web) -> None:
    kept = web.connect()
    kept.send(web.request("/api/v1/whoami"))
    for number in range(1500):
        web.clock.advance(0.002)
        web.connect(f"10.{number // 250}.{number % 250}.1")
    assert not kept.wire.aborted


def test_a_server_that_drains_takes_nothing_more_and_ends_what_is_idle(web: Web) -> None:
    web.answers["switch"] = lambda request: None
    idle, busy = web.connect(), web.connect()
    busy.send(web.request("/api/v1/switch", {"groups": ["a"]}))
    web.server.drain()
    assert idle.wire.disconnecting
    assert not busy.wire.disconnecting
    assert web.connect().channel is None
    (lane,) = web.busy_lanes()
    web.reply(lane, b'{"ok": true, "revision": 43, "result": {}}\n')
    assert busy.got()[0].status == 200
    assert busy.wire.disconnecting


def test_without_a_certificate_connections_of_tls_are_closed(web: Web) -> None:
    web.server.is_secure = True
    assert web.connect().channel is None


def test_responses_are_counted_by_class(web: Web) -> None:
    web.ask("/healthz")
    web.ask("/nothing")
    connection = web.connect()
    connection.send(b"nonsense\r\n\r\n")
    assert dict(web.server.answered) == {"2xx": 1, "4xx": 2}
