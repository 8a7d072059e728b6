"""HTTPS to a peer that may send without end: every response is bounded in time and in size.

The bounds are enforced where bytes come out of TLS, so they hold for slow headers too.
The session sends nothing over `http://`.
Compressed responses are refused, because a small one could become a large one.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from typing import Any, Final, cast

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError
from requests.utils import get_environ_proxies

from failoverdns.regular_files import require_regular

MAX_ANSWER: Final = 1024 * 1024
"""Bytes of a response, headers included, at most."""

MAX_RETRY_AFTER: Final = 30 * 86400.0
"""Seconds; a longer Retry-After counts as this."""

_MAX_REDIRECTS = 3
_SLICE = 1.0


class Clock:
    """A clock, in seconds, for waiting for a CA; the bounds of a request use real time."""

    def seconds(self) -> float:
        """Return the time of a monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float, stopped: Event) -> None:
        """Wait for a number of seconds, or until `stopped` is set."""
        stopped.wait(seconds)


class BoundedHttps(HTTPAdapter):
    """Sends one request at a time over HTTPS, each within `timeout` seconds.

    After a request, `asked` is its URL, `retry_after` the seconds of Retry-After in the response,
    and `cut_off` the reason why the request was cut off here, None if it was not.
    """

    def __init__(self, ca_file: Path | None, timeout: float) -> None:
        """Trust `ca_file` only, or the system's CAs if it is None.

        Raises OSError (or SSLError), and Malformed if it is not a regular file.
        """
        self.timeout = timeout
        self._deadline = 0.0
        self.asked = ""
        self.retry_after: float | None = None
        self._stopped = Event()
        self._context = _Context(self._stopped)
        if ca_file is None:
            self._context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        else:
            require_regular(ca_file)
            self._context.load_verify_locations(ca_file)
        super().__init__()

    @property
    def cut_off(self) -> str | None:
        """Why the last request was cut off; None if it was not."""
        return self._context.cut_off

    def mount_alone(self, session: Session) -> None:
        """Make a session send everything through this, only `https://`, and without passwords."""
        session.adapters.clear()
        session.mount("https://", self)
        session.max_redirects = _MAX_REDIRECTS
        session.trust_env = False  # else the passwords in .netrc go wherever the CA leads
        session.headers["Accept-Encoding"] = "identity"

    def begin(self, seconds: float) -> None:
        """Begin a series of requests that together may take this many seconds."""
        self._deadline = time.monotonic() + seconds
        self.asked, self.retry_after, self._context.cut_off = "", None, None

    def wait(self, seconds: float, clock: Clock) -> None:
        """Wait, or return early if stopped: then the next request fails."""
        clock.wait(seconds, self._stopped)

    def stop(self) -> None:
        """Stop for good, from another thread: a wait at once, a request within seconds."""
        self._stopped.set()

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: object = True,
        cert: object = None,
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """Send a request within the bounds; its own arguments for trust, time, proxy are ignored.

        The proxy is the environment's (`https_proxy`, `no_proxy`).

        Raises the exceptions of requests, and TimeoutError if no time is left.
        """
        self.asked, self.retry_after = request.url or "", None
        now = time.monotonic()
        seconds = min(self.timeout, self._deadline - now)
        self._context.begin(now + seconds, self.timeout)
        through = get_environ_proxies(self.asked)
        response = super().send(request, stream, seconds, True, None, through)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()
            raise ContentDecodingError("compressed, which was not asked for")
        self.retry_after = _seconds(response.headers)
        return response

    def close(self) -> None:
        """Close all connections now; urllib3 would wait until no response is referenced."""
        for key in list(self.poolmanager.pools.keys()):
            pool = self.poolmanager.pools.get(key)
            if pool is not None:
                pool.close()
        super().close()

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **others: Any
    ) -> None:
        """Use sockets that enforce the bounds."""
        others["ssl_context"] = self._context
        super().init_poolmanager(connections, maxsize, block, **others)

    def proxy_manager_for(self, proxy: str, **others: Any) -> Any:
        """Use sockets that enforce the bounds, through a proxy of the environment."""
        others["ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **others)

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:
        """Trust the CAs of the context, and not those that requests ships."""
        conn.cert_reqs = "CERT_REQUIRED"
        conn.ca_certs = conn.ca_cert_dir = None


class _Context(ssl.SSLContext):
    """A TLS context, and the time and bytes left for the current request."""

    stopped: Event
    cut_off: str | None

    def __new__(cls, stopped: Event) -> _Context:
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.sslsocket_class = _Socket
        context.stopped, context.cut_off = stopped, None
        return context

    def begin(self, until: float, timeout: float) -> None:
        """Begin a request that may last until a monotonic time. Raises TimeoutError."""
        self._until, self._left, self._timeout = until, MAX_ANSWER, timeout
        self.cut_off = None
        self.seconds()

    def seconds(self) -> float:
        """Return how long to wait for the next bytes. Raises TimeoutError when time is up."""
        seconds = self._until - time.monotonic()
        if self.stopped.is_set():
            self.cut_off = "broken off: this server is being stopped"
        elif seconds <= 0:
            self.cut_off = f"no whole answer in time ({self._timeout:g} seconds for a request)"
        if self.cut_off is not None:
            raise TimeoutError(self.cut_off)
        return min(seconds, _SLICE)

    def take(self, count: int) -> None:
        """Count received bytes. Raises OSError when there are too many."""
        self._left -= count
        if self._left < 0:
            self.cut_off = f"an answer of more than {MAX_ANSWER} bytes"
            raise OSError(self.cut_off)


class _Socket(ssl.SSLSocket):
    """A TLS socket that asks its context before it waits for bytes."""

    # typeshed has `read` in two forms, of which recv_into() uses the one with a buffer
    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        context = cast(_Context, self.context)
        before = self.gettimeout()
        try:
            while True:  # until there is no time left
                self.settimeout(context.seconds())
                try:
                    got: Any = super().read(len, buffer)
                    break
                except TimeoutError:
                    continue
        finally:
            self.settimeout(before)
        context.take(got if isinstance(got, int) else memoryview(got).nbytes)
        return got


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Return a Retry-After (RFC 9110 section 10.2.3) in seconds from now; None without one."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:20]), MAX_RETRY_AFTER)
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, ArithmeticError, OSError):
        return None
    return min(max(at - time.time(), 0.0), MAX_RETRY_AFTER)
