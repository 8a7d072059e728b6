"""Reply lines of the control process become responses."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from twisted.internet.task import Clock

from failoverdns.web.bodies import Body, BodyMemory
from failoverdns.web.problems import Problem, of_http
from failoverdns.web.replies import AT_ONCE, Begun, Reply


class Client:
    """Takes all it can get."""

    def __init__(self) -> None:
        self.begun: Begun | None = None
        self.problem: Problem | None = None
        self.is_cut = False
        self.read = b""
        self.body: Body | None = None

    def begin(self, begun: Begun, body: Body) -> None:
        self.begun, self.body = begun, body

    def look(self) -> None:
        assert self.body is not None
        while (piece := self.body.take(self)) is not None:
            self.read += piece

    def fail(self, problem: Problem) -> None:
        self.problem = problem

    def cut(self) -> None:
        self.is_cut = True


def asked(*, compresses: bool = False) -> tuple[Reply, Client]:
    reply, client = Reply(BodyMemory(Clock().seconds), "t", compresses=compresses), Client()
    reply.join(client)
    return reply, client


def line(**given: Any) -> bytes:
    return json.dumps({"ok": True, **given}).encode() + b"\n"


@pytest.mark.parametrize("id_", [None, 7, -1.5e3, "x", 'quote " and \\', "é", ""])
def test_a_short_reply_is_whole_and_has_its_revision(id_: Any) -> None:
    reply, client = asked()
    text = line(**({} if id_ is None else {"id": id_}), revision=42, result={"a": 1})
    reply.take(text, is_last=True)
    assert client.begun == Begun(42, len(text), False)
    assert client.read == text


def test_a_long_reply_begins_before_it_is_complete() -> None:
    reply, client = asked()
    text = line(revision=42, result={"a": "b" * 2 * AT_ONCE})
    reply.take(text[:100], is_last=False)
    assert client.begun is None
    reply.take(text[100 : AT_ONCE + 100], is_last=False)
    assert client.begun == Begun(42, None, False)
    assert client.read == text[: AT_ONCE + 100]
    reply.take(text[AT_ONCE + 100 :], is_last=True)
    assert client.read == text


def test_a_reply_is_compressed_if_that_is_worth_it() -> None:
    reply, client = asked(compresses=True)
    text = line(revision=42, result={"a": "b" * 5000})
    reply.take(text, is_last=True)
    assert client.begun == Begun(42, None, True)
    assert gzip.decompress(client.read) == text
    reply, client = asked(compresses=True)
    reply.take(line(revision=42, result={}), is_last=True)
    assert client.begun is not None
    assert not client.begun.is_compressed


def test_several_clients_get_the_same() -> None:
    reply, client = asked()
    other = Client()
    reply.join(other)
    text = line(revision=1, result={})
    reply.take(text, is_last=True)
    assert client.read == other.read == text


def test_an_error_becomes_a_problem_even_in_parts() -> None:
    reply, client = asked()
    error = {"code": "refused", "message": "no" * AT_ONCE}
    text = json.dumps({"ok": False, "id": 3, "error": error}).encode() + b"\n"
    reply.take(text[:AT_ONCE], is_last=False)
    assert client.problem is None
    reply.take(text[AT_ONCE:], is_last=True)
    assert client.problem is not None
    assert (client.problem.status, client.problem.id) == (409, 3)
    assert client.problem.error == error


@pytest.mark.parametrize("text", [b"nonsense\n", b"{}\n", b'{"ok": false, "error": 3}\n', b"\n"])
def test_a_reply_that_cannot_be_read_is_unavailable(text: bytes) -> None:
    reply, client = asked()
    reply.take(text, is_last=True)
    assert client.problem is not None
    assert (client.problem.status, client.problem.code) == (503, "unavailable")


def test_a_lane_that_breaks_gives_a_problem_or_cuts_what_has_begun() -> None:
    reply, client = asked()
    reply.fail(of_http(503, "gone", code="busy"))
    assert client.problem is not None
    reply, client = asked()
    reply.take(line(revision=1, result="a" * AT_ONCE)[:-1], is_last=False)
    reply.fail(of_http(503, "gone", code="busy"))
    assert client.problem is None
    assert client.is_cut
