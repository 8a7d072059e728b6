"""Which path leads where, and what each of them asks for.

| path                  | token     |                                                    |
|-----------------------|-----------|----------------------------------------------------|
| `/`, `/static/...`    | none      | the dashboard                                      |
| `/healthz`, `/readyz` | none      | alive; whether queries are answered                |
| `/metrics`            | perhaps   | for Prometheus                                     |
| `/api/openapi.json`   | none      | the description of the API                         |
| `/api/v1/events`      | needed    | server-sent events                                 |
| `/api/v1/COMMAND`     | needed    | a command                                          |
| `/api/cloud66/...`    | needed    | the shapes of Cloud 66's API                       |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from twisted.internet.task import deferLater
from twisted.logger import Logger

from failoverdns.control.language.commands import ROWS
from failoverdns.model.change import Json
from failoverdns.model.errors import Rejected
from failoverdns.net.spawning import spawn
from failoverdns.web.admission import Admission, Delayed
from failoverdns.web.asking import asker
from failoverdns.web.authentication import Bearer, origin_of, unauthorized
from failoverdns.web.calls import ServerState
from failoverdns.web.cloud66.shapes import failed
from failoverdns.web.events import Streams
from failoverdns.web.exchange import Ask, WebReply, WebRequest
from failoverdns.web.headers import careful_fields
from failoverdns.web.hosts import client_address
from failoverdns.web.http_request import HTTPRequest
from failoverdns.web.lanes import Lanes
from failoverdns.web.metrics_page import Render, metrics_page
from failoverdns.web.problems import Problem, of_http, of_refusal
from failoverdns.web.requests import READS, read_asked, words_of
from failoverdns.web.responding import Response, Responses
from failoverdns.web.static_files import PREFIX, StaticFile, StaticFiles
from failoverdns.web.targets import Target, read_target
from failoverdns.web.work import Work

API: Final = "/api/v1/"
CLOUD66: Final = "/api/cloud66/"


Serve66 = Callable[[WebRequest, str, Ask], Awaitable[WebReply]]
"""Answers in the shapes of Cloud 66's API; the text is the path after `CLOUD66`."""

TEXT: Final = "text/plain; charset=utf-8"

log = Logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes lead to."""

    admission: Admission
    lanes: Lanes
    streams: Streams
    responses: Responses
    static: StaticFiles
    state: Callable[[], ServerState]
    openapi: StaticFile
    render: Render
    cloud66: Serve66


class Routes:
    """Answers requests."""

    def __init__(self, parts: Parts, reactor: Any) -> None:
        """Answer with these parts."""
        self._parts = parts
        self._reactor = reactor

    def serve(self, http: HTTPRequest) -> None:
        """Answer a request."""
        is_secure = http.channel.is_secure
        request = WebRequest(
            http.method.decode("latin-1"),
            http.uri.partition(b"?")[0].decode("latin-1"),  # until it is read below
            fields=http.all_fields(),
            body=http.body,
            address=self.address_of(http),
            is_new=http.clientproto == b"HTTP/1.1",
        )
        try:
            target = read_target(http.uri)
        except Problem as problem:
            careful = careful_fields(is_secure=is_secure)
            self._fail(Response(http, request, self._parts.responses, careful), problem)
            return
        request = replace(request, path=target.path, query=target.query)
        is_dashboard = target.path == "/" or target.path.startswith(PREFIX)
        careful = careful_fields(is_secure=is_secure, is_dashboard=is_dashboard)
        response = Response(http, request, self._parts.responses, careful)
        spawn(self._answer(response, target, careful))

    def address_of(self, http: HTTPRequest) -> str:
        """Return the address of the client, which a trusted proxy may have reported."""
        return client_address(
            http.peer,
            http.field_lines(b"x-forwarded-for"),
            http.field_lines(b"forwarded"),
            self._parts.admission.settings.trusted_proxies,
        )

    async def _answer(self, response: Response, target: Target, careful: Mapping[str, str]) -> None:
        try:
            self._parts.admission.check_host(response.request, target.authority)
            await self._route(response, careful)
        except Delayed as delayed:
            await deferLater(self._reactor, delayed.seconds, delayed.let_go)
            self._fail(response, delayed.problem)
        except Problem as problem:
            self._fail(response, problem)
        except Exception:
            log.failure("a defect in failoverdns: a request could not be answered")
            text = "the server failed; see its log"
            response.fail(of_http(503, text, code="unavailable"))

    def _fail(self, response: Response, problem: Problem) -> None:
        """Send a problem, in the shape that the clients of its path read."""
        if response.request.path.startswith(CLOUD66):
            response.reply(failed(problem))
        else:
            response.fail(problem)

    async def _route(self, response: Response, careful: Mapping[str, str]) -> None:
        """Answer a request by its path."""
        request, parts = response.request, self._parts
        path = request.path
        if path.startswith(API) and path != API + "events":
            self._command(response, words_of(path.removeprefix(API)))
        elif path == API + "events":
            if self._is_for(response, READS):
                await self._events(response, careful)
        elif path.startswith(CLOUD66):
            bearer = self._required(response)
            ask = self._asker(response, bearer)
            rest = path.removeprefix(CLOUD66)
            response.reply(await parts.cloud66(request, rest, ask), owner=bearer.id)
        elif self._is_public(path):
            if self._is_for(response, READS):
                await self._public(response)
        elif path == "*" and request.method == "OPTIONS":
            response.reply(WebReply(204))
        else:
            parts.admission.anybody(request)
            raise of_http(404, f"there is nothing at {path[:200]!r}", code="not-found")

    def _is_public(self, path: str) -> bool:
        known = ("/", "/healthz", "/readyz", "/metrics", "/api/openapi.json")
        return path in known or path.startswith(PREFIX)

    async def _public(self, response: Response) -> None:
        """Answer what needs no token, or perhaps none."""
        request, parts = response.request, self._parts
        if request.path == "/metrics":
            await self._metrics(response)
            return
        parts.admission.anybody(request)
        match request.path:
            case "/healthz":
                response.reply(WebReply(200, b"ok\n", TEXT))
            case "/readyz":
                response.reply(_readiness(parts.state(), has_lanes=parts.lanes.has_any))
            case "/api/openapi.json":
                response.reply(parts.openapi.reply_to(request))
            case path:
                found = parts.static.find(path)
                if found is None:
                    raise of_http(404, f"there is no file {path[:200]!r}", code="not-found")
                response.reply(found.reply_to(request))

    def _command(self, response: Response, words: str) -> None:
        """Have a command carried out."""
        request, parts = response.request, self._parts
        row = ROWS.get(words)
        methods = ("POST",) if row is not None and not row.reads else (*READS, "POST")
        if request.method in ("GET", "HEAD", "POST"):
            bearer = self._required(response)
        elif not self._is_for(response, methods):
            return
        asked = read_asked(request, words)
        response.asked = asked
        caller = _caller(bearer, request.address)
        if asked.if_match is not None and asked.work is Work.CHANGES:
            caller["if_match"] = asked.if_match
        response.leaving = parts.lanes.ask(
            bearer.id,
            caller,
            asked.line,
            response,
            work=asked.work,
            compresses=request.has_token("accept-encoding", "gzip"),
        )

    async def _events(self, response: Response, careful: Mapping[str, str]) -> None:
        """Send events, from now on or from a revision on."""
        request, parts = response.request, self._parts
        bearer = self._required(response)
        ask = asker(parts.lanes, bearer.id, _caller(bearer, request.address))
        response.is_done = True  # the stream has the request from now on
        http = response.http
        try:
            await parts.streams.serve(
                http,
                request,
                bearer.id,
                ask,
                careful,
                lambda: parts.admission.is_valid(bearer.id),
            )
        except Problem:
            response.is_done = False
            raise

    async def _metrics(self, response: Response) -> None:
        """Answer Prometheus: for a token, or if metrics are public for anybody."""
        request, parts = response.request, self._parts
        bearer = parts.admission.bearer(request)
        if bearer is None and not parts.admission.settings.metrics_public:
            raise unauthorized()
        ask = self._asker(response, bearer)
        page = await metrics_page(request, ask, parts.render, self._reactor)
        owner = bearer.id if bearer is not None else _somebody(request.address)
        response.reply(page, owner=owner)

    def _required(self, response: Response) -> Bearer:
        """Return who sends a request that needs a token; its address is known from now on."""
        bearer = self._parts.admission.required(response.request)
        response.http.channel.note_token()
        return bearer

    def _asker(self, response: Response, bearer: Bearer | None) -> Ask:
        """Return what asks the control process for a token, or for metrics without one."""

        def leaving(leave: Callable[[], None]) -> None:
            response.leaving = leave

        if bearer is None:
            owner = _somebody(response.request.address)
            return asker(self._parts.lanes, owner, {"internal": METRICS}, leaving)
        caller = _caller(bearer, response.request.address)
        return asker(self._parts.lanes, bearer.id, caller, leaving)

    def _is_for(self, response: Response, methods: tuple[str, ...]) -> bool:
        """Return whether a request has one of these methods; answer it if it has another one."""
        method = response.request.method
        if method in methods:
            return True
        allow = ", ".join((*methods, "OPTIONS"))
        self._parts.admission.anybody(response.request)
        if method == "OPTIONS":
            response.reply(WebReply(204, fields={"Allow": allow}))
            return False
        raise of_http(405, f"the methods of this path are {allow}", fields={"Allow": allow})


METRICS: Final = "metrics"
"""Who asks for metrics without a token, for the control process."""


def _somebody(address: str) -> str:
    """Return who asks without a token, for fairness: addresses take turns as tokens do."""
    return f"{METRICS} {origin_of(address).hex()}"


def _caller(bearer: Bearer, address: str) -> dict[str, Json]:
    return {"token": bearer.id, "digest": bearer.digest.hex(), "address": address}


def _readiness(state: ServerState, *, has_lanes: bool) -> WebReply:
    """Return whether queries are answered, and commands taken."""
    if state.ready and has_lanes:
        return WebReply(200, b"ready\n", TEXT)
    raise of_refusal(Rejected("unavailable", state.why or "no commands are taken"))
