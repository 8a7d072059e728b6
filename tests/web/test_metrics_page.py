"""The answer to `/metrics`: what is asked for it, and what a scraper gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from failoverdns.web.exchange import WebReply, WebRequest
from failoverdns.web.metrics_page import Render, metrics_page
from failoverdns.web.problems import Problem


@dataclass
class Text:
    """A text in three pieces."""

    media_type: str
    encoding: str | None
    pieces: Iterator[bytes]


def rendered(stats: Mapping[str, Any], accept: str, encoding: str) -> Text:
    """Return what was asked for, as a text."""
    return Text(f"text/{accept}", encoding, iter([b"up ", str(stats["up"]).encode(), b"\n"]))


class Scrape:
    """A request for metrics, which the control process answers with `reply`."""

    def __init__(self, *query: tuple[str, str], **reply: Any) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.clock = Clock()
        self.render: Render = rendered
        self._reply = reply or {"ok": True, "result": {"up": 1}}
        fields = {"accept": ("plain",), "accept-encoding": ("gzip",)}
        self._request = WebRequest("GET", "/metrics", query, fields)

    def begin(self) -> Deferred[WebReply]:
        """Begin to answer."""
        page = metrics_page(self._request, self._ask, self.render, self.clock)
        return Deferred.fromCoroutine(page)

    def answer(self) -> WebReply:
        """Return the answer; raises Problem."""
        found: list[Any] = []
        self.begin().addBoth(found.append)
        self.clock.pump([0] * 4)
        (one,) = found
        if isinstance(one, WebReply):
            return one
        raise one.value

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        return self._reply


def test_a_scraper_gets_the_metrics_in_the_form_that_it_accepts() -> None:
    answer = Scrape().answer()
    assert (answer.status, answer.body, answer.media_type) == (200, b"up 1\n", "text/plain")
    assert answer.fields == {"Vary": "Accept, Accept-Encoding", "Content-Encoding": "gzip"}


def test_other_requests_have_their_turn_between_two_pieces() -> None:
    """The text about many groups takes a while to make."""
    scrape, order = Scrape(), list[str]()

    def pieces() -> Iterator[bytes]:
        for _ in range(2):
            order.append("piece")
            scrape.clock.callLater(0, order.append, "other")
            yield b""

    scrape.render = lambda *_: Text("", None, pieces())
    scrape.answer()
    assert order == ["piece", "other"] * 2


def test_the_groups_of_a_scrape_are_those_that_it_names() -> None:
    scrape = Scrape(("groups", "shop-*,api"), ("groups", "x,"))
    scrape.answer()
    assert scrape.asked == [{"command": "stats", "groups": ["shop-*", "api", "x"]}]
    scrape = Scrape()
    scrape.answer()
    assert scrape.asked == [{"command": "stats"}]


def test_metrics_have_no_other_parameter() -> None:
    with pytest.raises(Problem) as caught:
        Scrape(("group", "a")).answer()
    assert caught.value.status == 400


def test_a_token_that_may_not_read_gets_the_refusal() -> None:
    error = {"code": "forbidden", "message": "this token is for one head"}
    with pytest.raises(Problem, match="for one head") as caught:
        Scrape(ok=False, error=error).answer()
    assert caught.value.status == 403
