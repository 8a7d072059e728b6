"""What the first line of a request names: a path, a query, and perhaps the authority.

    /api/v1/history?limit=5                        the form of most requests
    http://dns.shop.example/api/v1/history         with the authority, as proxies get it
    *                                              the server as a whole, of OPTIONS

Percent-encoding is removed here and nowhere else, and what could be read in two ways is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from failoverdns.web.problems import of_http

MAX_TARGET: Final = 8192
"""Bytes of a path with its query (RFC 9112 section 3 recommends 8000 at least)."""

MAX_PARAMETERS: Final = 1000
"""Parameters in a query."""

_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SCHEME: Final = re.compile(r"https?://([^/?#]*)", re.ASCII | re.I)


@dataclass(frozen=True, slots=True)
class Target:
    """What the first line of a request names; `authority` only if it names that, too."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    authority: str | None = None


def read_target(target: bytes) -> Target:
    """Return what the target of a request names (RFC 9112 section 3.2); raises Problem."""
    if len(target) > MAX_TARGET:
        raise of_http(414, f"a path with its query has at most {MAX_TARGET} bytes")
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError:
        raise of_http(400, "a path is ASCII: write other characters as %XX of UTF-8") from None
    if text == "*":
        return Target("*")
    absolute = _SCHEME.match(text)
    authority = absolute[1] if absolute is not None else None
    if absolute is not None:
        text = text[absolute.end() :]
        text = text if text.startswith("/") else "/" + text
    if not text.startswith("/"):
        raise of_http(400, "a path begins with /")
    if "#" in text:
        raise of_http(400, "a fragment (#...) is not sent to a server")
    path, _, query = text.partition("?")
    parts = [_decoded(part, "the path") for part in path.split("/")]
    if any("/" in part for part in parts):
        raise of_http(400, "the path has a / that is written as %2F")
    return Target("/".join(parts), _parameters(query), authority)


def _decoded(part: str, what: str) -> str:
    """Return text without percent-encoding; raises Problem for what no client should send."""
    raw = part.encode("ascii")
    if _ESCAPE.search(raw):
        raise of_http(400, f"{what} has a % that two hex digits do not follow")
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise of_http(400, f"{what} is not UTF-8") from None
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise of_http(400, f"{what} has a control character")
    return text


def _parameters(query: str) -> tuple[tuple[str, str], ...]:
    if not query:
        return ()
    parts = query.split("&", MAX_PARAMETERS)
    if len(parts) > MAX_PARAMETERS:
        raise of_http(414, f"a query has at most {MAX_PARAMETERS} parameters")
    found = []
    for part in parts:
        name, _, value = part.replace("+", " ").partition("=")
        if name or value:
            found.append((_decoded(name, "the query"), _decoded(value, "the query")))
    return tuple(found)
