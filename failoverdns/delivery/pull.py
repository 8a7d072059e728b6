"""The pull endpoint: web heads fetch their application's certificate and key over HTTPS.

    GET /v1/applications/NAME/certificate[?format=pem|caddy|traefik]

TLS 1.3 with client certificates; which one may fetch what is configured, and every fetch is
recorded before the first byte of it is sent.  `ETag` and `If-None-Match` (RFC 9110 section 13)
tell whether there is anything new, `Prefer: wait=SECONDS` (RFC 7240 section 4.3) waits for it.
Refuses to know how a certificate got here: an application has the one that the rules gave it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from failoverdns.delivery.formats import FORMATS, PEM, write_body
from failoverdns.model.application import Application
from failoverdns.model.certificate import Certificate
from failoverdns.model.change import Change
from failoverdns.model.delivery import Fetch
from failoverdns.model.errors import Corrupt
from failoverdns.net.spawning import spawn
from failoverdns.rules.view import View
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable
from failoverdns.wire.peer_certificates import identities

MAX_WAIT = 300
"""Seconds that a client may wait for a new certificate."""

IDLE_TIMEOUT = 30
"""Seconds for the handshake, and between two bytes of a request; a client may wait longer."""

EVERY = "*"
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?", re.I)

log = Logger()
Clients = Mapping[str, frozenset[str]]
"""Which applications (by name; `*` for all) a client may fetch, by DNS name or fingerprint."""


@dataclass(frozen=True, slots=True)
class _Client:
    """Who asks: what the configuration calls it, and where it is."""

    name: str
    address: str


class Endpoint:
    """Answers web heads; `state` returns the state as it is, `now` seconds since 1970."""

    def __init__(
        self,
        state: Callable[[], View],
        store: Store,
        clients: Clients,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> None:
        self.clients = clients
        self._state = state
        self._store = store
        self._clock = clock
        self._now = now
        self._waiting: dict[Deferred[None], str] = {}

    def site(self) -> Site:
        """Return the HTTP server."""
        site = Site(_Root(self), _Request, timeout=IDLE_TIMEOUT)
        site.displayTracebacks = False
        site.noisy = False
        return site

    def announce(self, change: Change) -> None:
        """Let those go on who wait for the certificate of an application in a change."""
        for waiting, application in list(self._waiting.items()):
            if application in change.subjects:
                self._release(waiting)

    def close(self) -> None:
        """Let everybody go who waits."""
        for waiting in list(self._waiting):
            self._release(waiting)

    def client(self, request: Request, application: str) -> _Client | None:
        """Return who asks, if that one may fetch the certificate of an application."""
        transport: Any = request.transport
        certificate = transport.getPeerCertificate() if transport is not None else None
        if certificate is None:
            return None
        known = identities(certificate.to_cryptography())
        address = getattr(request.getClientAddress(), "host", "?")
        for name in known:
            if {EVERY, application} & self.clients.get(name, frozenset()):
                return _Client(name, address)
        log.warn(
            "delivery: {name} from {address} may not fetch {application!r}",
            name=known[0] if known else "?",
            address=address,
            application=application,
        )
        return None

    async def serve(self, request: Request, name: str) -> None:
        """Answer a request for the certificate of the application called `name`."""
        format_ = _argument(request, b"format") or PEM
        if format_ not in FORMATS:
            _refuse(request, 400, f"format must be one of {', '.join(FORMATS)}")
            return
        client = self.client(request, name)
        if client is None:
            _refuse(request, 403, "this client certificate may not fetch this application's")
            return
        application = self._state().application_named(name)
        if application is None:
            _refuse(request, 404, "there is no such application")
            return
        await self._wait(request, application, format_)
        certificate = self._state().certificate(application.id)
        if request.transport is None:  # gone meanwhile
            return
        if certificate is None:
            _refuse(request, 404, f"application {name} has no certificate")
        elif _has(request, certificate, format_):
            request.setHeader("ETag", _tag(certificate, format_))
            request.setResponseCode(304)
            request.finish()
        else:
            await self._send(request, client, application, certificate, format_)

    async def _send(
        self,
        request: Request,
        client: _Client,
        application: Application,
        certificate: Certificate,
        format_: str,
    ) -> None:
        facts = certificate.facts
        try:
            bundle = await self._store.bundle(facts.bundle)
            if bundle is None:
                _refuse(request, 503, "the certificate was replaced just now; ask again")
                return
            server_name = _argument(request, b"server_name")
            body = write_body(format_, bundle, facts.names, server_name)
            if body.text is not None:
                await self._store.record_fetch(
                    Fetch(
                        self._now(),
                        application.id,
                        client.name,
                        client.address,
                        facts.fingerprint,
                        format_,
                    )
                )
        except (Unavailable, OutcomeUnknown, Corrupt) as fault:
            log.error("delivery to {client}: {fault}", client=client.name, fault=str(fault))
            _refuse(request, 503, "the certificate cannot be read now; see the server's log")
            return
        if request.transport is None:
            return
        request.setHeader("ETag", _tag(certificate, format_))
        if body.text is None:
            request.setResponseCode(204)
        else:
            data = body.text.encode()
            request.setHeader("Content-Type", body.media_type)
            request.setHeader("Content-Length", str(len(data)))
            log.info(
                "delivery: {client} from {address} fetched {application} {fingerprint}",
                client=client.name,
                address=client.address,
                application=application.name,
                fingerprint=facts.fingerprint[:16],
            )
            if request.method != b"HEAD":
                request.write(data)
        request.finish()

    async def _wait(self, request: Request, application: Application, format_: str) -> None:
        """Wait, if the client prefers that, until there is something that it does not have."""
        seconds = _wanted_wait(request)
        certificate = self._state().certificate(application.id)
        is_new = certificate is not None and not _has(request, certificate, format_)
        if not seconds or is_new:
            return
        request.setHeader("Preference-Applied", f"wait={seconds}")
        waiting: Deferred[None] = Deferred()
        self._waiting[waiting] = application.id
        timer = self._clock.callLater(seconds, self._release, waiting)
        gone = request.notifyFinish()
        gone.addBoth(lambda _: self._release(waiting))
        await waiting
        if timer.active():
            timer.cancel()

    def _release(self, waiting: Deferred[None]) -> None:
        if self._waiting.pop(waiting, None) is not None:
            waiting.callback(None)


class _Request(Request):
    """A request whose body, which nobody asked for, is kept nowhere."""

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        """Make no file for it, however long it will be."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Let a piece of it go."""


class _Root(Resource):
    """Every path: the only one that there is, or 404."""

    isLeaf = True  # noqa: N815

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._endpoint = endpoint

    def render(self, request: Request) -> int:
        """Answer a request."""
        request.setHeader("Cache-Control", "no-store, private")
        request.setHeader("Server", "failoverdns")
        path = [part.decode("latin-1") for part in request.postpath or ()]
        match path:
            case ["v1", "applications", name, "certificate"]:
                if request.method not in (b"GET", b"HEAD"):
                    request.setHeader("Allow", "GET, HEAD")
                    _refuse(request, 405, "only GET and HEAD")
                else:
                    spawn(self._endpoint.serve(request, name.lower()))
            case _:
                _refuse(request, 404, "there is /v1/applications/NAME/certificate")
        return NOT_DONE_YET


def _refuse(request: Request, code: int, message: str) -> None:
    request.setResponseCode(code)
    request.setHeader("Content-Type", "application/json")
    data = json.dumps({"error": message}).encode() + b"\n"
    request.setHeader("Content-Length", str(len(data)))
    if request.method != b"HEAD":
        request.write(data)
    request.finish()


def _argument(request: Request, name: bytes) -> str | None:
    values = (request.args or {}).get(name)
    return values[0].decode("utf-8", "replace") if values else None


def _tag(certificate: Certificate, format_: str) -> str:
    """Return the entity tag: another one for another chain, and for another format."""
    return f'"{certificate.facts.bundle[:40]}-{format_}"'


def _has(request: Request, certificate: Certificate, format_: str) -> bool:
    known = request.getHeader("If-None-Match") or ""
    tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
    return "*" in tags or _tag(certificate, format_) in tags


def _wanted_wait(request: Request) -> int:
    found = _WAIT.search(request.getHeader("Prefer") or "")
    return min(int(found[1]), MAX_WAIT) if found else 0
