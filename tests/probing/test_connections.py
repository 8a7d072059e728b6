"""Probes over TCP, HTTP and HTTPS, of heads on loopback with every kind of behaviour."""

from __future__ import annotations

import gc
import os
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest
from authority import Authority
from heads import (
    LOOPBACK,
    OK,
    Behaviour,
    Probed,
    answering,
    closed_port,
    head,
    make_target,
    over_tls,
    read_request,
    resetting,
    stalled,
    stalled_after,
    turn_until,
)

from failoverdns.model.health import Cause, CheckKind, HttpExpectation, TlsExpectation
from failoverdns.probing.responses import MAX_HEADER

ROOT = Authority()
BODY = HttpExpectation(body="ok")


@pytest.mark.parametrize("host", [LOOPBACK, "::1"])
def test_a_head_that_accepts_connections_is_good(probed: Probed, host: str) -> None:
    """Over IPv4 and IPv6."""
    with head(stalled, host) as web:
        result = probed(make_target(CheckKind.TCP, web.port, host=host))
    assert (result.cause, result.detail) == (None, "")
    assert 0 < result.seconds < 5


@pytest.mark.parametrize("host", [LOOPBACK, "::1"])
def test_a_head_that_responds_over_http_is_good(probed: Probed, host: str) -> None:
    """Over IPv4 and IPv6."""
    with head(answering(OK), host) as web:
        result = probed(make_target(CheckKind.HTTP, web.port, host=host, http=BODY))
    assert (result.cause, result.detail) == (None, "status 200")


@pytest.mark.parametrize("kind", [CheckKind.TCP, CheckKind.HTTP, CheckKind.TLS, CheckKind.HTTPS])
def test_a_closed_port_refuses_the_connection(probed: Probed, kind: CheckKind) -> None:
    result = probed(make_target(kind, closed_port()))
    assert (result.cause, result.detail) == (Cause.REFUSED, "connecting: Connection refused")


@pytest.mark.parametrize(
    ("kind", "terms", "behave", "stage"),
    [
        (CheckKind.HTTP, HttpExpectation(), stalled, "waiting for the response"),
        (CheckKind.HTTP, HttpExpectation(), stalled_after(b"HTTP/1.1"), "waiting for the response"),
        (CheckKind.HTTP, BODY, stalled_after(OK[:-3]), "reading the body, 0 bytes so far"),
        (CheckKind.TLS, HttpExpectation(), stalled, "handshake"),
        (CheckKind.HTTPS, HttpExpectation(), stalled, "handshake"),
        (
            CheckKind.HTTP,
            HttpExpectation(body="never"),
            answering(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 50, pause=0.02),
            "reading the body",
        ),
    ],
)
def test_a_head_that_takes_too_long_is_given_up(
    probed: Probed, kind: CheckKind, terms: HttpExpectation, behave: Behaviour, stage: str
) -> None:
    """However steadily it sends bytes; the result says what the probe waited for."""
    with head(behave) as web:
        result = probed(make_target(kind, web.port, timeout=0.2, http=terms))
    assert result.cause is Cause.TIMEOUT
    assert result.detail.startswith(f"no end within 0.2 s: {stage}")
    assert 0.2 <= result.seconds < 5


def test_a_head_that_does_not_accept_connections_is_given_up(probed: Probed) -> None:
    """Its backlog is full, so the kernel drops connection requests."""
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        port = full.getsockname()[1]
        others = [socket.socket() for _ in range(3)]
        for other in others:
            other.setblocking(False)
            other.connect_ex((LOOPBACK, port))
        result = probed(make_target(CheckKind.TCP, port, timeout=0.2))
        for other in others:
            other.close()
    assert (result.cause, result.detail) == (Cause.TIMEOUT, "no end within 0.2 s: connecting")


@pytest.mark.parametrize(
    ("behave", "terms", "cause", "words"),
    [
        (
            resetting,
            HttpExpectation(),
            Cause.RESET,
            "reading the response: Connection reset by peer",
        ),
        (answering(), HttpExpectation(), Cause.PROTOCOL, "closed before a response came"),
        (
            answering(OK[:20]),
            HttpExpectation(),
            Cause.PROTOCOL,
            "closed before the header was whole",
        ),
        (answering(OK[:-1]), HttpExpectation(body="x"), Cause.PROTOCOL, "closed within the body"),
        (answering(b"SSH-2.0-x\r\n"), HttpExpectation(), Cause.PROTOCOL, "is not HTTP/1"),
        (
            answering(OK[:17] + b"x: " + b"y" * MAX_HEADER),
            HttpExpectation(),
            Cause.PROTOCOL,
            "more than 65536 bytes of header",
        ),
        (
            answering(*[b"HTTP/1.1 102 Processing\r\n\r\n" * 1000] * 10),
            HttpExpectation(),
            Cause.PROTOCOL,
            "more than 65536 bytes of header",
        ),
        (answering(b"HTTP/1.1 503 x\r\n\r\n"), HttpExpectation(), Cause.STATUS, "status 503 where"),
        (answering(OK), HttpExpectation(body="other"), Cause.BODY, "'other' is not in"),
        (answering(OK), HttpExpectation(body_pattern="^ok$"), None, "status 200"),
        (
            answering(
                *(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\no\r", b"\n1"),
                *(b"\r\nk\r\n", b"0\r\n\r\n"),
                pause=0.001,
            ),
            HttpExpectation(body="ok", body_pattern="^ok$"),
            None,
            "status 200",
        ),
        (answering(b"HTTP/1.1 200 OK\r\n\r\nis ", b"ok", pause=0.001), BODY, None, "status 200"),
        (answering(OK[:-3]), HttpExpectation(method="HEAD"), None, "status 200"),
        (answering(OK[:-3] + b"x" * 10**6), HttpExpectation(), None, "status 200"),
    ],
)
def test_the_response_of_a_head_decides(
    probed: Probed, behave: Behaviour, terms: HttpExpectation, cause: Cause | None, words: str
) -> None:
    """Each failure has its cause, and an explanation in words."""
    with head(behave) as web:
        result = probed(make_target(CheckKind.HTTP, web.port, http=terms))
    assert result.cause is cause
    assert words in result.detail


def test_redirects_are_followed_on_new_connections(probed: Probed) -> None:
    asked: list[bytes] = []

    def behave(sock: socket.socket) -> None:
        asked.append(read_request(sock).split(b"\r\n")[0])
        if len(asked) < 3:
            sock.sendall(b"HTTP/1.1 302 x\r\nLocation: /%d\r\n\r\n" % len(asked))
        else:
            sock.sendall(OK)

    with head(behave) as web:
        result = probed(make_target(CheckKind.HTTP, web.port, http=HttpExpectation(redirects=2)))
    assert (result.cause, result.detail) == (None, "status 200")
    assert asked == [b"GET / HTTP/1.1", b"GET /1 HTTP/1.1", b"GET /2 HTTP/1.1"]


def test_redirects_in_a_circle_end(probed: Probed) -> None:
    with head(answering(b"HTTP/1.1 302 x\r\nLocation: /\r\n\r\n")) as web:
        result = probed(make_target(CheckKind.HTTP, web.port, http=HttpExpectation(redirects=5)))
        assert len(web.peers) == 6
    assert result.cause is Cause.STATUS
    assert "after 5 redirects" in result.detail


def test_a_head_is_probed_over_tls(probed: Probed, tmp_path: Path) -> None:
    """With its first name, which its certificate is valid for."""
    asked: list[bytes] = []

    def behave(sock: socket.socket) -> None:
        asked.append(read_request(sock))
        sock.sendall(OK)

    (tmp_path / "ca.pem").write_text(ROOT.pem)
    tls = TlsExpectation(ca_file=str(tmp_path / "ca.pem"))
    names = ("www.shop.example",)
    with head(over_tls(ROOT.issue(*names), tmp_path, behave)) as web:
        target = make_target(CheckKind.HTTPS, web.port, names=names, tls=tls, http=BODY)
        result = probed(target)
    assert (result.cause, result.detail) == (None, "status 200")
    assert f"\r\nHost: www.shop.example:{web.port}\r\n".encode() in asked[0]


def test_a_probe_comes_from_the_configured_source_address(probed: Probed) -> None:
    """The one of the head's family; without one the kernel chooses."""
    sources = (ip_address("127.0.0.9"), ip_address("::1"))
    with head(stalled) as web:
        probed(make_target(CheckKind.TCP, web.port, sources=sources))
        probed(make_target(CheckKind.TCP, web.port, sources=sources[1:]))
        turn_until(lambda: len(web.peers) == 2)
        assert web.peers == ["127.0.0.9", LOOPBACK]


def test_a_source_address_that_this_machine_does_not_have_says_nothing(probed: Probed) -> None:
    """It is not an error of the head."""
    sources = (ip_address("192.0.2.1"),)
    result = probed(make_target(CheckKind.TCP, 80, sources=sources))
    assert result.is_unknown
    assert result.detail == (
        "this machine cannot send from the source address 192.0.2.1: "
        "Cannot assign requested address"
    )


def test_a_head_without_a_route_is_unreachable(probed: Probed) -> None:
    """There is no route from loopback to anywhere else."""
    sources = (ip_address("127.0.0.1"),)
    result = probed(make_target(CheckKind.TCP, 80, host="192.0.2.1", sources=sources, timeout=1.0))
    assert result.cause is Cause.UNREACHABLE


def test_a_finished_probe_leaves_nothing_behind(probed: Probed) -> None:
    """Neither a descriptor, nor an object that only the garbage collector would find."""
    with head(stalled) as web:
        probed(make_target(CheckKind.TCP, web.port))
        before = set(os.listdir("/proc/self/fd"))
        gc.disable()
        try:
            found = []
            for _ in range(3):  # what other tests left may end meanwhile, but not each time
                gc.collect()
                for _ in range(5):
                    probed(make_target(CheckKind.TCP, web.port))
                found.append(gc.collect())
            assert min(found) < 5
        finally:
            gc.enable()
        turn_until(lambda: len(os.listdir("/proc/self/fd")) <= len(before), 5)
