"""What happened on the way of certificates and events to web heads and programs.

Refuses to know how either is delivered.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fetch:
    """A web head got an application's certificate and key.

    `time` in seconds since 1970; `application` is its id; `client` is the name or fingerprint
    that the client certificate was known by; `address` is where it came from.
    """

    time: float
    application: str
    client: str
    address: str
    fingerprint: str
    format: str


@dataclass(frozen=True, slots=True)
class HookProgress:
    """How far a hook has come: it has been told of every change up to `revision`.

    `time` (seconds since 1970) is that of its last run, None if there was none; `output` is the
    end of what it printed.
    `failed` is what it failed to be told, such as `certificate shop-eu`, and `problem` why: both
    stay until it was told of that again and succeeded, and `output` is from that run meanwhile.
    """

    revision: int
    time: float | None = None
    failed: str | None = None
    problem: str | None = None
    output: str = ""
