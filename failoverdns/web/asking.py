"""Requests of our own to the control process, whose replies are read as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from twisted.internet.defer import Deferred

from failoverdns.control.language.requests import Unreadable, read_request
from failoverdns.model.change import Json
from failoverdns.web.bodies import Body
from failoverdns.web.exchange import Ask
from failoverdns.web.lanes import Lanes
from failoverdns.web.problems import Problem, of_http, of_refusal
from failoverdns.web.replies import Begun
from failoverdns.web.requests import work_of

MOST: Final = 64 << 20
"""Bytes of a reply."""


def asker(
    lanes: Lanes,
    owner: str,
    caller: Mapping[str, Json],
    leaving: Callable[[Callable[[], None]], None] = lambda leave: None,
) -> Ask:
    """Return what has requests carried out for a caller, as `exchange.Ask` describes.

    `leaving` gets what has to be called when the reply is not needed any more.
    """

    async def ask(request: Mapping[str, Json]) -> dict[str, Json]:
        line = json.dumps(request).encode()
        try:
            work = work_of(read_request(line).command)
        except Unreadable as fault:
            return _refused(of_refusal(fault.refusal, id_=fault.id))
        whole = _Whole()
        leave = lanes.ask(owner, caller, line, whole, work=work)
        leaving(lambda: whole.leave(leave))
        return await whole.done

    return ask


class _Whole:
    """Reads a reply to its end."""

    def __init__(self) -> None:
        self.done: Deferred[dict[str, Json]] = Deferred()
        self._body: Body | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def begin(self, _: Begun, body: Body) -> None:
        self._body = body

    def look(self) -> None:
        body = self._body
        if body is None or self.done.called:
            return
        while (piece := body.take(self)) is not None:
            self._pieces.append(piece)
            self._size += len(piece)
        if self._size > MOST:
            body.leave(self)
            self.fail(of_http(503, "the reply is too long", code="unavailable"))
        elif body.is_ended:
            body.leave(self)
            self.done.callback(json.loads(b"".join(self._pieces)))

    def fail(self, problem: Problem) -> None:
        if not self.done.called:
            self.done.callback(_refused(problem))

    def cut(self) -> None:
        self.fail(of_http(503, "the reply broke off; try again", code="busy"))

    def leave(self, leave: Callable[[], None]) -> None:
        """Read no further: nobody needs the reply."""
        leave()
        self.cut()


def _refused(problem: Problem) -> dict[str, Json]:
    found: dict[str, Json] = {"ok": False, "error": dict(problem.error)}
    return found if problem.id is None else {**found, "id": problem.id}
