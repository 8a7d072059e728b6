"""One HTTP request of a probe and its response, without a socket: what to send, how to judge it.

    target -> HttpExchange.request -> (the response, piece by piece) -> Verdict | Redirect

A redirect is followed only to the same head: the same scheme and port, and the host that was
asked for, another name of the target, or its address.  A redirect elsewhere is a failure
(`Cause.STATUS`): a head that redirects everybody to a maintenance page is not up because that is.

`body` and `body_pattern` are searched for in UTF-8.  The pattern runs once, when `MAX_BODY` bytes
or the whole body are there; RE2 takes time in proportion to the body for any pattern, where
Python's `re` can take minutes.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

import re2

from failoverdns import __version__
from failoverdns.model.errors import Malformed
from failoverdns.model.health import MAX_BODY, Cause, HttpExpectation, ProbeTarget
from failoverdns.model.names import is_address
from failoverdns.model.printable import printable
from failoverdns.probing.exchange import Redirect
from failoverdns.probing.responses import ResponseReader
from failoverdns.probing.verdict import ProbeVerdict

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_KEEP_METHOD: Final = frozenset((307, 308))
_SAFE: Final = "%/:=&?~+!$,;'@()*[]"
"""Characters that a path may have unquoted, besides letters, digits and `_.-`."""


class HttpExchange:
    """One HTTP request, and its response as the bytes arrive."""

    __slots__ = (
        "_followed",
        "_host",
        "_method",
        "_path",
        "_reader",
        "_searched",
        "_target",
        "request",
        "server_name",
    )

    def __init__(
        self,
        target: ProbeTarget,
        *,
        method: str | None = None,
        host: str | None = None,
        server_name: str | None = None,
        path: str | None = None,
        followed: int = 0,
    ) -> None:
        """Request what the target's check says, or `path` after `followed` redirects.

        `server_name` goes with `host`.
        """
        expected = target.check.http
        self._target = target
        self._method = method or expected.method
        self._host = host or expected.host or _host(target)
        self._path = path or expected.path
        self._followed = followed
        wants_body = expected.body is not None or expected.body_pattern is not None
        self._reader = ResponseReader(wants_body=wants_body and self._method != "HEAD")
        self._searched = 0
        self.request = _request(self._method, self._host, self._path)
        """The bytes of the request."""
        self.server_name = target.server_name if host is None else server_name

    @property
    def stage(self) -> str:
        """What the probe waits for, in words."""
        reader = self._reader
        if reader.status is not None:
            return f"reading the body, {len(reader.body)} bytes so far"
        return "waiting for the response" + (" after an interim one" if reader.interim else "")

    def receive(self, data: bytes) -> ProbeVerdict | Redirect | None:
        """Take the next bytes, empty at the end; return the verdict or redirect once known."""
        reader = self._reader
        try:
            if data:
                reader.feed(data)
            else:
                reader.finish()
        except Malformed as fault:
            # A result that was clear before the fault stays, however the bytes were split.
            clear = None if reader.status is None else self._judge()
            return clear or ProbeVerdict(Cause.PROTOCOL, str(fault))
        return None if reader.status is None else self._judge()

    def _judge(self) -> ProbeVerdict | Redirect | None:
        """Return the verdict or redirect for the response so far; None if more has to be read."""
        reader, expected = self._reader, self._target.check.http
        if (
            reader.status in _REDIRECTS
            and self._followed < expected.redirects
            and reader.location is not None
        ):
            return self._follow(reader.location)
        verdict = self._judge_status()
        if verdict is not None:
            return verdict
        if expected.body is None and expected.body_pattern is None:
            return ProbeVerdict(None, f"status {reader.status}")
        return self._judge_body(expected)

    def _judge_status(self) -> ProbeVerdict | None:
        """Return the verdict if the status is not an expected one, else None."""
        expected, status = self._target.check.http, self._reader.status
        assert status is not None
        if any(low <= status <= high for low, high in expected.status):
            return None
        wanted = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in expected.status)
        detail = f"status {status} where {wanted} is wanted"
        if self._followed:
            detail += f", after {self._followed} redirect{'s' if self._followed > 1 else ''}"
        if status in _REDIRECTS and self._reader.location is not None:
            detail += f"; it redirects to {printable(self._reader.location)}"
        return ProbeVerdict(Cause.STATUS, detail)

    def _judge_body(self, expected: HttpExpectation) -> ProbeVerdict | None:
        reader = self._reader
        if expected.body is not None:
            text = expected.body.encode()
            found = reader.body.find(text, self._searched)
            if found < 0:
                self._searched = max(0, len(reader.body) - len(text) + 1)
                if not reader.ended:
                    return None
                return ProbeVerdict(
                    Cause.BODY, f"{expected.body[:80]!r} is not in {self._looked_at()}"
                )
            self._searched = found
        if expected.body_pattern is not None:
            if not reader.ended:
                return None
            pattern = _compiled(expected.body_pattern)
            if pattern is None:
                return ProbeVerdict(
                    Cause.BODY, f"{expected.body_pattern[:80]!r} is not a regular expression"
                )
            if pattern.search(reader.body.decode("utf-8", "replace")) is None:
                name = expected.body_pattern[:80]
                return ProbeVerdict(Cause.BODY, f"{name!r} does not match in {self._looked_at()}")
        return ProbeVerdict(None, f"status {reader.status}")

    def _looked_at(self) -> str:
        """Name the part of the body that was searched."""
        size = len(self._reader.body)
        if size >= MAX_BODY:
            return f"the first {MAX_BODY} bytes of the body"
        return f"the body of {size} bytes" if size else "the body, which is empty"

    def _follow(self, location: str) -> ProbeVerdict | Redirect:
        target, kind = self._target, self._target.check.kind
        base = f"{kind.value}://{self._host}{self._path}"
        try:
            here, url = urlsplit(base), urlsplit(urljoin(base, location))
            ports = {here.port or kind.default_port, target.check.port}
            is_same_port = (url.port or kind.default_port) in ports
        except ValueError:
            return ProbeVerdict(Cause.STATUS, f"redirects to an invalid URL: {printable(location)}")
        hosts = {here.hostname, str(target.address), *map(str.lower, target.names)}
        if url.scheme != kind.value or url.hostname not in hosts or not is_same_port:
            return ProbeVerdict(
                Cause.STATUS,
                f"status {self._reader.status} redirects elsewhere, to {printable(location)}: "
                "not followed",
            )
        keeps_host = url.hostname == here.hostname
        named = self.server_name if keeps_host else url.hostname
        keeps_method = self._reader.status in _KEEP_METHOD or self._method == "HEAD"
        return Redirect(
            HttpExchange(
                target,
                method=self._method if keeps_method else "GET",
                host=self._host if keeps_host else url.netloc,
                server_name=named if named is not None and not is_address(named) else None,
                path=_quoted(url.path or "/") + (f"?{_quoted(url.query)}" if url.query else ""),
                followed=self._followed + 1,
            )
        )


def _quoted(text: str) -> str:
    """Return a part of a URL (latin-1) with the characters quoted that a request may not have."""
    return quote(text, _SAFE, encoding="latin-1", errors="replace")


def _request(method: str, host: str, path: str) -> bytes:
    length = "Content-Length: 0\r\n" if method in ("POST", "PUT", "PATCH") else ""
    return (
        f"{method} {path} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        f"User-Agent: failoverdns/{__version__}\r\n"
        "Accept: */*\r\n"
        "Accept-Encoding: identity\r\n"
        f"{length}"
        "Connection: close\r\n\r\n"
    ).encode()


def _host(target: ProbeTarget) -> str:
    """Return the Host field: the target's server name or its address, and the port if need be."""
    check = target.check
    host = target.server_name
    if host is None:
        address = target.address
        host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    return host if check.port == check.kind.default_port else f"{host}:{check.port}"


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    """Compile a pattern once; None if it is invalid, which the configuration should have refused.

    `^` and `$` match at the ends of each line: a body usually ends with a newline.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"(?m){pattern}", options)
    except re2.error:
        return None
