"""The pull endpoint: web heads fetch their application's certificate and key over HTTPS.

    GET /v1/applications/NAME/certificate[?format=pem|caddy|traefik]

TLS 1.3 with client certificates; the configuration says which client may fetch what, and every
fetch is recorded before its first byte is sent.  `ETag` and `If-None-Match` (RFC 9110 section 13)
say whether there is a new certificate, `Prefer: wait=SECONDS` (RFC 7240 section 4.3) waits for one.
A client that has waited is checked again, since its permissions can have changed.
Does not know how an application got its certificate: the rules decide that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from failoverdns.delivery.fields import ANY_TAG, entity_tags, wait_preference
from failoverdns.delivery.formats import CADDY, FORMATS, PEM, write_body
from failoverdns.delivery.one_request import OneRequest, OneRequestSite
from failoverdns.model.application import Application
from failoverdns.model.certificate import Certificate
from failoverdns.model.change import Change
from failoverdns.model.delivery import Fetch
from failoverdns.model.errors import Corrupt
from failoverdns.model.printable import printable
from failoverdns.net.spawning import spawn
from failoverdns.pki.peer_certificates import identities
from failoverdns.rules.derived.view import View
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable
from failoverdns.tallies import Tally

MAX_WAIT: Final = 300
"""Seconds that a client may wait for a new certificate, at most."""

EVERY = "*"

log = Logger()
PullClients = Mapping[str, frozenset[str]]
"""The applications (by name; `*` for all) that each client (DNS name or fingerprint) may fetch."""


@dataclass(frozen=True, slots=True)
class _Client:
    """A client: its names and fingerprint, its address, and the application (name) it asks for."""

    names: tuple[str, ...]
    address: str
    wanted: str


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A client that waits until its application has another chain and key than this one."""

    client: _Client
    application: str
    bundle: str | None
    over: Deferred[None]


class Endpoint:
    """Answers web heads; `state` returns the current state, `now` seconds since 1970."""

    def __init__(
        self,
        state: Callable[[], View],
        store: Store,
        clients: PullClients,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> None:
        self._clients = clients
        self._state = state
        self._store = store
        self._clock = clock
        self._now = now
        self._waiting: set[_Waiting] = set()
        self.answers = Tally(1)
        """Requests by the status of their response; `gone` if the client has left before."""

    def site(self) -> Site:
        """Return the HTTP server."""
        return OneRequestSite(_Root(self), self._clock)

    def adopt(self, clients: PullClients) -> None:
        """Replace the permitted clients; refuse waiting ones that are not permitted any more."""
        self._clients = clients
        for waiting in list(self._waiting):
            if self._admitted(waiting.client) is None:
                self._release(waiting)

    def announce(self, change: Change) -> None:
        """Answer the waiting clients whose certificate a change replaced or removed."""
        for waiting in list(self._waiting):
            if waiting.application in change.subjects:
                application = self._state().application(waiting.application)
                if application is None or self._bundle(application) != waiting.bundle:
                    self._release(waiting)

    def close(self) -> None:
        """Answer all waiting clients."""
        for waiting in list(self._waiting):
            self._release(waiting)

    async def serve(self, request: OneRequest, name: str) -> None:
        """Answer a request for the certificate of the application called `name`."""
        try:
            await self._serve(request, name)
        except Exception:
            log.failure("a defect in failoverdns: a fetch of {name!r} failed", name=name)
            request.refuse(500, "the server failed; see its log")
        self.answers.add("gone" if request.is_gone else str(request.code))

    async def _serve(self, request: OneRequest, name: str) -> None:
        format_ = request.argument(b"format") or PEM
        if format_ not in FORMATS:
            request.refuse(400, f"format must be one of {', '.join(FORMATS)}")
            return
        client = _client(request, name)
        known_as = self._admitted(client)
        application = self._state().application_named(name)
        if application is not None and known_as is not None:
            await self._wait(request, client, application, format_)
            known_as = self._admitted(client)
            application = self._state().application(application.id)
        if known_as is None:
            log.warn(
                "delivery: {name} from {address} may not fetch {application!r}",
                name=printable(client.names[0]) if client.names else "?",
                address=client.address,
                application=name,
            )
            request.refuse(403, "this client certificate may not fetch this application's")
            return
        if application is None:
            request.refuse(404, "there is no such application")
            return
        certificate = self._state().certificate(application.id)
        if certificate is None and format_ == CADDY:  # an error would fail the handshake there
            request.reply(204)
        elif certificate is None:
            request.refuse(404, f"application {application.name} has no certificate")
        elif _has(request, certificate, format_):
            request.reply(304, fields={"ETag": _tag(certificate, format_)})
        else:
            await self._send(request, client, known_as, application, certificate, format_)

    async def _send(
        self,
        request: OneRequest,
        client: _Client,
        known_as: str,
        application: Application,
        certificate: Certificate,
        format_: str,
    ) -> None:
        facts, tag = certificate.facts, {"ETag": _tag(certificate, format_)}
        try:
            bundle = await self._store.bundle(facts.bundle)
            if bundle is None:
                request.refuse(503, "the certificate was replaced just now; ask again")
                return
            body = write_body(format_, bundle, facts.names, request.argument(b"server_name"))
            if body.text is None:
                request.reply(204, fields=tag)
                return
            if request.method == b"HEAD":  # no key is sent
                request.reply(200, body.text.encode(), {"Content-Type": body.media_type, **tag})
                return
            if request.is_gone:
                return
            who = (known_as, client.address, facts.fingerprint, format_)
            await self._store.record_fetch(Fetch(self._now(), application.id, *who))
        except (Unavailable, OutcomeUnknown, Corrupt) as fault:
            log.error("delivery to {client}: {fault}", client=known_as, fault=str(fault))
            request.refuse(503, "the certificate cannot be read now; see the server's log")
            return
        log.info(
            "delivery: {client} from {address} fetched {application} {fingerprint}",
            client=known_as,
            address=client.address,
            application=application.name,
            fingerprint=facts.fingerprint[:16],
        )
        request.reply(200, body.text.encode(), {"Content-Type": body.media_type, **tag})

    async def _wait(
        self, request: OneRequest, client: _Client, application: Application, format_: str
    ) -> None:
        """Wait, if the client prefers that, until there is a certificate that it does not have."""
        seconds = min(wait_preference(request.field(b"Prefer")), MAX_WAIT)
        certificate = self._state().certificate(application.id)
        is_new = certificate is not None and not _has(request, certificate, format_)
        if not seconds or is_new:
            return
        request.responseHeaders.setRawHeaders("Preference-Applied", [f"wait={seconds}"])
        waiting = _Waiting(client, application.id, self._bundle(application), Deferred())
        self._waiting.add(waiting)
        timer = self._clock.callLater(seconds, self._release, waiting)
        request.notifyFinish().addBoth(lambda _: self._release(waiting))
        await waiting.over
        if timer.active():
            timer.cancel()

    def _release(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            self._waiting.discard(waiting)
            waiting.over.callback(None)

    def _admitted(self, client: _Client) -> str | None:
        """Return the configured name of a client, or None if it may not fetch what it asks for."""
        for name in client.names:
            if {EVERY, client.wanted} & self._clients.get(name, frozenset()):
                return name
        return None

    def _bundle(self, application: Application) -> str | None:
        certificate = self._state().certificate(application.id)
        return certificate.facts.bundle if certificate is not None else None


class _Root(Resource):
    """The root resource: serves the one path, and 404 for all others."""

    isLeaf = True  # noqa: N815

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._endpoint = endpoint

    def render(self, request: OneRequest) -> int:
        """Answer a request."""
        request.responseHeaders.setRawHeaders("Cache-Control", ["no-store, private"])
        request.responseHeaders.setRawHeaders("Server", ["failoverdns"])
        path = [part.decode("utf-8", "replace") for part in request.postpath or ()]
        match path:
            case ["v1", "applications", name, "certificate"]:
                if request.method not in (b"GET", b"HEAD"):
                    request.refuse(405, "only GET and HEAD", {"Allow": "GET, HEAD"})
                else:
                    spawn(self._endpoint.serve(request, name.lower()))
            case _:
                request.refuse(404, "there is /v1/applications/NAME/certificate")
        return NOT_DONE_YET


def _client(request: OneRequest, wanted: str) -> _Client:
    certificate, address = request.shown()
    names = identities(certificate.to_cryptography()) if certificate is not None else ()
    return _Client(names, address, wanted)


def _tag(certificate: Certificate, format_: str) -> str:
    """Return the entity tag: it differs for another chain or another format."""
    return f'"{certificate.facts.bundle[:40]}-{format_}"'


def _has(request: OneRequest, certificate: Certificate, format_: str) -> bool:
    known = entity_tags(request.field(b"If-None-Match"))
    return bool({ANY_TAG, _tag(certificate, format_)} & known)
