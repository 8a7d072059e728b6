"""Requests of HTTP/1.1 as bytes."""

from __future__ import annotations

from web_in_memory import Web

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
SWITCH = b'{"groups": ["a"]}'


def bearer(web: Web) -> bytes:
    """Return the header field of the token."""
    return b"Authorization: Bearer " + web.token.text.encode() + b"\r\n"


def post(web: Web, *lines: bytes, body: bytes = b"") -> bytes:
    """Return a request to switch."""
    fields = b"".join(line + b"\r\n" for line in lines)
    return b"POST /api/v1/switch HTTP/1.1\r\n" + HOST + JSON + bearer(web) + fields + b"\r\n" + body


def get(path: bytes, *lines: bytes) -> bytes:
    """Return a request to read."""
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"".join(x + b"\r\n" for x in lines) + b"\r\n"


def chunked(body: bytes) -> bytes:
    """Return a body in one chunk."""
    return b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
