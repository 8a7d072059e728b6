"""The HTTP API of a real server, by curl and by raw sockets, which one server answers."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from system.server import DEADLINE, Server, tool, wait_for
from system.web import HTTP, add_token, end, port, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that serves HTTP, with the group `shop`."""
    running = Server(tmp_path_factory.mktemp("http"), HTTP)
    try:
        running.start()
        running.load_demo()
        serving(running)
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return add_token(server)


class Reply:
    """A response that curl got."""

    def __init__(self, head: str, body: bytes) -> None:
        first, *lines = head.strip().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.fields = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        self.body = body

    @property
    def json(self) -> Any:
        """The body, from JSON."""
        return json.loads(self.body)


def curl(server: Server, path: str, *words: str, token: str | None = None) -> Reply:
    """Ask with curl."""
    shown = ("-H", f"Authorization: Bearer {token}") if token is not None else ()
    head = server.folder / "head"
    url = f"http://127.0.0.1:{port(server)}{path}"
    command = [tool("curl"), "-sS", "-m", str(DEADLINE), "--path-as-is", "-D", str(head), *shown]
    done = subprocess.run(
        [*command, *words, url], capture_output=True, timeout=DEADLINE, check=True
    )
    return Reply(head.read_bytes().decode().split("\r\n\r\n")[-2], done.stdout)


def post(server: Server, path: str, token: str, body: Any, *words: str) -> Reply:
    """Send JSON with curl."""
    data = ("-H", "Content-Type: application/json", "-d", json.dumps(body))
    return curl(server, path, *data, *words, token=token)


def other_side(server: Server) -> str:
    """Return the side of `shop` that is not active."""
    (group,) = server.do(command="status", group="shop")["groups"]
    return "backup" if group["active"] == "primary" else "primary"


def raw(server: Server, data: bytes) -> bytes:
    """Send bytes, and return all that comes until the server closes the connection."""
    with closing(socket.create_connection(("127.0.0.1", port(server)), DEADLINE)) as sock:
        sock.sendall(data)
        found = b""
        while piece := sock.recv(65536):
            found += piece
    return found


def test_a_switch_over_http_is_seen_by_dig_and_in_the_history(server: Server, token: str) -> None:
    side = other_side(server)
    got = post(server, "/api/v1/switch", token, {"groups": ["shop"], "to": side})
    assert (got.status, got.json["ok"]) == (200, True)
    assert got.fields["etag"] == f'"{got.json["revision"]}"'
    assert other_side(server) != side
    (last,) = server.do(command="history", limit=1)["history"]
    assert last["who"]["principal"] == "token:admin"
    assert last["who"]["address"] == "127.0.0.1"


def test_the_same_reply_comes_over_the_socket_and_by_get_and_post(
    server: Server, token: str
) -> None:
    over_socket = server.ask(command="group list")
    assert curl(server, "/api/v1/group/list", token=token).json == over_socket
    assert post(server, "/api/v1/group/list", token, {}).json == over_socket


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("switch", {"groups": ["none"]}, 404, "not-found"),
        ("nothing", {}, 404, "unknown-command"),
        ("switch", {"groups": 7}, 422, "invalid"),
        ("application/add", {"name": "shop-eu"}, 409, "exists"),
        ("application/remove", {"name": "shop-eu"}, 409, "in-use"),
        ("watch", {}, 409, "refused"),
        ("switch", {"groups": ["shop"], "if_revision": 1}, 409, "conflict"),
    ],
)
def test_each_refusal_has_its_status(
    server: Server, token: str, path: str, body: Any, status: int, code: str
) -> None:
    got = post(server, f"/api/v1/{path}", token, body)
    assert (got.status, got.json["error"]["code"]) == (status, code)
    assert got.fields["content-type"] == "application/problem+json"


def test_a_viewer_switches_nothing(server: Server) -> None:
    viewer = add_token(server, "viewer", "viewer")
    got = post(server, "/api/v1/switch", viewer, {"groups": ["shop"]})
    assert (got.status, got.json["error"]["code"]) == (403, "forbidden")
    assert curl(server, "/api/v1/status", token=viewer).status == 200


def test_a_removed_token_counts_no_more_at_once(server: Server) -> None:
    token = add_token(server, "short")
    assert curl(server, "/api/v1/whoami", token=token).status == 200
    server.do(command="token remove", name="short")
    assert curl(server, "/api/v1/whoami", token=token).status in (401, 403)


def test_a_retry_with_the_same_key_is_not_carried_out_again(server: Server, token: str) -> None:
    body = {"groups": ["shop"], "to": other_side(server)}
    key = ("-H", "Idempotency-Key: once")
    first = post(server, "/api/v1/switch", token, body, *key)
    again = post(server, "/api/v1/switch", token, body, *key)
    assert first.status == again.status == 200
    assert first.body == again.body
    assert post(server, "/api/v1/switch", token, {**body, "reason": "x"}, *key).status == 409


def test_a_condition_holds_for_groups_and_for_everything(server: Server, token: str) -> None:
    revision = server.do(command="status")["revision"]
    stale, current = f'If-Match: "{revision - 1}"', f'If-Match: "{revision}"'
    add = {"name": "conditional"}
    assert post(server, "/api/v1/application/add", token, add, "-H", stale).status == 412
    assert post(server, "/api/v1/application/add", token, add, "-H", current).status == 200
    switch = {"groups": ["shop"]}
    assert post(server, "/api/v1/switch", token, switch, "-H", 'If-Match: "1"').status == 412
    (group,) = server.do(command="status", group="shop")["groups"]
    own = f'If-Match: "{group["revision"]}"'
    assert post(server, "/api/v1/switch", token, switch, "-H", own).status == 200


def test_what_the_client_has_is_not_sent_again(server: Server, token: str) -> None:
    tag = curl(server, "/api/v1/history", token=token).fields["etag"]
    got = curl(server, "/api/v1/history", "-H", f"If-None-Match: {tag}", token=token)
    assert (got.status, got.body) == (304, b"")


def test_long_replies_are_compressed(server: Server, token: str) -> None:
    plain = curl(server, "/api/v1/history", token=token)
    small = curl(server, "/api/v1/history", "-H", "Accept-Encoding: gzip", token=token)
    assert small.fields["content-encoding"] == "gzip"
    assert gzip.decompress(small.body) == plain.body


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", "/api/v1/status"])
def test_every_response_is_guarded(server: Server, path: str) -> None:
    got = curl(server, path)
    assert got.fields["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in got.fields["content-security-policy"]
    assert got.fields["referrer-policy"] == "no-referrer"
    assert "server" not in got.fields
    assert "access-control-allow-origin" not in got.fields


@pytest.mark.parametrize(
    "path",
    ["//", "/../etc/passwd", "/static/../child.py", "/static/%2e%2e/child.py", "/static/..%2fx",
     "/%00", "/%ff", "/static/", "/.git/config"],
)  # fmt: skip
def test_nothing_outside_the_dashboard_is_served(server: Server, path: str) -> None:
    assert curl(server, path).status in (400, 404)


def test_a_page_of_another_site_is_not_answered(server: Server, token: str) -> None:
    assert curl(server, "/api/v1/status", "-H", "Host: evil.example", token=token).status == 421


def test_requests_that_could_be_read_in_two_ways_change_nothing(server: Server, token: str) -> None:
    before = server.do(command="status")["revision"]
    body = b'{"groups": ["shop"]}'
    head = (
        b"POST /api/v1/switch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\n"
    )
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    length = b"Content-Length: %d\r\n" % len(body)
    for fields, sent in (
        (length + b"Transfer-Encoding: chunked\r\n", chunks),
        (b"Transfer-Encoding: nonsense\r\n" + length, body),
        (length + length, body),
        (b"Transfer-Encoding : chunked\r\n" + length, body),
    ):
        found = raw(server, head + fields + b"\r\n" + sent)
        assert found.startswith(b"HTTP/1.1 400 ")
        assert found.count(b"HTTP/1.1 ") == 1
    assert server.do(command="status")["revision"] == before


def test_a_body_that_is_too_large_is_refused(server: Server, token: str, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b'{"reason": "' + b"a" * (2 << 20) + b'"}')
    json_ = ("-H", "Content-Type: application/json", "--data-binary", f"@{big}")
    assert curl(server, "/api/v1/switch", *json_, token=token).status == 413


class Stream:
    """A client of events."""

    def __init__(self, server: Server, token: str, last: int | None = None) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port(server)), DEADLINE)
        since = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        head = (
            f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        )
        self._sock.sendall(f"{head}{since}\r\n".encode())
        self._file = self._sock.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        while self._file.readline() != b"\r\n":
            pass

    def ids(self, count: int) -> list[int]:
        """Return the revisions of the next changes."""
        found: list[int] = []
        while len(found) < count:
            line = self._file.readline()
            assert line, "the stream has ended"
            if line.startswith(b"id: "):
                found.append(int(line[4:]))
        return found

    def rest(self) -> bytes:
        """Return all that comes until the stream ends."""
        return self._file.read()

    def close(self) -> None:
        """Disconnect."""
        self._file.close()
        self._sock.close()


def change(server: Server) -> int:
    """Change something; return the revision."""
    reply = server.ask(command="switch", groups=["shop"])
    assert reply["ok"], reply
    return int(reply["revision"])


def test_events_resume_and_lose_nothing_over_a_new_web_process(server: Server, token: str) -> None:
    with closing(Stream(server, token)) as stream:
        assert stream.status == 200
        first = change(server)
        assert stream.ids(1) == [first]
        end(serving(server)["pid"])
        assert b"id:" not in stream.rest()
    missed = [change(server) for _ in range(3)]
    found: list[Stream] = []

    def resumes() -> bool:
        try:
            found.append(Stream(server, token, last=first))
        except (OSError, IndexError):
            time.sleep(0.1)
            return False
        return found[-1].status == 200

    wait_for(resumes, server.log.read_text)
    with closing(found[-1]) as stream:
        assert stream.ids(3) == missed
        assert stream.ids(0) == []
        following = change(server)
        assert stream.ids(1) == [following]


def test_events_end_with_their_token(server: Server) -> None:
    token = add_token(server, "listener", "viewer")
    with closing(Stream(server, token)) as stream:
        server.do(command="token remove", name="listener")
        stream.rest()
        assert curl(server, "/api/v1/events", token=token).status == 401
