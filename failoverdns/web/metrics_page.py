"""The answer to `/metrics`: what the command `stats` reports, as text for Prometheus.

The text is made in pieces, between which other requests have their turn.  How it looks is not known
here (`metrics`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from twisted.internet.task import deferLater

from failoverdns.model.change import Json
from failoverdns.web.exchange import Ask, WebReply, WebRequest
from failoverdns.web.problems import of_http, of_reply


class Rendering(Protocol):
    """The text for Prometheus, in pieces; `encoding` is None, or gzip."""

    @property
    def media_type(self) -> str:
        """Its media type."""

    @property
    def encoding(self) -> str | None:
        """Its coding."""

    @property
    def pieces(self) -> Iterator[bytes]:
        """Its pieces, each of which takes a moment to make."""


Render = Callable[[Mapping[str, Json], str, str], Rendering]
"""Begins the text for Prometheus: of the result of `stats`, `Accept` and `Accept-Encoding`."""


async def metrics_page(request: WebRequest, ask: Ask, render: Render, reactor: Any) -> WebReply:
    """Return the metrics of the groups that a request names, or of all; raises Problem."""
    reply = await ask(_command(request))
    if not reply.get("ok"):
        raise of_reply(reply)
    result: Any = reply["result"]
    accepts = (", ".join(request.field_lines(n)) for n in ("accept", "accept-encoding"))
    rendering = render(result, *accepts)
    pieces = []
    for piece in rendering.pieces:
        pieces.append(piece)
        await deferLater(reactor, 0)
    fields = {"Vary": "Accept, Accept-Encoding"}
    if rendering.encoding is not None:
        fields["Content-Encoding"] = rendering.encoding
    return WebReply(200, b"".join(pieces), rendering.media_type, fields)


def _command(request: WebRequest) -> dict[str, Json]:
    wanted: dict[str, Json] = {"command": "stats"}
    groups: list[Json] = []
    for name, value in request.query:
        if name != "groups":
            raise of_http(400, f"metrics have no parameter {name[:100]!r}; known: groups")
        groups += [pattern for pattern in value.split(",") if pattern]
    if groups:
        wanted["groups"] = groups
    return wanted
