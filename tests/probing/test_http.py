"""The HTTP request of a probe, and how its response is judged, in plain bytes."""

from __future__ import annotations

from typing import Any

import pytest
from heads import make_target
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.health import MAX_BODY, Cause, CheckKind, HttpExpectation, ProbeTarget
from failoverdns.probing.http import HttpExchange, Redirect
from failoverdns.probing.verdict import ProbeVerdict

OK = b"HTTP/1.1 200 OK\r\n"


def target(
    kind: CheckKind = CheckKind.HTTP,
    port: int = 80,
    host: str = "192.0.2.1",
    names: tuple[str, ...] = ("www.shop.example", "shop.example"),
    host_field: str | None = None,
    **terms: Any,
) -> ProbeTarget:
    """A target that is probed over HTTP."""
    http = HttpExpectation(host=host_field, **terms)
    return make_target(kind, port, host=host, names=names, http=http)


def judge(
    response: bytes, asked: ProbeTarget, *, end: bool = True
) -> ProbeVerdict | Redirect | None:
    """Return the verdict for a response."""
    exchange = HttpExchange(asked)
    return exchange.receive(response) or (exchange.receive(b"") if end else None)


@pytest.mark.parametrize(
    ("asked", "line", "host"),
    [
        (target(), b"GET / HTTP/1.1", b"www.shop.example"),
        (target(method="HEAD", path="/up?x=1"), b"HEAD /up?x=1 HTTP/1.1", b"www.shop.example"),
        (target(port=8080), b"GET / HTTP/1.1", b"www.shop.example:8080"),
        (target(CheckKind.HTTPS, 443), b"GET / HTTP/1.1", b"www.shop.example"),
        (target(CheckKind.HTTPS, 80), b"GET / HTTP/1.1", b"www.shop.example:80"),
        (target(names=()), b"GET / HTTP/1.1", b"192.0.2.1"),
        (target(names=("*.shop.example",)), b"GET / HTTP/1.1", b"192.0.2.1"),
        (target(names=("*.a.example", "b.example")), b"GET / HTTP/1.1", b"b.example"),
        (target(names=(), host="2001:db8::1", port=81), b"GET / HTTP/1.1", b"[2001:db8::1]:81"),
        (
            target(names=("2001:db8::1",), host="2001:db8::1"),
            b"GET / HTTP/1.1",
            b"[2001:db8::1]",
        ),
        (target(names=("192.0.2.1", "b.example")), b"GET / HTTP/1.1", b"b.example"),
    ],
)
def test_the_request_of_a_probe(asked: ProbeTarget, line: bytes, host: bytes) -> None:
    """Host is the target's first host name, or its address."""
    lines = HttpExchange(asked).request.split(b"\r\n")
    assert lines[0] == line
    assert lines[1] == b"Host: " + host
    assert {b"Connection: close", b"Accept-Encoding: identity"} <= set(lines)
    assert lines[-2:] == [b"", b""]


def test_a_configured_host_is_sent_unchanged() -> None:
    asked = target(port=8080, host_field="other.example")
    assert b"\r\nHost: other.example\r\n" in HttpExchange(asked).request


def test_a_post_has_an_empty_body() -> None:
    """And Content-Length says so."""
    assert b"\r\nContent-Length: 0\r\n" in HttpExchange(target(method="POST")).request


@pytest.mark.parametrize(
    ("status", "cause", "detail"),
    [
        (200, None, "status 200"),
        (204, None, "status 204"),
        (404, None, "status 404"),
        (503, Cause.STATUS, "status 503 where 200-299, 404 is wanted"),
    ],
)
def test_the_status_decides(status: int, cause: Cause | None, detail: str) -> None:
    """Without waiting for the body."""
    asked = target(status=((200, 299), (404, 404)))
    response = b"HTTP/1.1 %d x\r\nContent-Length: 9\r\n\r\n" % status
    assert judge(response, asked, end=False) == ProbeVerdict(cause, detail)


@pytest.mark.parametrize(
    ("terms", "body", "cause", "words"),
    [
        ({"body": "well"}, b"all is well", None, "status 200"),
        ({"body": "well"}, b"all is lost", Cause.BODY, "'well' is not in the body of 11 bytes"),
        ({"body": "well"}, b"", Cause.BODY, "which is empty"),
        ({"body": "größer"}, "größer".encode(), None, "status 200"),
        ({"body_pattern": "w[a-f]ll$"}, b"all is well", None, "status 200"),
        ({"body_pattern": "^w"}, b"all is well", Cause.BODY, "'^w' does not match"),
        ({"body_pattern": "^ready$"}, b"db up\nready\n", None, "status 200"),
        ({"body_pattern": "gr..er"}, "größer".encode(), None, "status 200"),
        ({"body_pattern": "("}, b"all is well", Cause.BODY, "'(' is not a regular expression"),
        ({"body": "all", "body_pattern": "lost"}, b"all is well", Cause.BODY, "'lost' does not"),
        ({"body": "lost", "body_pattern": "well"}, b"all is well", Cause.BODY, "'lost' is not in"),
        ({"body": "end"}, b"x" * MAX_BODY + b"end", Cause.BODY, "the first 65536 bytes"),
    ],
)
@pytest.mark.parametrize("header", [b"\r\n", b"Content-Length: %d\r\n\r\n"])
def test_the_body_decides(
    terms: dict[str, Any], body: bytes, cause: Cause | None, words: str, header: bytes
) -> None:
    """By a text in it, or by a pattern that matches it."""
    sized = header % len(body) if b"%" in header else header
    verdict = judge(OK + sized + body, target(**terms))
    assert isinstance(verdict, ProbeVerdict)
    assert verdict.cause is cause
    assert words in verdict.detail


def test_a_text_is_found_before_the_body_is_complete() -> None:
    """Even if it arrives in two pieces; a pattern needs the whole body."""
    exchange = HttpExchange(target(body="well"))
    assert exchange.receive(OK + b"Content-Length: 99\r\n\r\nall is w") is None
    assert exchange.stage == "reading the body, 8 bytes so far"
    assert exchange.receive(b"ell") == ProbeVerdict(None, "status 200")
    exchange = HttpExchange(target(body_pattern="well"))
    assert exchange.receive(OK + b"Content-Length: 12\r\n\r\nall is well") is None
    assert exchange.receive(b"!") == ProbeVerdict(None, "status 200")


def test_a_body_that_ends_too_early_is_a_protocol_error() -> None:
    verdict = judge(OK + b"Content-Length: 99\r\n\r\nall is", target(body="well"))
    assert verdict == ProbeVerdict(Cause.PROTOCOL, "the connection was closed within the body")


def test_a_verdict_before_a_fault_stays_the_same() -> None:
    """However the bytes are split."""
    response = OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nwell\r\nwhat\r\n"
    assert judge(response, target(body="well")) == ProbeVerdict(None, "status 200")
    assert judge(response, target()) == ProbeVerdict(None, "status 200")
    verdict = judge(response, target(body="more"))
    assert verdict == ProbeVerdict(Cause.PROTOCOL, "a chunk has no size")


def test_the_response_to_a_head_request_has_no_body() -> None:
    """Whatever its Content-Length is."""
    response = OK + b"Content-Length: 9\r\n\r\n"
    assert judge(response, target(method="HEAD"), end=False) == ProbeVerdict(None, "status 200")


@pytest.mark.parametrize(
    ("location", "path", "host"),
    [
        ("/there", "/there", "www.shop.example"),
        ("there?x=1#part", "/a/there?x=1", "www.shop.example"),
        ("http://www.shop.example/there", "/there", "www.shop.example"),
        ("http://WWW.shop.example:80", "/", "www.shop.example"),
        ("//shop.example/there", "/there", "shop.example"),
        ("http://192.0.2.1/there", "/there", "192.0.2.1"),
        ("/a b\tc", "/a%20bc", "www.shop.example"),
        ("/\u00fc", "/%C3%BC", "www.shop.example"),
    ],
)
def test_a_redirect_on_the_same_head_is_followed(location: str, path: str, host: str) -> None:
    """Under any of the head's names, or its address, which is then the Host; SNI is the same."""
    response = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()
    outcome = judge(response, target(path="/a/b", redirects=1))
    assert isinstance(outcome, Redirect)
    assert outcome.exchange.request.startswith(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n".encode())
    assert outcome.exchange.server_name == (host if host != "192.0.2.1" else None)


def test_a_redirect_keeps_the_configured_host() -> None:
    """Though that has no port."""
    response = b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n"
    outcome = judge(response, target(port=8080, host_field="other.example", redirects=1))
    assert isinstance(outcome, Redirect)
    assert b"\r\nHost: other.example\r\n" in outcome.exchange.request


@given(st.binary(max_size=60))
def test_any_location_is_handled(location: bytes) -> None:
    """And none of it can add lines to the next request."""
    location = location.replace(b"\r", b"").replace(b"\n", b"")
    outcome = judge(b"HTTP/1.1 302 x\r\nLocation: /" + location + b"\r\n\r\n", target(redirects=1))
    if isinstance(outcome, Redirect):
        line, _, rest = outcome.exchange.request.partition(b"\r\n")
        assert len(line.split(b" ")) == 3
        assert line.isascii()
        assert rest.startswith(b"Host: www.shop.example\r\nUser-Agent: ")


@pytest.mark.parametrize(
    "location",
    [
        "https://www.shop.example/",
        "http://other.example/",
        "http://www.shop.example:8080/",
        "ftp://www.shop.example/",
        "http://192.0.2.2/",
    ],
)
def test_a_redirect_elsewhere_is_a_failure(location: str) -> None:
    """And says where the redirect leads."""
    response = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()
    assert judge(response, target(redirects=5)) == ProbeVerdict(
        Cause.STATUS, f"status 302 redirects elsewhere, to {location}: not followed"
    )


@pytest.mark.parametrize("location", ["http://[x/", "http://www.shop.example:no/"])
def test_a_redirect_to_an_invalid_url_is_a_failure(location: str) -> None:
    response = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()
    verdict = judge(response, target(redirects=5))
    assert verdict == ProbeVerdict(Cause.STATUS, f"redirects to an invalid URL: {location}")


def test_redirects_are_followed_up_to_a_limit_and_then_judged() -> None:
    """Like any other response; so are those that may not be followed, or have no Location."""
    response = b"HTTP/1.1 302 Found\r\nLocation: /next\r\n\r\n"
    first = judge(response, target(redirects=1))
    assert isinstance(first, Redirect)
    last = first.exchange.receive(response)
    assert last == ProbeVerdict(
        Cause.STATUS, "status 302 where 200-299 is wanted, after 1 redirect; it redirects to /next"
    )
    assert judge(response, target(status=((302, 302),))) == ProbeVerdict(None, "status 302")
    nowhere = judge(b"HTTP/1.1 302 Found\r\n\r\n", target(redirects=1))
    assert nowhere == ProbeVerdict(Cause.STATUS, "status 302 where 200-299 is wanted")


@pytest.mark.parametrize(
    ("method", "status", "after"),
    [
        ("POST", 302, b"GET"),
        ("POST", 307, b"POST"),
        ("HEAD", 301, b"HEAD"),
        ("GET", 308, b"GET"),
    ],
)
def test_the_method_of_the_request_after_a_redirect(method: str, status: int, after: bytes) -> None:
    """RFC 9110 section 15.4."""
    response = b"HTTP/1.1 %d x\r\nLocation: /\r\n\r\n" % status
    outcome = judge(response, target(method=method, redirects=1))
    assert isinstance(outcome, Redirect)
    assert outcome.exchange.request.startswith(after + b" / ")


def test_the_stage_says_what_the_probe_waits_for() -> None:
    exchange = HttpExchange(target(body="x"))
    assert exchange.stage == "waiting for the response"
    exchange.receive(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert exchange.stage == "waiting for the response after an interim one"


@given(st.binary(max_size=300), st.integers(1, 300), st.booleans())
def test_any_bytes_lead_to_a_verdict(data: bytes, cut: int, begins_well: bool) -> None:
    """The same one, however they are split."""
    response = (OK + b"Transfer-Encoding: chunked\r\n\r\n" if begins_well else b"") + data
    asked = target(body="x", body_pattern="^[^y]*$", redirects=2)
    found = []
    for pieces in ([response], [response[:cut], response[cut:]]):
        exchange, outcome = HttpExchange(asked), None
        for piece in [*filter(None, pieces), b""]:
            outcome = outcome or exchange.receive(piece)
        found.append(outcome)
    assert isinstance(found[0], ProbeVerdict)
    assert found[0] == found[1]
