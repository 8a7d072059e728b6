"""A small ACME directory over HTTPS on loopback, with features that Debian's pebble lacks.

These are renewal information, profiles, `replaces`, rate limits, and faults on demand.  The
directory checks nonces, URLs and signatures and issues each certificate that is asked for.  It
validates challenges at once, or with queries to a DNS server if `dns` is set.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import secrets
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.message
import dns.query
from acme import jws
from authority import DAY, Authority, make_authority
from cryptography import x509
from josepy import jwa, jwk

ERROR = "urn:ietf:params:acme:error:"


@dataclass
class Reply:
    """An HTTP response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


Fault = Reply | Callable[[BaseHTTPRequestHandler], None]
"""A response to send instead of the proper one, or a function that takes over the connection."""


class Refused(Exception):
    """A problem document (RFC 7807)."""

    def __init__(
        self, status: int, kind: str, detail: str, /, headers: Any = None, **more: Any
    ) -> None:
        super().__init__(detail)
        document = {"type": f"{ERROR}{kind}", "detail": detail, "status": status, **more}
        self.reply = Reply(status, json.dumps(document).encode(), dict(headers or {}))
        self.reply.headers["Content-Type"] = "application/problem+json"


@dataclass
class PlacedOrder:
    """An order as the client placed it, and its progress."""

    number: int
    names: list[str]
    profile: str | None
    replaces: str | None
    tokens: list[str]
    errors: dict[int, dict[str, Any]] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)
    chain: str | None = None
    waits: int = 0


class LocalDirectory:
    """The directory; tests set its attributes at any time and read the requests that it got."""

    def __init__(self, folder: Path) -> None:
        self.authority = make_authority("Local Directory")
        self.ca_file, chain, private = write_https(folder)
        self.dns: int | None = None
        self.window: tuple[float, float] | None = None
        self.retry_after: str | None = None
        self.profiles: dict[str, str] | None = None
        self.binding: tuple[str, str] | None = None
        self.refuse_replaces = False
        self.lifetime = 90 * DAY
        self.ahead = 0.0
        """Seconds by which its clock is ahead, and thus the validity of issued certificates."""
        self.forged: str | None = None
        """Text to send as every chain, in place of the issued one."""
        self.validating = self.processing = 0
        self.orders: list[PlacedOrder] = []
        self.accounts: dict[str, tuple[jwk.JWK, list[str]]] = {}
        self.seen: list[str] = []
        self.agents: set[str] = set()
        self.passwords: list[str] = []
        """The Authorization header fields that were sent here, which should be none."""
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._nonces: set[str] = set()
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, private)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.base = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        """The URL of the directory object (RFC 8555 section 7.1.1)."""
        return f"{self.base}/directory"

    def __enter__(self) -> LocalDirectory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def fail(self, path: str, *faults: Fault) -> None:
        """Answer the next requests for `/path`, or a path below it, with one fault each."""
        self._faults[path].extend(faults)

    def forgive(self) -> None:
        """Drop all faults that have not happened yet."""
        self._faults.clear()

    def answer(self, method: str, path: str, body: bytes) -> Fault:
        """Return the response to a request, or the fault to apply to its connection."""
        first = path.split("/")[1]
        with self._lock:
            self.seen.append(f"{method} {path}")
            if self._faults[first]:
                fault = self._faults[first].popleft()
                if not isinstance(fault, Reply):
                    return fault
                reply = replace(fault, headers=dict(fault.headers))
            else:
                reply = self._answer(method, path, body)
            nonce = secrets.token_urlsafe(16)
            self._nonces.add(nonce)
            reply.headers.setdefault("Replay-Nonce", nonce)
            return reply

    def _answer(self, method: str, path: str, body: bytes) -> Reply:
        try:
            return self._post(path, body) if method == "POST" else self._page(path)
        except Refused as refusal:
            return refusal.reply

    def _page(self, path: str) -> Reply:
        first = path.split("/")[1]
        if first == "directory":
            names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "orders"}
            found: dict[str, Any] = {k: f"{self.base}/{v}" for k, v in names.items()}
            found["meta"] = {"externalAccountRequired": self.binding is not None}
            if self.profiles is not None:
                found["meta"]["profiles"] = self.profiles
            if self.window is not None:
                found["renewalInfo"] = f"{self.base}/renewal"
            return document(found)
        if first == "renewal" and self.window is not None:
            start, end = (instant(at) for at in self.window)
            return document({"suggestedWindow": {"start": start, "end": end}}, self._later())
        if first == "nonce":
            return Reply(200, b"")
        raise Refused(404, "malformed", f"{path} does not exist")

    def _post(self, path: str, body: bytes) -> Reply:
        signed = jws.JWS.json_loads(body)
        header = signed.signature.combined
        nonce = base64.urlsafe_b64encode(header.nonce or b"").decode().rstrip("=")
        if nonce not in self._nonces:
            raise Refused(400, "badNonce", "the nonce is unknown or was used already")
        self._nonces.remove(nonce)
        if header.url != self.base + path:
            raise Refused(401, "unauthorized", "signed for another URL")
        key, _ = (header.jwk, []) if header.jwk else self.accounts.get(header.kid, (None, []))
        if key is None or (header.jwk is not None) != (path == "/account"):
            raise Refused(400, "accountDoesNotExist", "the account does not exist")
        if not signed.verify(key):
            raise Refused(401, "unauthorized", "the signature is invalid")
        payload = json.loads(signed.payload) if signed.payload else None
        if path == "/account":
            return self._account(key, payload)
        if path == "/orders":
            return self._place(payload)
        try:
            what, number, *rest = path[1:].split("/")
            order = self.orders[int(number)]
        except (ValueError, IndexError):
            raise Refused(404, "malformed", "no such order") from None
        steps = {"order": self._order, "finalize": self._finalize, "chain": self._chain}
        if what in steps:
            return steps[what](order, payload)
        return self._authorization(order, int(rest[0]), what == "challenge", key)

    def _account(self, key: jwk.JWK, payload: Any) -> Reply:
        uri = f"{self.base}/account/{key.thumbprint().hex()}"
        assert payload.get("termsOfServiceAgreed") is True
        if uri in self.accounts:
            return document({"status": "valid"}, {"Location": uri}, 200)
        if self.binding is not None:
            bound = payload.get("externalAccountBinding")
            secret = base64.urlsafe_b64decode(self.binding[1] + "==")
            if (
                bound is None
                or (inner := jws.JWS.from_json(bound)).signature.combined.kid != self.binding[0]
                or inner.signature.combined.alg != jwa.HS256
                or not inner.verify(jwk.JWKOct(key=secret))
                or jwk.JWK.from_json(json.loads(inner.payload)) != key
            ):
                raise Refused(401, "externalAccountRequired", "not bound to a known account")
        self.accounts[uri] = key, payload.get("contact", [])
        return document({"status": "valid"}, {"Location": uri}, 201)

    def _place(self, payload: Any) -> Reply:
        if self.refuse_replaces and "replaces" in payload:
            raise Refused(409, "alreadyReplaced", "that certificate is replaced already")
        kinds = {i["value"]: i["type"] for i in payload["identifiers"]}
        for name, kind in kinds.items():
            assert kind == ("ip" if is_address(name) else "dns")
        names = list(kinds)
        tokens = [secrets.token_urlsafe(24) for _ in names]
        number = len(self.orders)
        profile, replaces = payload.get("profile"), payload.get("replaces")
        self.orders.append(PlacedOrder(number, names, profile, replaces, tokens))
        found = self._order(self.orders[-1], None)
        return Reply(201, found.body, {"Location": f"{self.base}/order/{number}"})

    def _order(self, order: PlacedOrder, payload: Any) -> Reply:
        state = "pending"
        if order.errors:
            state = "invalid"
        elif order.waits > 0:
            order.waits -= 1
            state = "pending" if order.chain is None else "processing"
        elif order.chain is not None:
            state = "valid"
        elif len(order.told) == len(order.names):
            state = "ready"
        found: dict[str, Any] = {
            "status": state,
            "identifiers": [{"type": "dns", "value": name} for name in order.names],
            "authorizations": [
                f"{self.base}/authorization/{order.number}/{i}" for i in range(len(order.names))
            ],
            "finalize": f"{self.base}/finalize/{order.number}",
        }
        if state == "valid":
            found["certificate"] = f"{self.base}/chain/{order.number}"
        return document(found, self._later())

    def _authorization(self, order: PlacedOrder, index: int, is_told: bool, key: jwk.JWK) -> Reply:
        name, token = order.names[index], order.tokens[index]
        if is_told and index not in order.told:
            order.told.add(index)
            order.waits = self.validating
            self._validate(order, index, f"{token}.{base64url(key.thumbprint())}")
        error = order.errors.get(index)
        state = "invalid" if error else "valid" if index in order.told else "pending"
        challenge = {
            "type": "dns-01",
            "url": f"{self.base}/challenge/{order.number}/{index}",
            "status": state,
            "token": token,
            **({"error": error} if error else {}),
        }
        identifier = {"type": "dns", "value": name.removeprefix("*.")}
        found = {"status": state, "identifier": identifier, "challenges": [challenge]}
        return document(challenge if is_told else found, self._later())

    def _validate(self, order: PlacedOrder, index: int, authorization: str) -> None:
        if self.dns is None:
            return
        wanted = base64url(hashlib.sha256(authorization.encode()).digest())
        name = f"_acme-challenge.{order.names[index].removeprefix('*.')}"
        query = dns.message.make_query(name, "TXT")
        answer = dns.query.udp(query, "127.0.0.1", 10, self.dns)
        seen = [b"".join(r.strings).decode() for s in answer.answer if s.rdtype == 16 for r in s]
        if wanted not in seen:
            detail = f"saw {seen} at {name}"
            order.errors[index] = {"type": f"{ERROR}incorrectResponse", "detail": detail}

    def _finalize(self, order: PlacedOrder, payload: Any) -> Reply:
        if len(order.told) < len(order.names) or order.chain is not None:
            raise Refused(403, "orderNotReady", "this order is not ready")
        request = x509.load_der_x509_csr(base64.urlsafe_b64decode(payload["csr"] + "=="))
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if {str(name.value) for name in found} != set(order.names):
            raise Refused(403, "badCSR", "the CSR has other names than the order")
        order.chain = self.authority.certify(request, self.lifetime, self.ahead - 3600)
        order.waits = self.processing
        return self._order(order, None)

    def _chain(self, order: PlacedOrder, payload: Any) -> Reply:
        headers = {"Content-Type": "application/pem-certificate-chain"}
        return Reply(200, (self.forged or order.chain or "").encode(), headers)

    def _later(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": self.retry_after}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        directory = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

            def do_GET(self) -> None:
                directory.agents.add(self.headers.get("User-Agent", ""))
                directory.passwords += self.headers.get_all("Authorization", [])
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                found = directory.answer(self.command, self.path, body)
                if isinstance(found, Reply):
                    self.reply(found)
                else:
                    found(self)

            do_POST = do_HEAD = do_GET  # noqa: N815

            def reply(self, found: Reply) -> None:
                self.send_response(found.status)
                for name, value in found.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in found.headers:
                    self.send_header("Content-Length", str(len(found.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(found.body)
                if "Content-Length" in found.headers:  # a fault, and perhaps a wrong length
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def document(value: Any, headers: dict[str, str] | None = None, status: int = 200) -> Reply:
    """Return a response with a JSON body."""
    head = {"Content-Type": "application/json", **(headers or {})}
    return Reply(status, json.dumps(value).encode(), head)


def refusal(status: int, kind: str, detail: str, /, headers: Any = None, **more: Any) -> Reply:
    """Return a response with a problem document (RFC 7807)."""
    return Refused(status, kind, detail, headers, **more).reply


def write_https(folder: Path) -> tuple[Path, Path, Path]:
    """Write the CA, chain and key of a server on 127.0.0.1; return their paths."""
    root = Authority("HTTPS on Loopback")
    ca_file = folder / "https-ca.pem"
    ca_file.write_text(root.pem)
    return ca_file, *root.issue("127.0.0.1").save(folder, "https")


def is_address(name: str) -> bool:
    """Return whether a name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def base64url(data: bytes) -> str:
    """Return bytes as base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def instant(at: float) -> str:
    """Return a Unix time in RFC 3339 format."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(at: float) -> str:
    """Return a Unix time in the date format of HTTP (RFC 9110 section 5.6.7)."""
    return formatdate(at, usegmt=True)
