"""The client of the control socket: a request, its replies, and why there are none."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from failoverdns.cli.client import (
    DEFAULT_SOCKET,
    SOCKET_VARIABLE,
    NoReply,
    NoServer,
    default_socket,
    parse,
    request,
)


@contextmanager
def server(path: Path, reply: bytes, *, closes: bool = True) -> Iterator[list[bytes]]:
    """Run a server that reads one request, sends bytes, and may close; yield its requests."""
    seen: list[bytes] = []
    done = threading.Event()

    def serve() -> None:
        with listener.accept()[0] as client:
            seen.append(client.recv(1000))
            client.sendall(reply)
            if not closes:
                done.wait(10)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield seen
        finally:
            done.set()
            thread.join(10)


def test_a_request_is_one_line_and_so_is_each_reply(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        server(path, b'{"ok": true}\n{"event": "switch"}\n') as seen,
        request(str(path), {"command": "watch"}, 10.0) as lines,
    ):
        assert list(lines) == ['{"ok": true}\n', '{"event": "switch"}\n']
    assert [json.loads(line) for line in seen] == [{"command": "watch"}]
    assert seen[0].endswith(b"\n")


@pytest.mark.parametrize("reply", [b"", b'{"ok": tr', b'{"ok": true}\n{"eve'])
def test_an_incomplete_reply_is_reported_as_no_reply(tmp_path: Path, reply: bytes) -> None:
    """An incomplete event is reported in the same way."""
    path = tmp_path / "s"
    with (
        server(path, reply),
        request(str(path), {"command": "status"}, 10.0) as lines,
        pytest.raises(NoReply, match="closed the connection before the reply"),
    ):
        list(lines)


def test_a_client_waits_for_a_reply_until_its_timeout(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with (
        server(path, b"", closes=False),
        request(str(path), {"command": "status"}, 0.05) as lines,
        pytest.raises(NoReply, match=r"no reply within 0\.05 s"),
    ):
        next(lines)


@contextmanager
def busy(path: Path, replies: list[bytes], backlog: int = 5) -> Iterator[list[bytes]]:
    """Run a server that sends one reply on each connection; yield the requests that it reads.

    With an empty reply it closes the connection before it reads the request.
    """
    seen: list[bytes] = []

    def serve() -> None:
        for reply in replies:
            with listener.accept()[0] as client:
                if reply:
                    seen.append(client.recv(1000))
                    client.sendall(reply)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(backlog)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield seen
        finally:
            thread.join(10)


BUSY = b'{"ok": false, "error": {"code": "busy", "message": "too many clients"}}\n'
OK = b'{"ok": true}\n'


def test_a_request_is_sent_again_while_the_server_is_busy(tmp_path: Path) -> None:
    """The reason is noted once."""
    notes: list[str] = []
    with (
        busy(tmp_path / "s", [BUSY, BUSY, OK]) as seen,
        request(str(tmp_path / "s"), {"command": "status"}, 10.0, note=notes.append) as lines,
    ):
        assert list(lines) == [OK.decode()]
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert notes == ["waiting for up to 10 s: too many clients"]


def test_a_server_that_stays_busy_is_asked_until_the_timeout(tmp_path: Path) -> None:
    """Then its refusal is the reply."""
    began = time.monotonic()
    with (
        busy(tmp_path / "s", [BUSY] * 20) as seen,
        request(str(tmp_path / "s"), {"command": "status"}, 0.3) as lines,
    ):
        assert list(lines) == [BUSY.decode()]
        assert time.monotonic() - began < 5
        asked = len(seen)
        while len(seen) < 20:  # let the server end
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(tmp_path / "s"))
                sock.sendall(b"status\n")
                sock.recv(1000)
    assert 2 <= asked < 20


def test_a_restart_is_not_asked_for_again(tmp_path: Path) -> None:
    """A server that is busy with a restart is restarted already."""
    with (
        busy(tmp_path / "s", [BUSY]) as seen,
        request(str(tmp_path / "s"), {"command": "restart"}, 10.0) as lines,
    ):
        assert list(lines) == [BUSY.decode()]
    assert len(seen) == 1


def test_a_request_that_could_not_be_sent_whole_is_sent_again(tmp_path: Path) -> None:
    """The server closed the connection before it had it, so nothing was carried out."""
    notes: list[str] = []
    fields = {"command": "certificate install", "chain": "x" * 1_000_000}
    with (
        busy(tmp_path / "s", [b"", OK]) as seen,
        request(str(tmp_path / "s"), fields, 10.0, note=notes.append) as lines,
    ):
        assert next(lines) == OK.decode()
    assert len(seen) == 1
    assert notes == ["waiting for up to 10 s: the server closed the connection"]


def test_a_client_waits_in_line_when_the_queue_of_the_socket_is_full(tmp_path: Path) -> None:
    """For its timeout, and not longer."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(path)
            began = time.monotonic()
            with (
                pytest.raises(NoServer, match="it takes no more clients"),
                request(path, {"command": "status"}, 0.2),
            ):
                pass
            assert 0.15 < time.monotonic() - began < 5
            threading.Timer(0.2, lambda: listener.accept()[0].close()).start()
            with request(path, {"command": "status"}, 10.0):
                pass


@pytest.mark.parametrize("text", ["no JSON", "[1]", "7"])
def test_a_line_that_is_not_a_reply_is_reported_as_not_from_failoverdns(text: str) -> None:
    assert parse('{"ok": true}') == {"ok": True}
    with pytest.raises(NoReply, match="is not failoverdns"):
        parse(text)


def test_without_a_server_the_message_gives_the_reason_and_the_options_for_another_path(
    tmp_path: Path,
) -> None:
    stale, missing = tmp_path / "stale", tmp_path / "missing"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(stale))
    for path, why in (
        (stale, "no server listens on it"),
        (missing, "there is no such socket"),
        (tmp_path / ("x" * 200), "too long"),
    ):
        with (
            pytest.raises(NoServer) as fault,
            request(str(path), {"command": "status"}, 10.0),
        ):
            pass
        assert f"no server at {path}: " in str(fault.value)
        assert why in str(fault.value)
        assert f"--socket PATH or {SOCKET_VARIABLE}" in str(fault.value)


def test_the_default_socket_is_from_the_environment_or_the_packaged_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SOCKET_VARIABLE, "/srv/control.sock")
    assert default_socket() == "/srv/control.sock"
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv(SOCKET_VARIABLE)
        else:
            monkeypatch.setenv(SOCKET_VARIABLE, unset)
        assert default_socket() == DEFAULT_SOCKET == "/run/failoverdns/control.sock"


def test_no_text_of_a_reply_reaches_the_terminal_with_escape_sequences() -> None:
    """Line ends stay: a chain of certificates has them."""
    reply = {"ok": True, "result": {"name": "a\x1b]0;owned\x07", "lines": ["b\nc\td\u202e"]}}
    shown = {"ok": True, "result": {"name": "a?]0;owned?", "lines": ["b\nc\td?"]}}
    assert parse(json.dumps(reply)) == shown
