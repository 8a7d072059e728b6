"""Which requests are answered: by host, token and rate."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from web_in_memory import Web

from failoverdns.web.admission import OF_ADDRESS, OF_TOKEN, SAVED
from failoverdns.web.authentication import AT_ONCE, HELD_OF_ONE, SLOW
from failoverdns.web.settings import WebSettings


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8053", 200), ("127.0.0.1", 200), ("dns.example", 200), ("evil.example", 421),
     ("a b", 400)],
)  # fmt: skip
def test_only_our_hosts_are_answered(web: Web, host: str, status: int) -> None:
    web.admission.settings = WebSettings(("dns.example",))
    connection = web.connect()
    connection.send(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert connection.got()[0].status == status


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: evil.example\r\n", 421),
    ],
)
def test_a_request_has_one_host_of_ours(web: Web, lines: str, status: int) -> None:
    connection = web.connect()
    connection.send(f"GET /healthz HTTP/1.1\r\n{lines}\r\n".encode())
    assert connection.got()[0].status == status


def test_the_host_of_a_full_target_counts(web: Web) -> None:
    connection = web.connect()
    connection.send(b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.got()[0].status == 421


def test_a_request_without_a_token_is_told_how_to_authenticate(web: Web) -> None:
    got = web.ask("/api/v1/status", token=None)
    assert (got.status, got.code) == (401, "forbidden")
    assert got.fields["www-authenticate"] == 'Bearer realm="failoverdns"'


def test_a_wrong_token_is_told_so(web: Web) -> None:
    got = web.ask("/api/v1/status", token=None, authorization="Bearer nonsense")
    assert got.status == 401
    assert 'error="invalid_token"' in got.fields["www-authenticate"]
    assert b"nonsense" not in got.body


def test_wrong_tokens_are_slowed_and_a_right_one_of_the_same_address_is_not(web: Web) -> None:
    for _ in range(AT_ONCE):
        assert web.ask("/api/v1/whoami", token=None, authorization="Bearer x").status == 401
    connection = web.connect()
    connection.send(web.request("/api/v1/whoami", token=None, authorization="Bearer x"))
    assert connection.got() == []
    assert web.ask("/api/v1/whoami").status == 200
    web.clock.advance(SLOW)
    assert connection.got()[0].status == 401


def test_too_many_wrong_tokens_are_turned_away_and_disconnected(web: Web) -> None:
    for _ in range(AT_ONCE + HELD_OF_ONE):
        web.connect().send(web.request("/api/v1/whoami", token=None, authorization="Bearer x"))
    got = web.ask("/api/v1/whoami", token=None, authorization="Bearer x")
    assert (got.status, got.fields["connection"]) == (429, "close")
    assert web.ask("/api/v1/whoami").status == 200
    assert web.ask(
        "/api/v1/whoami", token=None, authorization="Bearer x", host="198.51.100.1"
    ).status == 401  # fmt: skip


def test_a_token_has_a_rate_wherever_it_comes_from(web: Web) -> None:
    other = web.add_token(b"o")
    found = [
        web.ask("/api/v1/whoami", host=f"192.0.2.{number % 200}").status
        for number in range(int(OF_TOKEN * SAVED) + 1)
    ]
    assert found.count(200) == OF_TOKEN * SAVED
    assert found[-1] == 429
    assert web.ask("/api/v1/whoami", token=other).status == 200
    web.clock.advance(1)
    assert web.ask("/api/v1/whoami").status == 200
    assert web.admission.limited == 1


def test_an_address_without_a_token_has_a_rate_and_its_tokens_are_not_slowed(web: Web) -> None:
    connection = web.connect()
    data = web.request("/healthz", token=None)
    connection.send(data * (int(OF_ADDRESS * SAVED) + 1))
    found = [got.status for got in connection.got()]
    assert found == [200] * int(OF_ADDRESS * SAVED) + [429]
    assert web.ask("/api/v1/whoami").status == 200
    assert web.ask("/healthz").status == 200
    assert web.ask("/healthz", token=None, host="198.51.100.1").status == 200


def test_clients_behind_a_trusted_proxy_are_counted_by_their_own_addresses(web: Web) -> None:
    web.admission.settings = WebSettings(trusted_proxies=(ip_network("192.0.2.7"),))
    web.ask("/api/v1/switch", {"groups": ["a"]}, x_forwarded_for="198.51.100.9")
    assert web.asked[-1][0]["address"] == "198.51.100.9"
    web.ask("/api/v1/switch", {"groups": ["a"]}, x_forwarded_for="198.51.100.9", host="192.0.2.8")
    assert web.asked[-1][0]["address"] == "192.0.2.8"
