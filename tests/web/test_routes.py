"""Which path leads where, with which methods, and what comes back."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from web_in_memory import Web, read_responses

from failoverdns.web.calls import ServerState
from failoverdns.web.exchange import Ask, WebReply, WebRequest
from failoverdns.web.lanes import MOST_OF_ONE
from failoverdns.web.settings import WebSettings


@dataclass(frozen=True)
class Text:
    """The text for Prometheus."""

    media_type: str
    encoding: str | None
    pieces: Iterator[bytes]


def render(stats: Mapping[str, Any], accept: str | None, coding: str | None) -> Text:
    return Text("text/plain; version=1.0.0", None, iter((str(stats).encode(), b"\n")))


async def cloud66(request: WebRequest, rest: str, ask: Ask) -> WebReply:
    reply = await ask({"command": "group list"})
    return WebReply(200, f"{request.method} {rest} {reply['ok']}".encode(), "text/plain")


@pytest.fixture
def web(tmp_path: Path) -> Web:
    (tmp_path / "index.html").write_text("<!doctype html>")
    return Web(tmp_path, render=render, cloud66=cloud66)


@pytest.mark.parametrize(
    ("target", "token", "status"),
    [
        ("/", None, 200),
        ("/static/index.html", None, 200),
        ("/static/nothing.js", None, 404),
        ("/static/../index.html", None, 404),
        ("/healthz", None, 200),
        ("/readyz", None, 200),
        ("/api/openapi.json", None, 200),
        ("/nothing", None, 404),
        ("/api", None, 404),
        ("/api/v2/status", None, 404),
        ("//", None, 404),
        ("/metrics", None, 401),
        ("/metrics", True, 200),
        ("/api/v1/status", None, 401),
        ("/api/v1/status", True, 200),
        ("/api/v1/events", None, 401),
        ("/api/v1/", True, 404),
        ("/api/v1/nothing", True, 404),
        ("/api/v1/nothing", None, 401),
        ("/api/cloud66/failover_groups", None, 401),
        ("/api/cloud66/failover_groups", True, 200),
    ],
)
def test_each_path_leads_somewhere(web: Web, target: str, token: bool | None, status: int) -> None:
    got = web.ask(target, token=token)
    assert got.status == status
    assert got.fields["x-content-type-options"] == "nosniff"
    if status >= 400 and not target.startswith("/api/cloud66"):
        assert got.fields["content-type"] == "application/problem+json"
        assert got.json["ok"] is False


@pytest.mark.parametrize(
    ("target", "method", "status", "allow"),
    [
        ("/", "POST", 405, "GET, HEAD, OPTIONS"),
        ("/", "OPTIONS", 204, "GET, HEAD, OPTIONS"),
        ("/", "BREW", 405, "GET, HEAD, OPTIONS"),
        ("/metrics", "DELETE", 405, "GET, HEAD, OPTIONS"),
        ("/api/v1/events", "POST", 405, "GET, HEAD, OPTIONS"),
        ("/api/v1/status", "PUT", 405, "GET, HEAD, POST, OPTIONS"),
        ("/api/v1/status", "OPTIONS", 204, "GET, HEAD, POST, OPTIONS"),
        ("/api/v1/switch", "GET", 405, "POST, OPTIONS"),
        ("/api/v1/switch", "HEAD", 405, "POST, OPTIONS"),
        ("/api/v1/switch", "PATCH", 405, "POST, OPTIONS"),
        ("/api/v1/switch", "OPTIONS", 204, "POST, OPTIONS"),
        ("*", "OPTIONS", 204, None),
    ],
)
def test_each_path_has_its_methods(
    web: Web, target: str, method: str, status: int, allow: str | None
) -> None:
    got = web.ask(target, method=method)
    assert (got.status, got.fields.get("allow")) == (status, allow)


def test_the_head_of_a_response_has_everything_but_the_body(web: Web) -> None:
    for target in ("/", "/healthz", "/api/v1/status"):
        whole, head = web.ask(target), web.ask(target, method="HEAD")
        assert head.body == b""
        assert head.status == 200
        assert head.fields == whole.fields


def test_a_reply_is_the_line_of_the_control_socket_with_its_revision_as_tag(web: Web) -> None:
    got = web.ask("/api/v1/switch", {"groups": ["a"], "id": 7})
    assert got.body == b'{"ok": true, "id": 7, "revision": 42, "result": {}}\n'
    assert got.fields["etag"] == '"42"'
    assert got.fields["content-type"] == "application/json"
    assert got.fields["cache-control"] == "no-store"


def test_a_refusal_has_its_status_and_its_rules(web: Web) -> None:
    error = {"code": "refused", "message": "no", "rules": [{"rule": "target-empty"}]}
    web.answers["switch"] = lambda request: {"ok": False, "error": error}
    got = web.ask("/api/v1/switch", {"groups": ["a"]})
    assert (got.status, got.json["error"]) == (409, error)


@pytest.mark.parametrize(("tag", "status"), [(None, 409), ('"41"', 412)])
def test_a_conflict_with_a_condition_has_a_status_of_its_own(
    web: Web, tag: str | None, status: int
) -> None:
    error = {"code": "conflict", "message": "it has changed"}
    web.answers["switch"] = lambda request: {"ok": False, "error": error}
    fields = {"if_match": tag} if tag is not None else {}
    assert web.ask("/api/v1/switch", {"groups": ["a"]}, **fields).status == status


@pytest.mark.parametrize(("tag", "status"), [('"42"', 200), ('"41"', 412)])
def test_a_read_may_be_for_one_revision_only(web: Web, tag: str, status: int) -> None:
    assert web.ask("/api/v1/status", if_match=tag).status == status


@pytest.mark.parametrize(
    ("target", "tag", "status"),
    [
        ("/api/v1/history", '"42"', 304),
        ("/api/v1/history", 'W/"42"', 304),
        ("/api/v1/history", "*", 304),
        ("/api/v1/history", '"41"', 200),
        ("/api/v1/status", '"42"', 200),
    ],
)
def test_what_the_client_has_is_not_sent_again(
    web: Web, target: str, tag: str, status: int
) -> None:
    got = web.ask(target, if_none_match=tag)
    assert got.status == status
    assert got.fields["etag"] == '"42"'


def test_a_long_reply_is_compressed_for_who_takes_that(web: Web) -> None:
    web.answers["status"] = lambda request: {"groups": ["shop"] * 10_000}
    got = web.ask("/api/v1/status", accept_encoding="gzip")
    assert got.fields["content-encoding"] == "gzip"
    assert got.fields["vary"] == "Accept-Encoding"
    assert gzip.decompress(got.body) == web.ask("/api/v1/status?").body
    assert len(got.body) < 5000


def test_readiness_is_that_of_the_server_and_of_the_lanes(web: Web) -> None:
    web.state = ServerState(False, "the tables are filled", 0)
    got = web.ask("/readyz", token=None)
    assert (got.status, got.code) == (503, "unavailable")
    assert "the tables are filled" in got.json["detail"]
    assert web.ask("/healthz", token=None).status == 200
    assert Web().ask("/readyz", token=None).status == 200


def test_metrics_without_a_token_are_asked_for_by_the_web_process(web: Web) -> None:
    web.admission.settings = WebSettings(metrics_public=True)
    connection = web.connect()
    connection.send(web.request("/metrics?groups=shop-*,api&groups=x", token=None))
    web.clock.pump([0] * 5)
    (got,) = read_responses(connection.wire.take())
    assert got.status == 200
    assert got.fields["content-type"] == "text/plain; version=1.0.0"
    assert web.asked[-1] == (
        {"internal": "metrics"},
        {"command": "stats", "groups": ["shop-*", "api", "x"]},
    )


def test_an_address_that_asks_for_many_metrics_keeps_no_other_one_from_them(web: Web) -> None:
    """Without a token, addresses are those who take turns."""
    web.admission.settings = WebSettings(metrics_public=True)
    web.answers["stats"] = lambda request: None
    flood = [web.connect("198.51.100.1") for _ in range(MOST_OF_ONE + 5)]
    for number, connection in enumerate(flood):
        connection.send(web.request(f"/metrics?groups=shop-{number}", token=None))
    assert [got.status for connection in flood for got in connection.got()] == [429] * 4
    other = web.connect()
    other.send(web.request("/metrics", token=None))
    assert other.got() == []
    (lane,) = web.busy_lanes()
    web.answers["stats"] = lambda request: {"asked": request.get("groups")}
    web.reply(lane, b'{"ok": true, "revision": 42, "result": {}}\n')
    for _ in range(5):
        web.clock.advance(1)
        web.go()
    assert other.got()[0].status == 200


def test_metrics_have_no_other_parameter(web: Web) -> None:
    assert web.ask("/metrics?group=a").status == 400


def test_a_defect_is_no_500_and_shows_nothing_of_itself(web: Web) -> None:
    async def broken(request: WebRequest, rest: str, ask: Ask) -> WebReply:
        raise RuntimeError("secret")

    got = Web(cloud66=broken).ask("/api/cloud66/x")
    assert got.status == 503
    assert b"secret" not in got.body
